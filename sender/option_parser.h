// SPDX-License-Identifier: MIT
//
// What the command lines of all commands are made of: options that keep the texts that were given for settings, and
// apply them when all are known.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <optional>
#include <string>

#include "paceline/error.h"
#include "sender/options.h"
#include "sender/settings.h"

namespace paceline::sender {

/// What was said of keys.
struct KeyChoice {
  std::string file;
  std::string name;  ///< empty: the first
};

/// What was said of TLS towards receivers.
struct TlsChoice {
  bool wanted = false;
  std::string authorities;  ///< empty: the system's
  std::string name;         ///< empty: the host's
};

/// What all commands fill in.
struct CommandLine {
  Options& options;
  bool remote = false;  ///< the run is another machine's: behind `remote HOST --`
  KeyChoice keys;
  TlsChoice tls;
  Given run;                     ///< settings of the run
  std::optional<int> exit_code;  ///< of a command that has done its work by now
};

/// Defaults that differ from a setting's, by its name; for help.
using Defaults = std::map<std::string, std::string>;

/// --NAME, whose text goes into `given`.
template <class Target>
CLI::Option* add_setting(CLI::App& app, const Setting<Target>& setting, Given& given, const Defaults& defaults = {});

/// A table's settings as options, in the table's groups.
template <class Target>
void add_settings(CLI::App& app, const std::vector<Setting<Target>>& settings, Given& given) {
  for (const Setting<Target>& setting : settings) {
    if (setting.where == Where::anywhere) add_setting(app, setting, given);
  }
}

/// Parses `text` into `target` when the option is given; a UsageError becomes the command line's.
template <class Target, class Parse>
CLI::Option* add(CLI::App& app, const std::string& name, Target& target, const Parse& parse, const std::string& help) {
  return app.add_option_function<std::string>(
      name,
      [&target, parse, name](const std::string& text) {
        try {
          target = parse(text);
        } catch (const UsageError& error) {
          throw CLI::ValidationError(name, error.what());
        }
      },
      help);
}

/// Does what may refuse settings; the refusal becomes the command line's.
template <class Work>
auto as_options(const Work& work) {
  try {
    return work();
  } catch (const BadSetting& error) {
    throw CLI::ValidationError(error.setting() == "receiver" ? "host" : "--" + error.setting(), error.what());
  }
}

/// Where the receiver is: the one argument that every measurement has.
void add_host(CLI::App& app, CommandLine& line);
/// What all measurements share: path, machine, output.
void add_common(CLI::App& app, CommandLine& line);
/// Fills in the run from what was given; flows come from elsewhere.
void finish_run(CommandLine& line);

/// --profile NAME.
CLI::Option* add_profile(CLI::App& app, std::string& profile);
/// The flow of a profile, or `otherwise` without one. Throws CLI::ValidationError when it is of another kind.
FlowSpec flow_of(const std::string& profile, const FlowSpec& otherwise);

/// The measurements: each makes a subcommand that fills in the run's flows.
void add_latency(CLI::App& app, CommandLine& line);
void add_throughput(CLI::App& app, CommandLine& line);
void add_connections(CLI::App& app, CommandLine& line);
/// What a receiver must prove, and what is proven to it: keys and TLS.
void add_security(CLI::App& app, CommandLine& line);
/// --key-file and --key alone.
void add_key_options(CLI::App& app, CommandLine& line, const std::string& what);
/// Throws CLI::RequiredError.
void require_key_file(const CommandLine& line);
/// Reads the keys that were chosen, and puts all where it belongs. Throws UsageError and FileError.
void apply_security(CommandLine& line);
/// Runs for and by other machines: `serve` and `remote`.
void add_serve(CLI::App& app, CommandLine& line);
void add_remote(CLI::App& app, CommandLine& line);
/// Runs from files: `run` and `ditg`.
void add_files(CLI::App& app, CommandLine& line);
/// What can be chosen: `models` and `profiles`.
void add_lists(CLI::App& app, CommandLine& line);

inline constexpr const char* kExitCodes =
    "Exit codes: 0 a complete result, 1 set-up failed, 2 usage, 3 a partial result, 4 complete, but something that\n"
    "was required was missed.";

// ------------------------------------------------------------------------------------------------------------------

/// The help's text and its default, on a line of its own where the last one is full.
inline std::string help_with_default(const std::string& help, const std::string& by_default) {
  constexpr std::size_t kFull = 68;
  if (by_default.empty()) return help;
  const auto last_break = help.rfind('\n');
  const std::size_t last_line = help.size() - (last_break == std::string::npos ? 0 : last_break + 1);
  const std::string tail = "(default " + by_default + ")";
  return help + (last_line + 1 + tail.size() <= kFull ? " " : "\n") + tail;
}

template <class Target>
CLI::Option* add_setting(CLI::App& app, const Setting<Target>& setting, Given& given, const Defaults& defaults) {
  app.option_defaults()->group(setting.group);
  const std::string name = "--" + setting.name;
  const auto other = defaults.find(setting.name);
  const std::string help =
      help_with_default(setting.help, other == defaults.end() ? setting.by_default : other->second);
  if (setting.is_switch())
    return app.add_flag_callback(
        name, [&given, key = setting.name] { given[key] = "true"; }, help);
  return app
      .add_option_function<std::string>(
          name, [&given, key = setting.name](const std::string& text) { given[key] = text; }, help)
      ->type_name(setting.value);
}

}  // namespace paceline::sender
