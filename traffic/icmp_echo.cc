// SPDX-License-Identifier: MIT
#include "traffic/icmp_echo.h"

#include <linux/net_tstamp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "paceline/error.h"
#include "traffic/random.h"
#include "traffic/socket_options.h"

namespace paceline::traffic {

namespace {

constexpr std::size_t kType = 0, kCode = 1, kChecksum = 2, kIdentifier = 4, kSequence = 6;
constexpr std::size_t kShortestIpHeader = 20;

// linux/icmp.h, which does not go with netinet/ip_icmp.h.
constexpr int kIcmpFilter = 1;
constexpr std::uint32_t kAllBut = ~(std::uint32_t{1} << ICMP_ECHOREPLY);

std::string error_text(int error) { return std::generic_category().message(error); }

template <class T>
void set_option(int fd, int level, int name, const T& value) {
  setsockopt(fd, level, name, &value, sizeof value);
}

void put16(std::span<std::uint8_t> out, std::size_t at, std::uint16_t value) {
  out[at] = static_cast<std::uint8_t>(value >> 8);
  out[at + 1] = static_cast<std::uint8_t>(value & 0xFF);
}

std::uint16_t get16(std::span<const std::uint8_t> in, std::size_t at) {
  return static_cast<std::uint16_t>(in[at] << 8 | in[at + 1]);
}

/// RFC 1071.
std::uint16_t checksum(std::span<const std::uint8_t> message) {
  std::uint64_t sum = 0;
  std::size_t i = 0;
  for (; i + 1 < message.size(); i += 2) sum += get16(message, i);
  if (i < message.size()) sum += static_cast<std::uint64_t>(message[i]) << 8;
  while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum & 0xFFFF);
}

/// Of a raw socket, which is given every ICMP message that the host gets, unless told otherwise.
void take_replies_alone(int fd, bool ipv6) {
  if (!ipv6) return set_option(fd, SOL_RAW, kIcmpFilter, kAllBut);
  icmp6_filter filter;
  ICMP6_FILTER_SETBLOCKALL(&filter);
  ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
  set_option(fd, IPPROTO_ICMPV6, ICMP6_FILTER, filter);
}

}  // namespace

IcmpEcho::IcmpEcho(const Address& to, const SocketSpec& options) : ipv6_(!to.is_v4()) {
  const int family = ipv6_ ? AF_INET6 : AF_INET;
  const int protocol = ipv6_ ? static_cast<int>(IPPROTO_ICMPV6) : static_cast<int>(IPPROTO_ICMP);
  const int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
  fd_ = FileDescriptor(socket(family, SOCK_DGRAM | flags, protocol));
  if (!fd_) {
    const int ping = errno;
    fd_ = FileDescriptor(socket(family, SOCK_RAW | flags, protocol));
    raw_ = true;
    if (!fd_)
      throw SetupError("echo requests need CAP_NET_RAW (a raw socket: " + error_text(errno) +
                       ") or a group that net.ipv4.ping_group_range allows (a ping socket: " + error_text(ping) +
                       "): run this as root, or sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"");
    take_replies_alone(fd_.get(), ipv6_);
  }

  const std::string& source = options.source;
  bind_to_interface(fd_.get(), options.interface);
  configure_socket(fd_.get(), options);
  Address from(ipv6_ ? in6_addr{} : Address::parse("0.0.0.0", 0).ip(), 0);
  if (!source.empty()) from = Address::parse(source, 0);
  if (from.is_v4() == ipv6_)
    throw SetupError("the source address " + source + " cannot reach " + to.ip_string() +
                     ": one is IPv4, the other IPv6");
  sockaddr_storage address;
  socklen_t length = from.to_sockaddr(address, family);
  if (bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0)
    throw SetupError("sending from " + (source.empty() ? std::string("any address") : source) + ": " +
                     error_text(errno));
  length = Address(to.ip(), 0, to.scope()).to_sockaddr(address, family);
  if (connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0)
    throw SetupError(to.ip_string() + ": " + error_text(errno));

  set_option(fd_.get(), ipv6_ ? static_cast<int>(IPPROTO_IPV6) : static_cast<int>(IPPROTO_IP),
             ipv6_ ? IPV6_RECVERR : IP_RECVERR, 1);
  set_option(fd_.get(), SOL_SOCKET, SO_TIMESTAMPING,
             static_cast<int>(SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE));
  // A ping socket's "port" is its identifier, which the kernel has chosen and keeps others from.
  identifier_ = raw_ ? random_value<std::uint16_t>() : local().port();
}

Address IcmpEcho::local() const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length);
  return Address::from(address);
}

void IcmpEcho::seal(std::span<std::uint8_t> message, std::uint64_t sequence) {
  message[kType] = ipv6_ ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
  message[kCode] = 0;
  put16(message, kChecksum, 0);
  put16(message, kIdentifier, identifier_);
  put16(message, kSequence, static_cast<std::uint16_t>(sequence & 0xFFFF));
  // The kernel makes the others': ICMPv6's covers the addresses, and a ping socket's its identifier.
  if (raw_ && !ipv6_) put16(message, kChecksum, checksum(message));
}

std::optional<std::span<const std::uint8_t>> IcmpEcho::packet_in(std::span<const std::uint8_t> read) const {
  if (raw_ && !ipv6_) {  // the IP header comes, too
    if (read.size() < kShortestIpHeader) return std::nullopt;
    const std::size_t ip_header = (read[0] & 0x0Fu) * 4u;
    if (ip_header < kShortestIpHeader || read.size() < ip_header) return std::nullopt;
    read = read.subspan(ip_header);
  }
  if (read.size() < kHeader || read[kType] != (ipv6_ ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) || read[kCode] != 0 ||
      get16(read, kIdentifier) != identifier_)
    return std::nullopt;
  return read.subspan(kHeader);
}

}  // namespace paceline::traffic
