// SPDX-License-Identifier: MIT
//
// Runs on another machine: a sender that waits for instructions, and whoever instructs it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "paceline/endpoint.h"
#include "paceline/key.h"
#include "paceline/sender.h"

namespace paceline {

/// A sender that runs what others ask of it, and what it grants them.
struct RemoteSpec {
  static constexpr std::uint16_t kPort = 8998;

  std::string bind{};          ///< address to listen on; empty: all, IPv4 and IPv6
  std::uint16_t port = kPort;  ///< TCP; 0: any free one
  std::vector<Key> keys{};     ///< with those of key_file at least one: a controller must have one of them. A run's key
                               ///< is known by its name, and is this sender's of that name
  std::optional<KeyFile> key_file{};
  std::uint32_t max_runs = 4;                         ///< at once; another is refused
  nanoseconds max_duration = std::chrono::hours(24);  ///< of a flow, its delay and warm-up included; of the wait for a
                                                      ///< receiver that dials in
  std::vector<std::string> receivers{};               ///< that runs may go to: addresses, networks (192.0.2.0/24), or
                                                      ///< names as they are asked for; empty: any
  std::optional<std::filesystem::path> files{};  ///< folder below which a run may name files of this machine (traces,
                                                 ///< payloads, empirical values); without: none
};

/// Told of a waiting sender's life, on the thread that called serve_runs(), one call at a time; it must return soon.
class RemoteObserver {
 public:
  virtual ~RemoteObserver() = default;
  virtual void listening(std::uint16_t port) { (void)port; }
  virtual void run_started(const std::string& controller, const std::string& key, const RunSpec& spec) {
    (void)controller, (void)key, (void)spec;
  }
  /// `why`: empty for a complete result.
  virtual void run_ended(const std::string& controller, const std::string& why) { (void)controller, (void)why; }
  /// The key file has changed, and what it holds stands from now on.
  virtual void credentials_changed(const std::string& text) { (void)text; }
  virtual void warning(const std::string& text) { (void)text; }
};

/// Runs what controllers ask for until a stop is requested; then ends the runs with partial results and returns.
/// Blocks. A controller that vanishes ends its run. Throws UsageError and SetupError before listening() was called.
/// Uses a thread a run beside the run's own.
void serve_runs(const RemoteSpec& spec, RemoteObserver& observer, std::stop_token stop = {});

/// As run(), on the machine at `sender` (serve_runs()): the observer is told what happens there, the result is what was
/// measured there. Files that the spec names are that machine's; of RunSpec::key only the name is sent, and the
/// secret is that machine's. Records (RunSpec::record) are not brought here: UsageError. When the connection to it ends
/// early, so does the run, and SetupError is thrown.
RunResult run_remotely(const Endpoint& sender, const Key& key, const RunSpec& spec, RunObserver& observer,
                       std::stop_token stop = {});

}  // namespace paceline
