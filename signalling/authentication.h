// SPDX-License-Identifier: MIT
//
// How the two ends of a channel prove to each other that they have the same key, and what keeps their frames from being
// forged, changed, repeated or left out afterwards. Pure: bytes in, bytes out. proto/README.md draws it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/key.h"
#include "proto/frame.h"
#include "signalling/hash.h"

namespace paceline::signalling {

/// Which end of the session: the one that says Hello is the sender, or a controller; the other one the receiver, or a
/// sender that waits for instructions.
enum class Side { sender, receiver };

/// What the two ends must agree on, as it crossed the wire: whoever changes a bit of it in between (a version, a
/// feature, a nonce, whether a key is wanted) makes the proofs fail.
struct Opening {
  std::string hello;    ///< the message's bytes
  std::string welcome;  ///< likewise
};

/// What `side` sends to prove that it has the key.
Digest proof(const Key& key, const Opening& opening, Side side);

/// The key that was named and proven; nullptr if there is none such or the proof is wrong, which take the same time.
const Key* proven(const std::vector<Key>& keys, std::string_view name, std::string_view proof, const Opening& opening);

/// Seals, or checks, what `from` sends in a session that both have proven.
class SessionSeal : public frame::Seal {
 public:
  SessionSeal(const Key& key, const Opening& opening, Side from);

  void close(std::string& out, std::size_t begin) override;
  bool holds(std::string_view frame, std::string_view seal) override;

 private:
  std::string next(std::string_view frame);

  Hmac hmac_;
  std::uint64_t counter_ = 0;
};

}  // namespace paceline::signalling
