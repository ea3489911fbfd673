// SPDX-License-Identifier: MIT
#include "traffic/datagram_batch.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "proto/packet.h"
#include "traffic/file_descriptor.h"

namespace paceline::traffic {
namespace {

constexpr SenderTime kNow{nanoseconds{123'456'789'012'345}};

/// Two UDP sockets over loopback, the second connected to the first.
struct Loopback {
  Loopback() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    const int buffer = 32 << 20;
    setsockopt(receiver.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    EXPECT_EQ(bind(receiver.get(), raw, size), 0);
    EXPECT_EQ(getsockname(receiver.get(), raw, &size), 0);
    EXPECT_EQ(connect(sender.get(), raw, size), 0);
  }

  /// Takes a whole super-packet at a time.
  void take_super_packets() {
    const int on = 1;
    ASSERT_EQ(setsockopt(receiver.get(), SOL_UDP, UDP_GRO, &on, sizeof on), 0);
  }

  std::vector<std::vector<std::uint8_t>> received() const {
    std::vector<std::vector<std::uint8_t>> packets;
    std::vector<std::uint8_t> bytes(65536);
    for (ssize_t size; (size = recv(receiver.get(), bytes.data(), bytes.size(), MSG_DONTWAIT)) >= 0;)
      packets.emplace_back(bytes.begin(), bytes.begin() + size);
    return packets;
  }

  FileDescriptor receiver{socket(AF_INET, SOCK_DGRAM, 0)};
  FileDescriptor sender{socket(AF_INET, SOCK_DGRAM, 0)};
};

void write_all(DatagramBatch& batch, std::uint32_t size, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) batch.write(i, size, 1000 + i, kNow, static_cast<std::int64_t>(i));
}

TEST(DatagramBatch, WritesEveryHeaderAndNothingElse) {
  for (const Batching batching : {Batching::several, Batching::offload}) {
    for (const std::uint32_t size : {18U, 64U, 1400U}) {
      for (const std::size_t count : {1UL, 2UL, 47UL, 99UL, 100UL}) {
        SCOPED_TRACE(testing::Message() << to_string(batching) << " " << count << " x " << size);
        const Loopback path;
        DatagramBatch batch(path.sender.get(), 77, size, batching, 100);
        write_all(batch, size, count);
        const auto handed = batch.send(count);
        EXPECT_EQ(handed.error, 0);
        EXPECT_EQ(handed.datagrams, count);
        EXPECT_EQ(batch.batching(), batching);
        const auto packets = path.received();
        ASSERT_EQ(packets.size(), count);
        for (std::size_t i = 0; i < count; ++i) {
          ASSERT_EQ(packets[i].size(), size);
          const auto header = packet::decode_header(packets[i]);
          ASSERT_TRUE(header.has_value());
          ASSERT_EQ(header->type, packet::Type::data);
          ASSERT_EQ(header->flow_id, 77U);
          ASSERT_EQ(header->sequence, 1000 + i);
          ASSERT_EQ(header->send_time, 123'456'789'012'345U);
          ASSERT_EQ(header->lateness, i);
          for (std::size_t at = packet::kHeaderSize; at < size; ++at) ASSERT_EQ(packets[i][at], 0);
        }
      }
    }
  }
}

TEST(DatagramBatch, OffloadSendsSuperPacketsThatFit) {
  Loopback path;
  path.take_super_packets();
  DatagramBatch small(path.sender.get(), 77, 64, Batching::offload, 128);
  write_all(small, 64, 128);
  EXPECT_EQ(small.send(128).datagrams, 128U);
  const auto packets = path.received();
  ASSERT_FALSE(packets.empty());
  EXPECT_GE(packets[0].size(), 64U * 64);  // Linux before 6.9 takes 64 segments
  EXPECT_EQ(packets.size(), packets[0].size() == 128 * 64 ? 1U : 2U);

  DatagramBatch large(path.sender.get(), 77, 1400, Batching::offload, 100);
  write_all(large, 1400, 100);
  EXPECT_EQ(large.send(100).datagrams, 100U);
  std::vector<std::size_t> sizes;
  for (const auto& packet : path.received()) sizes.push_back(packet.size());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{46 * 1400, 46 * 1400, 8 * 1400}));
}

