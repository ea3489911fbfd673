// SPDX-License-Identifier: MIT
#include "traffic/record_sending.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "proto/packet.h"
#include "traffic/clock_source.h"
#include "traffic/record_stream.h"
#include "traffic/sctp.h"
#include "traffic/tcp_worker.h"

namespace paceline::traffic {

namespace {

constexpr std::size_t kTurn = 64 * 1024;  // bytes of a flow without a rate, before the next one has its turn

bool is_sctp(int socket) {
  int protocol = 0;
  socklen_t length = sizeof protocol;
  return getsockopt(socket, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0 && protocol == IPPROTO_SCTP;
}

}  // namespace

RecordSending::RecordSending(const RecordFlow& flow, Pacing pacing)
    : flow_(flow),
      spec_(flow.plan.spec()),
      end_(flow.start + spec_.omit + spec_.duration),
      slots_end_(spec_.omit + spec_.duration),
      source_(flow.plan.source()),
      schedule_(spec_.rate_pps > 0 ? spec_.rate_pps : 1),
      record_(kRecordLengthSize + spec_.size),
      sctp_streams_(is_sctp(flow.socket) ? spec_.sctp_streams : std::uint16_t{0}) {
  outcome_.sent.pacing = pacing;
  slot_.size = spec_.size;
  if (flat_out()) return;
  end_ += flow.overtime;
  slots_left_ = next_slot();
}

std::optional<SenderTime> RecordSending::serve(SenderTime now) {
  if (flat_out()) return serve_flat_out(now);
  if (!slots_left_) return std::nullopt;
  if (now >= end_) return pass_the_rest();
  if (record_size_ == 0 && spec_.late == LatePolicy::skip && overtaken(now)) {
    if (measured()) ++outcome_.sent.missed_slots;
  } else {
    if (record_size_ == 0) begin_record(now);
    if (!write()) return refused(now);
    account();
  }
  if (enough() || !next_slot()) return std::nullopt;
  return turn();
}

std::optional<SenderTime> RecordSending::serve_flat_out(SenderTime now) {
  for (std::size_t turn = 0; turn < kTurn; turn += record_.size()) {
    if (now >= end_ || enough()) return std::nullopt;
    if (record_size_ == 0) {
      slot_.due = now - flow_.start;
      begin_record(now);
    }
    if (!write()) return refused(now);
    account();
    now = traffic::now<SenderClock>();
  }
  return now;
}

/// False when nothing is due any more.
bool RecordSending::draw(Slot& slot) {
  if (source_) {
    if (!source_->next(slot)) return false;
  } else {
    slot = {schedule_.next(), spec_.size};
  }
  ++drawn_;
  return slot.due < slots_end_;
}

bool RecordSending::next_slot() {
  if (!ahead_) return slots_left_ = slots_left_ && draw(slot_);
  slot_ = *ahead_;
  ahead_.reset();
  return true;
}

/// As late as the next record is after this one.
bool RecordSending::overtaken(SenderTime now) {
  Slot next;
  if (!ahead_ && slots_left_ && draw(next)) ahead_ = next;
  return ahead_ && now >= flow_.start + ahead_->due;
}

bool RecordSending::enough() const {
  const Sent& sent = outcome_.sent;
  return (spec_.packets > 0 && sent.packets >= spec_.packets) || (spec_.bytes > 0 && sent.bytes >= spec_.bytes);
}

void RecordSending::begin_record(SenderTime now) {
  begun_ = now;
  written_ = 0;
  record_size_ = kRecordLengthSize + slot_.size;
  packet::Header header;
  header.flow_id = flow_.flow_id;
  header.sequence = static_cast<std::uint32_t>(outcome_.sequences);
  header.send_time = static_cast<std::uint64_t>(now.time_since_epoch().count());
  header.lateness = packet::encode_lateness((now - turn()).count());
  write_record_length(slot_.size, record_);
  packet::encode(header, std::span(record_).subspan(kRecordLengthSize));
  if (const auto& payload = flow_.plan.payload(); payload != nullptr) {
    const std::size_t head = kRecordLengthSize + packet::kHeaderSize;
    payload->write(outcome_.sequences, spec_.size - packet::kHeaderSize,
                   std::span(record_).first(record_size_).subspan(head));
  }
}

/// False while it is not all with the kernel; error_ says why.
bool RecordSending::write() {
  while (written_ < record_size_) {
    const auto rest = std::span<const std::uint8_t>(record_).subspan(written_, record_size_ - written_);
    const ssize_t count = sctp_streams_ > 0 ? send_sctp(flow_.socket, rest,
                                                        static_cast<std::uint16_t>(outcome_.sequences % sctp_streams_))
                                            : send(flow_.socket, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      error_ = errno;
      return false;
    }
    if (measured()) ++outcome_.sent.sends;
    blocked_since_.reset();
    written_ += static_cast<std::size_t>(count);
  }
  record_size_ = 0;
  return true;
}

void RecordSending::account() {
  const std::uint64_t sequence = outcome_.sequences++;
  Sent& sent = outcome_.sent;
  if (!measured()) {
    ++sent.omitted;
    return;
  }
  if (sent.packets == 0) {
    first_sent_ = begun_;
    first_due_ = slot_.due;
  }
  last_sent_ = begun_;
  last_due_ = slot_.due;
  ++sent.packets;
  sent.bytes += slot_.size;
  if (flow_.sink != nullptr) flow_.sink->sent(sequence, (begun_ - turn()).count());
}

/// Waits for room, or gives up.
std::optional<SenderTime> RecordSending::refused(SenderTime now) {
  if (error_ != EAGAIN && error_ != ENOBUFS) {
    outcome_.error = "the connection broke: " + error_text(error_);
    return std::nullopt;
  }
  if (measured()) ++outcome_.sent.send_retries;
  if (!blocked_since_) blocked_since_ = now;
  if (now - *blocked_since_ >= flow_.patience) {
    outcome_.error = "the receiver took nothing for " + in_words(flow_.patience);
    return std::nullopt;
  }
  return std::min(end_, *blocked_since_ + flow_.patience);
}

/// What is left is not sent.
std::optional<SenderTime> RecordSending::pass_the_rest() {
  std::uint64_t left = 0, bytes = 0;
  const auto limited = [&] {
    return (spec_.packets > 0 && outcome_.sent.packets + left >= spec_.packets) ||
           (spec_.bytes > 0 && outcome_.sent.bytes + bytes >= spec_.bytes);
  };
  if (!source_ && spec_.bytes == 0) {  // many, perhaps
    const std::uint64_t slots = schedule_.slots_before(slots_end_);
    const std::uint64_t before = drawn_ - (ahead_ ? 2 : 1);
    left = slots - std::max(before, schedule_.slots_before(spec_.omit));
    if (spec_.packets > 0) left = std::min(left, spec_.packets - outcome_.sent.packets);
  } else {
    do {
      if (!measured()) continue;
      ++left;
      bytes += slot_.size;
    } while (!limited() && next_slot());
  }
  outcome_.sent.missed_slots += left;
  return std::nullopt;
}

RecordFlowOutcome RecordSending::outcome() const {
  RecordFlowOutcome outcome = outcome_;
  Sent& sent = outcome.sent;
  sent.span = last_sent_ - first_sent_;
  sent.due_span = last_due_ - first_due_;
  if (source_) sent.drawn = source_->drawn();
  return outcome;
}

}  // namespace paceline::traffic
