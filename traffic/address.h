// SPDX-License-Identifier: MIT
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace paceline::traffic {

/// An IP address and port of either family. IPv4 is kept as an IPv4-mapped IPv6 address, so one type and one
/// comparison serve both.
class Address {
 public:
  Address() = default;
  Address(const in6_addr& ip, std::uint16_t port, std::uint32_t scope = 0) : ip_(ip), scope_(scope), port_(port) {}

  /// From what the kernel filled in; any other family gives the unspecified address.
  static Address from(const sockaddr_storage& address);

  /// A numeric address, with "%zone" where it is link-local. Throws UsageError.
  static Address parse(const std::string& ip, std::uint16_t port);

  bool is_v4() const { return IN6_IS_ADDR_V4MAPPED(&ip_); }
  const in6_addr& ip() const { return ip_; }
  std::uint16_t port() const { return port_; }
  std::uint32_t scope() const { return scope_; }

  /// For a socket of the family (AF_INET or AF_INET6); IPv4 goes through an IPv6 socket as a mapped address.
  socklen_t to_sockaddr(sockaddr_storage& out, int family) const;

  /// "192.0.2.7:8999", "[2001:db8::7]:8999".
  std::string to_string() const;
  std::string ip_string() const;

  bool operator==(const Address& other) const {
    return port_ == other.port_ && scope_ == other.scope_ && IN6_ARE_ADDR_EQUAL(&ip_, &other.ip_);
  }
  bool same_ip(const Address& other) const { return IN6_ARE_ADDR_EQUAL(&ip_, &other.ip_); }

 private:
  in6_addr ip_{};
  std::uint32_t scope_ = 0;
  std::uint16_t port_ = 0;
};

}  // namespace paceline::traffic
