// SPDX-License-Identifier: MIT
//
// paceline-decode: each command is in a file of its own.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <string>

#include "cli/parse_error.h"
#include "decoder/commands.h"
#include "paceline/error.h"
#include "paceline/version.h"

int main(int argc, char** argv) {
  using namespace paceline::decoder;
  CLI::App program("Turns what Paceline measured into results.", "paceline-decode");
  program.set_version_flag("--version", "paceline-decode " + std::string(paceline::kVersion));
  program.require_subcommand(1);
  int exit_code = kComplete;
  add_replay(program, exit_code);
  add_follow(program, exit_code);
  add_compare(program, exit_code);
  add_report(program, exit_code);
  try {
    program.parse(argc, argv);
    return exit_code;
  } catch (const CLI::ParseError& error) {
    return paceline::help_shown(program, error) ? kComplete : kUsage;
  } catch (const paceline::UsageError& error) {
    std::cerr << "paceline-decode: " << error.what() << '\n';
    return kUsage;
  } catch (const std::exception& error) {
    std::cerr << "paceline-decode: " << error.what() << '\n';
    return kFailed;
  }
}
