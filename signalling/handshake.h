// SPDX-License-Identifier: MIT
//
// The part of a session's handshake that proves a key, from Welcome on, over a channel.
#pragma once

#include <algorithm>
#include <asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "paceline/key.h"
#include "signalling/channel.h"

namespace paceline::signalling {

// What a Hello asks for, if it is not for flows, and a Welcome offers.
inline constexpr const char* kRemoteFeature = "remote";  // runs
inline constexpr const char* kFollowFeature = "follow";  // to follow others' flows
inline constexpr const char* kRecordFeature = "record";  // offered: records can be fetched

/// Of a Hello or a Welcome.
template <class Greeting>
bool has_feature(const Greeting& greeting, const char* feature) {
  return std::ranges::find(greeting.features(), feature) != greeting.features().end();
}

template <class Greeting>
bool for_runs(const Greeting& greeting) {
  return has_feature(greeting, kRemoteFeature);
}

/// The end that said Hello: proves the key, and waits for the other end's proof. Every frame after is sealed. Throws
/// ChannelError.
asio::awaitable<void> prove_key(Channel& channel, const Key& key, std::chrono::steady_clock::time_point deadline);

/// The end that said Welcome, with key_wanted: waits for the proof of one of the keys, asks `admit` for the reason not
/// to serve this peer (empty: it is served), and answers with its own proof. Every frame after is sealed. Returns the
/// key's name. Throws ChannelError, kNotAuthentic alone when there was no proof or it was wrong.
asio::awaitable<std::string> demand_key(Channel& channel, const std::vector<Key>& keys,
                                        std::chrono::steady_clock::time_point deadline,
                                        const std::function<std::string()>& admit);

}  // namespace paceline::signalling
