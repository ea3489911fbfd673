// SPDX-License-Identifier: MIT
#include "sender/probe_connection.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <asio/read.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cstring>
#include <system_error>

#include "paceline/error.h"
#include "traffic/clock_source.h"

namespace paceline::sender {

namespace {

SenderTime sender_now() { return traffic::now<SenderClock>(); }

asio::ip::tcp::endpoint destination(const OpenSocket& open) {
  asio::ip::tcp::endpoint endpoint;
  endpoint.resize(open.length);
  std::memcpy(endpoint.data(), &open.destination, open.length);
  return endpoint;
}

}  // namespace

/// Closes a connection when the time is up.
class ProbeConnection::Limit {
 public:
  Limit(asio::ip::tcp::socket& socket, Clock::duration time) : timer_(socket.get_executor(), time) {
    timer_.async_wait([&socket, state = state_](const asio::error_code& cancelled) {
      if (cancelled || state->over) return;
      state->passed = true;
      asio::error_code ignored;
      socket.close(ignored);
    });
  }
  // The handler may be under way already: it must not touch the socket any more.
  ~Limit() { state_->over = true; }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

  bool passed() const { return state_->passed; }

 private:
  struct State {
    bool over = false;
    bool passed = false;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
  asio::steady_timer timer_;
};

ProbeConnection::ProbeConnection(const asio::any_io_executor& executor, const traffic::Address& to,
                                 const LocalEnd& local, int protocol)
    : ProbeConnection(executor, open_socket(SOCK_STREAM, local, to, protocol)) {}

ProbeConnection::ProbeConnection(const asio::any_io_executor& executor, OpenSocket open)
    : to_(destination(open)), socket_(executor, to_.protocol(), open.fd.get()) {
  open.fd.release();  // it is the socket's now
}

ProbeConnection::ProbeConnection(asio::ip::tcp::socket knocked) : connected_(true), socket_(std::move(knocked)) {}

asio::awaitable<Reach> ProbeConnection::reach(const ProbeKey& key, std::uint32_t attempt) {
  const Limit limit(socket_, kPatience);
  asio::error_code error;
  const SenderTime begun = sender_now();
  if (!connected_) co_await socket_.async_connect(to_, asio::redirect_error(asio::use_awaitable, error));
  if (limit.passed()) co_return Reach{std::nullopt, "no answer in 2 s", false};
  if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) co_return Reach{};
  if (error) co_return Reach{std::nullopt, network_error(error.value()), false};
  if (!connected_) connect_time_ = sender_now() - begun;
  socket_.set_option(asio::ip::tcp::no_delay(true), error);

  auto answer = co_await ask(key, attempt, error);
  if (answer) co_return Reach{answer, "", false};
  if (limit.passed()) co_return Reach{std::nullopt, "connected, but no reply in 2 s", false};
  if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) co_return Reach{};
  if (error == asio::error::eof || error == asio::error::connection_reset || error == asio::error::broken_pipe)
    co_return Reach{std::nullopt, "connected, but closed before a reply: another receiver, or none", true};
  co_return Reach{std::nullopt, "connected, but answered by something else (" + error.message() + ")", true};
}

asio::awaitable<std::optional<Answer>> ProbeConnection::round_trip(const ProbeKey& key, std::uint32_t attempt,
                                                                   Clock::duration time) {
  const Limit limit(socket_, time);
  asio::error_code error;
  auto answer = co_await ask(key, attempt, error);
  if (!answer) close();
  co_return answer;
}

/// Sends a probe and reads its reply; else `error` says why there is none.
asio::awaitable<std::optional<Answer>> ProbeConnection::ask(const ProbeKey& key, std::uint32_t attempt,
                                                            asio::error_code& error) {
  packet::Probe probe;
  probe.flow_id = key.flow_id;
  probe.attempt = attempt;
  probe.secret = key.secret;
  probe.nonce = key.nonce;
  probe.sent = static_cast<std::uint64_t>(sender_now().time_since_epoch().count());
  const auto request = packet::encode(probe);
  co_await asio::async_write(socket_, asio::buffer(request), asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return std::nullopt;
  std::array<std::uint8_t, packet::kProbeReplySize> bytes;
  co_await asio::async_read(socket_, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
  const SenderTime at = sender_now();
  if (error) co_return std::nullopt;
  const auto reply = packet::decode_probe_reply(bytes);
  error = std::make_error_code(std::errc::bad_message);  // unless all is well
  if (!reply || reply->flow_id != key.flow_id || reply->attempt != attempt) co_return std::nullopt;
  const Answer answer{*reply, at};
  if (!answer.plausible()) co_return std::nullopt;
  error.clear();
  co_return answer;
}

void ProbeConnection::close() {
  asio::error_code ignored;
  socket_.close(ignored);
}

traffic::Address ProbeConnection::local() const { return address_by(getsockname); }

traffic::Address ProbeConnection::remote() const { return address_by(getpeername); }

traffic::Address ProbeConnection::address_by(int (*name)(int, sockaddr*, socklen_t*) noexcept) const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  auto& socket = const_cast<asio::ip::tcp::socket&>(socket_);
  name(socket.native_handle(), reinterpret_cast<sockaddr*>(&address), &length);
  return traffic::Address::from(address);
}

traffic::FileDescriptor ProbeConnection::release() {
  traffic::FileDescriptor fd(socket_.release());
  fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  return fd;
}

}  // namespace paceline::sender
