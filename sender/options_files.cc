// SPDX-License-Identifier: MIT
#include <iostream>
#include <memory>

#include "sender/ditg_script.h"
#include "sender/flows_file.h"
#include "sender/option_parser.h"

namespace paceline::sender {

namespace {

constexpr int kUsage = 2;

/// A file and what takes the place of its settings.
struct FromFile {
  std::string file;
  Given flows;
};

void add_file(CLI::App& app, FromFile& asked, const std::string& what) {
  app.add_option("file", asked.file, what)->required()->type_name("FILE");
}

// Errors in a file have their places there: the command line's help does not help with them.
template <class Read>
void read_file(CommandLine& line, const Read& read) {
  try {
    read();
  } catch (const UsageError& error) {
    std::cerr << "paceline-send: " << error.what() << '\n';
    line.exit_code = kUsage;
  }
}

void add_run(CLI::App& app, CommandLine& line) {
  CLI::App& run = *app.add_subcommand("run", "Flows, slices and their objectives from a file (TOML)");
  auto asked = std::make_shared<FromFile>();
  add_file(run, *asked, "The flows, as sender/README.md and examples/ show them");
  add_host(run, line);
  run.get_option("host")->description("The receiver, instead of the file's");
  for (const char* name : {"duration", "omit", "interval"})
    add_setting(run, *find(packet_settings(), name), asked->flows);
  run.option_defaults()->group("Slices");
  run.add_flag("--require-objectives", line.options.require_objectives,
               "Exit code 4 when a slice misses an objective, or it could not be\nmeasured");
  add_common(run, line);
  run.footer(std::string("What is given here takes the place of the file's.\n"
                         "Examples:\n"
                         "  paceline-send run examples/slices.toml NODE:30900\n"
                         "  paceline-send run flows.toml --duration 5s --require-objectives --json\n") +
             kExitCodes + "\nWith --require-objectives also 4: complete, but an objective was missed.");
  run.callback([&line, asked] {
    read_file(line, [&] { line.options.run = read_flows_file(asked->file, {.run = line.run, .flows = asked->flows}); });
  });
}

void add_ditg(CLI::App& app, CommandLine& line) {
  CLI::App& ditg = *app.add_subcommand("ditg", "Flows from a D-ITG script: a line each, in ITGSend's options");
  auto asked = std::make_shared<FromFile>();
  add_file(ditg, *asked, "The script, as ITGSend reads it");
  add_common(ditg, line);
  ditg.footer(std::string("Examples:\n"
                          "  paceline-send ditg script_file\n"
                          "  paceline-send ditg script_file --json --output result.json\n") +
              kExitCodes);
  ditg.callback([&line, asked] {
    read_file(line, [&] {
      DitgRun script = read_ditg_script(asked->file);
      for (const std::string& note : script.notes) std::cerr << "note: " << note << '\n';
      line.options.run = std::move(script.run);
      for (FlowSpec& flow : line.options.run.flows) expect_rate(flow);
    });
    as_options([&] { apply(run_settings(), line.run, line.options.run); });
  });
}

}  // namespace

void add_files(CLI::App& app, CommandLine& line) {
  add_run(app, line);
  add_ditg(app, line);
}

}  // namespace paceline::sender
