// SPDX-License-Identifier: MIT
#include "sender/icmp_replies.h"

#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "paceline/error.h"
#include "proto/packet.h"
#include "traffic/clock_exchange.h"
#include "traffic/clock_source.h"

namespace paceline::sender {

namespace {

constexpr std::size_t kBatch = 32;
constexpr std::size_t kLargestIpHeader = 60;

ReceiverTime now() { return traffic::now<ReceiverClock>(); }

/// What the kernel's receive stamp says, by the monotonic clock.
ReceiverTime stamp_of(msghdr& message, nanoseconds realtime_offset) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SO_TIMESTAMPING) continue;
    timespec stamp;
    std::memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
    const nanoseconds time = std::chrono::seconds(stamp.tv_sec) + nanoseconds(stamp.tv_nsec);
    if (time > nanoseconds{0}) return ReceiverTime{time - realtime_offset};
  }
  return decoder::PacketObservation::kNoStamp;
}

std::string text_of(const sock_extended_err& error) {
  const bool v6 = error.ee_origin == SO_EE_ORIGIN_ICMP6;
  if (!v6 && error.ee_origin != SO_EE_ORIGIN_ICMP)
    return std::generic_category().message(static_cast<int>(error.ee_errno));
  if (error.ee_type == (v6 ? ICMP6_TIME_EXCEEDED : ICMP_TIME_EXCEEDED)) return "time exceeded (TTL, hop limit)";
  if (error.ee_type == (v6 ? ICMP6_DST_UNREACH : ICMP_DEST_UNREACH))
    return "unreachable (" + std::generic_category().message(static_cast<int>(error.ee_errno)) + ")";
  if (v6 && error.ee_type == ICMP6_PACKET_TOO_BIG) return "packet too big";
  return "ICMP type " + std::to_string(error.ee_type) + ", code " + std::to_string(error.ee_code);
}

/// Who says so, where it is told.
std::string offender_of(const cmsghdr* part) {
  sockaddr_storage address{};
  const std::size_t length = part->cmsg_len - CMSG_LEN(sizeof(sock_extended_err));
  std::memcpy(&address, CMSG_DATA(part) + sizeof(sock_extended_err), std::min(length, sizeof address));
  if (address.ss_family != AF_INET && address.ss_family != AF_INET6) return "this host";
  return traffic::Address::from(address).ip_string();
}

}  // namespace

struct IcmpReplies::Buffers {
  explicit Buffers(std::size_t largest) : bytes(kBatch * largest) {
    for (std::size_t i = 0; i < kBatch; ++i) vectors[i] = {bytes.data() + i * largest, largest};
  }

  /// Makes the messages ready for the kernel to fill in.
  void prepare() {
    for (std::size_t i = 0; i < kBatch; ++i) {
      messages[i].msg_hdr = {};
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_control = control[i].bytes.data();
      messages[i].msg_hdr.msg_controllen = control[i].bytes.size();
    }
  }

  struct alignas(cmsghdr) Control {
    std::array<std::uint8_t, 256> bytes;
  };
  std::vector<std::uint8_t> bytes;
  std::array<iovec, kBatch> vectors{};
  std::array<Control, kBatch> control{};
  std::array<mmsghdr, kBatch> messages{};
};

IcmpReplies::IcmpReplies(const traffic::IcmpEcho& echo, const decoder::FlowStart& start,
                         std::function<void(PacketInterval&&)> interval, std::function<void(Errors&&)> finished)
    : echo_(echo),
      start_(start),
      decoder_(start, std::move(interval)),
      finished_(std::move(finished)),
      bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!bell_) throw SetupError("eventfd: " + std::generic_category().message(errno));
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

IcmpReplies::~IcmpReplies() {
  thread_.request_stop();
  eventfd_write(bell_.get(), 1);
}

void IcmpReplies::done(std::uint64_t sent) {
  {
    const std::scoped_lock lock(mutex_);
    sent_ = sent;
  }
  eventfd_write(bell_.get(), 1);
}

