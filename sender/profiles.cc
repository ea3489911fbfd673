// SPDX-License-Identifier: MIT
#include <algorithm>
#include <utility>

#include "paceline/error.h"
#include "paceline/profile.h"
#include "paceline/units.h"
#include "proto/suggest.h"
#include "sender/profile_table.h"

namespace paceline {

namespace sender {

template <class Parse>
double ProfileArguments::above_zero(const std::string& name, const Parse& parse) const {
  const double value = parse(word(name));
  if (value <= 0) throw UsageError(name + " is " + word(name) + ": it must be above 0");
  return value;
}

double ProfileArguments::bitrate(const std::string& name) const { return above_zero(name, units::parse_bitrate); }
double ProfileArguments::rate(const std::string& name) const { return above_zero(name, units::parse_packet_rate); }
double ProfileArguments::count(const std::string& name) const {
  return above_zero(name, [&](const std::string& text) { return units::parse_count(text, name, 1'000'000'000); });
}
double ProfileArguments::bytes(const std::string& name) const {
  return above_zero(name, [](const std::string& text) { return static_cast<double>(units::parse_bytes(text)); });
}
double ProfileArguments::seconds(const std::string& name) const {
  return above_zero(
      name, [](const std::string& text) { return std::chrono::duration<double>(units::parse_duration(text)).count(); });
}

PacketFlowSpec modelled(TrafficModel model, Transport transport) {
  PacketFlowSpec flow;
  flow.transport = transport;
  flow.rate_pps = 0;  // run() works out what the model makes of both
  flow.size = 0;
  flow.model = std::move(model);
  return flow;
}

PacketFlowSpec modelled(const std::string& idt, const std::string& size, Transport transport) {
  TrafficModel model;
  model.idt = parse_model(idt, Quantity::time);
  model.size = parse_model(size, Quantity::bytes);
  return modelled(std::move(model), transport);
}

namespace {

const std::vector<ProfileEntry>& table() {
  static const std::vector<ProfileEntry> entries = [] {
    std::vector<ProfileEntry> all;
    for (const auto& field :
         {voice_profiles, terminal_profiles, game_profiles, control_profiles, video_profiles, bulk_profiles}) {
      for (ProfileEntry& entry : field()) all.push_back(std::move(entry));
    }
    return all;
  }();
  return entries;
}

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

// "codec=g711.1|g711.2 (g711.1)"
std::string description(const ProfileParameter& parameter) {
  const std::string values = parameter.choices.empty() ? parameter.quantity : joined(parameter.choices, "|");
  return parameter.name + "=" + values + " (" + parameter.by_default + ")";
}

std::map<std::string, std::string> defaults(const ProfileEntry& entry) {
  std::map<std::string, std::string> values;
  for (const ProfileParameter& parameter : entry.parameters) values[parameter.name] = parameter.by_default;
  return values;
}

[[noreturn]] void refuse(const std::string& what, const std::string& word, const std::vector<std::string>& known) {
  const std::string meant = closest(word, known);
  throw UsageError(what + " '" + word + "' is not known: " +
                   (meant.empty() ? "there are " + joined(known, ", ") : "did you mean '" + meant + "'?"));
}

const ProfileEntry& entry_of(const std::string& name) {
  const auto found = std::ranges::find(table(), name, &ProfileEntry::name);
  if (found != table().end()) return *found;
  std::vector<std::string> known;
  for (const ProfileEntry& entry : table()) known.push_back(entry.name);
  refuse("the profile", name, known);
}

const ProfileParameter& parameter_of(const ProfileEntry& entry, const std::string& name) {
  const auto found = std::ranges::find(entry.parameters, name, &ProfileParameter::name);
  if (found != entry.parameters.end()) return *found;
  if (entry.parameters.empty())
    throw UsageError("the profile " + entry.name + " has no parameters, and '" + name + "' was given");
  std::vector<std::string> known;
  for (const ProfileParameter& parameter : entry.parameters) known.push_back(parameter.name);
  refuse("the parameter of " + entry.name, name, known);
}

void check(const ProfileParameter& parameter, const std::string& value) {
  if (parameter.choices.empty() || std::ranges::count(parameter.choices, value) > 0) return;
  throw UsageError(parameter.name + " '" + value + "' is none of " + joined(parameter.choices, ", "));
}

// What follows the name and its colon.
ProfileArguments arguments(const ProfileEntry& entry, std::string_view text) {
  std::map<std::string, std::string> given;
  for (bool more = !text.empty(); more;) {
    const auto end = text.find(',');
    const std::string item(text.substr(0, end));
    more = end != std::string_view::npos;
    if (more) text.remove_prefix(end + 1);
    const auto equals = item.find('=');
    if (equals == std::string::npos)
      throw UsageError("'" + item + "' of the profile " + entry.name + " is no PARAMETER=VALUE");
    const ProfileParameter& parameter = parameter_of(entry, item.substr(0, equals));
    check(parameter, item.substr(equals + 1));
    if (!given.emplace(parameter.name, item.substr(equals + 1)).second)
      throw UsageError("the profile " + entry.name + " has its " + parameter.name + " twice");
  }
  given.merge(defaults(entry));
  return ProfileArguments(std::move(given));
}

Profile shown(const ProfileEntry& entry) {
  Profile profile{entry.name, entry.summary, entry.source, {}, entry.make(ProfileArguments(defaults(entry)))};
  for (const ProfileParameter& parameter : entry.parameters) profile.parameters.push_back(description(parameter));
  return profile;
}

}  // namespace

}  // namespace sender

const std::vector<Profile>& profiles() {
  static const std::vector<Profile> all = [] {
    std::vector<Profile> shown;
    for (const auto& entry : sender::table()) shown.push_back(sender::shown(entry));
    return shown;
  }();
  return all;
}

FlowSpec make_profile(std::string_view text) {
  const auto colon = text.find(':');
  const sender::ProfileEntry& entry = sender::entry_of(std::string(text.substr(0, colon)));
  return entry.make(
      sender::arguments(entry, colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1)));
}

}  // namespace paceline
