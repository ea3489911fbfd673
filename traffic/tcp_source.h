// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <vector>

#include "traffic/tcp_budget.h"
#include "traffic/tcp_payload.h"
#include "traffic/tcp_worker.h"

namespace paceline::traffic {

/// Writes streams, flat out or to the schedule of their bitrate, then waits until all is acknowledged.
class TcpSource : public TcpWorker {
 public:
  TcpSource(TcpRun& run, std::size_t index, std::vector<TcpStreamState> streams, const PayloadMemory& memory);

  /// Why bytes are copied though zero copy was asked for; empty if they are not.
  const std::string& copied_because() const { return writer_.refusal(); }

 private:
  struct Stream {
    TcpStreamState state;
    std::uint64_t left = 0;          // bytes of the measured part that are still to be written, where they are limited
    std::uint64_t acknowledged = 0;  // bytes, when last looked at
    nanoseconds progress{0};         // when the peer last acknowledged something, or had nothing to
    bool blocked = false;            // the socket took less than it was given
    bool draining = false;           // shut down for writing
  };

  std::size_t size() const override { return streams_.size(); }
  TcpStreamState& stream(std::size_t index) override { return streams_[index].state; }
  void ready(std::size_t index, nanoseconds now) override;
  nanoseconds due(nanoseconds now) override;
  void cut(TcpInterval& row) override;
  std::uint64_t& bytes_of(StreamInterval& interval) const override { return interval.written; }

  void start(nanoseconds now);
  void write(std::size_t index, nanoseconds now);
  void write_rest(std::size_t index, nanoseconds now);
  std::uint64_t allowed(const Stream& stream, nanoseconds now) const;
  void set_blocked(std::size_t index, bool blocked);
  void drain(std::size_t index, nanoseconds now);
  void look_for_end(std::size_t index);
  void look_for_stall(std::size_t index, nanoseconds now);
  void finish(std::size_t index, const std::string& why);

  std::vector<Stream> streams_;
  PayloadWriter writer_;
  std::optional<TcpBudget> budget_;  // of each stream; none: flat out
  bool started_ = false;
  nanoseconds next_tick_{0};
  nanoseconds drained_since_{TcpRun::kNever};  // when the first stream was shut down
  nanoseconds next_poll_{TcpRun::kNever};      // for acknowledgements of what was shut down
  nanoseconds next_sweep_{TcpRun::kNever};     // for peers that take nothing
};

}  // namespace paceline::traffic
