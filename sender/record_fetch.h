// SPDX-License-Identifier: MIT
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <string>

#include "sender/record_file.h"
#include "sender/session.h"

namespace paceline::sender {

/// A flow's record that waits at the receiver.
struct AwaitedRecord {
  std::uint32_t flow_id = 0;
  std::function<void(std::uint64_t bytes, std::uint64_t of)> progress;  // told a second at most, and at the end
  std::function<bool()> unwanted;                                       // whether to leave the rest
};

/// Brings it into the file. Returns what is missing, empty if nothing. Throws FileError, or SetupError which says why
/// it did not come, or not whole; then what came stays in the file's part.
asio::awaitable<std::string> fetch_record(Session& session, Session::Messages& messages, const AwaitedRecord& record,
                                          RecordFile& file);

}  // namespace paceline::sender
