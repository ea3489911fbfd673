// SPDX-License-Identifier: MIT
#include "traffic/tcp_source.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "traffic/tcp_info.h"

namespace paceline::traffic {

namespace {

constexpr std::uint64_t kTurn = 1024 * 1024;  // of a stream, before the next one has its turn
constexpr std::uint64_t kPacedWrite = 64 * 1024;
constexpr nanoseconds kLeastPoll = std::chrono::microseconds(500);
constexpr nanoseconds kMostPoll = std::chrono::milliseconds(20);

int pending_error(int socket) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

std::uint32_t segment_size(int socket) {
  int mss = 0;
  socklen_t length = sizeof mss;
  if (getsockopt(socket, IPPROTO_TCP, TCP_MAXSEG, &mss, &length) != 0 || mss <= 0) return 536;  // RFC 9293's least
  return static_cast<std::uint32_t>(mss);
}

/// Has the kernel spread the segments of each write. It may go a little faster than the schedule, which is what keeps
/// the average; headers count where the fq qdisc does the pacing.
void limit_pacing(int socket, double bits_a_second) {
  constexpr double kHeaders = 100;
  const double with_headers = 1 + kHeaders / segment_size(socket);
  const auto rate = static_cast<unsigned long>(bits_a_second / 8 * 1.05 * with_headers) + 1;
  setsockopt(socket, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof rate);
}

}  // namespace

TcpSource::TcpSource(TcpRun& run, std::size_t index, std::vector<TcpStreamState> streams, const PayloadMemory& memory)
    : TcpWorker(run, index), writer_(memory, run.spec.flow.send) {
  const TcpFlowSpec& flow = run.spec.flow;
  const std::uint64_t all = run.outcomes.size();
  const double share = flow.bitrate_bps / static_cast<double>(all);
  for (TcpStreamState& state : streams) {
    if (share > 0) limit_pacing(state.socket.get(), share);
    const std::uint64_t bytes = flow.bytes / all + (state.number < flow.bytes % all ? 1 : 0);
    streams_.push_back({.state = std::move(state), .left = bytes});
  }
  if (share > 0) budget_.emplace(share, run.grid.total(), segment_size(streams_.front().state.socket.get()));
}

nanoseconds TcpSource::due(nanoseconds now) {
  if (!started_ && now < nanoseconds{0} && run_.stop.load() == TcpRun::kNever) return nanoseconds{0};
  if (!started_) start(now);
  const nanoseconds end = std::min(run_.grid.total(), run_.stop.load());
  const bool writing = now < end;
  const bool tick = writing && budget_ && now >= next_tick_;
  const bool poll = now >= next_poll_;
  const bool sweep = now >= next_sweep_;
  if (tick || poll || sweep || !writing) {
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      const Stream& stream = streams_[i];
      if (!stream.state.over && !writing && !stream.draining) write_rest(i, now);
      if (!stream.state.over && !writing && !stream.draining) drain(i, now);
      if (!stream.state.over && tick && !stream.draining && !stream.blocked) write(i, now);
      if (!stream.state.over && poll && stream.draining) look_for_end(i);
      if (!stream.state.over && sweep) look_for_stall(i, now);
    }
  }
  if (tick) next_tick_ = budget_->next(now);
  if (poll || next_poll_ == TcpRun::kNever) {
    // Soon at first, when the wait is that for the last round trip.
    if (drained_since_ != TcpRun::kNever)
      next_poll_ = now + std::clamp((now - drained_since_) / 8, kLeastPoll, kMostPoll);
  }
  if (sweep) next_sweep_ = now + run_.spec.patience / 8;
  nanoseconds next = std::min(next_poll_, next_sweep_);
  if (writing) next = std::min(next, end);
  if (writing && budget_) next = std::min(next, next_tick_);
  return next;
}

void TcpSource::start(nanoseconds now) {
  started_ = true;
  next_sweep_ = now + run_.spec.patience / 8;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    streams_[i].progress = now;
    if (!budget_ && !streams_[i].state.over) set_blocked(i, true);  // the first turn comes with the socket's readiness
  }
}

