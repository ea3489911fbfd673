// SPDX-License-Identifier: MIT
#include "traffic/tcp_granules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace paceline::traffic {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
constexpr std::uint64_t kGranule = bpf::TcpArrivals::kGranule;

struct Hook {
  std::map<std::uint64_t, nanoseconds> arrivals;
  bpf::TcpArrivals::Counts counts;
};

class HookView : public bpf::TcpArrivals {
 public:
  explicit HookView(const Hook* hook) : hook_(hook) {}
  std::optional<nanoseconds> arrival(std::uint64_t number) const override {
    const auto found = hook_->arrivals.find(number);
    return found == hook_->arrivals.end() ? std::nullopt : std::optional(found->second);
  }
  Counts counts() const override { return hook_->counts; }

 private:
  const Hook* hook_;
};

struct Recorder : GranuleSink {
  std::vector<std::int64_t> delays, gaps;
  void read(std::int64_t host_delay_ns) override { delays.push_back(host_delay_ns); }
  void gap(std::int64_t gap_ns) override { gaps.push_back(gap_ns); }
  void take(TcpInterval&) override {}
};

StreamGranules granules_of(const Hook& hook, std::uint64_t read_before, nanoseconds timens_offset = nanoseconds{0}) {
  return {std::make_unique<HookView>(&hook), read_before, timens_offset};
}

TEST(StreamGranules, AGranuleCountsWhenItsLastByteIsRead) {
  Hook hook;
  hook.arrivals = {{0, nanoseconds{100}}, {1, nanoseconds{130}}, {2, nanoseconds{170}}};
  Recorder recorder;
  StreamGranules granules = granules_of(hook, 0);
  granules.read(kGranule - 1, nanoseconds{200}, recorder);
  EXPECT_THAT(recorder.delays, IsEmpty());
  granules.read(1, nanoseconds{210}, recorder);
  EXPECT_THAT(recorder.delays, ElementsAre(110));
  granules.read(2 * kGranule + 5, nanoseconds{300}, recorder);
  EXPECT_THAT(recorder.delays, ElementsAre(110, 170, 130));
  EXPECT_THAT(recorder.gaps, ElementsAre(30, 40));
  EXPECT_EQ(granules.take().granules, 3u);
}

TEST(StreamGranules, WhatWasReadBeforeIsCountedAsTheHookDoes) {
  Hook hook;
  hook.arrivals = {{0, nanoseconds{100}}, {1, nanoseconds{130}}};
  Recorder recorder;
  StreamGranules granules = granules_of(hook, 64);
  granules.read(kGranule - 64, nanoseconds{200}, recorder);
  EXPECT_THAT(recorder.delays, ElementsAre(100));
  // One that was read whole before is nobody's.
  Recorder other;
  StreamGranules later = granules_of(hook, kGranule);
  later.read(kGranule, nanoseconds{200}, other);
  EXPECT_THAT(other.delays, ElementsAre(70));
}

TEST(StreamGranules, AMissedOneBreaksTheGapsAroundIt) {
  Hook hook;
  hook.arrivals = {{0, nanoseconds{100}}, {2, nanoseconds{170}}, {3, nanoseconds{160}}};
  Recorder recorder;
  StreamGranules granules = granules_of(hook, 0);
  granules.read(4 * kGranule, nanoseconds{200}, recorder);
  EXPECT_THAT(recorder.delays, ElementsAre(100, 30, 40));
  EXPECT_THAT(recorder.gaps, ElementsAre(-10));  // reordered: shown as it is
  const WireCounts wire = granules.take();
  EXPECT_EQ(wire.granules, 3u);
  EXPECT_EQ(wire.granules_missed, 1u);
}

TEST(StreamGranules, TheHooksClockIsThatOfTheFirstTimeNamespace) {
  Hook hook;
  hook.arrivals = {{0, nanoseconds{100}}};
  Recorder recorder;
  StreamGranules granules = granules_of(hook, 0, nanoseconds{1'000'000});
  granules.read(kGranule, nanoseconds{1'000'150}, recorder);
  EXPECT_THAT(recorder.delays, ElementsAre(50));
}

TEST(StreamGranules, CountsAreOfTheInterval) {
  Hook hook;
  hook.counts = {10, 20, 30'000, 40};  // the probes, before the stream
  Recorder recorder;
  StreamGranules granules = granules_of(hook, 0);
  hook.counts = {11, 24, 36'000, 45};
  const WireCounts first{1, 4, 6'000, 5, 0, 0};
  EXPECT_EQ(granules.take(), first);
  EXPECT_EQ(granules.take(), WireCounts{});
}

}  // namespace
}  // namespace paceline::traffic
