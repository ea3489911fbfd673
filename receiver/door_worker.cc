// SPDX-License-Identifier: MIT
#include "receiver/door_worker.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include "paceline/error.h"
#include "traffic/clock_source.h"
#include "traffic/random.h"

namespace paceline::receiver {

namespace {

using traffic::Address;
using traffic::FileDescriptor;

// What an event is of: these, or else the guest of that number.
constexpr std::uint64_t kBell = 0, kListening = 1, kMostListening = 2;  // sockets that listen, one after the other
constexpr std::uint64_t kFirstGuest = kListening + kMostListening;

// Connections accepted in a row before those that wait get their turn.
constexpr int kAcceptsInARow = 64;
constexpr std::size_t kEvents = 64;
// Out of descriptors or memory, those in use will come free.
constexpr std::chrono::milliseconds kPause{100};

ReceiverTime receiver_now() { return traffic::now<ReceiverClock>(); }

void watch_for(int epoll, int fd, std::uint64_t number, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = number;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/// One numbering for all doors' guests, so that none is taken for another.
std::uint64_t next_number() {
  static std::atomic<std::uint64_t> next{kFirstGuest};
  return next.fetch_add(1, std::memory_order_relaxed);
}

/// False if it does not fit into the connection: the peer does not read.
bool reply(int socket, const packet::Probe& probe, const packet::Nonce& nonce, ReceiverTime received, int flags) {
  packet::ProbeReply reply;
  reply.flow_id = probe.flow_id;
  reply.attempt = probe.attempt;
  reply.nonce = nonce;
  reply.sent = probe.sent;
  reply.received = static_cast<std::uint64_t>(received.time_since_epoch().count());
  reply.replied = static_cast<std::uint64_t>(receiver_now().time_since_epoch().count());
  const auto bytes = packet::encode(reply);
  return send(socket, bytes.data(), bytes.size(), flags | MSG_DONTWAIT | MSG_NOSIGNAL) ==
         static_cast<ssize_t>(bytes.size());
}

template <class Which>
Address end_of(int socket, Which getname) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  getname(socket, reinterpret_cast<sockaddr*>(&address), &length);
  return Address::from(address);
}

int milliseconds_until(ReceiverTime time, ReceiverTime now) {
  if (time == ReceiverTime::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - now);
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

}  // namespace

DoorWorker::DoorWorker(const std::vector<int>& listening, Lobby& lobby)
    : listening_(listening),
      lobby_(lobby),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!epoll_ || !bell_) throw SetupError("epoll: " + std::generic_category().message(errno));
  watch_for(epoll_.get(), bell_.get(), kBell, EPOLLIN);
  listen();
}

DoorWorker::~DoorWorker() {
  thread_.request_stop();
  eventfd_write(bell_.get(), 1);
}

void DoorWorker::start(const StampLadder& ladder, const traffic::WorkerOptions& options, std::size_t index) {
  ladder_ = &ladder;
  thread_ = std::jthread([this, options, index](const std::stop_token& stop) {
    traffic::become_worker(options, index);  // what it lacks the data path's workers tell
    run(stop);
  });
}

void DoorWorker::adopt(FileDescriptor connection) {
  watch(*welcome(std::move(connection), {}));
  eventfd_write(bell_.get(), 1);  // it has a deadline from now on
}

void DoorWorker::run(const std::stop_token& stop) {
  std::array<epoll_event, kEvents> events;
  while (!stop.stop_requested()) {
    const ReceiverTime now = receiver_now();
    listen_again(now);
    const ReceiverTime next = std::min(lobby_.expire(now), listen_again_at_);
    const int count = epoll_wait(epoll_.get(), events.data(), kEvents, milliseconds_until(next, now));
    for (int i = 0; i < count; ++i) {
      const std::uint64_t number = events[static_cast<std::size_t>(i)].data.u64;
      if (number >= kListening && number < kFirstGuest) {
        accept_some(listening_[number - kListening]);
      } else if (number == kBell) {
        eventfd_t rings = 0;
        eventfd_read(bell_.get(), &rings);
      } else if (const auto guest = lobby_.find(number)) {
        serve(guest);
      }
    }
  }
}

void DoorWorker::listen() {
  for (std::size_t i = 0; i < listening_.size(); ++i)
    watch_for(epoll_.get(), listening_[i], kListening + i, EPOLLIN | EPOLLEXCLUSIVE);
}

void DoorWorker::accept_some(int listening) {
  for (int i = 0; i < kAcceptsInARow; ++i) {
    FileDescriptor connection(accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection) {
      take(std::move(connection));
      continue;
    }
    if (errno == EAGAIN) return;
    const bool exhausted = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    if (!exhausted) continue;  // this connection's own error: it ended before it was taken
    // The kernel says so before it looks whether there is a connection at all.
    pollfd queue{listening, POLLIN, 0};
    if (poll(&queue, 1, 0) != 1) return;
    if (lobby_.close_oldest_stranger()) continue;
    for (const int each : listening_) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, each, nullptr);
    listen_again_at_ = receiver_now() + kPause;
    return;
  }
}

