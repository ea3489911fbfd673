// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "decoder/flow_decoder.h"
#include "decoder/record_writer.h"
#include "paceline/result.h"
#include "proto/packet.h"
#include "traffic/data_socket.h"

namespace paceline::receiver {

/// Told what happens to a flow on the data path, on the data path's thread.
class FlowListener {
 public:
  virtual ~FlowListener() = default;
  /// A probe came from an address that none had come from before, and will be answered.
  virtual void path_confirmed(std::uint32_t attempt, const traffic::Address& arrived_at,
                              const traffic::Address& seen_from, const Stamping& stamping) = 0;
  virtual void interval(Interval&& interval) = 0;
  /// The last interval was reported. The writer, if there is one, waits for its tail.
  virtual void finished(ReceiverTime when, std::uint32_t socket_flows,
                        std::unique_ptr<decoder::RecordWriter> writer) = 0;
};

/// One flow on the data path: proves where its sender is, takes its packets, feeds its decoder. Takes the time as an
/// argument and does no I/O of its own; what is to be sent is returned.
class Flow {
 public:
  /// ProbeReplies that may leave for addresses that have not yet returned a nonce, until the flow starts.
  static constexpr std::uint32_t kUnprovenReplies = 8;
  /// After the start (a NAT may forget its mapping) one more is earned in this time, up to as many again.
  static constexpr std::chrono::seconds kReplyEarnedIn{5};
  /// Without a FlowDone the flow is over this long after its duration.
  static constexpr std::chrono::seconds kOvertime{30};
  /// After FlowDone: three times the largest delay, within these.
  static constexpr std::chrono::milliseconds kShortestWait{200};
  static constexpr std::chrono::milliseconds kLongestWait{2000};

  Flow(std::uint32_t id, const packet::Secret& secret, const FlowSpec& spec, std::unique_ptr<FlowListener> listener);

  std::uint32_t id() const { return id_; }
  bool started() const { return decoder_ != nullptr; }
  bool finished() const { return finished_; }

  /// Whether the probe shows this flow's secret. Others get silence.
  bool knows(const packet::Probe& probe) const;

  /// A probe: the reply's nonce and attempt when one may be sent, nothing when no replies are left. `stamping` is how
  /// this very probe was stamped. Precondition: knows(probe).
  std::optional<packet::ProbeReply> probe(const packet::Probe& probe, const traffic::Datagram& datagram,
                                          const Stamping& stamping, ReceiverTime now);

  /// Binds the flow to the address that got `nonce`, with the stamps that its last probe carried. Once only. Returns
  /// why not, empty if done.
  std::string bind(const packet::Nonce& nonce, bool tc_required);
  /// The rung of the ladder for the whole flow, frozen by bind().
  const Stamping& stamping() const { return stamping_; }

  /// Takes packets from now on; start.hook as stamping() says. Precondition: bound, not started.
  void start(const decoder::FlowStart& start, std::unique_ptr<decoder::RecordWriter> writer);
  std::uint64_t duplicate_window() const { return decoder_->duplicate_window(); }

  /// A data packet with this flow's id. `rx_tc` as stamped by the flow's rung, kNoStamp if it was not.
  void data(const packet::Header& header, const traffic::Datagram& datagram, ReceiverTime rx_tc, ReceiverTime now);

  void lost_in_socket(std::uint64_t datagrams, ReceiverTime now);
  void shares_socket_with(std::uint32_t flows);

  /// The sender has sent `packets`, no more will come: finishes when all have arrived or the wait is over.
  void done(std::uint64_t packets, ReceiverTime now);
  /// The sender is gone.
  void abandon(ReceiverTime now);

  /// Does what is due by now: interval ends, the end of the wait.
  void tick(ReceiverTime now);
  /// When tick() is due; max() if never.
  ReceiverTime next_tick() const;

 private:
  /// An address that probes came from.
  struct ProbedAddress {
    traffic::Address from;
    traffic::Address arrived_at;
    packet::Nonce nonce{};
    Stamping stamping;
    bool proven = false;
    bool told = false;  // to the listener
  };

  ProbedAddress* remember(const traffic::Datagram& datagram);
  void finish(std::optional<std::uint64_t> sent, ReceiverTime now);

  std::uint32_t id_;
  packet::Secret secret_;
  FlowSpec spec_;
  std::unique_ptr<FlowListener> listener_;

  std::array<ProbedAddress, kUnprovenReplies> probed_;
  std::size_t probed_count_ = 0;
  std::uint32_t unproven_replies_left_ = kUnprovenReplies;
  ReceiverTime next_reply_earned_{};

  std::optional<ProbedAddress> bound_;
  Stamping stamping_;
  std::unique_ptr<decoder::FlowDecoder> decoder_;
  std::unique_ptr<decoder::RecordWriter> writer_;
  ClockMap map_;
  std::uint32_t socket_flows_ = 1;

  std::optional<std::uint64_t> sent_;  // told by FlowDone
  ReceiverTime wait_until_ = ReceiverTime::max();
  bool finished_ = false;
};

}  // namespace paceline::receiver
