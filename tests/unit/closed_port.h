// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "traffic/address.h"
#include "traffic/file_descriptor.h"

namespace paceline {

/// A port that is closed to all and stays so: bound, so that no test beside this one is given it. A TCP listener that
/// reuses addresses may still take it by number.
class ClosedPort {
 public:
  ClosedPort(const char* ip, int type) : fd_(socket(family(ip), type | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    if (type == SOCK_STREAM) require(setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
    sockaddr_storage storage;
    auto* const bytes = reinterpret_cast<sockaddr*>(&storage);
    socklen_t length = traffic::Address::parse(ip, 0).to_sockaddr(storage, family(ip));
    require(bind(fd_.get(), bytes, length));
    require(getsockname(fd_.get(), bytes, &length));
    // A UDP socket that is connected to itself takes nobody else's packets: they meet an unreachable port.
    if (type == SOCK_DGRAM) require(connect(fd_.get(), bytes, length));
    address_ = traffic::Address::from(storage);
  }

  const traffic::Address& address() const { return address_; }
  std::uint16_t port() const { return address_.port(); }

 private:
  static int family(const char* ip) { return std::strchr(ip, ':') ? AF_INET6 : AF_INET; }
  static void require(int outcome) {
    if (outcome != 0) throw std::system_error(errno, std::generic_category(), "a port that is closed");
  }

  traffic::FileDescriptor fd_;
  traffic::Address address_;
};

}  // namespace paceline
