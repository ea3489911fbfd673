// SPDX-License-Identifier: MIT
#include "traffic/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/traffic/captured.h"
#include "tests/unit/traffic/file.h"

namespace paceline::traffic {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kMillisecond = 1'000'000;

struct Captured {
  std::int64_t at;  // ns since 1970
  Bytes bytes;
};

Bytes udp4(std::size_t size) { return ethernet(kIpv4Type, ipv4(kUdpProtocol, udp(size))); }

void write_pcap(const TestFile& file, const std::vector<Captured>& packets, int link = DLT_EN10MB,
                u_int precision = PCAP_TSTAMP_PRECISION_NANO) {
  const std::unique_ptr<pcap_t, decltype(&pcap_close)> dead(
      pcap_open_dead_with_tstamp_precision(link, 262'144, precision), &pcap_close);
  const std::unique_ptr<pcap_dumper_t, decltype(&pcap_dump_close)> dumper(
      pcap_dump_open(dead.get(), file.path().c_str()), &pcap_dump_close);
  ASSERT_NE(dumper, nullptr);
  for (const Captured& packet : packets) {
    pcap_pkthdr header{};
    header.ts.tv_sec = packet.at / 1'000'000'000;
    header.ts.tv_usec = packet.at % 1'000'000'000 / (precision == PCAP_TSTAMP_PRECISION_NANO ? 1 : 1000);
    header.caplen = header.len = static_cast<bpf_u_int32>(packet.bytes.size());
    pcap_dump(reinterpret_cast<u_char*>(dumper.get()), &header, packet.bytes.data());
  }
}

std::vector<std::int64_t> times(const Trace& trace) {
  std::vector<std::int64_t> times;
  for (const Trace::Packet& packet : trace.packets) times.push_back(packet.at);
  return times;
}

std::vector<std::uint32_t> payloads(const Trace& trace) {
  std::vector<std::uint32_t> payloads;
  for (const Trace::Packet& packet : trace.packets) payloads.push_back(packet.payload);
  return payloads;
}

constexpr std::int64_t kNow = 1'700'000'000'123'456'789;

TEST(Trace, ACapturesPacketsWithPayload) {
  const TestFile file;
  write_pcap(file, {{kNow - 5, ethernet(0x0806, zeros(28))},
                    {kNow, udp4(100)},
                    {kNow + 3, udp4(200)},
                    {kNow + 7 * kMillisecond, ethernet(kIpv4Type, ipv4(kTcpProtocol, tcp(0)))},
                    {kNow + 10 * kMillisecond, ethernet(kIpv6Type, ipv6(kTcpProtocol, tcp(1400)))}});
  const auto trace = read_trace(file.path());
  EXPECT_THAT(times(*trace), ElementsAre(0, 3, 10 * kMillisecond));
  EXPECT_THAT(payloads(*trace), ElementsAre(100, 200, 1400));
  EXPECT_EQ(trace->end, 10 * kMillisecond);
  EXPECT_EQ(trace->period, 15 * kMillisecond);  // and a mean gap
}

TEST(Trace, MicrosecondsAndOtherLinks) {
  const TestFile file;
  for (const int link : {DLT_RAW, DLT_IPV4}) {
    write_pcap(file, {{kNow, ipv4(kUdpProtocol, udp(100))}, {kNow + kMillisecond, ipv4(kUdpProtocol, udp(200))}}, link,
               PCAP_TSTAMP_PRECISION_MICRO);
    EXPECT_THAT(times(*read_trace(file.path())), ElementsAre(0, kMillisecond));
  }
  write_pcap(file, {{kNow, Bytes{8, 0} + zeros(18) + ipv4(kUdpProtocol, udp(100))}}, DLT_LINUX_SLL2);
  EXPECT_THAT(payloads(*read_trace(file.path())), ElementsAre(100));
  write_pcap(file, {{kNow, zeros(14) + Bytes{8, 0} + ipv4(kUdpProtocol, udp(100))}}, DLT_LINUX_SLL);
  EXPECT_THAT(payloads(*read_trace(file.path())), ElementsAre(100));
}

TEST(Trace, TimesThatGoBackAreKept) {
  const TestFile file;
  write_pcap(file, {{kNow, udp4(1)}, {kNow + 20, udp4(2)}, {kNow + 10, udp4(3)}, {kNow - 5, udp4(4)}});
  const auto trace = read_trace(file.path());
  EXPECT_THAT(times(*trace), ElementsAre(0, 20, 10, -5));
  EXPECT_EQ(trace->end, 20);
}

// A section, an interface of Ethernet in nanoseconds and two packets, byte by byte.
TEST(Trace, Pcapng) {
  const auto word = [](std::uint32_t value) {
    return Bytes{low(value), high(value), low(value >> 16), high(value >> 16)};
  };
  const auto block = [&](std::uint32_t type, Bytes body) {
    while (body.size() % 4 != 0) body.push_back(0);
    const auto length = static_cast<std::uint32_t>(body.size() + 12);
    return word(type) + word(length) + body + word(length);
  };
  const auto packet = [&](std::int64_t at, const Bytes& bytes) {
    const auto time = static_cast<std::uint64_t>(at);
    const auto size = static_cast<std::uint32_t>(bytes.size());
    return block(6, word(0) + word(static_cast<std::uint32_t>(time >> 32)) + word(static_cast<std::uint32_t>(time)) +
                        word(size) + word(size) + bytes);
  };
  const Bytes all = block(0x0A0D0D0A, word(0x1A2B3C4D) + Bytes{1, 0, 0, 0} + Bytes(8, 0xFF)) +
                    block(1, Bytes{1, 0, 0, 0} + word(0) + Bytes{9, 0, 1, 0, 9, 0, 0, 0} + word(0)) +
                    packet(kNow, udp4(100)) + packet(kNow + 77, udp4(333));
  const TestFile file(std::string(all.begin(), all.end()));
  const auto trace = read_trace(file.path());
  EXPECT_THAT(times(*trace), ElementsAre(0, 77));
  EXPECT_THAT(payloads(*trace), ElementsAre(100, 333));
}

TEST(Trace, DamagedAndUnsuitableCapturesAreRefused) {
  const TestFile file;
  const auto error = [&] { return refusal([&] { read_trace(file.path()); }); };
  write_pcap(file, {{kNow, ethernet(0x0806, zeros(28))}});
  EXPECT_THAT(error(), HasSubstr(file.path() + ": none of its 1 packets has UDP or TCP payload"));
  write_pcap(file, {});
  EXPECT_THAT(error(), HasSubstr(": none of its 0 packets"));
  write_pcap(file, {{kNow, udp4(9)}}, DLT_IEEE802_11);
  EXPECT_THAT(error(), HasSubstr(": captured on a link of type IEEE802_11: Ethernet, Linux cooked"));
  write_pcap(file, {{kNow, udp4(9)}, {kNow, udp4(9)}});
  std::filesystem::resize_file(file.path(), std::filesystem::file_size(file.path()) - 5);
  EXPECT_THAT(error(), HasSubstr(": after packet 1: truncated"));
  std::filesystem::resize_file(file.path(), 10);
  EXPECT_THAT(error(), HasSubstr(": cannot be read as a capture: truncated"));
}

TEST(Trace, ACsvIsGapsAndSizes) {
  const TestFile file("# seen on a Tuesday\nGap,Size\n0.001,100\n20us 1k\n0,0\n");
  const auto trace = read_trace(file.path());
  EXPECT_THAT(times(*trace), ElementsAre(kMillisecond, kMillisecond + 20'000, kMillisecond + 20'000));
  EXPECT_THAT(payloads(*trace), ElementsAre(100, 1000, 0));
  EXPECT_EQ(trace->period, kMillisecond + 20'000);  // the first gap parts repetitions

  const TestFile at_once("0,100\n0.004,100\n0.002,100\n", "at_once");
  EXPECT_EQ(read_trace(at_once.path())->period, 9 * kMillisecond);
}

TEST(Trace, CsvGapsDoNotDrift) {
  std::string text;
  for (int i = 0; i < 30'000; ++i) text += "333.3333333333ns,100\n";
  const TestFile file(text);
  EXPECT_EQ(read_trace(file.path())->end, 9'999'999);
}

TEST(Trace, CsvErrorsSayWhere) {
  const auto error = [](const std::string& content) {
    const TestFile file(content);
    return refusal([&] { read_trace(file.path()); });
  };
  EXPECT_THAT(error("0.001,100\n0.001\n"), HasSubstr(":2:1: a line is GAP,SIZE"));
  EXPECT_THAT(error("-1ms,100\n"), HasSubstr(":1:1: '-1ms' is no gap"));
  EXPECT_THAT(error("1ms,10.5\n"), HasSubstr(":1:5: '10.5' is no size: a whole number of bytes"));
  EXPECT_THAT(error("1ms,5G\n"), HasSubstr(":1:5: '5G' is no size"));
  EXPECT_THAT(error("size,gap\n1,1\n"), HasSubstr(":1:1: the header must be gap,size"));
  EXPECT_THAT(error("gap,size\n1ms,1\ngap,size\n"), HasSubstr(":3:1: 'gap' is no gap"));
  EXPECT_THAT(error(""), HasSubstr(": holds no packets"));
  EXPECT_THAT(refusal([] { read_trace("/nowhere/trace.csv"); }), HasSubstr("/nowhere/trace.csv: cannot be opened"));
}

}  // namespace
}  // namespace paceline::traffic
