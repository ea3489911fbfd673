// SPDX-License-Identifier: MIT
#pragma once

#include "decoder/histogram.h"
#include "traffic/tcp_transfer.h"

namespace paceline::receiver {

/// Distributions of what the hook says of a worker's streams.
class GranuleStatistics : public traffic::GranuleSink {
 public:
  void read(std::int64_t host_delay_ns) override { host_delay_.record(host_delay_ns); }
  void gap(std::int64_t gap_ns) override { arrival_gap_.record(gap_ns); }
  void take(TcpInterval& into) override {
    into.host_delay.merge(host_delay_.take());
    into.arrival_gap.merge(arrival_gap_.take());
  }

 private:
  decoder::Histogram host_delay_;
  decoder::Histogram arrival_gap_;
};

}  // namespace paceline::receiver
