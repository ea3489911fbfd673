// SPDX-License-Identifier: MIT
//
// A receiver's flow under anything that a network and a sender can do: the bytes are a script of probes,
// data, messages and passing time.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "receiver/flow.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/script.h"

namespace {

using namespace paceline;
using namespace std::chrono_literals;

constexpr std::uint32_t kId = 0xCAFE1234;
constexpr std::size_t kAddresses = 16;

struct Told {
  PacketFlowResult total;
  int finished = 0;
  bool last = false;
};

class Listener : public receiver::FlowListener {
 public:
  explicit Listener(Told& told) : told_(told) {}
  void path_confirmed(std::uint32_t, const traffic::Address&, const traffic::Address&, const Stamping&) override {
    EXPECT(told_.finished == 0);
  }
  void interval(PacketInterval&& interval) override {
    EXPECT(told_.finished == 0 && !told_.last);
    EXPECT(interval.index == told_.total.intervals);
    told_.last = interval.last;
    decoder::accumulate(told_.total, interval);
  }
  void finished(const receiver::FlowEnd&, std::unique_ptr<decoder::RecordWriter>) override {
    EXPECT(told_.last);
    ++told_.finished;
  }

 private:
  Told& told_;
};

class Play {
 public:
  explicit Play(Script script) : script_(script) {
    spec_.rate_pps = 1 + script_.next<std::uint16_t>();
    spec_.size = 18 + script_.next<std::uint8_t>();
    spec_.duration = 1ms * (1 + script_.next<std::uint16_t>() % 2000);
    spec_.interval = 10ms + 1ms * script_.next<std::uint8_t>();
    secret_.fill(0x5E);
    flow_.emplace(kId, secret_, spec_, std::make_unique<Listener>(told_));
  }

  void run() {
    while (!script_.over()) step();
    flow_->abandon(now_);
    EXPECT(flow_->finished());
    EXPECT(told_.finished == (flow_->started() ? 1 : 0));
    // Each packet that came while the flow ran is counted as one thing and one only.
    const Received& total = told_.total.received;
    EXPECT(total.packets + total.duplicated + total.beyond_window + total.unbound + total.invalid == data_);
    EXPECT(total.packets == told_.total.statistics.segments[0].count);
    const bool hooked = flow_->started() && !flow_->counts_socket_drops();
    EXPECT(total.lost_in_socket == (hooked && at_hook_ > read_ ? at_hook_ - read_ : lost_in_socket_));
  }

 private:
  void step() {
    switch (script_.next<std::uint8_t>() % 8) {
      case 0: probe(); break;
      case 1: start(); break;
      case 2:
      case 3: data(); break;
      case 4:
        now_ += nanoseconds{std::int64_t{script_.next<std::uint16_t>()} << (script_.next<std::uint8_t>() % 30)};
        break;
      case 5: tick(); break;
      case 6: done(); break;
      case 7: lose(); break;
    }
  }

  traffic::Datagram datagram(std::size_t address, std::size_t size) const {
    traffic::Datagram datagram;
    datagram.bytes = std::span(bytes_).first(size);
    datagram.segment = size;
    in6_addr ip{};
    ip.s6_addr[15] = static_cast<std::uint8_t>(1 + address / 2);
    datagram.from = traffic::Address(ip, static_cast<std::uint16_t>(1000 + address % 2));
    datagram.to = traffic::Address(ip, 8999);
    return datagram;
  }

  void probe() {
    const std::uint8_t how = script_.next<std::uint8_t>();
    const std::size_t from = how % kAddresses;
    packet::Probe probe;
    probe.flow_id = kId;
    probe.attempt = script_.next<std::uint32_t>();
    probe.secret = secret_;
    const bool right_secret = (how & 0x10) == 0;
    if (!right_secret) probe.secret[how >> 5] ^= 1;
    if (how & 0x20) probe.nonce = nonces_[script_.next<std::uint8_t>() % kAddresses];
    const Stamping stamping{how & 0x40 ? Hook::tcx : Hook::none, "", ""};
    const bool returns_nonce = probe.nonce != packet::Nonce{} && probe.nonce == nonces_[from];

    if (!flow_->knows(probe)) return;
    ++read_;
    const auto reply = flow_->probe(probe, datagram(from, packet::kProbeSize), stamping, now_);
    if (!reply) return;
    EXPECT(right_secret);
    EXPECT(!flow_->finished());
    EXPECT(reply->flow_id == kId && reply->attempt == probe.attempt);
    EXPECT(packet::encode(*reply).size() <= packet::kProbeSize);
    if (!(returns_nonce && reply->nonce == probe.nonce) && !proven_[from]) ++unproven_replies_;
    if (returns_nonce && reply->nonce == probe.nonce) proven_[from] = true;
    if (reply->nonce != nonces_[from]) proven_[from] = false;  // forgotten, and met again
    nonces_[from] = reply->nonce;
    if (!flow_->started()) EXPECT(unproven_replies_ <= receiver::Flow::kUnprovenReplies);
    // At most one more is earned in each of these times.
    const auto earned = started_at_ ? (now_ - *started_at_) / receiver::Flow::kReplyEarnedIn + 1 : 0;
    EXPECT(unproven_replies_ <= receiver::Flow::kUnprovenReplies + static_cast<std::uint64_t>(earned));
  }

