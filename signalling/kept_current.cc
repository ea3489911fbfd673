// SPDX-License-Identifier: MIT
#include "signalling/kept_current.h"

#include <sys/stat.h>

#include <cerrno>

namespace paceline::signalling {

FileWatch::FileWatch(std::vector<std::filesystem::path> files)
    : files_(std::move(files)), seen_(look()), told_(seen_) {}

std::vector<FileWatch::Version> FileWatch::look() const {
  std::vector<Version> versions;
  for (const auto& file : files_) {
    Version& version = versions.emplace_back();
    struct stat status {};
    if (stat(file.c_str(), &status) != 0) {
      version.error = errno;
      continue;
    }
    version.device = status.st_dev;
    version.inode = status.st_ino;
    version.size = status.st_size;
    version.modified_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  }
  return versions;
}

bool FileWatch::changed() {
  auto now = look();
  const bool at_rest = now == seen_;
  seen_ = std::move(now);
  if (!at_rest || seen_ == told_) return false;
  told_ = seen_;
  return true;
}

}  // namespace paceline::signalling
