// SPDX-License-Identifier: MIT
#include "traffic/connection_rows.h"

#include <algorithm>
#include <utility>

namespace paceline::traffic {

namespace {

void add(Exchanges& sum, const Exchanges& share) {
  sum.started += share.started;
  sum.completed += share.completed;
  for (std::size_t i = 0; i < sum.failed.size(); ++i) sum.failed[i] += share.failed[i];
  sum.missed_slots += share.missed_slots;
  sum.connect.merge(share.connect);
  sum.first_packet.merge(share.first_packet);
  sum.whole.merge(share.whole);
  sum.lateness.merge(share.lateness);
}

}  // namespace

ConnectionRows::ConnectionRows(const ConnectionFlowSpec& spec, std::size_t workers, ConnectionLoadListener& listener)
    : interval_(spec.interval),
      omit_(spec.omit),
      total_(spec.omit + spec.duration),
      rows_(static_cast<std::uint64_t>((total_ + interval_ - nanoseconds{1}) / interval_)),
      workers_(workers),
      listener_(listener) {}

nanoseconds ConnectionRows::end_of(std::uint64_t row) const {
  if (row >= rows_) return nanoseconds::max();
  return std::min(total_, interval_ * static_cast<std::int64_t>(row + 1));
}

void ConnectionRows::hand_in(std::uint64_t row, Exchanges&& share) {
  const std::scoped_lock lock(mutex_);
  take(row, std::move(share));
}

bool ConnectionRows::finish(std::uint64_t row, Exchanges&& share, nanoseconds now) {
  const std::scoped_lock lock(mutex_);
  finished_.push_back(row);
  if (finished_.size() < workers_) {
    take(row, std::move(share));
    return false;
  }
  add(pending_[row].sum, share);
  while (!pending_.empty()) {
    auto next = pending_.extract(pending_.begin());
    tell(next.key(), std::move(next.mapped().sum), pending_.empty(), now);
  }
  return true;
}

void ConnectionRows::take(std::uint64_t row, Exchanges&& share) {
  Pending& mine = pending_[row];
  add(mine.sum, share);
  ++mine.shares;
  while (!pending_.empty() && whole(pending_.begin()->first, pending_.begin()->second)) {
    auto next = pending_.extract(pending_.begin());
    tell(next.key(), std::move(next.mapped().sum), false, {});
  }
}

bool ConnectionRows::whole(std::uint64_t row, const Pending& pending) const {
  const auto gone = std::ranges::count_if(finished_, [row](std::uint64_t last) { return last < row; });
  return pending.shares + static_cast<std::size_t>(gone) == workers_;
}

void ConnectionRows::tell(std::uint64_t row, Exchanges&& sum, bool last, nanoseconds now) {
  ConnectionInterval interval;
  interval.index = row;
  interval.start = std::min(total_, interval_ * static_cast<std::int64_t>(row));
  interval.end = last ? std::max(interval.start, now) : end_of(row);
  interval.last = last;
  interval.omitted = interval.start < omit_;
  interval.exchanges = std::move(sum);
  listener_.interval(std::move(interval));
}

}  // namespace paceline::traffic
