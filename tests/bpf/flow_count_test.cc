// SPDX-License-Identifier: MIT
//
// The counts of single UDP flows.
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <memory>
#include <string>
#include <vector>

#include "bpf/tc_program.h"
#include "tests/bpf/frame.h"
#include "tests/bpf/network.h"

namespace paceline::bpf::test {
namespace {

constexpr std::uint16_t kPort = 8999;
constexpr std::uint32_t kFlow = 0xC0DE0001;

class FlowCountTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = missing_privilege(); !reason.empty()) GTEST_SKIP() << reason;
    program_ = std::make_unique<TcProgram>(kPort, std::vector<std::uint16_t>{});
  }

  void run(const Bytes& frame, unsigned segments = 0, bool ethernet_device = true) {
    __sk_buff in{};
    in.gso_segs = segments;
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<__u32>(frame.size());
    options.ctx_in = &in;
    options.ctx_size_in = sizeof(in);
    ASSERT_EQ(bpf_prog_test_run_opts(program_->fd(ethernet_device), &options), 0);
    ASSERT_EQ(static_cast<std::int32_t>(options.retval), -1) << "not TC_ACT_UNSPEC";
  }

  std::uint64_t datagrams(std::uint32_t id = kFlow) {
    const auto count = program_->flows().of(id);
    return count ? count->datagrams : 9999;
  }

  const Bytes frame_ = ethernet(kIpv4) + ipv4(kUdp) + data_packet(kPort, kFlow);
  std::unique_ptr<TcProgram> program_;
};

TEST_F(FlowCountTest, FromTheMomentItIsAskedFor) {
  EXPECT_FALSE(program_->flows().of(kFlow).has_value());
  run(frame_);
  EXPECT_FALSE(program_->flows().of(kFlow).has_value());
  program_->flows().add(kFlow);
  EXPECT_EQ(datagrams(), 0U);
  run(frame_);
  run(frame_, 64);
  const auto count = program_->flows().of(kFlow);
  ASSERT_TRUE(count.has_value());
  EXPECT_EQ(count->datagrams, 65U);
  EXPECT_EQ(count->skbs, 2U);
  EXPECT_EQ(count->bytes, 2 * frame_.size());
  EXPECT_EQ(program_->counters(PACELINE_TC_UDP).packets, 66U) << "the port's count goes on as ever";
  program_->flows().remove(kFlow);
  EXPECT_FALSE(program_->flows().of(kFlow).has_value());
  run(frame_);
  EXPECT_EQ(program_->counters(PACELINE_TC_UDP).packets, 67U);
}

TEST_F(FlowCountTest, EveryWayThatAPacketMayCome) {
  program_->flows().add(kFlow);
  const Bytes packet = data_packet(kPort, kFlow);
  std::uint64_t expected = 0;
  for (const bool ethernet_device : {true, false}) {
    for (const Bytes& headers :
         {ethernet(kIpv4) + ipv4(kUdp), ethernet(kIpv6) + ipv6(kUdp), ethernet(kIpv4) + ipv4(kUdp, 12),
          ethernet(kVlan) + vlan(kIpv4) + ipv4(kUdp), ethernet(kVlan) + vlan(kIpv6) + ipv6(kUdp),
          ethernet(kIpv6) + ipv6(kDestinationOptions) + extension(kUdp)}) {
      run(headers + packet, 0, ethernet_device);
      EXPECT_EQ(datagrams(), ++expected);
    }
  }
}

TEST_F(FlowCountTest, OthersAreNotCounted) {
  program_->flows().add(kFlow);
  const Bytes headers = ethernet(kIpv4) + ipv4(kUdp);
  run(headers + data_packet(kPort, kFlow + 1));
  run(headers + data_packet(kPort, 0x0100DEC0));
  run(headers + data_packet(kPort + 1, kFlow));
  run(headers + data_packet(kPort, kFlow, 0xC1));  // another mark
  run(headers + ports(kPort));
  EXPECT_EQ(datagrams(), 0U);
  run(headers + data_packet(kPort, kFlow, 0xD2));  // another version of the packet has its flow id in the same place
  EXPECT_EQ(datagrams(), 1U);
}

TEST_F(FlowCountTest, CutAnywhere) {
  program_->flows().add(kFlow);
  for (std::size_t size = 14 + 20; size < frame_.size(); ++size) {
    const std::uint64_t before = datagrams();
    run(Bytes(frame_.begin(), frame_.begin() + static_cast<std::ptrdiff_t>(size)));
    EXPECT_EQ(datagrams() - before, size >= 14 + 20 + 8 + 8 ? 1U : 0U) << size;
  }
}

TEST_F(FlowCountTest, EachCountsForItself) {
  for (std::uint32_t id = 1; id <= 100; ++id) program_->flows().add(id);
  for (std::uint32_t id = 1; id <= 100; ++id) run(ethernet(kIpv4) + ipv4(kUdp) + data_packet(kPort, id), id);
  for (std::uint32_t id = 1; id < 100; ++id) {
    EXPECT_EQ(datagrams(id), id);
    program_->flows().remove(id);
  }
  run(ethernet(kIpv4) + ipv4(kUdp) + data_packet(kPort, 100));
  EXPECT_EQ(datagrams(100), 101U) << "the last one is still looked for";
}

TEST_F(FlowCountTest, AskedForTwiceOrForgottenTwice) {
  program_->flows().add(kFlow);
  run(frame_);
  program_->flows().add(kFlow);
  EXPECT_EQ(datagrams(), 1U);
  program_->flows().remove(kFlow + 1);
  run(frame_);
  EXPECT_EQ(datagrams(), 2U);
  program_->flows().remove(kFlow);
  program_->flows().remove(kFlow);
  program_->flows().add(kFlow);
  run(frame_);
  EXPECT_EQ(datagrams(), 1U);
}

TEST_F(FlowCountTest, WhatDoesNotFitIsNotCounted) {
  for (std::uint32_t id = 0; id < PACELINE_TC_FLOWS + 10; ++id) program_->flows().add(id);
  unsigned counted = 0;
  for (std::uint32_t id = 0; id < PACELINE_TC_FLOWS + 10; ++id) counted += program_->flows().of(id).has_value();
  EXPECT_EQ(counted, unsigned{PACELINE_TC_FLOWS});
}

}  // namespace
}  // namespace paceline::bpf::test
