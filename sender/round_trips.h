// SPDX-License-Identifier: MIT
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "decoder/flow_decoder.h"
#include "traffic/echo_reader.h"

namespace paceline::sender {

/// What comes back of one flow: decoded on the reader's thread, told on the run's.
class RoundTrips : public traffic::EchoSink {
 public:
  /// After the last packet: three times the largest round trip, within these.
  static constexpr std::chrono::milliseconds kShortestWait{200};
  static constexpr std::chrono::milliseconds kLongestWait{2000};

  /// Called on the executor's thread; must outlive what is posted there.
  struct Listener {
    std::function<void(const PacketInterval&)> interval;
    std::function<void(const packet::ProbeReply&, SenderTime at)> probe_reply;
    std::function<void()> ended;  // the last row was told, the socket is not read any more
  };

  /// `hook`: what stamps the echoes. Throws std::bad_alloc.
  RoundTrips(asio::any_io_executor executor, std::uint32_t flow_id, const PacketFlowSpec& spec, SenderTime start,
             Listener listener, Hook hook = Hook::netstamp);

  /// On the reader's thread: so many packets were sent, no more will be. Ends when all are back, or when the wait for
  /// them is over, of `least` or more.
  void done(std::uint64_t sent, SenderTime now, nanoseconds least = kShortestWait);

  void echo(const traffic::Echo& echo) override;
  void invalid(SenderTime now) override;
  void lost_in_socket(std::uint64_t datagrams, SenderTime now) override;
  void probe_reply(const packet::ProbeReply& reply, SenderTime now) override;
  bool tick(SenderTime now) override;
  void ended() override;
  SenderTime next_tick() const override;

 private:
  bool all_back() const { return sent_ && decoder_.distinct() >= *sent_; }

  asio::any_io_executor executor_;
  Listener listener_;
  decoder::FlowDecoder decoder_;
  std::optional<std::uint64_t> sent_;
  SenderTime wait_until_ = SenderTime::max();
};

}  // namespace paceline::sender
