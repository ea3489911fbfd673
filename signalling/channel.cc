// SPDX-License-Identifier: MIT
#include "signalling/channel.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cstdio>
#include <span>
#include <utility>

#include "paceline/endpoint.h"

namespace paceline::signalling {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kWriteLimit{10};

std::string seconds_text(Clock::duration time) {
  char text[32];
  std::snprintf(text, sizeof text, "%g s", std::chrono::duration<double>(time).count());
  return text;
}

asio::ip::tcp::endpoint unmapped(const asio::ip::tcp::endpoint& endpoint) {
  const auto address = endpoint.address();
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return endpoint;
  return {asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()), endpoint.port()};
}

}  // namespace

std::shared_ptr<Channel> Channel::create(asio::ip::tcp::socket socket, std::size_t max_message) {
  return std::shared_ptr<Channel>(new Channel(std::move(socket), max_message));
}

Channel::Channel(asio::ip::tcp::socket socket, std::size_t max_message)
    : socket_(std::move(socket)),
      reader_(max_message),
      chunk_(16 * 1024, '\0'),
      read_deadline_(socket_.get_executor()),
      write_deadline_(socket_.get_executor()),
      heartbeat_(socket_.get_executor()),
      drained_(socket_.get_executor()) {
  asio::error_code ignored;
  local_ = socket_.local_endpoint(ignored);
  remote_ = unmapped(socket_.remote_endpoint(ignored));
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

std::string Channel::remote_text() const { return to_string(Endpoint{remote_.address().to_string(), remote_.port()}); }

void Channel::send_preamble() { write(std::string(frame::kPreamble)); }

void Channel::secure(std::unique_ptr<Tls> tls) {
  // Whoever sent them is not known: they must not pass for the peer's.
  if (!reader_.empty()) throw ChannelError("bytes came before TLS was agreed on");
  tls_ = std::move(tls);
  enqueue(tls_->take());
}

/// The bytes that come next, or what TLS makes of them.
asio::awaitable<std::span<const char>> Channel::read_some(Clock::time_point deadline) {
  for (;;) {
    const std::size_t count = co_await read_socket(deadline);
    const std::span<const char> bytes = std::span(chunk_).first(count);
    if (!tls_) co_return bytes;
    std::string refusal;
    try {
      plain_ = tls_->receive(bytes);
    } catch (const TlsError& error) {
      refusal = error.what();
    }
    enqueue(tls_->take());
    if (!refusal.empty()) throw ChannelError(refusal);
    if (!plain_.empty()) co_return plain_;
  }
}

asio::awaitable<std::size_t> Channel::read_socket(Clock::time_point deadline) {
  const auto self = shared_from_this();
  timed_out_ = false;
  read_deadline_.expires_at(deadline);
  read_deadline_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
    const auto channel = weak.lock();
    if (error || !channel || channel->read_deadline_.expiry() > Clock::now()) return;
    channel->timed_out_ = true;
    asio::error_code ignored;
    channel->socket_.cancel(ignored);
  });
  asio::error_code error;
  const std::size_t count =
      co_await socket_.async_read_some(asio::buffer(chunk_), asio::redirect_error(asio::use_awaitable, error));
  read_deadline_.cancel();
  if (!failure_.empty()) throw ChannelError(failure_);
  if (timed_out_) throw ChannelError("timeout");
  if (error == asio::error::eof || error == asio::error::connection_reset) {
    ended_by_peer_ = true;
    throw ChannelError("the peer closed the connection");
  }
  if (closed_) throw ChannelError("closed");
  if (error) throw ChannelError(error.message());
  co_return count;
}

asio::awaitable<void> Channel::expect_preamble(Clock::duration limit) {
  const auto deadline = Clock::now() + limit;
  std::string seen;
  while (seen.size() < frame::kPreamble.size()) {
    const std::span<const char> bytes = co_await read_some(deadline);
    const std::size_t wanted = std::min(bytes.size(), frame::kPreamble.size() - seen.size());
    seen.append(bytes.data(), wanted);
    if (!frame::kPreamble.starts_with(seen)) throw ChannelError("no Paceline sender: other bytes came first");
    reader_.push(bytes.subspan(wanted));
  }
}

