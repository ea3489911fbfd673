// SPDX-License-Identifier: MIT
#include "signalling/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "paceline/error.h"

namespace paceline::signalling {

namespace {

constexpr std::size_t kMaxFile = 1 << 20;

class File {
 public:
  File(const std::filesystem::path& path, const std::string& what)
      : name_(what + " " + path.string()), path_(path), fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) fail();
  }
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  /// Owner and group may read it: a group is how a Kubernetes Secret reaches a container that is not root (fsGroup).
  void require_private() const {
    struct stat status {};
    if (fstat(fd_, &status) != 0) fail();
    if (S_ISDIR(status.st_mode)) throw FileError(name_ + " is a directory");
    if (status.st_mode & (S_IRWXO | S_IWGRP))
      throw FileError(name_ + " can be read or changed by others: chmod 600 " + path_.string() +
                      " (of a Kubernetes Secret: defaultMode: 0440)");
  }

  std::string read_all() const {
    std::string text;
    char chunk[4096];
    for (;;) {
      const ssize_t count = read(fd_, chunk, sizeof chunk);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail();
      if (count == 0) return text;
      text.append(chunk, static_cast<std::size_t>(count));
      if (text.size() > kMaxFile) throw FileError(name_ + " has more than 1 MiB: is it one?");
    }
  }

 private:
  [[noreturn]] void fail() const { throw FileError(name_ + ": " + std::strerror(errno)); }

  std::string name_;
  std::filesystem::path path_;
  int fd_;
};

}  // namespace

std::string read_private_file(const std::filesystem::path& path, const std::string& what) {
  const File file(path, what);
  file.require_private();
  return file.read_all();
}

}  // namespace paceline::signalling
