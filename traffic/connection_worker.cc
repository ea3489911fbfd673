// SPDX-License-Identifier: MIT
#include "traffic/connection_worker.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <system_error>
#include <utility>

#include "paceline/error.h"
#include "traffic/clock_source.h"
#include "traffic/flow_label.h"
#include "traffic/socket_options.h"

namespace paceline::traffic {

namespace {

constexpr std::uint64_t kBell = ~std::uint64_t{0};  // an event's place otherwise
// Started in a row before those under way get their turn.
constexpr int kStartsInARow = 32;

SenderTime sender_now() { return now<SenderClock>(); }

ConnectionFailure failure_of(int error) {
  switch (error) {
    case ECONNREFUSED: return ConnectionFailure::refused;
    case ECONNRESET:
    case EPIPE: return ConnectionFailure::reset;
    case ETIMEDOUT: return ConnectionFailure::timed_out;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN: return ConnectionFailure::unreachable;
    case EADDRNOTAVAIL:
    case EAGAIN: return ConnectionFailure::no_port;  // EAGAIN: what connect() of a UDP socket says
    default: return ConnectionFailure::other;
  }
}

}  // namespace

void ConnectionWorker::Queue::push(std::uint32_t place) {
  places_[place].before = last_;
  places_[place].after = kNone;
  (last_ == kNone ? first_ : places_[last_].after) = place;
  last_ = place;
}

void ConnectionWorker::Queue::erase(std::uint32_t place) {
  const Exchange& gone = places_[place];
  (gone.before == kNone ? first_ : places_[gone.before].after) = gone.after;
  (gone.after == kNone ? last_ : places_[gone.after].before) = gone.before;
}

ConnectionWorker::ConnectionWorker(const ConnectionLoadSpec& spec, const Share& share, ExchangeSink& sink,
                                   ConnectionRows& rows, std::function<void()> measuring)
    : spec_(spec),
      share_(share),
      sink_(sink),
      rows_(rows),
      measuring_(std::move(measuring)),
      tcp_(spec.flow.transport == Transport::tcp),
      family_(spec.to.is_v4() ? AF_INET : AF_INET6),
      end_(spec.start + spec.flow.omit + spec.flow.duration),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      places_(share.concurrency),
      next_attempt_(static_cast<std::uint32_t>(share.index)),
      row_end_(spec.start + rows.end_of(0)) {
  epoll_event rung{};
  rung.events = EPOLLIN;
  rung.data.u64 = kBell;
  if (!epoll_ || !bell_ || epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, bell_.get(), &rung) != 0)
    throw SetupError("epoll: " + std::generic_category().message(errno));
  to_length_ = spec.to.to_sockaddr(to_, family_);
  if (spec.source) source_length_ = Address(spec.source->ip(), 0, spec.source->scope()).to_sockaddr(source_, family_);
  for (std::uint32_t place = share.concurrency; place-- > 0;) idle_.push_back(place);
  if (spec.flow.rate <= 0) return;

  schedule_.emplace(spec.flow.rate);
  const std::uint64_t slots = schedule_->slots_before(spec.flow.omit + spec.flow.duration);
  slots_left_ = slots > share.index ? (slots - share.index + share.workers - 1) / share.workers : 0;
  for (std::size_t i = 0; i < share.index; ++i) schedule_->next();
  next_due_ = spec.start + schedule_->next();
}

bool ConnectionWorker::run() {
  const PreciseTimers precise;
  SenderTime now = sender_now();
  while (!over(now)) {
    start_what_is_due(now);
    const std::size_t count = wait(sender_now());
    for (std::size_t i = 0; i < count; ++i) {
      if (events_[i].data.u64 == kBell) {
        eventfd_t rings = 0;
        eventfd_read(bell_.get(), &rings);
      } else {
        advance(static_cast<std::uint32_t>(events_[i].data.u64));
      }
    }
    now = sender_now();
    expire(now);
    cut_rows(now);
  }
  while (!under_way_.empty()) close(under_way_.first());
  return rows_.finish(row_, take_share(), now - spec_.start);
}

void ConnectionWorker::stop() {
  stopping_ = true;
  eventfd_write(bell_.get(), 1);
}

void ConnectionWorker::break_off() {
  breaking_ = true;
  stop();
}

bool ConnectionWorker::over(SenderTime now) const {
  if (breaking_) return true;
  return under_way_.empty() && !starting(now) && (stopping_ || now >= end_);
}

// --- starting ---

/// Whether there are more to come.
bool ConnectionWorker::starting(SenderTime now) const {
  return !stopping_ && (schedule_ ? slots_left_ > 0 : now < end_);
}

void ConnectionWorker::start_what_is_due(SenderTime now) {
  if (measuring_ && now >= spec_.start + spec_.flow.omit) std::exchange(measuring_, nullptr)();
  if (now < spec_.start || !starting(now)) return;
  if (schedule_) return start_slots(now);
  while (!resting_.empty() && now >= places_[resting_.first()].began + kRest) {
    idle_.push_back(resting_.first());
    resting_.erase(resting_.first());
  }
  for (int i = 0; i < kStartsInARow && !idle_.empty(); ++i) start(SenderTime::max());
}

