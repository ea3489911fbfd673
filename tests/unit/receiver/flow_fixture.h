// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "receiver/flow.h"
#include "tests/unit/receiver/recording_listener.h"

namespace paceline::receiver {

using namespace std::chrono_literals;
using traffic::Address;

inline constexpr std::uint32_t kId = 0xCAFE1234;
inline const ReceiverTime kNow{1000h};
inline const ReceiverTime kStart = kNow + 10ms;
inline const Address kPort = Address::parse("10.244.1.5", 8999);

inline Address client(int number) { return Address::parse("192.0.2." + std::to_string(number), 40000); }

/// A flow of 1000 packets a second of 64 bytes for 2 s, under a simulated clock; both ends read the same.
class FlowTest : public testing::Test {
 protected:
  traffic::Datagram datagram(const Address& from, std::size_t size = 64) const {
    traffic::Datagram datagram;
    datagram.bytes = std::span(bytes_).first(size);
    datagram.segment = size;
    datagram.from = from;
    datagram.to = kPort;
    return datagram;
  }

  std::optional<packet::ProbeReply> probe(const Address& from, const packet::Nonce& nonce = {}, ReceiverTime now = kNow,
                                          const Stamping& stamping = {Hook::tcx, "eth0", ""}) {
    packet::Probe probe;
    probe.flow_id = kId;
    probe.attempt = ++attempts_;
    probe.secret = secret_;
    probe.nonce = nonce;
    probe.sent = 77;
    if (!flow_->knows(probe)) return std::nullopt;
    return flow_->probe(probe, datagram(from), stamping, now);
  }

  std::string start(const packet::Nonce& nonce, bool tc_required = false) {
    decoder::FlowStart start;
    start.flow_id = kId;
    start.spec = spec_;
    start.start = SenderTime{kStart.time_since_epoch()};
    const std::string refused = flow_->bind(nonce, tc_required);
    start.hook = flow_->stamping().hook;
    if (refused.empty()) flow_->start(intake(start));
    return refused;
  }

  static FlowIntake intake(const decoder::FlowStart& start) {
    return {start, std::make_unique<decoder::FlowDecoder>(start), nullptr, false, {}};
  }

  /// Probed from client(1) and started, as spec_ says.
  void run_from_client() {
    if (spec_ != default_spec()) flow_.emplace(kId, secret_, spec_, std::make_unique<RecordingListener>(told_));
    const auto reply = probe(client(1));
    ASSERT_TRUE(reply.has_value());
    ASSERT_EQ(start(reply->nonce), "");
  }

  void data(std::uint32_t sequence, const Address& from, ReceiverTime now, nanoseconds delay = 1ms,
            std::size_t size = 64) {
    packet::Header header;
    header.flow_id = kId;
    header.sequence = sequence;
    header.send_time = static_cast<std::uint64_t>((now - delay).time_since_epoch().count()) & ((1ull << 48) - 1);
    flow_->data(header, datagram(from, size), decoder::PacketObservation::kNoStamp, now);
  }

  static PacketFlowSpec default_spec() {
    PacketFlowSpec spec;
    spec.rate_pps = 1000;
    spec.size = 64;
    spec.duration = 2s;
    spec.interval = 100ms;
    return spec;
  }

  PacketFlowSpec spec_ = default_spec();
  std::array<std::uint8_t, 2048> bytes_{};
  packet::Secret secret_{0x5E, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xE5};
  std::uint32_t attempts_ = 0;
  std::shared_ptr<Told> told_ = std::make_shared<Told>();
  std::optional<Flow> flow_{std::in_place, kId, secret_, spec_, std::make_unique<RecordingListener>(told_)};
};

}  // namespace paceline::receiver