void IcmpReplies::run(const std::stop_token& stop) {
  Buffers buffers(start_.spec.size + traffic::IcmpEcho::kHeader + kLargestIpHeader);
  std::array<pollfd, 2> watched{{{echo_.fd(), POLLIN, 0}, {bell_.get(), POLLIN, 0}}};
  std::optional<std::uint64_t> sent;
  while (!stop.stop_requested()) {
    const nanoseconds left = std::clamp<nanoseconds>(std::min(decoder_.interval_end(), wait_until_) - now(),
                                                     nanoseconds{0}, std::chrono::seconds(1));
    const timespec wait{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    ppoll(watched.data(), watched.size(), &wait, nullptr);
    if (watched[1].revents != 0) {
      eventfd_t rings = 0;
      eventfd_read(bell_.get(), &rings);
    }
    if ((watched[0].revents & POLLERR) != 0) take_errors();
    take_replies(buffers);
    const ReceiverTime time = now();
    decoder_.advance(time);
    look_whether_done(time);
    {
      const std::scoped_lock lock(mutex_);
      sent = sent_;
    }
    if (sent && (decoder_.distinct() >= *sent || time >= wait_until_)) break;
  }
  take_errors();
  decoder_.finish(sent, now());
  finished_(std::move(errors_));
}

void IcmpReplies::look_whether_done(ReceiverTime time) {
  if (wait_until_ != ReceiverTime::max()) return;
  const std::scoped_lock lock(mutex_);
  if (sent_) wait_until_ = time + std::clamp<nanoseconds>(3 * decoder_.largest_delay(), kShortestWait, kLongestWait);
}

void IcmpReplies::take_replies(Buffers& buffers) {
  buffers.prepare();
  const int count = recvmmsg(echo_.fd(), buffers.messages.data(), kBatch, MSG_DONTWAIT, nullptr);
  if (count <= 0) return;
  // The whole batch came into the application's hands at once.
  const ReceiverTime time = now();
  const nanoseconds realtime_offset = traffic::realtime_offset();
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const std::span read(static_cast<const std::uint8_t*>(buffers.vectors[i].iov_base), buffers.messages[i].msg_len);
    take(read, stamp_of(buffers.messages[i].msg_hdr, realtime_offset), time);
  }
}

void IcmpReplies::take(std::span<const std::uint8_t> read, ReceiverTime stamp, ReceiverTime time) {
  const auto packet = echo_.packet_in(read);
  const auto header = packet ? packet::decode_header(*packet) : std::nullopt;
  if (!header || header->type != packet::Type::data || header->flow_id != start_.flow_id) return;
  const bool any_size = start_.spec.model || start_.spec.trace;
  if (any_size ? packet->size() > start_.spec.size : packet->size() != start_.spec.size)
    return decoder_.count(decoder::Counted::invalid, 1, time);
  decoder::PacketObservation seen;
  seen.sequence = packet::extend_sequence(header->sequence, decoder_.next_expected());
  seen.tx_user = SenderTime{nanoseconds{packet::extend_time(header->send_time, time.time_since_epoch().count())}};
  seen.lateness = packet::decode_lateness(header->lateness);
  seen.rx_tc = stamp;
  seen.rx_user = time;
  seen.size = static_cast<std::uint32_t>(packet->size());
  decoder_.packet(seen);
}

void IcmpReplies::take_errors() {
  for (;;) {
    struct alignas(cmsghdr) {
      std::array<std::uint8_t, 512> bytes;
    } control;
    msghdr message{};
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    if (recvmsg(echo_.fd(), &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
      const bool told = (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) ||
                        (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR);
      if (!told || part->cmsg_len < CMSG_LEN(sizeof(sock_extended_err))) continue;
      sock_extended_err error;
      std::memcpy(&error, CMSG_DATA(part), sizeof error);
      ++errors_[text_of(error) + ", says " + offender_of(part)];
    }
  }
}

}  // namespace paceline::sender
