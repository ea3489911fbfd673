// SPDX-License-Identifier: MIT
//
// paceline::run() against paceline::serve() in one process, over loopback: what an embedding program sees.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmath>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "decoder/flow_decoder.h"
#include "paceline/error.h"
#include "tests/unit/api/ends.h"
#include "tests/unit/closed_port.h"

namespace paceline {
namespace {

using testing::AllOf;
using testing::HasSubstr;

void expect_complete(const PacketFlowResult& flow, std::uint64_t packets) {
  EXPECT_TRUE(flow.complete) << flow.incomplete_reason;
  EXPECT_EQ(flow.incomplete_reason, "");
  EXPECT_EQ(flow.sent.packets, packets);
  EXPECT_EQ(flow.received.packets + static_cast<std::uint64_t>(flow.received.lost), packets);
  EXPECT_EQ(flow.received.lost, 0);  // loopback with a buffer of megabytes
  EXPECT_EQ(flow.received.bytes, flow.received.packets * flow.spec.size);
  EXPECT_EQ(flow.statistics.segments[0].count, flow.received.packets);
  EXPECT_EQ(flow.statistics.segments[1].count, flow.received.packets);
  EXPECT_GE(flow.statistics.segments[0].min, 0);  // one clock
  EXPECT_EQ(flow.clock.verdict, ClockVerdict::same_host);
}

class RunTest : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Families, RunTest, testing::Values("127.0.0.1", "::1"),
                         [](const auto& family) { return family.param[0] == ':' ? "Ipv6" : "Ipv4"; });

TEST_P(RunTest, GivesAWholeResult) {
  Receiver receiver;
  RunLog log;
  RunSpec spec = run_to(receiver.at(GetParam()));
  const RunResult result = run(spec, log);

  EXPECT_TRUE(result.complete());
  EXPECT_NE(result.version, "");
  EXPECT_EQ(result.started_at.size(), 20u) << result.started_at;
  EXPECT_EQ(result.sender, result.receiver);  // the same host
  ASSERT_EQ(result.flows.size(), 1u);
  const PacketFlowResult& flow = udp(result);
  expect_complete(flow, 150);
  EXPECT_EQ(flow.spec, udp(spec));
  EXPECT_EQ(flow.path.dialled, to_string(Endpoint{GetParam(), receiver.log.ports.second}));
  EXPECT_EQ(flow.path.arrived_at, flow.path.dialled);
  EXPECT_EQ(flow.path.seen_from, flow.path.sent_from);
  EXPECT_FALSE(flow.path.source_translated || flow.path.destination_translated);
  EXPECT_EQ(flow.path.attempts, 1u);
  EXPECT_GT(flow.path.first_packet, 0ns);
  EXPECT_GT(flow.sent.span, 250ms);
  EXPECT_EQ(flow.stamping.hook, Hook::none);

  EXPECT_TRUE(log.one_thread);
  EXPECT_EQ(log.connected_to, to_string(receiver.at(GetParam())));
  ASSERT_EQ(log.paths.size(), 1u);
  EXPECT_EQ(log.paths[0].second, flow.path);
  EXPECT_EQ(log.finished_flows, std::vector<std::size_t>{0});

  receiver.stop();
  EXPECT_TRUE(receiver.log.one_thread);
  EXPECT_EQ(receiver.log.opened, 1);
  EXPECT_EQ(receiver.log.closed, std::vector<std::string>{""});
  EXPECT_EQ(receiver.log.finished, result.flows);  // both ends have the same
}

TEST_P(RunTest, IntervalsAddUpToTheSummary) {
  Receiver receiver;
  RunLog log;
  const RunResult result = run(run_to(receiver.at(GetParam())), log);
  ASSERT_EQ(result.flows.size(), 1u);
  ASSERT_EQ(log.intervals.size(), 1u);
  PacketFlowResult sum;
  for (std::size_t i = 0; i < log.intervals[0].size(); ++i) {
    const PacketInterval& interval = log.intervals[0][i];
    EXPECT_EQ(interval.index, i);
    EXPECT_EQ(interval.start, i > 0 ? log.intervals[0][i - 1].end : 0ns);
    EXPECT_EQ(interval.last, i + 1 == log.intervals[0].size());
    decoder::accumulate(sum, interval);
  }
  const PacketFlowResult& flow = udp(result);
  EXPECT_EQ(sum.received, flow.received);
  EXPECT_EQ(sum.statistics, flow.statistics);
  EXPECT_EQ(sum.intervals, flow.intervals);
  EXPECT_EQ(sum.first_arrival, flow.first_arrival);
  EXPECT_EQ(sum.last_arrival, flow.last_arrival);
  EXPECT_EQ(sum.smoothed_jitter, flow.smoothed_jitter);
}

TEST(Run, SeveralFlowsStartTogether) {
  Receiver receiver;
  RunSpec spec = run_to(receiver.at());
  spec.flows.resize(4, spec.flows[0]);
  for (std::size_t i = 0; i < spec.flows.size(); ++i) udp(spec, i).rate_pps = 100.0 * static_cast<double>(i + 1);
  RunLog log;
  const RunResult result = run(spec, log);
  ASSERT_EQ(result.flows.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    expect_complete(udp(result, i), 30 * (i + 1));
    EXPECT_GE(udp(result, i).socket_flows, 1u);  // a socket a worker
    EXPECT_LE(udp(result, i).socket_flows, 4u);
    EXPECT_EQ(udp(result, i).spec, udp(spec, i));
  }
  EXPECT_TRUE(log.one_thread);
  EXPECT_EQ(log.finished_flows.size(), 4u);
}

TEST(Run, TwoAtOnceDoNotKnowOfEachOther) {
  Receiver one, other;
  const auto run_against = [](const Endpoint& at, double rate) {
    return std::async(std::launch::async, [at, rate] {
      RunLog log;
      const RunResult result = run(run_to(at, 300ms, rate), log);
      EXPECT_TRUE(log.one_thread);
      return result;
    });
  };
  auto first = run_against(one.at(), 100), second = run_against(one.at(), 200), third = run_against(other.at(), 400);
  expect_complete(udp(first.get()), 30);
  expect_complete(udp(second.get()), 60);
  expect_complete(udp(third.get()), 120);
  one.stop(), other.stop();
  EXPECT_EQ(one.log.finished.size(), 2u);
  EXPECT_EQ(other.log.finished.size(), 1u);
}

TEST(Run, AReceiverServesOneAfterTheOther) {
  Receiver receiver;
  for (int i = 0; i < 5; ++i) {
    RunLog log;
    expect_complete(udp(run(run_to(receiver.at(), 20ms), log)), 10);
  }
  receiver.stop();
  EXPECT_EQ(receiver.log.opened, 5);
}

TEST(Run, StoppedEarlyIsPartialWithTheReason) {
  Receiver receiver;
  std::stop_source stop;
  RunLog log;
  log.on_interval = [&] { stop.request_stop(); };
  const RunResult result = run(run_to(receiver.at(), 1h), log, stop.get_token());
  ASSERT_EQ(result.flows.size(), 1u);
  const PacketFlowResult& flow = udp(result);
  EXPECT_FALSE(flow.complete);
  EXPECT_THAT(flow.incomplete_reason, HasSubstr("stopped"));
  EXPECT_GT(flow.sent.packets, 0u);
  EXPECT_EQ(flow.received.packets, flow.sent.packets);  // the receiver has still told of all
  EXPECT_EQ(flow.received.lost, 0);
  EXPECT_TRUE(log.one_thread);
}

TEST(Run, StoppedBeforeItBeganMeasuresNothing) {
  Receiver receiver;
  std::stop_source stop;
  stop.request_stop();
  RunLog log;
  EXPECT_THROW(run(run_to(receiver.at(), 1h), log, stop.get_token()), SetupError);
}

TEST(Run, StoppedAtAnyMomentEnds) {
  Receiver receiver;
  for (const auto after : {0us, 200us, 500us, 1000us, 2000us, 4000us, 8000us, 16000us}) {
    std::stop_source stop;
    std::jthread stopper([&] {
      std::this_thread::sleep_for(after);
      stop.request_stop();
    });
    RunLog log;
    RunSpec spec = run_to(receiver.at(), 1h);
    spec.flows.resize(3, spec.flows[0]);
    try {
      const RunResult result = run(spec, log, stop.get_token());
      for (const FlowResult& flow : result.flows) EXPECT_FALSE(is_complete(flow));
    } catch (const SetupError& error) {
      EXPECT_THAT(error.what(), HasSubstr("stopped"));
    }
  }
}

TEST(Run, AReceiverThatStopsLeavesAPartialResult) {
  Receiver receiver;
  RunLog log;
  int seen = 0;
  log.on_interval = [&] {
    if (++seen == 2) receiver.request_stop();
  };
  const RunResult result = run(run_to(receiver.at(), 1h), log);
  ASSERT_EQ(result.flows.size(), 1u);
  const PacketFlowResult& flow = udp(result);
  EXPECT_FALSE(flow.complete);
  EXPECT_THAT(flow.incomplete_reason, HasSubstr("the receiver was stopped"));
  EXPECT_GT(flow.received.packets, 0u);
  EXPECT_GE(flow.sent.packets, flow.received.packets);
  ASSERT_FALSE(log.intervals.empty());
  EXPECT_TRUE(log.intervals[0].back().last);
  receiver.stop();
  ASSERT_EQ(receiver.log.finished.size(), 1u);
  const auto& theirs = std::get<PacketFlowResult>(receiver.log.finished[0]);
  EXPECT_FALSE(theirs.complete);
  EXPECT_EQ(theirs.received, flow.received);
}

TEST(Run, ASpecOutOfRangeIsAUsageErrorThatNamesIt) {
  const auto error_of = [](const std::function<void(RunSpec&)>& change) -> std::string {
    RunSpec spec = run_to({"127.0.0.1", 9});
    change(spec);
    RunLog log;
    try {
      run(spec, log);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "no UsageError";
  };
  EXPECT_THAT(error_of([](RunSpec& spec) { udp(spec).rate_pps = -1; }), HasSubstr("rate"));
  EXPECT_THAT(error_of([](RunSpec& spec) { udp(spec).rate_pps = std::nan(""); }), HasSubstr("rate"));
  EXPECT_THAT(error_of([](RunSpec& spec) { udp(spec).size = 17; }), HasSubstr("size"));
  EXPECT_THAT(error_of([](RunSpec& spec) { udp(spec).size = 65508; }), HasSubstr("size"));
  EXPECT_THAT(error_of([](RunSpec& spec) { udp(spec).duration = 0ns; }), HasSubstr("duration"));
  EXPECT_THAT(error_of([](RunSpec& spec) { udp(spec).interval = 1ms; }), HasSubstr("interval"));
  EXPECT_THAT(error_of([](RunSpec& spec) { spec.flows.clear(); }), HasSubstr("1 to 4096 flows"));
  EXPECT_THAT(error_of([](RunSpec& spec) { spec.flows.resize(4097); }), HasSubstr("4097"));
  EXPECT_THAT(error_of([](RunSpec& spec) { spec.receiver.host = ""; }), HasSubstr("HOST"));
  EXPECT_THAT(error_of([](RunSpec& spec) { spec.receiver.port = 0; }), HasSubstr("port"));
  EXPECT_THAT(error_of([](RunSpec& spec) { spec.data_port = 0; }), HasSubstr("data port"));
  EXPECT_THAT(error_of([](RunSpec& spec) { spec.title.assign(1025, 't'); }), HasSubstr("title"));
  EXPECT_THAT(error_of([](RunSpec& spec) { spec.source = "here"; }), HasSubstr("here"));
  EXPECT_THAT(error_of([](RunSpec& spec) { spec.source = "::1", spec.family = Family::ipv4; }), HasSubstr("family"));
  EXPECT_THAT(error_of([](RunSpec& spec) { spec.source_port = 65535, spec.flows.resize(2); }),
              HasSubstr("source ports"));
  EXPECT_THAT(error_of([](RunSpec& spec) { spec.flow_label = 0x100000; }), HasSubstr("flow label"));
  EXPECT_THAT(error_of([](RunSpec& spec) { spec.workers.fifo_priority = 100; }), HasSubstr("SCHED_FIFO"));
  EXPECT_THAT(error_of([](RunSpec& spec) { std::get<TcpFlowSpec>(spec.flows[0] = TcpFlowSpec{}).streams = 0; }),
              HasSubstr("streams"));
}

std::string setup_error_of(const RunSpec& spec) {
  RunLog log;
  try {
    run(spec, log);
  } catch (const SetupError& error) {
    return error.what();
  }
  return "no SetupError";
}

/// A port that takes what comes and says nothing.
class DeafPort {
 public:
  explicit DeafPort(int type) : fd_(socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
  }
  ~DeafPort() { close(fd_); }
  std::uint16_t port() const { return port_; }
  int fd() const { return fd_; }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

TEST(Run, NobodyListeningIsASetupErrorThatNamesWhatWasTried) {
  const ClosedPort closed("127.0.0.1", SOCK_STREAM);
  EXPECT_THAT(setup_error_of(run_to({"127.0.0.1", closed.port()})),
              AllOf(HasSubstr(closed.address().to_string()), HasSubstr("refused")));
}

TEST(Run, AServerOfAnotherKindIsNoReceiver) {
  const DeafPort server(SOCK_STREAM);
  ASSERT_EQ(listen(server.fd(), 1), 0);
  std::jthread other([&] {
    const int fd = accept(server.fd(), nullptr, nullptr);
    EXPECT_EQ(send(fd, "220 mail.example.org ESMTP\r\n", 28, MSG_NOSIGNAL), 28);
    char bytes[1024];
    while (recv(fd, bytes, sizeof bytes, 0) > 0) {
    }
    close(fd);
  });
  EXPECT_THAT(setup_error_of(run_to({"127.0.0.1", server.port()})),
              AllOf(HasSubstr("no Paceline receiver"), HasSubstr(std::to_string(server.port()))));
}

TEST(Run, AWrongDataPortIsNamedWithWhatBecameOfIt) {
  Receiver receiver;
  const ClosedPort closed("127.0.0.1", SOCK_DGRAM);
  RunSpec spec = run_to(receiver.at());
  spec.data_port = closed.port();
  EXPECT_THAT(setup_error_of(spec),
              AllOf(HasSubstr(closed.address().to_string()), HasSubstr("unreachable"), HasSubstr("--data-port")));
  receiver.stop();
  EXPECT_TRUE(receiver.log.started.empty());
}

TEST(Run, AWrongAdvertisedPortIsPassedOver) {
  ReceiverSpec advertising;
  const DeafPort silent(SOCK_DGRAM);
  advertising.advertise_udp = silent.port();
  Receiver receiver(advertising);
  RunLog log;
  const RunResult result = run(run_to(receiver.at()), log);
  expect_complete(udp(result), 150);
  const PathResult& path = udp(result).path;
  EXPECT_GT(path.attempts, 1u);
  ASSERT_EQ(path.candidates.size(), 2u);
  EXPECT_EQ(path.candidates[0].address, "127.0.0.1:" + std::to_string(silent.port()));
  EXPECT_NE(path.candidates[0].outcome, "confirmed");
  EXPECT_EQ(path.candidates[1].outcome, "confirmed");
}

TEST(Run, TheReceiversLimitsAreNamedWhenTheyRefuse) {
  ReceiverSpec limited;
  limited.limits.rate_pps = 100;
  limited.limits.duration = 1s;
  limited.limits.flows_per_session = 1;
  Receiver receiver(limited);
  EXPECT_THAT(setup_error_of(run_to(receiver.at(), 100ms, 101)), AllOf(HasSubstr("limit"), HasSubstr("rate")));
  EXPECT_THAT(setup_error_of(run_to(receiver.at(), 1001ms, 10)), AllOf(HasSubstr("limit"), HasSubstr("duration")));
  RunSpec two = run_to(receiver.at(), 100ms, 100);
  two.flows.resize(2, two.flows[0]);
  EXPECT_THAT(setup_error_of(two), AllOf(HasSubstr("limit"), HasSubstr("flows")));
  RunLog log;
  expect_complete(udp(run(run_to(receiver.at(), 100ms, 100), log)), 10);
}

TEST(Run, AnObserversExceptionEndsIt) {
  Receiver receiver;
  struct Throwing : RunObserver {
    void connected(const std::string&) override { throw std::runtime_error("enough"); }
  } throwing;
  try {
    run(run_to(receiver.at(), 1h), throwing);
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "enough");
  }
}

TEST(Serve, ASecondReceiverOnThePortsIsRefused) {
  Receiver receiver;
  ServeLog log;
  ReceiverSpec spec;
  spec.tc = TcMode::off;
  spec.port = receiver.log.ports.first;
  spec.data_port = 0;
  EXPECT_THROW(serve(spec, log), SetupError);
  spec.port = 0;
  spec.data_port = receiver.log.ports.second;
  EXPECT_THROW(serve(spec, log), SetupError);
  EXPECT_FALSE(log.up);
}

TEST(Serve, AnAddressThatIsNoneIsAUsageError) {
  ServeLog log;
  ReceiverSpec spec;
  spec.bind = "localhost";
  EXPECT_THROW(serve(spec, log), UsageError);
}

TEST(Serve, StoppedBeforeItBeganReturns) {
  std::stop_source stop;
  stop.request_stop();
  ServeLog log;
  ReceiverSpec spec;
  spec.port = spec.data_port = 0;
  spec.tc = TcMode::off;
  serve(spec, log, stop.get_token());
  EXPECT_TRUE(log.up);
}

TEST(Serve, AStopEndsConnectionsThatSayNothing) {
  Receiver receiver;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(receiver.log.ports.first);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  receiver.stop();
  char byte;
  EXPECT_LE(recv(fd, &byte, 1, 0), 0);
  close(fd);
  EXPECT_EQ(receiver.log.opened, 0);
}

}  // namespace
}  // namespace paceline
