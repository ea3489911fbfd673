// SPDX-License-Identifier: MIT
#pragma once

#include <asio/io_context.hpp>
#include <set>
#include <string>

#include "paceline/sender.h"
#include "sender/sessions.h"

namespace paceline::sender {

/// What the flows of a run share.
class RunContext {
 public:
  RunContext(asio::io_context& io_context, const RunSpec& run, RunObserver& run_observer)
      : io(io_context), spec(run), observer(run_observer), sessions(io_context, run) {}

  /// Tells the observer, once a text: a thousand flows have one and the same to complain of.
  void warn(const std::string& text) {
    if (warned_.insert(text).second) observer.warning(text);
  }

  asio::io_context& io;
  const RunSpec& spec;
  RunObserver& observer;
  Sessions sessions;
  bool records_unwanted = false;  // those that have not come yet

 private:
  std::set<std::string> warned_;
};

}  // namespace paceline::sender
