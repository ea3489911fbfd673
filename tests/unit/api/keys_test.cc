// SPDX-License-Identifier: MIT
//
// Runs under keys, and with somebody in between.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "paceline/error.h"
#include "proto/signalling.pb.h"
#include "tests/unit/api/ends.h"
#include "tests/unit/signalling/middleman.h"

namespace paceline {
namespace {

using From = signalling::Middleman::From;
using testing::HasSubstr;

const Key kKey{"lab", "sixteen bytes ok"};

ReceiverSpec with_key() {
  ReceiverSpec spec;
  spec.keys = {kKey};
  return spec;
}

/// What run() fails with; empty if it does not.
std::string failure_of(const RunSpec& spec) {
  RunLog log;
  try {
    run(spec, log);
  } catch (const SetupError& error) {
    return error.what();
  }
  return "";
}

/// The frame with its message changed; its body is the one that is named.
template <class Change>
std::vector<std::string> changed(const std::string& frame, const Change& change) {
  wire::Message message;
  EXPECT_TRUE(message.ParseFromString(frame.substr(frame::kHeadSize)));
  change(message);
  return {frame::encode(message.SerializeAsString())};
}

TEST(RunWithKeys, IsServedWhenBothHaveTheKey) {
  Receiver receiver(with_key());
  RunSpec spec = run_to(receiver.at());
  spec.key = kKey;
  RunLog log;
  const RunResult result = run(spec, log);
  EXPECT_TRUE(result.complete());
  EXPECT_EQ(udp(result).received.packets, 150u);
}

TEST(RunWithKeys, FailsWithAnotherKeyAndWithNone) {
  Receiver receiver(with_key());
  RunSpec spec = run_to(receiver.at());
  EXPECT_THAT(failure_of(spec), HasSubstr("wants a key"));
  spec.key = Key{"lab", "sixteen bytes no"};
  EXPECT_THAT(failure_of(spec), HasSubstr("authentication failed"));
}

TEST(RunWithKeys, NobodyInBetweenTakesTheKeyAway) {
  Receiver receiver(with_key());
  const auto without = [](From from, std::size_t index, const std::string& frame) {
    if (from == From::sender || index != 0) return std::vector{frame};
    return changed(frame, [](wire::Message& message) { message.mutable_welcome()->set_key_wanted(false); });
  };
  const signalling::Middleman deceived(receiver.at().port, without);
  RunSpec spec = run_to({"127.0.0.1", deceived.port()});
  spec.key = kKey;
  EXPECT_THAT(failure_of(spec), HasSubstr("has no keys")) << "and the sender goes no further";
  // A sender without a key believes it, but the receiver does not.
  const signalling::Middleman believed(receiver.at().port, without);
  EXPECT_THAT(failure_of(run_to({"127.0.0.1", believed.port()})), HasSubstr("authentication failed"));
}

TEST(RunWithKeys, NobodyInBetweenChangesWhatTheEndsSpeak) {
  Receiver receiver(with_key());
  const auto meddle = [&](From whose, const std::function<void(wire::Message&)>& change) {
    const signalling::Middleman middleman(receiver.at().port,
                                          [&](From from, std::size_t index, const std::string& frame) {
                                            if (from != whose || index != 0) return std::vector{frame};
                                            return changed(frame, change);
                                          });
    RunSpec spec = run_to({"127.0.0.1", middleman.port()});
    spec.key = kKey;
    return failure_of(spec);
  };
  const auto hello = [](auto edit) { return [edit](wire::Message& message) { edit(*message.mutable_hello()); }; };
  EXPECT_THAT(meddle(From::sender, hello([](wire::Hello& to) { to.set_highest_version(7); })),
              HasSubstr("authentication failed"));
  EXPECT_THAT(meddle(From::sender, hello([](wire::Hello& to) { to.add_features("more"); })),
              HasSubstr("authentication failed"));
  EXPECT_THAT(meddle(From::receiver, [](wire::Message& to) { to.mutable_welcome()->add_features("more"); }),
              HasSubstr("authentication failed"));
  EXPECT_THAT(meddle(From::receiver, [](wire::Message& to) { to.mutable_welcome()->mutable_limits()->set_flows(9); }),
              HasSubstr("authentication failed"));
}

TEST(RunWithKeys, AChangeInTheMiddleEndsTheSession) {
  Receiver receiver(with_key());
  const signalling::Middleman middleman(receiver.at().port, [](From from, std::size_t index, const std::string& frame) {
    std::string edited = frame;
    char& byte = edited[frame::kHeadSize + 1];
    if (from == From::sender && index == 2) byte = static_cast<char>(byte ^ 1);  // the first sealed one: OpenFlow
    return std::vector{edited};
  });
  RunSpec spec = run_to({"127.0.0.1", middleman.port()});
  spec.key = kKey;
  EXPECT_NE(failure_of(spec), "");
  EXPECT_TRUE(receiver.log.wait_until([&] { return receiver.log.closed.size() == 1; }));
  EXPECT_EQ(receiver.log.closed.front(), "authentication failed");
  EXPECT_TRUE(receiver.log.started.empty());
}

}  // namespace
}  // namespace paceline
