// SPDX-License-Identifier: MIT
//
// What the program may do beyond others: Linux's capabilities (capabilities(7)). They belong to a thread, and to those
// that it starts afterwards.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "paceline/receiver.h"

namespace paceline::receiver {

/// Makes what is permitted effective, and lets nothing be gained any more (no_new_privs). An image's program has its
/// capabilities as "+p": with "+ep" it could not even start in a pod that lacks one of them.
void raise_capabilities();

/// Leaves this thread only those of `wanted` that it has. Returns their names. Throws std::system_error.
std::vector<std::string> keep_capabilities(const std::vector<int>& wanted);

/// What a receiver still needs once its ports are open and its hook is in place.
std::vector<int> needed_after_attach(const ReceiverSpec& spec, Hook hook);

/// Calls `start` on a thread that has no capabilities but those of `wanted`, and so the threads that it starts. Throws
/// what `start` throws.
void start_without_capabilities(const std::vector<int>& wanted, const std::function<void()>& start);

/// What opening this port takes.
std::vector<int> needed_for_port(std::uint16_t port);

}  // namespace paceline::receiver
