// SPDX-License-Identifier: MIT
#include "traffic/worker.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "traffic/cpu.h"

namespace paceline::traffic {
namespace {

WorkerOptions bound_to(std::vector<std::uint32_t> cpus) {
  WorkerOptions options;
  options.cpus = std::move(cpus);
  return options;
}

/// On a thread of its own, which keeps what becomes of it.
template <class Body>
void on_a_thread(Body body) {
  std::thread(body).join();
}

std::vector<std::uint32_t> allowed_cpus() {
  cpu_set_t set;
  EXPECT_EQ(sched_getaffinity(0, sizeof set, &set), 0);
  std::vector<std::uint32_t> cpus;
  for (std::uint32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

TEST(WorkerCount, IsAtMostOneAFlowAndOneACpu) {
  EXPECT_EQ(worker_count({}, 0), 1U);
  EXPECT_EQ(worker_count({}, 1), 1U);
  EXPECT_EQ(worker_count({}, 100'000), usable_cpus());
}

TEST(WorkerCount, FollowsWhatWasAsked) {
  WorkerOptions options;
  options.count = 3;
  EXPECT_EQ(worker_count(options, 2), 2U);
  EXPECT_EQ(worker_count(options, 10), 3U);
  options.cpus = {0};
  EXPECT_EQ(worker_count(options, 10), 3U);
  EXPECT_EQ(worker_count(bound_to({0}), 10), 1U);
}

TEST(BecomeWorker, LeavesAThreadAsItIsByDefault) {
  on_a_thread([] {
    const auto before = allowed_cpus();
    EXPECT_EQ(become_worker({}, 5), "");
    EXPECT_EQ(allowed_cpus(), before);
    EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER);
  });
}

TEST(BecomeWorker, BindsInTurn) {
  const auto cpus = allowed_cpus();
  for (std::size_t index = 0; index < cpus.size() + 1; ++index) {
    on_a_thread([&] {
      EXPECT_EQ(become_worker(bound_to(cpus), index), "");
      EXPECT_EQ(allowed_cpus(), std::vector{cpus[index % cpus.size()]});
    });
  }
}

TEST(BecomeWorker, NamesACpuThatIsNotThere) {
  for (const std::uint32_t cpu : {65'535U, 65'536U, 4'294'967'295U}) {
    on_a_thread([&] {
      const auto before = allowed_cpus();
      EXPECT_EQ(become_worker(bound_to({cpu}), 0), "CPU " + std::to_string(cpu) + ": Invalid argument");
      EXPECT_EQ(allowed_cpus(), before);
    });
  }
}

TEST(BecomeWorker, RaisesItsPriorityOrSaysWhatItLacks) {
  WorkerOptions options;
  options.fifo_priority = 2;
  on_a_thread([&] {
    const std::string lacks = become_worker(options, 0);
    if (lacks.empty())
      EXPECT_EQ(sched_getscheduler(0), SCHED_FIFO);
    else
      EXPECT_EQ(lacks, "SCHED_FIFO needs CAP_SYS_NICE");
  });
  on_a_thread([&] {
    // Capabilities are a thread's own.
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2]{};
    ASSERT_EQ(syscall(SYS_capset, &header, none), 0);
    EXPECT_EQ(become_worker(options, 0), "SCHED_FIFO needs CAP_SYS_NICE");
    options.cpus = {65'535};
    EXPECT_EQ(become_worker(options, 0), "CPU 65535: Invalid argument; SCHED_FIFO needs CAP_SYS_NICE");
  });
}

TEST(BecomeWorker, NamesAPriorityThatDoesNotExist) {
  WorkerOptions options;
  options.fifo_priority = 100;
  on_a_thread([&] { EXPECT_EQ(become_worker(options, 0), "SCHED_FIFO at priority 100: Invalid argument"); });
}

}  // namespace
}  // namespace paceline::traffic
