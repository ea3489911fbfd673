// SPDX-License-Identifier: MIT
#include "traffic/data_socket.h"

#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "paceline/endpoint.h"
#include "paceline/error.h"
#include "proto/packet.h"

namespace paceline::traffic {

namespace {

constexpr std::size_t kLargestDatagram = 65536;
constexpr int kWantedBuffer = 8 * 1024 * 1024;
constexpr int kWantedCoalescingBuffer = 32 * 1024 * 1024;  // for rates at which 8 MiB last some milliseconds
constexpr std::uint32_t kFlowIdAt = 2;                     // in the packet header, see proto/README.md

template <class T>
bool set_option(int fd, int level, int name, const T& value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

std::string error_text(int error) { return std::strerror(error); }

/// One socket for both families where the host has IPv6, else IPv4 alone.
std::pair<FileDescriptor, int> open_socket(const std::optional<Address>& bind) {
  const bool want_v6 = !bind || !bind->is_v4();
  if (want_v6) {
    FileDescriptor fd(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd && (bind || set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0))) return {std::move(fd), AF_INET6};
    if (bind) throw SetupError("opening a UDP socket over IPv6: " + error_text(errno));
  }
  FileDescriptor fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) throw SetupError("opening a UDP socket: " + error_text(errno));
  return {std::move(fd), AF_INET};
}

}  // namespace

/// A datagram back to where another one came from, from the address that it was sent to.
struct ReturnAddress {
  void fill(msghdr& header, const Datagram& to, int family);

  sockaddr_storage destination;
  struct alignas(cmsghdr) Control {
    std::array<std::uint8_t, CMSG_SPACE(std::max(sizeof(in6_pktinfo), sizeof(in_pktinfo)))> bytes;
  } control;
};

void ReturnAddress::fill(msghdr& header, const Datagram& to, int family) {
  header.msg_name = &destination;
  header.msg_namelen = to.from.to_sockaddr(destination, family);
  control.bytes.fill(0);
  header.msg_control = control.bytes.data();
  const auto put = [&](int level, int type, const auto& info) {
    header.msg_controllen = CMSG_SPACE(sizeof info);
    cmsghdr* message = CMSG_FIRSTHDR(&header);
    message->cmsg_level = level;
    message->cmsg_type = type;
    message->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(message), &info, sizeof info);
  };
  if (family == AF_INET6) {
    put(IPPROTO_IPV6, IPV6_PKTINFO, in6_pktinfo{to.to.ip(), IN6_IS_ADDR_LINKLOCAL(&to.to.ip()) ? to.interface : 0});
  } else {
    sockaddr_storage source;
    to.to.to_sockaddr(source, AF_INET);
    in_pktinfo info{};
    info.ipi_spec_dst = reinterpret_cast<const sockaddr_in&>(source).sin_addr;
    put(IPPROTO_IP, IP_PKTINFO, info);
  }
}

struct DataSocket::Buffers {
  /// Makes a message ready for the kernel to fill in.
  void prepare(std::size_t i) {
    msghdr& header = messages[i].msg_hdr;
    header = {};
    header.msg_name = &source[i];
    header.msg_namelen = sizeof source[i];
    header.msg_iov = &vectors[i];
    header.msg_iovlen = 1;
    header.msg_control = control[i].bytes.data();
    header.msg_controllen = control[i].bytes.size();
  }

  std::array<std::array<std::uint8_t, kLargestDatagram>, kBatch> payload;
  struct alignas(cmsghdr) Control {
    std::array<std::uint8_t, 256> bytes;
  };
  std::array<Control, kBatch> control;
  std::array<sockaddr_storage, kBatch> source;
  std::array<iovec, kBatch> vectors;
  std::array<mmsghdr, kBatch> messages;
  std::array<Datagram, kBatch> datagrams;
  std::size_t used = 0;  // messages that the kernel has filled in

