// SPDX-License-Identifier: MIT
#include "decoder/totals.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace paceline::decoder {

namespace {

void add(Exchanges& total, const Exchanges& more) {
  total.started += more.started;
  total.completed += more.completed;
  for (std::size_t i = 0; i < kConnectionFailures; ++i) total.failed[i] += more.failed[i];
  total.missed_slots += more.missed_slots;
  total.connect.merge(more.connect);
  total.first_packet.merge(more.first_packet);
  total.whole.merge(more.whole);
  total.lateness.merge(more.lateness);
}

void add(Distribution& values, std::int64_t value) {
  Distribution one;
  one.count = 1;
  one.sum = static_cast<uint128>(static_cast<int128>(value));
  one.sum_squares = static_cast<uint128>(static_cast<int128>(value) * value);
  one.min = one.max = value;
  one.buckets = {{buckets::index_of(value), 1}};
  values.merge(one);
}

std::uint64_t received(const TcpInterval& row) {
  std::uint64_t bytes = 0;
  for (const StreamInterval& stream : row.streams) bytes += stream.received;
  return bytes;
}

std::int64_t bits_per_second(std::uint64_t bytes, nanoseconds span) {
  return std::llround(static_cast<double>(bytes) * 8e9 / static_cast<double>(span.count()));
}

// A source always knows its segment size.
bool known(const TcpInfo& info) { return info.mss > 0; }

// Whether a row's bytes are what was received in one interval of the measured part.
bool tells_goodput(const TcpInterval& row, const TcpFlowSpec& spec) {
  const bool receiver_told = !row.one_sided || received(row) > 0;
  return !row.omitted && !row.last && receiver_told && row.end - row.start == spec.interval;
}

}  // namespace

void add(WireCounts& total, const WireCounts& more) {
  total.skbs += more.skbs;
  total.segments += more.segments;
  total.bytes += more.bytes;
  total.retransmitted_bytes += more.retransmitted_bytes;
  total.granules += more.granules;
  total.granules_missed += more.granules_missed;
}

void join(TcpInterval& row, const TcpInterval& other) {
  if (received(other) > 0) {
    row.start = other.start;
    row.end = other.end;
  } else if (received(row) == 0) {
    row.end = std::max(row.end, other.end);
  }
  row.last = row.last && other.last;
  row.omitted = row.omitted || other.omitted;
  row.streams.resize(std::max(row.streams.size(), other.streams.size()));
  for (std::size_t i = 0; i < other.streams.size(); ++i) {
    StreamInterval& stream = row.streams[i];
    const StreamInterval& more = other.streams[i];
    stream.written += more.written;
    stream.received += more.received;
    if (known(more.info)) stream.info = more.info;
    add(stream.wire, more.wire);
  }
  row.host_delay.merge(other.host_delay);
  row.arrival_gap.merge(other.arrival_gap);
}

std::vector<TcpInterval> RowJoiner::ours(TcpInterval&& row) { return take(std::move(row), kOurs); }
std::vector<TcpInterval> RowJoiner::theirs(TcpInterval&& row) { return take(std::move(row), kTheirs); }

std::vector<TcpInterval> RowJoiner::take(TcpInterval&& row, End end) {
  if (row.last) last_[end] = row.index;
  if (row.index < next_) {
    row.one_sided = true;
    count_retransmits(row);
    std::vector<TcpInterval> late;
    late.push_back(std::move(row));
    return late;
  }

  Waiting& waiting = waiting_[row.index];
  const bool first = !waiting.told[kOurs] && !waiting.told[kTheirs];
  waiting.told[end] = true;
  if (first) {
    waiting.row = std::move(row);
  } else {
    join(waiting.row, row);
  }

  std::vector<TcpInterval> rows;
  while (!waiting_.empty() && (whole(waiting_.begin()->second) || waiting_.size() > kMost)) rows.push_back(give_out());
  return rows;
}

std::vector<TcpInterval> RowJoiner::rest() {
  std::vector<TcpInterval> rows;
  while (!waiting_.empty()) rows.push_back(give_out());
  return rows;
}

bool RowJoiner::whole(const Waiting& waiting) const {
  for (const End end : {kOurs, kTheirs}) {
    const bool over = last_[end] && *last_[end] < waiting.row.index;
    if (!waiting.told[end] && !over) return false;
  }
  return true;
}

TcpInterval RowJoiner::give_out() {
  Waiting& oldest = waiting_.begin()->second;
  oldest.row.one_sided = !whole(oldest);
  TcpInterval row = std::move(oldest.row);
  next_ = row.index + 1;
  waiting_.erase(waiting_.begin());
  count_retransmits(row);
  return row;
}

// TCP_INFO counts since the connection was made; a row that came late may hold an older count.
void RowJoiner::count_retransmits(TcpInterval& row) {
  if (retransmits_.size() < row.streams.size()) retransmits_.resize(row.streams.size());
  for (std::size_t i = 0; i < row.streams.size(); ++i) {
    StreamInterval& stream = row.streams[i];
    if (stream.info.retransmits <= retransmits_[i]) continue;
    stream.retransmits = stream.info.retransmits - retransmits_[i];
    retransmits_[i] = stream.info.retransmits;
  }
}

void accumulate(TcpFlowResult& total, const TcpInterval& row) {
  if (total.streams.size() < row.streams.size()) total.streams.resize(row.streams.size());
  for (std::size_t i = 0; i < row.streams.size(); ++i) {
    if (known(row.streams[i].info)) total.streams[i].info = row.streams[i].info;
  }
  if (row.omitted) {
    total.omitted_bytes += received(row);
    return;
  }

  for (std::size_t i = 0; i < row.streams.size(); ++i) {
    StreamResult& stream = total.streams[i];
    const StreamInterval& more = row.streams[i];
    stream.written += more.written;
    stream.received += more.received;
    stream.retransmits += more.retransmits;
    add(stream.wire, more.wire);
    total.written += more.written;
    total.received += more.received;
    add(total.wire, more.wire);
  }
  total.host_delay.merge(row.host_delay);
  total.arrival_gap.merge(row.arrival_gap);
  ++total.intervals;
  if (!tells_goodput(row, total.spec)) return;
  const nanoseconds span = row.end - row.start;
  add(total.goodput, bits_per_second(received(row), span));
  for (std::size_t i = 0; i < row.streams.size(); ++i)
    add(total.streams[i].goodput, bits_per_second(row.streams[i].received, span));
}

void accumulate(ConnectionFlowResult& total, const ConnectionInterval& row) {
  if (row.omitted) return;
  add(total.exchanges, row.exchanges);
  ++total.intervals;
}

double fairness(const TcpFlowResult& flow) {
  double sum = 0;
  double squares = 0;
  for (const StreamResult& stream : flow.streams) {
    const auto bytes = static_cast<double>(stream.received);
    sum += bytes;
    squares += bytes * bytes;
  }
  return squares > 0 ? sum * sum / (static_cast<double>(flow.streams.size()) * squares) : 0;
}

}  // namespace paceline::decoder
