// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "paceline/result.h"

namespace paceline::decoder {

/// A distribution's values from 0 on in HdrHistogram's V2 encoding, compressed and in base64: its buckets are ours, of
/// three significant digits from 1 on. Values below 0 have no place in it.
std::string encode_hdr(const Distribution& values);

/// A log of interval histograms in HdrHistogram's format (version 1.3): each line a tag, when the interval began and
/// how long it was (seconds), its largest value (ms) and the histogram (ns). Tags are the flow's number from 1 and what
/// was measured: "1.tx.user-rx.user", "1.round_trip.tx.user-rx.user", "2.connect". Warm-ups are left out.
class HistogramLog {
 public:
  /// `begun` is when the log's times count from.
  explicit HistogramLog(std::chrono::system_clock::time_point begun) : begun_(begun) {}

  std::string header() const;
  /// An interval's lines, with their ends; `delay` is the flow's, after the run's start.
  std::string lines(std::size_t flow, nanoseconds delay, const PacketInterval& interval);
  std::string lines(std::size_t flow, nanoseconds delay, const TcpInterval& interval);
  std::string lines(std::size_t flow, nanoseconds delay, const ConnectionInterval& interval);

  /// Values below 0 so far: they are not in the histograms.
  std::uint64_t negative() const { return negative_; }

 private:
  struct Span;
  std::string line(const Span& span, std::string_view what, const Distribution& values);

  std::chrono::system_clock::time_point begun_;
  std::uint64_t negative_ = 0;
};

}  // namespace paceline::decoder
