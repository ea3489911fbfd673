// SPDX-License-Identifier: MIT
#include "tests/relay/relay.h"

#include <netdb.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <utility>

namespace paceline::relay {

namespace {

using Clock = std::chrono::steady_clock;
using Bytes = std::vector<std::uint8_t>;

// A packet held back for reordering leaves after this long if no other packet comes to overtake it.
constexpr auto kLongestHold = std::chrono::milliseconds(100);
constexpr std::size_t kLargestDatagram = 65536;

enum Direction : std::size_t { kForward = 0, kBack = 1 };

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  std::string key() const { return {reinterpret_cast<const char*>(&storage), length}; }
};

[[noreturn]] void fail(const std::string& what) { throw SetupError(what + ": " + std::strerror(errno)); }

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

Address resolve(const Endpoint& endpoint) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  if (error != 0) throw SetupError("resolve " + to_string(endpoint) + ": " + gai_strerror(error));
  Address address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.length = found->ai_addrlen;
  freeaddrinfo(found);
  return address;
}

std::unique_ptr<Socket> udp_socket(int family) {
  const int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("make a UDP socket");
  auto made = std::make_unique<Socket>(fd);
  // What the relay itself lost would be missing from its counters.
  const int size = 8 << 20;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  return made;
}

struct Packet {
  Bytes bytes;
  bool matched = false;
  std::uint64_t number = 0;  // by order of arrival, of the matched ones
  bool copy = false;
};

// One client: its address, its own socket to the target, and what each direction's departures looked like.
struct Client {
  Address address;
  std::unique_ptr<Socket> upstream;
  struct Departures {
    std::uint64_t highest = 0;   // packet number that left
    std::optional<Packet> held;  // waits for another to overtake it
    Clock::time_point held_until;
  };
  std::array<Departures, 2> departures;
};

// A packet on its way.
struct Delayed {
  Clock::time_point due;
  std::uint64_t order;  // equal times leave in the order of arrival
  Client* client;
  Direction direction;
  Packet packet;
  bool held_back;
};
struct Later {
  bool operator()(const Delayed& a, const Delayed& b) const {
    return std::pair(a.due, a.order) > std::pair(b.due, b.order);
  }
};

class Relay {
 public:
  explicit Relay(const Options& options);
  std::string run();

 private:
  void watch(int fd, Client* client);
  void on_signal();
  void receive(Client* client);
  Client& client_of(const Address& address);
  void arrived(Client& client, Direction direction, std::span<const std::uint8_t> bytes);
  void release(Clock::time_point now);
  void depart(Client& client, Direction direction, Packet&& packet, bool held_back);
  void send(Client& client, Direction direction, const Packet& packet);
  std::optional<Clock::time_point> next_due() const;

  Options options_;
  Address target_;
  Socket epoll_;
  std::unique_ptr<Socket> listener_;
  std::unique_ptr<Socket> signals_;
  std::array<Dice, 2> dice_;
  std::array<Counters, 2> counters_;
  std::map<std::string, std::unique_ptr<Client>> clients_;
  std::priority_queue<Delayed, std::vector<Delayed>, Later> delayed_;
  std::uint64_t order_ = 0;
  bool dark_ = false;
  bool stop_ = false;
  Bytes buffer_ = Bytes(kLargestDatagram);
};

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&set, signal);
  return set;
}