void DoorWorker::listen_again(ReceiverTime now) {
  if (now < listen_again_at_) return;
  listen_again_at_ = ReceiverTime::max();
  listen();
}

/// Mostly the probe is there already; then an exchange is over without further ado.
void DoorWorker::take(FileDescriptor connection) {
  ProbeReader reader;
  const auto outcome = reader.read(connection.get());
  if (outcome == ProbeReader::Outcome::over) return;
  if (outcome == ProbeReader::Outcome::waiting) return watch(*welcome(std::move(connection), reader));

  const ReceiverTime now = receiver_now();
  const auto probe = reader.take();
  if (!probe) return;
  const auto flow = lobby_.find(*probe);
  if (!flow) return;
  if (flow->policy == DoorPolicy::exchanges) return answer_exchange(connection.get(), *flow, *probe, now);
  const auto guest = welcome(std::move(connection), reader);
  admit(guest, flow, *probe, now);
  watch(*guest);
}

std::shared_ptr<Guest> DoorWorker::welcome(FileDescriptor connection, const ProbeReader& reader) {
  auto guest = std::make_shared<Guest>();
  guest->number = next_number();
  guest->arrived = receiver_now();
  guest->epoll = epoll_.get();
  guest->socket = std::move(connection);
  guest->reader = reader;
  lobby_.enter(guest);
  return guest;
}

void DoorWorker::watch(Guest& guest) {
  const std::scoped_lock lock(guest.mutex);
  if (guest.socket) watch_for(epoll_.get(), guest.socket.get(), guest.number, EPOLLIN | EPOLLRDHUP);
}

/// Something has come from it.
void DoorWorker::serve(const std::shared_ptr<Guest>& guest) {
  std::unique_lock lock(guest->mutex);
  if (!guest->socket) return;  // claimed or closed meanwhile
  const int socket = guest->socket.get();
  const auto outcome = guest->reader.read(socket);
  if (outcome == ProbeReader::Outcome::waiting) return;
  const ReceiverTime now = receiver_now();
  const auto probe = outcome == ProbeReader::Outcome::whole ? guest->reader.take() : std::nullopt;
  const auto flow = probe ? lobby_.find(*probe) : nullptr;
  if (!flow) return dismiss(*guest);

  if (guest->flow) {  // a later probe, of the clock exchange
    if (flow != guest->flow || !answer(socket, *probe, guest->nonce, now, 0)) dismiss(*guest);
    return;
  }
  if (flow->policy == DoorPolicy::exchanges) {
    answer_exchange(socket, *flow, *probe, now);
    return dismiss(*guest);
  }
  lock.unlock();
  admit(guest, flow, *probe, now);
}

bool DoorWorker::answer(int socket, const packet::Probe& probe, const packet::Nonce& nonce, ReceiverTime received,
                        int flags) {
  if (!reply(socket, probe, nonce, received, flags)) return false;
  answered_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

/// The reply to an exchange; the connection is to be closed right after it. MSG_MORE holds the reply back until then,
/// so that one segment carries it and our FIN: the receiver closes first, and there is a segment less.
void DoorWorker::answer_exchange(int socket, DoorFlow& flow, const packet::Probe& probe, ReceiverTime received) {
  // Counted first: whoever has the reply may ask at once how many there were.
  flow.answered.fetch_add(1, std::memory_order_relaxed);
  if (!answer(socket, probe, traffic::random_value<packet::Nonce>(), received, MSG_MORE))
    flow.answered.fetch_sub(1, std::memory_order_relaxed);
}

/// Its first probe: answers it and seats it among the flow's.
void DoorWorker::admit(const std::shared_ptr<Guest>& guest, const std::shared_ptr<DoorFlow>& flow,
                       const packet::Probe& probe, ReceiverTime received) {
  Address arrived_at, seen_from;
  bool seen = false;
  {
    // Whoever has the reply may claim the connection, and waits for this.
    const std::scoped_lock lock(guest->mutex);
    if (!guest->socket) return;
    const int socket = guest->socket.get();
    arrived_at = end_of(socket, getsockname);
    seen_from = end_of(socket, getpeername);
    guest->arrivals = ladder_->arrivals({arrived_at.ip(), seen_from.ip(), arrived_at.port(), seen_from.port()});
    seen = guest->arrivals != nullptr;
    guest->flow = flow;
    guest->attempt = probe.attempt;
    guest->nonce = traffic::random_value<packet::Nonce>();
    if (!lobby_.seat(guest) || !answer(socket, probe, guest->nonce, received, 0)) return dismiss(*guest);
  }
  if (flow->listener)
    flow->listener->path_confirmed(probe.attempt, arrived_at, seen_from, ladder_->judge_connection(seen));
}

/// Closes it. Precondition: its mutex is held.
void DoorWorker::dismiss(Guest& guest) {
  lobby_.leave(guest);
  guest.socket = {};
}

}  // namespace paceline::receiver