  // What goes back.
  struct Echo {
    std::array<std::uint8_t, packet::kHeaderSize> head;
    std::array<iovec, 2> parts;
    ReturnAddress address;
  };
  std::array<Echo, kBatch> echoes;
  std::array<mmsghdr, kBatch> echo_messages;
  std::array<std::size_t, kBatch> refused;
  std::size_t echoes_queued = 0;
};

DataSocket::DataSocket(const std::string& bind_to, std::uint16_t port, Taking taking)
    : family_(AF_INET6), buffers_(new Buffers, [](Buffers* buffers) { delete buffers; }) {
  std::optional<Address> wanted;
  if (!bind_to.empty()) wanted = Address::parse(bind_to, port);
  std::tie(fd_, family_) = open_socket(wanted);
  const int fd = fd_.get();

  if (!set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) throw SetupError("SO_REUSEPORT: " + error_text(errno));
  in6_addr any{};
  if (family_ == AF_INET) any.s6_addr[10] = any.s6_addr[11] = 0xFF;
  sockaddr_storage address;
  const socklen_t length = wanted.value_or(Address(any, port)).to_sockaddr(address, family_);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), length) != 0) {
    const int error = errno;
    const std::string where = to_string(Endpoint{bind_to.empty() ? "*" : bind_to, port});
    throw SetupError("data port " + where + "/udp: " + error_text(error) +
                     (error == EADDRINUSE ? "; is another receiver running? Choose another with --data-port" : ""));
  }
  sockaddr_storage bound{};
  socklen_t bound_length = sizeof bound;
  getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &bound_length);
  port_ = Address::from(bound).port();

  coalesces_ = taking == Taking::coalesced && set_option(fd, SOL_UDP, UDP_GRO, 1);
  const int wanted_buffer = coalesces_ ? kWantedCoalescingBuffer : kWantedBuffer;
  if (!set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, wanted_buffer)) set_option(fd, SOL_SOCKET, SO_RCVBUF, wanted_buffer);
  int granted = 0;
  socklen_t granted_length = sizeof granted;
  getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &granted, &granted_length);
  buffer_bytes_ = static_cast<std::size_t>(granted);

  const bool told = family_ == AF_INET6 ? set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
                                        : set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
  if (!told) throw SetupError("asking for the destination of datagrams (PKTINFO): " + error_text(errno));
  // SOFTWARE without RX_SOFTWARE: the TC program's stamp is reported, the kernel's own stays switched off.
  set_option(fd, SOL_SOCKET, SO_TIMESTAMPING, static_cast<int>(SOF_TIMESTAMPING_SOFTWARE));

  for (std::size_t i = 0; i < kBatch; ++i) {
    buffers_->vectors[i] = {buffers_->payload[i].data(), kLargestDatagram};
    buffers_->prepare(i);
  }
}

void DataSocket::steer_by_flow(std::uint32_t sockets) {
  // Too short a datagram for the load goes to the first socket.
  std::array<sock_filter, 3> code{{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kFlowIdAt),
                                   BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, sockets), BPF_STMT(BPF_RET | BPF_A, 0)}};
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (!set_option(fd_.get(), SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program))
    throw SetupError("spreading flows over sockets (SO_ATTACH_REUSEPORT_CBPF): " + error_text(errno));
}

void DataSocket::enable_netstamp() {
  set_option(fd_.get(), SOL_SOCKET, SO_TIMESTAMPING,
             static_cast<int>(SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE));
}

