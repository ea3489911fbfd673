// SPDX-License-Identifier: MIT
//
// serve() over real sockets, with a sender that is played move by move.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/unit/receiver/serving.h"

namespace paceline::receiver {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using wire::Message;

void send_all(int fd, std::size_t bytes) {
  const std::string data(bytes, 'x');
  for (std::size_t sent = 0; sent < bytes;) {
    const ssize_t count = send(fd, data.data() + sent, bytes - sent, MSG_NOSIGNAL);
    if (count <= 0) throw std::runtime_error("the receiver takes no more");
    sent += static_cast<std::size_t>(count);
  }
}

void reset(traffic::FileDescriptor fd) {
  const linger hard{1, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

TcpFlowSpec tcp_spec(std::uint32_t streams = 1) {
  TcpFlowSpec spec;
  spec.streams = streams;
  spec.duration = 500ms;
  spec.interval = 100ms;
  return spec;
}

/// What the interval reports say that a stream received or wrote.
std::uint64_t sum_of_rows(const RawSender& sender, int stream) {
  std::uint64_t sum = 0;
  for (const Message& message : sender.passed) {
    if (!message.has_interval() || message.interval().tcp().streams_size() <= stream) continue;
    sum += message.interval().tcp().streams(stream).received() + message.interval().tcp().streams(stream).written();
  }
  return sum;
}

TEST(ServeTcp, CountsWhatEachStreamBrings) {
  Serving receiver;
  RawSender sender(receiver.port);
  const auto offer = sender.offer(tcp_spec(2));
  const auto second = dial(receiver.data_port, offer, 9);
  const auto first = dial(receiver.data_port, offer, 7);
  sender.start(offer.flow_id(), {7, 9});
  send_all(first.get(), 1'000'000);
  send_all(second.get(), 2'000'000);
  shutdown(first.get(), SHUT_WR);
  shutdown(second.get(), SHUT_WR);
  const auto summary = sender.finish(offer.flow_id()).tcp();

  EXPECT_TRUE(summary.complete()) << summary.incomplete_reason();
  ASSERT_EQ(summary.streams_size(), 2);
  EXPECT_EQ(summary.streams(0).received(), 1'000'000);
  EXPECT_EQ(summary.streams(1).received(), 2'000'000);
  EXPECT_EQ(summary.received(), 3'000'000);
  EXPECT_EQ(sum_of_rows(sender, 0), 1'000'000);
  EXPECT_EQ(sum_of_rows(sender, 1), 2'000'000);
  EXPECT_GT(summary.last_arrival(), summary.first_arrival());
  const auto confirmed = std::count_if(sender.passed.begin(), sender.passed.end(),
                                       [](const Message& message) { return message.has_path_confirmed(); });
  EXPECT_EQ(confirmed, 2);
}

TEST(ServeTcp, DataConnectionsMayComeToTheSignallingPort) {
  Serving receiver;
  RawSender sender(receiver.port);
  const auto offer = sender.offer(tcp_spec());
  const auto stream = dial(receiver.port, offer, 1);
  sender.start(offer.flow_id(), {1});
  send_all(stream.get(), 100'000);
  shutdown(stream.get(), SHUT_WR);
  const auto summary = sender.finish(offer.flow_id()).tcp();
  EXPECT_TRUE(summary.complete()) << summary.incomplete_reason();
  EXPECT_EQ(summary.received(), 100'000);
}

TEST(ServeTcp, WritesWhenTheFlowIsReverse) {
  Serving receiver;
  RawSender sender(receiver.port);
  TcpFlowSpec spec = tcp_spec();
  spec.direction = Direction::reverse;
  spec.bytes = 3'000'000;
  const auto offer = sender.offer(spec);
  const auto stream = dial(receiver.data_port, offer, 1);
  sender.start(offer.flow_id(), {1});
  EXPECT_EQ(read_to_end(stream.get()), 3'000'000);
  const auto summary = sender.finish(offer.flow_id()).tcp();
  EXPECT_TRUE(summary.complete()) << summary.incomplete_reason();
  EXPECT_EQ(summary.written(), 3'000'000);
  EXPECT_EQ(sum_of_rows(sender, 0), 3'000'000);
  EXPECT_THAT(summary.congestion(), testing::Not(IsEmpty()));
  EXPECT_GT(summary.streams(0).info().mss(), 0);
}

TEST(ServeTcp, AFlowDoneEndsAReverseFlowEarly) {
  Serving receiver;
  RawSender sender(receiver.port);
  TcpFlowSpec spec = tcp_spec();
  spec.direction = Direction::reverse;
  spec.duration = 60s;
  spec.bitrate_bps = 1e6;
  const auto offer = sender.offer(spec);
  const auto stream = dial(receiver.data_port, offer, 1);
  sender.start(offer.flow_id(), {1});
  const auto summary = sender.finish(offer.flow_id(), "stopped by the user").tcp();
  EXPECT_FALSE(summary.complete());
  EXPECT_EQ(summary.incomplete_reason(), "stopped by the user");
  EXPECT_NE(read_to_end(stream.get()), std::nullopt);
}

TEST(ServeTcp, AStreamThatIsResetEndsAlone) {
  Serving receiver;
  RawSender sender(receiver.port);
  const auto offer = sender.offer(tcp_spec(2));
  const auto good = dial(receiver.data_port, offer, 1);
  auto broken = dial(receiver.data_port, offer, 2);
  sender.start(offer.flow_id(), {1, 2});
  send_all(broken.get(), 1000);
  reset(std::move(broken));
  send_all(good.get(), 1'000'000);
  shutdown(good.get(), SHUT_WR);
  const auto summary = sender.finish(offer.flow_id()).tcp();
  EXPECT_FALSE(summary.complete());
  EXPECT_THAT(summary.incomplete_reason(), AllOf(HasSubstr("stream 2"), HasSubstr("reset")));
  EXPECT_THAT(summary.streams(0).ended(), IsEmpty());
  EXPECT_EQ(summary.streams(0).received(), 1'000'000);
}

TEST(ServeTcp, ASenderThatVanishesLeavesAPartialResultAndNoConnection) {
  Serving receiver;
  RawSender sender(receiver.port);
  TcpFlowSpec spec = tcp_spec();
  spec.duration = 60s;
  const auto offer = sender.offer(spec);
  const auto stream = dial(receiver.data_port, offer, 1);
  const auto unclaimed = dial(receiver.data_port, offer, 2);
  sender.start(offer.flow_id(), {1});
  EXPECT_EQ(read_to_end(unclaimed.get()).value_or(0), 0);
  sender.hang_up();
  ASSERT_TRUE(receiver.wait_until([&] { return receiver.finished.size() == 1; }));
  const auto& result = std::get<TcpFlowResult>(receiver.finished.front());
  EXPECT_FALSE(result.complete);
  EXPECT_THAT(result.incomplete_reason, HasSubstr("the sender is gone"));
  EXPECT_EQ(read_to_end(stream.get()).value_or(0), 0);  // closed or reset, in bounded time
}

TEST(ServeTcp, ARefusedStartSaysWhy) {
  Serving receiver;
  RawSender sender(receiver.port);
  const auto offer = sender.offer(tcp_spec(2));
  const auto refusal = [&](const std::vector<std::uint32_t>& streams) {
    sender.ask_to_start(offer.flow_id(), streams);
    return sender.expect(Message::kRefused).refused().reason();
  };
  const auto first = dial(receiver.data_port, offer, 1);
  EXPECT_THAT(refusal({1}), HasSubstr("2 streams"));
  EXPECT_THAT(refusal({1, 1}), HasSubstr("one stream only"));
  EXPECT_THAT(refusal({1, 5}), HasSubstr("not there"));
}

TEST(ServeTcp, WhatTheReceiverCannotDoIsRefusedWhenItIsAskedFor) {
  ReceiverSpec spec = Serving::defaults();
  spec.limits.streams = 8;
  spec.limits.bitrate_bps = 1e9;
  Serving receiver(spec);
  RawSender sender(receiver.port);
  EXPECT_THAT(sender.refusal(tcp_spec(9)), HasSubstr("(streams)"));
  EXPECT_THAT(sender.refusal(TcpFlowSpec{}), HasSubstr("as fast as can be"));
  TcpFlowSpec odd = tcp_spec();
  odd.bitrate_bps = 1e6;
  odd.direction = Direction::reverse;
  odd.congestion = "nosuchcc";
  EXPECT_THAT(sender.refusal(odd), HasSubstr("nosuchcc"));
  odd.direction = Direction::forward;  // then it is the sender's
  EXPECT_NE(sender.offer(odd).flow_id(), 0);
}

TEST(ServeConnections, AnswersAndCounts) {
  Serving receiver;
  RawSender sender(receiver.port);
  const auto offer = sender.offer(ConnectionFlowSpec{.duration = 1s});
  const auto probing = dial(receiver.data_port, offer, 1);
  EXPECT_EQ(sender.expect(Message::kPathConfirmed).path_confirmed().attempt(), 1);
  sender.start(offer.flow_id(), {});
  for (std::uint32_t exchange = 0; exchange < 20; ++exchange) {
    const auto connection = dial(receiver.data_port, offer, exchange);
    EXPECT_EQ(read_to_end(connection.get()), 0);  // the receiver closes
  }
  const auto summary = sender.finish(offer.flow_id()).connections();
  EXPECT_EQ(summary.answered(), 20);
  EXPECT_THAT(summary.incomplete_reason(), IsEmpty());
}

TEST(ServeConnections, OverUdpEveryPortOfTheProvenAddressIsAnswered) {
  Serving receiver;
  RawSender sender(receiver.port);
  const auto offer = sender.offer(ConnectionFlowSpec{.transport = Transport::udp, .duration = 1s});
  const std::string nonce = probe_by_udp(receiver.data_port, offer, 1);
  ASSERT_EQ(nonce.size(), 16);
  sender.start(offer.flow_id(), {}, nonce);
  for (std::uint32_t exchange = 0; exchange < 20; ++exchange)
    EXPECT_THAT(probe_by_udp(receiver.data_port, offer, exchange, nonce), testing::Not(IsEmpty()));
  const auto summary = sender.finish(offer.flow_id()).connections();
  EXPECT_EQ(summary.answered(), 20);
  EXPECT_THAT(summary.incomplete_reason(), IsEmpty());
}

TEST(ServeManyFlows, AThousandAreOfferedAndForgotten) {
  Serving receiver;
  for (int round = 0; round < 2; ++round) {
    RawSender sender(receiver.port);
    std::set<std::uint32_t> ids;
    for (int i = 0; i < 1000; ++i) sender.open(PacketFlowSpec{.rate_pps = 100});
    for (int i = 0; i < 1000; ++i) ids.insert(sender.expect(Message::kFlowOffer).flow_offer().flow_id());
    EXPECT_EQ(ids.size(), 1000);
    sender.hang_up();
    ASSERT_TRUE(receiver.wait_until([&] { return receiver.closed.size() == static_cast<std::size_t>(round) + 1; }));
  }
}

TEST(Serve, OffersTheDataPortForBothProtocols) {
  ReceiverSpec spec = Serving::defaults();
  spec.advertise_udp = 30899;
  spec.advertise_tcp = 30898;
  Serving receiver(spec);
  RawSender sender(receiver.port);
  const auto offer = sender.offer(TcpFlowSpec{});
  ASSERT_EQ(offer.candidates_size(), 2);
  EXPECT_TRUE(offer.candidates(0).advertised());
  EXPECT_EQ(offer.candidates(0).udp_port(), 30899);
  EXPECT_EQ(offer.candidates(0).tcp_port(), 30898);
  EXPECT_FALSE(offer.candidates(1).advertised());
  EXPECT_EQ(offer.candidates(1).udp_port(), receiver.data_port);
  EXPECT_EQ(offer.candidates(1).tcp_port(), receiver.data_port);
}

TEST(Serve, OneOffEndsWithTheFirstSessionThatHadAFlow) {
  ReceiverSpec spec = Serving::defaults();
  spec.one_off = true;
  Serving receiver(spec);
  {
    RawSender only_looks(receiver.port);
    only_looks.offer(TcpFlowSpec{});
  }
  ASSERT_TRUE(receiver.wait_until([&] { return receiver.closed.size() == 1; }));
  RawSender sender(receiver.port);
  const auto offer = sender.offer(tcp_spec());
  const auto stream = dial(receiver.data_port, offer, 1);
  sender.start(offer.flow_id(), {1});
  shutdown(stream.get(), SHUT_WR);
  EXPECT_TRUE(sender.finish(offer.flow_id()).tcp().complete());
  sender.hang_up();
  EXPECT_TRUE(receiver.ends());
}

TEST(Serve, EndsWhenIdleForLong) {
  ReceiverSpec spec = Serving::defaults();
  spec.idle_timeout = 20ms;
  Serving receiver(spec);
  EXPECT_TRUE(receiver.ends());
}

TEST(Serve, StoppingGivesPartialSummariesOfAllKinds) {
  Serving receiver;
  RawSender sender(receiver.port);
  TcpFlowSpec spec = tcp_spec();
  spec.duration = 60s;
  const auto tcp = sender.offer(spec);
  const auto stream = dial(receiver.data_port, tcp, 1);
  sender.start(tcp.flow_id(), {1});
  const auto connections = sender.offer(ConnectionFlowSpec{.duration = 60s});
  sender.start(connections.flow_id(), {});
  std::thread stopping([&] { receiver.stop(); });
  for (int i = 0; i < 2; ++i) {
    const auto summary = sender.expect(Message::kFlowSummary).flow_summary();
    EXPECT_THAT(summary.has_tcp() ? summary.tcp().incomplete_reason() : summary.connections().incomplete_reason(),
                HasSubstr("the receiver was stopped"));
  }
  sender.hang_up();
  stopping.join();
  EXPECT_EQ(receiver.finished.size(), 2);
}

}  // namespace
}  // namespace paceline::receiver
