// SPDX-License-Identifier: MIT
#include "sender/record_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "paceline/error.h"

namespace paceline::sender {

namespace {

std::filesystem::path with(std::filesystem::path path, const std::string& more) {
  path += more;
  return path;
}

/// One rename(2) that overwrites nothing, even if it came meanwhile; where the file system has none, link and unlink.
bool rename_anew(const char* from, const char* to) {
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  return link(from, to) == 0 && unlink(from) == 0;
}

}  // namespace

std::filesystem::path record_path(const std::filesystem::path& asked, std::size_t flow, bool several) {
  if (!several) return asked;
  const std::string name = asked.stem().string() + "-" + std::to_string(flow + 1) + asked.extension().string();
  return asked.parent_path() / name;
}

RecordFile::RecordFile(std::filesystem::path file) : name_(std::move(file)), part_(with(name_, ".part")) {
  if (std::error_code none; std::filesystem::exists(name_, none))
    throw SetupError("--record " + name_.string() + ": the file exists, and records are not overwritten");
  file_ = traffic::FileDescriptor(open(part_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644));
  if (!file_)
    throw SetupError("--record " + name_.string() + ": create " + part_.string() + ": " + std::strerror(errno) +
                     (errno == EEXIST ? "; it is what came of an earlier one: move it away, or remove it" : ""));
}

RecordFile::~RecordFile() {
  if (file_ && size_ == 0) unlink(part_.c_str());
}

void RecordFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw FileError("write " + part_.string() + ": " + std::strerror(errno));
    size_ += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void RecordFile::keep() {
  if (close(file_.release()) != 0) throw FileError("close " + part_.string() + ": " + std::strerror(errno));
  if (!rename_anew(part_.c_str(), name_.c_str()))
    throw FileError("rename " + part_.string() + " to " + name_.string() + ": " + std::strerror(errno));
}

}  // namespace paceline::sender
