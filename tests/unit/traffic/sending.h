// SPDX-License-Identifier: MIT
//
// What the tests of UdpSender share: paths to send over, and flows under way.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "traffic/clock_source.h"
#include "traffic/udp_sender.h"

namespace paceline::traffic {

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() { close(); }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;

  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

inline sockaddr_storage address_of(const char* host, in_port_t port = 0) {
  sockaddr_storage address{};
  in_addr v4{};
  if (inet_pton(AF_INET, host, &v4) == 1) {
    const sockaddr_in in{AF_INET, port, v4, {}};
    std::memcpy(&address, &in, sizeof in);
  } else {
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = port;
    EXPECT_EQ(inet_pton(AF_INET6, host, &in6.sin6_addr), 1) << host;
    std::memcpy(&address, &in6, sizeof in6);
  }
  return address;
}

/// Two UDP sockets over loopback, the second connected to the first.
struct Loopback {
  explicit Loopback(const char* host = "127.0.0.1")
      : address(address_of(host)),
        receiver(socket(address.ss_family, SOCK_DGRAM, 0)),
        sender(socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(receiver.get(), raw(), size), 0) << strerror(errno);
    EXPECT_EQ(getsockname(receiver.get(), raw(), &size), 0);
    EXPECT_EQ(connect(sender.get(), raw(), size), 0) << strerror(errno);
    const int buffer = 4 << 20;
    if (setsockopt(receiver.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) != 0)
      setsockopt(receiver.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  }

  sockaddr* raw() { return reinterpret_cast<sockaddr*>(&address); }

  std::vector<std::vector<std::uint8_t>> received() const {
    std::vector<std::vector<std::uint8_t>> packets;
    std::vector<std::uint8_t> bytes(65536);
    for (ssize_t size; (size = recv(receiver.get(), bytes.data(), bytes.size(), MSG_DONTWAIT)) >= 0;)
      packets.emplace_back(bytes.begin(), bytes.begin() + size);
    return packets;
  }

  sockaddr_storage address;
  Socket receiver;
  Socket sender;
};

struct Recorder : SentSink {
  void sent(std::uint64_t sequence, std::int64_t lateness_ns) override {
    sequences.push_back(sequence);
    lateness.push_back(lateness_ns);
    if (then) then(sequence);
  }
  std::vector<std::uint64_t> sequences;
  std::vector<std::int64_t> lateness;
  std::function<void(std::uint64_t)> then;
};

inline UdpFlow flow_over(const Socket& socket, double rate_pps, nanoseconds duration) {
  UdpFlow flow;
  flow.socket = socket.get();
  flow.flow_id = 0xCAFE1234;
  flow.spec.rate_pps = rate_pps;
  flow.spec.size = 64;
  flow.spec.duration = duration;
  flow.start = now<SenderClock>() + std::chrono::milliseconds(2);
  return flow;
}

/// Flows under way, and what became of them.
class Sending {
 public:
  explicit Sending(std::vector<UdpFlow> flows, const WorkerOptions& workers = {})
      : outcomes_(flows.size()), sender_(std::move(flows), workers, [this](std::size_t flow, UdpFlowOutcome&& outcome) {
          outcomes_[flow].set_value(std::move(outcome));
        }) {}

  UdpFlowOutcome outcome(std::size_t flow) { return outcomes_[flow].get_future().get(); }
  void stop(std::size_t flow) { sender_.stop(flow); }
  std::vector<std::string> warnings() const { return sender_.warnings(); }

 private:
  std::vector<std::promise<UdpFlowOutcome>> outcomes_;
  UdpSender sender_;
};

inline UdpFlowOutcome send_one(UdpFlow flow, Recorder& recorder) {
  flow.sink = &recorder;
  return Sending({flow}).outcome(0);
}

inline std::vector<std::uint64_t> first_numbers(std::uint64_t count) {
  std::vector<std::uint64_t> numbers(count);
  for (std::uint64_t i = 0; i < count; ++i) numbers[i] = i;
  return numbers;
}

/// A network namespace for one thread: an address on its loopback can come and go without harm.
class OwnNetwork {
 public:
  static constexpr const char* kAddress = "192.0.2.1";

  OwnNetwork() {
    set_flags("lo", true);
    set_address(true);
  }

  /// Without the address there is no route to it: sends fail with ENETUNREACH.
  void set_address(bool present) const {
    if (!present) return set_flags("lo:1", false);
    ifreq request = named("lo:1");
    const sockaddr_storage address = address_of(kAddress);
    std::memcpy(&request.ifr_addr, &address, sizeof request.ifr_addr);
    ASSERT_EQ(ioctl(control_.get(), SIOCSIFADDR, &request), 0) << strerror(errno);
  }

  void set_mtu(int mtu) const {
    ifreq request = named("lo");
    request.ifr_mtu = mtu;
    ASSERT_EQ(ioctl(control_.get(), SIOCSIFMTU, &request), 0) << strerror(errno);
  }

 private:
  static ifreq named(const char* interface) {
    ifreq request{};
    std::strcpy(request.ifr_name, interface);
    return request;
  }
  void set_flags(const char* interface, bool up) const {
    ifreq request = named(interface);
    request.ifr_flags = up ? IFF_UP | IFF_LOOPBACK : IFF_LOOPBACK;
    ASSERT_EQ(ioctl(control_.get(), SIOCSIFFLAGS, &request), 0) << strerror(errno);
  }

  Socket control_{socket(AF_INET, SOCK_DGRAM, 0)};
};

/// Runs `body` on a thread in a network namespace of its own; skips the test where that is not allowed.
inline void in_own_network(const std::function<void(const OwnNetwork&)>& body) {
  bool entered = false;
  std::thread([&] {
    entered = unshare(CLONE_NEWNET) == 0;
    if (entered) body(OwnNetwork());
  }).join();
  if (!entered) GTEST_SKIP() << "needs CAP_SYS_ADMIN for a network namespace";
}

}  // namespace paceline::traffic
