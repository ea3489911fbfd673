// SPDX-License-Identifier: MIT
#include "tests/bpf/socket.h"

#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <time.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

namespace paceline::bpf::test {
namespace {

void check(bool fine, const char* what) {
  if (!fine) throw std::system_error(errno, std::generic_category(), what);
}

template <class Value>
void set(int socket, int level, int name, Value value, const char* what) {
  check(setsockopt(socket, level, name, &value, sizeof(value)) == 0, what);
}

std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; }

}  // namespace

std::int64_t monotonic_now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return nanoseconds(time);
}

StampedSocket::StampedSocket(std::uint16_t port, int buffer, bool gro)
    : socket_(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  check(static_cast<bool>(socket_), "socket");
  set(socket_.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0, "IPV6_V6ONLY");
  set(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, buffer, "SO_RCVBUFFORCE");
  set(socket_.get(), SOL_SOCKET, SO_TIMESTAMPING, unsigned{SOF_TIMESTAMPING_SOFTWARE}, "SO_TIMESTAMPING");
  if (gro) set(socket_.get(), SOL_UDP, UDP_GRO, 1, "UDP_GRO");
  set(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, timeval{2, 0}, "SO_RCVTIMEO");
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  check(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0, "bind");
}

std::optional<StampedSocket::Datagram> StampedSocket::receive() { return receive(0); }

std::optional<StampedSocket::Datagram> StampedSocket::receive_queued() { return receive(MSG_DONTWAIT); }

std::optional<StampedSocket::Datagram> StampedSocket::receive(int flags) {
  std::array<char, 65536> payload{};
  alignas(cmsghdr) std::array<char, 256> control{};
  iovec vector{payload.data(), payload.size()};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = recvmsg(socket_.get(), &message, flags);
  if (size < 0) return std::nullopt;

  Datagram datagram{static_cast<std::size_t>(size), std::nullopt, std::nullopt};
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr; head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level == SOL_UDP && head->cmsg_type == UDP_GRO) {
      int segment = 0;
      std::memcpy(&segment, CMSG_DATA(head), sizeof(segment));
      datagram.segment = segment;
    }
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SO_TIMESTAMPING) continue;
    scm_timestamping stamps{};
    std::memcpy(&stamps, CMSG_DATA(head), sizeof(stamps));
    datagram.stamp = nanoseconds({stamps.ts[0].tv_sec, stamps.ts[0].tv_nsec});
  }
  return datagram;
}

Sender::Sender(const std::string& address, std::uint16_t port, std::uint16_t segment) {
  if (address.find(':') == std::string::npos) {
    auto* to4 = reinterpret_cast<sockaddr_in*>(&to_);
    to4->sin_family = AF_INET;
    to4->sin_port = htons(port);
    check(inet_pton(AF_INET, address.c_str(), &to4->sin_addr) == 1, "address");
    length_ = sizeof(*to4);
  } else {
    auto* to6 = reinterpret_cast<sockaddr_in6*>(&to_);
    to6->sin6_family = AF_INET6;
    to6->sin6_port = htons(port);
    check(inet_pton(AF_INET6, address.c_str(), &to6->sin6_addr) == 1, "address");
    length_ = sizeof(*to6);
  }
  socket_ = UniqueFd(socket(to_.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  check(static_cast<bool>(socket_), "socket");
  if (segment != 0) set(socket_.get(), SOL_UDP, UDP_SEGMENT, int{segment}, "UDP_SEGMENT");
}

void Sender::send(std::size_t size) { send(std::vector<std::uint8_t>(size, 'x')); }

void Sender::send(const std::vector<std::uint8_t>& payload) {
  const ssize_t sent =
      sendto(socket_.get(), payload.data(), payload.size(), 0, reinterpret_cast<const sockaddr*>(&to_), length_);
  check(sent == static_cast<ssize_t>(payload.size()), "sendto");
}

}  // namespace paceline::bpf::test
