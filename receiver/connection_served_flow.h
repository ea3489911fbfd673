// SPDX-License-Identifier: MIT
#pragma once

#include <asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "receiver/served_flow.h"
#include "traffic/cpu_meter.h"

namespace paceline::receiver {

/// Exchanges on connections of their own: the door (TCP) or the data path (UDP) answers and counts them.
class ConnectionServedFlow : public ServedFlow {
 public:
  ConnectionServedFlow(std::shared_ptr<FlowOwner> owner, std::uint32_t id, const packet::Secret& secret,
                       const ConnectionFlowSpec& spec);

  void open() override;
  void done(const wire::FlowDone& report) override;

 private:
  class PathEvents;

  void begin(const wire::StartFlow& request) override;
  void break_off() override;
  void out_of_time() override;

  void answer_exchanges();
  void stop_answering();
  void summarize(std::uint64_t answered);
  bool over_tcp() const { return result_.spec.transport == Transport::tcp; }

  ConnectionFlowResult result_;
  bool stopping_ = false;  // no more exchanges are answered, and how many were is on its way
  traffic::CpuMeter<ReceiverClock, asio::steady_timer> cpu_;
};

}  // namespace paceline::receiver
