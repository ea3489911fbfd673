// SPDX-License-Identifier: MIT
#include "traffic/echo_reader.h"

#include <linux/net_tstamp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stop_token>
#include <system_error>
#include <utility>

#include "traffic/clock_exchange.h"
#include "traffic/clock_source.h"
#include "traffic/worker.h"

namespace paceline::traffic {

namespace {

constexpr std::size_t kBatch = 64;
constexpr int kBatchesInARow = 4;       // of a flow, before the others get their turn
constexpr std::size_t kHeadBytes = 64;  // of a datagram that are looked at: the rest is as it was sent
constexpr int kWantedBuffer = 4 * 1024 * 1024;
static_assert(kHeadBytes >= packet::kHeaderSize && kHeadBytes >= packet::kProbeReplySize);

SenderTime sender_now() { return now<SenderClock>(); }

/// Each ICMP error waits in a queue, keeps the socket ready, and takes from its receive buffer.
void drain_errors(int socket) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length);
  msghdr nothing{};
  while (recvmsg(socket, &nothing, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) {
  }
}

/// By the kernel's CLOCK_REALTIME, ns; 0 without one.
std::int64_t stamp_of(msghdr& header) {
  for (cmsghdr* message = CMSG_FIRSTHDR(&header); message != nullptr; message = CMSG_NXTHDR(&header, message)) {
    if (message->cmsg_level != SOL_SOCKET || message->cmsg_type != SO_TIMESTAMPING) continue;
    timespec stamp;
    std::memcpy(&stamp, CMSG_DATA(message), sizeof stamp);
    return stamp.tv_sec * 1'000'000'000 + stamp.tv_nsec;
  }
  return 0;
}

}  // namespace

struct EchoReader::Buffers {
  Buffers() {
    for (std::size_t i = 0; i < kBatch; ++i) {
      vectors[i] = {heads[i].data(), kHeadBytes};
      prepare(i);
    }
  }
  void prepare(std::size_t i) {
    msghdr& header = messages[i].msg_hdr;
    header = {};
    header.msg_iov = &vectors[i];
    header.msg_iovlen = 1;
    header.msg_control = control[i].bytes.data();
    header.msg_controllen = control[i].bytes.size();
  }

  struct alignas(cmsghdr) Control {
    std::array<std::uint8_t, 128> bytes;
  };
  std::array<std::array<std::uint8_t, kHeadBytes>, kBatch> heads;
  std::array<Control, kBatch> control;
  std::array<iovec, kBatch> vectors;
  std::array<mmsghdr, kBatch> messages;
};

EchoReader::EchoReader(int fifo_priority)
    : epoll_(epoll_create1(EPOLL_CLOEXEC)),
      bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      buffers_(std::make_unique<Buffers>()) {
  if (!epoll_ || !bell_) throw std::system_error(errno, std::generic_category(), "waiting for echoes");
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, bell_.get(), &event) != 0)
    throw std::system_error(errno, std::generic_category(), "waiting for echoes");
  thread_ = std::jthread([this, fifo_priority](const std::stop_token& stop) {
    become_worker({.count = 1, .cpus = {}, .fifo_priority = fifo_priority}, 0);
    run(stop);
  });
}

EchoReader::~EchoReader() {
  thread_.request_stop();
  eventfd_write(bell_.get(), 1);
}

void EchoReader::add(const EchoFlow& flow) {
  const int stamps = SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE;
  setsockopt(flow.socket, SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof stamps);
  if (setsockopt(flow.socket, SOL_SOCKET, SO_RCVBUFFORCE, &kWantedBuffer, sizeof kWantedBuffer) != 0)
    setsockopt(flow.socket, SOL_SOCKET, SO_RCVBUF, &kWantedBuffer, sizeof kWantedBuffer);
  post([this, flow] { watch(flow); });
}

void EchoReader::post(std::function<void()> task) {
  {
    const std::scoped_lock lock(mailbox_mutex_);
    mailbox_.push_back(std::move(task));
  }
  eventfd_write(bell_.get(), 1);
}