void ConnectionWorker::start_slots(SenderTime now) {
  for (int i = 0; i < kStartsInARow && slots_left_ > 0 && next_due_ <= now; ++i) {
    if (now >= end_ + kOvertime) {
      counts_.missed_slots += std::exchange(slots_left_, 0);
      return;
    }
    if (idle_.empty()) {
      ++counts_.missed_slots;
    } else {
      start(next_due_);
    }
    --slots_left_;
    for (std::size_t worker = 0; worker < share_.workers; ++worker) next_due_ = spec_.start + schedule_->next();
  }
}

/// `due`: max() without a schedule.
void ConnectionWorker::start(SenderTime due) {
  const std::uint32_t place = idle_.back();
  idle_.pop_back();
  Exchange& exchange = places_[place];
  exchange.attempt = next_attempt_;
  next_attempt_ += static_cast<std::uint32_t>(share_.workers);
  exchange.have = 0;
  exchange.connect = nanoseconds{0};
  exchange.began = sender_now();
  exchange.phase = Phase::connecting;
  under_way_.push(place);
  cut_rows(exchange.began);
  ++counts_.started;
  sink_.started(due == SenderTime::max() ? -1 : (exchange.began - due).count());
  if (!span_.first_start && exchange.began >= spec_.start + spec_.flow.omit) span_.first_start = exchange.began;

  if (const int error = open(exchange); error != 0) return fail(place, failure_of(error));
  // On a short path the other end's answer is here by now, and no event need be waited for.
  advance(place);
}

