// SPDX-License-Identifier: MIT
#include "receiver/followers.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <chrono>

#include "proto/convert.h"

namespace paceline::receiver {

using signalling::ChannelError;

namespace {

constexpr std::chrono::seconds kFarewell{5};  // for a follower to read on, and learn why it was hung up on

std::uint32_t id_of(const FlowResult& flow) {
  return std::visit([](const auto& result) { return result.flow_id; }, flow);
}

}  // namespace

std::string Followers::full(const asio::ip::address& client) const {
  std::uint32_t all = 0;
  for (const auto& [address, number] : by_client_) all += number;
  if (all >= limits_.followers)
    return all == 0 ? "nobody may follow this receiver (--max-followers 0)"
                    : "the receiver has " + std::to_string(all) + " followers already, its limit (followers)";
  const auto found = by_client_.find(client);
  if (found != by_client_.end() && found->second >= limits_.followers_per_client)
    return "the receiver has " + std::to_string(found->second) +
           " followers from your address already, its limit (followers per client)";
  return {};
}

void Followers::leave(const asio::ip::address& client) {
  const auto found = by_client_.find(client);
  if (--found->second == 0) by_client_.erase(found);
}

void Followers::add(const std::shared_ptr<signalling::Channel>& channel, const wire::Subscribe& request) {
  Follower follower{channel, {request.flow_ids().begin(), request.flow_ids().end()}, {}};
  for (const std::uint32_t id : follower.flow_ids) {
    if (running_.contains(id)) continue;
    wire::Message message;
    message.mutable_refused()->set_flow_id(id);
    message.mutable_refused()->set_reason("no such flow runs here");
    channel->send(message);
    throw ChannelError("it asked for a flow that does not run");
  }
  wire::Message message;
  const std::size_t flows = follower.flow_ids.empty() ? running_.size() : follower.flow_ids.size();
  message.mutable_following()->set_flows(static_cast<std::uint32_t>(flows));
  channel->send(message);
  for (const auto& [id, flow] : running_) {
    if (!follower.wants(id)) continue;
    wire::Message news;
    wire::to_wire(flow, *news.mutable_flow_news()->mutable_result());
    channel->send(news);
  }
  followers_.emplace(channel.get(), std::move(follower));
}

std::string Followers::remove(const signalling::Channel& channel) {
  const auto found = followers_.find(&channel);
  if (found == followers_.end()) return {};
  const std::string why = found->second.hung_up;
  followers_.erase(found);
  return why;
}

void Followers::Follower::tell(const wire::Message& message, std::size_t size) {
  if (!hung_up.empty()) return;
  const std::size_t waiting = channel->waiting();
  if (waiting + size > kMostWaiting) return hang_up("it reads too slowly: " + std::to_string(waiting) + " bytes wait");
  channel->send(message);
}

void Followers::Follower::hang_up(const std::string& why) {
  if (!hung_up.empty()) return;
  hung_up = why;
  wire::Message message;
  message.mutable_refused()->set_reason(why);
  channel->send(message);
  asio::co_spawn(
      channel->executor(),
      [channel = channel]() -> asio::awaitable<void> { co_await channel->flush_and_close(kFarewell); }, asio::detached);
}

template <class Fill>
void Followers::tell(std::uint32_t flow_id, const Fill& fill) {
  wire::Message message;
  std::size_t size = 0;
  for (auto& [channel, follower] : followers_) {
    if (!follower.wants(flow_id)) continue;
    if (size == 0) {
      fill(message);
      size = message.ByteSizeLong();
    }
    follower.tell(message, size);
  }
}

void Followers::flow_started(const FlowResult& flow) {
  const std::uint32_t id = id_of(flow);
  running_.insert_or_assign(id, flow);
  tell(id, [&](wire::Message& message) { wire::to_wire(flow, *message.mutable_flow_news()->mutable_result()); });
  next_.flow_started(flow);
}

void Followers::interval(std::uint32_t flow_id, const PacketInterval& interval) {
  tell(flow_id, [&](wire::Message& message) {
    message.mutable_interval()->set_flow_id(flow_id);
    wire::to_wire(interval, *message.mutable_interval()->mutable_interval());
  });
  next_.interval(flow_id, interval);
}

void Followers::interval(std::uint32_t flow_id, const TcpInterval& interval) {
  tell(flow_id, [&](wire::Message& message) {
    message.mutable_interval()->set_flow_id(flow_id);
    wire::to_wire(interval, *message.mutable_interval()->mutable_tcp());
  });
  next_.interval(flow_id, interval);
}

void Followers::flow_finished(const FlowResult& result) {
  const std::uint32_t id = id_of(result);
  running_.erase(id);
  tell(id, [&](wire::Message& message) {
    wire::to_wire(result, *message.mutable_flow_news()->mutable_result());
    message.mutable_flow_news()->set_ended(true);
  });
  next_.flow_finished(result);
  hang_up_if_done();
}

void Followers::flow_gone(std::uint32_t flow_id) {
  const auto found = running_.find(flow_id);
  if (found == running_.end()) return;
  tell(flow_id, [&](wire::Message& message) {
    wire::FlowNews& news = *message.mutable_flow_news();
    wire::to_wire(found->second, *news.mutable_result());
    news.set_ended(true);
    news.set_why_unknown("it broke off before it could be summed up");
  });
  running_.erase(found);
  next_.flow_gone(flow_id);
  hang_up_if_done();
}

void Followers::stop(const std::string& why) {
  stopped_ = why;
  hang_up_if_done();
}

void Followers::hang_up_if_done() {
  if (stopped_.empty() || !running_.empty()) return;
  for (auto& [channel, follower] : followers_) follower.hang_up(stopped_);
}

}  // namespace paceline::receiver
