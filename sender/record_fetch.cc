// SPDX-License-Identifier: MIT
#include "sender/record_fetch.h"

#include <chrono>
#include <optional>

#include "paceline/error.h"
#include "proto/convert.h"
#include "proto/running_checksum.h"

namespace paceline::sender {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kPiece = 64 * 1024;      // bytes
constexpr std::uint32_t kPiecesAsked = 16;       // ahead of what has come: 1 MiB, for long paths
constexpr std::chrono::seconds kPieceLimit{60};  // the first one waits until the file is finished
constexpr std::chrono::milliseconds kLook{200};  // whether it is still wanted
constexpr std::chrono::seconds kProgressEvery{1};

void ask(Session& session, std::uint32_t flow_id) {
  wire::Message message;
  message.mutable_read_record()->set_flow_id(flow_id);
  message.mutable_read_record()->set_most(kPiece);
  session.send(message);
}

/// The next piece that comes. Throws SetupError.
asio::awaitable<wire::RecordPart> next_piece(Session& session, Session::Messages& messages,
                                             const AwaitedRecord& record) {
  const auto limit = Clock::now() + kPieceLimit;
  for (;;) {
    auto message = co_await messages.next(std::min(limit, Clock::now() + kLook));
    if (message && message->has_refused()) throw SetupError(wire::text(message->refused().reason()));
    if (message && message->has_record_part()) co_return std::move(*message->mutable_record_part());
    if (message) continue;  // of the flow, late
    if (!session.failure().empty()) throw SetupError(session.failure());
    if (record.unwanted()) throw SetupError("stopped on request");
    if (Clock::now() >= limit)
      throw SetupError("the receiver sent nothing of it in " + std::to_string(kPieceLimit.count()) + " s");
  }
}

void check(const wire::RecordPart& piece, std::uint64_t expected, std::optional<std::uint64_t> size) {
  if (piece.offset() != expected || (size && piece.size() != *size) || piece.size() < expected ||
      piece.data().size() > piece.size() - expected || (piece.data().empty() && piece.size() != expected))
    throw SetupError("the receiver sent a piece that does not fit");
}

}  // namespace

asio::awaitable<std::string> fetch_record(Session& session, Session::Messages& messages, const AwaitedRecord& record,
                                          RecordFile& file) {
  for (std::uint32_t i = 0; i < kPiecesAsked; ++i) ask(session, record.flow_id);
  wire::RunningChecksum checksum;
  std::optional<std::uint64_t> size;
  auto next_progress = Clock::now() + kProgressEvery;
  for (;;) {
    const wire::RecordPart piece = co_await next_piece(session, messages, record);
    check(piece, file.size(), size);
    size = piece.size();
    if (piece.data().empty()) {
      if (piece.checksum() != checksum.value())
        throw SetupError("its checksum is wrong: it was changed on the way, or on a disk");
      record.progress(file.size(), *size);
      file.keep();
      co_return wire::text(piece.warning());
    }
    checksum.add(piece.data());
    file.append(piece.data());
    if (record.unwanted()) throw SetupError("stopped on request");
    ask(session, record.flow_id);
    if (file.size() < *size && Clock::now() >= next_progress) {
      record.progress(file.size(), *size);
      next_progress = Clock::now() + kProgressEvery;
    }
  }
}

}  // namespace paceline::sender
