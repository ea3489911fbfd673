// SPDX-License-Identifier: MIT
#include "sender/in_parallel.h"

#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <stdexcept>
#include <vector>

namespace paceline::sender {
namespace {

using Task = std::function<asio::awaitable<void>(std::size_t)>;

std::exception_ptr run(std::size_t count, std::size_t most, Task task) {
  asio::io_context io(1);
  std::exception_ptr failure;
  asio::co_spawn(io, in_parallel(io.get_executor(), count, most, std::move(task)),
                 [&](const std::exception_ptr& error) {
                   failure = error;
                   io.stop();
                 });
  io.run();
  return failure;
}

TEST(InParallel, DoesEachOnceAndNoMoreThanAllowedAtATime) {
  std::vector<int> done(100);
  std::size_t under_way = 0, most = 0;
  EXPECT_FALSE(run(100, 8, [&](std::size_t i) -> asio::awaitable<void> {
    most = std::max(most, ++under_way);
    co_await asio::post(asio::use_awaitable);
    --under_way;
    ++done[i];
  }));
  EXPECT_EQ(done, std::vector<int>(100, 1));
  EXPECT_EQ(most, 8u);
}

TEST(InParallel, OfNothingIsOverAtOnce) {
  EXPECT_FALSE(run(0, 8, [](std::size_t) -> asio::awaitable<void> { co_return; }));
}

TEST(InParallel, TheFirstFailureEndsItAndBeginsNoMore) {
  std::size_t begun = 0;
  const auto failure = run(100, 2, [&](std::size_t i) -> asio::awaitable<void> {
    ++begun;
    co_await asio::post(asio::use_awaitable);
    if (i == 5) throw std::runtime_error("enough");
  });
  ASSERT_TRUE(failure);
  EXPECT_THROW(std::rethrow_exception(failure), std::runtime_error);
  EXPECT_LT(begun, 10u);
}

}  // namespace
}  // namespace paceline::sender
