// SPDX-License-Identifier: MIT
#include "signalling/authentication.h"

namespace paceline::signalling {

namespace {

void append_number(std::string& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift & 0xFF));
}

// Lengths go first, so that no two lists of parts give the same bytes.
void append_part(std::string& out, std::string_view part) {
  append_number(out, part.size());
  out.append(part);
}

/// What is proven, or derived, in words of its own for each use.
std::string statement(std::string_view use, Side side, const Key& key, const Opening& opening) {
  std::string text("paceline 1 ");
  text.append(use).append(side == Side::sender ? " sender" : " receiver").push_back('\0');
  append_part(text, key.name);
  append_part(text, opening.hello);
  append_part(text, opening.welcome);
  return text;
}

std::string frame_key(const Key& key, const Opening& opening, Side from) {
  // As the salt: OpenSSL bounds the info, and both ends' nonces are in it.
  return hkdf(key.secret, statement("frames", from, key, opening), "paceline 1 frames", Digest{}.size());
}

}  // namespace

Digest proof(const Key& key, const Opening& opening, Side side) {
  return Hmac(key.secret).of(statement("proof", side, key, opening));
}

const Key* proven(const std::vector<Key>& keys, std::string_view name, std::string_view claimed,
                  const Opening& opening) {
  static const Key kNobodys{"", std::string(32, '\0')};
  const Key* named = nullptr;
  for (const Key& key : keys) {
    if (key.name == name) named = &key;
  }
  const Digest right = proof(named != nullptr ? *named : kNobodys, opening, Side::sender);
  return equal(claimed, view(right)) ? named : nullptr;
}

SessionSeal::SessionSeal(const Key& key, const Opening& opening, Side from) : hmac_(frame_key(key, opening, from)) {}

void SessionSeal::close(std::string& out, std::size_t begin) { out.append(next(std::string_view(out).substr(begin))); }

bool SessionSeal::holds(std::string_view frame, std::string_view seal) { return equal(seal, next(frame)); }

std::string SessionSeal::next(std::string_view frame) {
  std::string seal;
  append_number(seal, counter_++);
  const Digest mac = hmac_.of(seal, frame);
  seal.append(mac.data(), frame::kMacSize);
  return seal;
}

}  // namespace paceline::signalling
