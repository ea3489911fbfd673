// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "decoder/flow_decoder.h"
#include "paceline/result.h"
#include "traffic/file_descriptor.h"
#include "traffic/icmp_echo.h"

namespace paceline::sender {

/// A thread that takes the echo replies of one flow, and the ICMP errors that came instead, and measures the round
/// trips by this host's clock.
class IcmpReplies {
 public:
  /// ICMP errors by what they say and who says it.
  using Errors = std::map<std::string, std::uint64_t>;

  /// After the last packet: three times the largest round trip, within these.
  static constexpr std::chrono::milliseconds kShortestWait{200};
  static constexpr std::chrono::milliseconds kLongestWait{2000};

  /// `echo` outlives it. `interval` and, once, `finished` are called on its thread. Throws SetupError, and what
  /// FlowDecoder throws.
  IcmpReplies(const traffic::IcmpEcho& echo, const decoder::FlowStart& start,
              std::function<void(PacketInterval&&)> interval, std::function<void(Errors&&)> finished);
  /// Ends it now; without a done() only what was overtaken counts as lost.
  ~IcmpReplies();
  IcmpReplies(const IcmpReplies&) = delete;
  IcmpReplies& operator=(const IcmpReplies&) = delete;

  /// So many packets were sent, no more will be: it finishes when all are back, or when the wait for them is over.
  void done(std::uint64_t sent);

 private:
  struct Buffers;

  void run(const std::stop_token& stop);
  void take_replies(Buffers& buffers);
  void take(std::span<const std::uint8_t> read, ReceiverTime stamp, ReceiverTime now);
  void take_errors();
  void look_whether_done(ReceiverTime now);

  const traffic::IcmpEcho& echo_;
  decoder::FlowStart start_;
  decoder::FlowDecoder decoder_;
  std::function<void(Errors&&)> finished_;
  Errors errors_;
  ReceiverTime wait_until_ = ReceiverTime::max();

  traffic::FileDescriptor bell_;
  std::mutex mutex_;
  std::optional<std::uint64_t> sent_;  // told by done()
  std::jthread thread_;
};

}  // namespace paceline::sender
