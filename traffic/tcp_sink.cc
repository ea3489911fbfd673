// SPDX-License-Identifier: MIT
#include "traffic/tcp_sink.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace paceline::traffic {

namespace {

constexpr std::size_t kDiscarded = 4 * 1024 * 1024;  // a read at most
constexpr std::size_t kCopied = 256 * 1024;          // stays in the second-level cache

// Not recv(): sanitizers take what is discarded for written, to nowhere.
ssize_t discard(int socket) {
  return syscall(SYS_recvfrom, socket, nullptr, kDiscarded, MSG_DONTWAIT | MSG_TRUNC, nullptr, nullptr);
}

}  // namespace

TcpSink::TcpSink(TcpRun& run, std::size_t index, std::vector<TcpStreamState> streams,
                 std::vector<std::optional<StreamGranules>> arrivals, std::unique_ptr<GranuleSink> granules)
    : TcpWorker(run, index),
      streams_(std::move(streams)),
      arrivals_(std::move(arrivals)),
      granules_(std::move(granules)) {
  if (run.spec.flow.receive == ReceiveMode::copy) buffer_.resize(kCopied);
}

void TcpSink::ready(std::size_t index, nanoseconds) {
  TcpStreamState& stream = streams_[index];
  const int socket = stream.socket.get();
  const ssize_t read = buffer_.empty() ? discard(socket) : recv(socket, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (read == 0) return end(index, {});
  if (read < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (read < 0) return end(index, error_text(errno));
  const nanoseconds now = run_.now();
  const auto bytes = static_cast<std::uint64_t>(read);
  moved(stream, bytes, now);
  if (arrivals_[index]) arrivals_[index]->read(bytes, run_.spec.start + now, *granules_);
}

nanoseconds TcpSink::due(nanoseconds now) {
  if (!std::exchange(watching_, true)) {
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      if (!streams_[i].over) watch(i, EPOLLIN);
    }
  }
  if (now < nanoseconds{0}) return nanoseconds{0};
  const nanoseconds over = std::min(run_.grid.total(), run_.stop.load());
  if (now < over) return over;
  if (now < next_sweep_) return next_sweep_;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    if (streams_[i].over) continue;
    if (const std::string why = given_up(streams_[i], now); !why.empty()) end(i, why);
  }
  return next_sweep_ = now + run_.spec.patience / 8;
}

std::string TcpSink::given_up(const TcpStreamState& stream, nanoseconds now) const {
  const nanoseconds patience = run_.spec.patience;
  const nanoseconds stop = run_.stop.load();
  if (stop != TcpRun::kNever && now - stop >= patience)
    return "not over " + in_words(patience) + " after it was stopped";
  if (stop == TcpRun::kNever && now - std::max(run_.grid.total(), stream.moved_at) >= patience)
    return "nothing came for " + in_words(patience) + " after the flow's end, not even the end of the stream";
  if (now >= run_.deadline()) return "not over " + in_words(now - run_.grid.total()) + " after the flow's end";
  return {};
}

void TcpSink::cut(TcpInterval& row) {
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    if (arrivals_[i]) row.streams[streams_[i].number].wire = arrivals_[i]->take();
  }
  if (granules_) granules_->take(row);
}

}  // namespace paceline::traffic
