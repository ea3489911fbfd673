// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "bpf/tc_stamp.h"

namespace paceline::bpf {

/// The TC program's map `rings`, mapped into memory where the kernel allows it (Linux 5.5), else read by system calls.
class TcpRings {
 public:
  /// Of the map, which outlives it.
  explicit TcpRings(int map);
  ~TcpRings();
  TcpRings(const TcpRings&) = delete;
  TcpRings& operator=(const TcpRings&) = delete;

  bool mapped() const { return rings_ != nullptr; }
  /// One word of a ring as tc_stamp.h describes it; 0 when it cannot be read.
  std::uint64_t word(std::uint64_t ring, std::uint64_t granule) const;

 private:
  int map_;
  paceline_tc_ring* rings_ = nullptr;
};

}  // namespace paceline::bpf
