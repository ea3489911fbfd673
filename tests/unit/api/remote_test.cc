// SPDX-License-Identifier: MIT
//
// Runs by another sender: all three ends in this process.
#include "paceline/remote.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "paceline/error.h"
#include "tests/unit/api/ends.h"
#include "tests/unit/closed_port.h"

namespace paceline {
namespace {

using testing::HasSubstr;

const Key kKey{"lab", "sixteen bytes ok"};

/// A sender that waits for instructions on a free port, in a thread of its own.
class Waiting : public RemoteObserver {
 public:
  explicit Waiting(RemoteSpec spec = {}) {
    spec.bind = "127.0.0.1";
    spec.port = 0;
    spec.keys = {kKey};
    thread_ = std::jthread([this, spec](const std::stop_token& stop) { serve_runs(spec, *this, stop); });
    EXPECT_TRUE(wait_until([this] { return port_ != 0; }));
  }
  ~Waiting() override {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

  void listening(std::uint16_t port) override {
    note([&] { port_ = port; });
  }
  void run_started(const std::string&, const std::string& key, const RunSpec&) override {
    note([&] { started.push_back(key); });
  }
  void run_ended(const std::string&, const std::string& why) override {
    note([&] { ended.push_back(why); });
  }

  template <class Condition>
  bool wait_until(Condition holds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, holds);
  }

  Endpoint at() const { return {"127.0.0.1", port_}; }
  void request_stop() { thread_.request_stop(); }

  std::vector<std::string> started, ended;

