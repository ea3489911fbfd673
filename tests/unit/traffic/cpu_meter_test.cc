// SPDX-License-Identifier: MIT
#include "traffic/cpu_meter.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;

/// Fires when the test says so; `handler` takes whether it was cancelled.
struct HeldTimer {
  using time_point = std::chrono::steady_clock::time_point;
  using Handler = std::function<void(bool)>;

  explicit HeldTimer(Handler* at) : handler(at) {}
  void expires_at(time_point) {}
  void async_wait(Handler wait) { *handler = std::move(wait); }
  void cancel() {}

  Handler* handler;
};

using Meter = CpuMeter<SenderClock, HeldTimer>;

TEST(CpuMeter, HasNothingOfAPartThatNeverBegan) {
  HeldTimer::Handler fire;
  Meter meter(&fire);
  meter.begin_at(SenderClock::time_point{1s});
  fire(true);
  EXPECT_EQ(meter.end(), CpuTime{});
}

TEST(CpuMeter, CountsUntilItsFirstEnd) {
  HeldTimer::Handler fire;
  Meter meter(&fire);
  meter.begin_at(SenderClock::time_point{1s});
  fire(false);
  const CpuTime spent = meter.end();
  EXPECT_GT(spent.elapsed, 0ns);
  EXPECT_GE(spent.user + spent.system, 0ns);
  EXPECT_EQ(meter.end(), spent);
}

TEST(CpuMeter, MayBeGoneWhenItsTimerFires) {
  HeldTimer::Handler fire;
  std::make_unique<Meter>(&fire)->begin_at(SenderClock::time_point{1s});
  fire(false);
}

}  // namespace
}  // namespace paceline::traffic
