// SPDX-License-Identifier: MIT
//
// What the TC program does with a packet, one by one through BPF_PROG_TEST_RUN: the real program in the real
// kernel.
#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <algorithm>
#include <memory>
#include <ostream>
#include <random>
#include <string>

#include "bpf/tc_program.h"
#include "bpf/tc_stamp.h"
#include "tests/bpf/frame.h"
#include "tests/bpf/network.h"
#include "tests/bpf/socket.h"

namespace paceline::bpf::test {
namespace {

constexpr std::uint16_t kUdpPort = 8999;
constexpr std::uint16_t kTcpPort = 9000;
const std::vector<std::uint16_t> kTcpPorts{9001, kTcpPort};
constexpr std::uint16_t kOther = 53;
constexpr std::uint64_t kBefore = 1234;  // what the packet's stamp is when the program gets it

/// BPF_PROG_TEST_RUN takes no less than a whole IP header; datagram_test.cc sends shorter ones over a device.
std::size_t shortest(const Bytes& frame) {
  const unsigned type = (unsigned{frame[12]} << 8) | frame[13];
  return type == kIpv4 ? 14 + 20 : type == kIpv6 ? 14 + 40 : 15;
}

class ProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = missing_privilege(); !reason.empty()) GTEST_SKIP() << reason;
    program_ = std::make_unique<TcProgram>(kUdpPort, kTcpPorts);
  }

  struct Outcome {
    bool stamped = false;
    TcHook::Counters udp, tcp;
  };

  /// Runs the program once; whatever the packet is, the next program must follow and the packet stay as it
  /// was.
  Outcome run(const Bytes& frame, bool ethernet, unsigned segments = 0) {
    const TcHook::Counters udp = program_->counters(PACELINE_TC_UDP);
    const TcHook::Counters tcp = program_->counters(PACELINE_TC_TCP);
    __sk_buff in{};
    in.tstamp = kBefore;
    in.gso_segs = segments;
    __sk_buff out{};
    Bytes after(frame.size() + 64);
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<__u32>(frame.size());
    options.data_out = after.data();
    options.data_size_out = static_cast<__u32>(after.size());
    options.ctx_in = &in;
    options.ctx_size_in = sizeof(in);
    options.ctx_out = &out;
    options.ctx_size_out = sizeof(out);

    const std::int64_t start = monotonic_now();
    EXPECT_EQ(bpf_prog_test_run_opts(program_->fd(ethernet), &options), 0);
    const std::int64_t end = monotonic_now();

    EXPECT_EQ(static_cast<std::int32_t>(options.retval), -1) << "not TC_ACT_UNSPEC";
    after.resize(options.data_size_out);
    EXPECT_EQ(after, frame);
    Outcome outcome;
    outcome.stamped = out.tstamp != kBefore;
    if (outcome.stamped) {
      EXPECT_GE(out.tstamp, static_cast<std::uint64_t>(start));
      EXPECT_LE(out.tstamp, static_cast<std::uint64_t>(end));
    }
    outcome.udp = difference(program_->counters(PACELINE_TC_UDP), udp);
    outcome.tcp = difference(program_->counters(PACELINE_TC_TCP), tcp);
    return outcome;
  }

  static TcHook::Counters difference(const TcHook::Counters& now, const TcHook::Counters& before) {
    return {now.packets - before.packets, now.bytes - before.bytes, now.skbs - before.skbs};
  }

  std::unique_ptr<TcProgram> program_;
};

enum class Expect { nothing, udp, tcp };

struct Case {
  std::string name;
  Bytes frame;
  Expect expect;
};

void PrintTo(const Case& item, std::ostream* out) { *out << item.name; }

