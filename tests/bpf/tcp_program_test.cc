// SPDX-License-Identifier: MIT
//
// What the TC program makes of a TCP connection, packet by packet through BPF_PROG_TEST_RUN. A packet's length is what
// its IP header says, so that a few bytes stand for a super-packet of 64 KiB.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpf/tc_program.h"
#include "bpf/tcp_connection.h"
#include "tests/bpf/frame.h"
#include "tests/bpf/network.h"
#include "tests/bpf/socket.h"

namespace paceline::bpf::test {
namespace {

constexpr std::uint16_t kPort = 8999;
constexpr std::uint32_t kFirst = 1000;  // sequence number of a stream's first byte
constexpr std::size_t kGranule = TcpArrivals::kGranule;
constexpr std::uint64_t kLap = PACELINE_TC_LAP;
constexpr std::size_t kMost = 65535 - 200;  // of payload in a packet, with headers of any kind

struct Link {
  bool ipv6 = false, ethernet = true, map_rings = true;
  bool vlan = false;
  unsigned ip_options = 0;  ///< IPv4 options, or an IPv6 extension header, of so many bytes
  unsigned tcp_options = 0;
};

in6_addr address(const char* text) {
  in6_addr parsed{};
  if (inet_pton(AF_INET6, text, &parsed) != 1) throw std::runtime_error(text);
  return parsed;
}

/// The addresses of frame.h.
TcpConnection connection(bool ipv6, std::uint16_t remote_port = 40000) {
  return {address(ipv6 ? "fd77::1" : "::ffff:10.77.0.1"), address(ipv6 ? "fd77::2" : "::ffff:10.77.0.2"), kPort,
          remote_port};
}

class TcpProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = missing_privilege(); !reason.empty()) GTEST_SKIP() << reason;
    load();
  }

  void load() { program_ = std::make_unique<TcProgram>(kPort, std::vector<std::uint16_t>{kPort}, link_.map_rings); }

  /// A packet of the stream, from `sequence` on; `payload` as its IP header says.
  void packet(std::uint32_t sequence, std::size_t payload, unsigned segments = 0, bool syn = false,
              std::uint16_t source = 40000) {
    const Bytes head =
        tcp({.destination = kPort, .sequence = sequence, .syn = syn, .source = source, .options = link_.tcp_options});
    const std::uint16_t type = link_.ipv6 ? kIpv6 : kIpv4;
    Bytes ip = !link_.ipv6             ? ipv4(kTcp, link_.ip_options)
               : link_.ip_options == 0 ? ipv6(kTcp)
                                       : ipv6(kDestinationOptions) + extension(kTcp, link_.ip_options);
    ip = carrying(ip, head.size() + payload);
    run((link_.vlan ? ethernet(kVlan) + vlan(type) : ethernet(type)) + ip + head, segments);
  }

  void run(const Bytes& frame, unsigned segments = 0) {
    __sk_buff in{};
    in.gso_segs = segments;
    in.tstamp = 1234;
    __sk_buff out{};
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<__u32>(frame.size());
    options.ctx_in = &in;
    options.ctx_size_in = sizeof(in);
    options.ctx_out = &out;
    options.ctx_size_out = sizeof(out);
    ASSERT_EQ(bpf_prog_test_run_opts(program_->fd(link_.ethernet), &options), 0);
    ASSERT_EQ(static_cast<std::int32_t>(options.retval), -1) << "not TC_ACT_UNSPEC";
    ASSERT_EQ(out.tstamp, 1234U) << "a TCP packet's departure time is not ours to write";
  }

  void syn(std::uint32_t sequence = kFirst - 1, std::uint16_t source = 40000) { packet(sequence, 0, 0, true, source); }

  std::unique_ptr<TcpArrivals> find(std::uint16_t source = 40000) const {
    return find_connection(*program_, connection(link_.ipv6, source));
  }

  /// `bytes` of the stream from `from` on, in order, in packets of 60,000.
  void stream(std::uint64_t from, std::uint64_t bytes, std::uint32_t first = kFirst, std::uint16_t source = 40000) {
    for (std::uint64_t done = 0; done < bytes;) {
      const std::size_t size = std::min<std::uint64_t>(60'000, bytes - done);
      packet(first + static_cast<std::uint32_t>(from + done), size, 0, false, source);
      done += size;
    }
  }

  Link link_;
  std::unique_ptr<TcProgram> program_;
};

