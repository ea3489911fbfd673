// SPDX-License-Identifier: MIT
//
// paceline-relay: see relay.h.
#include <pthread.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <iostream>
#include <string>

#include "paceline/units.h"
#include "tests/relay/relay.h"

namespace {

using paceline::relay::Impairment;

std::vector<std::uint8_t> parse_hex(const std::string& text) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    std::size_t used = 0;
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(text.substr(i, 2), &used, 16)));
    if (used != 2) throw paceline::UsageError("'" + text + "' is no string of hexadecimal bytes");
  }
  return bytes;
}

// The same options for each direction: --loss from client to target, --back-loss from target to client.
void add_impairment(CLI::App& app, const std::string& prefix, const std::string& group, Impairment& impairment) {
  const auto duration = [](paceline::relay::nanoseconds& target) {
    return [&target](const std::string& text) { target = paceline::units::parse_duration(text); };
  };
  const auto add = [&](const std::string& name, auto&& parse, const std::string& help) {
    app.add_option_function<std::string>("--" + prefix + name, parse, help)->group(group);
  };
  add("delay", duration(impairment.delay), "added to every datagram, matched or not: 50ms");
  add("jitter", duration(impairment.jitter), "added on top, uniform from 0; may reorder");
  add(
      "drop", [&](const std::string& text) { impairment.drop = paceline::relay::parse_numbers(text); },
      "packet numbers to lose: 5,17-20");
  const auto probability = [&](const std::string& name, double& target, const std::string& help) {
    app.add_option("--" + prefix + name, target, help)->check(CLI::Range(0.0, 1.0))->group(group);
  };
  probability("loss", impairment.loss, "probability");
  probability("duplicate", impairment.duplicate, "probability");
  probability("reorder", impairment.reorder, "probability of leaving only after the next packet");
  app.add_option("--" + prefix + "blackhole-after", impairment.blackhole_after, "lose all packets after this one")
      ->group(group);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Relays UDP and does to it, on purpose and counted, what bad paths do. SIGUSR1 makes the path dark and "
      "light again; SIGTERM prints the counters as JSON and ends."};
  paceline::relay::Options options;
  std::string listen;
  std::string to;
  std::string match;
  app.add_option("--listen", listen, "HOST:PORT; port 0 takes a free one and says which")->required();
  app.add_option("--to", to, "HOST:PORT of the target")->required();
  app.add_option("--match", match, "impair only datagrams that begin with these hexadecimal bytes");
  app.add_option("--seed", options.seed, "of the dice");
  add_impairment(app, "", "Client to target", options.impairment[0]);
  add_impairment(app, "back-", "Target to client", options.impairment[1]);
  CLI11_PARSE(app, argc, argv);

  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  try {
    const bool any_port = listen.ends_with(":0");
    options.listen = paceline::parse_endpoint(any_port ? listen.substr(0, listen.size() - 2) : listen, 0);
    options.to = paceline::parse_endpoint(to, 0);
    options.match = parse_hex(match);
    std::cout << paceline::relay::relay(options) << std::endl;
  } catch (const std::exception& error) {
    std::cerr << "paceline-relay: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