void EchoReader::watch(const EchoFlow& flow) {
  auto held = std::make_unique<Held>();
  held->flow = flow;
  held->dropped = held->drops.read(flow.socket);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = held.get()}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, flow.socket, &event);
  flows_.push_back(std::move(held));
}

void EchoReader::read_mailbox() {
  eventfd_t rings = 0;
  eventfd_read(bell_.get(), &rings);
  std::vector<std::function<void()>> tasks;
  {
    const std::scoped_lock lock(mailbox_mutex_);
    tasks.swap(mailbox_);
  }
  for (const auto& task : tasks) task();
}

void EchoReader::run(const std::stop_token& stop) {
  std::array<epoll_event, 64> events;
  while (!stop.stop_requested()) {
    const SenderTime now = sender_now();
    const SenderTime until = std::clamp(next_tick_, now, now + std::chrono::seconds(1));
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(until - now);
    const int ready =
        epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), static_cast<int>(wait.count()));
    bool told = false;
    for (int i = 0; i < ready; ++i) {
      if (auto* held = static_cast<Held*>(events[static_cast<std::size_t>(i)].data.ptr)) {
        read(*held);
        next_tick_ = std::min(next_tick_, held->flow.sink->next_tick());
      } else {
        told = true;
      }
    }
    if (told) read_mailbox();
    const SenderTime after = sender_now();
    if (told || after >= next_tick_) tick_all(after);
  }
}

void EchoReader::read(Held& held) {
  Buffers& buffers = *buffers_;
  for (int turn = 0; turn < kBatchesInARow; ++turn) {
    // Real lengths are told though only heads are taken.
    const int count = recvmmsg(held.flow.socket, buffers.messages.data(), kBatch, MSG_DONTWAIT | MSG_TRUNC, nullptr);
    if (count < 0) {
      if (errno != EAGAIN) drain_errors(held.flow.socket);
      return;
    }
    const SenderTime now = sender_now();
    const nanoseconds offset = realtime_offset();
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      mmsghdr& message = buffers.messages[i];
      const std::int64_t stamp = stamp_of(message.msg_hdr);
      take(held, std::span(buffers.heads[i]).first(std::min<std::size_t>(message.msg_len, kHeadBytes)), message.msg_len,
           stamp > 0 ? SenderTime{nanoseconds{stamp} - offset} : Echo::kNoStamp, now);
      buffers.prepare(i);
    }
    if (static_cast<std::size_t>(count) < kBatch) return;
  }
}

void EchoReader::take(Held& held, std::span<const std::uint8_t> head, std::size_t size, SenderTime stamped,
                      SenderTime now) {
  const EchoFlow& flow = held.flow;
  const auto header = packet::decode_header(head);
  if (!header || header->flow_id != flow.flow_id) return;  // nobody's: the socket is connected, so the path's
  if (header->type == packet::Type::probe_reply && size == head.size()) {
    if (const auto reply = packet::decode_probe_reply(head)) flow.sink->probe_reply(*reply, now);
  } else if (header->type == packet::Type::echo && size >= flow.least_size && size <= flow.largest_size) {
    flow.sink->echo({*header, static_cast<std::uint32_t>(size), stamped, now});
  } else {
    flow.sink->invalid(now);
  }
}

void EchoReader::tick_all(SenderTime now) {
  next_tick_ = SenderTime::max();
  std::erase_if(flows_, [&](const std::unique_ptr<Held>& held) {
    EchoSink& sink = *held->flow.sink;
    const std::uint64_t drops = held->drops.read(held->flow.socket);
    if (drops > held->dropped) sink.lost_in_socket(drops - std::exchange(held->dropped, drops), now);
    if (sink.tick(now)) {
      next_tick_ = std::min(next_tick_, sink.next_tick());
      return false;
    }
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, held->flow.socket, nullptr);
    sink.ended();
    return true;
  });
}

}  // namespace paceline::traffic
