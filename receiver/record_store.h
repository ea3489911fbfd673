// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "decoder/record_output.h"
#include "traffic/file_descriptor.h"

namespace paceline::receiver {

/// Room for the records that senders asked for, until they are fetched: files without a name, so that none outlives
/// the receiver, however it ends; in memory where there is no disk to write to.
class RecordStore {
 public:
  /// `limit`: bytes, of all records together.
  explicit RecordStore(std::uint64_t limit);

  struct File {
    decoder::RecordOutput output;
    traffic::FileDescriptor reading;                 // the same file
    std::shared_ptr<decoder::RecordAllowance> room;  // given back when nobody holds it any more
  };
  /// An empty file. Throws FileError. From any thread.
  File create() const;

  /// Of what create() gives.
  std::uint64_t limit() const { return limit_; }

 private:
  class Share;

  std::uint64_t limit_;
  std::shared_ptr<std::atomic<std::uint64_t>> left_;
};

}  // namespace paceline::receiver
