// SPDX-License-Identifier: MIT
#include "traffic/tcp_rows.h"

#include <algorithm>
#include <utility>

namespace paceline::traffic {

void TcpRows::hand_in(std::uint64_t index, const Fill& fill) {
  const std::scoped_lock lock(mutex_);
  Row& part_of = row(index);
  fill(part_of.interval);
  ++part_of.parts;
  give_out_whole();
}

void TcpRows::hand_in_last(std::uint64_t index, nanoseconds end, const Fill& fill) {
  const std::scoped_lock lock(mutex_);
  Row& part_of = row(index);
  fill(part_of.interval);
  ++part_of.parts;
  if (++finished_ < workers_) return;  // only then is it known which row is the last
  TcpInterval& last = rows_.rbegin()->second.interval;
  last.last = true;
  last.end = std::max(end, last.start);
  for (auto& [number, rest] : rows_) out_(std::move(rest.interval));
  rows_.clear();
}

TcpRows::Row& TcpRows::row(std::uint64_t index) {
  const auto [found, fresh] = rows_.try_emplace(index);
  if (fresh) {
    TcpInterval& interval = found->second.interval;
    interval.index = index;
    interval.start = grid_.start(index);
    interval.end = grid_.end(index);
    interval.omitted = index < grid_.count() && interval.start < grid_.omit();
    interval.streams.resize(streams_);
  }
  return found->second;
}

void TcpRows::give_out_whole() {
  while (!rows_.empty() && rows_.begin()->second.parts == workers_) {
    out_(std::move(rows_.begin()->second.interval));
    rows_.erase(rows_.begin());
  }
}

}  // namespace paceline::traffic
