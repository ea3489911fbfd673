// SPDX-License-Identifier: MIT
#include <cstdio>
#include <exception>
#include <iostream>
#include <stop_token>
#include <string>

#include "paceline/error.h"
#include "paceline/receiver.h"
#include "receiver/log_lines.h"
#include "receiver/options.h"
#include "traffic/file_descriptor.h"
#include "traffic/stop_signals.h"

namespace {

/// Logs the receiver's life to standard error, a line an event.
class Log : public paceline::ReceiverObserver {
 public:
  void listening(std::uint16_t port, std::uint16_t data_port) override {
    if (port != 0) {
      std::cerr << "listening: signalling port " << port << "/tcp, data port " << data_port << "/udp and /tcp"
                << std::endl;
    } else {
      std::cerr << "dialling out: nobody may dial in; data port " << data_port << "/udp and /tcp" << std::endl;
    }
  }

  void stamping(paceline::Hook hook, const std::vector<std::string>& interfaces, const std::string& reason) override {
    std::cerr << "receive stamps: " << to_string(hook);
    for (std::size_t i = 0; i < interfaces.size(); ++i) std::cerr << (i == 0 ? " on " : ", ") << interfaces[i];
    if (!reason.empty()) std::cerr << "; " << reason;
    std::cerr << std::endl;
  }

  void dial_failed(const std::string& sender, const std::string& why) override {
    std::cerr << "dialling " << sender << ": " << why << "; it is tried again" << std::endl;
  }

  void session_opened(const std::string& peer) override { std::cerr << "session " << peer << ": opened" << std::endl; }

  void session_closed(const std::string& peer, const std::string& why) override {
    std::cerr << "session " << peer << ": closed" << (why.empty() ? "" : ": " + why) << std::endl;
  }

  void follower_opened(const std::string& peer) override {
    std::cerr << "follower " << peer << ": opened" << std::endl;
  }

  void follower_closed(const std::string& peer, const std::string& why) override {
    std::cerr << "follower " << peer << ": closed" << (why.empty() ? "" : ": " + why) << std::endl;
  }

  void flow_started(const paceline::FlowResult& flow) override {
    std::cerr << std::visit([](const auto& result) { return paceline::receiver::describe_start(result); }, flow)
              << std::endl;
  }

  void flow_finished(const paceline::FlowResult& flow) override {
    std::cerr << std::visit([](const auto& result) { return paceline::receiver::describe_end(result); }, flow)
              << std::endl;
  }

  void warning(const std::string& text) override { std::cerr << "warning: " << text << std::endl; }
};

}  // namespace

int main(int argc, char** argv) {
  paceline::ReceiverSpec spec;
  if (const auto exit_code = paceline::receiver::parse_options(argc, argv, spec)) return *exit_code;

  paceline::traffic::raise_descriptor_limit();
  std::stop_source stop;
  paceline::traffic::stop_on_signals(stop, false);
  Log log;
  try {
    paceline::serve(spec, log, stop.get_token());
    return 0;
  } catch (const paceline::UsageError& error) {
    std::cerr << "paceline-recv: " << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "paceline-recv: " << error.what() << '\n';
    return 1;
  }
}
