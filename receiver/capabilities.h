// SPDX-License-Identifier: MIT
//
// What the program may do beyond others: Linux's capabilities (capabilities(7)). They belong to a thread, and to those
// that it starts afterwards.
#pragma once

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

/// Calls `start` on a thread that can do nothing beyond others but open ports below 1024, and so the threads that it
/// starts. Throws what `start` throws.
void start_without_capabilities(const std::function<void()>& start);

}  // namespace paceline::receiver
