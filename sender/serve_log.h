// SPDX-License-Identifier: MIT
#pragma once

#include <iostream>
#include <string>

#include "paceline/remote.h"

namespace paceline::sender {

/// Logs a waiting sender's life to standard error, a line an event.
class ServeLog : public RemoteObserver {
 public:
  void listening(std::uint16_t port) override { std::cerr << "listening: port " << port << "/tcp" << std::endl; }

  void run_started(const std::string& controller, const std::string& key, const RunSpec& spec) override {
    std::cerr << "run of " << controller << " (key " << key << "): " << spec.flows.size()
              << (spec.flows.size() == 1 ? " flow" : " flows")
              << (spec.listen ? " for a receiver that dials in" : " to " + to_string(spec.receiver))
              << (spec.elsewhere.empty() ? "" : " and others") << std::endl;
  }

  void run_ended(const std::string& controller, const std::string& why) override {
    std::cerr << "run of " << controller << ": " << (why.empty() ? "complete" : why) << std::endl;
  }

  void credentials_changed(const std::string& text) override { std::cerr << text << std::endl; }

  void warning(const std::string& text) override { std::cerr << "warning: " << text << std::endl; }
};

}  // namespace paceline::sender
