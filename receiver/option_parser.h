// SPDX-License-Identifier: MIT
//
// What the groups of paceline-recv's options are made of.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "paceline/error.h"
#include "receiver/options.h"

namespace paceline::receiver {

/// What is given as text and means something only when all is known.
struct GivenTexts {
  std::string config_file;
  std::vector<std::string> advertised;
  std::vector<std::string> hooks;
  std::string record_directory;
  std::string key_file;
  TlsIdentity tls;  // no path: not given
  std::string key_name;
};

// A group of options each, in the order of the help.
void add_addresses(CLI::App& app, Options& options, GivenTexts& given);
void add_running(CLI::App& app, Options& options, GivenTexts& given);
void add_operations(CLI::App& app, Options& options);
void add_stamps(CLI::App& app, Options& options, GivenTexts& given);
void add_limits(CLI::App& app, Options& options);

/// An option whose text has a unit; what the parser throws names the option.
template <class Parse>
CLI::Option* add_quantity(CLI::App& app, const std::string& name, Parse parse, const std::string& help) {
  return app.add_option_function<std::string>(
      name,
      [name, parse](const std::string& text) {
        try {
          parse(text);
        } catch (const UsageError& error) {
          throw CLI::ValidationError(name, error.what());
        }
      },
      help);
}

/// The same for an option that may be repeated.
template <class Parse>
CLI::Option* add_list(CLI::App& app, const std::string& name, Parse parse, const std::string& help) {
  return app.add_option_function<std::vector<std::string>>(
      name,
      [name, parse](const std::vector<std::string>& texts) {
        try {
          for (const std::string& text : texts) parse(text);
        } catch (const UsageError& error) {
          throw CLI::ValidationError(name, error.what());
        }
      },
      help);
}

}  // namespace paceline::receiver
