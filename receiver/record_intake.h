// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "decoder/flow_decoder.h"
#include "decoder/record_writer.h"
#include "traffic/record_reader.h"

namespace paceline::receiver {

/// Told of a flow of records, on its reader's thread.
class RecordIntakeListener {
 public:
  virtual ~RecordIntakeListener() = default;
  virtual void interval(PacketInterval&& interval) = 0;
  /// The last call. `broken`: why records that were sent could not come; empty: no reason is known.
  virtual void finished(ReceiverTime when, const std::string& broken,
                        std::unique_ptr<decoder::RecordWriter> writer) = 0;
};

/// Feeds one flow's records to its decoder. Reads no clock and does no I/O of its own.
class RecordIntake : public traffic::RecordSink {
 public:
  static constexpr std::chrono::seconds kPatience{5};   ///< without a record, though some are under way
  static constexpr std::chrono::seconds kLongest{60};   ///< from FlowDone to the last record, in all
  static constexpr std::chrono::seconds kOvertime{30};  ///< for FlowDone, after the flow's duration

  RecordIntake(const decoder::FlowStart& start, std::unique_ptr<decoder::FlowDecoder> decoder,
               std::unique_ptr<decoder::RecordWriter> writer, std::unique_ptr<RecordIntakeListener> listener);

  void record(const packet::Header& header, std::uint32_t size, nanoseconds now) override;
  nanoseconds tick(nanoseconds now) override;
  void ended(const std::string& why, nanoseconds now) override;

  /// The sender has sent `records`: finishes when all have come, or none comes any more.
  void done(std::uint64_t records, nanoseconds now);
  /// Finishes now.
  void abandon(nanoseconds now);

 private:
  bool all_came() const { return sent_ && decoder_->distinct() >= *sent_; }
  nanoseconds give_up_at() const;
  void finish(nanoseconds now, const std::string& broken);

  std::unique_ptr<decoder::FlowDecoder> decoder_;
  std::unique_ptr<decoder::RecordWriter> writer_;
  std::unique_ptr<RecordIntakeListener> listener_;
  ClockMap map_;
  nanoseconds flow_over_;              // should be, with its overtime
  nanoseconds last_{0};                // record, or FlowDone
  std::optional<std::uint64_t> sent_;  // told by FlowDone
  nanoseconds sent_told_{0};
  std::optional<std::string> ended_;  // why the connection has
  bool finished_ = false;
};

}  // namespace paceline::receiver