/// A fresh socket on its way to the receiver. Returns an errno.
int ConnectionWorker::open(Exchange& exchange) {
  exchange.fd = socket(family_, (tcp_ ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (exchange.fd < 0) return errno == EAGAIN ? ENOBUFS : errno;
  exchange.watched = false;
  sockaddr_storage to = to_;
  try {
    bind_to_interface(exchange.fd, spec_.flow.socket.interface);
    configure_socket(exchange.fd, spec_.flow.socket);
    if (spec_.flow_label) set_flow_label(exchange.fd, *spec_.flow_label, to);
  } catch (const SetupError&) {  // the probes went out with it; by now the kernel's labels are used up, say
    return ENOBUFS;
  }
  if (source_length_ != 0) {
    const int on = 1;
    setsockopt(exchange.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(exchange.fd, reinterpret_cast<const sockaddr*>(&source_), source_length_) != 0)
      return errno == EADDRINUSE ? EADDRNOTAVAIL : errno;
  }
  if (tcp_) {
    // The handshake's last ACK rides on the request, as it does for whoever has its request at hand.
    const int off = 0;
    setsockopt(exchange.fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
  }
  exchange.began = sender_now();
  if (connect(exchange.fd, reinterpret_cast<const sockaddr*>(&to), to_length_) == 0) return 0;
  return errno == EINPROGRESS ? 0 : errno;
}

// --- under way ---

/// Takes the exchange as far as it goes by now.
void ConnectionWorker::advance(std::uint32_t place) {
  Exchange& exchange = places_[place];
  if (exchange.phase == Phase::connecting && !ask(place)) return;
  if (exchange.phase == Phase::asked && !take_reply(place)) return;
  if (exchange.phase != Phase::closing) return;
  // The receiver closes first: the one that does keeps the port for a minute (TIME_WAIT).
  std::uint8_t byte = 0;
  if (recv(exchange.fd, &byte, 1, 0) < 0 && errno == EAGAIN) return watch(place);
  close(place);
}

/// Sends the request. False if the connection is not made yet, or failed.
bool ConnectionWorker::ask(std::uint32_t place) {
  Exchange& exchange = places_[place];
  packet::Probe probe;
  probe.flow_id = spec_.flow_id;
  probe.attempt = exchange.attempt;
  probe.secret = spec_.secret;
  probe.nonce = spec_.nonce;
  exchange.asked = sender_now();
  probe.sent = static_cast<std::uint64_t>(exchange.asked.time_since_epoch().count());
  const auto bytes = packet::encode(probe);
  const ssize_t sent = send(exchange.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(bytes.size())) {
    if (tcp_) exchange.connect = exchange.asked - exchange.began;
    exchange.phase = Phase::asked;
    return true;
  }
  if (sent < 0 && errno == EAGAIN) {
    watch(place);
  } else {
    fail(place, sent < 0 ? failure_of(errno) : ConnectionFailure::other);
  }
  return false;
}

/// False if it is not whole yet, or the exchange is over.
bool ConnectionWorker::take_reply(std::uint32_t place) {
  Exchange& exchange = places_[place];
  // Of a datagram a byte more than a reply has, to see one that is longer.
  const std::size_t most = packet::kProbeReplySize + (tcp_ ? 0 : 1);
  for (;;) {
    const auto room = std::span(exchange.reply).first(most).subspan(exchange.have);
    const ssize_t got = recv(exchange.fd, room.data(), room.size(), 0);
    if (got < 0) {
      if (errno == EAGAIN) {
        watch(place);
      } else {
        fail(place, failure_of(errno));
      }
      return false;
    }
    const SenderTime now = sender_now();
    const std::size_t have = exchange.have + static_cast<std::size_t>(got);
    if (tcp_ && got > 0 && have < most) {
      exchange.have = static_cast<std::uint8_t>(have);
      continue;
    }
    const auto reply = packet::decode_probe_reply(std::span(exchange.reply).first(have));
    const bool ours = reply && reply->flow_id == spec_.flow_id;
    // Over UDP it may be for an exchange that timed out and had this source port before.
    if (ours && !tcp_ && reply->attempt != exchange.attempt && now < exchange.began + spec_.flow.timeout) continue;
    if (!ours || reply->attempt != exchange.attempt) {
      fail(place, ConnectionFailure::wrong_reply);
      return false;
    }
    complete(place, now);
    return tcp_;
  }
}

/// Edge-triggered, so that once does for the whole exchange.
void ConnectionWorker::watch(std::uint32_t place) {
  Exchange& exchange = places_[place];
  if (std::exchange(exchange.watched, true)) return;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = place;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, exchange.fd, &event) != 0) fail(place, ConnectionFailure::other);
}

// --- ends ---

void ConnectionWorker::complete(std::uint32_t place, SenderTime now) {
  Exchange& exchange = places_[place];
  cut_rows(now);
  ++counts_.completed;
  sink_.completed(exchange.connect.count(), (now - exchange.asked).count(), (now - exchange.began).count());
  if (now >= spec_.start + spec_.flow.omit) span_.last_completion = now;
  exchange.phase = Phase::closing;
  if (!tcp_) close(place);
}

void ConnectionWorker::fail(std::uint32_t place, ConnectionFailure failure) {
  const SenderTime now = sender_now();
  cut_rows(now);
  ++counts_.failed[static_cast<std::size_t>(failure)];
  close(place);
  if (schedule_) return;
  idle_.pop_back();
  places_[place].began = now;
  resting_.push(place);
}

void ConnectionWorker::close(std::uint32_t place) {
  Exchange& exchange = places_[place];
  if (exchange.fd >= 0) ::close(std::exchange(exchange.fd, -1));
  exchange.phase = Phase::idle;
  under_way_.erase(place);
  idle_.push_back(place);
}

void ConnectionWorker::expire(SenderTime now) {
  while (!under_way_.empty() && now >= places_[under_way_.first()].began + spec_.flow.timeout) {
    const std::uint32_t place = under_way_.first();
    if (places_[place].phase == Phase::closing) {
      close(place);
    } else {
      fail(place, ConnectionFailure::timed_out);
    }
  }
}

// --- rows ---

void ConnectionWorker::cut_rows(SenderTime now) {
  while (now >= row_end_) {
    rows_.hand_in(row_, take_share());
    ++row_;
    const nanoseconds end = rows_.end_of(row_);
    row_end_ = end == nanoseconds::max() ? SenderTime::max() : spec_.start + end;
  }
}

Exchanges ConnectionWorker::take_share() {
  Exchanges share = std::exchange(counts_, {});
  sink_.take(share);
  return share;
}

// --- waiting ---

/// When something is to be done though nothing happens.
SenderTime ConnectionWorker::next_turn(SenderTime now) const {
  SenderTime next = row_end_;
  // With nothing under way the flow may be over at its end.
  next = std::min(next, under_way_.empty() ? end_ : places_[under_way_.first()].began + spec_.flow.timeout);
  if (!resting_.empty() && starting(now)) next = std::min(next, places_[resting_.first()].began + kRest);
  return next;
}

/// Returns how many events came; 0 when a slot is due, or next_turn() is.
std::size_t ConnectionWorker::wait(SenderTime now) {
  const auto poll_events = [this](int timeout) {
    const int count = epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), timeout);
    return static_cast<std::size_t>(std::max(count, 0));
  };
  SenderTime wake = next_turn(now);
  SenderTime due = SenderTime::max();
  if (starting(now)) {
    if (schedule_) {
      due = next_due_;
    } else if (!idle_.empty()) {
      wake = std::min(wake, std::max(now, spec_.start));
    }
  }
  const bool timed = due < wake;
  if (timed) wake = due - (share_.spin ? margin_.value() : nanoseconds{0});
  if (wake <= now) return poll_events(0);
  if (!timed) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(wake - now);
    return poll_events(static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
  }
  // To the nanosecond, which not every kernel's epoll can.
  if (const std::size_t count = poll_events(0); count > 0) return count;
  pollfd watched{epoll_.get(), POLLIN, 0};
  const nanoseconds left = wake - now;
  const timespec time{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
  if (ppoll(&watched, 1, &time, nullptr) > 0) return poll_events(0);
  margin_.overslept(std::max(nanoseconds{0}, sender_now() - wake));
  return 0;
}

}  // namespace paceline::traffic
