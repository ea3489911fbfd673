// SPDX-License-Identifier: MIT
#include "decoder/interval_book.h"

#include <algorithm>

#include "decoder/arrival_order.h"

namespace paceline::decoder {

IntervalGrid::IntervalGrid(const FlowStart& start)
    : origin(difference(start.start.time_since_epoch().count(), difference(0, start.map.offset.count()))),
      length(start.interval().count()),
      regular(static_cast<std::uint64_t>((start.spec.omit + start.spec.duration + start.interval() - nanoseconds{1}) /
                                         start.interval())) {}

IntervalBook::IntervalBook(const FlowStart& start, FlowDecoder::IntervalSink sink, Fill fill)
    : grid_(start), omit_(start.spec.omit), sink_(std::move(sink)), fill_(std::move(fill)), open_end_(grid_.length) {
  open_.omitted = omit_ > nanoseconds{0};
}

void IntervalBook::close() {
  give_out(false);
  const std::uint64_t index = open_.index + 1;
  ledger_.close(open_.index, expected_);
  open_ = PacketInterval{};
  open_.index = index;
  open_.start = nanoseconds{open_end_};
  open_.omitted = open_.start < omit_;
  open_end_ = grid_.end_of(index);
  expected_before_ = expected_;
  distinct_before_ = distinct_;
}

void IntervalBook::give_out(bool last) {
  fill_(open_);
  open_.received.lost = difference(static_cast<std::int64_t>(expected_ - expected_before_),
                                   static_cast<std::int64_t>(distinct_ - distinct_before_));
  open_.corrections = ledger_.take();
  open_.last = last;
  if (!last) open_.end = nanoseconds{open_end_};
  sink_(std::move(open_));
}

void IntervalBook::finish(std::optional<std::uint64_t> sent, std::int64_t elapsed_time) {
  if (sent) expect(*sent);
  open_.end = std::max({nanoseconds{elapsed_time}, open_.start, open_.last_arrival});
  give_out(true);
}

}  // namespace paceline::decoder
