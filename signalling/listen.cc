// SPDX-License-Identifier: MIT
#include "signalling/listen.h"

#include <asio/ip/v6_only.hpp>

#include "paceline/endpoint.h"
#include "paceline/error.h"

namespace paceline::signalling {

using asio::ip::tcp;

tcp::acceptor listen(asio::io_context& io, const ListenSpec& spec) {
  asio::error_code error;
  tcp::endpoint endpoint(spec.family == Family::ipv4 ? tcp::v4() : tcp::v6(), spec.port);
  if (!spec.bind.empty()) {
    endpoint.address(asio::ip::make_address(spec.bind, error));
    if (error) throw UsageError("'" + spec.bind + "' is no IPv4 or IPv6 address to listen on");
  }
  const bool any = spec.family == Family::any && endpoint.address() == asio::ip::address_v6::any();
  tcp::acceptor acceptor(io);
  acceptor.open(endpoint.protocol(), error);
  if (error && spec.bind.empty() && any) {
    endpoint = {tcp::v4(), spec.port};
    acceptor.open(endpoint.protocol(), error);
  }
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && endpoint.protocol() == tcp::v6()) acceptor.set_option(asio::ip::v6_only(!any), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error && spec.accepting) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error)
    throw SetupError(spec.what + " " + to_string(Endpoint{spec.bind.empty() ? "*" : spec.bind, spec.port}) +
                     "/tcp: " + error.message() + (error == asio::error::address_in_use ? "; " + spec.advice : ""));
  return acceptor;
}

}  // namespace paceline::signalling
