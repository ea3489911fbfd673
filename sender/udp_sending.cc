// SPDX-License-Identifier: MIT
#include "sender/udp_sending.h"

#include <asio/post.hpp>
#include <utility>

namespace paceline::sender {

std::size_t UdpSending::add(const traffic::UdpFlow& flow, Ended ended) {
  flows_.push_back(flow);
  ended_.push_back(std::move(ended));
  return flows_.size() - 1;
}

void UdpSending::start(const traffic::WorkerOptions& workers) {
  if (flows_.empty()) return;
  sender_ = std::make_unique<traffic::UdpSender>(
      std::move(flows_), workers, [this](std::size_t flow, traffic::UdpFlowOutcome&& outcome) {
        asio::post(executor_,
                   [this, flow, outcome = std::move(outcome)]() mutable { ended_[flow](std::move(outcome)); });
      });
}

}  // namespace paceline::sender
