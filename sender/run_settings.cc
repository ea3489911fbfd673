// SPDX-License-Identifier: MIT
#include "sender/common_settings.h"
#include "sender/settings.h"

namespace paceline::sender {

namespace {

constexpr std::uint32_t kMaxFlowLabel = 0xFFFFF;
constexpr std::uint32_t kMaxPriority = 99;
constexpr std::uint32_t kMaxWorkers = 1024;
constexpr std::uint16_t kSignallingPort = 9000;

void set_source(RunSpec& run, const std::string& text) {
  const Endpoint source = parse_endpoint(text, 0);
  run.source = source.host;
  run.source_port = source.port;
}

}  // namespace

const std::vector<Setting<RunSpec>>& run_settings() {
  static const std::vector<Setting<RunSpec>> settings{
      {"receiver", "HOST[:PORT]", "Path",
       "The receiver's signalling channel. Behind a NodePort: the node's\naddress and the NodePort", "port 9000",
       into(&RunSpec::receiver, [](const std::string& text) { return parse_endpoint(text, kSignallingPort); }),
       Where::file},
      {"data-port", "PORT", "Path",
       "The only port to try for data: the NodePort that maps to the\nreceiver's data port, when the receiver does not "
       "advertise it",
       "", into(&RunSpec::data_port, [](const std::string& text) { return std::optional(parse_port(text)); })},
      {"listen", "PORT", "Path",
       "Wait here until the receiver dials in (paceline-recv --dial), for\nreceivers that cannot be dialled; no HOST "
       "then",
       "", into(&RunSpec::listen, [](const std::string& text) { return std::optional(parse_port(text)); })},
      {"dial-limit", "TIME", "Path", "How long to wait for it", "60s",
       into(&RunSpec::dial_limit, units::parse_duration)},
      {"family", "any|ipv4|ipv6", "Path", "Which addresses to use", "any",
       into(&RunSpec::family, one_of<Family>({{"any", Family::any},
                                              {"ipv4", Family::ipv4},
                                              {"4", Family::ipv4},
                                              {"ipv6", Family::ipv6},
                                              {"6", Family::ipv6}})),
       Where::file},
      {"source", "ADDR[:PORT]", "Path",
       "Address to send from, and the first flow's port; further flows and\nstreams count up from it",
       "the route's, and fresh ports", set_source},
      {"flow-label", "LABEL", "Path", "Label of IPv6 packets, 1 to 0xfffff", "the kernel's",
       into(&RunSpec::flow_label,
            [](const std::string& text) {
              return std::optional(units::parse_count(text, "flow label", kMaxFlowLabel));
            })},
      {"clock", "estimate|synchronized", "Path",
       "Where one-way delays get their common clock: estimate (measured on\nthe path), synchronized (you vouch for "
       "both ends' clocks: PTP, NTP)",
       "estimate",
       into(&RunSpec::clock,
            one_of<ClockPolicy>({{"estimate", ClockPolicy::estimate}, {"synchronized", ClockPolicy::synchronized}}))},
      {"workers", "N", "Machine", "Threads that send", "one a CPU that this process may use",
       [](RunSpec& run, const std::string& text) {
         run.workers.count = units::parse_count(text, "workers", kMaxWorkers);
       }},
      {"cpus", "LIST", "Machine", "CPUs that they are bound to, in turn: 0,2-3", "none",
       [](RunSpec& run, const std::string& text) { run.workers.cpus = units::parse_cpus(text); }},
      {"fifo", "PRIORITY", "Machine", "Run them under SCHED_FIFO at this priority, 1 to 99; needs\nCAP_SYS_NICE", "",
       [](RunSpec& run, const std::string& text) {
         run.workers.fifo_priority = static_cast<int>(units::parse_count(text, "priority", kMaxPriority));
       }},
      {"record", "FILE", "Output",
       "Fetch the receiver's record of each packet flow, once all have ended,\nfor paceline-decode replay. With "
       "several "
       "flows -1, -2, ... comes\nbefore the extension",
       "", into(&RunSpec::record, as_it_is)},
      {"title", "TEXT", "Output", "A text that is carried into the result", "", into(&RunSpec::title, as_it_is)},
  };
  return settings;
}

}  // namespace paceline::sender
