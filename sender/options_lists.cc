// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <iostream>

#include "paceline/profile.h"
#include "sender/model_families.h"
#include "sender/option_parser.h"

namespace paceline::sender {

namespace {

std::string models_text() {
  std::string text =
      "Random times (--idt, --jitter, --on, --off) and sizes (--size), in all commands and in flows files:\n";
  for (const ModelFamily& family : model_families())
    text += fmt::format("\n  {:<13}{}\n{:15}{}\n{:15}{}\n", family.name, family.parameters, "", family.meaning, "",
                        family.example);
  return text +
         "\nA quantity alone is a constant: 1ms, 512. Times are in s, ms, us, ns, m, h (a bare number: seconds), sizes "
         "in\nbytes (B, k, M, G, KiB, MiB, GiB). Any family is truncated by min= and max= (uniform, which has these, "
         "by "
         "least=\nand most=): what is drawn outside is drawn anew, and counted in the result.\n";
}

std::string profiles_text() {
  std::string text = "What --profile and profile = in flows files take:\n";
  for (const Profile& profile : profiles()) {
    text += fmt::format("\n  {} ({})\n      {}\n", profile.name, kind_of(profile.flow), profile.summary);
    for (const std::string& parameter : profile.parameters) text += fmt::format("      {}\n", parameter);
    text += fmt::format("      Source: {}\n", profile.source);
  }
  return text +
         "\nParameters follow the name: voip:codec=g729.2,vad=on. A flows file may have [profile.NAME] of its own.\n";
}

}  // namespace

void add_lists(CLI::App& app, CommandLine& line) {
  app.add_subcommand("models", "Lists the random models of times and sizes, with examples")->callback([&line] {
    std::cout << models_text();
    line.exit_code = 0;
  });
  app.add_subcommand("profiles", "Lists the applications whose traffic is known, and what they send")
      ->callback([&line] {
        std::cout << profiles_text();
        line.exit_code = 0;
      });
}

}  // namespace paceline::sender
