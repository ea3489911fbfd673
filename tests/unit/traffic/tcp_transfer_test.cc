// SPDX-License-Identifier: MIT
#include "traffic/tcp_transfer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <numeric>
#include <thread>

#include "tests/unit/traffic/tcp_pair.h"
#include "traffic/clock_source.h"

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;

// What one end told.
struct Told {
  std::vector<TcpInterval> rows;
  TcpTransferOutcome outcome;

  std::uint64_t sum(std::uint64_t StreamInterval::*what, std::size_t stream) const {
    std::uint64_t all = 0;
    for (const TcpInterval& row : rows) all += row.streams.at(stream).*what;
    return all;
  }
  std::uint64_t sum(std::uint64_t StreamInterval::*what) const {
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < outcome.streams.size(); ++i) all += sum(what, i);
    return all;
  }
};

class Keeper : public TcpTransferListener {
 public:
  explicit Keeper(std::promise<Told>* told, std::function<void(const TcpInterval&)> then = {})
      : promise_(told), then_(std::move(then)) {}
  void interval(TcpInterval&& row) override {
    if (then_) then_(row);
    told_.rows.push_back(std::move(row));
  }
  void finished(TcpTransferOutcome&& outcome) override {
    told_.outcome = std::move(outcome);
    promise_->set_value(std::move(told_));
  }

 private:
  std::promise<Told>* promise_;
  std::function<void(const TcpInterval&)> then_;
  Told told_;
};

nanoseconds monotonic() { return now<SenderClock>().time_since_epoch(); }

// One end of a flow, running.
class End {
 public:
  End(const TcpFlowSpec& flow, bool source, std::vector<FileDescriptor> sockets, nanoseconds patience = 5s,
      std::function<void(const TcpInterval&)> then = {}, std::uint32_t workers = 2) {
    TcpTransferSpec spec;
    spec.flow = flow;
    spec.source = source;
    spec.start = monotonic();
    spec.patience = patience;
    spec.workers.count = workers;
    std::vector<TcpStream> streams;
    for (FileDescriptor& socket : sockets) {
      TcpStream stream;
      stream.socket = std::move(socket);
      streams.push_back(std::move(stream));
    }
    transfer = std::make_unique<TcpTransfer>(spec, std::move(streams), std::make_unique<Keeper>(&promise_, then));
  }

  Told wait() { return told_.get(); }
  bool is_over() { return told_.wait_for(0s) == std::future_status::ready; }

 private:
  std::promise<Told> promise_;
  std::future<Told> told_ = promise_.get_future();

 public:
  std::unique_ptr<TcpTransfer> transfer;  // goes before what its listener tells to
};

std::vector<FileDescriptor> clients(std::vector<TcpPair>& pairs) {
  std::vector<FileDescriptor> sockets;
  for (TcpPair& pair : pairs) sockets.push_back(std::move(pair.client));
  return sockets;
}

std::vector<FileDescriptor> servers(std::vector<TcpPair>& pairs) {
  std::vector<FileDescriptor> sockets;
  for (TcpPair& pair : pairs) sockets.push_back(std::move(pair.server));
  return sockets;
}

TcpFlowSpec flow_of(std::uint32_t streams, nanoseconds duration = 30s) {
  TcpFlowSpec flow;
  flow.streams = streams;
  flow.duration = duration;
  return flow;
}

void expect_whole_grid(const Told& told, const TcpFlowSpec& flow) {
  ASSERT_FALSE(told.rows.empty());
  for (std::size_t i = 0; i < told.rows.size(); ++i) {
    const TcpInterval& row = told.rows[i];
    EXPECT_EQ(row.index, i);
    EXPECT_EQ(row.start, std::min(static_cast<std::int64_t>(i) * flow.interval, flow.omit + flow.duration));
    EXPECT_EQ(row.last, i + 1 == told.rows.size());
    if (!row.last) {
      EXPECT_EQ(row.end, told.rows[i + 1].start);
      EXPECT_EQ(row.omitted, row.start < flow.omit);
    }
    EXPECT_EQ(row.streams.size(), flow.streams);
  }
}

