// SPDX-License-Identifier: MIT
#include "receiver/record_store.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "paceline/error.h"

namespace paceline::receiver {

namespace {

constexpr std::uint64_t kPartOfMemory = 4;

traffic::FileDescriptor open_nameless() {
  std::error_code none;
  const auto directory = std::filesystem::temp_directory_path(none);
  if (!none) {
    traffic::FileDescriptor file(open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (file) return file;
  }
  return traffic::FileDescriptor(memfd_create("record", MFD_CLOEXEC));
}

bool in_memory(int file) {
  struct statfs system {};
  return fstatfs(file, &system) == 0 && (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC);
}

/// What this process may use, by its cgroup or the machine.
std::uint64_t memory() {
  const auto pages = static_cast<std::uint64_t>(std::max(sysconf(_SC_PHYS_PAGES), 0L));
  std::uint64_t bytes = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  std::uint64_t granted = 0;
  if (std::ifstream("/sys/fs/cgroup/memory.max") >> granted) bytes = std::min(bytes, granted);  // "max" is no number
  return bytes;
}

std::uint64_t within_memory(std::uint64_t limit) {
  const auto file = open_nameless();
  return file && in_memory(file.get()) ? std::min(limit, memory() / kPartOfMemory) : limit;
}

}  // namespace

/// What one record has taken of the room.
class RecordStore::Share : public decoder::RecordAllowance {
 public:
  explicit Share(std::shared_ptr<std::atomic<std::uint64_t>> left) : left_(std::move(left)) {}
  ~Share() override { left_->fetch_add(taken_, std::memory_order_relaxed); }

  bool take(std::uint64_t bytes) override {
    std::uint64_t left = left_->load(std::memory_order_relaxed);
    do {
      if (left < bytes) return false;
    } while (!left_->compare_exchange_weak(left, left - bytes, std::memory_order_relaxed));
    taken_ += bytes;
    return true;
  }

 private:
  std::shared_ptr<std::atomic<std::uint64_t>> left_;
  std::uint64_t taken_ = 0;
};

RecordStore::RecordStore(std::uint64_t limit)
    : limit_(within_memory(limit)), left_(std::make_shared<std::atomic<std::uint64_t>>(limit_)) {}

RecordStore::File RecordStore::create() const {
  File file;
  file.reading = open_nameless();
  const int writing = file.reading ? fcntl(file.reading.get(), F_DUPFD_CLOEXEC, 0) : -1;
  if (writing < 0) throw FileError(std::string("make a file to record into: ") + std::strerror(errno));
  file.room = std::make_shared<Share>(left_);
  file.output = {writing, "record to be fetched", file.room};
  return file;
}

}  // namespace paceline::receiver
