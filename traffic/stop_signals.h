// SPDX-License-Identifier: MIT
#pragma once

#include <stop_token>

namespace paceline::traffic {

/// SIGINT and SIGTERM request a stop. Signals that come within half a second of the first are the same wish (a terminal
/// and timeout(1) may both tell the whole process group); a later one ends the process at once, with 128 + its number,
/// if `impatient`. SIGPIPE is ignored from then on. For programs, before they start other threads; a library leaves
/// signals to its host.
void stop_on_signals(std::stop_source stop, bool impatient);

/// On this thread and those that it starts from now on. The others do this, too: for a program that calls them on
/// another thread than its first.
void block_stop_signals();

/// SIGTERM requests a drain; SIGINT, or what comes later than half a second after the first signal, a stop. Otherwise
/// as stop_on_signals().
void drain_on_signals(std::stop_source drain, std::stop_source stop);

}  // namespace paceline::traffic
