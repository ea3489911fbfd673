// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace paceline::decoder {

/// How much a record may still grow, which several may share. Asked from their writers' threads.
class RecordAllowance {
 public:
  virtual ~RecordAllowance() = default;
  /// Whether it may grow by so many bytes, which are taken then.
  virtual bool take(std::uint64_t bytes) = 0;
};

/// An open, empty file to write a record into.
struct RecordOutput {
  int descriptor = -1;                           // the writer's from now on, which closes it
  std::string name;                              // for messages
  std::shared_ptr<RecordAllowance> allowance{};  // null: it may grow as long as the disk does
};

}  // namespace paceline::decoder
