// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "paceline/sender.h"

namespace paceline::sender {

/// One form of a run's results, and where it goes. Called on one thread, which may have to wait for whoever reads.
class Output : public RunObserver {
 public:
  /// The last call, unless the run failed.
  virtual void finish(const RunResult& result) { (void)result; }
  /// After some calls, and a few times a second when there are none.
  virtual void show() {}
  /// What is to be known about what was written; empty: nothing.
  virtual std::string note() const { return ""; }
  /// Why not all could be written; empty if it could.
  virtual std::string trouble() const { return ""; }
};

}  // namespace paceline::sender
