// SPDX-License-Identifier: MIT
//
// Flows as a receiver might see them, for tests.
#pragma once

#include <algorithm>
#include <random>
#include <vector>

#include "decoder/flow_decoder.h"

namespace paceline::decoder::testing {

inline SenderTime sender(std::int64_t ns) { return SenderTime{nanoseconds{ns}}; }
inline ReceiverTime receiver(std::int64_t ns) { return ReceiverTime{nanoseconds{ns}}; }

/// What a receiver tells its decoder, once.
struct Call {
  bool is_packet = true;
  PacketObservation packet;
  Counted what{};
  std::uint64_t number = 0;
  ReceiverTime time{};
};

struct Stream {
  FlowStart start;
  std::vector<Call> calls;
  std::uint64_t sent = 0;
  ReceiverTime finished{};
};

/// What goes wrong on the path.
struct Trouble {
  double loss = 0.02;
  double duplicates = 0.02;
  double delayed = 0.05;  // by up to 30 packets
  double unstamped = 0.1;
  std::int64_t clock_offset = 1'000'000'000'000;  // receiver less sender
  std::int64_t map_error = 0;                     // of the offset that the decoder is given
  std::uint64_t lost_tail = 0;
};

inline Stream make_stream(std::uint64_t seed, std::uint64_t packets, const Trouble& trouble = {},
                          Hook hook = Hook::tcx) {
  std::mt19937_64 random(seed);
  const auto chance = [&](double p) { return std::uniform_real_distribution<double>(0, 1)(random) < p; };
  const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(random() % n); };
  constexpr std::int64_t kGap = 1'000'000;
  constexpr std::int64_t kStart = 5'000'000'000'000;

  Stream stream;
  stream.start.flow_id = 0xAB000000 + static_cast<std::uint32_t>(seed);
  stream.start.spec.rate_pps = 1000;
  stream.start.spec.size = 100;
  stream.start.spec.duration = nanoseconds{kGap * static_cast<std::int64_t>(packets)};
  stream.start.spec.interval = std::chrono::milliseconds(50);
  stream.start.map.offset = nanoseconds{trouble.clock_offset + trouble.map_error};
  stream.start.start = sender(kStart);
  stream.start.hook = hook;
  stream.sent = packets;

  for (std::uint64_t i = 0; i + trouble.lost_tail < packets; ++i) {
    if (chance(trouble.loss)) continue;
    Call call;
    PacketObservation& packet = call.packet;
    packet.sequence = i;
    packet.lateness = below(20'000);
    packet.tx_user = sender(kStart + kGap * static_cast<std::int64_t>(i) + packet.lateness);
    packet.size = stream.start.spec.size;
    for (int copies = chance(trouble.duplicates) ? 1 + static_cast<int>(below(2)) : 0; copies >= 0; --copies) {
      std::int64_t delay = 20'000 + below(60'000);
      if (chance(trouble.delayed)) delay += below(30) * kGap;
      packet.rx_user = receiver(packet.tx_user.time_since_epoch().count() + trouble.clock_offset + delay);
      packet.rx_tc =
          chance(trouble.unstamped) ? PacketObservation::kNoStamp : packet.rx_user - nanoseconds{below(15'000)};
      call.time = packet.rx_user;
      stream.calls.push_back(call);
    }
    if (chance(0.01)) {
      Call counted;
      counted.is_packet = false;
      counted.what = static_cast<Counted>(1 + below(3));
      counted.number = static_cast<std::uint64_t>(1 + below(5));
      counted.time = packet.rx_user;
      stream.calls.push_back(counted);
    }
  }
  std::ranges::stable_sort(stream.calls, {}, &Call::time);
  stream.finished = stream.calls.empty() ? receiver(kStart + trouble.clock_offset)
                                         : stream.calls.back().time + std::chrono::milliseconds(200);
  return stream;
}

/// Hands a call to a decoder or a record writer.
template <class Sink>
void feed(Sink& sink, const Call& call) {
  if (call.is_packet) {
    sink.packet(call.packet);
  } else {
    sink.count(call.what, call.number, call.time);
  }
}

/// Decodes as a receiver does while the flow runs, which closes intervals by its timer.
inline std::vector<PacketInterval> decode_live(const Stream& stream) {
  std::vector<PacketInterval> intervals;
  FlowDecoder decoder(stream.start, [&](PacketInterval&& interval) { intervals.push_back(std::move(interval)); });
  for (const Call& call : stream.calls) {
    while (decoder.interval_end() <= call.time) decoder.advance(decoder.interval_end());
    feed(decoder, call);
  }
  decoder.finish(stream.sent, stream.finished);
  return intervals;
}

inline PacketFlowResult total_of(const std::vector<PacketInterval>& intervals) {
  PacketFlowResult total;
  for (const PacketInterval& interval : intervals) accumulate(total, interval);
  return total;
}

}  // namespace paceline::decoder::testing
