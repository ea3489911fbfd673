// SPDX-License-Identifier: MIT
#include "traffic/cpu_time.h"

#include <gtest/gtest.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "tests/unit/temporary_directory.h"

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

class StolenTime : public testing::Test {
 protected:
  StolenTime() { std::filesystem::create_directories(root_ / "proc"); }
  void stat(const std::string& text) { std::ofstream(root_ / "proc/stat", std::ios::trunc) << text; }

  const TemporaryDirectory directory_;
  const std::filesystem::path& root_ = directory_.path();
};

TEST_F(StolenTime, IsThatOfAllCpusTogether) {
  stat("cpu  10 20 30 40 50 60 70 80 90 100\ncpu0 1 2 3 4 5 6 7 8 9 10\n");
  const auto tick = nanoseconds{1'000'000'000 / sysconf(_SC_CLK_TCK)};
  EXPECT_EQ(cpu_time(root_).stolen, 80 * tick);
}

TEST_F(StolenTime, IsTakenFromTheMeasuredPartAlone) {
  MeasuredCpu cpu;
  EXPECT_EQ(cpu.until(5s), CpuTime{});
  cpu.begin(5s);
  EXPECT_GE(cpu.until(7s).stolen, 0ns);
  EXPECT_EQ(cpu.until(7s).elapsed, 2s);
}

TEST_F(StolenTime, IsNoneWhereTheKernelDoesNotTell) {
  stat("cpu  10 20 30\n");
  EXPECT_EQ(cpu_time(root_).stolen, 0ns);
  stat("intr 1 2 3 4 5 6 7 8 9\n");
  EXPECT_EQ(cpu_time(root_).stolen, 0ns);
}

}  // namespace
}  // namespace paceline::traffic
