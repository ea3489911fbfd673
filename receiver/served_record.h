// SPDX-License-Identifier: MIT
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/thread_pool.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "decoder/record_output.h"
#include "proto/running_checksum.h"
#include "proto/signalling.pb.h"
#include "traffic/file_descriptor.h"

namespace paceline::receiver {

/// A flow's record that its sender fetches once the flow has ended, piece by piece and in order. Lives on the session's
/// executor; files are read on the file worker.
class ServedRecord : public std::enable_shared_from_this<ServedRecord> {
 public:
  static constexpr std::uint32_t kMostPart = 256 * 1024;  ///< bytes
  static constexpr std::size_t kMostAsked = 16;           ///< pieces that wait to be sent
  static constexpr std::chrono::hours kKept{1};           ///< until it is fetched

  /// `send` is called there while this lives.
  ServedRecord(asio::any_io_executor executor, asio::thread_pool& file_worker, std::uint32_t flow_id,
               std::function<void(const wire::Message&)> send);

  // What becomes of it; the first of whole() and none() counts.
  /// It is being finished: whole() or none() is to come, though the flow is over.
  void coming() { coming_ = true; }
  /// The file has ended. `room` is held as long as the file; `warning`: what it lacks, empty if nothing.
  void whole(traffic::FileDescriptor file, std::shared_ptr<decoder::RecordAllowance> room, std::string warning);
  /// There is none.
  void none(std::string why);
  /// The flow is over: without coming() there will be none.
  void flow_over();

  /// The sender asks for the next piece, of at most so many bytes. False when it asks for too many at once.
  bool read(std::uint32_t most);

  /// Whether the sender may still ask for it.
  bool awaited() const;

 private:
  struct Piece {
    std::string data;
    std::string error;
    std::uint64_t checksum = 0;  // of the file up to the end of `data`
  };

  void next();
  Piece read_piece(std::uint32_t most);
  void send_piece(Piece piece);
  void refuse_all();

  asio::any_io_executor executor_;
  asio::thread_pool& file_worker_;
  std::uint32_t flow_id_;
  std::function<void(const wire::Message&)> send_;

  bool coming_ = false;
  bool settled_ = false;
  std::chrono::steady_clock::time_point settled_at_{};
  std::string why_none_;
  std::string warning_;
  traffic::FileDescriptor file_;
  std::shared_ptr<decoder::RecordAllowance> room_;
  std::uint64_t size_ = 0;
  std::uint64_t offset_ = 0;  // of the next piece
  wire::RunningChecksum checksum_;
  std::deque<std::uint32_t> asked_;
  bool reading_ = false;  // a piece, on the file worker, which alone uses the file then
};

}  // namespace paceline::receiver
