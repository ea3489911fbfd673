// SPDX-License-Identifier: MIT
//
// Applications' traffic under their names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "paceline/flow.h"

namespace paceline {

/// What an application sends, one way.
struct Profile {
  std::string name;
  std::string summary;                  ///< what is sent: sizes, times, protocol
  std::string source;                   ///< where the parameters come from
  std::vector<std::string> parameters;  ///< that make_profile() takes, each with its values: "codec=g711.1|g711.2|..."
  FlowSpec flow;                        ///< with the parameters' defaults
};

/// All that there are, those of one field beside each other.
const std::vector<Profile>& profiles();

/// A profile's flow by its name and parameters: `voip`, `voip:codec=g729.2,header=crtp,vad=on`. Duration and what else
/// every flow has is the defaults'. Throws UsageError that says what was probably meant.
FlowSpec make_profile(std::string_view text);

}  // namespace paceline
