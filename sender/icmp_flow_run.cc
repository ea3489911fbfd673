// SPDX-License-Identifier: MIT
#include "sender/icmp_flow_run.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/ip/icmp.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <span>
#include <utility>

#include "paceline/error.h"
#include "proto/packet.h"
#include "sender/path_end.h"
#include "traffic/clock_source.h"
#include "traffic/payload_bytes.h"
#include "traffic/random.h"

namespace paceline::sender {

namespace {

using asio::ip::icmp;

constexpr std::uint32_t kAttempts = 3;  // to be answered at all, a second each
constexpr std::chrono::seconds kAnswerLimit{1};
constexpr std::uint32_t kFirstAttempt = 0xFFFF0000;  // apart from the flow's sequence numbers on the wire

asio::awaitable<std::vector<traffic::Address>> resolve(asio::io_context& io, const std::string& host, Family family) {
  icmp::resolver resolver(io);
  asio::error_code error;
  const auto results = co_await resolver.async_resolve(host, "", asio::redirect_error(asio::use_awaitable, error));
  if (error)
    throw SetupError("host '" + host + "' does not resolve: " + error.message() +
                     "; check the name, or give an address");
  std::vector<traffic::Address> addresses;
  for (const auto& result : results) {
    const auto address = traffic::Address::parse(result.endpoint().address().to_string(), 0);
    if (family == Family::any || address.is_v4() == (family == Family::ipv4)) addresses.push_back(address);
  }
  if (addresses.empty())
    throw SetupError("host '" + host + "' has no " + (family == Family::ipv4 ? "IPv4" : "IPv6") + " address");
  co_return addresses;
}

}  // namespace

IcmpFlowRun::IcmpFlowRun(RunContext& run, std::size_t index, const traffic::PacketPlan& plan, UdpSending& sending)
    : run_(run),
      index_(index),
      plan_(plan),
      sending_(sending),
      cpu_(run.io.get_executor()),
      news_(run.io, asio::steady_timer::time_point::max()) {
  result_.spec = back_.spec = plan.spec();
  result_.flow_id = traffic::random_value<std::uint32_t>();
}

asio::awaitable<void> IcmpFlowRun::prepare() {
  const std::string host = target_of(run_.spec, index_).receiver.host;
  SocketSpec socket = plan_.spec().socket;
  if (socket.source.empty()) socket.source = run_.spec.source;
  Family family = run_.spec.family;
  if (!socket.source.empty()) family = traffic::Address::parse(socket.source, 0).is_v4() ? Family::ipv4 : Family::ipv6;
  std::string tried;
  for (const traffic::Address& to : co_await resolve(run_.io, host, family)) {
    echo_ = std::make_unique<traffic::IcmpEcho>(to, socket);
    const std::string why = co_await try_address(to);
    if (why.empty()) co_return;
    tried += "\n  " + to.ip_string() + ": " + why;
  }
  throw SetupError("nobody answers echo requests at " + host + ":" + tried +
                   "\nIs ICMP filtered on the way, or there (net.ipv4.icmp_echo_ignore_all)?");
}

/// Returns why it is of no use; empty if it answers.
asio::awaitable<std::string> IcmpFlowRun::try_address(const traffic::Address& to) {
  std::string why = co_await first_round_trip();
  if (!why.empty()) co_return why;
  result_.path.dialled = to.ip_string();
  result_.path.sent_from = echo_->local().ip_string();
  result_.clock.verdict = ClockVerdict::same_host;  // there is but one
  result_.stamping.reason = "echo requests are answered by the other end's kernel";
  co_return std::string();
}

/// Returns why there was none; empty if there was.
asio::awaitable<std::string> IcmpFlowRun::first_round_trip() {
  std::string why;
  for (std::uint32_t attempt = kFirstAttempt; attempt < kFirstAttempt + kAttempts; ++attempt) {
    const SenderTime begun = traffic::now<SenderClock>();
    ++result_.path.attempts;
    if (send_probe(attempt) != 0) why = network_error(errno);
    if (co_await answered(attempt, asio::steady_timer::time_point(begun.time_since_epoch()) + kAnswerLimit, why)) {
      result_.path.first_packet = traffic::now<SenderClock>() - begun;
      co_return std::string();
    }
  }
  co_return why.empty() ? "no reply in " + std::to_string(kAttempts) + " s" : why;
}

int IcmpFlowRun::send_probe(std::uint32_t attempt) {
  std::array<std::uint8_t, traffic::IcmpEcho::kHeader + packet::kHeaderSize> message{};
  packet::encode({packet::Type::probe, result_.flow_id, attempt, 0, 0},
                 std::span(message).subspan(traffic::IcmpEcho::kHeader));
  echo_->seal(message, attempt);
  return send(echo_->fd(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

/// Whether the reply to this probe came in time. What the network said instead is put into `why`.
asio::awaitable<bool> IcmpFlowRun::answered(std::uint32_t attempt, asio::steady_timer::time_point limit,
                                            std::string& why) {
  const auto socket = std::make_shared<asio::posix::stream_descriptor>(run_.io, dup(echo_->fd()));
  asio::steady_timer deadline(run_.io, limit);
  deadline.async_wait([socket](const asio::error_code& cancelled) {
    asio::error_code ignored;
    if (!cancelled) socket->cancel(ignored);
  });
  std::array<std::uint8_t, 2048> buffer;
  while (asio::steady_timer::clock_type::now() < limit) {
    const ssize_t count = recv(echo_->fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0 && errno != EAGAIN) {
      why = network_error(errno);
      drain_errors();
      continue;
    }
    if (count >= 0) {
      const auto packet = echo_->packet_in(std::span(buffer).first(static_cast<std::size_t>(count)));
      const auto header = packet ? packet::decode_header(*packet) : std::nullopt;
      if (header && header->type == packet::Type::probe && header->flow_id == result_.flow_id &&
          header->sequence == attempt)
        co_return true;
      continue;
    }
    asio::error_code ignored;
    co_await socket->async_wait(asio::posix::stream_descriptor::wait_read,
                                asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return false;
}

/// Those of probes are not the flow's.
void IcmpFlowRun::drain_errors() {
  msghdr nothing{};
  while (recvmsg(echo_->fd(), &nothing, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) {
  }
}

void IcmpFlowRun::request_start(SenderTime start) {
  start_ = start;
  drain_errors();
  traffic::UdpFlow flow;
  flow.socket = echo_->fd();
  flow.flow_id = result_.flow_id;
  flow.spec = plan_.spec();
  flow.source = plan_.source();
  flow.payload = traffic::PayloadBytes::of(plan_.spec());
  flow.start = start_;
  flow.sink = &lateness_;
  flow.envelope = echo_.get();
  number_ = sending_.add(flow, [this](traffic::UdpFlowOutcome&& outcome) { on_sent(std::move(outcome)); });
}

asio::awaitable<void> IcmpFlowRun::await_start() {
  decoder::FlowStart start;
  start.flow_id = result_.flow_id;
  start.spec = plan_.spec();
  start.start = start_;
  start.hook = Hook::netstamp;
  const auto executor = run_.io.get_executor();
  replies_ = std::make_unique<IcmpReplies>(
      *echo_, start,
      [this, executor](PacketInterval&& row) {
        asio::post(executor, [this, row = std::move(row)] { on_interval(row); });
      },
      [this, executor](IcmpReplies::Errors&& errors) {
        asio::post(executor, [this, errors = std::move(errors)] { on_finished(errors); });
      });
  cpu_.begin_at(start_ + plan_.spec().omit);
  started_ = true;
  run_.observer.path_confirmed(index_, result_.path, result_.stamping);
  co_return;
}

asio::awaitable<void> IcmpFlowRun::run() {
  begun_ = true;
  if (!stopped_why_.empty()) sending_.stop(number_);
  co_await until(sent_all_);
  replies_->done(sequences_);
  co_await until(finished_);
  conclude();
  run_.observer.finished(index_, result_);
}

void IcmpFlowRun::stop(const std::string& why) {
  if (stopped_why_.empty() && !sent_all_) stopped_why_ = why;
  if (begun_ && !sent_all_) sending_.stop(number_);
}

asio::awaitable<void> IcmpFlowRun::until(const bool& over) {
  while (!over) {
    asio::error_code cancelled;
    co_await news_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
}

void IcmpFlowRun::on_sent(traffic::UdpFlowOutcome&& outcome) {
  result_.sender_cpu = cpu_.end();
  result_.sent = outcome.sent;
  result_.sent.lateness = lateness_.take();
  sequences_ = outcome.sequences;
  error_ = outcome.error;
  for (const std::string& warning : sending_.warnings()) run_.warn(warning);
  sent_all_ = true;
  news_.cancel();
}

void IcmpFlowRun::on_interval(const PacketInterval& interval) {
  PacketInterval row = interval;
  row.meter = Meter::round_trip;
  decoder::accumulate(back_, row);
  run_.observer.interval(index_, row);
}

void IcmpFlowRun::on_finished(const IcmpReplies::Errors& errors) {
  for (const auto& [what, count] : errors)
    run_.warn("flow " + std::to_string(index_ + 1) + ": " + std::to_string(count) +
              (count == 1 ? " echo request was" : " echo requests were") + " answered by an error: " + what);
  finished_ = true;
  news_.cancel();
}

void IcmpFlowRun::conclude() {
  RoundTrip& back = result_.round_trip.emplace();
  back.received = back_.received;
  back.first_arrival = back_.first_arrival;
  back.last_arrival = back_.last_arrival;
  back.statistics = back_.statistics;
  back.smoothed_jitter = back_.smoothed_jitter;
  back.intervals = back_.intervals;
  back.hook = Hook::netstamp;
  result_.incomplete_reason = !stopped_why_.empty() ? stopped_why_ : error_;
  result_.complete = result_.incomplete_reason.empty();
}

}  // namespace paceline::sender
