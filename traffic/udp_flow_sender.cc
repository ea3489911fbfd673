// SPDX-License-Identifier: MIT
#include "traffic/udp_flow_sender.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "proto/packet.h"
#include "traffic/cpu.h"
#include "traffic/pacer.h"
#include "traffic/schedule.h"

namespace paceline::traffic {

namespace {

constexpr nanoseconds kFirstPause = std::chrono::microseconds(10);
constexpr nanoseconds kLongestPause = std::chrono::milliseconds(1);
constexpr std::int64_t kBurst = 64;  // packets that the send buffer should hold, to catch up after a stall

int socket_option(int socket, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  return getsockopt(socket, level, name, &value, &size) == 0 ? value : 0;
}

// The kernel counts a packet's whole memory, not its payload: about a kilobyte more for each 1500 bytes
// begun.
void raise_send_buffer(int socket, std::uint32_t payload) {
  const std::int64_t packet = payload + 1024 * (1 + std::int64_t{payload} / 1400);
  const int wanted = static_cast<int>(kBurst * packet);
  if (socket_option(socket, SOL_SOCKET, SO_SNDBUF) / 2 >= wanted) return;  // the kernel reports twice what was set
  setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);       // as far as wmem_max allows
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

void prepare(int socket, std::uint32_t payload) {
  raise_send_buffer(socket, payload);
  report_errors(socket);
  socket_option(socket, SOL_SOCKET, SO_ERROR);  // reading it clears it: probes' errors are not the flow's
  drain_error_queue(socket);
}

std::string too_large(int socket, std::uint32_t size) {
  int mtu = socket_option(socket, IPPROTO_IP, IP_MTU);
  if (mtu == 0) mtu = socket_option(socket, IPPROTO_IPV6, IPV6_MTU);
  return "a packet of " + std::to_string(size) + " bytes of payload is larger than the path's MTU" +
         (mtu > 0 ? " (" + std::to_string(mtu) + " bytes with its IP and UDP headers)" : "") +
         ": choose a smaller size";
}

class Sending {
 public:
  Sending(const UdpFlow& flow, SentSink& sink, std::stop_token stop)
      : flow_(flow),
        sink_(sink),
        pacing_(affordable_pacing(flow.spec.pacing, usable_cpus(), flow.flows)),
        pacer_(pacing_, std::move(stop)),
        payload_(flow.spec.size) {}

  UdpFlowOutcome run() {
    prepare(flow_.socket, flow_.spec.size);
    const PreciseTimers precise;
    outcome_.sent.pacing = pacing_;
    ConstantRate schedule(flow_.spec.rate_pps);
    const std::uint64_t slots = schedule.slots_before(flow_.spec.duration);
    std::uint64_t slot = 0;
    SenderTime due = flow_.start + schedule.next();
    Slot served = Slot::sent;
    for (; slot < slots; ++slot) {
      const SenderTime next = flow_.start + schedule.next();
      served = serve(due, next);
      if (served == Slot::too_late || served == Slot::ended) break;
      if (served == Slot::missed) ++outcome_.sent.missed_slots;
      due = next;
    }
    if (served == Slot::too_late) outcome_.sent.missed_slots += slots - slot;
    if (outcome_.sent.packets > 0) outcome_.sent.span = outcome_.last_sent - outcome_.first_sent;
    return std::move(outcome_);
  }

 private:
  enum class Slot {
    sent,
    missed,    // left out: a whole gap late
    too_late,  // the overtime is over: this slot and all after it are missed
    ended,     // stopped, or failed with outcome_.error
  };

  // Sends the slot's packet, however often that takes.
  Slot serve(SenderTime due, SenderTime next) {
    const SenderTime end = flow_.start + flow_.spec.duration + flow_.overtime;
    std::optional<SenderTime> failing_since;
    nanoseconds pause{0};
    for (auto now = pacer_.wait_until(due); now; now = pacer_.wait_until(*now + pause)) {
      if (*now >= end) return Slot::too_late;
      if (flow_.spec.late == LatePolicy::skip && *now >= next) return Slot::missed;
      if (failing_since) pause = std::clamp(2 * pause, kFirstPause, kLongestPause);
      const int error = send_at(*now, due);
      if (error == 0) return Slot::sent;
      if (error == EMSGSIZE) {
        outcome_.error = too_large(flow_.socket, flow_.spec.size);
        return Slot::ended;
      }
      count_failure(error);
      if (!failing_since) failing_since = now;
      if (*now - *failing_since >= flow_.patience) {
        outcome_.error = "no packet could be sent for " +
                         std::to_string(std::chrono::duration<double>(flow_.patience).count()) +
                         " s: " + std::generic_category().message(error);
        return Slot::ended;
      }
    }
    return Slot::ended;
  }

  // Returns 0 or the error's number.
  int send_at(SenderTime now, SenderTime due) {
    const std::int64_t lateness = (now - due).count();
    const std::uint64_t sequence = outcome_.sent.packets;
    packet::encode({packet::Type::data, flow_.flow_id, static_cast<std::uint32_t>(sequence),
                    static_cast<std::uint64_t>(now.time_since_epoch().count()), packet::encode_lateness(lateness)},
                   payload_);
    if (send(flow_.socket, payload_.data(), payload_.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return errno;
    if (sequence == 0) outcome_.first_sent = now;
    outcome_.last_sent = now;
    ++outcome_.sent.packets;
    outcome_.sent.bytes += payload_.size();
    sink_.sent(sequence, lateness);
    return 0;
  }

  void count_failure(int error) {
    if (error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS) {
      ++outcome_.sent.send_retries;
    } else {
      ++outcome_.sent.send_errors;
      drain_error_queue(flow_.socket);
    }
  }

  const UdpFlow& flow_;
  SentSink& sink_;
  Pacing pacing_;
  Pacer<> pacer_;
  std::vector<std::uint8_t> payload_;
  UdpFlowOutcome outcome_;
};

}  // namespace

UdpFlowOutcome send_udp_flow(const UdpFlow& flow, SentSink& sink, std::stop_token stop) {
  return Sending(flow, sink, std::move(stop)).run();
}

}  // namespace paceline::traffic