asio::awaitable<wire::Message> Channel::receive(Clock::duration limit, bool heartbeats_count) {
  auto deadline = Clock::now() + limit;
  for (;;) {
    std::optional<std::string> bytes;
    const std::uint64_t frames = reader_.frames();
    try {
      bytes = reader_.next();
      if (!bytes && reader_.frames() != frames) deadline = Clock::now() + limit;  // a long message goes on
    } catch (const frame::FrameError& error) {
      throw ChannelError(error.what());
    }
    if (bytes) {
      wire::Message message;
      if (!message.ParseFromString(*bytes)) throw ChannelError("bytes that are no message");
      remember(message, *bytes);
      if (!message.has_heartbeat()) co_return message;
      if (heartbeats_count) deadline = Clock::now() + limit;
      continue;
    }
    try {
      reader_.push(co_await read_some(deadline));
    } catch (const ChannelError& error) {
      if (timed_out_) throw ChannelError("no message in " + seconds_text(limit));
      throw;
    }
  }
}

void Channel::send(const wire::Message& message) {
  if (closed_ || shut_down_ || !failure_.empty()) return;
  const std::string bytes = message.SerializeAsString();
  remember(message, bytes);
  write(frame::encode(bytes, our_seal_.get()));
}

void Channel::remember(const wire::Message& message, const std::string& bytes) {
  if (message.has_hello() && opening_.hello.empty()) opening_.hello = bytes;
  if (message.has_welcome() && opening_.welcome.empty()) opening_.welcome = bytes;
}

void Channel::seal(std::unique_ptr<frame::Seal> ours, std::unique_ptr<frame::Seal> theirs) {
  our_seal_ = std::move(ours);
  their_seal_ = std::move(theirs);
  reader_.expect_seal(*their_seal_);
}

void Channel::write(std::string bytes) {
  if (closed_ || shut_down_ || !failure_.empty()) return;
  last_sent_ = Clock::now();
  if (!tls_) return enqueue(std::move(bytes));
  try {
    tls_->send(bytes);
  } catch (const TlsError& error) {
    failure_ = error.what();
    return close();
  }
  enqueue(tls_->take());
}

void Channel::enqueue(std::string bytes) {
  if (bytes.empty() || closed_ || shut_down_ || !failure_.empty()) return;
  outbox_bytes_ += bytes.size();
  outbox_.push_back(std::move(bytes));
  if (outbox_bytes_ > outbox_limit_) {
    failure_ = "the peer does not read: " + std::to_string(outbox_bytes_) + " bytes wait for it";
    close();
    return;
  }
  if (writing_) return;
  writing_ = true;
  asio::co_spawn(socket_.get_executor(), drain(), asio::detached);
}

asio::awaitable<void> Channel::drain() {
  const auto self = shared_from_this();
  while (!outbox_.empty() && !closed_) {
    write_deadline_.expires_after(kWriteLimit);
    write_deadline_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
      const auto channel = weak.lock();
      if (error || !channel || channel->write_deadline_.expiry() > Clock::now()) return;
      channel->failure_ = "the peer did not read for " + seconds_text(kWriteLimit);
      channel->close();
    });
    std::string& front = outbox_.front();
    asio::error_code error;
    const std::size_t count =
        co_await socket_.async_write_some(asio::buffer(front.data() + written_, front.size() - written_),
                                          asio::redirect_error(asio::use_awaitable, error));
    write_deadline_.cancel();
    if (error == asio::error::operation_aborted && !closed_) continue;  // it was a read that timed out
    if (error) {
      if (failure_.empty() && !closed_) failure_ = error.message();
      close();
      break;
    }
    written_ += count;
    if (written_ < front.size()) continue;
    outbox_bytes_ -= front.size();
    written_ = 0;
    outbox_.pop_front();
  }
  writing_ = false;
  drained_.cancel();
}

void Channel::start_heartbeats() { asio::co_spawn(socket_.get_executor(), beat(), asio::detached); }

asio::awaitable<void> Channel::beat() {
  const auto self = shared_from_this();
  while (!closed_) {
    heartbeat_.expires_after(kHeartbeatEvery);
    asio::error_code cancelled;
    co_await heartbeat_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    if (closed_ || Clock::now() - last_sent_ < kHeartbeatEvery / 2) continue;
    wire::Message message;
    message.mutable_heartbeat();
    send(message);
  }
}

asio::awaitable<void> Channel::flush_and_shut_down(Clock::duration limit) {
  const auto self = shared_from_this();
  if (tls_) {
    tls_->end();
    enqueue(tls_->take());
  }
  if (writing_ && !closed_) {
    drained_.expires_after(limit);
    asio::error_code cancelled;
    co_await drained_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
  asio::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  shut_down_ = true;
}

asio::awaitable<void> Channel::flush_and_close(Clock::duration limit) {
  const auto self = shared_from_this();
  co_await flush_and_shut_down(limit);
  close();
}

void Channel::close() {
  if (std::exchange(closed_, true)) return;
  asio::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
  read_deadline_.cancel();
  write_deadline_.cancel();
  heartbeat_.cancel();
  drained_.cancel();
}

}  // namespace paceline::signalling
