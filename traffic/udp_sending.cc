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
constexpr std::uint64_t kPassedInATurn = 1024;
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

std::size_t batch_capacity(const UdpFlow& flow) {
  const PacketFlowSpec& spec = flow.spec;
  if (spec.batching == Batching::single) return 1;
  const std::size_t most = spec.batch > 0 ? spec.batch : DatagramBatch::worthwhile(spec.batching, spec.size);
  if (is_flat_out(flow) || flow.source != nullptr) return most;  // a source may have any number due at once
  const double due = std::ceil(spec.rate_pps * std::chrono::duration<double>(kBatchSpan).count());
  return std::min(most, static_cast<std::size_t>(std::max(due, 1.0)));
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
      batch_(flow.socket, flow.flow_id, flow.spec.size, flow.spec.batching, batch_capacity(flow), flow.payload,
             flow.envelope),
      batch_slots_(batch_.capacity(), Slot{{}, flow.spec.size}) {
  prepare(flow.socket, flow.spec.size, batch_.capacity());
  outcome_.sent.pacing = pacing;
  if (is_flat_out(flow)) return;
  slots_.emplace(flow.spec, flow.source);
  end_ += flow.overtime;
  plan();
}

std::optional<SenderTime> UdpSending::serve(SenderTime now) {
  return flat_out() ? serve_flat_out(now) : serve_slots(now);
}

std::optional<SenderTime> UdpSending::serve_flat_out(SenderTime now) {
  if (now >= end_) return std::nullopt;
  const bool measured = now >= measured_from_;
  if (hand_over(measured ? wanted() : batch_.capacity(), now, measured) == 0) return failed(now, measured);
  return wanted() > 0 ? std::optional(now) : std::nullopt;
}

// Of a flow that is sent flat out: so many of the next packets, a batch at most.
std::size_t UdpSending::wanted() const {
  const PacketFlowSpec& spec = flow_.spec;
  const Sent& sent = outcome_.sent;
  std::uint64_t wanted = batch_.capacity();
  if (spec.packets > 0) wanted = std::min(wanted, spec.packets - sent.packets);
  if (spec.bytes > 0)
    wanted = std::min(wanted, sent.bytes < spec.bytes ? (spec.bytes - sent.bytes - 1) / spec.size + 1 : 0);
  return wanted;
}

std::optional<SenderTime> UdpSending::serve_slots(SenderTime now) {
  if (now >= end_) return pass_rest(now);
  if (flow_.spec.late == LatePolicy::skip && a_whole_batch_late(now)) {
    pass_batch();
    return plan();
  }
  const bool measured = !batch_in_warm_up_;
  const std::size_t sent = hand_over(planned_, now, measured);
  if (sent == 0) return failed(now, measured);
  std::copy(batch_slots_.begin() + static_cast<std::ptrdiff_t>(sent),
            batch_slots_.begin() + static_cast<std::ptrdiff_t>(planned_), batch_slots_.begin());
  planned_ -= sent;
  return plan();
}

// Fills the batch up with the slots that are due soon after its first. It is of the warm-up or of what is measured.
// Returns when it is to be sent; nothing when no slot is left.
std::optional<SenderTime> UdpSending::plan() {
  if (planned_ == 0) batch_in_warm_up_ = slots_->in_warm_up();
  while (planned_ < batch_slots_.size() && !slots_->over() && slots_->in_warm_up() == batch_in_warm_up_ &&
         (planned_ == 0 || slots_->front().due < batch_slots_[0].due + kBatchSpan)) {
    batch_slots_[planned_++] = slots_->front();
    slots_->pop();
  }
  return planned_ > 0 ? std::optional(turn()) : std::nullopt;
}

// As late as the next batch is after this one.
bool UdpSending::a_whole_batch_late(SenderTime now) const {
  const nanoseconds first = batch_slots_[0].due, last = batch_slots_[planned_ - 1].due, next = slots_->front().due;
  const nanoseconds gap = next > last ? next - last : slots_->last_gap();
  return now >= flow_.start + last + gap + (last - first);
}

// These slots are not sent.
void UdpSending::pass_batch() {
  if (!batch_in_warm_up_) outcome_.sent.missed_slots += planned_;
  planned_ = 0;
}

// Nor is what is left. A source has to draw it, so other flows have their turns in between.
std::optional<SenderTime> UdpSending::pass_rest(SenderTime now) {
  pass_batch();
  outcome_.sent.missed_slots += slots_->pass_rest(kPassedInATurn);
  return slots_->over() ? std::nullopt : std::optional(now);
}

// Returns how many left; when none did, why is in error_.
std::size_t UdpSending::hand_over(std::size_t count, SenderTime now, bool measured) {
  for (std::size_t i = 0; i < count; ++i)
    batch_.write(i, batch_slots_[i].size, outcome_.sequences + i, now, lateness(i, now));
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
  if (sent.packets == 0) {
    first_sent_ = now;
    first_due_ = batch_slots_[0].due;
  }
  last_sent_ = now;
  last_due_ = batch_slots_[count - 1].due;
  sent.packets += count;
  for (std::size_t i = 0; i < count; ++i) sent.bytes += batch_slots_[i].size;
  ++sent.sends;
  sent.batch = std::max(sent.batch, static_cast<std::uint32_t>(count));
  if (flow_.sink == nullptr) return;
  for (std::size_t i = 0; i < count; ++i) flow_.sink->sent(outcome_.sequences + i, lateness(i, now));
}

// Tries again at once, then after pauses that grow; or gives up.
std::optional<SenderTime> UdpSending::failed(SenderTime now, bool measured) {
  if (error_ == EMSGSIZE) {
    outcome_.error = too_large(flow_.socket, batch_slots_[0].size);
    return std::nullopt;
  }
  if (error_ != EAGAIN && error_ != ENOBUFS && flow_.envelope == nullptr) drain_error_queue(flow_.socket);
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
  outcome.sent.due_span = last_due_ - first_due_;
  if (slots_) outcome.sent.drawn = slots_->drawn();
  return outcome;
}

}  // namespace paceline::traffic
