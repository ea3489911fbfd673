// SPDX-License-Identifier: MIT
#include "sender/ditg_script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>

#include "paceline/error.h"
#include "paceline/profile.h"
#include "traffic/packet_plan.h"

namespace paceline::sender {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

DitgRun parse(const std::string& script) { return parse_ditg_script(script, "script"); }

PacketFlowSpec flow(const std::string& line) { return std::get<PacketFlowSpec>(parse(line).run.flows.at(0)); }

std::string error(const std::string& script) {
  try {
    parse(script);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

std::string idt(const std::string& line) { return to_string(flow(line).model.value().idt, Quantity::time); }
std::string size(const std::string& line) { return to_string(flow(line).model.value().size, Quantity::bytes); }

class TextFile {
 public:
  explicit TextFile(const std::string& text) {
    const int descriptor = mkstemp(name_);
    if (descriptor < 0) throw std::runtime_error("mkstemp");
    close(descriptor);
    std::ofstream(name_) << text;
  }
  ~TextFile() { unlink(name_); }
  TextFile(const TextFile&) = delete;
  TextFile& operator=(const TextFile&) = delete;
  const char* name() const { return name_; }

 private:
  char name_[32] = "/tmp/paceline-test-XXXXXX";
};

TEST(DitgScript, WithoutOptionsALineIsItgSendsDefaults) {
  const DitgRun run = parse("-a 192.0.2.7\n");
  EXPECT_EQ(run.run.receiver, (Endpoint{"192.0.2.7", 9000}));
  const auto& spec = std::get<PacketFlowSpec>(run.run.flows.at(0));
  EXPECT_EQ(spec.transport, Transport::udp);
  EXPECT_EQ(spec.meter, Meter::one_way);
  EXPECT_DOUBLE_EQ(spec.rate_pps, 1000);
  EXPECT_EQ(spec.size, 512u);
  EXPECT_EQ(spec.duration, seconds(10));
  EXPECT_EQ(spec.late, LatePolicy::send);
  EXPECT_FALSE(spec.model);
  EXPECT_THAT(run.notes, IsEmpty());
}

TEST(DitgScript, OneFlowALineInOrder) {
  const DitgRun run = parse(
      "\n# two receivers\n-a 10.0.0.3 -C 100 -c 500 -t 20000\r\n   \n\t-a\t10.0.0.4 -d 1500 -Sdp 9001 # later\n-a "
      "10.0.0.3");
  ASSERT_EQ(run.run.flows.size(), 3u);
  EXPECT_EQ(run.run.receiver, (Endpoint{"10.0.0.3", 9000}));
  ASSERT_EQ(run.run.elsewhere.size(), 1u);
  EXPECT_EQ(run.run.elsewhere.at(1).receiver, (Endpoint{"10.0.0.4", 9001}));
  EXPECT_EQ(std::get<PacketFlowSpec>(run.run.flows[0]).duration, seconds(20));
  EXPECT_EQ(std::get<PacketFlowSpec>(run.run.flows[1]).delay, milliseconds(1500));
}

TEST(DitgScript, EndsAreTheFlows) {
  const PacketFlowSpec spec = flow("-t 500.5 -z 20 -k 2");
  EXPECT_EQ(spec.duration, std::chrono::microseconds(500500));
  EXPECT_EQ(spec.packets, 20u);
  EXPECT_EQ(spec.bytes, 2048u);  // ITGSend sends 21 packets of 100 bytes for -k 2
}

TEST(DitgScript, SocketOptions) {
  const PacketFlowSpec spec = flow("-b 0xBA -f 7 -sa 192.0.2.9 -sp 9400 -i eth1");
  EXPECT_EQ(spec.socket.dscp, 46u);
  EXPECT_EQ(spec.socket.ecn, 2u);
  EXPECT_EQ(spec.socket.hop_limit, 7u);
  EXPECT_EQ(spec.socket.source, "192.0.2.9");
  EXPECT_EQ(spec.socket.source_port, 9400u);
  EXPECT_EQ(spec.socket.interface, "eth1");
}

TEST(DitgScript, TimesAreRatesOrMilliseconds) {
  EXPECT_DOUBLE_EQ(flow("-C 250").rate_pps, 250);
  EXPECT_EQ(idt("-U 50 200"), "uniform:min=5ms,max=20ms");
  EXPECT_EQ(idt("-E 100"), "exponential:mean=10ms");
  EXPECT_EQ(idt("-N 10 3"), "normal:mean=10ms,stddev=3ms");
  EXPECT_EQ(idt("-V 3 5"), "pareto:shape=3,scale=5ms");
  EXPECT_EQ(idt("-Y 10 1"), "cauchy:location=10ms,scale=1ms");
  EXPECT_EQ(idt("-G 2 5"), "gamma:shape=2,scale=5ms");
  EXPECT_EQ(idt("-W 2 10"), "weibull:shape=10,scale=2ms");
}

TEST(DitgScript, SizesAreBytes) {
  EXPECT_EQ(flow("-c 100").size, 100u);
  EXPECT_EQ(size("-u 100 200"), "uniform:min=100,max=200");
  EXPECT_EQ(size("-e 200"), "exponential:mean=200");
  EXPECT_EQ(size("-n 500 100"), "normal:mean=500,stddev=100");
  EXPECT_EQ(size("-o 100"), "poisson:mean=100");
  EXPECT_EQ(size("-v 3 100"), "pareto:shape=3,scale=100");
  EXPECT_EQ(size("-y 500 10"), "cauchy:location=500,scale=10");
  EXPECT_EQ(size("-g 2 100"), "gamma:shape=2,scale=100");
  EXPECT_EQ(size("-w 100 2"), "weibull:shape=2,scale=100");
  EXPECT_EQ(idt("-u 100 200 -C 50"), "constant:20ms");
}

TEST(DitgScript, WeibullsSwappedParametersAreToldOfOnce) {
  const DitgRun run = parse("-W 2 10\n-W 3 10\n-C 10\n");
  EXPECT_THAT(run.notes, ElementsAre(StartsWith("script: lines 1, 2: -W (Weibull): the first parameter is the scale")));
}

// A rate is drawn, and a packet's time at that rate is waited.
TEST(DitgScript, PoissonTimesComeOfPoissonRates) {
  for (const double mean : {5.0, 100.0, 399.0, 401.0, 10'000.0}) {
    SCOPED_TRACE(mean);
    double expected = 0, weight = 0;
    for (int rate = 1; rate < 3 * mean + 100; ++rate) {
      const double probability = std::exp(rate * std::log(mean) - mean - std::lgamma(rate + 1.0));
      expected += probability / rate;
      weight += probability;
    }
    const auto plan = traffic::PacketPlan::of(flow("-O " + std::to_string(mean)));
    EXPECT_NEAR(1 / plan.spec().rate_pps, expected / weight, 1e-4 * expected / weight);
  }
}

TEST(DitgScript, BurstsAreMilliseconds) {
  const PacketFlowSpec spec = flow("-C 1000 -B E 100 U 50 150");
  const Bursts& bursts = spec.model.value().bursts.value();
  EXPECT_EQ(to_string(bursts.on, Quantity::time), "exponential:mean=100ms");
  EXPECT_EQ(to_string(bursts.off, Quantity::time), "uniform:min=50ms,max=150ms");
  EXPECT_NEAR(traffic::PacketPlan::of(spec).spec().rate_pps, 500, 5);
}

TEST(DitgScript, FilesOfTimesAreMillisecondsAndOfSizesBytes) {
  const TextFile times("10\n20\n\n30\n"), sizes("100\n300\n");
  const DitgRun run = parse(std::string("-Ft ") + times.name() + " -Fs " + sizes.name());
  const auto plan = traffic::PacketPlan::of(std::get<PacketFlowSpec>(run.run.flows.at(0)));
  EXPECT_NEAR(plan.spec().rate_pps, 50, 1e-6);
  EXPECT_EQ(plan.spec().size, 300u);
  EXPECT_THAT(run.notes, ElementsAre(HasSubstr("-Ft: values are drawn at random"), HasSubstr("-Fs: values")));

  const TextFile wrong("10\nten\n"), empty("");
  EXPECT_THAT(error(std::string("-Ft ") + wrong.name()), HasSubstr(std::string(wrong.name()) + ":2:1: a line is one"));
  EXPECT_THAT(error(std::string("-Fs ") + empty.name()), HasSubstr("holds no values"));
  EXPECT_THAT(error("-Ft /nonexistent/times"), HasSubstr("/nonexistent/times"));
}

TEST(DitgScript, Protocols) {
  EXPECT_EQ(flow("-T UDP").transport, Transport::udp);
  EXPECT_EQ(flow("-T tcp").transport, Transport::tcp);
  EXPECT_FALSE(flow("-T TCP").no_delay);
  EXPECT_TRUE(flow("-T TCP -D").no_delay);
  EXPECT_TRUE(flow("-D").no_delay);
  EXPECT_EQ(flow("-T ICMP").transport, Transport::icmp);
  EXPECT_EQ(flow("-T ICMP 8 -C 10").meter, Meter::round_trip);
  EXPECT_EQ(flow("-T SCTP 3 4").sctp_streams, 4u);
  EXPECT_EQ(flow("-T TCP -b 3").socket.ecn, 0u);
  EXPECT_THAT(error("-T ICMP 13"), HasSubstr("echo requests are, type 8"));
  EXPECT_THAT(error("-T DCCP"), HasSubstr("script:1:4: DCCP: Linux has none since 6.16"));
  EXPECT_THAT(error("-T TPC"), HasSubstr("no protocol"));
}

TEST(DitgScript, MeterPacingSeedAndPayload) {
  EXPECT_EQ(flow("-m rttm").meter, Meter::round_trip);
  EXPECT_EQ(flow("-m OWDM").meter, Meter::one_way);
  EXPECT_EQ(flow("-poll").pacing, Pacing::busy);
  EXPECT_EQ(flow("-j 0").late, LatePolicy::skip);
  EXPECT_EQ(flow("-j 1").late, LatePolicy::send);
  EXPECT_EQ(flow("-s 0.5").seed, std::uint64_t{1} << 52);
  EXPECT_NE(flow("-s 0.25").seed, flow("-s 0.26").seed);
  EXPECT_EQ(flow("-Fp words.txt").payload_file, "words.txt");
  EXPECT_EQ(flow("-Fp words.txt").payload, Payload::file);
}

TEST(DitgScript, ApplicationsAreTheProfiles) {
  const auto same_traffic = [](const std::string& line, const std::string& profile) {
    const PacketFlowSpec asked = flow(line);
    const auto made = std::get<PacketFlowSpec>(make_profile(profile));
    EXPECT_EQ(asked.model, made.model) << line;
    EXPECT_EQ(asked.size, made.size) << line;
    EXPECT_DOUBLE_EQ(asked.rate_pps, made.rate_pps) << line;
    EXPECT_EQ(asked.transport, made.transport) << line;
  };
  same_traffic("VoIP", "voip");
  same_traffic("-a ::1 VoIP -x G.711.2 -h RTP -VAD", "voip:codec=g711.2,vad=on");
  same_traffic("voip -x G.723.1 -h CRTP", "voip:codec=g723.1,header=crtp");
  same_traffic("VoIP -x G.729.3", "voip:codec=g729.3");
  same_traffic("Telnet", "telnet");
  same_traffic("DNS", "dns");
  same_traffic("-T TCP DNS", "dns:transport=tcp");
  same_traffic("Quake3", "quake3");
  same_traffic("CSa", "counter-strike");
  same_traffic("CSi", "counter-strike:state=idle");
  EXPECT_EQ(flow("-t 1000 Telnet").duration, seconds(1));
  EXPECT_THAT(parse("-T UDP Telnet").notes, ElementsAre(HasSubstr("Telnet is over tcp")));
  EXPECT_THAT(parse("-C 10 VoIP").notes, ElementsAre(HasSubstr("settles sizes and times")));
  EXPECT_THAT(error("VoIP -x G.728"), HasSubstr("script:1:6: -x: codec"));
  EXPECT_THAT(error("VoIP -x G.711.2 -h RTP, -VAD"), HasSubstr("script:1:17: -h: "));
  EXPECT_THAT(error("VoIP -h rtp,codec=g729.2"), HasSubstr("script:1:6: -h: the profile voip has its codec twice"));
  EXPECT_THAT(error("VoIP -t 100"), HasSubstr("script:1:6: -t: is no option of VoIP"));
  EXPECT_THAT(error("Telnet -t 100"), HasSubstr("which must come last"));
}

TEST(DitgScript, PassiveModeIsOfTheWholeRun) {
  EXPECT_EQ(parse("-H -C 10\n-H -C 20\n").run.listen, 8997);
  EXPECT_EQ(parse("-H -Sdp 9100").run.listen, 9100);
  EXPECT_FALSE(parse("-C 10").run.listen);
  EXPECT_THAT(error("-H\n-C 10\n"), HasSubstr("script:2:1: -H: either all lines have it, or none"));
}

TEST(DitgScript, IPv6AddressesNeedNoBrackets) {
  EXPECT_EQ(parse("-a 2001:db8::7").run.receiver, (Endpoint{"2001:db8::7", 9000}));
}

TEST(DitgScript, WhatMeansSomethingElseIsNoted) {
  EXPECT_THAT(parse("-rp 9501\n-rp 9502\n").notes, ElementsAre(StartsWith("script: lines 1, 2: -rp: flows share")));
  EXPECT_THAT(parse("-p 2").notes, ElementsAre(HasSubstr("18 bytes")));
  EXPECT_THAT(parse("-T ICMP").notes, ElementsAre(HasSubstr("round trip")));
  EXPECT_THAT(parse("-T SCTP 1 2").notes, ElementsAre(HasSubstr("association of its own")));
  std::string many;
  for (int i = 0; i < 8; ++i) many += "-rp 9500\n";
  EXPECT_THAT(parse(many).notes, ElementsAre(StartsWith("script: lines 1, 2, 3, 4, 5 and 3 more: -rp")));
}

TEST(DitgScript, WhatHasNoMeaningHereIsRefusedWithItsPlace) {
  for (const char* option : {"-l", "-L", "-x", "-X", "-q", "-Q", "-Ssa", "-Ssp", "-Si", "-sk", "-rk", "-P", "-h"}) {
    SCOPED_TRACE(option);
    EXPECT_THAT(error("-C 10\n-t 100 " + std::string(option) + " 1"),
                StartsWith("script:2:8: " + std::string(option) + ": "));
  }
  EXPECT_THAT(error("-L 10.0.0.1 UDP"), HasSubstr("--record"));
}

TEST(DitgScript, BadLinesAreRefusedWithTheirPlace) {
  EXPECT_EQ(error(""), "script: has no flows");
  EXPECT_EQ(error("\n# nothing\n"), "script: has no flows");
  EXPECT_THAT(error("-C 10\n-Z 3\n"), StartsWith("script:2:1: "));
  EXPECT_THAT(error("-pol"), HasSubstr("did you mean '-poll'?"));
  EXPECT_THAT(error("-t"), HasSubstr("script:1:1: -t: needs a value"));
  EXPECT_THAT(error("-t -C 10"), HasSubstr("script:1:1: -t: needs a value"));
  EXPECT_THAT(error("-C 1k"), HasSubstr("script:1:4: '1k', of -C, is no number"));
  EXPECT_THAT(error("-C 0"), HasSubstr("script:1:4: '0', of -C, must be above 0"));
  EXPECT_THAT(error("-C -5"), HasSubstr("must be above 0"));
  EXPECT_THAT(error("-b 256"), HasSubstr("script:1:4: '256', of -b, is no whole number from 0 to 255"));
  EXPECT_THAT(error("-f 0"), HasSubstr("from 1 to 255"));
  EXPECT_THAT(error("-z 1.5"), HasSubstr("no whole number"));
  EXPECT_THAT(error("-U 200 50"), HasSubstr("the smaller value comes first"));
  EXPECT_THAT(error("-B C 100"), HasSubstr("-B: needs a value, or another one"));
  EXPECT_THAT(error("-B Q 100 C 100"), HasSubstr("script:1:4: 'Q' is no distribution"));
  EXPECT_THAT(error("-s 7"), HasSubstr("between 0 and 1"));
  EXPECT_THAT(error("-d -1"), HasSubstr("negative"));
  EXPECT_THAT(error("-t 1e300"), HasSubstr("script:1:1: -t: the time is more than 72 h"));
  EXPECT_THAT(error("-m one"), HasSubstr("owdm and rttm"));
  EXPECT_THAT(error("-c 8"), HasSubstr("script:1:1: size is 8 bytes: it must be 18"));
  EXPECT_THAT(error("-c 1e9"), HasSubstr("65507"));
  EXPECT_THAT(error("-sp 9400"), HasSubstr("script:1:1: -sp: needs -sa ADDRESS here"));
  EXPECT_THAT(error("-a 10.0.0.1 -Sda 10.0.0.2"), HasSubstr("script:1:18: -Sda: signalling and data"));
  EXPECT_THAT(error("word"), HasSubstr("'word' is no option of ITGSend"));
  EXPECT_THAT(error(std::string("-t 5\x01\x02")), HasSubstr("'5?"
                                                            "?'"));
}

TEST(DitgScript, ThousandsOfLinesAreFineAndTheirNumberHasABound) {
  std::string script;
  for (std::size_t i = 0; i < RunSpec::kMaxFlows; ++i) script += "-C 10\n";
  EXPECT_EQ(parse(script).run.flows.size(), RunSpec::kMaxFlows);
  EXPECT_THAT(error(script + "-C 10\n"), HasSubstr("script:4097:1: is the flow beyond 4096"));
}

TEST(DitgScript, AFileThatIsNotThereIsNamed) {
  EXPECT_THAT([] { read_ditg_script("/nonexistent/script"); },
              ::testing::ThrowsMessage<UsageError>(HasSubstr("/nonexistent/script: cannot be read: No such file")));
}

}  // namespace
}  // namespace paceline::sender
