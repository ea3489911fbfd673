// SPDX-License-Identifier: MIT
//
// OpenSSL's HMAC-SHA-256 and what is built on it, as functions of bytes.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

// NOLINTNEXTLINE: OpenSSL's name
struct evp_mac_ctx_st;

namespace paceline::signalling {

using Digest = std::array<char, 32>;

inline std::string_view view(const Digest& digest) { return {digest.data(), digest.size()}; }

/// HMAC-SHA-256 (RFC 2104, FIPS 180-4) under one key, for any number of texts.
class Hmac {
 public:
  /// Throws std::runtime_error when OpenSSL has no HMAC or SHA-256 to give (a FIPS configuration gone wrong, say).
  explicit Hmac(std::string_view key);

  /// Of the texts, one behind the other.
  Digest of(std::string_view text, std::string_view more = {});

 private:
  struct Free {
    void operator()(evp_mac_ctx_st* context) const;
  };
  std::unique_ptr<evp_mac_ctx_st, Free> context_;
};

/// HKDF-SHA-256 (RFC 5869), extract and expand. At most 255 * 32 bytes.
std::string hkdf(std::string_view secret, std::string_view salt, std::string_view info, std::size_t size);

/// Whether both are the same, in a time that does not tell where they differ.
bool equal(std::string_view one, std::string_view other);

}  // namespace paceline::signalling
