// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "receiver/served_flow.h"
#include "traffic/tcp_transfer.h"

namespace paceline::receiver {

/// Bytes over TCP: the door takes the connections, a transfer reads or writes them.
class TcpServedFlow : public ServedFlow {
 public:
  TcpServedFlow(std::shared_ptr<FlowOwner> owner, std::uint32_t id, const packet::Secret& secret,
                const TcpFlowSpec& spec);

  void open() override;
  void done(const wire::FlowDone& report) override;

 private:
  class TransferEvents;

  void begin(const wire::StartFlow& request) override;
  void break_off() override;
  void out_of_time() override;

  std::string claim(const wire::StartFlow& request, std::vector<traffic::TcpStream>& streams);
  void on_interval(const TcpInterval& interval);
  void on_finished(traffic::TcpTransferOutcome&& outcome);
  void summarize();

  TcpFlowResult result_;
  std::unique_ptr<traffic::TcpTransfer> transfer_;
  bool done_ = false;      // FlowDone has come, or is not waited for any more
  bool finished_ = false;  // the transfer has
  std::string said_;       // why the sender calls the flow incomplete
};

}  // namespace paceline::receiver
