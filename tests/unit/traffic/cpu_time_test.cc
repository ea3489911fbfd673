// SPDX-License-Identifier: MIT
#include "traffic/cpu_time.h"

#include <gtest/gtest.h>
#include <time.h>

#include <thread>

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;

nanoseconds thread_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

TEST(CpuTime, GrowsByWhatEveryThreadUses) {
  const CpuTime before = cpu_time();
  std::thread([] {
    while (thread_time() < 30ms) {
    }
  }).join();
  const CpuTime after = cpu_time();
  EXPECT_GE(after.user, before.user);
  EXPECT_GE(after.system, before.system);
  EXPECT_GE(after.user + after.system - before.user - before.system, 29ms);  // of a clock that counts microseconds
  EXPECT_EQ(after.elapsed, 0ns);
}

}  // namespace
}  // namespace paceline::traffic
