// SPDX-License-Identifier: MIT
#include "traffic/udp_sending.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <string>
#include <system_error>

namespace paceline::traffic {

namespace {

constexpr nanoseconds kFirstPause = std::chrono::microseconds(10);
constexpr nanoseconds kLongestPause = std::chrono::milliseconds(1);
constexpr nanoseconds kBatchSpan = std::chrono::milliseconds(1);  // a datagram waits for those after it so long at most
constexpr std::size_t kBurst = 64;  // packets that the send buffer should hold, to catch up after a stall

int socket_option(int socket, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  return getsockopt(socket, level, name, &value, &size) == 0 ? value : 0;
}

// The kernel counts a packet's whole memory, not its payload: about a kilobyte more for each 1500 bytes begun.
void raise_send_buffer(int socket, std::uint32_t payload, std::size_t batch) {
  const std::size_t packet = payload + 1024 * (1 + std::size_t{payload} / 1400);
  const int wanted = static_cast<int>(std::max(kBurst, 2 * batch) * packet);
  if (socket_option(socket, SOL_SOCKET, SO_SNDBUF) / 2 >= wanted) return;  // the kernel reports twice what was set
  if (setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof wanted) != 0)
    setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);  // as far as wmem_max allows
}

// Both families' options: a dual-stack socket may carry either, and the one that does not apply is refused.
void report_errors(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
  setsockopt(socket, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
}

// With IP_RECVERR each ICMP error also waits in a queue that takes from the receive buffer.
void drain_error_queue(int socket) {
  msghdr nothing{};
  while (recvmsg(socket, &nothing, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) {
  }
}

void prepare(int socket, std::uint32_t payload, std::size_t batch) {
  raise_send_buffer(socket, payload, batch);
  report_errors(socket);
  socket_option(socket, SOL_SOCKET, SO_ERROR);  // reading it clears it: probes' errors are not the flow's
  drain_error_queue(socket);
}

std::size_t batch_capacity(const UdpFlowSpec& spec) {
  if (spec.batching == Batching::single) return 1;
  std::size_t most = spec.batch > 0 ? spec.batch : DatagramBatch::worthwhile(spec.batching, spec.size);
  if (spec.rate_pps > 0) {
    const double due = std::ceil(spec.rate_pps * std::chrono::duration<double>(kBatchSpan).count());
    most = std::min(most, static_cast<std::size_t>(std::max(due, 1.0)));
  }
  return most;
}

std::string too_large(int socket, std::uint32_t size) {
  int mtu = socket_option(socket, IPPROTO_IP, IP_MTU);
  if (mtu == 0) mtu = socket_option(socket, IPPROTO_IPV6, IPV6_MTU);
  return "a packet of " + std::to_string(size) + " bytes of payload is larger than the path's MTU" +
         (mtu > 0 ? " (" + std::to_string(mtu) + " bytes with its IP and UDP headers)" : "") +
         ": choose a smaller size";
}

}  // namespace

UdpSending::UdpSending(const UdpFlow& flow, Pacing pacing)
    : flow_(flow),
      measured_from_(flow.start + flow.spec.omit),
      end_(measured_from_ + flow.spec.duration),
      batch_(flow.socket, flow.flow_id, flow.spec.size, flow.spec.batching, batch_capacity(flow.spec)),
      schedule_(flow.spec.rate_pps) {
  prepare(flow.socket, flow.spec.size, batch_.capacity());
  outcome_.sent.pacing = pacing;
  if (flat_out()) return;
  slots_ = schedule_.slots_before(flow.spec.omit + flow.spec.duration);
  warm_up_slots_ = schedule_.slots_before(flow.spec.omit);
  end_ += flow.overtime;
  next_due_ = schedule_.next();
  dues_.resize(batch_.capacity());
  plan();
}

std::optional<SenderTime> UdpSending::serve(SenderTime now) {
  return flat_out() ? serve_flat_out(now) : serve_slots(now);
}

std::optional<SenderTime> UdpSending::serve_flat_out(SenderTime now) {
  if (now >= end_) return std::nullopt;
  const bool measured = now >= measured_from_;
  if (hand_over(batch_.capacity(), now, measured) == 0) return failed(now, measured);
  return now;
}

std::optional<SenderTime> UdpSending::serve_slots(SenderTime now) {
  if (now >= end_) return pass_slots(slots_ - slot_);
  if (flow_.spec.late == LatePolicy::skip && a_whole_batch_late(now)) return pass_slots(planned_);
  const bool measured = slot_ >= warm_up_slots_;
  const std::size_t sent = hand_over(planned_, now, measured);
  if (sent == 0) return failed(now, measured);
  std::copy(dues_.begin() + static_cast<std::ptrdiff_t>(sent), dues_.begin() + static_cast<std::ptrdiff_t>(planned_),
            dues_.begin());
  planned_ -= sent;
  slot_ += sent;
  plan();
  return planned_ > 0 ? std::optional(turn()) : std::nullopt;
}

// Fills the batch up with the slots that are due soon after its first. It is of the warm-up or of what is measured.
void UdpSending::plan() {
  const std::uint64_t left = (slot_ < warm_up_slots_ ? warm_up_slots_ : slots_) - slot_;
  const std::size_t most = std::min<std::uint64_t>(dues_.size(), left);
  while (planned_ < most && (planned_ == 0 || next_due_ < dues_[0] + kBatchSpan)) {
    dues_[planned_++] = next_due_;
    next_due_ = schedule_.next();
  }
}

// As late as the next batch is after this one.
bool UdpSending::a_whole_batch_late(SenderTime now) const {
  const nanoseconds batch_span = dues_[planned_ - 1] - dues_[0];
  return now >= flow_.start + next_due_ + batch_span;
}

// These slots are not sent.
std::optional<SenderTime> UdpSending::pass_slots(std::uint64_t count) {
  const std::uint64_t passed = slot_ + count;
  if (passed > warm_up_slots_) outcome_.sent.missed_slots += passed - std::max(slot_, warm_up_slots_);
  slot_ = passed;
  planned_ = 0;
  plan();
  return planned_ > 0 ? std::optional(turn()) : std::nullopt;
}

// Returns how many left; when none did, why is in error_.
std::size_t UdpSending::hand_over(std::size_t count, SenderTime now, bool measured) {
  for (std::size_t i = 0; i < count; ++i) batch_.write(i, outcome_.sequences + i, now, lateness(i, now));
  const DatagramBatch::Handed handed = batch_.send(count);
  error_ = handed.error;
  if (handed.datagrams == 0) return 0;
  failing_since_.reset();
  if (measured)
    account(handed.datagrams, now);
  else
    outcome_.sent.omitted += handed.datagrams;
  outcome_.sequences += handed.datagrams;
  return handed.datagrams;
}

void UdpSending::account(std::size_t count, SenderTime now) {
  Sent& sent = outcome_.sent;
  if (sent.packets == 0) first_sent_ = now;
  last_sent_ = now;
  sent.packets += count;
  sent.bytes += count * flow_.spec.size;
  ++sent.sends;
  sent.batch = std::max(sent.batch, static_cast<std::uint32_t>(count));
  if (flow_.sink == nullptr) return;
  for (std::size_t i = 0; i < count; ++i) flow_.sink->sent(outcome_.sequences + i, lateness(i, now));
}

// Tries again at once, then after pauses that grow; or gives up.
std::optional<SenderTime> UdpSending::failed(SenderTime now, bool measured) {
  if (error_ == EMSGSIZE) {
    outcome_.error = too_large(flow_.socket, flow_.spec.size);
    return std::nullopt;
  }
  if (error_ != EAGAIN && error_ != ENOBUFS) drain_error_queue(flow_.socket);
  if (measured) count_failure();
  if (!failing_since_) {
    failing_since_ = now;
    pause_ = nanoseconds{0};
  } else {
    pause_ = std::clamp(2 * pause_, kFirstPause, kLongestPause);
  }
  if (now - *failing_since_ >= flow_.patience) {
    outcome_.error = "no packet could be sent for " +
                     std::to_string(std::chrono::duration<double>(flow_.patience).count()) +
                     " s: " + std::generic_category().message(error_);
    return std::nullopt;
  }
  return now + pause_;
}

void UdpSending::count_failure() {
  if (error_ == EAGAIN || error_ == ENOBUFS)
    ++outcome_.sent.send_retries;
  else
    ++outcome_.sent.send_errors;
}

UdpFlowOutcome UdpSending::outcome() const {
  UdpFlowOutcome outcome = outcome_;
  outcome.sent.batching = batch_.batching();
  if (outcome.sent.packets > 0) outcome.sent.span = last_sent_ - first_sent_;
  return outcome;
}

}  // namespace paceline::traffic
