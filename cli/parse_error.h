// SPDX-License-Identifier: MIT
//
// What the programs answer to a command line that they cannot take. No library knows CLI11, nor this.
#pragma once

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "proto/suggest.h"

namespace paceline {

/// What can be written in the place of a word: options where it begins like one, else commands.
inline std::vector<std::string> words_for(const std::string& word, const CLI::App& app) {
  std::vector<std::string> words;
  const auto chosen = app.get_subcommands();
  if (word.starts_with('-')) {
    for (const CLI::Option* option : (chosen.empty() ? &app : chosen.front())->get_options())
      words.push_back(option->get_single_name().size() > 1 ? "--" + option->get_single_name() : "");
  } else if (chosen.empty()) {
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
      words.push_back(command->get_name());
  }
  return words;
}

/// Lines that say what was probably meant by words of a command line that nobody knows.
inline std::string mistyped(const CLI::App& app) {
  std::string lines;
  for (const std::string& word : app.remaining(true)) {
    const std::string name = word.substr(0, word.find('='));
    const std::string meant = closest(name, words_for(name, app));
    if (!meant.empty()) lines += "'" + name + "' is not known; did you mean '" + meant + "'?\n";
  }
  return lines;
}

/// Shows the help that was asked for and returns true, or says on standard error what is wrong with the command line.
inline bool help_shown(const CLI::App& app, const CLI::ParseError& error) {
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr) {
    if (app.exit(error) == 0) return true;
    std::cerr << mistyped(app);
    return false;
  }
  std::cerr << app.get_name() << ": not expected:";  // CLI11 says them backwards
  for (const std::string& word : app.remaining(true)) std::cerr << ' ' << word;
  std::cerr << '\n' << mistyped(app) << "Run with --help for more information.\n";
  return false;
}

}  // namespace paceline
