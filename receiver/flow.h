// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "decoder/flow_decoder.h"
#include "decoder/record_writer.h"
#include "paceline/result.h"
#include "proto/packet.h"
#include "traffic/data_socket.h"

namespace paceline::receiver {

/// What only a flow's end tells.
struct FlowEnd {
  ReceiverTime when{};
  std::uint32_t socket_flows = 0;
  Arrivals arrivals;
  std::uint64_t echoes_unsent = 0;
};

/// Told what happens to a flow on the data path, on its worker's thread.
class FlowListener {
 public:
  virtual ~FlowListener() = default;
  /// A probe came from an address that none had come from before, and will be answered.
  virtual void path_confirmed(std::uint32_t attempt, const traffic::Address& arrived_at,
                              const traffic::Address& seen_from, const Stamping& stamping) = 0;
  virtual void interval(PacketInterval&& interval) = 0;
  /// The last interval was reported. The writer, if there is one, waits for its tail.
  virtual void finished(const FlowEnd& end, std::unique_ptr<decoder::RecordWriter> writer) = 0;
};

/// What a flow takes packets with; made before its worker's thread, which must not be held up, gets it.
struct FlowIntake {
  decoder::FlowStart start;  // start.hook as Flow::stamping() says
  std::unique_ptr<decoder::FlowDecoder> decoder;
  std::unique_ptr<decoder::RecordWriter> writer;  // null: no record
  bool coalesced = false;                         // by a socket that takes super-packets whole
  /// Datagrams with the flow's id that the TC hook has seen; empty or nullopt: it does not count them.
  std::function<std::optional<std::uint64_t>()> at_hook;
};

/// One flow on the data path: proves where its sender is, takes its packets, feeds its decoder. Or, for exchanges,
/// answers probes from ever new ports of the proven address. Takes the time as an argument and does no I/O of its own;
/// what is to be sent is returned.
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

  Flow(std::uint32_t id, const packet::Secret& secret, const PacketFlowSpec& spec,
       std::unique_ptr<FlowListener> listener);
  /// A flow of exchanges: once bound, a probe that shows the bound nonce and comes from any port of the bound address
  /// is answered and counted. It is never started.
  Flow(std::uint32_t id, const packet::Secret& secret, const ConnectionFlowSpec& spec,
       std::unique_ptr<FlowListener> listener);

  std::uint32_t id() const { return id_; }
  bool started() const { return decoder_ != nullptr; }
  bool finished() const { return finished_; }

  /// Whether the probe shows this flow's secret. Others get silence.
  bool knows(const packet::Probe& probe) const;
  /// Whether it is one of a connection flow's exchanges, from whatever port of the proven address. How those are
  /// stamped is of no use.
  bool is_exchange(const packet::Probe& probe, const traffic::Address& from) const;

  /// A probe: the reply's nonce and attempt when one may be sent, nothing when no replies are left. `stamping` is how
  /// this very probe was stamped. Precondition: knows(probe).
  std::optional<packet::ProbeReply> probe(const packet::Probe& probe, const traffic::Datagram& datagram,
                                          const Stamping& stamping, ReceiverTime now);
  /// Exchanges that were answered.
  std::uint64_t answered() const { return answered_; }

  /// Binds the flow to the address that got `nonce`, with the stamps that its last probe carried. Once only. Returns
  /// why not, empty if done.
  std::string bind(const packet::Nonce& nonce, bool tc_required);
  /// The rung of the ladder for the whole flow, frozen by bind().
  const Stamping& stamping() const { return stamping_; }

  /// Takes packets from now on. Precondition: bound, not started.
  void start(FlowIntake intake);
  std::uint64_t duplicate_window() const { return decoder_->duplicate_window(); }

  /// The data packets of this flow at the head of what arrived together: one, or more that continue it. `first` is the
  /// first one's header, `rx_tc` their stamp by the flow's rung, kNoStamp if there is none. Returns how many it took.
  std::size_t data(const packet::Header& first, const traffic::Datagram& arrived, ReceiverTime rx_tc, ReceiverTime now);
  /// Whether its packets go back to its sender (Meter::round_trip).
  bool echoes() const { return spec_.meter == Meter::round_trip && !exchanges_; }
  /// Whether this one does: it is what the flow may send, from where the flow is bound to.
  bool echoes(const traffic::Datagram& packet) const;
  void count_unsent_echo() { ++echoes_unsent_; }
  /// They came in one more packet buffer.
  void count_buffer() { ++arrivals_.skbs; }

  void lost_in_socket(std::uint64_t datagrams, ReceiverTime now);
  void shares_socket_with(std::uint32_t flows);
  /// Whether the socket's count of drops says what was lost of this flow there; else the TC hook's count of its
  /// datagrams does.
  bool counts_socket_drops() const { return started() && !at_hook_; }

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

  static constexpr std::size_t kMostInARun = PacketFlowSpec::kMaxBatch;

  packet::ProbeReply reply_to(const packet::Probe& probe, const packet::Nonce& nonce) const;
  ProbedAddress* remember(const traffic::Datagram& datagram);
  bool may_have(std::size_t size) const;
  std::size_t take_one(const decoder::PacketObservation& seen);
  std::size_t take_run(decoder::PacketObservation first, std::span<const std::uint8_t> packets);
  void count(decoder::Counted what, std::uint64_t number, ReceiverTime now);
  void finish(ReceiverTime now);

  std::uint32_t id_;
  packet::Secret secret_;
  PacketFlowSpec spec_;
  bool exchanges_ = false;
  std::unique_ptr<FlowListener> listener_;

  std::array<ProbedAddress, kUnprovenReplies> probed_;
  std::size_t probed_count_ = 0;
  std::uint32_t unproven_replies_left_ = kUnprovenReplies;
  ReceiverTime next_reply_earned_{};
  std::uint64_t answered_ = 0;

  std::optional<ProbedAddress> bound_;
  Stamping stamping_;
  std::unique_ptr<decoder::FlowDecoder> decoder_;
  std::unique_ptr<decoder::RecordWriter> writer_;
  ClockMap map_;
  std::function<std::optional<std::uint64_t>()> at_hook_;
  std::uint64_t data_read_ = 0;  // datagrams with the flow's id since the start, whoever sent them
  std::uint64_t probes_read_ = 0;
  Arrivals arrivals_;
  std::uint64_t echoes_unsent_ = 0;
  std::uint32_t socket_flows_ = 1;

  std::optional<std::uint64_t> sent_;  // told by FlowDone
  ReceiverTime wait_until_ = ReceiverTime::max();
  bool finished_ = false;
};

}  // namespace paceline::receiver
