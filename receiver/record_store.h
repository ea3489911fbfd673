// SPDX-License-Identifier: MIT
#pragma once

#include <asio/ip/address.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "decoder/record_output.h"
#include "paceline/error.h"
#include "paceline/receiver.h"
#include "traffic/file_descriptor.h"

namespace paceline::receiver {

/// Where flows' records go, and how much room they have there: the receiver's directory, where they stay and count
/// until somebody takes them away; without one, files without a name, until their senders have fetched them, so that
/// none outlives the receiver, however it ends. Those are in memory where there is no disk to write to.
class RecordStore {
 public:
  RecordStore(std::optional<std::filesystem::path> directory, const ReceiverLimits& limits);

  /// No record can be begun, for the limit that the text names.
  class NoRoom : public FileError {
   public:
    using FileError::FileError;
  };

  /// What one record has taken of the room.
  class Share;

  struct File {
    decoder::RecordOutput output;
    traffic::FileDescriptor reading;  // the same file
    std::shared_ptr<Share> room;      // taken until nobody holds it any more
  };
  /// An empty file for a flow of a client. Throws NoRoom and FileError. One call at a time, from any thread.
  File create(std::uint32_t flow_id, const asio::ip::address& client);

  /// Bytes of all records together, and of one client's.
  std::uint64_t limit() const { return limit_; }
  std::uint64_t client_limit() const { return client_limit_; }

 private:
  class Room;

  void recount();

  std::optional<std::filesystem::path> directory_;
  std::uint64_t limit_;
  std::uint64_t client_limit_;
  std::shared_ptr<Room> room_;
  std::chrono::steady_clock::time_point counted_{};
};

class RecordStore::Share : public decoder::RecordAllowance {
 public:
  Share(std::shared_ptr<Room> room, std::string file, std::string client);
  ~Share() override;
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

  bool take(std::uint64_t bytes) override;

  /// The limit for which it did not get what it asked for last; empty if it got it. Not while others take.
  const std::string& refusal() const { return refusal_; }

 private:
  std::shared_ptr<Room> room_;
  std::string file_;  // its name in the directory; empty without one
  std::string client_;
  std::uint64_t taken_ = 0;
  std::string refusal_;
};

}  // namespace paceline::receiver
