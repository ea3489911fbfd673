// SPDX-License-Identifier: MIT
//
// The commands of paceline-decode. Each add_X() adds its subcommand, with its help, to the program; parsing runs it
// (CLI11's callback), and `exit_code` is what the program ends with then.
#pragma once

namespace CLI {
class App;
}

namespace paceline::decoder {

enum Exit { kComplete = 0, kFailed = 1, kUsage = 2, kPartial = 3, kRequirementMissed = 4 };

void add_replay(CLI::App& program, int& exit_code);
void add_follow(CLI::App& program, int& exit_code);
void add_compare(CLI::App& program, int& exit_code);
void add_report(CLI::App& program, int& exit_code);

}  // namespace paceline::decoder
