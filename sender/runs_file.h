// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/campaign.h"
#include "traffic/file_descriptor.h"

namespace paceline::sender {

/// What a runs file has of one run: of all its attempts.
struct RunSoFar {
  std::uint32_t attempts = 0;  ///< the last one's number
  Outcome best = Outcome::failed;
  bool stopped = false;  ///< the last attempt was ended by a stop request
};

/// By the scenario's index and the repetition.
using RunsSoFar = std::map<std::pair<std::size_t, std::uint32_t>, RunSoFar>;

/// The reason of runs that a stop request ended: they are to be made again.
inline constexpr std::string_view kStopped = "the campaign was stopped";

/// What CampaignSpec::output has of this campaign, and what is odd about it.
struct RunsRead {
  RunsSoFar runs;
  std::uintmax_t end = 0;  ///< of the last whole line, in bytes; what is behind it is torn
  std::vector<std::string> warnings;
};

/// Reads without changing anything; a file that is not there, or without a whole line, is empty. Throws UsageError when
/// it is another campaign's, with what differs, FileError when it cannot be read, or is no runs file.
RunsRead read_runs_so_far(const CampaignSpec& spec);

CampaignHead head_of(const CampaignSpec& spec);

/// CampaignSpec::output, locked, at its end.
class RunsFile {
 public:
  /// Creates it, with its head, or with `resume` opens it and cuts off what is torn. Throws UsageError when it is there
  /// and is not to be, FileError when it cannot be used.
  explicit RunsFile(const CampaignSpec& spec);

  const RunsRead& so_far() const { return read_; }

  /// Sets room aside for a run like the largest one yet, so that a full disk is found out before it is made. Throws
  /// FileError.
  void reserve();
  /// Adds the line and syncs it. Throws FileError when it cannot; the file ends as it did before then.
  void append(std::string line);

 private:
  [[noreturn]] void refuse(std::string_view what, int error) const;

  std::filesystem::path path_;
  traffic::FileDescriptor file_;
  RunsRead read_;
  std::uintmax_t size_ = 0;
  std::uintmax_t longest_ = 64 * 1024;
};

}  // namespace paceline::sender
