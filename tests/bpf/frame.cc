// SPDX-License-Identifier: MIT
#include "tests/bpf/frame.h"

namespace paceline::bpf::test {
namespace {

void put16(Bytes& bytes, std::size_t at, unsigned value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

void put32(Bytes& bytes, std::size_t at, std::uint32_t value) {
  put16(bytes, at, value >> 16);
  put16(bytes, at + 2, value & 0xffff);
}

constexpr unsigned kTransport = 8 + 32;

}  // namespace

Bytes operator+(Bytes head, const Bytes& tail) {
  head.insert(head.end(), tail.begin(), tail.end());
  return head;
}

Bytes ethernet(std::uint16_t type) {
  Bytes header{0x02, 0, 0, 0, 0, 0x01, 0x02, 0, 0, 0, 0, 0x02, 0, 0};
  put16(header, 12, type);
  return header;
}

Bytes vlan(std::uint16_t type) {
  Bytes tag{0x20, 0x14, 0, 0};
  put16(tag, 2, type);
  return tag;
}

Bytes ipv4(std::uint8_t protocol, unsigned options, std::uint16_t fragment) {
  Bytes header(20 + options, 1);  // option 1: no operation
  header[0] = static_cast<std::uint8_t>(0x40 | (5 + options / 4));
  header[1] = 0;
  put16(header, 2, 20 + options + kTransport);
  put16(header, 4, 7);
  put16(header, 6, fragment);
  header[8] = 64;
  header[9] = protocol;
  put16(header, 10, 0);
  const Bytes addresses{10, 77, 0, 2, 10, 77, 0, 1};
  for (std::size_t i = 0; i < addresses.size(); ++i) header[12 + i] = addresses[i];
  unsigned sum = 0;
  for (std::size_t i = 0; i < header.size(); i += 2) sum += (unsigned{header[i]} << 8) | header[i + 1];
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  put16(header, 10, ~sum & 0xffff);
  return header;
}

Bytes ipv6(std::uint8_t next) {
  Bytes header(40, 0);
  header[0] = 0x60;
  put16(header, 4, kTransport);
  header[6] = next;
  header[7] = 64;
  put16(header, 8, 0xfd77);
  header[23] = 2;
  put16(header, 24, 0xfd77);
  header[39] = 1;
  return header;
}

Bytes extension(std::uint8_t next, unsigned size) {
  Bytes header(size, 0);
  header[0] = next;
  header[1] = static_cast<std::uint8_t>(size / 8 - 1);
  header[2] = 1;  // option 1: padding
  header[3] = static_cast<std::uint8_t>(size - 4);
  return header;
}

Bytes ports(std::uint16_t destination, std::uint16_t source) {
  Bytes header(kTransport, 0xab);
  put16(header, 0, source);
  put16(header, 2, destination);
  put16(header, 4, kTransport);
  put16(header, 6, 0);  // no checksum
  return header;
}

Bytes carrying(Bytes ip, std::size_t transport) {
  const bool v4 = ip[0] >> 4 == 4;
  const std::size_t length = transport == 0 ? 0 : transport + ip.size() - (v4 ? 0 : 40);
  put16(ip, v4 ? 2 : 4, static_cast<unsigned>(length));
  return ip;
}

Bytes tcp(const TcpHead& head) {
  Bytes header(20 + head.options, 1);  // option 1: no operation
  put16(header, 0, head.source);
  put16(header, 2, head.destination);
  put32(header, 4, head.sequence);
  put32(header, 8, 1);
  header[12] = static_cast<std::uint8_t>((5 + head.options / 4) << 4);
  header[13] = head.syn ? 0x02 : 0x10;
  put16(header, 14, 1000);
  put32(header, 16, 0);
  return header;
}

Bytes data_packet(std::uint16_t destination, std::uint32_t flow_id, std::uint8_t magic) {
  Bytes packet = ports(destination);
  packet[8] = magic;
  packet[9] = 1;
  put32(packet, 10, flow_id);
  return packet;
}

}  // namespace paceline::bpf::test
