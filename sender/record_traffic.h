// SPDX-License-Identifier: MIT
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "traffic/record_reader.h"
#include "traffic/record_sender.h"

namespace paceline::sender {

/// The one RecordSender of all flows of records of a run, and the reader of what comes back; what the sender's workers
/// tell is told on the run's thread.
class RecordTraffic {
 public:
  using Ended = std::function<void(traffic::RecordFlowOutcome&&)>;

  explicit RecordTraffic(asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// Before start(). The flow's socket and sink must outlive this. Returns the flow's number.
  std::size_t add(traffic::RecordFlow flow, Ended ended);
  /// Sends, if there is a flow; each one's `ended` is called once.
  void start(const traffic::WorkerOptions& workers);
  /// After start(). The flow ends soon.
  void stop(std::size_t flow) { sender_->stop(flow); }
  std::vector<std::string> warnings() const { return sender_->warnings(); }
  /// After start().
  traffic::RecordReader& reader();

 private:
  asio::any_io_executor executor_;
  traffic::WorkerOptions workers_;
  std::vector<traffic::RecordFlow> flows_;
  std::vector<Ended> ended_;
  std::unique_ptr<traffic::RecordSender> sender_;
  std::unique_ptr<traffic::RecordReader> reader_;
};

}  // namespace paceline::sender
