// SPDX-License-Identifier: MIT
#include "receiver/served_record.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace paceline::receiver {

using Clock = std::chrono::steady_clock;

ServedRecord::ServedRecord(asio::any_io_executor executor, asio::thread_pool& file_worker, std::uint32_t flow_id,
                           std::function<void(const wire::Message&)> send)
    : executor_(std::move(executor)), file_worker_(file_worker), flow_id_(flow_id), send_(std::move(send)) {}

void ServedRecord::whole(traffic::FileDescriptor file, std::shared_ptr<decoder::RecordAllowance> room,
                         std::string warning) {
  if (std::exchange(settled_, true)) return;
  settled_at_ = Clock::now();
  file_ = std::move(file);
  room_ = std::move(room);
  warning_ = std::move(warning);
  struct stat status {};
  if (fstat(file_.get(), &status) == 0) {
    size_ = static_cast<std::uint64_t>(status.st_size);
  } else {
    why_none_ = std::string("the record cannot be read: ") + std::strerror(errno);
  }
  next();
}

void ServedRecord::none(std::string why) {
  if (std::exchange(settled_, true)) return;
  settled_at_ = Clock::now();
  why_none_ = std::move(why);
  next();
}

void ServedRecord::flow_over() {
  if (!coming_) none("the flow did not run");
}

bool ServedRecord::read(std::uint32_t most) {
  if (asked_.size() >= kMostAsked) return false;
  asked_.push_back(std::clamp(most, 1u, kMostPart));
  next();
  return true;
}

bool ServedRecord::awaited() const { return !settled_ || Clock::now() - settled_at_ < kKept; }

void ServedRecord::next() {
  if (reading_ || !settled_ || asked_.empty()) return;
  if (!why_none_.empty()) return refuse_all();
  const std::uint32_t most = asked_.front();
  asked_.pop_front();
  reading_ = true;
  asio::post(file_worker_, [self = shared_from_this(), most] {
    asio::post(self->executor_, [self, piece = self->read_piece(most)]() mutable {
      self->reading_ = false;
      self->send_piece(std::move(piece));
      self->next();
    });
  });
}

ServedRecord::Piece ServedRecord::read_piece(std::uint32_t most) {
  Piece piece;
  piece.data.resize(std::min<std::uint64_t>(most, size_ - offset_));
  std::size_t filled = 0;
  while (filled < piece.data.size()) {
    const ssize_t count = pread(file_.get(), piece.data.data() + filled, piece.data.size() - filled,
                                static_cast<off_t>(offset_ + filled));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      piece.error = std::string("the record cannot be read at byte ") + std::to_string(offset_ + filled) + ": " +
                    (count < 0 ? std::strerror(errno) : "it became shorter");
      return piece;
    }
    filled += static_cast<std::size_t>(count);
  }
  checksum_.add(piece.data);
  piece.checksum = checksum_.value();
  return piece;
}

void ServedRecord::send_piece(Piece piece) {
  if (!piece.error.empty()) {
    why_none_ = piece.error;
    asked_.push_back(1);  // the answer to this one
    return refuse_all();
  }
  wire::Message message;
  wire::RecordPart& part = *message.mutable_record_part();
  part.set_flow_id(flow_id_);
  part.set_offset(offset_);
  part.set_size(size_);
  offset_ += piece.data.size();
  if (piece.data.empty()) {
    part.set_checksum(piece.checksum);
    part.set_warning(warning_);
  }
  part.set_data(std::move(piece.data));
  send_(message);
}

void ServedRecord::refuse_all() {
  if (asked_.empty()) return;
  asked_.clear();
  wire::Message message;
  message.mutable_refused()->set_flow_id(flow_id_);
  message.mutable_refused()->set_reason(why_none_);
  send_(message);
}

}  // namespace paceline::receiver
