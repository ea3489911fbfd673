// SPDX-License-Identifier: MIT
#include "sender/output_lane.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace paceline::sender {

namespace {

std::size_t size_of(const Distribution& values) { return values.buckets.size() * sizeof(Distribution::Bucket); }

std::size_t size_of(const PacketInterval& interval) {
  std::size_t bytes = sizeof interval + size_of(interval.statistics.ipdv) + size_of(interval.statistics.jitter);
  for (const Distribution& segment : interval.statistics.segments) bytes += size_of(segment);
  return bytes;
}
std::size_t size_of(const TcpInterval& interval) {
  return sizeof interval + interval.streams.size() * sizeof(StreamInterval) + size_of(interval.host_delay) +
         size_of(interval.arrival_gap);
}
std::size_t size_of(const ConnectionInterval& interval) {
  const Exchanges& exchanges = interval.exchanges;
  return sizeof interval + size_of(exchanges.connect) + size_of(exchanges.first_packet) + size_of(exchanges.whole) +
         size_of(exchanges.lateness);
}

}  // namespace

OutputLane::OutputLane(std::string what, std::vector<std::unique_ptr<Output>> outputs)
    : what_(std::move(what)), outputs_(std::move(outputs)), thread_([this] { work(); }) {}

OutputLane::~OutputLane() { close(); }

void OutputLane::waiting(std::uint16_t port) {
  post([=](Output& output) { output.waiting(port); });
}

void OutputLane::connected(const std::string& address) {
  post([=](Output& output) { output.connected(address); });
}

void OutputLane::path_confirmed(std::size_t flow, const PathResult& path, const Stamping& stamping) {
  post([=](Output& output) { output.path_confirmed(flow, path, stamping); });
}

void OutputLane::interval(std::size_t flow, const PacketInterval& interval) {
  post_interval(flow, interval, size_of(interval));
}
void OutputLane::interval(std::size_t flow, const TcpInterval& interval) {
  post_interval(flow, interval, size_of(interval));
}
void OutputLane::interval(std::size_t flow, const ConnectionInterval& interval) {
  post_interval(flow, interval, size_of(interval));
}

void OutputLane::record(std::size_t flow, const std::filesystem::path& file, std::uint64_t bytes, std::uint64_t of) {
  post([=](Output& output) { output.record(flow, file, bytes, of); });
}

void OutputLane::warning(const std::string& text) {
  post([=](Output& output) { output.warning(text); });
}

void OutputLane::finish(const RunResult& result) {
  post([=](Output& output) { output.finish(result); });
}

void OutputLane::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  news_.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::vector<std::string> OutputLane::notes() const {
  std::vector<std::string> said;
  for (const auto& output : outputs_) {
    if (std::string note = output->note(); !note.empty()) said.push_back(std::move(note));
  }
  return said;
}

std::vector<std::string> OutputLane::trouble() const {
  std::vector<std::string> said;
  for (const auto& output : outputs_) {
    if (std::string why = output->trouble(); !why.empty()) said.push_back(std::move(why));
  }
  if (left_out_ > 0)
    said.push_back(
        fmt::format("{}: {} intervals were left out: what was there to write waited for too long", what_, left_out_));
  return said;
}

void OutputLane::post(Event event) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({std::move(event), 0});
  }
  news_.notify_one();
}

template <class Interval>
void OutputLane::post_interval(std::size_t flow, const Interval& interval, std::size_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_bytes_ + bytes > kMostBytes) {
      ++left_out_;
      return;
    }
    waiting_bytes_ += bytes;
    waiting_.push_back({[=](Output& output) { output.interval(flow, interval); }, bytes});
  }
  news_.notify_one();
}

void OutputLane::work() {
  constexpr std::chrono::milliseconds kRedraw{250};
  bool closing = false;
  while (!closing) {
    std::deque<Waiting> batch;
    {
      std::unique_lock lock(mutex_);
      news_.wait_for(lock, kRedraw, [this] { return closing_ || !waiting_.empty(); });
      batch.swap(waiting_);
      closing = closing_ && batch.empty();
    }
    for (const Waiting& one : batch) {
      for (const auto& output : outputs_) one.event(*output);
      const std::lock_guard lock(mutex_);
      waiting_bytes_ -= one.bytes;
    }
    for (const auto& output : outputs_) output->show();
  }
}

}  // namespace paceline::sender
