// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>

#include "paceline/result.h"

namespace paceline::traffic {

/// What results say of the machine that this end runs on. What cannot be read stays empty. `root` stands in
/// for / when what it holds is to be read instead.
Host this_host(const std::filesystem::path& root = "/");

/// This host as it stands, for who is asked often: what changes rarely is read anew once a second at most.
class HostReading {
 public:
  const Host& now() {
    const auto time = std::chrono::steady_clock::now();
    if (!host_ || time > read_at_ + std::chrono::seconds(1)) host_ = this_host(), read_at_ = time;
    return *host_;
  }

 private:
  std::optional<Host> host_;
  std::chrono::steady_clock::time_point read_at_;
};

}  // namespace paceline::traffic
