// SPDX-License-Identifier: MIT
//
// The bytes that TCP sources write: the same ones all the time, hot in the cache.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "paceline/flow.h"
#include "traffic/file_descriptor.h"

namespace paceline::traffic {

/// Random bytes, so that no link compresses them, in a huge page where the kernel has one: fewer pages to look up for
/// each write. Shared by a transfer's workers.
class PayloadMemory {
 public:
  PayloadMemory();
  ~PayloadMemory();
  PayloadMemory(const PayloadMemory&) = delete;
  PayloadMemory& operator=(const PayloadMemory&) = delete;

  std::byte* bytes() const { return bytes_; }

 private:
  void* mapped_;
  std::byte* bytes_;
};

/// Writes payload to sockets; one a worker.
///
/// Zero copy goes by vmsplice() and splice(): over a veth pair a fifth faster than sendfile(), twice as fast as
/// MSG_ZEROCOPY, whose completions cost more than the copy. Where the kernel refuses it, bytes are copied.
class PayloadWriter {
 public:
  /// Most bytes a call: large enough to hide its cost, small enough to stay in the second-level cache.
  static constexpr std::size_t kMost = 256 * 1024;

  PayloadWriter(const PayloadMemory& memory, SendMode mode);

  /// Writes at most `most` bytes to a non-blocking socket; less than 0: not any, errno says why. The thread must have
  /// SIGPIPE blocked.
  ssize_t write(int socket, std::size_t most);

  /// Why bytes are copied though zero copy was asked for; empty if they are not.
  const std::string& refusal() const { return refusal_; }

 private:
  bool fill_pipe();

  const PayloadMemory& memory_;
  FileDescriptor pipe_out_;
  FileDescriptor pipe_in_;
  std::size_t in_pipe_ = 0;
  std::string refusal_;
};

}  // namespace paceline::traffic
