// SPDX-License-Identifier: MIT
//
// TLS 1.3 (RFC 8446) on the signalling channel: the receiver has a certificate, the sender checks it. Nothing else is
// spoken then. Who may use the receiver is for keys to say (paceline/key.h).
#pragma once

#include <filesystem>
#include <string>

namespace paceline {

/// Who a receiver is. PEM files.
struct TlsIdentity {
  std::filesystem::path certificate{};  ///< its own first, then those that lead to an authority
  std::filesystem::path key{};          ///< the certificate's private key; others than owner and group must not read it

  bool operator==(const TlsIdentity&) const = default;
};

/// Whom a sender takes for the receiver.
struct TlsTrust {
  std::filesystem::path authorities{};  ///< PEM file of the certificates that it may lead to; empty: the system's
  std::string name{};  ///< host name or address that its certificate must have; empty: the one that is dialled

  bool operator==(const TlsTrust&) const = default;
};

/// Whether this build has TLS. Without it, to be given either of the above is a UsageError.
bool has_tls();

}  // namespace paceline
