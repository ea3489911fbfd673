// SPDX-License-Identifier: MIT
#include "proto/packet.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace paceline::packet {

namespace {

constexpr std::uint64_t kTimeMask = (std::uint64_t{1} << 48) - 1;
constexpr int kMantissaBits = 11;
constexpr int kMaxExponent = 31;

// Offsets in the header and behind it; see proto/README.md.
constexpr std::size_t kType = 1, kFlowId = 2, kSequence = 6, kSendTime = 10, kLateness = 16;
constexpr std::size_t kProbeSecret = 18, kProbeNonce = 34, kProbeSent = 50;
constexpr std::size_t kReplyNonce = 18, kReplySent = 34, kReplyReceived = 42, kReplyReplied = 50;

template <int kBytes>
void put(std::span<std::uint8_t> out, std::size_t at, std::uint64_t value) {
  for (int i = 0; i < kBytes; ++i)
    out[at + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(value >> (8 * (kBytes - 1 - i)));
}

template <int kBytes>
std::uint64_t get(std::span<const std::uint8_t> in, std::size_t at) {
  std::uint64_t value = 0;
  for (int i = 0; i < kBytes; ++i) value = value << 8 | in[at + static_cast<std::size_t>(i)];
  return value;
}

template <std::size_t kSize>
void put(std::span<std::uint8_t> out, std::size_t at, const std::array<std::uint8_t, kSize>& bytes) {
  std::copy(bytes.begin(), bytes.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
}

template <std::size_t kSize>
void get(std::span<const std::uint8_t> in, std::size_t at, std::array<std::uint8_t, kSize>& bytes) {
  std::copy_n(in.begin() + static_cast<std::ptrdiff_t>(at), kSize, bytes.begin());
}

}  // namespace

bool equal(const Secret& a, const Secret& b) {
  std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
  return difference == 0;
}

void encode(const Header& header, std::span<std::uint8_t> out) {
  assert(out.size() >= kHeaderSize);
  out[0] = kMagic;
  out[kType] = static_cast<std::uint8_t>(header.type);
  put<4>(out, kFlowId, header.flow_id);
  put<4>(out, kSequence, header.sequence);
  put<6>(out, kSendTime, header.send_time & kTimeMask);
  put<2>(out, kLateness, header.lateness);
}

void make_echo(std::span<std::uint8_t> header) { header[kType] = static_cast<std::uint8_t>(Type::echo); }

std::optional<Header> decode_header(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < kHeaderSize || bytes[0] != kMagic) return std::nullopt;
  if (bytes[kType] < static_cast<std::uint8_t>(Type::data) || bytes[kType] > static_cast<std::uint8_t>(Type::knock))
    return std::nullopt;
  Header header;
  header.type = static_cast<Type>(bytes[kType]);
  header.flow_id = static_cast<std::uint32_t>(get<4>(bytes, kFlowId));
  header.sequence = static_cast<std::uint32_t>(get<4>(bytes, kSequence));
  header.send_time = get<6>(bytes, kSendTime);
  header.lateness = static_cast<std::uint16_t>(get<2>(bytes, kLateness));
  return header;
}

std::array<std::uint8_t, kProbeSize> encode(const Probe& probe) {
  std::array<std::uint8_t, kProbeSize> out{};
  encode(Header{Type::probe, probe.flow_id, probe.attempt, probe.sent, 0}, out);
  put(out, kProbeSecret, probe.secret);
  put(out, kProbeNonce, probe.nonce);
  put<8>(out, kProbeSent, probe.sent);
  return out;
}

std::optional<Probe> decode_probe(std::span<const std::uint8_t> bytes) {
  const auto header = decode_header(bytes);
  if (!header || header->type != Type::probe || bytes.size() != kProbeSize) return std::nullopt;
  Probe probe;
  probe.flow_id = header->flow_id;
  probe.attempt = header->sequence;
  get(bytes, kProbeSecret, probe.secret);
  get(bytes, kProbeNonce, probe.nonce);
  probe.sent = get<8>(bytes, kProbeSent);
  return probe;
}

std::array<std::uint8_t, kProbeReplySize> encode(const ProbeReply& reply) {
  std::array<std::uint8_t, kProbeReplySize> out{};
  encode(Header{Type::probe_reply, reply.flow_id, reply.attempt, reply.sent, 0}, out);
  put(out, kReplyNonce, reply.nonce);
  put<8>(out, kReplySent, reply.sent);
  put<8>(out, kReplyReceived, reply.received);
  put<8>(out, kReplyReplied, reply.replied);
  return out;
}

std::optional<ProbeReply> decode_probe_reply(std::span<const std::uint8_t> bytes) {
  const auto header = decode_header(bytes);
  if (!header || header->type != Type::probe_reply || bytes.size() != kProbeReplySize) return std::nullopt;
  ProbeReply reply;
  reply.flow_id = header->flow_id;
  reply.attempt = header->sequence;
  get(bytes, kReplyNonce, reply.nonce);
  reply.sent = get<8>(bytes, kReplySent);
  reply.received = get<8>(bytes, kReplyReceived);
  reply.replied = get<8>(bytes, kReplyReplied);
  return reply;
}

std::array<std::uint8_t, kProbeSize> encode(const Knock& knock) {
  std::array<std::uint8_t, kProbeSize> out{};
  encode(Header{Type::knock, knock.flow_id, knock.number, 0, 0}, out);
  put(out, kProbeSecret, knock.secret);
  return out;
}

std::optional<Knock> decode_knock(std::span<const std::uint8_t> bytes) {
  const auto header = decode_header(bytes);
  if (!header || header->type != Type::knock || bytes.size() != kProbeSize) return std::nullopt;
  Knock knock;
  knock.flow_id = header->flow_id;
  knock.number = header->sequence;
  get(bytes, kProbeSecret, knock.secret);
  return knock;
}

std::uint16_t encode_lateness(std::int64_t nanoseconds) {
  if (nanoseconds <= 0) return 0;
  const auto value = static_cast<std::uint64_t>(nanoseconds);
  const int shift = static_cast<int>(std::bit_width(value)) - (kMantissaBits + 1);
  if (shift < 0) return static_cast<std::uint16_t>(value);  // exponent 0: the value itself
  if (shift + 1 > kMaxExponent) return 0xFFFF;
  const std::uint64_t mantissa = (value >> shift) & ((1u << kMantissaBits) - 1);  // the leading 1 is implied
  return static_cast<std::uint16_t>(static_cast<std::uint64_t>(shift + 1) << kMantissaBits | mantissa);
}

std::int64_t decode_lateness(std::uint16_t encoded) {
  const int exponent = encoded >> kMantissaBits;
  const std::int64_t mantissa = encoded & ((1 << kMantissaBits) - 1);
  return exponent == 0 ? mantissa : ((std::int64_t{1} << kMantissaBits) + mantissa) << (exponent - 1);
}

std::uint64_t extend_sequence(std::uint32_t low, std::uint64_t expected) {
  const auto step = static_cast<std::int32_t>(low - static_cast<std::uint32_t>(expected));
  if (step < 0 && expected < static_cast<std::uint64_t>(-static_cast<std::int64_t>(step))) return low;
  return expected + static_cast<std::uint64_t>(static_cast<std::int64_t>(step));
}

std::int64_t extend_time(std::uint64_t low, std::int64_t near) {
  // Sign-extends the 48-bit difference.
  const std::uint64_t difference = (low - static_cast<std::uint64_t>(near)) << 16;
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(near) +
                                   static_cast<std::uint64_t>(static_cast<std::int64_t>(difference) >> 16));
}

}  // namespace paceline::packet
