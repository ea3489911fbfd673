// SPDX-License-Identifier: MIT
#include "proto/frame.h"

#include <algorithm>
#include <utility>

namespace paceline::frame {

namespace {

void append_head(std::string& out, std::size_t payload, std::uint8_t flags) {
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(payload >> shift & 0xFF));
  out.push_back(static_cast<char>(flags));
}

}  // namespace

std::string encode(std::string_view message) {
  std::string out;
  out.reserve(message.size() + kHeadSize * (message.size() / kMaxPayload + 1));
  do {
    const std::string_view payload = message.substr(0, kMaxPayload);
    message.remove_prefix(payload.size());
    append_head(out, payload.size(), message.empty() ? 0 : kMore);
    out.append(payload);
  } while (!message.empty());
  return out;
}

std::optional<std::string> Reader::next() {
  while (buffer_.size() - cut_ >= kHeadSize) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<std::uint8_t>(buffer_[cut_ + i]);
    const auto flags = static_cast<std::uint8_t>(buffer_[cut_ + 4]);
    if (length > kMaxPayload)
      throw FrameError("a frame of " + std::to_string(length) + " bytes: at most 65536 are allowed");
    if (flags & kAuthenticated) throw FrameError("an authenticated frame on a channel without keys");
    if (flags & ~kMore) throw FrameError("unknown frame flags " + std::to_string(flags));
    if ((flags & kMore) && length != kMaxPayload) throw FrameError("a frame that goes on and is not full");
    if (message_.size() + length > max_message_)
      throw FrameError("a message of more than " + std::to_string(max_message_) + " bytes");
    if (buffer_.size() - cut_ < kHeadSize + length) return std::nullopt;

    message_.append(buffer_, cut_ + kHeadSize, length);
    cut_ += kHeadSize + length;
    ++frames_;
    if (!(flags & kMore)) return std::exchange(message_, {});
  }
  return std::nullopt;
}

}  // namespace paceline::frame