void expect_counts(const TcpArrivals& arrivals, std::uint64_t skbs, std::uint64_t segments, std::uint64_t bytes,
                   std::uint64_t again) {
  const TcpArrivals::Counts counts = arrivals.counts();
  EXPECT_EQ(counts.skbs, skbs);
  EXPECT_EQ(counts.segments, segments);
  EXPECT_EQ(counts.bytes, bytes);
  EXPECT_EQ(counts.retransmitted_bytes, again);
}

TEST_F(TcpProgramTest, AConnectionIsKnownFromItsSynOn) {
  packet(kFirst, 100);
  EXPECT_EQ(find(), nullptr);
  syn();
  const auto arrivals = find();
  ASSERT_NE(arrivals, nullptr);
  expect_counts(*arrivals, 0, 0, 0, 0);
  EXPECT_FALSE(arrivals->arrival(0).has_value());
  packet(kFirst, 100);
  packet(kFirst + 100, 0);  // an acknowledgement
  expect_counts(*arrivals, 1, 1, 100, 0);
}

TEST_F(TcpProgramTest, OthersAreNotMistakenForIt) {
  syn();
  const auto arrivals = find();
  packet(kFirst, 100, 0, false, 40001);
  expect_counts(*arrivals, 0, 0, 0, 0);
  TcpConnection other = connection(false);
  for (auto change :
       {+[](TcpConnection& c) { c.local_port = kPort + 1; }, +[](TcpConnection& c) { --c.remote_port; },
        +[](TcpConnection& c) { c.local.s6_addr[15] ^= 1; }, +[](TcpConnection& c) { c.remote.s6_addr[12] ^= 1; },
        +[](TcpConnection& c) { std::swap(c.local, c.remote); }}) {
    other = connection(false);
    change(other);
    EXPECT_EQ(find_connection(*program_, other), nullptr);
  }
}

TEST_F(TcpProgramTest, AnIpv6AddressThatLooksLikeAnIpv4OneIsAnother) {
  syn();
  TcpConnection lookalike = connection(false);
  lookalike.local = address("0a4d:0001::");
  lookalike.remote = address("0a4d:0002::");
  EXPECT_EQ(find_connection(*program_, lookalike), nullptr);
}

TEST_F(TcpProgramTest, AGranuleIsCompleteWithItsLastByte) {
  syn();
  const auto arrivals = find();
  packet(kFirst, kGranule - 1000);
  EXPECT_FALSE(arrivals->arrival(0).has_value());
  packet(kFirst + kGranule - 1000, 999);
  EXPECT_FALSE(arrivals->arrival(0).has_value());
  const std::int64_t before = monotonic_now();
  packet(kFirst + kGranule - 1, 1);
  const std::int64_t after = monotonic_now();
  ASSERT_TRUE(arrivals->arrival(0).has_value());
  EXPECT_GE(arrivals->arrival(0)->count(), before);
  EXPECT_LE(arrivals->arrival(0)->count(), after);
  EXPECT_FALSE(arrivals->arrival(1).has_value());
  expect_counts(*arrivals, 3, 3, kGranule, 0);
}

TEST_F(TcpProgramTest, ASuperPacketCountsItsSegments) {
  syn();
  const auto arrivals = find();
  packet(kFirst, kMost, 45);
  expect_counts(*arrivals, 1, 45, kMost, 0);
}

