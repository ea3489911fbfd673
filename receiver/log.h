// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "paceline/receiver.h"

namespace paceline::receiver {

enum class LogFormat { text, json };
enum class LogLevel { error, warning, info, debug };

std::string_view constexpr name_of(LogLevel level) {
  switch (level) {
    case LogLevel::error: return "error";
    case LogLevel::warning: return "warning";
    case LogLevel::info: return "info";
    case LogLevel::debug: return "debug";
  }
  return "info";
}

/// Something that happened: for people its text, for programs its name and fields.
struct LogEvent {
  LogLevel level = LogLevel::info;
  std::string name;
  std::string text;
  nlohmann::ordered_json fields = nlohmann::ordered_json::object();
};

/// One line without a line end, and without anything that a terminal would obey: text is the time (RFC 3339, UTC) and
/// the event's text, what is not printable ASCII as \xNN; JSON is an object of time, level, event, text and the fields.
std::string log_line(const LogEvent& event, LogFormat format, std::chrono::system_clock::time_point time);

/// Logs a receiver's life, a line an event.
class Log : public ReceiverObserver {
 public:
  /// Writes events of `level` and what is graver. `out` must outlive it.
  Log(std::ostream& out, LogFormat format, LogLevel level) : out_(out), format_(format), level_(level) {}

  void write(const LogEvent& event);
  /// Why the program ends.
  void failed(const std::string& why);

  void listening(std::uint16_t port, std::uint16_t data_port) override;
  void stamping(Hook hook, const std::vector<std::string>& interfaces, const std::string& reason) override;
  void dial_failed(const std::string& sender, const std::string& why) override;
  void session_opened(const std::string& peer) override;
  void session_closed(const std::string& peer, const std::string& why) override;
  void follower_opened(const std::string& peer) override;
  void follower_closed(const std::string& peer, const std::string& why) override;
  void flow_started(const FlowResult& flow) override;
  void interval(std::uint32_t flow_id, const PacketInterval& interval) override;
  void interval(std::uint32_t flow_id, const TcpInterval& interval) override;
  void flow_finished(const FlowResult& flow) override;
  void flow_gone(std::uint32_t flow_id) override;
  void refused(const std::string& peer, const std::string& reason) override;
  void draining(std::uint32_t sessions, std::uint32_t flows) override;
  void credentials_changed(const std::string& text) override;
  void warning(const std::string& text) override;

 private:
  std::ostream& out_;
  LogFormat format_;
  LogLevel level_;
};

}  // namespace paceline::receiver
