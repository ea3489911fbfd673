// SPDX-License-Identifier: MIT
#include "receiver/followers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/io_context.hpp>

#include "receiver/served_record.h"
#include "tests/unit/receiver/serving.h"

namespace paceline::receiver {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;
using testing::HasSubstr;

PacketFlowResult flow_of(std::uint32_t id) {
  PacketFlowResult flow;
  flow.flow_id = id;
  return flow;
}

wire::Subscribe to(std::initializer_list<std::uint32_t> ids) {
  wire::Subscribe request;
  for (const std::uint32_t id : ids) request.add_flow_ids(id);
  return request;
}

class FollowersTest : public testing::Test {
 protected:
  struct Follower {
    std::shared_ptr<signalling::Channel> channel;  // the receiver's end
    tcp::socket socket;                            // its own
  };

  Follower connect() {
    tcp::acceptor acceptor(io_, {asio::ip::address_v4::loopback(), 0});
    tcp::socket own(io_);
    own.connect(acceptor.local_endpoint());
    return {signalling::Channel::create(acceptor.accept(), signalling::kMaxRequest), std::move(own)};
  }

  /// What has come to a follower.
  std::vector<wire::Message> read(Follower& follower) {
    io_.restart();
    io_.poll();
    follower.socket.non_blocking(true);
    frame::Reader reader(signalling::kMaxResult);
    char chunk[65536];
    asio::error_code error;
    while (const std::size_t count = follower.socket.read_some(asio::buffer(chunk), error)) {
      reader.push(std::span(chunk, count));
      io_.poll();
    }
    std::vector<wire::Message> messages;
    while (const auto bytes = reader.next()) messages.emplace_back().ParseFromString(*bytes);
    return messages;
  }

  asio::io_context io_{1};
  ReceiverObserver nobody_;
  ReceiverLimits limits_;
  Followers followers_{nobody_, limits_};
};

TEST_F(FollowersTest, AreToldOfWhatRunsAndOfWhatTheyAskedFor) {
  Follower all = connect();
  Follower one = connect();
  followers_.flow_started(flow_of(1));
  followers_.flow_started(flow_of(2));
  followers_.add(all.channel, to({}));
  followers_.add(one.channel, to({2}));
  followers_.interval(1, PacketInterval{});
  followers_.interval(2, PacketInterval{});
  followers_.flow_finished(flow_of(2));

  const auto to_all = read(all);
  ASSERT_EQ(to_all.size(), 6u);
  EXPECT_EQ(to_all[0].following().flows(), 2u);
  for (const std::uint32_t id : {1u, 2u}) {
    const FlowResult whole = wire::from_wire(to_all[id].flow_news().result());
    EXPECT_EQ(std::get<PacketFlowResult>(whole).flow_id, id);
  }
  EXPECT_EQ(to_all[5].flow_news().result().packets().flow_id(), 2u);
  EXPECT_TRUE(to_all[5].flow_news().ended());
  const auto to_one = read(one);
  ASSERT_EQ(to_one.size(), 4u);
  EXPECT_EQ(to_one[0].following().flows(), 1u);
  EXPECT_FALSE(to_one[1].flow_news().ended());
  EXPECT_EQ(to_one[2].interval().flow_id(), 2u);
  EXPECT_TRUE(to_one[3].flow_news().ended());
}

TEST_F(FollowersTest, AFlowThatDoesNotRunIsRefusedById) {
  Follower follower = connect();
  EXPECT_THROW(followers_.add(follower.channel, to({3})), signalling::ChannelError);
  const auto messages = read(follower);
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].refused().flow_id(), 3u);
}

TEST_F(FollowersTest, WhoDoesNotReadIsHungUpOnAndOthersGetAll) {
  Follower still = connect();
  Follower well = connect();
  followers_.add(still.channel, to({}));
  followers_.add(well.channel, to({}));
  followers_.flow_started(flow_of(1));
  PacketInterval row;
  for (std::int32_t i = 0; i < 2000; ++i) row.statistics.ipdv.buckets.push_back({i, 1});
  constexpr std::size_t kRows = 8000;  // far more than may wait, and the kernel takes
  std::size_t came = 0;
  for (std::size_t i = 0; i < kRows; ++i) {
    followers_.interval(1, row);
    ASSERT_LT(still.channel->waiting(), Followers::kMostWaiting + 4096);
    came += read(well).size();
  }
  EXPECT_EQ(came, 2 + kRows);
  EXPECT_THAT(followers_.remove(*still.channel), HasSubstr("reads too slowly"));
  EXPECT_EQ(followers_.remove(*well.channel), "");
}

TEST_F(FollowersTest, AStopWaitsForTheFlowsAndIsToldLast) {
  Follower follower = connect();
  followers_.flow_started(flow_of(1));
  followers_.add(follower.channel, to({}));
  followers_.stop("the receiver was stopped");
  followers_.flow_gone(1);
  const auto messages = read(follower);
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_TRUE(messages[2].flow_news().ended());
  EXPECT_NE(messages[2].flow_news().why_unknown(), "");
  EXPECT_EQ(messages[3].refused().reason(), "the receiver was stopped");
}

TEST_F(FollowersTest, AreLimitedInAllAndByAddress) {
  limits_.followers = 3;
  limits_.followers_per_client = 2;
  const auto one = asio::ip::make_address("192.0.2.1");
  const auto other = asio::ip::make_address("192.0.2.2");
  followers_.enter(one);
  followers_.enter(one);
  EXPECT_THAT(followers_.full(one), HasSubstr("followers per client"));
  EXPECT_EQ(followers_.full(other), "");
  followers_.enter(other);
  EXPECT_THAT(followers_.full(asio::ip::make_address("192.0.2.3")), HasSubstr("(followers)"));
  followers_.leave(one);
  EXPECT_EQ(followers_.full(one), "");
}

// What only a receiver that runs can show.

TEST(ServeRecords, AreReadOfFlowsThatAskedForThemOnly) {
  Serving receiver;
  RawSender sender(receiver.port);
  wire::Message message;
  message.mutable_read_record()->set_flow_id(0x12345678);
  message.mutable_read_record()->set_most(1);
  sender.send(message);
  EXPECT_THAT(sender.expect(wire::Message::kRefused).refused().reason(), HasSubstr("no record"));
}

TEST(ServeRecords, TooManyRequestsEndTheSession) {
  Serving receiver;
  RawSender sender(receiver.port);
  wire::Message open;
  open.mutable_open_flow()->set_request(1);
  open.mutable_open_flow()->set_record(true);
  wire::to_wire(PacketFlowSpec{}, *open.mutable_open_flow()->mutable_packets());
  sender.send(open);
  const auto offer = sender.expect(wire::Message::kFlowOffer).flow_offer();
  wire::Message read;
  read.mutable_read_record()->set_flow_id(offer.flow_id());
  for (std::size_t i = 0; i <= ServedRecord::kMostAsked; ++i) sender.send(read);
  ASSERT_TRUE(receiver.wait_until([&] { return !receiver.closed.empty(); }));
  EXPECT_THAT(receiver.closed.front(), HasSubstr("too many requests"));
}

TEST(ServeFollowers, SendersDoNotSubscribe) {
  Serving receiver;
  RawSender sender(receiver.port);
  wire::Message message;
  message.mutable_subscribe();
  sender.send(message);
  ASSERT_TRUE(receiver.wait_until([&] { return !receiver.closed.empty(); }));
  EXPECT_THAT(receiver.closed.front(), HasSubstr("does not send"));
}

}  // namespace
}  // namespace paceline::receiver
