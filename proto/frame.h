// SPDX-License-Identifier: MIT
//
// How signalling messages lie in the byte stream; proto/README.md draws it. Pure: bytes in, messages out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace paceline::frame {

/// The first bytes of a signalling connection, sent by whoever opened it.
inline constexpr std::string_view kPreamble = "PACELINE";

inline constexpr std::size_t kHeadSize = 5;
inline constexpr std::size_t kMaxPayload = 64 * 1024;

/// Bits of a frame's flags byte.
inline constexpr std::uint8_t kMore = 0x01;           // the message goes on in the next frame
inline constexpr std::uint8_t kAuthenticated = 0x02;  // a counter and a MAC follow the payload

class FrameError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One message as one frame, or as several when it is longer than kMaxPayload.
std::string encode(std::string_view message);

/// Cuts a byte stream into messages. Holds at most max_message bytes of an unfinished message and what was pushed.
class Reader {
 public:
  explicit Reader(std::size_t max_message) : max_message_(max_message) {}

  void push(std::span<const char> bytes) {
    buffer_.erase(0, cut_);
    cut_ = 0;
    buffer_.append(bytes.data(), bytes.size());
  }

  /// The next whole message, or nothing until more bytes are pushed. Throws FrameError as soon as a frame's head
  /// cannot be right (too long, unknown flags); the stream is of no use then.
  std::optional<std::string> next();

  /// Whole frames so far: a sign of progress within a long message.
  std::uint64_t frames() const { return frames_; }

 private:
  std::size_t max_message_;
  std::string buffer_;   // what was pushed, cut up to
  std::size_t cut_ = 0;  // here
  std::uint64_t frames_ = 0;
  std::string message_;  // payloads of the frames of an unfinished message
};

}  // namespace paceline::frame