namespace {

void read_control(msghdr& header, Datagram& datagram, std::uint16_t port) {
  for (cmsghdr* message = CMSG_FIRSTHDR(&header); message != nullptr; message = CMSG_NXTHDR(&header, message)) {
    if (message->cmsg_level == SOL_SOCKET && message->cmsg_type == SO_TIMESTAMPING) {
      timespec stamp;
      std::memcpy(&stamp, CMSG_DATA(message), sizeof stamp);
      datagram.stamp.raw = stamp.tv_sec * 1'000'000'000 + stamp.tv_nsec;
    } else if (message->cmsg_level == IPPROTO_IPV6 && message->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(message), sizeof info);
      const bool link_local = IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr);
      datagram.to = Address(info.ipi6_addr, port, link_local ? info.ipi6_ifindex : 0);
      datagram.interface = info.ipi6_ifindex;
    } else if (message->cmsg_level == SOL_UDP && message->cmsg_type == UDP_GRO) {
      int segment = 0;
      std::memcpy(&segment, CMSG_DATA(message), sizeof segment);
      if (segment > 0) datagram.segment = std::min(static_cast<std::size_t>(segment), datagram.bytes.size());
    } else if (message->cmsg_level == IPPROTO_IP && message->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(message), sizeof info);
      sockaddr_storage address{};
      auto& v4 = reinterpret_cast<sockaddr_in&>(address);
      v4.sin_family = AF_INET;
      v4.sin_port = htons(port);
      v4.sin_addr = info.ipi_addr;
      datagram.to = Address::from(address);
      datagram.interface = static_cast<std::uint32_t>(info.ipi_ifindex);
    }
  }
}

}  // namespace

std::span<const Datagram> DataSocket::receive() {
  for (std::size_t i = 0; i < buffers_->used; ++i) buffers_->prepare(i);
  buffers_->used = 0;
  const auto most = static_cast<unsigned>(batch());
  const int count = recvmmsg(fd_.get(), buffers_->messages.data(), most, MSG_DONTWAIT, nullptr);
  if (count <= 0) return {};
  buffers_->used = static_cast<std::size_t>(count);
  for (std::size_t i = 0; i < buffers_->used; ++i) {
    Datagram& datagram = buffers_->datagrams[i];
    datagram = {};
    datagram.bytes = std::span(buffers_->payload[i]).first(buffers_->messages[i].msg_len);
    datagram.segment = datagram.bytes.size();
    datagram.from = Address::from(buffers_->source[i]);
    read_control(buffers_->messages[i].msg_hdr, datagram, port_);
  }
  return std::span(buffers_->datagrams).first(buffers_->used);
}

int DataSocket::reply(std::span<const std::uint8_t> bytes, const Datagram& to) {
  iovec vector{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  msghdr header{};
  ReturnAddress address;
  address.fill(header, to, family_);
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  return sendmsg(fd_.get(), &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

void DataSocket::queue_echo(const Datagram& packet) {
  assert(buffers_->echoes_queued < kBatch && packet.bytes.size() >= packet::kHeaderSize);
  const std::size_t i = buffers_->echoes_queued++;
  Buffers::Echo& echo = buffers_->echoes[i];
  std::copy_n(packet.bytes.begin(), echo.head.size(), echo.head.begin());
  packet::make_echo(echo.head);
  const auto rest = packet.bytes.subspan(echo.head.size());
  echo.parts = {iovec{echo.head.data(), echo.head.size()}, iovec{const_cast<std::uint8_t*>(rest.data()), rest.size()}};
  msghdr& header = buffers_->echo_messages[i].msg_hdr;
  header = {};
  echo.address.fill(header, packet, family_);
  header.msg_iov = echo.parts.data();
  header.msg_iovlen = echo.parts.size();
}

std::span<const std::size_t> DataSocket::send_echoes() {
  const std::size_t count = std::exchange(buffers_->echoes_queued, 0);
  std::size_t refused = 0;
  for (std::size_t i = 0; i < count;) {
    const int sent =
        sendmmsg(fd_.get(), &buffers_->echo_messages[i], static_cast<unsigned>(count - i), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      i += static_cast<std::size_t>(sent);
    } else {
      buffers_->refused[refused++] = i++;
    }
  }
  return std::span(buffers_->refused).first(refused);
}

int DataSocket::send(std::span<const std::uint8_t> bytes, const Address& to) {
  sockaddr_storage destination;
  const socklen_t length = to.to_sockaddr(destination, family_);
  const ssize_t sent = sendto(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                              reinterpret_cast<const sockaddr*>(&destination), length);
  return sent < 0 ? errno : 0;
}

}  // namespace paceline::traffic
