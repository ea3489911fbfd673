// SPDX-License-Identifier: MIT
//
// Matching what a sink has read of a stream with what the TC hook saw of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "bpf/tcp_arrivals.h"
#include "paceline/result.h"

namespace paceline::traffic {

/// Keeps what the hook says of granules of 64 KiB; used by one worker, on its thread.
class GranuleSink {
 public:
  virtual ~GranuleSink() = default;
  /// `host_delay`: from the hook to the read that got the granule's last byte, ns.
  virtual void read(std::int64_t host_delay_ns) = 0;
  /// Between two successive granules of one stream at the hook, ns.
  virtual void gap(std::int64_t gap_ns) = 0;
  /// Adds to the interval what came since the last take().
  virtual void take(TcpInterval& into) = 0;
};

/// One stream's granules, in order.
class StreamGranules {
 public:
  /// `read_before`: bytes that were read before the first read() here.
  StreamGranules(std::unique_ptr<bpf::TcpArrivals> arrivals, std::uint64_t read_before, nanoseconds timens_offset)
      : arrivals_(std::move(arrivals)),
        timens_offset_(timens_offset),
        read_(read_before),
        next_(read_before / bpf::TcpArrivals::kGranule),
        counted_(arrivals_->counts()) {}

  /// `bytes` more were read; the read was over at `when`, this process's CLOCK_MONOTONIC.
  void read(std::uint64_t bytes, nanoseconds when, GranuleSink& sink) {
    read_ += bytes;
    for (; (next_ + 1) * bpf::TcpArrivals::kGranule <= read_; ++next_) {
      const std::optional<nanoseconds> arrival = arrivals_->arrival(next_);
      if (arrival) {
        ++wire_.granules;
        sink.read((when - (*arrival + timens_offset_)).count());
        if (before_) sink.gap((*arrival - *before_).count());
      } else {
        ++wire_.granules_missed;
      }
      before_ = arrival;
    }
  }

  /// What came since the last take(). Costs a system call.
  WireCounts take() {
    const bpf::TcpArrivals::Counts now = arrivals_->counts();
    WireCounts taken = std::exchange(wire_, {});
    taken.skbs = now.skbs - counted_.skbs;
    taken.segments = now.segments - counted_.segments;
    taken.bytes = now.bytes - counted_.bytes;
    taken.retransmitted_bytes = now.retransmitted_bytes - counted_.retransmitted_bytes;
    counted_ = now;
    return taken;
  }

 private:
  std::unique_ptr<bpf::TcpArrivals> arrivals_;
  nanoseconds timens_offset_;
  std::uint64_t read_;
  std::uint64_t next_;                 // granule
  std::optional<nanoseconds> before_;  // arrival of the granule before it
  bpf::TcpArrivals::Counts counted_;
  WireCounts wire_;
};

}  // namespace paceline::traffic
