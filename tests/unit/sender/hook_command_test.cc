// SPDX-License-Identifier: MIT
#include "sender/hook_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <stop_token>
#include <string>

namespace paceline::sender {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;

CommandEnd shell(const std::string& line, const Environment& environment = {}, nanoseconds limit = 60s,
                 const std::stop_token& stop = {}) {
  return run_command({"/bin/sh", "-c", line}, environment, {}, limit, stop);
}

TEST(HookCommand, BothStreamsAreKeptAndSuccessIsNoFailure) {
  const CommandEnd end = shell("echo out; echo err >&2");
  EXPECT_EQ(end.failure, "");
  EXPECT_EQ(end.output, "out\nerr\n");
}

TEST(HookCommand, TheEnvironmentIsAddedToAndReplaced) {
  EXPECT_EQ(
      shell("echo $PACELINE_AXIS_X; echo ${PATH:-none}", {{"PACELINE_AXIS_X", "a b"}, {"PATH", "/nowhere"}}).output,
      "a b\n/nowhere\n");
}

TEST(HookCommand, RunsInItsFolderWithNothingToRead) {
  EXPECT_EQ(run_command({"sh", "-c", "pwd; cat"}, {}, "/", 60s, {}).output, "/\n");
}

TEST(HookCommand, SaysHowItEnded) {
  EXPECT_EQ(shell("exit 3").failure, "ended with exit code 3");
  EXPECT_THAT(shell("kill -TERM $$").failure, HasSubstr("signal 15"));
  EXPECT_EQ(run_command({"/is/not/there"}, {}, {}, 60s, {}).failure, "could not be started: No such file or directory");
  EXPECT_EQ(run_command({"true"}, {}, "/is/not/there", 60s, {}).failure,
            "could not be started: No such file or directory");
}

TEST(HookCommand, KeepsTheEndOfLongOutput) {
  const std::string output = shell("seq 1 20000").output;
  EXPECT_EQ(output.size(), CommandEnd::kMost);
  EXPECT_THAT(output, EndsWith("19999\n20000\n"));
}

TEST(HookCommand, BeyondTheLimitTheWholeGroupIsEnded) {
  // The output's pipe is closed only when the last of the group has gone.
  const CommandEnd end = shell("trap '' TERM; sleep 1000 & echo begun; wait; wait", {}, 50ms);
  EXPECT_EQ(end.failure, "was ended: it took longer than 50 ms");
  EXPECT_EQ(end.output, "begun\n");
}

TEST(HookCommand, AStopRequestEndsIt) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(shell("sleep 1000", {}, 60s, stop.get_token()).failure, "was ended: a stop was requested");
}

TEST(HookCommand, WhatItLeavesRunningIsNotWaitedFor) {
  const CommandEnd end = shell("sleep 1000 & echo $!");
  EXPECT_EQ(end.failure, "");
  EXPECT_EQ(shell("kill -9 " + end.output).failure, "");
}

TEST(HookCommand, SignalsThatTheCallerBlocksAreNotBlockedInIt) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const CommandEnd end = shell("kill -TERM $$; echo survived");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_THAT(end.failure, HasSubstr("signal 15"));
}

}  // namespace
}  // namespace paceline::sender