struct Way {
  SendMode send;
  ReceiveMode receive;
  int family;
  std::uint32_t streams;
};

class TcpTransferEveryWay : public testing::TestWithParam<Way> {};

TEST_P(TcpTransferEveryWay, AllBytesOfAllStreamsArrive) {
  TcpFlowSpec flow = flow_of(GetParam().streams);
  flow.bytes = 20'000'003;
  flow.send = GetParam().send;
  flow.receive = GetParam().receive;
  auto pairs = tcp_pairs(flow.streams, GetParam().family);
  End sink(flow, false, servers(pairs));
  End source(flow, true, clients(pairs));
  const Told sent = source.wait();
  const Told got = sink.wait();

  EXPECT_EQ(sent.sum(&StreamInterval::written), flow.bytes);
  EXPECT_EQ(got.sum(&StreamInterval::received), flow.bytes);
  for (std::size_t i = 0; i < flow.streams; ++i) {
    // Equal shares; the first ones take what does not divide.
    EXPECT_EQ(sent.sum(&StreamInterval::written, i), flow.bytes / flow.streams + (i < flow.bytes % flow.streams));
    EXPECT_EQ(got.sum(&StreamInterval::received, i), sent.sum(&StreamInterval::written, i));
    EXPECT_THAT(sent.outcome.streams[i].ended, IsEmpty());
    EXPECT_THAT(got.outcome.streams[i].ended, IsEmpty());
    EXPECT_GT(sent.outcome.streams[i].info.mss, 0u);
    EXPECT_LE(got.outcome.streams[i].first, got.outcome.streams[i].last);
  }
  EXPECT_THAT(sent.outcome.warnings, IsEmpty());
  EXPECT_THAT(got.outcome.warnings, IsEmpty());
  EXPECT_FALSE(sent.outcome.congestion.empty());
  EXPECT_GT(sent.outcome.cpu.elapsed, 0ns);
  expect_whole_grid(sent, flow);
  expect_whole_grid(got, flow);
}

INSTANTIATE_TEST_SUITE_P(Ways, TcpTransferEveryWay,
                         testing::Values(Way{SendMode::copy, ReceiveMode::discard, AF_INET, 1},
                                         Way{SendMode::copy, ReceiveMode::copy, AF_INET6, 3},
                                         Way{SendMode::zero_copy, ReceiveMode::copy, AF_INET, 5},
                                         Way{SendMode::zero_copy, ReceiveMode::discard, AF_INET6, 1}));

TEST(TcpTransfer, ADurationIsCutIntoRowsAndARemainder) {
  TcpFlowSpec flow = flow_of(3, 150ms);
  flow.omit = 40ms;
  flow.interval = 20ms;
  auto pairs = tcp_pairs(flow.streams);
  End sink(flow, false, servers(pairs));
  End source(flow, true, clients(pairs));
  const Told sent = source.wait();
  const Told got = sink.wait();

  for (const Told& told : {sent, got}) {
    ASSERT_EQ(told.rows.size(), 11u);  // ten rows, the last of 10 ms, and the remainder
    EXPECT_TRUE(told.rows[1].omitted);
    EXPECT_FALSE(told.rows[2].omitted);
    EXPECT_EQ(told.rows[9].end, 190ms);
    expect_whole_grid(told, flow);
  }
  EXPECT_EQ(sent.sum(&StreamInterval::written), got.sum(&StreamInterval::received));
  for (const TcpStreamOutcome& stream : got.outcome.streams) EXPECT_GE(stream.first, flow.omit);
  for (const TcpInterval& row : sent.rows) {
    for (const StreamInterval& stream : row.streams) EXPECT_GT(stream.info.congestion_window, 0u);
  }
  EXPECT_GE(sent.outcome.cpu.elapsed, 0ns);
  EXPECT_LT(sent.outcome.cpu.elapsed, sent.rows.back().end - flow.omit + 1s);
}

