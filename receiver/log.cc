// SPDX-License-Identifier: MIT
#include "receiver/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "receiver/log_lines.h"

namespace paceline::receiver {

namespace {

using Json = nlohmann::ordered_json;

std::string rfc3339(std::chrono::system_clock::time_point time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(time - seconds);
  return fmt::format("{:%FT%T}.{:03d}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     milliseconds.count());
}

std::string printable(const std::string& text) {
  std::string shown;
  for (const char letter : text) {
    if (letter >= ' ' && letter <= '~') {
      shown += letter;
    } else {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(letter));
    }
  }
  return shown;
}

std::string prefix(LogLevel level) {
  if (level == LogLevel::error) return " paceline-recv: ";
  return level == LogLevel::warning ? " warning: " : " ";
}

std::string hex(std::uint32_t flow_id) { return fmt::format("{:08x}", flow_id); }

std::string because(const std::string& why) { return why.empty() ? "" : ": " + why; }

Json outcome(const PacketFlowResult& flow) {
  return {{"packets", flow.received.packets}, {"bytes", flow.received.bytes}, {"lost", flow.received.lost}};
}

Json outcome(const TcpFlowResult& flow) { return {{"received_bytes", flow.received}, {"written_bytes", flow.written}}; }

Json outcome(const ConnectionFlowResult& flow) { return {{"answered", flow.answered}}; }

}  // namespace

std::string log_line(const LogEvent& event, LogFormat format, std::chrono::system_clock::time_point time) {
  if (format == LogFormat::text) return rfc3339(time) + prefix(event.level) + printable(event.text);
  Json line{{"time", rfc3339(time)}, {"level", name_of(event.level)}, {"event", event.name}, {"text", event.text}};
  line.update(event.fields);
  return line.dump(-1, ' ', true, Json::error_handler_t::replace);  // ASCII alone
}

void Log::write(const LogEvent& event) {
  if (event.level > level_) return;
  out_ << log_line(event, format_, std::chrono::system_clock::now()) + '\n' << std::flush;
}

void Log::failed(const std::string& why) { write({LogLevel::error, "failed", why}); }

void Log::listening(std::uint16_t port, std::uint16_t data_port) {
  write({LogLevel::info,
         "listening",
         port != 0 ? fmt::format("listening: signalling port {}/tcp, data port {}/udp and /tcp", port, data_port)
                   : fmt::format("dialling out: nobody may dial in; data port {}/udp and /tcp", data_port),
         {{"port", port}, {"data_port", data_port}}});
}

void Log::stamping(Hook hook, const std::vector<std::string>& interfaces, const std::string& reason) {
  write({LogLevel::info,
         "stamping",
         fmt::format("receive stamps: {}{}{}{}", to_string(hook), interfaces.empty() ? "" : " on ",
                     fmt::join(interfaces, ", "), reason.empty() ? "" : "; " + reason),
         {{"hook", to_string(hook)}, {"interfaces", interfaces}, {"reason", reason}}});
}

void Log::dial_failed(const std::string& sender, const std::string& why) {
  write({LogLevel::warning,
         "dial_failed",
         fmt::format("dialling {}: {}; it is tried again", sender, why),
         {{"peer", sender}, {"reason", why}}});
}

void Log::session_opened(const std::string& peer) {
  write({LogLevel::info, "session_opened", "session " + peer + ": opened", {{"peer", peer}}});
}

void Log::session_closed(const std::string& peer, const std::string& why) {
  write({LogLevel::info,
         "session_closed",
         "session " + peer + ": closed" + because(why),
         {{"peer", peer}, {"reason", why}}});
}

void Log::follower_opened(const std::string& peer) {
  write({LogLevel::info, "follower_opened", "follower " + peer + ": opened", {{"peer", peer}}});
}

void Log::follower_closed(const std::string& peer, const std::string& why) {
  write({LogLevel::info,
         "follower_closed",
         "follower " + peer + ": closed" + because(why),
         {{"peer", peer}, {"reason", why}}});
}

void Log::flow_started(const FlowResult& flow) {
  std::visit(
      [this](const auto& result) {
        write({LogLevel::info,
               "flow_started",
               describe_start(result),
               {{"flow", hex(result.flow_id)}, {"seen_from", result.path.seen_from}}});
      },
      flow);
}

void Log::interval(std::uint32_t flow_id, const PacketInterval& interval) {
  if (level_ < LogLevel::debug) return;
  write({LogLevel::debug,
         "interval",
         fmt::format("flow {}: interval {}: received {}, lost {}", hex(flow_id), interval.index,
                     interval.received.packets, interval.received.lost),
         {{"flow", hex(flow_id)},
          {"index", interval.index},
          {"packets", interval.received.packets},
          {"lost", interval.received.lost}}});
}

void Log::interval(std::uint32_t flow_id, const TcpInterval& interval) {
  if (level_ < LogLevel::debug) return;
  std::uint64_t received = 0, written = 0;
  for (const StreamInterval& stream : interval.streams) received += stream.received, written += stream.written;
  write(
      {LogLevel::debug,
       "interval",
       fmt::format("flow {}: interval {}: received {} bytes, wrote {}", hex(flow_id), interval.index, received,
                   written),
       {{"flow", hex(flow_id)}, {"index", interval.index}, {"received_bytes", received}, {"written_bytes", written}}});
}

void Log::flow_finished(const FlowResult& flow) {
  std::visit(
      [this](const auto& result) {
        Json fields{{"flow", hex(result.flow_id)}, {"complete", result.complete}, {"reason", result.incomplete_reason}};
        fields.update(outcome(result));
        write({LogLevel::info, "flow_finished", describe_end(result), fields});
      },
      flow);
}

void Log::flow_gone(std::uint32_t flow_id) {
  write({LogLevel::warning,
         "flow_gone",
         "flow " + hex(flow_id) + ": it broke off before it could be summed up",
         {{"flow", hex(flow_id)}}});
}

void Log::refused(const std::string& peer, const std::string& reason) {
  write({LogLevel::info, "refused", "refused " + peer + ": " + reason, {{"peer", peer}, {"reason", reason}}});
}

void Log::draining(std::uint32_t sessions, std::uint32_t flows) {
  write({LogLevel::info,
         "draining",
         fmt::format("draining: {} session{} and {} flow{} may end, nobody new is served", sessions,
                     sessions == 1 ? "" : "s", flows, flows == 1 ? "" : "s"),
         {{"sessions", sessions}, {"flows", flows}}});
}

void Log::credentials_changed(const std::string& text) { write({LogLevel::info, "credentials", text}); }

void Log::warning(const std::string& text) { write({LogLevel::warning, "warning", text}); }

}  // namespace paceline::receiver
