// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace paceline::traffic {

/// How threads that make or take traffic run.
struct WorkerOptions {
  std::uint32_t count = 0;          ///< how many there are at most; 0: one for each of `cpus`, or usable_cpus()
  std::vector<std::uint32_t> cpus;  ///< worker i is bound to cpus[i % size]; empty: not bound
  int fifo_priority = 0;            ///< SCHED_FIFO at this priority, 1 to 99; 0: as the process is
};

/// Threads to use for so many flows: at least 1, at most one a flow.
std::size_t worker_count(const WorkerOptions& options, std::size_t flows);

/// Makes the calling thread worker `index`: blocks signals, binds it, gives it its priority. Returns why not, with what
/// it lacks
/// ("CPU 7: Invalid argument", "SCHED_FIFO needs CAP_SYS_NICE"); empty if all was done.
std::string become_worker(const WorkerOptions& options, std::size_t index);

}  // namespace paceline::traffic
