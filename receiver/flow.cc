// SPDX-License-Identifier: MIT
#include "receiver/flow.h"

#include <algorithm>
#include <utility>

#include "proto/packet_run.h"
#include "traffic/random.h"

namespace paceline::receiver {

Flow::Flow(std::uint32_t id, const packet::Secret& secret, const PacketFlowSpec& spec,
           std::unique_ptr<FlowListener> listener)
    : id_(id), secret_(secret), spec_(spec), listener_(std::move(listener)) {}

Flow::Flow(std::uint32_t id, const packet::Secret& secret, const ConnectionFlowSpec&,
           std::unique_ptr<FlowListener> listener)
    : id_(id), secret_(secret), exchanges_(true), listener_(std::move(listener)) {}

bool Flow::knows(const packet::Probe& probe) const { return !finished_ && packet::equal(probe.secret, secret_); }

bool Flow::is_exchange(const packet::Probe& probe, const traffic::Address& from) const {
  return exchanges_ && bound_ && from.same_ip(bound_->from) && packet::equal(probe.nonce, bound_->nonce);
}

std::optional<packet::ProbeReply> Flow::probe(const packet::Probe& probe, const traffic::Datagram& datagram,
                                              const Stamping& stamping, ReceiverTime now) {
  ++probes_read_;
  if (is_exchange(probe, datagram.from)) {
    ++answered_;
    return reply_to(probe, bound_->nonce);
  }
  if (bound_ && unproven_replies_left_ < kUnprovenReplies && now >= next_reply_earned_) {
    ++unproven_replies_left_;
    next_reply_earned_ = now + kReplyEarnedIn;
  }
  ProbedAddress* known = remember(datagram);
  if (known == nullptr) return std::nullopt;
  known->stamping = stamping;
  if (packet::equal(probe.nonce, known->nonce)) {
    known->proven = true;
  } else if (!known->proven) {
    if (unproven_replies_left_ == 0) return std::nullopt;
    --unproven_replies_left_;
  }
  if (!std::exchange(known->told, true))
    listener_->path_confirmed(probe.attempt, known->arrived_at, known->from, stamping);
  // A mapping on the way was forgotten and made anew: the flow follows its sender to the new address.
  if (bound_ && known->proven && !exchanges_) bound_ = *known;
  return reply_to(probe, known->nonce);
}

packet::ProbeReply Flow::reply_to(const packet::Probe& probe, const packet::Nonce& nonce) const {
  packet::ProbeReply reply;
  reply.flow_id = id_;
  reply.attempt = probe.attempt;
  reply.nonce = nonce;
  reply.sent = probe.sent;
  return reply;
}

Flow::ProbedAddress* Flow::remember(const traffic::Datagram& datagram) {
  const auto end = probed_.begin() + static_cast<std::ptrdiff_t>(probed_count_);
  const auto found =
      std::find_if(probed_.begin(), end, [&](const ProbedAddress& p) { return p.from == datagram.from; });
  if (found != end) return &*found;

  if (unproven_replies_left_ == 0) return nullptr;
  ProbedAddress* slot = nullptr;
  if (probed_count_ < probed_.size()) {
    slot = &probed_[probed_count_++];
  } else if (bound_) {
    // Started: what is not the bound address has had its chance.
    slot =
        &*std::find_if(probed_.begin(), probed_.end(), [&](const ProbedAddress& p) { return p.from != bound_->from; });
  } else {
    return nullptr;
  }
  *slot = ProbedAddress{datagram.from, datagram.to, traffic::random_value<packet::Nonce>(), {}, false, false};
  return slot;
}

std::string Flow::bind(const packet::Nonce& nonce, bool tc_required) {
  if (bound_) return "the flow is running already";
  const auto end = probed_.begin() + static_cast<std::ptrdiff_t>(probed_count_);
  const auto found =
      std::find_if(probed_.begin(), end, [&](const ProbedAddress& p) { return packet::equal(p.nonce, nonce); });
  if (found == end) return "the nonce is of no reply to a probe of this flow";
  const Hook hook = found->stamping.hook;
  if (tc_required && hook != Hook::tcx && hook != Hook::clsact)
    return "the receiver requires TC stamps (--tc required), but " + found->stamping.reason;
  found->proven = true;
  bound_ = *found;
  stamping_ = found->stamping;
  return {};
}

void Flow::start(FlowIntake intake) {
  const decoder::FlowStart& start = intake.start;
  map_ = start.map;
  wait_until_ = start.map.to_receiver(start.start) + spec_.omit + spec_.duration + kOvertime;
  writer_ = std::move(intake.writer);
  at_hook_ = std::move(intake.at_hook);
  arrivals_.coalesced = intake.coalesced;
  data_read_ = probes_read_ = 0;
  decoder_ = std::move(intake.decoder);
  decoder_->report_to([this](PacketInterval&& interval) { listener_->interval(std::move(interval)); });
}

bool Flow::echoes(const traffic::Datagram& packet) const {
  return echoes() && started() && !finished_ && packet.from == bound_->from && may_have(packet.bytes.size());
}

// A model or a trace makes packets of any size up to the largest.
bool Flow::may_have(std::size_t size) const {
  return spec_.model || spec_.trace ? size <= spec_.size : size == spec_.size;
}

std::size_t Flow::data(const packet::Header& first, const traffic::Datagram& arrived, ReceiverTime rx_tc,
                       ReceiverTime now) {
  if (!started() || finished_) return 1;
  const std::size_t size = std::min(arrived.segment, arrived.bytes.size());
  const bool ours = arrived.from == bound_->from;
  if (!ours || !may_have(size)) {
    ++data_read_;
    count(ours ? decoder::Counted::invalid : decoder::Counted::unbound, 1, now);
    return 1;
  }

  decoder::PacketObservation seen;
  seen.sequence = packet::extend_sequence(first.sequence, decoder_->next_expected());
  const nanoseconds near = now.time_since_epoch() - map_.offset;  // the sender's clock by now
  seen.tx_user = SenderTime{nanoseconds{packet::extend_time(first.send_time, near.count())}};
  seen.lateness = packet::decode_lateness(first.lateness);
  seen.rx_tc = rx_tc;
  seen.rx_user = now;
  seen.size = static_cast<std::uint32_t>(size);
  const std::size_t taken = arrived.bytes.size() >= 2 * size ? take_run(seen, arrived.bytes) : take_one(seen);
  data_read_ += taken;
  if (sent_ && decoder_->distinct() >= *sent_) finish(now);
  return taken;
}

std::size_t Flow::take_one(const decoder::PacketObservation& seen) {
  decoder_->packet(seen);
  if (writer_) writer_->packet(seen);
  return 1;
}

std::size_t Flow::take_run(decoder::PacketObservation seen, std::span<const std::uint8_t> packets) {
  std::array<std::uint16_t, kMostInARun> encoded;
  std::array<std::int64_t, kMostInARun> lateness;
  const std::size_t length = packet::run_length(packets, seen.size, encoded);
  for (std::size_t i = 0; i < length; ++i) lateness[i] = packet::decode_lateness(encoded[i]);
  decoder_->run(seen, std::span(lateness).first(length));
  if (writer_) {
    for (std::size_t i = 0; i < length; ++i, ++seen.sequence) {
      seen.lateness = lateness[i];
      writer_->packet(seen);
    }
  }
  return length;
}

void Flow::count(decoder::Counted what, std::uint64_t number, ReceiverTime now) {
  decoder_->count(what, number, now);
  if (writer_) writer_->count(what, number, now);
}

void Flow::lost_in_socket(std::uint64_t datagrams, ReceiverTime now) {
  if (counts_socket_drops() && !finished_) count(decoder::Counted::lost_in_socket, datagrams, now);
}

void Flow::shares_socket_with(std::uint32_t flows) { socket_flows_ = std::max(socket_flows_, flows); }

void Flow::done(std::uint64_t packets, ReceiverTime now) {
  if (!started() || finished_ || sent_) return;
  sent_ = packets;
  if (decoder_->distinct() >= packets) return finish(now);
  const nanoseconds wait = std::clamp<nanoseconds>(3 * decoder_->largest_delay(), kShortestWait, kLongestWait);
  wait_until_ = now + wait;
}

void Flow::abandon(ReceiverTime now) {
  if (started() && !finished_) finish(now);
  finished_ = true;
}

void Flow::tick(ReceiverTime now) {
  if (!started() || finished_) return;
  decoder_->advance(now);
  if (now >= wait_until_) finish(now);
}

ReceiverTime Flow::next_tick() const {
  if (!started() || finished_) return ReceiverTime::max();
  return std::min(decoder_->interval_end(), wait_until_);
}

void Flow::finish(ReceiverTime now) {
  if (at_hook_) {
    const std::uint64_t passed = at_hook_().value_or(0);
    arrivals_.at_hook = passed - std::min(passed, probes_read_);
    if (arrivals_.at_hook > data_read_) count(decoder::Counted::lost_in_socket, arrivals_.at_hook - data_read_, now);
  }
  decoder_->finish(sent_, now);
  finished_ = true;
  listener_->finished({now, socket_flows_, arrivals_, echoes_unsent_}, std::move(writer_));
}

}  // namespace paceline::receiver
