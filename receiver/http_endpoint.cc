// SPDX-License-Identifier: MIT
#include "receiver/http_endpoint.h"

#include <fmt/format.h>

#include <array>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <boost/beast/http/status.hpp>
#include <chrono>
#include <list>
#include <thread>

#include "receiver/http_request.h"
#include "signalling/arrivals.h"
#include "signalling/listen.h"

namespace paceline::receiver {

namespace {

using asio::ip::tcp;
using std::chrono::seconds;
namespace http = boost::beast::http;

std::string reason_of(int status) {
  return std::string(http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status))));
}

std::string reply(const HttpAnswer& answer, bool keep_alive, bool without_body) {
  return fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n{}Connection: {}\r\n\r\n"
      "{}",
      answer.status, reason_of(answer.status), answer.type, answer.body.size(),
      answer.status == 405 ? "Allow: GET, HEAD\r\n" : "", keep_alive ? "keep-alive" : "close",
      without_body ? "" : answer.body);
}

HttpAnswer refusal(int status) { return {status, "text/plain; charset=utf-8", reason_of(status) + "\n"}; }

}  // namespace

class HttpEndpoint::Impl {
 public:
  Impl(const std::string& bind, std::uint16_t port, std::function<HttpAnswer(std::string_view)> answer)
      : answer_(std::move(answer)),
        acceptor_(signalling::listen(
            io_, {.what = "HTTP port", .bind = bind, .port = port, .advice = "choose another with --http-port"})),
        port_(acceptor_.local_endpoint().port()) {
    asio::co_spawn(io_, accept_forever(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
  }

  ~Impl() {
    io_.stop();
    thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  /// Its socket is closed when its deadline passes.
  struct Connection {
    explicit Connection(tcp::socket accepted) : socket(std::move(accepted)), deadline(socket.get_executor()) {}
    tcp::socket socket;
    asio::steady_timer deadline;
    std::string bytes;  // that have come and are no request yet
  };
  using Entry = std::list<std::shared_ptr<Connection>>::iterator;

  asio::awaitable<void> accept_forever() {
    signalling::Arrivals arrivals(acceptor_, [](const std::string&) {});  // the signalling port tells of the same
    while (auto socket = co_await arrivals.next()) {
      if (connections_.size() >= kMostConnections) close(*connections_.front());
      const Entry entry = connections_.insert(connections_.end(), std::make_shared<Connection>(std::move(*socket)));
      asio::co_spawn(io_, serve(*entry), [this, entry](const std::exception_ptr&) { connections_.erase(entry); });
    }
  }

  static void close(Connection& connection) {
    asio::error_code ignored;
    connection.socket.close(ignored);
  }

  /// The deadline that holds from now on.
  static void allow(const std::shared_ptr<Connection>& connection, seconds time) {
    connection->deadline.expires_after(time);
    connection->deadline.async_wait([weak = std::weak_ptr(connection)](const asio::error_code& cancelled) {
      const auto late = weak.lock();
      // One that has passed may have been put off since.
      if (!cancelled && late && late->deadline.expiry() <= std::chrono::steady_clock::now()) close(*late);
    });
  }

  /// Until either side has had enough.
  asio::awaitable<void> serve(std::shared_ptr<Connection> connection) {
    for (bool keep_alive = true; keep_alive;) {
      HttpRequest request;
      const int refused = co_await read(connection, request);
      if (refused < 0) co_return;
      keep_alive = refused == 0 && request.keep_alive();
      const HttpAnswer answer = refused > 0        ? refusal(refused)
                                : request.is_get() ? answer_(request.path())
                                                   : refusal(405);
      allow(connection, seconds(kReplySeconds));
      const std::string text = reply(answer, keep_alive, refused == 0 && request.is_head());
      co_await asio::async_write(connection->socket, asio::buffer(text), asio::use_awaitable);
    }
    asio::error_code ignored;
    connection->socket.shutdown(tcp::socket::shutdown_send, ignored);
  }

  /// Returns 0 with a whole request, a status to refuse it with, or less than 0: the peer is gone.
  asio::awaitable<int> read(const std::shared_ptr<Connection>& connection, HttpRequest& request) {
    allow(connection, seconds(connection->bytes.empty() ? kIdleSeconds : kRequestSeconds));
    bool begun = !connection->bytes.empty();
    for (;;) {
      if (!connection->bytes.empty()) {
        const int refused = request.take(connection->bytes);
        if (refused != 0 || request.whole()) co_return refused;
      }
      std::array<char, 2048> more;
      asio::error_code error;
      const std::size_t size = co_await connection->socket.async_read_some(
          asio::buffer(more), asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return -1;
      if (!begun) allow(connection, seconds(kRequestSeconds));
      begun = true;
      connection->bytes.append(more.data(), size);
    }
  }

  std::function<HttpAnswer(std::string_view)> answer_;
  asio::io_context io_{1};
  tcp::acceptor acceptor_;
  std::uint16_t port_;
  std::list<std::shared_ptr<Connection>> connections_;
  std::thread thread_;
};

HttpEndpoint::HttpEndpoint(const std::string& bind, std::uint16_t port,
                           std::function<HttpAnswer(std::string_view path)> answer)
    : impl_(std::make_unique<Impl>(bind, port, std::move(answer))) {}

HttpEndpoint::~HttpEndpoint() = default;

std::uint16_t HttpEndpoint::port() const { return impl_->port(); }

}  // namespace paceline::receiver
