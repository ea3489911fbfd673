// SPDX-License-Identifier: MIT
#pragma once

#include <asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "decoder/flow_decoder.h"
#include "decoder/record_writer.h"
#include "receiver/served_flow.h"
#include "traffic/cpu_meter.h"
#include "traffic/file_descriptor.h"

namespace paceline::receiver {

/// Packets that are counted one by one: their rows, their record file, their summary. The way that they come by is a
/// class below this one.
class PacketServedFlow : public ServedFlow {
 public:
  void done(const wire::FlowDone& report) override;

 protected:
  PacketServedFlow(std::shared_ptr<FlowOwner> owner, std::uint32_t id, const packet::Secret& secret,
                   const PacketFlowSpec& spec);

  /// Takes packets from now on, with a file that keeps them if there is one.
  virtual void take_packets(std::unique_ptr<decoder::RecordWriter> writer) = 0;
  /// The sender has sent so many, the warm-up's included.
  virtual void expect(std::uint64_t packets) = 0;

  // The steps of a flow, in their order.
  void note_agreed();
  /// The packets will be stamped like this: opens the record file that is wanted, then calls take_packets().
  void prepare(const Stamping& stamping);
  void say_taking(std::uint64_t duplicate_window, const std::string& warning);
  void on_interval(const PacketInterval& interval);
  /// The last row has come. `broken`: why packets that were sent could not come; empty: no reason is known.
  void conclude(ReceiverTime when, const std::string& broken, std::unique_ptr<decoder::RecordWriter> writer);

  const PacketFlowSpec& spec() const { return result_.spec; }
  const decoder::FlowStart& flow_start() const { return start_; }
  PacketFlowResult& result() { return result_; }

 private:
  void open_record();
  struct OpenedRecord;
  OpenedRecord create_record(const asio::ip::address& from);
  void begin_to_take(OpenedRecord record);
  void say_lack(const std::string& lack, bool refused);
  void close_record(ReceiverTime when, std::unique_ptr<decoder::RecordWriter> writer);
  std::string what_lacks(const decoder::RecordWriter& writer, const std::string& error) const;

  PacketFlowResult result_;
  decoder::FlowStart start_;
  bool done_ = false;                         // FlowDone has come
  std::string no_record_;                     // why there is none, though it was asked for
  traffic::FileDescriptor recorded_;          // the record, for the sender to fetch
  std::shared_ptr<RecordStore::Share> room_;  // that it takes
  traffic::CpuMeter<ReceiverClock, asio::steady_timer> cpu_;
};

}  // namespace paceline::receiver