TEST(TcpTransfer, ABitrateIsMetToTheByte) {
  TcpFlowSpec flow = flow_of(3, 300ms);
  flow.bitrate_bps = 80e6;
  flow.interval = 100ms;
  auto pairs = tcp_pairs(flow.streams);
  for (TcpPair& pair : pairs) {
    const int bytes = 4 * 1024 * 1024;  // so that a stall of this machine blocks nothing
    setsockopt(pair.client.get(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  }
  End sink(flow, false, servers(pairs));
  End source(flow, true, clients(pairs));
  const Told sent = source.wait();
  const Told got = sink.wait();
  for (std::size_t i = 0; i < flow.streams; ++i) {
    EXPECT_EQ(sent.sum(&StreamInterval::written, i), 1'000'000u);
    // The kernel spreads the segments, at little more than the stream's share.
    EXPECT_GT(sent.outcome.streams[i].info.pacing_rate_bps, 0);
    EXPECT_LT(sent.outcome.streams[i].info.pacing_rate_bps, 1.2 * 80e6 / 3);
  }
  EXPECT_EQ(got.sum(&StreamInterval::received), 3'000'000u);
}

TEST(TcpTransfer, BytesMayBeFewerThanStreams) {
  TcpFlowSpec flow = flow_of(4);
  flow.bytes = 3;
  auto pairs = tcp_pairs(flow.streams);
  End sink(flow, false, servers(pairs));
  End source(flow, true, clients(pairs));
  EXPECT_EQ(source.wait().sum(&StreamInterval::written), 3u);
  EXPECT_EQ(sink.wait().sum(&StreamInterval::received), 3u);
}

TEST(TcpTransfer, BytesAreOfTheMeasuredPart) {
  TcpFlowSpec flow = flow_of(2);
  flow.omit = 40ms;
  flow.interval = 20ms;
  flow.bytes = 5'000'000;
  auto pairs = tcp_pairs(flow.streams);
  End sink(flow, false, servers(pairs));
  End source(flow, true, clients(pairs));
  const Told sent = source.wait();
  std::uint64_t measured = 0;
  for (const TcpInterval& row : sent.rows) {
    if (!row.omitted) measured += row.streams[0].written + row.streams[1].written;
  }
  EXPECT_GT(sent.sum(&StreamInterval::written), flow.bytes);
  EXPECT_EQ(measured, flow.bytes);
  EXPECT_EQ(sink.wait().sum(&StreamInterval::received), sent.sum(&StreamInterval::written));
}

TEST(TcpTransfer, AThousandStreams) {
  TcpFlowSpec flow = flow_of(TcpFlowSpec::kMaxStreams);
  flow.bytes = 32 * 1024 * 1024;
  auto pairs = tcp_pairs(flow.streams);
  End sink(flow, false, servers(pairs));
  End source(flow, true, clients(pairs));
  const Told sent = source.wait();
  const Told got = sink.wait();
  for (std::size_t i = 0; i < flow.streams; ++i) {
    EXPECT_EQ(sent.sum(&StreamInterval::written, i), 32u * 1024);
    EXPECT_EQ(got.sum(&StreamInterval::received, i), 32u * 1024);
    EXPECT_THAT(sent.outcome.streams[i].ended + got.outcome.streams[i].ended, IsEmpty());
  }
}

// Reads what is there until `enough` has come.
std::size_t read_some(const FileDescriptor& socket, std::size_t enough) {
  std::array<char, 65536> buffer;
  std::size_t got = 0;
  while (got < enough) {
    pollfd ready{socket.get(), POLLIN, 0};
    require(poll(&ready, 1, 10'000) == 1, "poll");
    const ssize_t read = recv(socket.get(), buffer.data(), buffer.size(), 0);
    require(read > 0, "recv");
    got += static_cast<std::size_t>(read);
  }
  return got;
}

TEST(TcpTransfer, AResetEndsOneStreamOfASourceAlone) {
  TcpFlowSpec flow = flow_of(3);
  flow.bytes = 3 * 40'000'000;
  auto pairs = tcp_pairs(flow.streams);
  FileDescriptor breaks = std::move(pairs[1].server);
  End source(flow, true, clients(pairs));
  read_some(breaks, 100'000);
  reset(breaks);
  TcpFlowSpec others = flow;
  others.streams = 2;
  std::vector<FileDescriptor> sockets;
  sockets.push_back(std::move(pairs[0].server));
  sockets.push_back(std::move(pairs[2].server));
  End sink(others, false, std::move(sockets));
  const Told sent = source.wait();
  EXPECT_THAT(sent.outcome.streams[0].ended, IsEmpty());
  EXPECT_EQ(sent.outcome.streams[1].ended, "connection reset by peer");
  EXPECT_THAT(sent.outcome.streams[2].ended, IsEmpty());
  EXPECT_LT(sent.sum(&StreamInterval::written, 1), 40'000'000u);
  EXPECT_EQ(sink.wait().sum(&StreamInterval::received), 80'000'000u);
}

TEST(TcpTransfer, AResetEndsOneStreamOfASinkAlone) {
  const TcpFlowSpec flow = flow_of(2);
  auto pairs = tcp_pairs(flow.streams);
  End sink(flow, false, servers(pairs));
  ASSERT_EQ(send(pairs[0].client.get(), "12345", 5, 0), 5);
  ASSERT_EQ(send(pairs[1].client.get(), "123", 3, 0), 3);
  reset(pairs[0].client);
  shutdown(pairs[1].client.get(), SHUT_WR);
  const Told got = sink.wait();
  EXPECT_EQ(got.outcome.streams[0].ended, "connection reset by peer");
  EXPECT_THAT(got.outcome.streams[1].ended, IsEmpty());
  EXPECT_EQ(got.sum(&StreamInterval::received, 1), 3u);
}

TEST(TcpTransfer, ASinkGivesUpASilentPeerAfterTheFlow) {
  TcpFlowSpec flow = flow_of(2, 50ms);
  auto pairs = tcp_pairs(flow.streams);
  End sink(flow, false, servers(pairs), 100ms);
  ASSERT_EQ(send(pairs[0].client.get(), "1", 1, 0), 1);
  shutdown(pairs[1].client.get(), SHUT_WR);
  const Told got = sink.wait();
  EXPECT_THAT(got.outcome.streams[0].ended, HasSubstr("nothing came for 100 ms after the flow's end"));
  EXPECT_THAT(got.outcome.streams[1].ended, IsEmpty());
  EXPECT_EQ(got.sum(&StreamInterval::received, 0), 1u);
  EXPECT_GE(got.rows.back().end, 150ms);
}

TEST(TcpTransfer, ASinkGivesUpAPeerThatNeverEnds) {
  TcpFlowSpec flow = flow_of(1, 20ms);
  auto pairs = tcp_pairs(1);
  // Never silent for long, nor over.
  const int peer = pairs[0].client.get();
  std::atomic<bool> over = false;
  std::jthread trickle([&] {
    while (!over) {
      send(peer, "1", 1, MSG_NOSIGNAL);
      std::this_thread::sleep_for(2ms);
    }
  });
  End sink(flow, false, servers(pairs), 50ms);
  const Told got = sink.wait();
  over = true;
  EXPECT_THAT(got.outcome.streams[0].ended, HasSubstr("after the flow's end"));
  EXPECT_GE(got.rows.back().end, 70ms);
}

TEST(TcpTransfer, ASourceGivesUpAPeerThatReadsNothing) {
  TcpFlowSpec flow = flow_of(2, 10s);
  flow.bytes = 2 * 40'000'000;
  auto pairs = tcp_pairs(flow.streams);
  std::vector<FileDescriptor> reads;
  reads.push_back(std::move(pairs[1].server));
  End source(flow, true, clients(pairs), 300ms);
  TcpFlowSpec one = flow;
  one.streams = 1;
  End sink(one, false, std::move(reads));
  const Told sent = source.wait();
  EXPECT_EQ(sent.outcome.streams[0].ended, "the peer took nothing for 300 ms");
  EXPECT_THAT(sent.outcome.streams[1].ended, IsEmpty());
  EXPECT_EQ(sink.wait().sum(&StreamInterval::received), 40'000'000u);
}

TEST(TcpTransfer, ASlowReaderIsWaitedFor) {
  TcpFlowSpec flow = flow_of(1, 10s);
  flow.bytes = 3'000'000;
  auto pairs = tcp_pairs(1);
  End source(flow, true, clients(pairs), 400ms);
  // Takes far longer than the source's patience, but never stops.
  for (std::size_t got = 0; got < flow.bytes;) {
    got += read_some(pairs[0].server, std::min<std::size_t>(flow.bytes - got, 100'000));
    std::this_thread::sleep_for(30ms);
  }
  EXPECT_THAT(source.wait().outcome.streams[0].ended, IsEmpty());
}

TEST(TcpTransfer, AStoppedSourceEndsItsStreams) {
  TcpFlowSpec flow = flow_of(2);
  flow.interval = 20ms;
  auto pairs = tcp_pairs(flow.streams);
  std::promise<void> running;
  End sink(flow, false, servers(pairs));
  End source(flow, true, clients(pairs), 5s, [&](const TcpInterval& row) {
    if (row.index == 1) running.set_value();
  });
  running.get_future().wait();
  source.transfer->stop();
  source.transfer->stop();
  const Told sent = source.wait();
  const Told got = sink.wait();
  EXPECT_EQ(sent.sum(&StreamInterval::written), got.sum(&StreamInterval::received));
  EXPECT_GT(sent.sum(&StreamInterval::written), 0u);
  for (const Told& told : {sent, got}) {
    expect_whole_grid(told, flow);
    for (const TcpStreamOutcome& stream : told.outcome.streams) EXPECT_THAT(stream.ended, IsEmpty());
  }
}

TEST(TcpTransfer, AStoppedSinkGivesUpSoon) {
  const TcpFlowSpec flow = flow_of(1);
  auto pairs = tcp_pairs(1);
  End sink(flow, false, servers(pairs), 100ms);
  sink.transfer->stop();
  EXPECT_THAT(sink.wait().outcome.streams[0].ended, HasSubstr("after it was stopped"));
}

TEST(TcpTransfer, WhoGoesBreaksOff) {
  for (const bool source : {false, true}) {
    const TcpFlowSpec flow = flow_of(5);
    auto pairs = tcp_pairs(flow.streams);
    End end(flow, source, clients(pairs));
    end.transfer.reset();
    ASSERT_TRUE(end.is_over());
    const Told told = end.wait();
    for (const TcpStreamOutcome& stream : told.outcome.streams) EXPECT_EQ(stream.ended, "broken off");
    ASSERT_FALSE(told.rows.empty());
    EXPECT_TRUE(told.rows.back().last);
  }
}

TEST(TcpTransfer, NothingIsWrittenBeforeTheStart) {
  auto pairs = tcp_pairs(1);
  TcpTransferSpec spec;
  spec.flow = flow_of(1, 20ms);
  spec.start = monotonic() + 50ms;
  std::promise<Told> promise;
  std::vector<TcpStream> streams(1);
  streams[0].socket = std::move(pairs[0].client);
  TcpTransfer source(spec, std::move(streams), std::make_unique<Keeper>(&promise));
  pollfd ready{pairs[0].server.get(), POLLIN, 0};
  ASSERT_EQ(poll(&ready, 1, 10'000), 1);
  EXPECT_GE(monotonic(), spec.start);
}

TEST(TcpTransfer, AnEndShortlyBeforeTheFlowsIsTheOtherClocks) {
  TcpFlowSpec flow = flow_of(1, 100ms);
  flow.interval = 50ms;
  auto pairs = tcp_pairs(1);
  TcpTransferSpec spec;
  spec.flow = flow;
  spec.source = false;
  // The sink believes the flow to have begun 70 ms ago: the peer's end comes 30 ms before the flow's, or later.
  spec.start = monotonic() - 70ms;
  std::promise<Told> promise;
  std::vector<TcpStream> streams(1);
  streams[0].socket = std::move(pairs[0].server);
  shutdown(pairs[0].client.get(), SHUT_WR);
  TcpTransfer sink(spec, std::move(streams), std::make_unique<Keeper>(&promise));
  const Told told = promise.get_future().get();
  EXPECT_EQ(told.rows.size(), 3u);  // both rows and the remainder
  EXPECT_GE(told.rows.back().end, 100ms);
}

}  // namespace
}  // namespace paceline::traffic
