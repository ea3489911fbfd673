// SPDX-License-Identifier: MIT
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <ctime>
#include <exception>
#include <memory>
#include <vector>

#include "paceline/error.h"
#include "paceline/sender.h"
#include "paceline/version.h"
#include "sender/flow_run.h"
#include "sender/session.h"
#include "traffic/clock_source.h"
#include "traffic/host.h"

namespace paceline::sender {

namespace {

constexpr std::size_t kMostFlows = 64;

void validate_run(const RunSpec& spec) {
  if (spec.receiver.host.empty()) throw UsageError("no receiver: give its HOST[:PORT]");
  if (spec.receiver.port == 0) throw UsageError("the receiver's port is 0: it must be 1 to 65535");
  if (spec.data_port && *spec.data_port == 0) throw UsageError("the data port is 0: it must be 1 to 65535");
  if (spec.flows.empty() || spec.flows.size() > kMostFlows)
    throw UsageError("a run has 1 to 64 flows, not " + std::to_string(spec.flows.size()));
  for (const FlowSpec& flow : spec.flows) validate(flow);
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

class Run {
 public:
  Run(asio::io_context& io, const RunSpec& spec, RunObserver& observer)
      : io_(io), spec_(spec), observer_(observer), session_(io), flows_ended_(io) {}

  asio::awaitable<RunResult> measure() {
    RunResult result;
    result.version = std::string(kVersion);
    result.started_at = utc_now();
    result.sender = traffic::this_host();

    co_await session_.open(spec_.receiver, spec_.family);
    result.receiver = session_.receiver_host();
    observer_.connected(session_.address());
    asio::co_spawn(io_, session_.read(), asio::detached);

    for (std::size_t i = 0; i < spec_.flows.size(); ++i) {
      flows_.push_back(std::make_unique<FlowRun>(io_, session_, spec_, i, observer_));
      co_await flows_.back()->prepare();
    }
    // Far enough ahead that every flow has started at the receiver by then.
    const nanoseconds ahead = std::chrono::milliseconds(5) + 3 * session_.round_trip() +
                              std::chrono::milliseconds(1) * static_cast<int>(flows_.size());
    const SenderTime start = traffic::now<SenderClock>() + ahead;
    for (const auto& flow : flows_) flow->request_start(start);
    for (const auto& flow : flows_) co_await flow->await_start();
    co_await run_all();
    co_await session_.flush_and_close();

    for (const auto& flow : flows_) result.flows.push_back(flow->result());
    co_return result;
  }

  /// Ends the flows early. False when none has started: there is nothing to wait for then.
  bool stop() {
    stopped_ = "stopped on request";
    bool any_started = false;
    for (const auto& flow : flows_) {
      any_started |= flow->started();
      flow->stop(stopped_);
    }
    return any_started;
  }

 private:
  asio::awaitable<void> run_all() {
    std::size_t left = flows_.size();
    for (const auto& flow : flows_) {
      if (!stopped_.empty()) flow->stop(stopped_);
      asio::co_spawn(io_, flow->run(), [this, &left](const std::exception_ptr& error) {
        if (error) failure_ = error;
        if (--left == 0) flows_ended_.cancel();
      });
    }
    while (left > 0) {
      flows_ended_.expires_after(std::chrono::hours(1));
      asio::error_code cancelled;
      co_await flows_ended_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
    if (failure_) std::rethrow_exception(failure_);
  }

  asio::io_context& io_;
  const RunSpec& spec_;
  RunObserver& observer_;
  Session session_;
  std::vector<std::unique_ptr<FlowRun>> flows_;
  asio::steady_timer flows_ended_;
  std::exception_ptr failure_;
  std::string stopped_;
};

}  // namespace

RunResult run_until_done(const RunSpec& spec, RunObserver& observer, const std::stop_token& stop) {
  validate_run(spec);
  asio::io_context io(1);
  Run run(io, spec, observer);
  RunResult result;
  std::exception_ptr failure;
  bool over = false;
  asio::co_spawn(io, run.measure(), [&](const std::exception_ptr& error, RunResult measured) {
    failure = error;
    result = std::move(measured);
    over = true;
    io.stop();
  });
  const std::stop_callback on_stop(stop, [&] {
    asio::post(io, [&] {
      if (!over && !run.stop()) io.stop();
    });
  });
  io.run();
  if (!over) throw SetupError("stopped before anything was measured");
  if (failure) std::rethrow_exception(failure);
  return result;
}

}  // namespace paceline::sender

namespace paceline {

RunResult run(const RunSpec& spec, RunObserver& observer, std::stop_token stop) {
  return sender::run_until_done(spec, observer, stop);
}

}  // namespace paceline
