// SPDX-License-Identifier: MIT
//
// Flows of records against a receiver, by a sender's raw moves, right or wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/unit/receiver/serving.h"
#include "traffic/record_stream.h"
#include "traffic/sctp.h"

namespace paceline::receiver {
namespace {

using testing::HasSubstr;
using traffic::kRecordLengthSize;

PacketFlowSpec records(std::uint32_t size = 100) {
  PacketFlowSpec spec;
  spec.transport = Transport::tcp;
  spec.rate_pps = 1000;
  spec.size = size;
  return spec;
}

std::vector<std::uint8_t> record(std::uint32_t flow_id, std::uint32_t sequence, std::uint32_t size = 100) {
  std::vector<std::uint8_t> bytes(kRecordLengthSize + size);
  traffic::write_record_length(size, bytes);
  packet::Header header;
  header.flow_id = flow_id;
  header.sequence = sequence;
  header.send_time = static_cast<std::uint64_t>(traffic::now<SenderClock>().time_since_epoch().count());
  packet::encode(header, std::span(bytes).subspan(kRecordLengthSize));
  return bytes;
}

void write_all(const traffic::FileDescriptor& fd, const std::vector<std::uint8_t>& bytes) {
  ASSERT_EQ(send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
}

/// A flow that runs, on one connection.
struct Running {
  Running(Serving& receiver, RawSender& sender, const PacketFlowSpec& spec = records())
      : offer(sender.offer(spec)), connection(dial(receiver.data_port, offer, 1)) {
    sender.start(offer.flow_id(), {1});
  }
  wire::FlowOffer offer;
  traffic::FileDescriptor connection;
};

TEST(RecordServeTest, WhatIsNoRecordEndsItsFlowAlone) {
  Serving receiver;
  RawSender bad_sender(receiver.port), good_sender(receiver.port);
  Running bad(receiver, bad_sender), good(receiver, good_sender);
  write_all(bad.connection, record(bad.offer.flow_id(), 0));
  write_all(bad.connection, std::vector<std::uint8_t>(50, 0xFF));
  EXPECT_EQ(read_to_end(bad.connection.get()).value_or(0), 0u);  // hung up on, or reset: unread bytes may remain
  const auto broken = wire::from_wire(bad_sender.finish(bad.offer.flow_id(), "as far as I got").result());
  EXPECT_FALSE(broken.complete);
  EXPECT_EQ(broken.received.packets, 1u);

  write_all(good.connection, record(good.offer.flow_id(), 0));
  write_all(good.connection, record(good.offer.flow_id(), 1));
  wire::Message done;
  done.mutable_flow_done()->set_flow_id(good.offer.flow_id());
  Sent sent;
  sent.packets = 2;
  wire::to_wire(sent, *done.mutable_flow_done()->mutable_sent());
  wire::to_wire(ClockResult{.verdict = ClockVerdict::same_host}, *done.mutable_flow_done()->mutable_clock());
  good_sender.send(done);
  const auto whole = wire::from_wire(good_sender.expect(wire::Message::kFlowSummary).flow_summary().result());
  EXPECT_TRUE(whole.complete) << whole.incomplete_reason;
  EXPECT_EQ(whole.received.packets, 2u);
  EXPECT_EQ(whole.received.bytes, 200u);
}

TEST(RecordServeTest, AConnectionThatBreaksGivesAPartialResultWithTheReason) {
  Serving receiver;
  RawSender sender(receiver.port);
  Running flow(receiver, sender);
  write_all(flow.connection, record(flow.offer.flow_id(), 0));
  const linger reset{1, 0};
  setsockopt(flow.connection.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  flow.connection = traffic::FileDescriptor();
  wire::Message done;
  done.mutable_flow_done()->set_flow_id(flow.offer.flow_id());
  Sent sent;
  sent.packets = 2;
  wire::to_wire(sent, *done.mutable_flow_done()->mutable_sent());
  wire::to_wire(ClockResult{.verdict = ClockVerdict::same_host}, *done.mutable_flow_done()->mutable_clock());
  sender.send(done);
  const auto partial = wire::from_wire(sender.expect(wire::Message::kFlowSummary).flow_summary().result());
  EXPECT_FALSE(partial.complete);
  EXPECT_THAT(partial.incomplete_reason, HasSubstr("connection"));
}

TEST(RecordServeTest, StartsWithItsOneConnection) {
  Serving receiver;
  RawSender sender(receiver.port);
  const auto offer = sender.offer(records());
  const auto connection = dial(receiver.data_port, offer, 1);
  const auto refusal = [&](const std::vector<std::uint32_t>& streams) {
    sender.ask_to_start(offer.flow_id(), streams);
    return sender.expect(wire::Message::kRefused).refused().reason();
  };
  EXPECT_THAT(refusal({}), HasSubstr("one connection"));
  EXPECT_THAT(refusal({1, 2}), HasSubstr("one connection"));
  EXPECT_THAT(refusal({7}), HasSubstr("not there"));
}

TEST(RecordServeTest, RefusesWhatItCannotTake) {
  Serving receiver;
  RawSender sender(receiver.port);
  PacketFlowSpec sctp = records();
  sctp.transport = Transport::sctp;
  if (!traffic::sctp_refusal().empty()) {
    EXPECT_EQ(sender.refusal(sctp), "this kernel has no SCTP: load the sctp module (modprobe sctp), or build it in");
  } else {
    EXPECT_NE(sender.offer(sctp).flow_id(), 0u);
  }
}

}  // namespace
}  // namespace paceline::receiver
