// SPDX-License-Identifier: MIT
#include "bpf/tcp_rings.h"

#include <bpf/bpf.h>
#include <sys/mman.h>

#include <atomic>

namespace paceline::bpf {
namespace {

constexpr std::size_t kSize = sizeof(paceline_tc_ring) * PACELINE_TC_RINGS;

}  // namespace

TcpRings::TcpRings(int map) : map_(map) {
  void* address = mmap(nullptr, kSize, PROT_READ, MAP_SHARED, map, 0);
  if (address != MAP_FAILED) rings_ = static_cast<paceline_tc_ring*>(address);
}

TcpRings::~TcpRings() {
  if (rings_ != nullptr) munmap(rings_, kSize);
}

std::uint64_t TcpRings::word(std::uint64_t ring, std::uint64_t granule) const {
  const auto place = static_cast<__u32>(ring % PACELINE_TC_RINGS);
  const std::uint64_t index = granule % PACELINE_TC_LAP;
  if (rings_ != nullptr) return std::atomic_ref(rings_[place].complete[index]).load(std::memory_order_relaxed);
  paceline_tc_ring copy{};
  return bpf_map_lookup_elem(map_, &place, &copy) == 0 ? copy.complete[index] : 0;
}

}  // namespace paceline::bpf
