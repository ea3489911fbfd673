// SPDX-License-Identifier: MIT
#include "traffic/tcp_worker.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "paceline/error.h"
#include "traffic/clock_source.h"

namespace paceline::traffic {

namespace {

constexpr std::uint64_t kWake = ~std::uint64_t{0};
constexpr std::uint64_t kTimer = kWake - 1;

constexpr nanoseconds kExpired = nanoseconds::min();  // of a timer: is to be set anew

// The other end's start is this end's to within the clocks' error: streams that end so shortly before the flow does
// have run their full time.
constexpr nanoseconds kClockError = std::chrono::milliseconds(50);

void add(const FileDescriptor& epoll, const FileDescriptor& added, std::uint32_t events, std::uint64_t data) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, added.get(), &event) != 0)
    throw SetupError("waiting for a TCP stream (epoll): " + error_text(errno));
}

}  // namespace

std::string error_text(int error) {
  std::string text = std::strerror(error);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

std::string in_words(nanoseconds time) {
  const std::int64_t milliseconds = time / std::chrono::milliseconds(1);
  if (milliseconds % 1000 == 0) return std::to_string(milliseconds / 1000) + " s";
  return std::to_string(milliseconds) + " ms";
}

TcpRun::TcpRun(const TcpTransferSpec& asked, std::size_t streams, std::size_t workers, TcpTransferListener& listener)
    : spec(asked),
      grid(asked.flow),
      rows(grid, streams, workers, [&listener](TcpInterval&& row) { listener.interval(std::move(row)); }),
      outcomes(streams),
      wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      busy(workers) {
  if (!wake) throw SetupError("waking workers (eventfd): " + error_text(errno));
}

nanoseconds TcpRun::now() const { return traffic::now<SenderClock>().time_since_epoch() - spec.start; }

void TcpRun::wake_all() const { eventfd_write(wake.get(), 1); }

void TcpRun::end() {
  nanoseconds never = kNever;
  if (ended.compare_exchange_strong(never, now())) wake_all();
}

TcpWorker::TcpWorker(TcpRun& run, std::size_t index)
    : run_(run),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      timer_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)),
      first_(index == 0) {
  if (!epoll_ || !timer_) throw SetupError("waiting for TCP streams (epoll, timerfd): " + error_text(errno));
  // Each worker has its own edge of the one eventfd, which nobody needs to read.
  add(epoll_, run_.wake, EPOLLIN | EPOLLET, kWake);
  add(epoll_, timer_, EPOLLIN | EPOLLET, kTimer);
}

void TcpWorker::run() {
  add_streams();
  for (;;) {
    const nanoseconds now = run_.now();
    cut_until(std::min(now, run_.ended.load()));
    if (run_.ended.load() != TcpRun::kNever) break;
    work(now);
  }
  for (std::size_t i = 0; i < size(); ++i) {
    if (!stream(i).over) end(i, "broken off");
  }
  run_.rows.hand_in_last(row_, run_.ended.load(), [this](TcpInterval& row) { fill(row); });
}

void TcpWorker::add_streams() {
  left_ = size();
  for (std::size_t i = 0; i < size(); ++i) {
    try {
      add(epoll_, stream(i).socket, 0, i);
    } catch (const SetupError& error) {
      end(i, error.what());
    }
  }
}

void TcpWorker::work(nanoseconds now) {
  if (first_ && !run_.cpu.began() && now >= run_.grid.omit()) run_.cpu.begin(now);
  nanoseconds next = left_ > 0 ? due(now) : TcpRun::kNever;
  if (left_ == 0 && busy_) {
    const nanoseconds total = run_.grid.total();
    const bool rest =
        run_.spec.flow.bytes == 0 && now < total && now + kClockError >= total && run_.stop.load() == TcpRun::kNever;
    if (rest) {
      next = total;
    } else {
      busy_ = false;
      if (run_.busy.fetch_sub(1) == 1) run_.end();
    }
  }
  wait(row_ < run_.grid.count() ? std::min(next, run_.grid.end(row_)) : next);
}

void TcpWorker::wait(nanoseconds until) {
  if (until != timer_set_to_) {
    itimerspec when{};
    if (until != TcpRun::kNever) {
      const nanoseconds since_boot = std::max(run_.spec.start + until, nanoseconds{1});  // 0 would disarm it
      const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
      when.it_value = {seconds.count(), (since_boot - seconds).count()};
    }
    timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
    timer_set_to_ = until;
  }
  std::array<epoll_event, 64> events;
  const int count = epoll_wait(epoll_.get(), events.data(), events.size(), -1);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t index = events[static_cast<std::size_t>(i)].data.u64;
    if (index == kTimer) timer_set_to_ = kExpired;
    if (index >= size() || stream(index).over) continue;
    const nanoseconds now = run_.now();
    if (now >= row_end()) cut_until(now);
    ready(index, now);
  }
}

void TcpWorker::cut_until(nanoseconds now) {
  for (; row_ < run_.grid.count() && run_.grid.end(row_) <= now; ++row_)
    run_.rows.hand_in(row_, [this](TcpInterval& row) { fill(row); });
}

void TcpWorker::fill(TcpInterval& row) {
  for (std::size_t i = 0; i < size(); ++i) bytes_of(row.streams[stream(i).number]) = std::exchange(stream(i).in_row, 0);
  cut(row);
}

void TcpWorker::watch(std::size_t index, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = index;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, stream(index).socket.get(), &event);
}

void TcpWorker::moved(TcpStreamState& stream, std::uint64_t bytes, nanoseconds now) {
  stream.bytes += bytes;
  stream.in_row += bytes;
  stream.moved_at = now;
  if (!measured()) return;
  TcpStreamOutcome& told = outcome(stream);
  if (told.last == nanoseconds{0}) told.first = now;
  told.last = now;
}

void TcpWorker::end(std::size_t index, const std::string& why) {
  TcpStreamState& ended = stream(index);
  ended.over = true;
  outcome(ended).ended = why;
  if (!why.empty()) {
    const linger reset{1, 0};
    setsockopt(ended.socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  ended.socket = FileDescriptor();
  --left_;
}

}  // namespace paceline::traffic
