// SPDX-License-Identifier: MIT
#include "traffic/worker.h"

#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

#include "traffic/cpu.h"

namespace paceline::traffic {

namespace {

constexpr std::uint32_t kMostCpus = 1 << 16;  // well above what any kernel is built for

std::string message(int error) { return std::generic_category().message(error); }

// Returns an errno.
int bind_to(std::uint32_t cpu) {
  if (cpu >= kMostCpus) return EINVAL;
  const std::size_t size = CPU_ALLOC_SIZE(cpu + 1);
  const auto release = [](cpu_set_t* set) { CPU_FREE(set); };
  const std::unique_ptr<cpu_set_t, decltype(release)> set(CPU_ALLOC(cpu + 1));
  if (!set) return ENOMEM;
  CPU_ZERO_S(size, set.get());
  CPU_SET_S(cpu, size, set.get());
  return sched_setaffinity(0, size, set.get()) == 0 ? 0 : errno;
}

std::string bind_worker(const WorkerOptions& options, std::size_t index) {
  if (options.cpus.empty()) return {};
  const std::uint32_t cpu = options.cpus[index % options.cpus.size()];
  const int error = bind_to(cpu);
  return error == 0 ? "" : "CPU " + std::to_string(cpu) + ": " + message(error);
}

std::string raise_priority(int priority) {
  if (priority == 0) return {};
  sched_param parameter{};
  parameter.sched_priority = priority;
  if (sched_setscheduler(0, SCHED_FIFO, &parameter) == 0) return {};
  if (errno == EPERM) return "SCHED_FIFO needs CAP_SYS_NICE";
  return "SCHED_FIFO at priority " + std::to_string(priority) + ": " + message(errno);
}

// Signals are for the program's own threads; and splice() has no MSG_NOSIGNAL.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

std::size_t worker_count(const WorkerOptions& options, std::size_t flows) {
  std::size_t most = options.count;
  if (most == 0) most = options.cpus.empty() ? usable_cpus() : options.cpus.size();
  return std::clamp<std::size_t>(flows, 1, most);
}

std::string become_worker(const WorkerOptions& options, std::size_t index) {
  block_signals();
  const std::string unbound = bind_worker(options, index);
  const std::string unraised = raise_priority(options.fifo_priority);
  return unbound + (unbound.empty() || unraised.empty() ? "" : "; ") + unraised;
}

}  // namespace paceline::traffic
