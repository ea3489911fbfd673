// SPDX-License-Identifier: MIT
#include "sender/knock_socket.h"

#include <array>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <span>

#include "traffic/flow_label.h"

namespace paceline::sender {

using asio::ip::udp;

KnockSocket::KnockSocket(const asio::any_io_executor& executor, const LocalEnd& local, const traffic::Address& like)
    : socket_(executor), flow_label_(local.flow_label) {
  OpenSocket open = open_socket(SOCK_DGRAM, local, like);
  socket_.assign(like.is_v4() ? udp::v4() : udp::v6(), open.fd.release());
}

std::uint16_t KnockSocket::port() const { return socket_.local_endpoint().port(); }

asio::awaitable<std::optional<traffic::Address>> KnockSocket::knocked(const ProbeKey& key,
                                                                      std::chrono::steady_clock::time_point limit) {
  asio::steady_timer deadline(socket_.get_executor(), limit);
  const auto alive = std::make_shared<bool>(true);
  deadline.async_wait([this, alive](const asio::error_code& cancelled) {
    asio::error_code ignored;
    if (!cancelled && *alive) socket_.cancel(ignored);
  });
  std::optional<traffic::Address> from;
  std::array<std::uint8_t, 2048> buffer;
  while (!from && std::chrono::steady_clock::now() < limit) {
    udp::endpoint peer;
    asio::error_code error;
    const std::size_t size = co_await socket_.async_receive_from(asio::buffer(buffer), peer,
                                                                 asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) break;
    if (error) continue;
    const auto knock = packet::decode_knock(std::span(buffer).first(size));
    if (!knock || knock->flow_id != key.flow_id || !packet::equal(knock->secret, key.secret)) continue;
    from = traffic::Address::parse(peer.address().to_string(), peer.port());
  }
  *alive = false;
  co_return from;
}

std::shared_ptr<ProbeSocket> KnockSocket::connect(const traffic::Address& to) {
  OpenSocket open;
  open.fd = traffic::FileDescriptor(socket_.release());
  open.length = to.to_sockaddr(open.destination, to.is_v4() ? AF_INET : AF_INET6);
  if (flow_label_) traffic::set_flow_label(open.fd.get(), *flow_label_, open.destination);
  return std::make_shared<ProbeSocket>(socket_.get_executor(), std::move(open), true);
}

}  // namespace paceline::sender
