// SPDX-License-Identifier: MIT
#include "traffic/cpu.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

#include "tests/unit/temporary_directory.h"

namespace paceline::traffic {
namespace {

namespace fs = std::filesystem;

/// A root directory with the files that describe cgroups.
class Root : public testing::Test {
 protected:
  Root() { fs::create_directories(root_ / "proc/self"); }

  void put(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::optional<double> quota() const { return cgroup_cpu_quota(root_); }

  const TemporaryDirectory directory_;
  const fs::path& root_ = directory_.path();
};

constexpr const char* kMountV2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

TEST_F(Root, NothingToReadIsNoQuota) { EXPECT_EQ(quota(), std::nullopt); }

TEST_F(Root, ContainerSeesItsOwnGroupAsTheMount) {
  put("proc/self/mountinfo", kMountV2);
  put("proc/self/cgroup", "0::/\n");
  put("sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(quota(), 1.5);
}

TEST_F(Root, MaxIsNoQuota) {
  put("proc/self/mountinfo", kMountV2);
  put("proc/self/cgroup", "0::/\n");
  put("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(Root, TheLeastQuotaAboveCounts) {
  put("proc/self/mountinfo", kMountV2);
  put("proc/self/cgroup", "0::/kubepods/pod1/container\n");
  put("sys/fs/cgroup/kubepods/pod1/container/cpu.max", "max 100000\n");
  put("sys/fs/cgroup/kubepods/pod1/cpu.max", "50000 100000\n");
  put("sys/fs/cgroup/kubepods/cpu.max", "200000 100000\n");
  EXPECT_EQ(quota(), 0.5);
}

TEST_F(Root, PathOutsideTheMountMeansTheMount) {
  put("proc/self/mountinfo", "31 23 0:28 /kubepods/pod1 /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  put("proc/self/cgroup", "0::/../../elsewhere\n");
  put("sys/fs/cgroup/cpu.max", "300000 100000\n");
  EXPECT_EQ(quota(), 3.0);
}

TEST_F(Root, MountOfAGroupIsTheGroup) {
  put("proc/self/mountinfo", "40 31 0:35 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n");
  put("proc/self/cgroup", "4:cpu,cpuacct:/docker/abc\n0::/\n");
  put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n");
  put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 2.5);
}

TEST_F(Root, OtherControllersDoNotCount) {
  put("proc/self/mountinfo", "40 31 0:35 / /sys/fs/cgroup/cpuset ro - cgroup cgroup rw,cpuset\n");
  put("proc/self/cgroup", "4:cpuset:/\n");
  put("sys/fs/cgroup/cpuset/cpu.cfs_quota_us", "100000\n");
  put("sys/fs/cgroup/cpuset/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(Root, VersionOneSaysMinusOneForNone) {
  put("proc/self/mountinfo", "40 31 0:35 / /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n");
  put("proc/self/cgroup", "4:cpu:/\n");
  put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(Root, DamagedFilesAreNoQuota) {
  put("proc/self/mountinfo", "nonsense\n31 23 - \n - cgroup2\n" + std::string(kMountV2));
  put("proc/self/cgroup", "0\n0:\n0::/deep\n");
  put("sys/fs/cgroup/cpu.max", "100000 0\n");
  put("sys/fs/cgroup/deep/cpu.max", "?\n");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST(UsableCpus, FollowTheAffinityOfTheThread) {
  const std::uint32_t all = usable_cpus();
  EXPECT_GE(all, 1U);
  EXPECT_LE(all, std::thread::hardware_concurrency());
  std::thread([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(sched_getcpu()), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(usable_cpus(), 1U);
  }).join();
  EXPECT_EQ(usable_cpus(), all);
}

/// A cgroup of this machine with a quota of one CPU, in whichever version has the CPU controller.
class RealQuota {
 public:
  RealQuota() {
    for (const char* top : {"/sys/fs/cgroup", "/sys/fs/cgroup/cpu"}) {
      group_ = fs::path(top) / ("paceline-test-" + std::to_string(getpid()));
      std::error_code error;
      if (!fs::create_directory(group_, error)) continue;
      if (set("cpu.max", "100000 100000") || set("cpu.cfs_quota_us", "100000")) return;
      rmdir(group_.c_str());
    }
    group_.clear();
  }
  ~RealQuota() { rmdir(group_.c_str()); }

  bool exists() const { return !group_.empty(); }
  bool enter() const { return bool(std::ofstream(group_ / "cgroup.procs") << getpid() << std::flush); }

 private:
  bool set(const char* name, const char* value) const {
    return fs::exists(group_ / name) && bool(std::ofstream(group_ / name) << value << std::flush);
  }

  fs::path group_;
};

TEST(UsableCpus, FollowTheCgroupsQuota) {
  const RealQuota quota;
  if (!quota.exists()) GTEST_SKIP() << "needs a cgroup file system with the CPU controller to write to";
  const pid_t child = fork();
  if (child == 0) _exit(quota.enter() ? static_cast<int>(usable_cpus()) : 255);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 255) GTEST_SKIP() << "may not enter a cgroup";
  EXPECT_EQ(WEXITSTATUS(status), 1);
}

TEST(AffordablePacing, HybridNeedsACpuToSpare) {
  EXPECT_EQ(affordable_pacing(Pacing::hybrid, 1, 1), Pacing::sleep);
  EXPECT_EQ(affordable_pacing(Pacing::hybrid, 2, 1), Pacing::hybrid);
  EXPECT_EQ(affordable_pacing(Pacing::hybrid, 2, 2), Pacing::sleep);
  EXPECT_EQ(affordable_pacing(Pacing::hybrid, 8, 7), Pacing::hybrid);
  EXPECT_EQ(affordable_pacing(Pacing::busy, 1, 1), Pacing::busy);
  EXPECT_EQ(affordable_pacing(Pacing::sleep, 8, 1), Pacing::sleep);
}

}  // namespace
}  // namespace paceline::traffic
