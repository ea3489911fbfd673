// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "traffic/file_descriptor.h"

namespace paceline::sender {

/// Where the record of a run's flow goes: `asked`, with the flow's number before its extension when the run has
/// several. Precondition: the run has `flow`.
std::filesystem::path record_path(const std::filesystem::path& asked, std::size_t flow, bool several);

/// A record that comes in pieces: FILE.part until it is whole, FILE then. Overwrites neither.
class RecordFile {
 public:
  /// Throws SetupError when one of them is there, or the latter cannot be made.
  explicit RecordFile(std::filesystem::path file);
  /// Without keep() what came stays in FILE.part, if anything did.
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  /// Throws FileError.
  void append(std::string_view bytes);
  /// It is whole. Throws FileError.
  void keep();

  std::uint64_t size() const { return size_; }
  const std::filesystem::path& name() const { return name_; }
  const std::filesystem::path& part() const { return part_; }

 private:
  std::filesystem::path name_;
  std::filesystem::path part_;
  traffic::FileDescriptor file_;
  std::uint64_t size_ = 0;
};

}  // namespace paceline::sender