TEST(DatagramBatch, DatagramsThatFillASuperPacketTravelAlone) {
  const Loopback path;
  constexpr std::uint32_t kSize = 65'507;
  DatagramBatch alone(path.sender.get(), 77, kSize, Batching::offload, 3);
  write_all(alone, kSize, 3);
  EXPECT_EQ(alone.send(3).datagrams, 3U);
  EXPECT_EQ(path.received().size(), 3U);
}

TEST(DatagramBatch, SizesMayVary) {
  for (const Batching batching : {Batching::several, Batching::offload}) {
    SCOPED_TRACE(to_string(batching));
    const Loopback path;
    DatagramBatch batch(path.sender.get(), 77, 1400, batching, 4);
    const std::vector<std::uint32_t> sizes{1400, 18, 700, 1400};
    for (std::size_t i = 0; i < sizes.size(); ++i) batch.write(i, sizes[i], 1000 + i, kNow, 0);
    EXPECT_EQ(batch.send(sizes.size()).datagrams, sizes.size());
    EXPECT_EQ(batch.batching(), Batching::several);  // a super-packet is cut into equal parts
    const auto packets = path.received();
    ASSERT_EQ(packets.size(), sizes.size());
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      EXPECT_EQ(packets[i].size(), sizes[i]);
      EXPECT_EQ(packet::decode_header(packets[i])->sequence, 1000 + i);
    }
  }
}

TEST(DatagramBatch, OneDatagramHasTheSizeItIsGiven) {
  const Loopback path;
  DatagramBatch batch(path.sender.get(), 77, 1400, Batching::single, 1);
  for (const std::uint32_t size : {900U, 18U, 1400U}) {
    batch.write(0, size, 1, kNow, 0);
    EXPECT_EQ(batch.send(1).datagrams, 1U);
    const auto packets = path.received();
    ASSERT_EQ(packets.size(), 1U);
    EXPECT_EQ(packets[0].size(), size);
  }
}

TEST(DatagramBatch, CarriesThePayload) {
  PacketFlowSpec flow;
  flow.payload = Payload::random;
  flow.seed = 5;
  flow.size = 100;
  const auto payload = PayloadBytes::of(flow);
  for (const Batching batching : {Batching::several, Batching::offload}) {
    const Loopback path;
    DatagramBatch batch(path.sender.get(), 77, 100, batching, 3, payload);
    write_all(batch, 100, 3);
    EXPECT_EQ(batch.send(3).datagrams, 3U);
    const auto packets = path.received();
    ASSERT_EQ(packets.size(), 3U);
    for (std::size_t i = 0; i < packets.size(); ++i) {
      std::vector<std::uint8_t> expected(100 - packet::kHeaderSize);
      payload->write(1000 + i, expected.size(), expected);
      EXPECT_EQ(std::vector(packets[i].begin() + packet::kHeaderSize, packets[i].end()), expected);
    }
  }
}

TEST(DatagramBatch, TellsWhyNothingLeft) {
  for (const Batching batching : {Batching::single, Batching::several, Batching::offload}) {
    const FileDescriptor unconnected(socket(AF_INET, SOCK_DGRAM, 0));
    DatagramBatch batch(unconnected.get(), 77, 64, batching, batching == Batching::single ? 1 : 8);
    write_all(batch, 64, 1);
    const auto handed = batch.send(1);
    EXPECT_EQ(handed.datagrams, 0U);
    EXPECT_EQ(handed.error, EDESTADDRREQ);
    EXPECT_EQ(batch.batching(), batching);
  }
}

TEST(DatagramBatch, WhatIsWorthwhileFits) {
  EXPECT_EQ(DatagramBatch::worthwhile(Batching::single, 64), 1U);
  EXPECT_EQ(DatagramBatch::worthwhile(Batching::several, 64), PacketFlowSpec::kMaxBatch);
  EXPECT_EQ(DatagramBatch::worthwhile(Batching::several, 65'507), 4U);
  EXPECT_EQ(DatagramBatch::worthwhile(Batching::offload, 64), PacketFlowSpec::kMaxBatch);
  EXPECT_EQ(DatagramBatch::worthwhile(Batching::offload, 1400), 46U);
  EXPECT_EQ(DatagramBatch::worthwhile(Batching::offload, 65'507), 1U);
}

}  // namespace
}  // namespace paceline::traffic
