// SPDX-License-Identifier: MIT
#include "receiver/log.h"

#include <gtest/gtest.h>

#include <sstream>

#include "receiver/health.h"

namespace paceline::receiver {
namespace {

using namespace std::chrono_literals;

const std::chrono::system_clock::time_point kTime{1'700'000'000'042ms};

TEST(LogLine, TextIsTheTimeAndWhatHappened) {
  EXPECT_EQ(log_line({LogLevel::info, "x", "it is so"}, LogFormat::text, kTime), "2023-11-14T22:13:20.042Z it is so");
  EXPECT_EQ(log_line({LogLevel::warning, "x", "odd"}, LogFormat::text, kTime), "2023-11-14T22:13:20.042Z warning: odd");
}

TEST(LogLine, NothingReachesATerminalAsItIs) {
  const LogEvent event{LogLevel::info, "x", "a\n\x1b[2J\xff\"", {{"peer", "b\n\x1b\xff"}}};
  EXPECT_EQ(log_line(event, LogFormat::text, kTime), "2023-11-14T22:13:20.042Z a\\x0a\\x1b[2J\\xff\"");
  const std::string line = log_line(event, LogFormat::json, kTime);
  for (const char letter : line) EXPECT_TRUE(letter >= ' ' && letter <= '~') << line;
  EXPECT_EQ(nlohmann::json::parse(line)["peer"], "b\n\x1b\xef\xbf\xbd");  // U+FFFD for what is no UTF-8
}

TEST(Log, LeavesOutWhatIsBelowItsLevel) {
  std::ostringstream out;
  Log log(out, LogFormat::text, LogLevel::warning);
  log.session_opened("peer");
  EXPECT_EQ(out.str(), "");
  log.warning("odd");
  log.failed("over");
  EXPECT_NE(out.str().find("Z warning: odd\n"), std::string::npos);
  EXPECT_NE(out.str().find("Z paceline-recv: over\n"), std::string::npos);
}

TEST(Health, IsReadyWhenListeningUntilItDrains) {
  Health health;
  const auto now = std::chrono::steady_clock::now();
  EXPECT_EQ(health.not_live(now), "");
  EXPECT_NE(health.not_ready(now), "");
  health.listening(1, 2);
  EXPECT_EQ(health.not_ready(now), "");
  health.draining(0, 0);
  EXPECT_NE(health.not_ready(now), "");
  EXPECT_EQ(health.not_live(now), "");
}

TEST(Health, IsDeadWhenItIsStuck) {
  Health health;
  const auto now = std::chrono::steady_clock::now();
  health.listening(1, 2);
  health.seen_alive(now);
  EXPECT_EQ(health.not_live(now + Health::kStuck), "");
  EXPECT_NE(health.not_live(now + Health::kStuck + 1s), "");
  EXPECT_NE(health.not_ready(now + Health::kStuck + 1s), "");
}

}  // namespace
}  // namespace paceline::receiver
