// SPDX-License-Identifier: MIT
#include "sender/inbox.h"

#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <memory>
#include <vector>

namespace paceline::sender {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kPatience = 20s;

class InboxTest : public testing::Test {
 protected:
  /// What one next() gives, while `meanwhile` runs after it has begun to wait.
  template <class Meanwhile>
  std::optional<int> next(Clock::duration limit, Meanwhile meanwhile) {
    std::optional<int> got;
    asio::co_spawn(
        io_, [&]() -> asio::awaitable<void> { got = co_await inbox_.next(Clock::now() + limit); }, asio::detached);
    asio::post(io_, meanwhile);
    io_.restart();
    io_.run();
    return got;
  }
  std::optional<int> next(Clock::duration limit) {
    return next(limit, [] {});
  }

  asio::io_context io_{1};
  Inbox<int> inbox_{io_.get_executor()};
};

TEST_F(InboxTest, GivesValuesInOrderWithoutWaiting) {
  for (int i = 0; i < 3; ++i) inbox_.put(i);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(next(kPatience), i);
}

TEST_F(InboxTest, GivesWhatIsThereEvenWhenTheLimitHasPassed) {
  inbox_.put(7);
  EXPECT_EQ(next(-1s), 7);
  EXPECT_EQ(next(-1s), std::nullopt);
}

TEST_F(InboxTest, AValueEndsTheWait) {
  EXPECT_EQ(next(kPatience, [&] { inbox_.put(7); }), 7);
}

TEST_F(InboxTest, TheLimitEndsTheWait) {
  const auto begin = Clock::now();
  EXPECT_EQ(next(30ms), std::nullopt);
  EXPECT_GE(Clock::now() - begin, 30ms);
}

TEST_F(InboxTest, AWakeEndsOneWaitOnly) {
  EXPECT_EQ(next(kPatience, [&] { inbox_.wake(); }), std::nullopt);
  const auto begin = Clock::now();
  EXPECT_EQ(next(30ms), std::nullopt);
  EXPECT_GE(Clock::now() - begin, 30ms);
}

TEST_F(InboxTest, AWakeBeforeTheWaitIsNotMissed) {
  inbox_.wake();
  const auto begin = Clock::now();
  EXPECT_EQ(next(kPatience), std::nullopt);
  EXPECT_LT(Clock::now() - begin, kPatience);
}

TEST_F(InboxTest, AClosedOneStillGivesWhatItHas) {
  inbox_.put(1);
  inbox_.close();
  inbox_.put(2);
  EXPECT_EQ(next(kPatience), 1);
  EXPECT_EQ(next(kPatience), 2);
  const auto begin = Clock::now();
  EXPECT_EQ(next(kPatience), std::nullopt);
  EXPECT_LT(Clock::now() - begin, kPatience);
}

TEST_F(InboxTest, ClosingEndsTheWait) {
  EXPECT_EQ(next(kPatience, [&] { inbox_.close(); }), std::nullopt);
}

TEST(Inbox, TakesValuesThatCannotBeCopied) {
  asio::io_context io(1);
  Inbox<std::unique_ptr<int>> inbox(io.get_executor());
  inbox.put(std::make_unique<int>(7));
  int got = 0;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        const auto value = co_await inbox.next(Clock::now() + kPatience);
        if (value) got = **value;
      },
      asio::detached);
  io.run();
  EXPECT_EQ(got, 7);
}

}  // namespace
}  // namespace paceline::sender
