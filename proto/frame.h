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

/// All that is told of a frame that the peer cannot have sent.
inline constexpr const char* kNotAuthentic = "authentication failed";

class FrameError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline constexpr std::size_t kCounterSize = 8;
inline constexpr std::size_t kMacSize = 16;
inline constexpr std::size_t kSealSize = kCounterSize + kMacSize;

/// What a frame cannot be trusted without on an authenticated channel; one direction's. signalling/ has it.
class Seal {
 public:
  virtual ~Seal() = default;
  /// Appends counter and MAC of the next frame, which is `out` from `begin` on.
  virtual void close(std::string& out, std::size_t begin) = 0;
  /// Whether `seal` is that of the next frame. Of no use any more once it was not.
  virtual bool holds(std::string_view frame, std::string_view seal) = 0;
};

/// One message as one frame, or as several when it is longer than kMaxPayload; sealed, if there is a seal.
std::string encode(std::string_view message, Seal* seal = nullptr);

/// Cuts a byte stream into messages. Holds at most max_message bytes of an unfinished message and what was pushed.
class Reader {
 public:
  explicit Reader(std::size_t max_message) : max_message_(max_message) {}

  void set_max_message(std::size_t bytes) { max_message_ = bytes; }

  /// From the next frame on each one must carry a seal that holds. `seal` outlives the reader.
  void expect_seal(Seal& seal) { seal_ = &seal; }

  void push(std::span<const char> bytes) {
    buffer_.erase(0, cut_);
    cut_ = 0;
    buffer_.append(bytes.data(), bytes.size());
  }

  /// Whether all that was pushed has been taken out again.
  bool empty() const { return buffer_.size() == cut_ && message_.empty(); }

  /// The next whole message, or nothing until more bytes are pushed. Throws FrameError as soon as a frame's head
  /// cannot be right (too long, unknown flags) or its seal does not hold; the stream is of no use then.
  std::optional<std::string> next();

  /// Whole frames so far: a sign of progress within a long message.
  std::uint64_t frames() const { return frames_; }

 private:
  struct Head {
    std::size_t length;
    std::uint8_t flags;
  };
  std::optional<Head> head() const;
  std::optional<std::string_view> whole_frame(const Head& head);
  void require_sense(const Head& head) const;

  std::size_t max_message_;
  Seal* seal_ = nullptr;
  std::string buffer_;   // what was pushed, cut up to
  std::size_t cut_ = 0;  // here
  std::uint64_t frames_ = 0;
  std::string message_;  // payloads of the frames of an unfinished message
};

}  // namespace paceline::frame
