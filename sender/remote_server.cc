// SPDX-License-Identifier: MIT
#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <list>
#include <memory>

#include "paceline/error.h"
#include "paceline/remote.h"
#include "sender/remote_grants.h"
#include "sender/remote_session.h"
#include "signalling/arrivals.h"
#include "signalling/key_ring.h"
#include "signalling/listen.h"

namespace paceline::sender {

namespace {

using asio::ip::tcp;

/// Takes controllers' connections, and gives each a session.
class RemoteServer {
 public:
  /// Connections that have proven no key; the oldest makes room for one more.
  static constexpr std::ptrdiff_t kMostStrangers = 64;

  RemoteServer(tcp::acceptor acceptor, RemoteService& service)
      : acceptor_(std::move(acceptor)),
        io_(static_cast<asio::io_context&>(acceptor_.get_executor().context())),
        service_(service) {}

  asio::awaitable<void> accept_forever() {
    signalling::Arrivals arrivals(acceptor_,
                                  [this](const std::string& trouble) { service_.observer.warning(trouble); });
    while (auto socket = co_await arrivals.next()) {
      make_room();
      open(std::move(*socket));
    }
  }

  void stop() {
    asio::error_code ignored;
    acceptor_.close(ignored);
    for (const auto& session : sessions_) session->stop();
    if (sessions_.empty()) io_.stop();
  }

 private:
  void open(tcp::socket socket) {
    const auto entry = sessions_.insert(sessions_.end(), std::make_shared<RemoteSession>(std::move(socket), service_));
    asio::co_spawn(io_, (*entry)->run(), [this, entry](const std::exception_ptr&) {
      sessions_.erase(entry);
      if (!acceptor_.is_open() && sessions_.empty()) io_.stop();
    });
  }

  void make_room() {
    const auto is_stranger = [](const auto& session) { return !session->authenticated(); };
    if (std::ranges::count_if(sessions_, is_stranger) < kMostStrangers) return;
    (*std::ranges::find_if(sessions_, is_stranger))->drop();
  }

  tcp::acceptor acceptor_;
  asio::io_context& io_;
  RemoteService& service_;
  std::list<std::shared_ptr<RemoteSession>> sessions_;
};

/// Reads the key file again when it has changed, for ever.
asio::awaitable<void> keep_current(asio::io_context& io, signalling::KeyRing& keys, RemoteObserver& observer) {
  asio::steady_timer pause(io);
  for (;;) {
    pause.expires_after(std::chrono::seconds(1));
    co_await pause.async_wait(asio::use_awaitable);
    const auto news = keys.look();
    if (!news) continue;
    if (news->failed)
      observer.warning(news->text);
    else
      observer.credentials_changed(news->text);
  }
}

}  // namespace

}  // namespace paceline::sender

namespace paceline {

void serve_runs(const RemoteSpec& spec, RemoteObserver& observer, std::stop_token stop) {
  const sender::RemoteGrants grants(spec);
  signalling::KeyRing keys = signalling::make_key_ring(spec.keys, spec.key_file);
  asio::io_context io(1);
  auto acceptor =
      signalling::listen(io, {.what = "remote control's port",
                              .bind = spec.bind,
                              .port = spec.port,
                              .family = Family::any,
                              .advice = "is another sender waiting there? Choose another port with --port"});
  const std::uint16_t port = acceptor.local_endpoint().port();
  sender::RemoteService service{.spec = spec, .observer = observer, .grants = grants, .keys = keys, .impostors = {}};
  sender::RemoteServer server(std::move(acceptor), service);
  observer.listening(port);

  const auto rethrow = [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  };
  asio::co_spawn(io, server.accept_forever(), rethrow);
  asio::co_spawn(io, sender::keep_current(io, keys, observer), rethrow);
  const std::stop_callback on_stop(stop, [&] { asio::post(io, [&] { server.stop(); }); });
  io.run();
}

}  // namespace paceline
