// SPDX-License-Identifier: MIT
#include "sender/round_trips.h"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

namespace paceline::sender {

namespace {

// Both ends of a round trip are ours: to the decoder this end is the receiver, by the same clock.
ReceiverTime as_receiver(SenderTime time) { return ReceiverTime{time.time_since_epoch()}; }
SenderTime as_sender(ReceiverTime time) { return SenderTime{time.time_since_epoch()}; }

decoder::FlowStart flow_start(std::uint32_t flow_id, const PacketFlowSpec& spec, SenderTime start, Hook hook) {
  decoder::FlowStart flow;
  flow.flow_id = flow_id;
  flow.spec = spec;
  flow.start = start;
  flow.hook = hook;
  return flow;
}

}  // namespace

RoundTrips::RoundTrips(asio::any_io_executor executor, std::uint32_t flow_id, const PacketFlowSpec& spec,
                       SenderTime start, Listener listener, Hook hook)
    : executor_(std::move(executor)),
      listener_(std::move(listener)),
      decoder_(flow_start(flow_id, spec, start, hook), [this](PacketInterval&& row) {
        row.meter = Meter::round_trip;
        asio::post(executor_, [this, row = std::move(row)] { listener_.interval(row); });
      }) {}

void RoundTrips::done(std::uint64_t sent, SenderTime now, nanoseconds least) {
  sent_ = sent;
  wait_until_ = now + std::max(least, std::min<nanoseconds>(3 * decoder_.largest_delay(), kLongestWait));
}

void RoundTrips::echo(const traffic::Echo& echo) {
  decoder::PacketObservation seen;
  seen.sequence = packet::extend_sequence(echo.header.sequence, decoder_.next_expected());
  seen.tx_user =
      SenderTime{nanoseconds{packet::extend_time(echo.header.send_time, echo.arrived.time_since_epoch().count())}};
  seen.lateness = packet::decode_lateness(echo.header.lateness);
  if (echo.stamped != traffic::Echo::kNoStamp) seen.rx_tc = as_receiver(echo.stamped);
  seen.rx_user = as_receiver(echo.arrived);
  seen.size = echo.size;
  decoder_.packet(seen);
}

void RoundTrips::invalid(SenderTime now) { decoder_.count(decoder::Counted::invalid, 1, as_receiver(now)); }

void RoundTrips::lost_in_socket(std::uint64_t datagrams, SenderTime now) {
  decoder_.count(decoder::Counted::lost_in_socket, datagrams, as_receiver(now));
}

void RoundTrips::probe_reply(const packet::ProbeReply& reply, SenderTime now) {
  asio::post(executor_, [this, reply, now] { listener_.probe_reply(reply, now); });
}

bool RoundTrips::tick(SenderTime now) {
  decoder_.advance(as_receiver(now));
  if (!all_back() && now < wait_until_) return true;
  decoder_.finish(sent_, as_receiver(now));
  return false;
}

void RoundTrips::ended() {
  asio::post(executor_, [this] { listener_.ended(); });
}

SenderTime RoundTrips::next_tick() const {
  return all_back() ? SenderTime::min() : std::min(as_sender(decoder_.interval_end()), wait_until_);
}

}  // namespace paceline::sender
