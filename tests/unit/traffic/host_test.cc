// SPDX-License-Identifier: MIT
#include "traffic/host.h"

#include <gtest/gtest.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "tests/unit/temporary_directory.h"
#include "traffic/cpu.h"

namespace paceline::traffic {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

TEST(ThisHost, SaysWhatTheKernelSays) {
  const Host host = this_host();
  EXPECT_EQ(host.kernel + "\n", content("/proc/sys/kernel/osrelease"));
  EXPECT_EQ(host.cpus, usable_cpus());
  EXPECT_EQ(host.clocksource + "\n", content("/sys/devices/system/clocksource/clocksource0/current_clocksource"));
  EXPECT_FALSE(host.cpu.empty());
}

class OtherRoot : public testing::Test {
 protected:
  OtherRoot() { fs::create_directories(root_ / "proc"); }

  const TemporaryDirectory directory_;
  const fs::path& root_ = directory_.path();
};

TEST_F(OtherRoot, TakesTheFirstModelName) {
  std::ofstream(root_ / "proc/cpuinfo") << "processor\t: 0\nmodel\t\t: 7\nmodel name\t: Abacus: 9000 @ 1.50GHz\n"
                                           "processor\t: 1\nmodel name\t: Other\n";
  EXPECT_EQ(this_host(root_).cpu, "Abacus: 9000 @ 1.50GHz");
}

TEST_F(OtherRoot, FallsBackToTheArchitecture) {
  utsname system{};
  ASSERT_EQ(uname(&system), 0);
  EXPECT_EQ(this_host(root_).cpu, system.machine);
  EXPECT_EQ(this_host(root_).clocksource, "");
}

}  // namespace
}  // namespace paceline::traffic
