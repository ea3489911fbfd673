// SPDX-License-Identifier: MIT
#include "traffic/tcp_payload.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <new>
#include <random>

namespace paceline::traffic {

namespace {

constexpr std::size_t kHugePage = 2 * 1024 * 1024;
constexpr std::size_t kCopied = 128 * 1024;  // with the socket's own buffers this stays in the second-level cache

}  // namespace

PayloadMemory::PayloadMemory()
    : mapped_(mmap(nullptr, 2 * kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
  if (mapped_ == MAP_FAILED) throw std::bad_alloc();
  const auto start = reinterpret_cast<std::uintptr_t>(mapped_);
  bytes_ = static_cast<std::byte*>(mapped_) + (kHugePage - start % kHugePage) % kHugePage;
  madvise(bytes_, kHugePage, MADV_HUGEPAGE);
  std::mt19937_64 random;  // NOLINT: any bytes will do, the same ones each time
  for (std::size_t i = 0; i < PayloadWriter::kMost; i += sizeof(std::uint64_t)) {
    const std::uint64_t word = random();
    std::memcpy(bytes_ + i, &word, sizeof word);
  }
}

PayloadMemory::~PayloadMemory() { munmap(mapped_, 2 * kHugePage); }

PayloadWriter::PayloadWriter(const PayloadMemory& memory, SendMode mode) : memory_(memory) {
  if (mode == SendMode::copy) return;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    refusal_ = std::string("pipe: ") + std::strerror(errno);
    return;
  }
  pipe_out_ = FileDescriptor(ends[0]);
  pipe_in_ = FileDescriptor(ends[1]);
  fcntl(pipe_in_.get(), F_SETPIPE_SZ, static_cast<int>(kMost));  // smaller where the user has too many already
  fill_pipe();
}

bool PayloadWriter::fill_pipe() {
  const iovec bytes{memory_.bytes(), kMost};
  const ssize_t filled = vmsplice(pipe_in_.get(), &bytes, 1, SPLICE_F_NONBLOCK);
  if (filled > 0) {
    in_pipe_ = static_cast<std::size_t>(filled);
    return true;
  }
  refusal_ = std::string("vmsplice: ") + std::strerror(errno);
  return false;
}

ssize_t PayloadWriter::write(int socket, std::size_t most) {
  // What one stream left in the pipe is as good for the next.
  if (pipe_out_ && refusal_.empty() && (in_pipe_ > 0 || fill_pipe())) {
    const ssize_t written =
        splice(pipe_out_.get(), nullptr, socket, nullptr, std::min(most, in_pipe_), SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (written > 0) in_pipe_ -= static_cast<std::size_t>(written);
    return written;
  }
  return send(socket, memory_.bytes(), std::min(most, kCopied), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace paceline::traffic
