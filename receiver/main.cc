// SPDX-License-Identifier: MIT
#include <chrono>
#include <exception>
#include <iostream>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "paceline/error.h"
#include "paceline/receiver.h"
#include "receiver/capabilities.h"
#include "receiver/health.h"
#include "receiver/http_endpoint.h"
#include "receiver/log.h"
#include "receiver/metrics.h"
#include "receiver/observers.h"
#include "receiver/options.h"
#include "traffic/file_descriptor.h"
#include "traffic/stop_signals.h"

namespace {

using paceline::receiver::Health;
using paceline::receiver::HttpAnswer;
using paceline::receiver::HttpEndpoint;
using paceline::receiver::Log;
using paceline::receiver::LogLevel;
using paceline::receiver::Metrics;

HttpAnswer probe(const std::string& why_not) {
  return why_not.empty() ? HttpAnswer{.body = "ok\n"} : HttpAnswer{.status = 503, .body = why_not + "\n"};
}

HttpAnswer answer(std::string_view path, const Health& health, const Metrics& metrics) {
  const auto now = std::chrono::steady_clock::now();
  if (path == "/livez") return probe(health.not_live(now));
  if (path == "/readyz") return probe(health.not_ready(now));
  if (path == "/metrics") return {.type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics.text(now)};
  return {.status = 404, .body = "here are /livez, /readyz and /metrics\n"};
}

/// Gives capabilities up as soon as what takes them is done.
class Privileges : public paceline::ReceiverObserver {
 public:
  Privileges(const paceline::ReceiverSpec& spec, Log& log) : spec_(spec), log_(log) {}

  void stamping(paceline::Hook hook, const std::vector<std::string>&, const std::string&) override {
    const auto kept = paceline::receiver::keep_capabilities(paceline::receiver::needed_after_attach(spec_, hook));
    std::string names;
    for (const std::string& name : kept) names += (names.empty() ? "" : ", ") + name;
    log_.write(
        {LogLevel::debug, "capabilities", "capabilities kept: " + (names.empty() ? "none" : names), {{"kept", kept}}});
  }

 private:
  const paceline::ReceiverSpec& spec_;
  Log& log_;
};

/// Serves until it is told to end.
void serve(const paceline::receiver::Options& options, Log& log) {
  std::stop_source stop, drain;
  Health health;
  Metrics metrics;
  std::optional<HttpEndpoint> http;
  paceline::receiver::raise_capabilities();
  paceline::traffic::block_stop_signals();
  paceline::receiver::start_without_capabilities(
      paceline::receiver::needed_for_port(options.http_port.value_or(0)), [&] {
        paceline::traffic::drain_on_signals(drain, stop);
        if (options.http_port)
          http.emplace(options.spec.bind, *options.http_port,
                       [&](std::string_view path) { return answer(path, health, metrics); });
      });

  for (const std::string& note : options.notes) log.warning(note);
  if (http)
    log.write({LogLevel::info,
               "http",
               "probes and metrics: port " + std::to_string(http->port()) + "/tcp (HTTP)",
               {{"port", http->port()}}});
  Privileges privileges(options.spec, log);
  // The log last: who reads of something there finds it in the others.
  paceline::receiver::Observers observers({&privileges, &health, &metrics, &log});
  paceline::serve(options.spec, observers, stop.get_token(), drain.get_token());
}

}  // namespace

int main(int argc, char** argv) {
  paceline::receiver::Options options;
  if (const auto exit_code = paceline::receiver::parse_options(argc, argv, options)) return *exit_code;

  paceline::traffic::raise_descriptor_limit();
  Log log(std::cerr, options.log_format, options.log_level);
  try {
    serve(options, log);
    return 0;
  } catch (const paceline::UsageError& error) {
    log.failed(error.what());
    return 2;
  } catch (const std::exception& error) {
    log.failed(error.what());
    return 1;
  }
}
