// SPDX-License-Identifier: MIT
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <filesystem>
#include <list>
#include <memory>

#include "paceline/endpoint.h"
#include "paceline/error.h"
#include "paceline/receiver.h"
#include "receiver/credentials.h"
#include "receiver/data_path.h"
#include "receiver/dialler.h"
#include "receiver/followers.h"
#include "receiver/listener.h"
#include "receiver/record_store.h"
#include "receiver/service.h"
#include "receiver/stamping.h"
#include "receiver/tcp_door.h"
#include "signalling/listen.h"
#include "traffic/clock_exchange.h"
#include "traffic/data_socket.h"
#include "traffic/host.h"
#include "traffic/wall_clock.h"

namespace paceline::receiver {

namespace {

using asio::ip::tcp;

// When the data port may be any: how often a number may turn out to be free for TCP alone.
constexpr int kPortAttempts = 16;

/// The door locks the data port's number against other receivers; for UDP it must be free, too.
std::unique_ptr<TcpDoor> open_data_port(const ReceiverSpec& spec, const traffic::WorkerOptions& workers) {
  for (int attempt = 1;; ++attempt) {
    auto door = std::make_unique<TcpDoor>(spec.bind, spec.data_port, workers);
    try {
      const traffic::DataSocket free_for_udp(spec.bind, door->port());
      return door;
    } catch (const SetupError&) {
      if (spec.data_port != 0 || attempt == kPortAttempts) throw;
    }
  }
}

void check(const ReceiverSpec& spec) {
  if (spec.dial_only && spec.dial.empty()) throw UsageError("nobody could be served: dial only, and nobody to dial");
  for (const Endpoint& sender : spec.dial) {
    if (sender.host.empty() || sender.port == 0)
      throw UsageError("a sender to dial is a HOST and a port from 1 to 65535, not '" + to_string(sender) + "'");
  }
}

ReceiverStatus status_of(const Service& service) {
  const DataWorker::Counts counts = service.data_path.counts();
  return {counts.probes_answered + service.door.probes_answered(), counts.socket_drops, counts.strays};
}

/// What is to be looked after once a second, for ever.
asio::awaitable<void> keep_house(asio::io_context& io, const Service& service) {
  asio::steady_timer pause(io);
  traffic::WallClockSteps wall_clock(traffic::realtime_offset(), std::chrono::steady_clock::now());
  for (;;) {
    service.observer.status(status_of(service));
    if (const auto step = wall_clock.look(traffic::realtime_offset(), std::chrono::steady_clock::now()))
      service.observer.warning(traffic::step_text(*step));
    service.credentials.look(service.observer);
    pause.expires_after(std::chrono::seconds(1));
    co_await pause.async_wait(asio::use_awaitable);
  }
}

/// Until the sessions that are there are done, or the grace is over.
asio::awaitable<void> drain(asio::io_context& io, Listener& listener, nanoseconds grace) {
  listener.drain();
  asio::steady_timer patience(io, grace);
  co_await patience.async_wait(asio::use_awaitable);
  listener.stop("the receiver was shut down, and its time of grace is over");
}

}  // namespace

void serve_until_stopped(const ReceiverSpec& spec, ReceiverObserver& observer, const std::stop_token& stop,
                         const std::stop_token& draining) {
  check(spec);
  asio::io_context io(1);
  if (spec.record_directory) {
    std::error_code error;
    std::filesystem::create_directories(*spec.record_directory, error);
    if (error) throw SetupError("record directory " + spec.record_directory->string() + ": " + error.message());
  }

  Credentials credentials(spec);

  // Ports first, so that nothing is attached for a receiver that cannot start.
  tcp::acceptor acceptor = signalling::listen(io, {.what = "signalling port",
                                                   .bind = spec.bind,
                                                   .port = spec.port,
                                                   .advice = "is another receiver running? Choose another with --port",
                                                   .accepting = !spec.dial_only});
  const std::uint16_t port = acceptor.local_endpoint().port();
  const bool only_local = acceptor.local_endpoint().address().is_loopback();
  traffic::WorkerOptions workers;
  workers.count = spec.workers;
  auto closed_door = open_data_port(spec, workers);
  const std::uint16_t data_port = closed_door->port();

  const StampLadder ladder(spec, data_port, {data_port, port});
  const auto door = std::move(closed_door);  // ends before the ladder does
  const traffic::ClockIdentity clock = traffic::read_clock_identity();
  DataPath data_path(spec.bind, data_port, workers);
  observer.stamping(ladder.hook(), ladder.interfaces(), ladder.reason());
  data_path.open(ladder, clock.monotonic_offset);
  door->open(ladder);
  traffic::RecordReader records(workers);

  Followers followers(observer, spec.limits);
  RecordStore record_store(spec.record_directory, spec.limits);
  asio::thread_pool file_worker(1);
  Service service{.spec = spec,
                  .observer = followers,
                  .data_path = data_path,
                  .door = *door,
                  .records = records,
                  .ladder = ladder,
                  .credentials = credentials,
                  .record_store = record_store,
                  .file_worker = file_worker,
                  .data_port = data_port,
                  .workers = workers,
                  .clock = clock,
                  .host = {},
                  .impostors = {},
                  .flows = {},
                  .sessions_by_client = {}};
  Listener listener(std::move(acceptor), service, [&] {
    file_worker.join();
    io.stop();
  });

  for (const std::string& warning : ladder.warnings()) observer.warning(warning);
  for (const std::string& warning : data_path.warnings()) observer.warning(warning);
  if (credentials.keys.now()->empty() && !only_local && !spec.dial_only)
    observer.warning("no keys: whoever reaches port " + std::to_string(port) +
                     "/tcp is served; see --key-file, or restrict access to it");
  observer.listening(spec.dial_only ? 0 : port, data_port);

  const auto rethrow = [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  };
  if (!spec.dial_only) asio::co_spawn(io, listener.accept_forever(), rethrow);
  std::list<Dialler> diallers;
  for (const Endpoint& sender : spec.dial) {
    diallers.emplace_back(io, sender, listener, service);
    asio::co_spawn(io, diallers.back().dial_forever(), rethrow);
  }
  if (spec.idle_timeout > nanoseconds{0}) asio::co_spawn(io, listener.stop_when_idle_for(spec.idle_timeout), rethrow);
  asio::co_spawn(io, keep_house(io, service), rethrow);
  const std::stop_callback on_drain(
      draining, [&] { asio::post(io, [&] { asio::co_spawn(io, drain(io, listener, spec.grace), rethrow); }); });
  const std::stop_callback on_stop(stop, [&] { asio::post(io, [&] { listener.stop("the receiver was stopped"); }); });
  std::exception_ptr observers;  // what an observer threw leaves serve(), but nothing that runs is left behind
  while (!io.stopped()) {
    try {
      io.run();
    } catch (...) {
      if (!observers) observers = std::current_exception();
      listener.stop("the receiver was stopped by an error of its own");
    }
  }
  if (observers) std::rethrow_exception(observers);
  io.restart();
  io.poll();  // what the record files' ends had to say
  observer.status(status_of(service));
}

}  // namespace paceline::receiver

namespace paceline {

void serve(const ReceiverSpec& spec, ReceiverObserver& observer, std::stop_token stop, std::stop_token drain) {
  receiver::serve_until_stopped(spec, observer, stop, drain);
}

}  // namespace paceline
