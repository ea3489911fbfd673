// SPDX-License-Identifier: MIT
#pragma once

#include "paceline/receiver.h"
#include "signalling/kept_current.h"
#include "signalling/key_ring.h"
#include "signalling/tls.h"

namespace paceline::receiver {

/// Whom a receiver serves, and who it is: a session begins with what stands at that time.
struct Credentials {
  /// Reads the files. Throws FileError and UsageError.
  explicit Credentials(const ReceiverSpec& spec);

  /// Reads again what has changed, and tells of it.
  void look(ReceiverObserver& observer);

  signalling::KeyRing keys;                         // none: everybody is served
  signalling::KeptCurrent<signalling::TlsEnd> tls;  // null: sessions are in the clear
};

}  // namespace paceline::receiver
