// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "paceline/endpoint.h"
#include "paceline/key.h"
#include "paceline/result.h"
#include "paceline/tls.h"

namespace paceline {

enum class TcMode {
  automatic,  ///< the best rung that works; says why when it is not the first
  required,   ///< flows without a TC stamp are refused
  off,        ///< userspace time only
};

/// What a receiver grants; a request beyond is refused by the limit's name, never cut down.
struct ReceiverLimits {
  std::uint32_t sessions = 64;             // in all
  std::uint32_t sessions_per_client = 32;  // by IP address; behind source NAT that of the node
  std::uint32_t flows = 4096;              // in all
  std::uint32_t flows_per_session = 4096;
  std::uint32_t flows_per_client = 4096;   ///< by IP address, as sessions
  std::uint32_t followers = 16;            ///< in all; 0: nobody may follow
  std::uint32_t followers_per_client = 8;  ///< by IP address, as sessions
  std::uint32_t streams = 1024;            ///< TCP connections of one flow
  // Rates are of packets, or exchanges of a connection flow; bitrates of payload. 0: no limit, and flat out is allowed.
  // What a flow asks for counts, as long as it is there, whether it has begun or not.
  double rate_pps = 0;                            ///< of one flow
  double bitrate_bps = 0;                         ///< of one flow
  double client_rate_pps = 0;                     ///< of all flows from one IP address
  double client_bitrate_bps = 0;                  ///< of all flows from one IP address
  double total_rate_pps = 0;                      ///< of all flows
  double total_bitrate_bps = 0;                   ///< of all flows
  nanoseconds duration = std::chrono::hours(24);  ///< of one flow
  /// Bytes of all records. Those in the record directory count until they are gone, those of earlier receivers too: 10
  /// GB unless given; others until their senders have fetched them: 1 GB. What is in memory, where there is no disk,
  /// has a quarter of the memory at most.
  std::optional<std::uint64_t> record_bytes{};
  std::optional<std::uint64_t> client_record_bytes{};  ///< of those of one IP address; half of all unless given
};

struct ReceiverSpec {
  std::string bind{};                            ///< address to listen on; empty: all, IPv4 and IPv6
  std::uint16_t port = 9000;                     ///< signalling, TCP; 0: any free one
  std::uint16_t data_port = 8999;                ///< data, UDP and TCP; 0: any free one
  std::optional<std::uint16_t> advertise_udp{};  ///< the data port as senders see it (a NodePort's number)
  std::optional<std::uint16_t> advertise_tcp{};
  /// Passive: senders that wait (RunSpec::listen) to be dialled, each again and again, 1 s to 30 s after it was last
  /// gone or could not be reached. Others may dial in all the same, unless `dial_only`.
  std::vector<Endpoint> dial{};
  bool dial_only = false;       ///< nobody is served who dials in; needs a `dial`
  std::uint32_t workers = 0;    ///< threads for data; 0: one a CPU that the process may use
  bool one_off = false;         ///< returns when the first session that had a flow is over
  nanoseconds idle_timeout{0};  ///< returns when there was no session for so long; 0: never
  nanoseconds grace{0};         ///< for flows to end by themselves once a drain is requested
  TcMode tc = TcMode::automatic;
  std::vector<std::string> interfaces{};  ///< for the TC hook; empty: all that are up and not a loopback
  bool allow_tcx = true;                  ///< false: start the ladder at clsact
  bool allow_clsact = true;               ///< false: leave clsact out of the ladder
  bool allow_netstamp = true;             ///< false: leave SO_TIMESTAMPING out of the ladder
  std::optional<std::filesystem::path> record_directory{};  ///< one record file a flow, created there
  std::vector<Key> keys{};            ///< a sender must have one of them, or of key_file; none: everybody is served
  std::optional<KeyFile> key_file{};  ///< whoever is served stays so when the file changes
  /// Signalling is by TLS alone, and this is shown to whoever comes; read again, within seconds, when a file changes.
  std::optional<TlsIdentity> tls{};
  ReceiverLimits limits{};
};

/// What a receiver has done since it began.
struct ReceiverStatus {
  std::uint64_t probes_answered = 0;    ///< on UDP and TCP
  std::uint64_t data_socket_drops = 0;  ///< datagrams (UDP_GRO: super-packets) that the data sockets had no room for,
                                        ///< as noticed: at a flow's start, while it runs and at its end
  std::uint64_t stray_datagrams = 0;    ///< UDP at the data port, of no flow that it has
};

/// Told of a receiver's life, on the thread that called serve(), one call at a time; it must return soon.
class ReceiverObserver {
 public:
  virtual ~ReceiverObserver() = default;
  /// `port` is 0 when nobody may dial in.
  virtual void listening(std::uint16_t port, std::uint16_t data_port) { (void)port, (void)data_port; }
  /// The ladder's outcome: hook in use, interfaces it sits on, why not better. The ports are open then, and no thread
  /// is started yet: a program that gives up privileges here gives them up for serve() as a whole. Taking a filter off
  /// clsact at the end takes CAP_NET_ADMIN.
  virtual void stamping(Hook hook, const std::vector<std::string>& interfaces, const std::string& reason) {
    (void)hook, (void)interfaces, (void)reason;
  }
  /// A sender could not be dialled, for another reason than the last time; it is tried again.
  virtual void dial_failed(const std::string& sender, const std::string& why) { (void)sender, (void)why; }
  virtual void session_opened(const std::string& peer) { (void)peer; }
  virtual void session_closed(const std::string& peer, const std::string& why) { (void)peer, (void)why; }
  virtual void follower_opened(const std::string& peer) { (void)peer; }
  virtual void follower_closed(const std::string& peer, const std::string& why) { (void)peer, (void)why; }
  virtual void flow_started(const FlowResult& flow) { (void)flow; }
  virtual void interval(std::uint32_t flow_id, const PacketInterval& interval) { (void)flow_id, (void)interval; }
  virtual void interval(std::uint32_t flow_id, const TcpInterval& interval) { (void)flow_id, (void)interval; }
  virtual void flow_finished(const FlowResult& result) { (void)result; }
  /// A flow that was started is over, and there is no result of it.
  virtual void flow_gone(std::uint32_t flow_id) { (void)flow_id; }
  /// A session, a follower or a flow was turned away. A limit's reason ends with its name, "... its limit (flows)".
  virtual void refused(const std::string& peer, const std::string& reason) { (void)peer, (void)reason; }
  /// A drain was requested while so many sessions and flows were there.
  virtual void draining(std::uint32_t sessions, std::uint32_t flows) { (void)sessions, (void)flows; }
  /// Once a second, and before serve() returns; whoever waits for it longer knows that the receiver is stuck.
  virtual void status(const ReceiverStatus& status) { (void)status; }
  /// The file of the keys or of the certificate has changed, and what it holds stands from now on.
  virtual void credentials_changed(const std::string& text) { (void)text; }
  virtual void warning(const std::string& text) { (void)text; }
};

/// Serves senders until a stop is requested; then ends the flows with partial summaries and returns. Blocks. When a
/// `drain` is requested it serves nobody new, lets the flows that it has end, for spec.grace at most, and then stops.
/// Nothing that a peer sends ends it. Throws UsageError and SetupError (a port in use, --tc required without a
/// hook) before listening() was called. Uses two threads a
/// worker beside the caller's, one for files, and those of the TCP flows that run.
void serve(const ReceiverSpec& spec, ReceiverObserver& observer, std::stop_token stop = {}, std::stop_token drain = {});

}  // namespace paceline
