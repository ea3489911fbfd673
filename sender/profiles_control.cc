// SPDX-License-Identifier: MIT
//
// Machines that talk to machines: URLLC and mMTC.
#include <array>
#include <utility>

#include "sender/profile_table.h"

namespace paceline::sender {

namespace {

// Motion control's three rows.
struct Cycle {
  const char* name;
  double seconds;
  std::uint32_t bytes;
};
constexpr std::array<Cycle, 3> kCycles{{{"500us", 0.0005, 50}, {"1ms", 0.001, 40}, {"2ms", 0.002, 20}}};

FlowSpec urllc_periodic(const ProfileArguments& given) {
  PacketFlowSpec flow;
  for (const Cycle& cycle : kCycles) {
    if (!given.is("cycle", cycle.name)) continue;
    flow.rate_pps = 1 / cycle.seconds;
    flow.size = cycle.bytes;
  }
  return flow;
}

FlowSpec urllc_event(const ProfileArguments& given) {
  constexpr double kMeanBits = 8 * (40 + 250) / 2.0;
  TrafficModel model;
  model.idt = {model::Exponential{kMeanBits / given.bitrate("rate")}};
  model.size = {model::Uniform{40, 250}};
  return modelled(std::move(model));
}

// Reports per second of one device: it has one of four periods.
constexpr double kReportRate = 0.4 / 86400 + 0.4 / 7200 + 0.15 / 3600 + 0.05 / 1800;

FlowSpec mmtc(const ProfileArguments& given) {
  TrafficModel model;
  model.idt = {model::Exponential{1 / (kReportRate * given.count("devices"))}};
  // Larger reports count as 200 bytes: (20 / 200)^2.5 of all.
  model.size =
      parse_model("mixture:0.996838@(pareto:shape=2.5,scale=20,max=200),0.003162@(constant:200)", Quantity::bytes);
  return modelled(std::move(model));
}

}  // namespace

std::vector<ProfileEntry> control_profiles() {
  return {{"urllc-periodic",
           "Motion control, periodic and deterministic: 50 bytes every 500 us, 40 every 1 ms or 20 every 2 ms, to "
           "arrive within the cycle",
           "3GPP TS 22.104, table 5.2-1: motion control (A.2.2.1), transfer interval and message size of its three "
           "rows",
           {{"cycle", "500us", {"500us", "1ms", "2ms"}, ""}},
           urllc_periodic},
          {"urllc-event",
           "Emergency stop of an operation panel, aperiodic and deterministic: 40 to 250 bytes at random moments, 250 "
           "kbit/s, to arrive within 8 ms",
           "3GPP TS 22.104, table 5.3-1: mobile operation panel, emergency stop events (A.2.4.1A), message size and "
           "bit rate; Poisson arrivals and every size as likely are our choice",
           {{"rate", "250k", {}, "BITRATE"}},
           urllc_event},
          {"mmtc",
           "Sensors' reports, those of all of a cell's devices together (6.8 packets/s of 52547): 20 to 200 bytes, "
           "Pareto of shape 2.5; a device reports once a day (40 % of them), every 2 h (40 %), 1 h (15 %) or 30 min "
           "(5 %)",
           "3GPP TR 45.820, annex E: mobile autonomous reporting, periodic reports, and devices in a cell; that so "
           "many devices make a Poisson stream is our choice",
           {{"devices", "52547", {}, "NUMBER"}},
           mmtc}};
}

}  // namespace paceline::sender
