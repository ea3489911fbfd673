// SPDX-License-Identifier: MIT
//
// Connected TCP sockets over the loopback interface.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "traffic/file_descriptor.h"

namespace paceline::traffic {

struct TcpPair {
  FileDescriptor client;
  FileDescriptor server;
};

inline void require(bool fine, const char* what) {
  if (!fine) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

inline void set_non_blocking(const FileDescriptor& socket) { fcntl(socket.get(), F_SETFL, O_NONBLOCK); }

/// `streams` pairs, non-blocking; both ends of many need more descriptors than a shell allows by default.
inline std::vector<TcpPair> tcp_pairs(std::size_t streams, int family = AF_INET) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  sockaddr_storage address{};
  socklen_t length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  address.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET)
    reinterpret_cast<sockaddr_in&>(address).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  else
    reinterpret_cast<sockaddr_in6&>(address).sin6_addr = in6addr_loopback;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  const FileDescriptor listener(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  require(bind(listener.get(), raw, length) == 0, "bind");
  require(listen(listener.get(), 16) == 0, "listen");
  getsockname(listener.get(), raw, &length);

  std::vector<TcpPair> pairs;
  while (pairs.size() < streams) {
    TcpPair pair{FileDescriptor(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)), {}};
    require(connect(pair.client.get(), raw, length) == 0, "connect");
    pair.server = FileDescriptor(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    require(static_cast<bool>(pair.server), "accept");
    set_non_blocking(pair.client);
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

/// The connection breaks for its peer: RST.
inline void reset(FileDescriptor& socket) {
  const linger at_once{1, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  FileDescriptor closed = std::move(socket);
}

}  // namespace paceline::traffic
