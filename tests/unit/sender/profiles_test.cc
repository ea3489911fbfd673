// SPDX-License-Identifier: MIT
//
// What each profile sends, against the figures of its source.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "paceline/error.h"
#include "paceline/profile.h"
#include "paceline/validate.h"
#include "traffic/packet_plan.h"

namespace paceline {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

PacketFlowSpec packets(const std::string& profile) {
  PacketFlowSpec flow = std::get<PacketFlowSpec>(make_profile(profile));
  flow.seed = 20240229;
  return flow;
}

/// What 100,000 packets of the profile are like.
struct Drawn {
  double rate_pps = 0, mean_size = 0;
  std::uint32_t least = UINT32_MAX, most = 0;
};
Drawn draw(const std::string& profile) {
  constexpr int kPackets = 100'000;
  const auto plan = traffic::PacketPlan::of(packets(profile));
  const auto source = plan.source();
  Drawn drawn;
  traffic::Slot slot;
  nanoseconds first{0};
  double bytes = 0;
  for (int i = 0; i < kPackets; ++i) {
    EXPECT_TRUE(source->next(slot));
    if (i == 0) first = slot.due;
    bytes += slot.size;
    drawn.least = std::min(drawn.least, slot.size);
    drawn.most = std::max(drawn.most, slot.size);
  }
  drawn.mean_size = bytes / kPackets;
  drawn.rate_pps = (kPackets - 1) / std::chrono::duration<double>(slot.due - first).count();
  return drawn;
}

void expect_near(double value, double expected, double part) { EXPECT_NEAR(value, expected, part * expected); }

TEST(Profiles, AreValidAndListedWithTheirSource) {
  std::set<std::string> names;
  for (const Profile& profile : profiles()) {
    SCOPED_TRACE(profile.name);
    EXPECT_TRUE(names.insert(profile.name).second);
    EXPECT_FALSE(profile.summary.empty());
    EXPECT_FALSE(profile.source.empty());
    EXPECT_NO_THROW(validate(profile.flow));
    EXPECT_EQ(make_profile(profile.name), profile.flow);
    const auto plan = traffic::PacketPlan::of(std::get<PacketFlowSpec>(profile.flow));
    EXPECT_GT(plan.spec().rate_pps, 0);
    EXPECT_GE(plan.spec().size, PacketFlowSpec::kMinSize);
  }
  EXPECT_GE(names.size(), 13u);
}

TEST(Profiles, EveryChoiceIsTaken) {
  for (const Profile& profile : profiles()) {
    for (const std::string& parameter : profile.parameters) {
      const auto equals = parameter.find('='), end = parameter.find(' ');
      std::string values = parameter.substr(equals + 1, end - equals - 1);
      if (values.find('|') == std::string::npos) continue;
      while (!values.empty()) {
        const std::string value = values.substr(0, values.find('|'));
        values.erase(0, value.size() + 1);
        const std::string text = profile.name + ":" + parameter.substr(0, equals) + "=" + value;
        SCOPED_TRACE(text);
        const auto flow = std::get<PacketFlowSpec>(make_profile(text));
        EXPECT_NO_THROW(validate(flow));
        EXPECT_NO_THROW(traffic::PacketPlan::of(flow));
      }
    }
  }
}

struct Call {
  const char* codec;
  std::uint32_t rtp, compressed;
  double rate_pps;
};

TEST(Profiles, VoipIsTheCodecsPackets) {
  for (const Call& call : {Call{"g711.1", 92, 82, 100}, Call{"g711.2", 172, 162, 50}, Call{"g729.2", 32, 22, 50},
                           Call{"g729.3", 42, 32, 33}, Call{"g723.1", 42, 32, 26}}) {
    SCOPED_TRACE(call.codec);
    const PacketFlowSpec rtp = packets(std::string("voip:codec=") + call.codec);
    EXPECT_FALSE(rtp.model);
    EXPECT_EQ(rtp.transport, Transport::udp);
    EXPECT_EQ(rtp.size, call.rtp);
    EXPECT_DOUBLE_EQ(rtp.rate_pps, call.rate_pps);
    EXPECT_EQ(packets(std::string("voip:header=crtp,codec=") + call.codec).size, call.compressed);
  }
}

TEST(Profiles, VoiceActivityIsSilenceNotSmallerPackets) {
  const Drawn drawn = draw("voip:codec=g711.2,vad=on");
  EXPECT_EQ(drawn.least, 172u);
  EXPECT_EQ(drawn.most, 172u);
  // 2,000 s, some 770 spurts: 1.004 of 2.591 s are spoken.
  expect_near(drawn.rate_pps, 50 * 1.004 / 2.591, 0.08);
  expect_near(traffic::PacketPlan::of(packets("voip:codec=g711.2,vad=on")).spec().rate_pps, 50 * 1.004 / 2.591, 0.01);

  const auto source = traffic::PacketPlan::of(packets("voip:codec=g711.2,vad=on")).source();
  traffic::Slot slot;
  std::int64_t previous = 0, longest = 0;
  int within_speech = 0;
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(source->next(slot));
    const std::int64_t gap = slot.due.count() - std::exchange(previous, slot.due.count());
    longest = std::max(longest, gap);
    if (std::abs(gap - 20'000'000) <= 1) ++within_speech;
  }
  EXPECT_GT(longest, 1'000'000'000);
  EXPECT_GT(within_speech, 9'500);
}

TEST(Profiles, TelnetHasTheMeanThatItsBoundGivesIt) {
  // Pareto of shape a and scale s, bounded by t: a s / (1 - a) ((t/s)^(1-a) - 1) / (1 - (s/t)^a).
  const double a = 0.95, s = 0.0011, t = 1;
  const double mean = a * s / (1 - a) * (std::pow(t / s, 1 - a) - 1) / (1 - std::pow(s / t, a));
  expect_near(traffic::PacketPlan::of(packets("telnet")).spec().rate_pps, 1 / mean, 0.001);
  const Drawn drawn = draw("telnet");
  expect_near(drawn.rate_pps, 1 / mean, 0.05);
  const double bytes =
      .65 * 1 + .13 * 2 + .07 * 3 + .05 * 4 + .03 * 5 + .01 * (6 + 7 + 8 + 9) + .005 * (10 + 11 + 12 + 13 + 14 + 15);
  expect_near(drawn.mean_size, 20 + bytes, 0.01);
  EXPECT_EQ(drawn.least, 21u);
  EXPECT_EQ(drawn.most, 35u);
  EXPECT_EQ(packets("telnet").transport, Transport::tcp);
}

TEST(Profiles, DnsIsAQueryNowAndThen) {
  const Drawn drawn = draw("dns");
  expect_near(drawn.rate_pps, 1 / 1.7857, 1e-6);
  expect_near(drawn.mean_size, 210, 0.01);
  EXPECT_EQ(drawn.least, 100u);
  EXPECT_EQ(drawn.most, 320u);
  EXPECT_EQ(packets("dns:transport=tcp").transport, Transport::tcp);
}

TEST(Profiles, GamesHaveTheirModelsMeans) {
  const Drawn quake = draw("quake3");
  expect_near(quake.rate_pps, 1000 / (0.6 * 4.29 + 0.4 * 10.75), 0.01);
  expect_near(quake.mean_size, 64.15, 0.005);

  const Drawn active = draw("counter-strike");
  expect_near(active.rate_pps, 1000 / 41.6994, 0.005);
  expect_near(active.mean_size, 0.3732 * 34.8352 + 0.6268 * 49.4904, 0.005);

  const Drawn idle = draw("counter-strike:state=idle");
  expect_near(idle.rate_pps, 1000 / 41.6858, 0.005);
  expect_near(idle.mean_size,
              .8312 * 27 + .0018 * 28 + .0453 * 29 + .0195 * 30 + .0879 * 31 + .0024 * 32 + .0106 * 33 + .0013 * 35,
              0.002);
  EXPECT_EQ(idle.least, 27u);
  EXPECT_EQ(idle.most, 35u);
}

TEST(Profiles, PeriodicControlIsOneMessageACycle) {
  const PacketFlowSpec first = packets("urllc-periodic");
  EXPECT_DOUBLE_EQ(first.rate_pps, 2000);
  EXPECT_EQ(first.size, 50u);
  EXPECT_DOUBLE_EQ(packets("urllc-periodic:cycle=1ms").rate_pps, 1000);
  EXPECT_EQ(packets("urllc-periodic:cycle=1ms").size, 40u);
  EXPECT_DOUBLE_EQ(packets("urllc-periodic:cycle=2ms").rate_pps, 500);
  EXPECT_EQ(packets("urllc-periodic:cycle=2ms").size, 20u);
  EXPECT_DOUBLE_EQ(packets("xr-pose").rate_pps, 250);
  EXPECT_EQ(packets("xr-pose").size, 100u);
}

TEST(Profiles, EventsHaveTheTablesBitRate) {
  const Drawn drawn = draw("urllc-event");
  expect_near(drawn.rate_pps * drawn.mean_size * 8, 250e3, 0.015);
  EXPECT_EQ(drawn.least, 40u);
  EXPECT_EQ(drawn.most, 250u);
}

TEST(Profiles, ACellsDevicesReportTogether) {
  const double report_rate = 0.4 / 86400 + 0.4 / 7200 + 0.15 / 3600 + 0.05 / 1800;
  expect_near(traffic::PacketPlan::of(packets("mmtc")).spec().rate_pps, 52547 * report_rate, 1e-6);
  const Drawn drawn = draw("mmtc:devices=1000000");
  expect_near(drawn.rate_pps, 1e6 * report_rate, 0.015);
  // The mean of min(X, 200): 20 * 2.5 / 1.5 less what is beyond.
  expect_near(drawn.mean_size, 20 * 2.5 / 1.5 - 20 / 1.5 * std::pow(0.1, 1.5), 0.01);
  EXPECT_EQ(drawn.least, 20u);
  EXPECT_EQ(drawn.most, 200u);
}

TEST(Profiles, VideoFramesHaveTheRateAndLeaveAtOnce) {
  for (const auto& [profile, bits] : {std::pair{"xr-video", 30e6}, std::pair{"cloud-gaming:rate=8M", 8e6}}) {
    SCOPED_TRACE(profile);
    const Drawn drawn = draw(profile);
    expect_near(drawn.rate_pps * drawn.mean_size * 8, bits, 0.01);
    EXPECT_LE(drawn.most, 1400u);
  }
  // The packets of a frame are due together; frames are 1/60 s apart, give or take 8 ms of jitter.
  const auto source = traffic::PacketPlan::of(packets("xr-video")).source();
  traffic::Slot slot;
  nanoseconds previous{-1};
  std::vector<double> frames, gaps;
  double frame = 0;
  while (frames.size() < 10'000) {
    ASSERT_TRUE(source->next(slot));
    if (slot.due != previous) {
      if (previous.count() >= 0) {
        frames.push_back(frame);
        gaps.push_back(std::chrono::duration<double>(slot.due - previous).count());
      }
      frame = 0;
      previous = slot.due;
    }
    frame += slot.size;
  }
  double sum = 0, squares = 0;
  for (const double size : frames) sum += size, squares += size * size;
  const double mean = sum / 1e4;
  expect_near(mean, 62500, 0.005);
  expect_near(std::sqrt(squares / 1e4 - mean * mean), 0.105 * 62500, 0.03);
  EXPECT_GE(*std::ranges::min_element(frames), 31250);
  EXPECT_LE(*std::ranges::max_element(frames), 93750 + 18);
  EXPECT_GE(*std::ranges::min_element(gaps), 1.0 / 60 - 0.0081);
  EXPECT_LE(*std::ranges::max_element(gaps), 1.0 / 60 + 0.0081);
}

TEST(Profiles, FilesArriveAsPoissonEventsAndGoOverTcp) {
  const Drawn drawn = draw("embb-file");
  expect_near(drawn.rate_pps * drawn.mean_size * 8, 20e6, 0.03);
  EXPECT_EQ(drawn.most, 62500u);
  EXPECT_EQ(packets("embb-file").transport, Transport::tcp);
  expect_near(traffic::PacketPlan::of(packets("embb-file:file=2M,every=4s")).spec().rate_pps, 8, 1e-6);
}

TEST(Profiles, ImixIsSevenFourOne) {
  const Drawn four = draw("imix:rate=5k");
  expect_near(four.rate_pps, 5000, 1e-6);
  expect_near(four.mean_size, (7 * 18 + 4 * 548 + 1472) / 12.0, 0.01);
  const Drawn six = draw("imix:ip=6");
  expect_near(six.mean_size, (7 * 18 + 4 * 528 + 1452) / 12.0, 0.01);
}

TEST(Profiles, ErrorsSayWhatWasProbablyMeant) {
  const auto message = [](const std::string& text) {
    try {
      make_profile(text);
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(message("telnett"), HasSubstr("did you mean 'telnet'?"));
  EXPECT_THAT(message("nothing-like-it"), HasSubstr("there are voip, telnet"));
  EXPECT_THAT(message("voip:codek=g711.1"), HasSubstr("did you mean 'codec'?"));
  EXPECT_THAT(message("voip:codec=g712"), HasSubstr("none of g711.1, g711.2"));
  EXPECT_THAT(message("voip:codec"), HasSubstr("no PARAMETER=VALUE"));
  EXPECT_THAT(message("voip:vad=on,"), HasSubstr("'' of the profile voip is no PARAMETER=VALUE"));
  EXPECT_THAT(message("voip:vad=on,codec=g711.1,vad=off"), HasSubstr("voip has its vad twice"));
  EXPECT_THAT(message("telnet:a=b"), HasSubstr("has no parameters"));
  EXPECT_THAT(message("imix:rate=0"), HasSubstr("above 0"));
  EXPECT_THAT(message("imix:rate=fast"), HasSubstr("packet rate"));
  EXPECT_THAT(message(""), HasSubstr("not known"));
}

}  // namespace
}  // namespace paceline
