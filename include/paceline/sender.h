// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "paceline/endpoint.h"
#include "paceline/flow.h"
#include "paceline/key.h"
#include "paceline/result.h"
#include "paceline/slice.h"
#include "paceline/tls.h"

namespace paceline {

enum class Family { any, ipv4, ipv6 };

/// Where one-way delays get their common clock from.
enum class ClockPolicy {
  estimate,      ///< the exchange on the data path
  synchronized,  ///< both ends' CLOCK_REALTIME, which the user vouches for
};

/// The threads that send and receive.
struct WorkerSpec {
  std::uint32_t count = 0;            ///< 0: one a CPU that the process may use
  std::vector<std::uint32_t> cpus{};  ///< CPUs that they are bound to, in turn; empty: the process's own mask
  int fifo_priority = 0;  ///< SCHED_FIFO at this priority, 1 to 99 (needs CAP_SYS_NICE); 0: as the process is
};

/// A receiver, and how to reach it.
struct Target {
  Endpoint receiver{"", 9000};               ///< signalling address; names are resolved
  std::optional<std::uint16_t> data_port{};  ///< the only candidate when set (a NodePort's number, say)

  bool operator==(const Target&) const = default;
};

struct RunSpec {
  Endpoint receiver{"", 9000};                ///< as Target's, of all flows that are not in `elsewhere`
  std::optional<std::uint16_t> data_port{};   ///< likewise
  std::map<std::size_t, Target> elsewhere{};  ///< flows that go to another receiver, by their index
  std::optional<std::uint16_t> listen{};      ///< passive: a receiver dials in here (paceline-recv --dial), instead of
                                              ///< being dialled; `receiver` is not used then, and `elsewhere` is empty
  nanoseconds dial_limit = std::chrono::seconds(60);  ///< how long to wait for it
  std::optional<Key> key{};       ///< proven to every receiver, each of which must prove that it has it, too
  std::optional<TlsTrust> tls{};  ///< signalling is by TLS alone; with `listen` it says the name, for none is dialled
  Family family = Family::any;
  ClockPolicy clock = ClockPolicy::estimate;
  std::vector<FlowSpec> flows{PacketFlowSpec{}};  ///< 1 to kMaxFlows, started together but for their delays; UDP
                                                  ///< flows of one rate share out a gap, 100 ms of it at most
  std::vector<SliceSpec> slices{};
  std::string title{};  ///< carried into the result; at most kMaxTitle bytes

  std::string source{};           ///< address that packets and connections leave from; empty: the route's
  std::uint16_t source_port = 0;  ///< of the first flow's first socket, the others count up; 0: fresh ones
  std::optional<std::uint32_t>
      flow_label{};  ///< of IPv6 packets of the data path (RFC 6437), 20 bits; else the kernel's
  WorkerSpec workers{};

  /// Where each packet flow's record file is brought over the signalling channel, once all flows have ended; never
  /// over a file that is there. With several packet flows the flow's number, -1, -2, ..., comes before the extension.
  /// What arrives is in FILE.part until it is whole, and stays there if it never is. Empty: no records.
  std::filesystem::path record{};

  static constexpr std::size_t kMaxFlows = 4096;
  static constexpr std::size_t kMaxTitle = 1024;
};

/// Told of a run's progress, on the thread that called run(), one call at a time. Must not throw.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  /// A receiver may dial in at this port now, for RunSpec::dial_limit.
  virtual void waiting(std::uint16_t port) { (void)port; }
  virtual void connected(const std::string& address) { (void)address; }
  virtual void path_confirmed(std::size_t flow, const PathResult& path, const Stamping& stamping) {
    (void)flow, (void)path, (void)stamping;
  }
  virtual void interval(std::size_t flow, const PacketInterval& interval) { (void)flow, (void)interval; }
  virtual void interval(std::size_t flow, const TcpInterval& interval) { (void)flow, (void)interval; }
  virtual void interval(std::size_t flow, const ConnectionInterval& interval) { (void)flow, (void)interval; }
  virtual void finished(std::size_t flow, const FlowResult& result) { (void)flow, (void)result; }
  /// `bytes` of a flow's record, which has `of` in all, are in `file`, or were when the transfer ended; the last call
  /// for a record that came whole has bytes == of. Between them a call a second at most.
  virtual void record(std::size_t flow, const std::filesystem::path& file, std::uint64_t bytes, std::uint64_t of) {
    (void)flow, (void)file, (void)bytes, (void)of;
  }
  virtual void warning(const std::string& text) { (void)text; }
};

/// Runs the flows against a receiver and returns when their results are in. Blocks; a stop request ends the flows
/// early and returns what was measured, marked partial with the reason. Throws UsageError for a spec that makes no
/// sense and SetupError when nothing could be measured. Several runs in one process are independent. Uses up to
/// WorkerSpec::count threads a kind of flow beside the caller's.
RunResult run(const RunSpec& spec, RunObserver& observer, std::stop_token stop = {});

}  // namespace paceline
