// SPDX-License-Identifier: MIT
#pragma once

#include <asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "decoder/record_writer.h"
#include "receiver/served_flow.h"
#include "traffic/cpu_meter.h"

namespace paceline::receiver {

/// Packets over UDP: the data path takes and counts them, a record file may keep them.
class UdpServedFlow : public ServedFlow {
 public:
  UdpServedFlow(std::shared_ptr<FlowOwner> owner, std::uint32_t id, const packet::Secret& secret,
                const UdpFlowSpec& spec);

  void open() override;
  void done(const wire::FlowDone& report) override;

 private:
  class Events;

  void begin(const wire::StartFlow& request) override;
  void break_off() override;

  void on_bound(const DataPath::Bound& bound);
  void open_record();
  void take_packets(std::unique_ptr<decoder::RecordWriter> writer, const std::string& warning);
  void on_started(const DataPath::Started& started);
  void on_interval(const UdpInterval& interval);
  void on_finished(ReceiverTime when, std::uint32_t socket_flows, const Arrivals& arrivals,
                   std::unique_ptr<decoder::RecordWriter> writer);
  void close_record(ReceiverTime when, std::unique_ptr<decoder::RecordWriter> writer);
  std::string small_buffer_warning() const;

  UdpFlowResult result_;
  decoder::FlowStart start_;
  bool done_ = false;  // FlowDone has come
  traffic::CpuMeter<ReceiverClock, asio::steady_timer> cpu_;
};

}  // namespace paceline::receiver
