// SPDX-License-Identifier: MIT
#include "signalling/arrivals.h"

#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <utility>

namespace paceline::signalling {

using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::chrono::milliseconds kPause{100};
constexpr std::chrono::seconds kTellEvery{10};

}  // namespace

std::string AcceptTrouble::tell(const asio::error_code& error, Clock::time_point now) {
  ++untold_;
  if (now < next_) return {};
  next_ = now + kTellEvery;
  std::string text = "a connection could not be accepted, and waits: " + error.message();
  if (untold_ > 1) text += "; so it was " + std::to_string(untold_ - 1) + " times before";
  if (error == asio::error::no_descriptors) text += " (the limit is the process's: ulimit -n, systemd's LimitNOFILE=)";
  untold_ = 0;
  return text;
}

Arrivals::Arrivals(tcp::acceptor& acceptor, std::function<void(const std::string&)> warn)
    : acceptor_(acceptor), warn_(std::move(warn)) {}

asio::awaitable<std::optional<tcp::socket>> Arrivals::next() {
  for (;;) {
    asio::error_code error;
    tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!acceptor_.is_open()) co_return std::nullopt;
    if (!error) co_return std::move(socket);
    if (const std::string news = trouble_.tell(error, Clock::now()); !news.empty()) warn_(news);
    asio::steady_timer pause(acceptor_.get_executor(), kPause);
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
}

}  // namespace paceline::signalling
