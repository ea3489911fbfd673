// SPDX-License-Identifier: MIT
#include "receiver/health.h"

namespace paceline::receiver {

// Precondition: mutex_ is held.
std::string Health::stuck(Time now) const {
  if (last_ == Time{} || now - last_ <= kStuck) return {};
  const auto silent = std::chrono::duration_cast<std::chrono::seconds>(now - last_).count();
  return "the signalling thread has been stuck for " + std::to_string(silent) + " s";
}

std::string Health::not_live(Time now) const {
  const std::scoped_lock lock(mutex_);
  return stuck(now);
}

std::string Health::not_ready(Time now) const {
  const std::scoped_lock lock(mutex_);
  if (!listening_) return "the receiver is starting";
  if (draining_) return "the receiver is being shut down (draining)";
  return stuck(now);
}

void Health::listening(std::uint16_t, std::uint16_t) {
  const std::scoped_lock lock(mutex_);
  listening_ = true;
}

void Health::draining(std::uint32_t, std::uint32_t) {
  const std::scoped_lock lock(mutex_);
  draining_ = true;
}

void Health::status(const ReceiverStatus&) { seen_alive(std::chrono::steady_clock::now()); }

void Health::seen_alive(Time now) {
  const std::scoped_lock lock(mutex_);
  last_ = now;
}

}  // namespace paceline::receiver
