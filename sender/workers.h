// SPDX-License-Identifier: MIT
#pragma once

#include "paceline/sender.h"
#include "traffic/worker.h"

namespace paceline::sender {

inline traffic::WorkerOptions worker_options(const WorkerSpec& spec) {
  return {spec.count, spec.cpus, spec.fifo_priority};
}

}  // namespace paceline::sender
