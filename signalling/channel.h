// SPDX-License-Identifier: MIT
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>

#include "proto/frame.h"
#include "proto/signalling.pb.h"
#include "signalling/authentication.h"
#include "signalling/tls.h"

namespace paceline::signalling {

/// The channel is of no further use: the peer closed it, was silent for too long, or sent what cannot be right.
class ChannelError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline constexpr std::uint32_t kLowestVersion = 1;
inline constexpr std::uint32_t kHighestVersion = 1;

inline constexpr std::size_t kMaxOpening = 16 * 1024;       // what is read before the session stands
inline constexpr std::size_t kMaxRequest = 64 * 1024;       // what a receiver reads from a sender
inline constexpr std::size_t kMaxResult = 4 * 1024 * 1024;  // what a sender reads from a receiver

inline constexpr std::chrono::seconds kHandshakeTime{5};     // for each message until the session stands
inline constexpr std::chrono::seconds kHeartbeatEvery{2};    // both ways, when nothing else is sent
inline constexpr std::chrono::seconds kSilenceLimit{10};     // without any message the peer is taken for gone
inline constexpr std::size_t kMaxOutbox = 16 * 1024 * 1024;  // bytes waiting for a peer that does not read

/// Messages over one TCP connection. Lives on its socket's executor, which one thread runs; send() may be called at
/// any time there, receive() by one coroutine at a time.
class Channel : public std::enable_shared_from_this<Channel> {
 public:
  /// Takes a connected socket. `max_message` bounds what is read.
  static std::shared_ptr<Channel> create(asio::ip::tcp::socket socket, std::size_t max_message);

  /// Opens with the preamble / expects it. The latter throws ChannelError if other bytes come first.
  void send_preamble();
  asio::awaitable<void> expect_preamble(std::chrono::steady_clock::duration limit);

  /// From now on everything goes through TLS, both ways. Throws ChannelError when the peer has already sent more.
  void secure(std::unique_ptr<Tls> tls);
  bool secured() const { return tls_ != nullptr; }

  /// What bounds the messages that are read from now on.
  void set_max_message(std::size_t bytes) { reader_.set_max_message(bytes); }

  /// The first Hello and the first Welcome that crossed the channel.
  const Opening& opening() const { return opening_; }

  /// From now on every frame is sealed: those that are sent, and those that are read.
  void seal(std::unique_ptr<frame::Seal> ours, std::unique_ptr<frame::Seal> theirs);

  /// How many bytes may wait for the peer: kMaxOutbox unless told otherwise.
  void set_outbox_limit(std::size_t bytes) { outbox_limit_ = bytes; }

  /// Bytes that wait for the peer.
  std::size_t waiting() const { return outbox_bytes_; }

  /// Queues a message; errors surface in receive(). Starts no message after close().
  void send(const wire::Message& message);

  /// The next message other than a heartbeat. `limit` is for each of its frames, however their bytes trickle in; with
  /// `heartbeats_count` any heartbeat renews it. Throws ChannelError.
  asio::awaitable<wire::Message> receive(std::chrono::steady_clock::duration limit, bool heartbeats_count);

  /// Sends heartbeats from now on until close(), which must be called then.
  void start_heartbeats();

  /// Waits until all that was queued has left, or the limit, and says that no more will come.
  asio::awaitable<void> flush_and_shut_down(std::chrono::steady_clock::duration limit);
  /// The same, and closes.
  asio::awaitable<void> flush_and_close(std::chrono::steady_clock::duration limit);

  void close();

  /// Whether the peer closed the connection, rather than broke the rules or fell silent.
  bool ended_by_peer() const { return ended_by_peer_; }

  asio::any_io_executor executor() { return socket_.get_executor(); }
  asio::ip::tcp::endpoint local() const { return local_; }
  /// An IPv4 peer has an IPv4 address here, on a socket of both families too.
  asio::ip::tcp::endpoint remote() const { return remote_; }
  /// That as text, "192.0.2.1:9000" or "[2001:db8::1]:9000".
  std::string remote_text() const;

 private:
  Channel(asio::ip::tcp::socket socket, std::size_t max_message);

  void write(std::string bytes);
  void enqueue(std::string bytes);
  void remember(const wire::Message& message, const std::string& bytes);
  asio::awaitable<void> drain();
  asio::awaitable<void> beat();
  asio::awaitable<std::span<const char>> read_some(std::chrono::steady_clock::time_point deadline);
  asio::awaitable<std::size_t> read_socket(std::chrono::steady_clock::time_point deadline);

  asio::ip::tcp::socket socket_;
  asio::ip::tcp::endpoint local_;
  asio::ip::tcp::endpoint remote_;
  std::unique_ptr<Tls> tls_;  // nullptr: none
  std::string plain_;         // what it told last
  Opening opening_;
  std::unique_ptr<frame::Seal> our_seal_;    // nullptr: frames are not sealed
  std::unique_ptr<frame::Seal> their_seal_;  // likewise
  frame::Reader reader_;
  std::string chunk_;
  asio::steady_timer read_deadline_;
  asio::steady_timer write_deadline_;
  asio::steady_timer heartbeat_;
  asio::steady_timer drained_;  // cancelled when the outbox is empty
  std::deque<std::string> outbox_;
  std::size_t outbox_bytes_ = 0;
  std::size_t outbox_limit_ = kMaxOutbox;
  std::size_t written_ = 0;  // of the outbox's front
  bool writing_ = false;
  bool timed_out_ = false;
  bool closed_ = false;
  bool shut_down_ = false;  // for sending
  bool ended_by_peer_ = false;
  std::string failure_;  // why writing failed
  std::chrono::steady_clock::time_point last_sent_{};
};

}  // namespace paceline::signalling
