// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "paceline/tls.h"

namespace paceline::signalling {

/// The first byte of a connection that begins with TLS (RFC 8446, section 5.1).
inline constexpr std::uint8_t kTlsHandshake = 22;

/// The peer is not who it should be, or does not speak TLS 1.3.
class TlsError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One end of a TLS connection over bytes that somebody else carries.
class Tls {
 public:
  virtual ~Tls() = default;
  /// Takes what is to reach the peer; kept until the handshake is over.
  virtual void send(std::string_view plain) = 0;
  /// Takes bytes that came, and returns what the peer sent as far as they tell. Throws TlsError; there is still
  /// something to take for the peer then.
  virtual std::string receive(std::span<const char> bytes) = 0;
  /// Says to the peer that no more will come.
  virtual void end() = 0;
  /// What must leave for the peer now: to be asked for after each of the above, and at the beginning.
  virtual std::string take() = 0;
  /// Whether the peer is known.
  virtual bool stands() const = 0;
};

/// What the connections of one end have in common.
class TlsEnd {
 public:
  virtual ~TlsEnd() = default;
  /// `host`: whom a client has dialled.
  virtual std::unique_ptr<Tls> open(const std::string& host) const = 0;
  /// Whose certificate it shows, and until when; empty for a client.
  virtual std::string identity() const = 0;
};

/// Throw FileError when a file cannot be read or does not hold what it should, UsageError in a build without TLS.
std::shared_ptr<const TlsEnd> tls_server(const TlsIdentity& identity);
std::shared_ptr<const TlsEnd> tls_client(const TlsTrust& trust);

}  // namespace paceline::signalling