void TcpSource::ready(std::size_t index, nanoseconds now) {
  Stream& stream = streams_[index];
  if (const int error = pending_error(stream.state.socket.get()); error != 0) return finish(index, error_text(error));
  if (stream.draining) return look_for_end(index);
  if (now >= std::min(run_.grid.total(), run_.stop.load())) return;  // drained next
  write(index, now);
}

void TcpSource::write(std::size_t index, nanoseconds now) {
  Stream& stream = streams_[index];
  for (std::uint64_t turn = 0; turn < kTurn;) {
    const std::uint64_t most = std::min(allowed(stream, now), kTurn - turn);
    if (most == 0) break;
    const ssize_t written = writer_.write(stream.state.socket.get(), most);
    if (written < 0 && errno != EAGAIN && errno != EINTR) return finish(index, error_text(errno));
    if (written <= 0) return set_blocked(index, true);
    const auto bytes = static_cast<std::uint64_t>(written);
    now = run_.now();
    moved(stream.state, bytes, now);
    if (run_.spec.flow.bytes != 0 && measured()) stream.left -= std::min(stream.left, bytes);
    turn += bytes;
    if (now >= row_end() && !budget_) return;  // the row is cut first
  }
  if (run_.spec.flow.bytes != 0 && stream.left == 0) return drain(index, now);
  if (budget_) set_blocked(index, allowed(stream, now) > 0);  // its turn was not enough: on when others have had theirs
}

// A thread that was held up owes what was due before the end; a path that is too slow has had its time.
void TcpSource::write_rest(std::size_t index, nanoseconds now) {
  if (budget_ && !streams_[index].blocked && run_.stop.load() == TcpRun::kNever) write(index, now);
}

std::uint64_t TcpSource::allowed(const Stream& stream, nanoseconds now) const {
  std::uint64_t most = PayloadWriter::kMost;
  if (budget_) {
    const std::uint64_t due = budget_->due(now);
    most = due > stream.state.bytes ? std::min(due - stream.state.bytes, kPacedWrite) : 0;
  }
  if (run_.spec.flow.bytes != 0 && measured()) most = std::min(most, stream.left);
  return most;
}

void TcpSource::set_blocked(std::size_t index, bool blocked) {
  Stream& stream = streams_[index];
  if (stream.blocked == blocked) return;
  stream.blocked = blocked;
  watch(index, blocked ? std::uint32_t{EPOLLOUT} : 0);
}

void TcpSource::drain(std::size_t index, nanoseconds now) {
  Stream& stream = streams_[index];
  stream.draining = true;
  stream.progress = now;
  drained_since_ = std::min(drained_since_, now);
  shutdown(stream.state.socket.get(), SHUT_WR);
  // The peer's close is news once, and its acknowledgements are none at all: those are looked for.
  watch(index, std::uint32_t{EPOLLRDHUP} | std::uint32_t{EPOLLET});
}

void TcpSource::look_for_end(std::size_t index) {
  const int socket = streams_[index].state.socket.get();
  const std::uint64_t waiting = unacknowledged(socket);
  if (const int error = pending_error(socket); error != 0) return finish(index, error_text(error));
  if (waiting == 0) finish(index, {});
}

void TcpSource::look_for_stall(std::size_t index, nanoseconds now) {
  Stream& stream = streams_[index];
  const std::uint64_t waiting = unacknowledged(stream.state.socket.get());
  const std::uint64_t acknowledged = stream.state.bytes - std::min(waiting, stream.state.bytes);
  if (waiting == 0 || acknowledged != stream.acknowledged) stream.progress = now;
  stream.acknowledged = acknowledged;
  if (now - stream.progress >= run_.spec.patience)
    return finish(index, "the peer took nothing for " + in_words(run_.spec.patience));
  if (now >= run_.deadline())
    finish(index, "not all acknowledged " + in_words(now - run_.grid.total()) + " after the flow's end");
}

void TcpSource::finish(std::size_t index, const std::string& why) {
  outcome(streams_[index].state).info = read_tcp_info(streams_[index].state.socket.get());
  end(index, why);
}

void TcpSource::cut(TcpInterval& row) {
  for (const Stream& stream : streams_) {
    row.streams[stream.state.number].info =
        stream.state.over ? run_.outcomes[stream.state.number].info : read_tcp_info(stream.state.socket.get());
  }
}

}  // namespace paceline::traffic
