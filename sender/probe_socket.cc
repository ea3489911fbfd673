// SPDX-License-Identifier: MIT
#include "sender/probe_socket.h"

#include <linux/in6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>

#include "paceline/error.h"
#include "traffic/clock_source.h"

namespace paceline::sender {

namespace {

SenderTime sender_now() { return traffic::now<SenderClock>(); }

// Well below the receiver's patience with an address that has proven nothing: 8 replies.
constexpr std::chrono::milliseconds kRepeatEvery{250};

/// Each ICMP error also waits in a queue that takes from the receive buffer.
void drain_error_queue(int fd) {
  msghdr nothing{};
  while (recvmsg(fd, &nothing, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) {
  }
}

}  // namespace

ProbeSocket::ProbeSocket(const asio::any_io_executor& executor, const traffic::Address& to, const LocalEnd& local)
    : ProbeSocket(executor, open_socket(SOCK_DGRAM, local, to), local.port != 0) {}

ProbeSocket::ProbeSocket(const asio::any_io_executor& executor, OpenSocket open, bool repeat)
    : ipv6_(open.destination.ss_family == AF_INET6),
      repeat_(repeat),
      socket_(executor, ipv6_ ? asio::ip::udp::v6() : asio::ip::udp::v4(), open.fd.get()),
      limit_(std::make_shared<asio::steady_timer>(executor)),
      handed_over_(executor) {
  open.fd.release();  // it is the socket's now
  if (connect(fd(), reinterpret_cast<const sockaddr*>(&open.destination), open.length) != 0)
    throw SetupError(network_error(errno));
  // The network's answers (ICMP) are part of what a search wants to know.
  const int on = 1;
  if (ipv6_) {
    setsockopt(fd(), IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
  } else {
    setsockopt(fd(), IPPROTO_IP, IP_RECVERR, &on, sizeof on);
  }
}

asio::awaitable<Reach> ProbeSocket::reach(const ProbeKey& key, std::uint32_t attempt) {
  int error = send(key, attempt);
  while (error == 0) {
    const auto next = repeat_ ? Clock::now() + kRepeatEvery : Clock::time_point::max();
    const auto answer = co_await receive(key.flow_id, next, error);
    if (answer && answer->reply.attempt == attempt) co_return Reach{answer, "", false};
    if (answer || error != 0) continue;
    if (!repeat_ || !socket_.is_open()) co_return Reach{};
    error = send(key, attempt);
  }
  if (error == EBADF) co_return Reach{};
  co_return Reach{std::nullopt, error == ECONNREFUSED ? "port unreachable (ICMP)" : network_error(error), false};
}

int ProbeSocket::send(const ProbeKey& key, std::uint32_t attempt) {
  packet::Probe probe;
  probe.flow_id = key.flow_id;
  probe.attempt = attempt;
  probe.secret = key.secret;
  probe.nonce = key.nonce;
  probe.sent = static_cast<std::uint64_t>(sender_now().time_since_epoch().count());
  const auto bytes = packet::encode(probe);
  return ::send(fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

asio::awaitable<std::optional<Answer>> ProbeSocket::receive(std::uint32_t flow_id, Clock::time_point limit,
                                                            int& error) {
  error = 0;
  if (others_read_) co_return co_await handed_over_.next(limit);
  bool late = false;
  limit_->expires_at(limit);
  limit_->async_wait([this, &late, timer = limit_](const asio::error_code& cancelled) {
    if (cancelled) return;
    late = true;
    asio::error_code ignored;
    socket_.cancel(ignored);
  });
  std::optional<Answer> answer;
  std::array<std::uint8_t, 2048> buffer;
  while (!late) {
    asio::error_code failure;
    const std::size_t size =
        co_await socket_.async_receive(asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, failure));
    const SenderTime at = sender_now();
    if (failure == asio::error::operation_aborted) break;
    if (failure) {
      error = failure.value();
      drain_error_queue(fd());
      break;
    }
    const auto reply = packet::decode_probe_reply(std::span(buffer).first(size));
    if (!reply || reply->flow_id != flow_id) continue;
    answer = Answer{*reply, at};
    if (!answer->plausible()) {
      answer.reset();
      continue;
    }
    break;
  }
  // The timer's handler refers to this frame: it must have run, or never run, before we leave.
  if (!late && limit_->cancel() == 0) co_await asio::post(socket_.get_executor(), asio::use_awaitable);
  co_return answer;
}

void ProbeSocket::hand_over(const packet::ProbeReply& reply, SenderTime at) {
  const Answer answer{reply, at};
  if (answer.plausible()) handed_over_.put(answer);
}

asio::awaitable<std::optional<Answer>> ProbeSocket::round_trip(const ProbeKey& key, std::uint32_t attempt,
                                                               Clock::duration limit) {
  const auto end = Clock::now() + limit;
  send(key, attempt);
  for (;;) {
    int error = 0;
    auto answer = co_await receive(key.flow_id, end, error);
    if (answer && answer->reply.attempt != attempt) continue;  // a late one, of an earlier probe
    const bool unanswered = !answer && error != 0;             // an ICMP error, of an earlier packet perhaps
    if (unanswered && socket_.is_open() && Clock::now() < end) continue;
    co_return answer;
  }
}

bool ProbeSocket::forbid_fragments(std::uint32_t size) {
  int mtu = 0;
  socklen_t length = sizeof mtu;
  const bool known = ipv6_ ? getsockopt(fd(), IPPROTO_IPV6, IPV6_MTU, &mtu, &length) == 0
                           : getsockopt(fd(), IPPROTO_IP, IP_MTU, &mtu, &length) == 0;
  const std::uint32_t headers = ipv6_ ? 48 : 28;
  const bool fits = !known || size + headers <= static_cast<std::uint32_t>(mtu);
  const int mode = fits ? (ipv6_ ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO) : (ipv6_ ? IPV6_PMTUDISC_DONT : IP_PMTUDISC_DONT);
  if (ipv6_) {
    setsockopt(fd(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, &mode, sizeof mode);
  } else {
    setsockopt(fd(), IPPROTO_IP, IP_MTU_DISCOVER, &mode, sizeof mode);
  }
  return fits;
}

void ProbeSocket::cancel() {
  handed_over_.wake();
  asio::error_code ignored;
  socket_.cancel(ignored);
}

void ProbeSocket::close() {
  asio::error_code ignored;
  socket_.close(ignored);
  handed_over_.close();
  limit_->cancel();
}

traffic::Address ProbeSocket::local() const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  auto& socket = const_cast<asio::ip::udp::socket&>(socket_);
  getsockname(socket.native_handle(), reinterpret_cast<sockaddr*>(&address), &length);
  return traffic::Address::from(address);
}

}  // namespace paceline::sender
