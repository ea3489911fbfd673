// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>

#include "sender/options.h"
#include "sender/output.h"

namespace paceline::sender {

/// A flow's name where it is short, else its number; nothing where there is but one.
std::string flow_label(const RunSpec& run, std::size_t flow);

/// What a run says beside its results, on standard error.
class Notices : public Output {
 public:
  /// Outlives this.
  explicit Notices(const RunSpec& run) : run_(run) {}

  void waiting(std::uint16_t port) override;
  void connected(const std::string& address) override;
  void path_confirmed(std::size_t flow, const PathResult& path, const Stamping& stamping) override;
  void record(std::size_t flow, const std::filesystem::path& file, std::uint64_t bytes, std::uint64_t of) override;
  void warning(const std::string& text) override;

 private:
  const RunSpec& run_;
  std::size_t paths_ = 0;  // that were told
};

}  // namespace paceline::sender
