// SPDX-License-Identifier: MIT
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "traffic/udp_sender.h"

namespace paceline::sender {

/// The one UdpSender of all UDP flows of a run; what its workers tell is told on the run's thread.
class UdpSending {
 public:
  using Ended = std::function<void(traffic::UdpFlowOutcome&&)>;

  explicit UdpSending(asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// Before start(). The flow's socket and sink must outlive this. Returns the flow's number.
  std::size_t add(const traffic::UdpFlow& flow, Ended ended);
  /// Sends, if there is a flow; each one's `ended` is called once.
  void start(const traffic::WorkerOptions& workers);
  /// After start(). The flow ends soon.
  void stop(std::size_t flow) { sender_->stop(flow); }
  std::vector<std::string> warnings() const { return sender_->warnings(); }

 private:
  asio::any_io_executor executor_;
  std::vector<traffic::UdpFlow> flows_;
  std::vector<Ended> ended_;
  std::unique_ptr<traffic::UdpSender> sender_;
};

}  // namespace paceline::sender
