// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace paceline::signalling {

/// Whether files have changed, by what stat(2) says of them; links are followed.
class FileWatch {
 public:
  explicit FileWatch(std::vector<std::filesystem::path> files);

  /// True once for a change, when two looks in a row found the files alike: whoever writes them is done then.
  bool changed();

 private:
  struct Version {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t modified_ns = 0;
    int error = 0;  // why there is none
    bool operator==(const Version&) const = default;
  };

  std::vector<Version> look() const;

  std::vector<std::filesystem::path> files_;
  std::vector<Version> seen_;  // by the last look
  std::vector<Version> told_;
};

/// What became of files that had changed.
struct Reread {
  bool failed = false;
  std::string text;
};

/// What files hold, read again when they change. As long as that fails, what they held before stands.
template <class T>
class KeptCurrent {
 public:
  using Read = std::function<std::shared_ptr<const T>()>;
  using Describe = std::function<std::string(const T&)>;

  /// Reads them; throws what `read` throws. `what` names them to people, `describe` what they hold. No files: what
  /// `read` returns stands.
  KeptCurrent(std::string what, std::vector<std::filesystem::path> files, Read read, Describe describe)
      : what_(std::move(what)),
        watch_(std::move(files)),
        read_(std::move(read)),
        describe_(std::move(describe)),
        current_(read_()) {}

  /// Whoever needs it for longer than a moment holds the pointer.
  std::shared_ptr<const T> now() const { return current_; }

  /// To be asked every second or so.
  std::optional<Reread> look() {
    if (!watch_.changed()) return std::nullopt;
    try {
      current_ = read_();
      return Reread{.text = what_ + " changed and was read again: " + describe_(*current_)};
    } catch (const std::exception& error) {
      return Reread{true, what_ + " changed, but what was read before stays in force: " + error.what()};
    }
  }

 private:
  std::string what_;
  FileWatch watch_;  // from before the first reading on
  Read read_;
  Describe describe_;
  std::shared_ptr<const T> current_;
};

}  // namespace paceline::signalling
