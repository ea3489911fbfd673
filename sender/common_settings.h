// SPDX-License-Identifier: MIT
//
// Settings that several kinds of flow have.
#pragma once

#include <string>
#include <vector>

#include "paceline/endpoint.h"
#include "paceline/flow.h"
#include "paceline/units.h"
#include "sender/setting.h"
#include "sender/values.h"

namespace paceline::sender {

/// A setting that is one member: `into(&Spec::rate, parse_rate)`.
template <class Target, class Value, class Parse>
auto into(Value Target::*member, const Parse& parse) {
  return [member, parse](Target& target, const std::string& text) { target.*member = parse(text); };
}

/// Likewise of the flow's socket.
template <class Spec, class Value, class Parse>
auto into_socket(Value SocketSpec::*member, const Parse& parse) {
  return [member, parse](Spec& spec, const std::string& text) { spec.socket.*member = parse(text); };
}

inline std::string as_it_is(const std::string& text) { return text; }

template <class Spec>
std::vector<Setting<Spec>> time_settings() {
  return {
      {"duration", "TIME", "Times", "How long to measure: 30s, 5m, 200ms; a bare number is seconds", "30s",
       into(&Spec::duration, units::parse_duration)},
      {"omit", "TIME", "Times", "A warm-up before that, in whole intervals: its rows are shown, but\nare in no total",
       "0", into(&Spec::omit, units::parse_duration)},
      {"interval", "TIME", "Times", "Length of a row of live results; a bare number is seconds", "1s",
       into(&Spec::interval, units::parse_duration)},
      {"delay", "TIME", "Times", "Start so long after the run's start", "0", into(&Spec::delay, units::parse_duration)},
  };
}

template <class Spec>
std::vector<Setting<Spec>> socket_settings() {
  return {
      {"dscp", "DSCP", "Socket", "Class of service: 0 to 63, EF, AF41, CS5, ...", "0",
       into_socket<Spec>(&SocketSpec::dscp, parse_dscp)},
      {"ttl", "N", "Socket", "TTL, hop limit of IPv6: 1 to 255", "the kernel's",
       [](Spec& spec, const std::string& text) {
         spec.socket.hop_limit = static_cast<std::uint8_t>(units::parse_count(text, "TTL", 255));
         if (spec.socket.hop_limit == 0) throw UsageError("TTL is 0: it must be 1 to 255");
       }},
      {"interface", "NAME", "Socket", "Leave by this interface, whatever the routes say (needs CAP_NET_RAW)",
       "the route's", into_socket<Spec>(&SocketSpec::interface, as_it_is)},
      {"source", "ADDR[:PORT]", "Socket", "Address that the flow is sent from, and its first socket's port",
       "the run's",
       [](Spec& spec, const std::string& text) {
         const Endpoint source = parse_endpoint(text, 0);
         spec.socket.source = source.host;
         spec.socket.source_port = source.port;
       },
       Where::file},
      {"name", "TEXT", "Flow", "Carried into the result, at most 64 bytes", "none", into(&Spec::name, as_it_is),
       Where::file},
  };
}

/// The tables, one behind the other.
template <class Spec>
std::vector<Setting<Spec>> joined(std::vector<Setting<Spec>> first, std::vector<std::vector<Setting<Spec>>> others) {
  for (auto& other : others) {
    for (Setting<Spec>& setting : other) first.push_back(std::move(setting));
  }
  return first;
}

}  // namespace paceline::sender