std::vector<Case> cases() {
  const Bytes v4 = ethernet(kIpv4);
  const Bytes v6 = ethernet(kIpv6);
  const Bytes ours = ports(kUdpPort);
  Bytes short_header = ipv4(kUdp);
  short_header[0] = 0x44;
  const auto extensions = [](int count) {  // alternating kinds, the last one leads to UDP
    Bytes all = ipv6(kHopByHop);
    for (int i = 0; i < count; ++i)
      all = all + extension(i + 1 == count ? kUdp : i % 2 == 0 ? kDestinationOptions : kRouting, i == 1 ? 24 : 8);
    return all;
  };
  return {
      {"UdpOverIpv4", v4 + ipv4(kUdp) + ours, Expect::udp},
      {"UdpOverIpv6", v6 + ipv6(kUdp) + ours, Expect::udp},
      {"TcpOverIpv4", v4 + ipv4(kTcp) + ports(kTcpPort), Expect::tcp},
      {"TcpOverIpv6", v6 + ipv6(kTcp) + ports(kTcpPort), Expect::tcp},

      {"ForeignPortIpv4", v4 + ipv4(kUdp) + ports(kOther), Expect::nothing},
      {"ForeignPortIpv6", v6 + ipv6(kUdp) + ports(kOther), Expect::nothing},
      {"OurPortAsTheSource", v4 + ipv4(kUdp) + ports(kOther, kUdpPort), Expect::nothing},
      {"UdpPortOverTcp", v4 + ipv4(kTcp) + ports(kUdpPort), Expect::nothing},
      {"TcpPortOverUdp", v6 + ipv6(kUdp) + ports(kTcpPort), Expect::nothing},
      {"PortsOfOtherByteOrder", v4 + ipv4(kUdp) + ports(0x2723), Expect::nothing},

      {"VlanIpv4", ethernet(kVlan) + vlan(kIpv4) + ipv4(kUdp) + ours, Expect::udp},
      {"VlanIpv6", ethernet(kVlan) + vlan(kIpv6) + ipv6(kUdp) + ours, Expect::udp},
      {"ServiceVlanIpv4", ethernet(kServiceVlan) + vlan(kIpv4) + ipv4(kUdp) + ours, Expect::udp},
      {"VlanTcpIpv4", ethernet(kVlan) + vlan(kIpv4) + ipv4(kTcp) + ports(kTcpPort), Expect::tcp},
      {"VlanForeignPort", ethernet(kVlan) + vlan(kIpv4) + ipv4(kUdp) + ports(kOther), Expect::nothing},
      {"VlanArp", ethernet(kVlan) + vlan(kArp) + ours, Expect::nothing},
      {"TwoVlanTagsInBand", ethernet(kServiceVlan) + vlan(kVlan) + vlan(kIpv4) + ipv4(kUdp) + ours, Expect::nothing},

      {"Ipv4Options4", v4 + ipv4(kUdp, 4) + ours, Expect::udp},
      {"Ipv4Options40", v4 + ipv4(kUdp, 40) + ours, Expect::udp},
      {"Ipv4OptionsTcp", v4 + ipv4(kTcp, 12) + ports(kTcpPort), Expect::tcp},
      {"Ipv4OptionsForeignPort", v4 + ipv4(kUdp, 4) + ports(kOther), Expect::nothing},
      {"Ipv4OptionsVlan", ethernet(kVlan) + vlan(kIpv4) + ipv4(kUdp, 8) + ours, Expect::udp},

      {"Ipv6OneExtension", v6 + extensions(1) + ours, Expect::udp},
      {"Ipv6TwoExtensions", v6 + extensions(2) + ours, Expect::udp},
      {"Ipv6ThreeExtensions", v6 + extensions(3) + ours, Expect::udp},
      {"Ipv6FourExtensions", v6 + extensions(4) + ours, Expect::nothing},
      {"Ipv6ExtensionTcp", v6 + ipv6(kDestinationOptions) + extension(kTcp) + ports(kTcpPort), Expect::tcp},
      {"Ipv6ExtensionVlan", ethernet(kVlan) + vlan(kIpv6) + ipv6(kDestinationOptions) + extension(kUdp) + ours,
       Expect::udp},
      {"Ipv6LongestExtension", v6 + ipv6(kDestinationOptions) + extension(kUdp, 256) + ours, Expect::udp},
      {"Ipv6ExtensionBeyondTheEnd", v6 + ipv6(kDestinationOptions) + Bytes{kUdp, 255, 1, 4, 0, 0, 0, 0} + ours,
       Expect::nothing},
      {"Ipv6NoNextHeader", v6 + ipv6(kNoNextHeader) + ours, Expect::nothing},

      {"Ipv4FirstFragment", v4 + ipv4(kUdp, 0, kMoreFragments) + ours, Expect::nothing},
      {"Ipv4MiddleFragment", v4 + ipv4(kUdp, 0, kMoreFragments | 185) + ours, Expect::nothing},
      {"Ipv4LastFragment", v4 + ipv4(kUdp, 0, 185) + ours, Expect::nothing},
      {"Ipv4FragmentWithOptions", v4 + ipv4(kUdp, 4, 1) + ours, Expect::nothing},
      {"Ipv4FragmentTcp", v4 + ipv4(kTcp, 0, kMoreFragments) + ports(kTcpPort), Expect::nothing},
      {"Ipv4NoFlags", v4 + ipv4(kUdp, 0, 0) + ours, Expect::udp},
      {"Ipv4ReservedFlag", v4 + ipv4(kUdp, 0, 0x8000) + ours, Expect::udp},
      {"Ipv6Fragment", v6 + ipv6(kFragmentHeader) + extension(kUdp) + ours, Expect::nothing},
      {"Ipv6FragmentAfterExtension", v6 + ipv6(kHopByHop) + extension(kFragmentHeader) + extension(kUdp) + ours,
       Expect::nothing},

      {"Arp", ethernet(kArp) + Bytes(46, 0), Expect::nothing},
      {"UnknownEthertype", ethernet(0x88b5) + ipv4(kUdp) + ours, Expect::nothing},
      {"Icmp", v4 + ipv4(kIcmp) + ours, Expect::nothing},
      {"Icmp6", v6 + ipv6(kIcmp6) + ours, Expect::nothing},
      {"Ipv6UnderAnIpv4Ethertype", v4 + ipv6(kUdp) + ours, Expect::nothing},
      {"Ipv4UnderAnIpv6Ethertype", v6 + ipv4(kUdp) + ours, Expect::nothing},
      {"Ipv4HeaderTooShort", v4 + short_header + ours, Expect::nothing},
  };
}