Relay::Relay(const Options& options)
    : options_(options),
      target_(resolve(options.to)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      dice_{Dice(options.impairment[kForward], options.seed), Dice(options.impairment[kBack], options.seed + 1)} {
  Address here = resolve(options.listen);
  listener_ = udp_socket(here.storage.ss_family);
  if (bind(listener_->fd(), here.get(), here.length) != 0) fail("bind " + to_string(options.listen));
  if (getsockname(listener_->fd(), here.get(), &here.length) != 0) fail("getsockname");

  const sigset_t set = handled_signals();
  signals_ = std::make_unique<Socket>(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  watch(listener_->fd(), nullptr);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = this;
  if (epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, signals_->fd(), &event) != 0) fail("epoll_ctl");

  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  getnameinfo(here.get(), here.length, host.data(), host.size(), port.data(), port.size(),
              NI_NUMERICHOST | NI_NUMERICSERV);
  std::fprintf(stderr, "listening: %s\n", to_string(Endpoint{host.data(), parse_port(port.data())}).c_str());
}

void Relay::watch(int fd, Client* client) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = client;
  if (epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
}

std::string Relay::run() {
  std::array<epoll_event, 16> events{};
  while (!stop_) {
    std::optional<timespec> wait;
    if (const auto due = next_due()) {
      const auto left = std::max(nanoseconds{0}, std::chrono::duration_cast<nanoseconds>(*due - Clock::now()));
      wait = timespec{.tv_sec = left.count() / 1'000'000'000, .tv_nsec = left.count() % 1'000'000'000};
    }
    const int ready =
        epoll_pwait2(epoll_.fd(), events.data(), static_cast<int>(events.size()), wait ? &*wait : nullptr, nullptr);
    if (ready < 0 && errno != EINTR) fail("epoll_pwait2");
    for (int i = 0; i < ready; ++i) {
      void* what = events[static_cast<std::size_t>(i)].data.ptr;
      if (what == this) {
        on_signal();
      } else {
        receive(static_cast<Client*>(what));
      }
    }
    release(Clock::now());
  }

  std::string json = "{\"clients\": " + std::to_string(clients_.size());
  for (const Direction direction : {kForward, kBack}) {
    const Counters& c = counters_[direction];
    json += direction == kForward ? ", \"forward\": {" : ", \"back\": {";
    const auto member = [&json](const char* name, std::uint64_t value, const char* end) {
      json += std::string("\"") + name + "\": " + std::to_string(value) + end;
    };
    member("matched", c.matched, ", ");
    member("sent", c.sent, ", ");
    member("dropped", c.dropped, ", ");
    member("dark", c.dark, ", ");
    member("duplicated", c.duplicated, ", ");
    member("reordered", c.reordered, ", ");
    member("passed", c.passed, ", ");
    member("send_errors", c.send_errors, "}");
  }
  return json + "}";
}

void Relay::on_signal() {
  signalfd_siginfo info{};
  while (read(signals_->fd(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGUSR1) {
      dark_ = !dark_;
    } else {
      stop_ = true;
    }
  }
}

// Takes everything that waits on a socket: a client's upstream socket, or (null) the one that clients send
// to.
void Relay::receive(Client* client) {
  for (;;) {
    Address from;
    from.length = sizeof from.storage;
    const int fd = client != nullptr ? client->upstream->fd() : listener_->fd();
    const ssize_t size = recvfrom(fd, buffer_.data(), buffer_.size(), 0, from.get(), &from.length);
    if (size < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      continue;  // an ICMP error of an earlier send; the next call goes on
    }
    const std::span<const std::uint8_t> bytes(buffer_.data(), static_cast<std::size_t>(size));
    if (client != nullptr) {
      arrived(*client, kBack, bytes);
    } else {
      arrived(client_of(from), kForward, bytes);
    }
  }
}

Client& Relay::client_of(const Address& address) {
  auto& client = clients_[address.key()];
  if (client == nullptr) {
    client = std::make_unique<Client>();
    client->address = address;
    client->upstream = udp_socket(target_.storage.ss_family);
    if (connect(client->upstream->fd(), target_.get(), target_.length) != 0) fail("connect to the target");
    watch(client->upstream->fd(), client.get());
  }
  return *client;
}

void Relay::arrived(Client& client, Direction direction, std::span<const std::uint8_t> bytes) {
  Counters& counters = counters_[direction];
  const bool matched =
      bytes.size() >= options_.match.size() && std::equal(options_.match.begin(), options_.match.end(), bytes.begin());
  if (matched) ++counters.matched;
  Fate fate = dice_[direction].roll(counters.matched, matched);
  if (dark_) fate.dark = fate.dropped = true;
  if (fate.dropped) {
    if (matched) ++counters.dropped;
    if (matched && fate.dark) ++counters.dark;
    return;
  }
  if (!matched) ++counters.passed;

  Packet packet{.bytes = Bytes(bytes.begin(), bytes.end()), .matched = matched, .number = counters.matched};
  const Clock::time_point due = Clock::now() + fate.delay;
  if (fate.duplicated) {
    ++counters.duplicated;
    Packet copy = packet;
    copy.copy = true;
    delayed_.push({due, order_++, &client, direction, std::move(packet), fate.held_back});
    delayed_.push({due, order_++, &client, direction, std::move(copy), false});
  } else {
    delayed_.push({due, order_++, &client, direction, std::move(packet), fate.held_back});
  }
}

void Relay::release(Clock::time_point now) {
  while (!delayed_.empty() && delayed_.top().due <= now) {
    Delayed next = delayed_.top();
    delayed_.pop();
    depart(*next.client, next.direction, std::move(next.packet), next.held_back);
  }
  for (auto& [key, client] : clients_) {
    for (const Direction direction : {kForward, kBack}) {
      auto& departures = client->departures[direction];
      if (departures.held && departures.held_until <= now) {
        send(*client, direction, *std::exchange(departures.held, std::nullopt));
      }
    }
  }
}

// A packet leaves, and with it the one that waited to be overtaken.
void Relay::depart(Client& client, Direction direction, Packet&& packet, bool held_back) {
  auto& departures = client.departures[direction];
  if (held_back && !departures.held) {
    departures.held = std::move(packet);
    departures.held_until = Clock::now() + kLongestHold;
    return;
  }
  send(client, direction, packet);
  const bool overtakes = packet.matched && departures.held && packet.number > departures.held->number;
  if (overtakes) send(client, direction, *std::exchange(departures.held, std::nullopt));
}

void Relay::send(Client& client, Direction direction, const Packet& packet) {
  Counters& counters = counters_[direction];
  const Bytes& bytes = packet.bytes;
  const ssize_t sent = direction == kForward ? ::send(client.upstream->fd(), bytes.data(), bytes.size(), 0)
                                             : sendto(listener_->fd(), bytes.data(), bytes.size(), 0,
                                                      client.address.get(), client.address.length);
  if (sent < 0) ++counters.send_errors;
  if (!packet.matched) return;
  ++counters.sent;
  auto& highest = client.departures[direction].highest;
  if (!packet.copy && packet.number < highest) ++counters.reordered;
  highest = std::max(highest, packet.number);
}

std::optional<Clock::time_point> Relay::next_due() const {
  std::optional<Clock::time_point> due;
  if (!delayed_.empty()) due = delayed_.top().due;
  for (const auto& [key, client] : clients_) {
    for (const auto& departures : client->departures) {
      if (departures.held) due = std::min(due.value_or(departures.held_until), departures.held_until);
    }
  }
  return due;
}

}  // namespace

std::string relay(const Options& options) { return Relay(options).run(); }

}  // namespace paceline::relay
