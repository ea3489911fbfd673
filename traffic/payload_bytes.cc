// SPDX-License-Identifier: MIT
#include "traffic/payload_bytes.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "paceline/error.h"
#include "traffic/random_bits.h"

namespace paceline::traffic {

namespace {

// Of random payload: more than a compressor on the path keeps in mind, less than would crowd out a core's cache; small
// packets, of which there are many flows, need less.
constexpr std::size_t kPool = 256 * 1024;
constexpr std::size_t kPacketsInPool = 256;

[[noreturn]] void refuse(const std::string& name, const std::string& why) {
  throw UsageError("payload file '" + name + "': " + why);
}

std::vector<std::uint8_t> read(const std::string& name) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(name.c_str(), "rbe"), std::fclose);
  if (!file) refuse(name, std::strerror(errno));
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint8_t> piece(64 * 1024);
  errno = 0;
  while (const std::size_t got = std::fread(piece.data(), 1, piece.size(), file.get())) {
    if (bytes.size() + got > PayloadBytes::kMaxFile)
      refuse(name, "it has more than " + std::to_string(PayloadBytes::kMaxFile >> 20) + " MiB");
    bytes.insert(bytes.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(got));
  }
  if (std::ferror(file.get()) != 0) refuse(name, std::strerror(errno));
  if (bytes.empty()) refuse(name, "it is empty");
  return bytes;
}

}  // namespace

std::shared_ptr<const PayloadBytes> PayloadBytes::of(const PacketFlowSpec& spec, PayloadCache* cache) {
  switch (spec.payload) {
    case Payload::zeros: return nullptr;
    case Payload::random: return random(spec.seed, spec.size);
    case Payload::file: break;
  }
  if (cache == nullptr) return from_file(spec.payload_file);
  std::shared_ptr<const PayloadBytes>& shared = (*cache)[spec.payload_file];
  if (shared == nullptr) shared = from_file(spec.payload_file);
  return shared;
}

std::shared_ptr<const PayloadBytes> PayloadBytes::random(std::uint64_t seed, std::size_t packet) {
  RandomBits bits(seed, Purpose::payload);
  std::vector<std::uint8_t> bytes(std::clamp<std::size_t>(kPacketsInPool * packet, 1, kPool));
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(bits.next() >> 56);
  return std::shared_ptr<const PayloadBytes>(new PayloadBytes(std::move(bytes)));
}

std::shared_ptr<const PayloadBytes> PayloadBytes::from_file(const std::string& name) {
  std::vector<std::uint8_t> bytes = read(name);
  // A short one is laid out many times, so that write() need not go around for each few bytes.
  const std::size_t once = bytes.size();
  const std::size_t times = (kPool + once - 1) / once;
  bytes.resize(once * times);
  for (std::size_t i = once; i < bytes.size(); ++i) bytes[i] = bytes[i - once];
  return std::shared_ptr<const PayloadBytes>(new PayloadBytes(std::move(bytes)));
}

void PayloadBytes::write(std::uint64_t packet, std::size_t stride, std::span<std::uint8_t> out) const {
  std::size_t at = (packet % bytes_.size()) * stride % bytes_.size();  // no overflow: both are small
  while (!out.empty()) {
    const std::size_t piece = std::min(out.size(), bytes_.size() - at);
    std::memcpy(out.data(), bytes_.data() + at, piece);
    out = out.subspan(piece);
    at = 0;
  }
}

}  // namespace paceline::traffic
