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

std::string encode(std::string_view message, Seal* seal) {
  std::string out;
  out.reserve(message.size() + (kHeadSize + kSealSize) * (message.size() / kMaxPayload + 1));
  do {
    const std::size_t begin = out.size();
    const std::string_view payload = message.substr(0, kMaxPayload);
    message.remove_prefix(payload.size());
    const int flags = (message.empty() ? 0 : kMore) | (seal != nullptr ? kAuthenticated : 0);
    append_head(out, payload.size(), static_cast<std::uint8_t>(flags));
    out.append(payload);
    if (seal != nullptr) seal->close(out, begin);
  } while (!message.empty());
  return out;
}

std::optional<std::string> Reader::next() {
  while (const auto head = this->head()) {
    if (seal_ == nullptr) require_sense(*head);
    const auto frame = whole_frame(*head);
    if (!frame) return std::nullopt;
    if (seal_ != nullptr) require_sense(*head);

    message_.append(frame->substr(kHeadSize, head->length));
    cut_ += frame->size();
    ++frames_;
    if (!(head->flags & kMore)) return std::exchange(message_, {});
  }
  return std::nullopt;
}

std::optional<Reader::Head> Reader::head() const {
  if (buffer_.size() - cut_ < kHeadSize) return std::nullopt;
  Head head{};
  for (std::size_t i = 0; i < 4; ++i) head.length = head.length << 8 | static_cast<std::uint8_t>(buffer_[cut_ + i]);
  head.flags = static_cast<std::uint8_t>(buffer_[cut_ + 4]);
  return head;
}

// The next frame with its seal, which has been checked.
std::optional<std::string_view> Reader::whole_frame(const Head& head) {
  const bool sealed = head.flags & kAuthenticated;
  if (seal_ != nullptr && (!sealed || head.length > kMaxPayload)) throw FrameError(kNotAuthentic);
  const std::size_t size = kHeadSize + head.length;
  const std::string_view pushed = std::string_view(buffer_).substr(cut_);
  if (pushed.size() < size + (sealed ? kSealSize : 0)) return std::nullopt;
  if (!sealed) return pushed.substr(0, size);
  if (!seal_->holds(pushed.substr(0, size), pushed.substr(size, kSealSize))) throw FrameError(kNotAuthentic);
  return pushed.substr(0, size + kSealSize);
}

// Of a sealed frame this is asked when the peer has proven to have sent it.
void Reader::require_sense(const Head& head) const {
  if (head.length > kMaxPayload)
    throw FrameError("a frame of " + std::to_string(head.length) + " bytes: at most 65536 are allowed");
  if ((head.flags & kAuthenticated) && seal_ == nullptr)
    throw FrameError("an authenticated frame on a channel without keys");
  if (head.flags & ~(kMore | kAuthenticated)) throw FrameError("unknown frame flags " + std::to_string(head.flags));
  if ((head.flags & kMore) && head.length != kMaxPayload) throw FrameError("a frame that goes on and is not full");
  if (message_.size() + head.length > max_message_)
    throw FrameError("a message of more than " + std::to_string(max_message_) + " bytes");
}

}  // namespace paceline::frame
