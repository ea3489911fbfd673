// SPDX-License-Identifier: MIT
#include "traffic/echo_queue.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "proto/packet.h"
#include "traffic/record_stream.h"
#include "traffic/sctp.h"

namespace paceline::traffic {

namespace {

constexpr std::ptrdiff_t kTypeAt = kRecordLengthSize + 1;  // proto/README.md, Packets

}  // namespace

EchoQueue::EchoQueue(std::size_t capacity, std::uint16_t sctp_streams)
    : bytes_(capacity), sctp_streams_(sctp_streams) {}

void EchoQueue::add(std::span<const std::uint8_t> packet) {
  const auto record = bytes_.begin() + static_cast<std::ptrdiff_t>(used_);
  write_record_length(static_cast<std::uint32_t>(packet.size()), std::span(record, kRecordLengthSize));
  std::copy(packet.begin(), packet.end(), record + kRecordLengthSize);
  record[kTypeAt] = static_cast<std::uint8_t>(packet::Type::echo);
  used_ += kRecordLengthSize + packet.size();
}

int EchoQueue::flush(int socket) {
  while (!empty()) {
    const std::ptrdiff_t count = send_some(socket);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EAGAIN ? 0 : errno;
    sent_ += static_cast<std::size_t>(count);
  }
  used_ = sent_ = 0;
  return 0;
}

std::ptrdiff_t EchoQueue::send_some(int socket) {
  const auto waiting = std::span<const std::uint8_t>(bytes_).subspan(sent_, used_ - sent_);
  if (sctp_streams_ == 0) return send(socket, waiting.data(), waiting.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  const std::size_t record = kRecordLengthSize + read_record_length(waiting);
  const auto stream = static_cast<std::uint16_t>(messages_ % sctp_streams_);
  const std::ptrdiff_t count = send_sctp(socket, waiting.first(record), stream);
  if (count > 0) ++messages_;
  return count;
}

}  // namespace paceline::traffic
