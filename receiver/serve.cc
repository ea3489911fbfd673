// SPDX-License-Identifier: MIT
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <deque>
#include <filesystem>
#include <list>

#include "paceline/endpoint.h"
#include "paceline/error.h"
#include "paceline/receiver.h"
#include "receiver/data_path.h"
#include "receiver/session.h"
#include "receiver/stamping.h"
#include "signalling/channel.h"
#include "traffic/clock_exchange.h"
#include "traffic/data_socket.h"
#include "traffic/host.h"

namespace paceline::receiver {

namespace {

using asio::ip::tcp;

// Connections that have not finished their handshake; the oldest makes room for one more.
constexpr std::size_t kMaxUnwelcomed = 256;

tcp::endpoint listen_endpoint(const ReceiverSpec& spec, bool ipv6) {
  if (spec.bind.empty()) return {ipv6 ? tcp::v6() : tcp::v4(), spec.port};
  asio::error_code error;
  const auto address = asio::ip::make_address(spec.bind, error);
  if (error) throw UsageError("--bind '" + spec.bind + "' is no IPv4 or IPv6 address");
  return {address, spec.port};
}

/// All addresses of both families where the host has IPv6, else IPv4 alone.
tcp::acceptor listen(asio::io_context& io, const ReceiverSpec& spec) {
  asio::error_code error;
  tcp::acceptor acceptor(io);
  tcp::endpoint endpoint = listen_endpoint(spec, true);
  acceptor.open(endpoint.protocol(), error);
  if (error && spec.bind.empty()) {
    endpoint = listen_endpoint(spec, false);
    acceptor.open(endpoint.protocol(), error);
  }
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && spec.bind.empty() && endpoint.protocol() == tcp::v6())
    acceptor.set_option(asio::ip::v6_only(false), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error) {
    const bool in_use = error == asio::error::address_in_use;
    throw SetupError("signalling port " + to_string(Endpoint{spec.bind.empty() ? "*" : spec.bind, spec.port}) +
                     "/tcp: " + error.message() +
                     (in_use ? "; is another receiver running? Choose another with --port" : ""));
  }
  return acceptor;
}

class Listener {
 public:
  Listener(tcp::acceptor acceptor, Service& service) : acceptor_(std::move(acceptor)), service_(service) {}

  asio::awaitable<void> accept_forever() {
    for (;;) {
      asio::error_code error;
      tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (!acceptor_.is_open()) co_return;
      if (error) {
        // Out of descriptors, say: those in use will come free.
        service_.observer.warning("a connection could not be accepted: " + error.message());
        asio::steady_timer pause(acceptor_.get_executor(), std::chrono::milliseconds(100));
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
        continue;
      }
      try {
        open_session(std::move(socket));
      } catch (const std::exception& failure) {  // out of memory, say: this sender is turned away, others go on
        service_.observer.warning("a connection was dropped: " + std::string(failure.what()));
      }
    }
  }

  /// Ends every session with partial summaries; then calls `when_idle`.
  void stop(std::function<void()> when_idle) {
    when_idle_ = std::move(when_idle);
    asio::error_code ignored;
    acceptor_.close(ignored);
    if (sessions_.empty()) return when_idle_();
    for (const auto& session : sessions_) session->stop("the receiver was stopped");
  }

 private:
  void open_session(tcp::socket socket) {
    make_room();
    const auto channel = signalling::Channel::create(std::move(socket), signalling::kMaxRequest);
    const auto session = std::make_shared<Session>(channel, service_);
    const auto entry = sessions_.insert(sessions_.end(), session);
    asio::co_spawn(acceptor_.get_executor(), session->run(), [this, entry](const std::exception_ptr&) {
      sessions_.erase(entry);
      if (sessions_.empty() && !acceptor_.is_open() && when_idle_) when_idle_();
    });
  }

  void make_room() {
    std::size_t unwelcomed = 0;
    for (const auto& session : sessions_) unwelcomed += session->welcomed() ? 0u : 1u;
    if (unwelcomed < kMaxUnwelcomed) return;
    for (const auto& session : sessions_) {
      if (session->welcomed()) continue;
      session->drop();
      return;
    }
  }

  tcp::acceptor acceptor_;
  Service& service_;
  std::list<std::shared_ptr<Session>> sessions_;
  std::function<void()> when_idle_;
};

}  // namespace

void serve_until_stopped(const ReceiverSpec& spec, ReceiverObserver& observer, const std::stop_token& stop) {
  asio::io_context io(1);
  if (spec.record_directory) {
    std::error_code error;
    std::filesystem::create_directories(*spec.record_directory, error);
    if (error) throw SetupError("record directory " + spec.record_directory->string() + ": " + error.message());
  }

  // Ports first, so that nothing is attached for a receiver that cannot start.
  tcp::acceptor acceptor = listen(io, spec);
  const std::uint16_t port = acceptor.local_endpoint().port();
  traffic::DataSocket data_socket(spec.bind, spec.data_port);
  const std::uint16_t data_port = data_socket.port();

  const StampLadder ladder(spec, data_port);
  const traffic::ClockIdentity clock = traffic::read_clock_identity();
  asio::thread_pool file_worker(1);
  DataPath data_path(std::move(data_socket), ladder, clock.monotonic_offset);
  Service service{spec, observer, data_path, data_port, clock, traffic::this_host(), file_worker, {}, {}, 0};
  Listener listener(std::move(acceptor), service);

  observer.stamping(ladder.hook(), ladder.interfaces(), ladder.reason());
  for (const std::string& warning : ladder.warnings()) observer.warning(warning);
  observer.listening(port, data_port);

  asio::co_spawn(io, listener.accept_forever(), [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);  // an observer's: it leaves serve()
  });
  const std::stop_callback on_stop(stop, [&] {
    asio::post(io, [&] {
      listener.stop([&] {
        file_worker.join();
        io.stop();
      });
    });
  });
  io.run();
  io.restart();
  io.poll();  // what the record files' ends had to say
}

}  // namespace paceline::receiver

namespace paceline {

void serve(const ReceiverSpec& spec, ReceiverObserver& observer, std::stop_token stop) {
  receiver::serve_until_stopped(spec, observer, stop);
}

}  // namespace paceline
