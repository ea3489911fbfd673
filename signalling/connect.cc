// SPDX-License-Identifier: MIT
#include "signalling/connect.h"

#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "paceline/error.h"

namespace paceline::signalling {

using asio::ip::tcp;

namespace {

bool wanted(const tcp::endpoint& endpoint, Family family) {
  return family == Family::any || endpoint.address().is_v6() == (family == Family::ipv6);
}

asio::awaitable<std::vector<tcp::endpoint>> resolve(asio::io_context& io, const Endpoint& to, Family family) {
  tcp::resolver resolver(io);
  asio::error_code error;
  const auto results = co_await resolver.async_resolve(to.host, std::to_string(to.port),
                                                       asio::redirect_error(asio::use_awaitable, error));
  if (error)
    throw SetupError("host '" + to.host + "' does not resolve: " + error.message() +
                     "; check the name, or give an address");
  std::vector<tcp::endpoint> endpoints;
  for (const auto& result : results) {
    if (wanted(result.endpoint(), family)) endpoints.push_back(result.endpoint());
  }
  if (endpoints.empty())
    throw SetupError("host '" + to.host + "' has no " + (family == Family::ipv4 ? "IPv4" : "IPv6") + " address");
  co_return endpoints;
}

/// Returns why not; empty if connected.
asio::awaitable<std::string> try_one(asio::io_context& io, tcp::socket& socket, const tcp::endpoint& endpoint,
                                     const std::string& source) {
  asio::error_code error;
  if (!source.empty()) {
    socket.open(endpoint.protocol(), error);
    if (!error) socket.bind({asio::ip::make_address(source), 0}, error);
    if (error) co_return "connecting from " + source + ": " + error.message();
  }
  asio::steady_timer limit(io, kConnectLimit);
  bool late = false;
  limit.async_wait([&](const asio::error_code& cancelled) {
    if (cancelled) return;
    late = true;
    asio::error_code ignored;
    socket.close(ignored);
  });
  co_await socket.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, error));
  // Once cancelled in time the handler touches nothing here; had it been due already, it must run first.
  if (!late && limit.cancel() == 0) co_await asio::post(io, asio::use_awaitable);
  if (late) co_return "no answer in 3 s";
  co_return error ? error.message() : "";
}

}  // namespace

asio::awaitable<tcp::socket> connect(asio::io_context& io, const Endpoint& to, Family family, const std::string& source,
                                     const std::string& advice) {
  if (!source.empty()) family = asio::ip::make_address(source).is_v4() ? Family::ipv4 : Family::ipv6;
  const auto endpoints = co_await resolve(io, to, family);
  std::string tried;
  for (const tcp::endpoint& endpoint : endpoints) {
    tcp::socket socket(io);
    const std::string why = co_await try_one(io, socket, endpoint, source);
    if (why.empty()) co_return socket;
    tried += "\n  " + to_string(Endpoint{endpoint.address().to_string(), endpoint.port()}) + ": " + why;
  }
  throw SetupError("no signalling connection to " + to_string(to) + ":" + tried + "\n" + advice);
}

}  // namespace paceline::signalling
