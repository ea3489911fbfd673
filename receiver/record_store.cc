// SPDX-License-Identifier: MIT
#include "receiver/record_store.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "decoder/record_writer.h"
#include "paceline/validate.h"

namespace paceline::receiver {

namespace {

constexpr std::uint64_t kDirectoryRoom = 10'000'000'000;
constexpr std::uint64_t kUnnamedRoom = 1'000'000'000;
constexpr std::uint64_t kPartOfMemory = 4;
constexpr std::uint64_t kLeast = 4096;  // for the head and the tail of a record without a packet

// A directory of many files takes milliseconds to look through.
constexpr std::chrono::seconds kRecount{1};

constexpr std::string_view kSuffix = ".paceline";

traffic::FileDescriptor open_unnamed() {
  std::error_code none;
  const auto directory = std::filesystem::temp_directory_path(none);
  if (!none) {
    traffic::FileDescriptor file(open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (file) return file;
  }
  return traffic::FileDescriptor(memfd_create("record", MFD_CLOEXEC));
}

bool in_memory(const struct statfs& system) { return system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC; }

/// Whether records take memory rather than disk.
bool in_memory(const std::optional<std::filesystem::path>& directory) {
  struct statfs system {};
  if (directory) return statfs(directory->c_str(), &system) == 0 && in_memory(system);
  const auto file = open_unnamed();
  return file && fstatfs(file.get(), &system) == 0 && in_memory(system);
}

/// What this process may use, by its cgroup or the machine.
std::uint64_t memory() {
  const auto pages = static_cast<std::uint64_t>(std::max(sysconf(_SC_PHYS_PAGES), 0L));
  std::uint64_t bytes = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  std::uint64_t granted = 0;
  if (std::ifstream("/sys/fs/cgroup/memory.max") >> granted) bytes = std::min(bytes, granted);  // "max" is no number
  return bytes;
}

std::uint64_t room_for(const std::optional<std::filesystem::path>& directory, const ReceiverLimits& limits) {
  const std::uint64_t asked = limits.record_bytes.value_or(directory ? kDirectoryRoom : kUnnamedRoom);
  return in_memory(directory) ? std::min(asked, memory() / kPartOfMemory) : asked;
}

std::string limit_text(std::uint64_t bytes, const std::string& whose, const std::string& name) {
  return "the receiver has room for " + validation::number(static_cast<double>(bytes) / 1e6) + " MB of " + whose +
         ", its limit (" + name + ")";
}

/// An address as a part of a file's name, without colons: they mean something to scp and to other systems.
std::string client_text(const asio::ip::address& client) {
  std::string text = client.to_string();
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == ':' || c == '/' || c == '-'; }, '_');
  return text;
}

// Time, client, flow: 20250131T120000Z-192.0.2.1-0a1b2c3d.paceline
std::string record_name(std::uint32_t flow_id, const std::string& client) {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  char begun[32];
  std::strftime(begun, sizeof begun, "%Y%m%dT%H%M%SZ", &utc);
  char id[16];
  std::snprintf(id, sizeof id, "%08x", flow_id);
  return std::string(begun) + '-' + client + '-' + id + std::string(kSuffix);
}

/// Of a record's file; empty if its name does not tell.
std::string client_of(const std::string& name) {
  const auto begin = name.find('-');
  const auto end = name.rfind('-');
  return begin == end ? std::string() : name.substr(begin + 1, end - begin - 1);
}

struct Listed {
  std::string name;
  std::uint64_t bytes = 0;  // that it takes on the disk
};

/// The records in a directory; one that vanishes meanwhile is left out.
std::vector<Listed> list(const std::filesystem::path& directory) {
  std::vector<Listed> files;
  std::error_code error;
  for (std::filesystem::directory_iterator each(directory, error), end; !error && each != end; each.increment(error)) {
    struct stat status {};
    if (each->path().extension() != kSuffix || lstat(each->path().c_str(), &status) != 0) continue;
    constexpr std::int64_t kBlock = 512;  // stat(2)
    files.push_back({each->path().filename(),
                     static_cast<std::uint64_t>(std::max<std::int64_t>(status.st_size, status.st_blocks * kBlock))});
  }
  return files;
}

/// Bytes, and whose they are.
class Use {
 public:
  void add(const std::string& client, std::uint64_t bytes) {
    all_ += bytes;
    by_client_[client] += bytes;
  }
  void remove(const std::string& client, std::uint64_t bytes) {
    all_ -= bytes;
    const auto found = by_client_.find(client);
    if (found != by_client_.end() && (found->second -= bytes) == 0) by_client_.erase(found);
  }
  std::uint64_t all() const { return all_; }
  std::uint64_t of(const std::string& client) const {
    const auto found = by_client_.find(client);
    return found == by_client_.end() ? 0 : found->second;
  }

