// SPDX-License-Identifier: MIT
#include "sender/record_traffic.h"

#include <asio/post.hpp>
#include <utility>

namespace paceline::sender {

std::size_t RecordTraffic::add(traffic::RecordFlow flow, Ended ended) {
  flows_.push_back(std::move(flow));
  ended_.push_back(std::move(ended));
  return flows_.size() - 1;
}

void RecordTraffic::start(const traffic::WorkerOptions& workers) {
  workers_ = workers;
  if (flows_.empty()) return;
  sender_ = std::make_unique<traffic::RecordSender>(
      std::move(flows_), workers, [this](std::size_t flow, traffic::RecordFlowOutcome&& outcome) {
        asio::post(executor_,
                   [this, flow, outcome = std::move(outcome)]() mutable { ended_[flow](std::move(outcome)); });
      });
}

traffic::RecordReader& RecordTraffic::reader() {
  if (!reader_) reader_ = std::make_unique<traffic::RecordReader>(workers_);
  return *reader_;
}

}  // namespace paceline::sender
