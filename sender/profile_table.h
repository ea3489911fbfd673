// SPDX-License-Identifier: MIT
//
// What the files profiles_*.cc have in common: an application's traffic with its parameters, a table for each field.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "paceline/flow.h"

namespace paceline::sender {

/// What a profile can be told, with the value that it has otherwise.
struct ProfileParameter {
  std::string name;
  std::string by_default;
  std::vector<std::string> choices;  ///< empty: any `quantity`
  std::string quantity;              ///< for lists: "BITRATE"
};

/// Values of a profile's parameters, all of them.
class ProfileArguments {
 public:
  explicit ProfileArguments(std::map<std::string, std::string> values) : values_(std::move(values)) {}

  const std::string& word(const std::string& name) const { return values_.at(name); }
  bool is(const std::string& name, const std::string& value) const { return word(name) == value; }
  /// The numbers: above 0, or UsageError.
  double bitrate(const std::string& name) const;
  double rate(const std::string& name) const;
  double count(const std::string& name) const;
  double bytes(const std::string& name) const;
  double seconds(const std::string& name) const;

 private:
  template <class Parse>
  double above_zero(const std::string& name, const Parse& parse) const;

  std::map<std::string, std::string> values_;
};

/// A profile and how its flow is made.
struct ProfileEntry {
  std::string name;
  std::string summary;
  std::string source;
  std::vector<ProfileParameter> parameters;
  std::function<FlowSpec(const ProfileArguments&)> make;
};

/// The fields' tables.
std::vector<ProfileEntry> voice_profiles();
std::vector<ProfileEntry> terminal_profiles();
std::vector<ProfileEntry> game_profiles();
std::vector<ProfileEntry> control_profiles();
std::vector<ProfileEntry> video_profiles();
std::vector<ProfileEntry> bulk_profiles();

/// A flow of packets as large as `model` says, due when it says.
PacketFlowSpec modelled(TrafficModel model, Transport transport = Transport::udp);
/// Likewise, from the models' texts.
PacketFlowSpec modelled(const std::string& idt, const std::string& size, Transport transport = Transport::udp);

}  // namespace paceline::sender