class ProgramCaseTest : public ProgramTest, public testing::WithParamInterface<std::tuple<Case, bool>> {};

TEST_P(ProgramCaseTest, StampsAndCountsWhatIsOurs) {
  const auto& [item, ethernet] = GetParam();
  const Outcome outcome = run(item.frame, ethernet);
  EXPECT_EQ(outcome.stamped, item.expect == Expect::udp) << "only datagrams bring their stamp to a reader";
  const auto matches = [&](const TcHook::Counters& counted, bool one) {
    return counted.packets == one && counted.skbs == one && counted.bytes == (one ? item.frame.size() : 0);
  };
  EXPECT_TRUE(matches(outcome.udp, item.expect == Expect::udp));
  EXPECT_TRUE(matches(outcome.tcp, item.expect == Expect::tcp));
}

INSTANTIATE_TEST_SUITE_P(Packets, ProgramCaseTest, testing::Combine(testing::ValuesIn(cases()), testing::Bool()),
                         [](const auto& test) {
                           return std::get<0>(test.param).name + (std::get<1>(test.param) ? "Ether" : "Other");
                         });

// Cut anywhere, a packet is read up to its end and no further; it is ours once both port numbers are there.
TEST_F(ProgramTest, TruncatedPackets) {
  struct {
    Bytes frame;
    std::size_t ports_end;
  } const packets[] = {{ethernet(kIpv4) + ipv4(kUdp) + ports(kUdpPort), 14 + 20 + 4},
                       {ethernet(kIpv4) + ipv4(kUdp, 8) + ports(kUdpPort), 14 + 28 + 4},
                       {ethernet(kIpv6) + ipv6(kUdp) + ports(kUdpPort), 14 + 40 + 4},
                       {ethernet(kVlan) + vlan(kIpv4) + ipv4(kUdp) + ports(kUdpPort), 18 + 20 + 4},
                       {ethernet(kIpv6) + ipv6(kHopByHop) + extension(kUdp) + ports(kUdpPort), 14 + 48 + 4}};
  for (const auto& [frame, ports_end] : packets) {
    for (std::size_t size = shortest(frame); size <= frame.size(); ++size) {
      const Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
      for (const bool ethernet : {true, false}) {
        EXPECT_EQ(run(cut, ethernet).stamped, size >= ports_end) << size << " of " << frame.size();
      }
    }
  }
}

