// SPDX-License-Identifier: MIT
#include "traffic/address.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <bit>

#include "paceline/endpoint.h"
#include "paceline/error.h"

namespace paceline::traffic {

namespace {

in6_addr mapped(const in_addr& v4) {
  in6_addr ip{};
  ip.s6_addr[10] = ip.s6_addr[11] = 0xFF;
  const auto bytes = std::bit_cast<std::array<std::uint8_t, 4>>(v4);
  std::copy(bytes.begin(), bytes.end(), ip.s6_addr + 12);
  return ip;
}

in_addr unmapped(const in6_addr& ip) {
  std::array<std::uint8_t, 4> bytes{};
  std::copy(ip.s6_addr + 12, ip.s6_addr + 16, bytes.begin());
  return std::bit_cast<in_addr>(bytes);
}

}  // namespace

Address Address::from(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return {mapped(v4.sin_addr), ntohs(v4.sin_port)};
  }
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    return {v6.sin6_addr, ntohs(v6.sin6_port), v6.sin6_scope_id};
  }
  return {};
}

Address Address::parse(const std::string& ip, std::uint16_t port) {
  in_addr v4{};
  if (inet_pton(AF_INET, ip.c_str(), &v4) == 1) return {mapped(v4), port};
  const auto percent = ip.find('%');
  in6_addr v6{};
  if (inet_pton(AF_INET6, ip.substr(0, percent).c_str(), &v6) != 1)
    throw UsageError("'" + ip + "' is no IPv4 or IPv6 address");
  if (percent == std::string::npos) return {v6, port};
  const std::string zone = ip.substr(percent + 1);
  const unsigned scope = if_nametoindex(zone.c_str());
  if (scope == 0) throw UsageError("'" + ip + "': there is no interface '" + zone + "'");
  return {v6, port, scope};
}

socklen_t Address::to_sockaddr(sockaddr_storage& out, int family) const {
  out = {};
  if (family == AF_INET) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port_);
    v4.sin_addr = unmapped(ip_);
    return sizeof(sockaddr_in);
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port_);
  v6.sin6_addr = ip_;
  v6.sin6_scope_id = scope_;
  return sizeof(sockaddr_in6);
}

std::string Address::ip_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (is_v4()) {
    const in_addr v4 = unmapped(ip_);
    inet_ntop(AF_INET, &v4, text, sizeof text);
    return text;
  }
  inet_ntop(AF_INET6, &ip_, text, sizeof text);
  char zone[IF_NAMESIZE] = {};
  if (scope_ != 0 && if_indextoname(scope_, zone) != nullptr) return std::string(text) + "%" + zone;
  return text;
}

std::string Address::to_string() const { return paceline::to_string(Endpoint{ip_string(), port_}); }

}  // namespace paceline::traffic