 private:
  std::uint64_t all_ = 0;
  std::map<std::string, std::uint64_t> by_client_;
};

}  // namespace

/// What all records share. From any thread.
class RecordStore::Room {
 public:
  Room(std::uint64_t limit, std::uint64_t client_limit) : limit_(limit), client_limit_(client_limit) {}

  /// Why there is no room for so many bytes more of a client; empty if there is.
  std::string lacks(const std::string& client, std::uint64_t bytes) const {
    const std::scoped_lock lock(mutex_);
    return lacks_locked(client, bytes);
  }

  /// Takes them, or says why not.
  std::string take(const std::string& client, std::uint64_t bytes) {
    const std::scoped_lock lock(mutex_);
    std::string refusal = lacks_locked(client, bytes);
    if (refusal.empty()) growing_.add(client, bytes);
    return refusal;
  }

  void begin(const std::string& file) {
    if (file.empty()) return;
    const std::scoped_lock lock(mutex_);
    files_.insert(file);
  }

  /// The record is over; one in the directory stays.
  void end(const std::string& file, const std::string& client, std::uint64_t taken) {
    const std::scoped_lock lock(mutex_);
    if (taken > 0) growing_.remove(client, taken);
    if (file.empty()) return;
    files_.erase(file);
    if (taken > 0) kept_.add(client, taken);
  }

  /// These are in the directory; what still grows counts by what it took.
  void count(const std::vector<Listed>& files) {
    const std::scoped_lock lock(mutex_);
    kept_ = {};
    for (const Listed& file : files) {
      if (!files_.contains(file.name)) kept_.add(client_of(file.name), file.bytes);
    }
  }

 private:
  std::string lacks_locked(const std::string& client, std::uint64_t bytes) const {
    if (exceeds(kept_.all() + growing_.all(), bytes, limit_)) return limit_text(limit_, "records", "record bytes");
    if (exceeds(kept_.of(client) + growing_.of(client), bytes, client_limit_))
      return limit_text(client_limit_, "one client's records", "client record bytes");
    return {};
  }

  static bool exceeds(std::uint64_t used, std::uint64_t more, std::uint64_t limit) {
    return used > limit || limit - used < more;
  }

  mutable std::mutex mutex_;
  std::uint64_t limit_;
  std::uint64_t client_limit_;
  Use kept_;                     // records in the directory that have ended
  Use growing_;                  // all others
  std::set<std::string> files_;  // names of those that grow in the directory
};

RecordStore::Share::Share(std::shared_ptr<Room> room, std::string file, std::string client)
    : room_(std::move(room)), file_(std::move(file)), client_(std::move(client)) {
  room_->begin(file_);
}

RecordStore::Share::~Share() { room_->end(file_, client_, taken_); }

bool RecordStore::Share::take(std::uint64_t bytes) {
  refusal_ = room_->take(client_, bytes);
  if (refusal_.empty()) taken_ += bytes;
  return refusal_.empty();
}

RecordStore::RecordStore(std::optional<std::filesystem::path> directory, const ReceiverLimits& limits)
    : directory_(std::move(directory)),
      limit_(room_for(directory_, limits)),
      client_limit_(std::min(limits.client_record_bytes.value_or(limit_ / 2), limit_)),
      room_(std::make_shared<Room>(limit_, client_limit_)) {
  if (directory_) recount();
}

void RecordStore::recount() {
  room_->count(list(*directory_));
  counted_ = std::chrono::steady_clock::now();
}

RecordStore::File RecordStore::create(std::uint32_t flow_id, const asio::ip::address& address) {
  const std::string client = client_text(address);
  if (directory_ && (std::chrono::steady_clock::now() - counted_ >= kRecount || !room_->lacks(client, kLeast).empty()))
    recount();
  const std::string refusal = room_->lacks(client, kLeast);
  if (!refusal.empty()) throw NoRoom(refusal);

  File file;
  std::string name;
  if (directory_) {
    name = record_name(flow_id, client);
    file.output = decoder::create_record_file(*directory_ / name);
    file.reading = traffic::FileDescriptor(fcntl(file.output.descriptor, F_DUPFD_CLOEXEC, 0));
  } else {
    file.reading = open_unnamed();
    file.output = {file.reading ? fcntl(file.reading.get(), F_DUPFD_CLOEXEC, 0) : -1, "record to be fetched", {}};
  }
  if (!file.reading || file.output.descriptor < 0) {
    const std::string error = std::strerror(errno);
    const traffic::FileDescriptor closes(file.output.descriptor);
    throw FileError("make a file to record into: " + error);
  }
  file.room = std::make_shared<Share>(room_, name, client);
  file.output.allowance = file.room;
  return file;
}

}  // namespace paceline::receiver