 private:
  template <class Change>
  void note(Change change) {
    const std::scoped_lock lock(mutex_);
    change();
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint16_t port_ = 0;
  std::jthread thread_;
};

std::string failure_of(const Waiting& sender, const RunSpec& spec, const Key& key = kKey) {
  RunLog log;
  try {
    run_remotely(sender.at(), key, spec, log);
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

TEST(RemoteRun, TellsTheObserverAndReturnsTheResultAsRunDoes) {
  Receiver receiver;
  Waiting sender;
  RunSpec spec = run_to(receiver.at());
  spec.title = "from afar";
  TcpFlowSpec tcp;
  tcp.duration = 200ms;
  tcp.bitrate_bps = 1e7;
  ConnectionFlowSpec connections;
  connections.duration = 200ms;
  connections.rate = 100;
  spec.flows.emplace_back(tcp);
  spec.flows.emplace_back(connections);
  RunLog log;
  const RunResult result = run_remotely(sender.at(), kKey, spec, log);
  EXPECT_TRUE(result.complete());
  EXPECT_EQ(result.title, "from afar");
  ASSERT_EQ(result.flows.size(), 3u);
  EXPECT_EQ(udp(result).received.packets, 150u);
  EXPECT_GT(std::get<TcpFlowResult>(result.flows[1]).received, 0u);
  EXPECT_GT(std::get<ConnectionFlowResult>(result.flows[2]).exchanges.completed, 0u);

  EXPECT_TRUE(log.one_thread);
  EXPECT_EQ(log.connected_to, to_string(receiver.at()));
  std::uint64_t packets = 0;
  for (const PacketInterval& row : log.intervals.at(0)) packets += row.received.packets;
  EXPECT_EQ(packets, 150u);
  EXPECT_FALSE(log.tcp_intervals.empty());
  EXPECT_FALSE(log.connection_intervals.empty());
  EXPECT_EQ(log.finished_flows.size(), 3u);
  EXPECT_TRUE(sender.wait_until([&] { return sender.ended.size() == 1; }));
  EXPECT_EQ(sender.started, std::vector<std::string>{"lab"});
  EXPECT_EQ(sender.ended, std::vector<std::string>{""});
}

TEST(RemoteRun, TellsWhereItWaitsForAReceiverThatDialsIn) {
  Waiting sender;
  RunSpec spec = run_to({"", 9000});
  const ClosedPort reserved("::", SOCK_STREAM);
  spec.listen = reserved.port();
  spec.dial_limit = 50ms;
  RunLog log;
  EXPECT_THROW(run_remotely(sender.at(), kKey, spec, log), SetupError);
  EXPECT_EQ(log.waited_at, *spec.listen);
}

TEST(RemoteRun, IsStoppedFromHereWithWhatWasMeasured) {
  Receiver receiver;
  Waiting sender;
  RunLog log;
  std::stop_source stop;
  log.on_interval = [&] { stop.request_stop(); };
  const RunResult result = run_remotely(sender.at(), kKey, run_to(receiver.at(), 30s), log, stop.get_token());
  EXPECT_GT(udp(result).received.packets, 0u);
  EXPECT_LT(udp(result).received.packets, 10'000u);
}

TEST(RemoteRun, EndsWithAPartialResultWhenTheSenderIsStopped) {
  Receiver receiver;
  Waiting sender;
  RunLog log;
  log.on_interval = [&] { sender.request_stop(); };
  const RunResult result = run_remotely(sender.at(), kKey, run_to(receiver.at(), 30s), log);
  EXPECT_GT(udp(result).received.packets, 0u);
}

TEST(RemoteRun, FailsAsItDoesThere) {
  Waiting sender;
  const std::string nobody = failure_of(sender, run_to({"127.0.0.1", 1}));
  EXPECT_THAT(nobody, HasSubstr("no signalling connection to 127.0.0.1:1"));
  RunSpec spec = run_to({"127.0.0.1", 1});
  spec.source = "not an address";
  EXPECT_NE(failure_of(sender, spec), "");
}

TEST(RemoteRun, WithAnotherKeyIsNone) {
  Waiting sender;
  EXPECT_THAT(failure_of(sender, run_to({"127.0.0.1", 1}), {"lab", "sixteen bytes no"}),
              HasSubstr("authentication failed"));
  EXPECT_TRUE(sender.started.empty());
}

TEST(RemoteRun, UsesTheSendersOwnKeyOfThatName) {
  ReceiverSpec keyed;
  keyed.keys = {kKey};
  Receiver receiver(keyed);
  Waiting sender;
  RunSpec spec = run_to(receiver.at());
  spec.key = Key{"lab", "whatever it is here"};
  EXPECT_EQ(failure_of(sender, spec), "");
  spec.key->name = "none";
  EXPECT_THAT(failure_of(sender, spec), HasSubstr("no key 'none'"));
}

TEST(RemoteRun, GoesWhereItIsGrantedAlone) {
  RemoteSpec grants;
  grants.receivers = {"192.0.2.0/24", "2001:db8::/32", "127.0.0.1", "node.example"};
  grants.max_duration = 10s;
  Waiting sender(grants);
  Receiver receiver;
  EXPECT_EQ(failure_of(sender, run_to(receiver.at())), "");
  for (const char* host :
       {"192.0.3.1", "127.0.0.2", "2001:db9::1", "::1", "localhost", "node.example.org", "::ffff:192.0.3.1"})
    EXPECT_THAT(failure_of(sender, run_to({host, 1})), HasSubstr("--allow-receiver")) << host;
  EXPECT_THAT(failure_of(sender, run_to({"::ffff:127.0.0.1", 1})), HasSubstr("no signalling connection"));
  RunSpec other = run_to(receiver.at());
  other.flows.push_back(other.flows.front());
  other.elsewhere[1] = {{"192.0.3.1", 1}, {}};
  EXPECT_THAT(failure_of(sender, other), HasSubstr("192.0.3.1"));
  RunSpec passive = run_to(receiver.at());
  passive.listen = 1;
  EXPECT_THAT(failure_of(sender, passive), HasSubstr("--allow-receiver"));
  RunSpec longer = run_to(receiver.at(), 9s);
  udp(longer).delay = 2s;
  EXPECT_THAT(failure_of(sender, longer), HasSubstr("flow 1 takes 11 s"));
}

TEST(ServeRuns, RefusesToStartWithoutAKeyOrWithGrantsThatMakeNoSense) {
  RemoteObserver observer;
  const auto fails = [&](auto change) {
    RemoteSpec spec;
    spec.keys = {kKey};
    change(spec);
    EXPECT_THROW(serve_runs(spec, observer), UsageError);
  };
  fails([](RemoteSpec& spec) { spec.keys.clear(); });
  fails([](RemoteSpec& spec) { spec.max_runs = 0; });
  fails([](RemoteSpec& spec) { spec.receivers = {"192.0.2.0/33"}; });
  fails([](RemoteSpec& spec) { spec.files = "/nonexistent"; });
  fails([](RemoteSpec& spec) { spec.bind = "nowhere"; });
}

}  // namespace
}  // namespace paceline
