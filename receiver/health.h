// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <mutex>
#include <string>

#include "paceline/receiver.h"

namespace paceline::receiver {

/// Whether a receiver lives and serves, by what it tells. Asked from any thread.
class Health : public ReceiverObserver {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// Without a status() for so long it is stuck; one comes every second.
  static constexpr std::chrono::seconds kStuck{10};

  /// Why it should be restarted; empty: it lives. It does, too, before it listens.
  std::string not_live(Time now) const;
  /// Why nobody should be sent to it; empty: its ports are open, its stamps are settled, and it is not being shut down.
  std::string not_ready(Time now) const;

  void listening(std::uint16_t port, std::uint16_t data_port) override;
  void draining(std::uint32_t sessions, std::uint32_t flows) override;
  void status(const ReceiverStatus& status) override;

  /// status(), at that time.
  void seen_alive(Time now);

 private:
  std::string stuck(Time now) const;

  mutable std::mutex mutex_;
  bool listening_ = false;
  bool draining_ = false;
  Time last_{};  // status; the epoch: none yet
};

}  // namespace paceline::receiver