  void start() {
    const std::uint8_t how = script_.next<std::uint8_t>();
    const packet::Nonce& nonce = nonces_[how % kAddresses];
    const bool required = (how & 0x10) != 0;
    const bool before = started_at_.has_value();
    const std::string refused = flow_->bind(nonce, required);
    if (!refused.empty()) return;
    EXPECT(!before);
    EXPECT(nonce != packet::Nonce{});
    EXPECT(!required || flow_->stamping().hook == Hook::tcx);
    started_at_ = now_;
    proven_[how % kAddresses] = true;
    decoder::FlowStart start;
    start.flow_id = kId;
    start.spec = spec_;
    start.hook = flow_->stamping().hook;
    // As a session checks them: each within 2^60 ns, their sum within a minute of now.
    start.map.offset = nanoseconds{script_.next<std::int64_t>() >> 4};
    start.start = SenderTime{(now_ - start.map.offset).time_since_epoch() + 1ms * script_.next<std::int8_t>()};
    const bool hooked = (how & 0x20) != 0;
    flow_->start({start, std::make_unique<decoder::FlowDecoder>(start), nullptr, hooked,
                  hooked ? [this] { return std::optional(at_hook_); } : receiver::FlowIntake{}.at_hook});
    read_ = 0;
  }

  void data() {
    const std::uint8_t how = script_.next<std::uint8_t>();
    packet::Header header;
    header.flow_id = kId;
    header.sequence = how & 0x10 ? script_.next<std::uint32_t>() : next_sequence_++;
    header.send_time = script_.next<std::uint64_t>() & ((1ull << 48) - 1);
    header.lateness = script_.next<std::uint16_t>();
    const std::size_t size = how & 0x20 ? packet::kHeaderSize + how : spec_.size;
    const ReceiverTime stamp =
        how & 0x40 ? now_ - nanoseconds{script_.next<std::uint16_t>()} : decoder::PacketObservation::kNoStamp;
    traffic::Datagram arrived = datagram(how % kAddresses, size);
    if (how & 0x80) follow(header, arrived);
    const bool counts = flow_->started() && !flow_->finished();
    const std::size_t taken = flow_->data(header, arrived, stamp, now_);
    EXPECT(taken >= 1 && (taken - 1) * arrived.segment < arrived.bytes.size());
    if (counts) data_ += taken, read_ += taken;
  }

  /// Makes it the first of several that came together; one of their bytes may be wrong.
  void follow(packet::Header header, traffic::Datagram& arrived) {
    const std::size_t size = arrived.segment, packets = 1 + script_.next<std::uint8_t>() % (bytes_.size() / size);
    for (std::size_t i = 0; i < packets; ++i, ++header.sequence)
      packet::encode(header, std::span(bytes_).subspan(i * size, size));
    if (packets > 1) bytes_[size + script_.next<std::uint16_t>() % size] ^= script_.next<std::uint8_t>();
    next_sequence_ = std::max(next_sequence_, header.sequence);
    arrived.bytes = std::span(bytes_).first(packets * size - script_.next<std::uint8_t>() % size);
  }

  void tick() {
    flow_->tick(now_);
    EXPECT(flow_->next_tick() > now_);  // or the receiver's loop would never sleep
  }

  void done() {
    const std::uint8_t how = script_.next<std::uint8_t>();
    flow_->done(how & 1 ? script_.next<std::uint64_t>() : next_sequence_, now_);
  }

  void lose() {
    const std::uint8_t datagrams = script_.next<std::uint8_t>();
    if (flow_->counts_socket_drops() && !flow_->finished()) lost_in_socket_ += datagrams;
    if (!flow_->finished()) at_hook_ += datagrams;
    flow_->lost_in_socket(datagrams, now_);
    flow_->shares_socket_with(datagrams);
  }

  Script script_;
  PacketFlowSpec spec_;
  packet::Secret secret_{};
  std::array<std::uint8_t, 2048> bytes_{};
  Told told_;
  std::optional<receiver::Flow> flow_;

  ReceiverTime now_{1000h};
  std::optional<ReceiverTime> started_at_;
  std::array<packet::Nonce, kAddresses> nonces_{};
  std::array<bool, kAddresses> proven_{};
  std::uint64_t unproven_replies_ = 0;
  std::uint64_t data_ = 0;
  std::uint64_t lost_in_socket_ = 0;
  std::uint64_t at_hook_ = 0;
  std::uint64_t read_ = 0;  // since the start
  std::uint32_t next_sequence_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 16384) return 0;
  Play(Script({data, size})).run();
  return 0;
}
