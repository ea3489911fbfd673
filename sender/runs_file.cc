// SPDX-License-Identifier: MIT
#include "sender/runs_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "paceline/error.h"
#include "paceline/version.h"
#include "sender/utc_now.h"

namespace paceline::sender {

namespace {

// O_CLOEXEC: hooks must not hold the lock.
constexpr int kFlags = O_RDWR | O_CLOEXEC;

traffic::FileDescriptor open_or_create(const CampaignSpec& spec) {
  traffic::FileDescriptor file(open(spec.output.c_str(), kFlags | O_CREAT | (spec.resume ? 0 : O_EXCL), 0666));
  if (!file && errno == EEXIST)
    throw UsageError(fmt::format("{} is there already: --resume goes on with it, --output FILE begins another one",
                                 spec.output.string()));
  if (!file) throw FileError(fmt::format("cannot open {}: {}", spec.output.string(), std::strerror(errno)));
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0)
    throw FileError(errno == EWOULDBLOCK
                        ? fmt::format("{} is in use: another campaign is writing to it", spec.output.string())
                        : fmt::format("cannot lock {}: {}", spec.output.string(), std::strerror(errno)));
  return file;
}

}  // namespace

CampaignHead head_of(const CampaignSpec& spec) {
  return {.name = spec.name,
          .version = std::string(kVersion),
          .started_at = utc_now(),
          .axes = spec.axes,
          .repetitions = spec.repetitions,
          .order = std::string(to_string(spec.order)),
          .seed = spec.seed,
          .fingerprint = spec.fingerprint};
}

RunsFile::RunsFile(const CampaignSpec& spec) : path_(spec.output), file_(open_or_create(spec)) {
  if (spec.resume) read_ = read_runs_so_far(spec);
  size_ = read_.end;
  struct stat found {};
  const bool torn = fstat(file_.get(), &found) == 0 && static_cast<std::uintmax_t>(found.st_size) != size_;
  if (torn && ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) refuse("cutting off the torn last line", errno);
  if (size_ == 0) append(render_runs_line(head_of(spec)));
}

void RunsFile::reserve() {
  const auto from = static_cast<off_t>(size_);
  const auto room = static_cast<off_t>(2 * longest_);
  while (fallocate(file_.get(), FALLOC_FL_KEEP_SIZE, from, room) != 0) {
    if (errno == EINTR) continue;
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) refuse("reserving room for the next run", errno);
    return;  // the file system cannot set room aside
  }
}

void RunsFile::append(std::string line) {
  line += '\n';
  std::size_t written = 0;
  while (written < line.size()) {
    const ssize_t size =
        pwrite(file_.get(), line.data() + written, line.size() - written, static_cast<off_t>(size_ + written));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) {
      const int error = size < 0 ? errno : ENOSPC;
      [[maybe_unused]] const int cut = ftruncate(file_.get(), static_cast<off_t>(size_));
      refuse("writing a run's result", error);
    }
    written += static_cast<std::size_t>(size);
  }
  if (fdatasync(file_.get()) != 0) refuse("syncing a run's result", errno);
  size_ += line.size();
  longest_ = std::max<std::uintmax_t>(longest_, line.size());
}

void RunsFile::refuse(std::string_view what, int error) const {
  throw FileError(fmt::format("{}: {}: {}", path_.string(), what, std::strerror(error)));
}

}  // namespace paceline::sender
