// SPDX-License-Identifier: MIT
#pragma once

#include <asio/ip/network_v4.hpp>
#include <asio/ip/network_v6.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "paceline/remote.h"

namespace paceline::sender {

/// What a sender that waits for instructions lets others make it do.
class RemoteGrants {
 public:
  /// Throws UsageError when the specification makes no sense. `spec` outlives the grants.
  explicit RemoteGrants(const RemoteSpec& spec);

  /// The run as it may go on here: its key has its secret, by `keys`, its files have their places. Throws SetupError
  /// that names what is not granted.
  RunSpec granted(RunSpec run, const std::vector<Key>& keys) const;

 private:
  using Allowed = std::variant<asio::ip::network_v4, asio::ip::network_v6, std::string>;
  static Allowed parse_allowed(const std::string& text);

  void check_receivers(const RunSpec& run) const;
  bool is_allowed(const std::string& host) const;
  void check_times(const RunSpec& run) const;
  std::string place_of(const std::string& file) const;

  const RemoteSpec& spec_;
  std::vector<Allowed> allowed_;
  std::optional<std::filesystem::path> files_;  // canonical
};

}  // namespace paceline::sender
