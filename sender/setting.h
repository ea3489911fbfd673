// SPDX-License-Identifier: MIT
//
// What can be asked of a flow or a run, each once: the command line's option and the flows file's key are the same
// setting, with the same values and the same words when one is wrong.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "paceline/error.h"

namespace paceline::sender {

/// Where a setting can be made.
enum class Where { anywhere, file };

template <class Target>
struct Setting {
  std::string name;   ///< --name; the key in a file has _ for -
  std::string value;  ///< what stands behind it, for help: "PPS"; empty for a switch, which is "true" or "false"
  std::string group;  ///< under which the help lists it
  std::string help;
  std::string by_default;                                ///< for help; empty where there is nothing to tell
  std::function<void(Target&, const std::string&)> set;  ///< throws UsageError
  Where where = Where::anywhere;

  bool is_switch() const { return value.empty(); }
};

/// Names of settings and the texts that were given for them.
using Given = std::map<std::string, std::string>;

/// What was given for a setting makes no sense.
class BadSetting : public UsageError {
 public:
  BadSetting(std::string setting, const std::string& why) : UsageError(why), setting_(std::move(setting)) {}
  const std::string& setting() const { return setting_; }

 private:
  std::string setting_;
};

/// Sets what was given, in the table's order, whatever order it was given in. Throws BadSetting. What the table does
/// not know is left alone.
template <class Target>
void apply(const std::vector<Setting<Target>>& settings, const Given& given, Target& target) {
  for (const Setting<Target>& setting : settings) {
    const auto found = given.find(setting.name);
    if (found == given.end()) continue;
    try {
      setting.set(target, found->second);
    } catch (const BadSetting&) {
      throw;
    } catch (const UsageError& error) {
      throw BadSetting(setting.name, error.what());
    }
  }
}

template <class Target>
const Setting<Target>* find(const std::vector<Setting<Target>>& settings, const std::string& name) {
  for (const Setting<Target>& setting : settings) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

}  // namespace paceline::sender