TEST_F(TcpProgramTest, ARetransmissionCountsAndKeepsTheFirstTime) {
  syn();
  const auto arrivals = find();
  stream(0, kGranule);
  const auto first = arrivals->arrival(0);
  ASSERT_TRUE(first.has_value());
  stream(0, kGranule);
  EXPECT_EQ(arrivals->arrival(0), first);
  expect_counts(*arrivals, 4, 4, 2 * kGranule, kGranule);
}

TEST_F(TcpProgramTest, AnOverlapCountsWhatCameTwice) {
  syn();
  const auto arrivals = find();
  packet(kFirst, 1000);
  packet(kFirst + 400, 1000);  // 600 again, 400 new
  expect_counts(*arrivals, 2, 2, 2000, 600);
  packet(kFirst + 100, 200);  // all of it again
  expect_counts(*arrivals, 3, 3, 2200, 800);
  packet(kFirst, 3000);  // 1400 again, 1600 new
  expect_counts(*arrivals, 4, 4, 5200, 2200);
}

TEST_F(TcpProgramTest, AGranuleWithAHoleIsCompleteAtTheHookAndTheHoleCountsAsLate) {
  syn();
  const auto arrivals = find();
  packet(kFirst + 10'000, kGranule - 10'000);
  const auto time = arrivals->arrival(0);
  EXPECT_TRUE(time.has_value());
  packet(kFirst, 10'000);
  EXPECT_EQ(arrivals->arrival(0), time);
  expect_counts(*arrivals, 2, 2, kGranule, 10'000);
}

TEST_F(TcpProgramTest, AGranuleWhoseEndIsOvertakenGetsItsTimeWhenItComes) {
  syn();
  const auto arrivals = find();
  packet(kFirst, 60'000);
  packet(kFirst + 70'000, 60'000);  // 60,000 to 70,000 are missing: the end of granule 0
  EXPECT_FALSE(arrivals->arrival(0).has_value());
  packet(kFirst + 130'000, 2000);
  ASSERT_TRUE(arrivals->arrival(1).has_value());
  packet(kFirst + 60'000, 10'000);
  ASSERT_TRUE(arrivals->arrival(0).has_value());
  EXPECT_GT(*arrivals->arrival(0), *arrivals->arrival(1));
}

TEST_F(TcpProgramTest, AHoleFilledALapLaterDoesNotDisplaceTheYounger) {
  syn();
  const auto arrivals = find();
  packet(kFirst, 60'000);
  stream(70'000, (kLap + 1) * kGranule - 70'000);  // up to granule kLap, which has the place of granule 0
  const auto younger = arrivals->arrival(kLap);
  ASSERT_TRUE(younger.has_value());
  packet(kFirst + 60'000, 10'000);
  EXPECT_EQ(arrivals->arrival(kLap), younger);
  EXPECT_FALSE(arrivals->arrival(0).has_value());
}

TEST_F(TcpProgramTest, TheRingHoldsTheLastLap) {
  constexpr std::uint64_t kAll = 2 * kLap + 44;
  syn();
  const auto arrivals = find();
  stream(0, kAll * kGranule);
  EXPECT_FALSE(arrivals->arrival(0).has_value());
  EXPECT_FALSE(arrivals->arrival(kAll - kLap - 1).has_value());
  std::optional<nanoseconds> last;
  for (std::uint64_t granule = kAll - kLap; granule < kAll; ++granule) {
    const auto time = arrivals->arrival(granule);
    ASSERT_TRUE(time.has_value()) << granule;
    EXPECT_TRUE(!last || *time > *last) << granule;
    last = time;
  }
  EXPECT_FALSE(arrivals->arrival(kAll).has_value());
}

// The ISN is 20,000 below the wrap; then the stream goes on past 2^32 bytes.
TEST_F(TcpProgramTest, SequenceNumbersWrap) {
  const std::uint32_t first = 0U - 20'000U;
  syn(first - 1);
  const auto arrivals = find();
  constexpr std::uint64_t kBytes = (std::uint64_t{1} << 32) + 3 * kGranule;
  std::uint64_t missing = 0;
  std::optional<nanoseconds> last;
  for (std::uint64_t granule = 0; (granule + 1) * kGranule <= kBytes; ++granule) {
    stream(granule * kGranule, kGranule, first);
    const auto time = arrivals->arrival(granule);
    missing += !time || (last && *time <= *last);
    last = time;
  }
  EXPECT_EQ(missing, 0U);
  EXPECT_EQ(arrivals->counts().bytes, kBytes);
  EXPECT_EQ(arrivals->counts().retransmitted_bytes, 0U);
  packet(first - 1, 100);  // 2^32 - 1 and some 100 on, or 3 granules and some 100 back? The nearest is back
  EXPECT_EQ(arrivals->counts().retransmitted_bytes, 100U);
}

TEST_F(TcpProgramTest, AByteBeforeTheFirstIsACount) {
  syn();
  const auto arrivals = find();
  packet(kFirst - 1, 1);  // a keep-alive
  expect_counts(*arrivals, 1, 1, 1, 1);
  EXPECT_FALSE(arrivals->arrival(0).has_value());
  stream(0, kGranule);
  EXPECT_TRUE(arrivals->arrival(0).has_value());
}

TEST_F(TcpProgramTest, DataOnTheSynIsTheStreamsFirst) {
  packet(kFirst - 1, 100, 0, true);
  const auto arrivals = find();
  expect_counts(*arrivals, 1, 1, 100, 0);
  packet(kFirst, 100);
  expect_counts(*arrivals, 2, 2, 200, 100);
}

TEST_F(TcpProgramTest, ASynThatComesAgainIsTheSameConnection) {
  syn();
  const auto arrivals = find();
  packet(kFirst, 1000);
  syn();
  packet(kFirst + 1000, 1000);
  expect_counts(*arrivals, 2, 2, 2000, 0);
}

TEST_F(TcpProgramTest, PortsUsedAgainAreAnotherConnection) {
  syn();
  const auto old = find();
  stream(0, 2 * kGranule);
  expect_counts(*old, 3, 3, 2 * kGranule, 0);
  syn(777);
  const auto fresh = find();
  packet(778, 100);
  expect_counts(*fresh, 1, 1, 100, 0);
  expect_counts(*old, 3, 3, 2 * kGranule, 0);
  EXPECT_FALSE(fresh->arrival(0).has_value());
}

// 1025 connections with a granule each: the last has the first one's ring.
TEST_F(TcpProgramTest, TwoThatShareARingNotice) {
  constexpr std::uint16_t kOthers = 1024;
  syn();
  stream(0, 2 * kGranule);
  const auto first = find();
  ASSERT_TRUE(first->arrival(0).has_value());
  const auto time_of_second_granule = first->arrival(1);
  for (std::uint16_t i = 0; i < kOthers; ++i) {
    const auto source = static_cast<std::uint16_t>(41'000 + i);
    syn(kFirst - 1, source);
    stream(0, kGranule, kFirst, source);
  }
  const auto last = find(41'000 + kOthers - 1);
  EXPECT_TRUE(last->arrival(0).has_value());
  EXPECT_FALSE(last->arrival(1).has_value()) << "that is the first connection's";
  EXPECT_FALSE(first->arrival(0).has_value()) << "that is the last connection's";
  EXPECT_EQ(first->arrival(1), time_of_second_granule);
}

TEST_F(TcpProgramTest, ExchangesTakeNoRing) {
  syn();
  stream(0, kGranule);
  const auto stream_of_bytes = find();
  const auto time = stream_of_bytes->arrival(0);
  for (std::uint16_t i = 0; i < 2000; ++i) {
    const auto source = static_cast<std::uint16_t>(41'000 + i);
    syn(kFirst - 1, source);
    packet(kFirst, 64, 0, false, source);
  }
  for (std::uint16_t i = 0; i < 1023; ++i) {
    const auto source = static_cast<std::uint16_t>(44'000 + i);
    syn(kFirst - 1, source);
    stream(0, kGranule, kFirst, source);
  }
  EXPECT_EQ(stream_of_bytes->arrival(0), time);
}

// So many others, with data, come while it is silent.
TEST_F(TcpProgramTest, AConnectionThatWasLostKeepsWhatWasKnown) {
  syn();
  packet(kFirst, 1000);
  const auto arrivals = find();
  for (std::uint16_t source = 1; source < 40'000; ++source) {
    syn(kFirst - 1, source);
    packet(kFirst, 64, 0, false, source);
  }
  ASSERT_EQ(find(), nullptr);
  packet(kFirst + 1000, 1000);
  expect_counts(*arrivals, 1, 1, 1000, 0);
  EXPECT_FALSE(arrivals->arrival(0).has_value());
}

TEST_F(TcpProgramTest, HeadersThatLieAboutTheirLength) {
  syn();
  const auto arrivals = find();
  Bytes head = tcp({.destination = kPort, .sequence = kFirst});
  head[12] = 0xf0;  // 60 bytes of TCP header in a packet of 40
  run(ethernet(kIpv4) + carrying(ipv4(kTcp), head.size()) + head);
  run(ethernet(kIpv4) + ipv4(kTcp) + Bytes(head.begin(), head.begin() + 19));
  expect_counts(*arrivals, 0, 0, 0, 0);
}

TEST_F(TcpProgramTest, WithoutALengthThePacketsOwnCounts) {
  for (const bool ethernet_device : {true, false}) {
    link_.ethernet = ethernet_device;
    load();
    syn();
    const Bytes head = tcp({.destination = kPort, .sequence = kFirst});
    run(ethernet(kIpv4) + carrying(ipv4(kTcp), 0) + head + Bytes(500, 1));
    // BPF_PROG_TEST_RUN gives every packet a link header; a device without one has none to leave out.
    expect_counts(*find(), 1, 1, ethernet_device ? 500 : 514, 0);
  }
}

/// The ways in which a connection's packets may come.
class TcpLinkTest : public TcpProgramTest, public testing::WithParamInterface<std::pair<const char*, Link>> {
 protected:
  void SetUp() override {
    link_ = GetParam().second;
    TcpProgramTest::SetUp();
  }
};

TEST_P(TcpLinkTest, IsFollowed) {
  syn();
  const auto arrivals = find();
  ASSERT_NE(arrivals, nullptr);
  EXPECT_EQ(program_->rings().mapped(), link_.map_rings);
  stream(0, 3 * kGranule);
  packet(kFirst, 5000);
  expect_counts(*arrivals, 5, 5, 3 * kGranule + 5000, 5000);
  for (std::uint64_t granule = 0; granule < 3; ++granule) EXPECT_TRUE(arrivals->arrival(granule).has_value());
  EXPECT_FALSE(arrivals->arrival(3).has_value());
}

INSTANTIATE_TEST_SUITE_P(
    Links, TcpLinkTest,
    testing::Values(std::pair{"Ipv4", Link{}}, std::pair{"Ipv6", Link{.ipv6 = true}},
                    std::pair{"Ipv4WithoutLinkHeader", Link{.ethernet = false}},
                    std::pair{"Ipv6WithoutLinkHeader", Link{.ipv6 = true, .ethernet = false}},
                    std::pair{"Ipv4Vlan", Link{.vlan = true}}, std::pair{"Ipv6Vlan", Link{.ipv6 = true, .vlan = true}},
                    std::pair{"Ipv4Options", Link{.ip_options = 12, .tcp_options = 12}},
                    std::pair{"Ipv6Extension", Link{.ipv6 = true, .ip_options = 16, .tcp_options = 40}},
                    std::pair{"TcpOptions", Link{.tcp_options = 40}},
                    std::pair{"RingsBySystemCall", Link{.map_rings = false}}),
    [](const auto& test) { return std::string(test.param.first); });

}  // namespace
}  // namespace paceline::bpf::test