TEST_F(ProgramTest, SuperPacketCountsItsSegments) {
  const Bytes frame = ethernet(kIpv4) + ipv4(kUdp) + ports(kUdpPort);
  const Outcome outcome = run(frame, true, 16);
  EXPECT_TRUE(outcome.stamped);
  EXPECT_EQ(outcome.udp.packets, 16U);
  EXPECT_EQ(outcome.udp.skbs, 1U);
  EXPECT_EQ(outcome.udp.bytes, frame.size());
}

TEST_F(ProgramTest, EveryPortNumberIsItself) {
  for (const int number : {1, 255, 256, 32767, 32768, 65535}) {
    const auto port = static_cast<std::uint16_t>(number);
    program_ = std::make_unique<TcProgram>(port, std::vector<std::uint16_t>{});
    EXPECT_TRUE(run(ethernet(kIpv4) + ipv4(kUdp) + ports(port), true).stamped) << port;
    EXPECT_FALSE(run(ethernet(kIpv4) + ipv4(kUdp) + ports(static_cast<std::uint16_t>(port ^ 1)), true).stamped) << port;
    EXPECT_EQ(run(ethernet(kIpv4) + ipv4(kTcp) + ports(port), true).tcp.skbs, 0U) << port;
    EXPECT_FALSE(run(ethernet(kIpv4) + ipv4(kUdp) + ports(0), true).stamped) << "0 is no port";
  }
}

TEST_F(ProgramTest, EveryTcpPortCounts) {
  for (const std::uint16_t port : kTcpPorts)
    EXPECT_EQ(run(ethernet(kIpv4) + ipv4(kTcp) + ports(port), true).tcp.packets, 1U) << port;
}

// Bits flipped and ends cut at random, from a fixed seed: run() checks that each passes on unchanged, and the
// program agrees with itself on both paths.
TEST_F(ProgramTest, DamagedPacketsPassUnchanged) {
  std::mt19937 random(20250301);
  const std::vector<Case> all = cases();
  for (int i = 0; i < 4000; ++i) {
    Bytes frame = all[random() % all.size()].frame;
    for (unsigned flips = random() % 4; flips > 0; --flips)
      frame[12 + random() % (frame.size() - 12)] ^= static_cast<std::uint8_t>(1U << (random() % 8));
    frame.resize(std::min(frame.size(), shortest(frame) + random() % 80));
    if (frame.size() < shortest(frame)) continue;
    const Outcome ether = run(frame, true), other = run(frame, false);
    EXPECT_EQ(ether.stamped, other.stamped) << testing::PrintToString(frame);
    EXPECT_EQ(ether.udp.skbs, other.udp.skbs) << testing::PrintToString(frame);
    EXPECT_EQ(ether.tcp.skbs, other.tcp.skbs) << testing::PrintToString(frame);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace paceline::bpf::test
