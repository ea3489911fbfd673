// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>

namespace paceline::sender {

/// Does task(0) to task(count - 1), each in the order of its number, at most `most` at a time. The first that fails
/// ends the wait with its exception, and no more are begun; those under way go on by themselves.
inline asio::awaitable<void> in_parallel(asio::any_io_executor executor, std::size_t count, std::size_t most,
                                         std::function<asio::awaitable<void>(std::size_t)> task) {
  struct State {
    std::function<asio::awaitable<void>(std::size_t)> task;
    std::size_t count;
    std::size_t begun = 0;
    std::size_t workers;
    std::exception_ptr failure;
    asio::steady_timer over;
  };
  if (count == 0) co_return;
  const auto state = std::make_shared<State>(
      State{std::move(task), count, 0, std::min(count, most), nullptr, asio::steady_timer(executor)});
  const auto work = [](std::shared_ptr<State> shared) -> asio::awaitable<void> {
    while (shared->begun < shared->count && !shared->failure) co_await shared->task(shared->begun++);
  };
  for (std::size_t i = state->workers; i > 0; --i) {
    asio::co_spawn(executor, work(state), [state](const std::exception_ptr& failure) {
      if (failure && !state->failure) state->failure = failure;
      --state->workers;
      state->over.cancel();
    });
  }
  while (state->workers > 0 && !state->failure) {
    state->over.expires_after(std::chrono::hours(1));
    asio::error_code cancelled;
    co_await state->over.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
  if (state->failure) std::rethrow_exception(state->failure);
}

}  // namespace paceline::sender
