// SPDX-License-Identifier: MIT
#include "traffic/connection_load.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "tests/unit/closed_port.h"
#include "traffic/clock_source.h"
#include "traffic/file_descriptor.h"

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kFlow = 0xABCD0123;
constexpr packet::Secret kSecret{3, 1, 4};
constexpr packet::Nonce kNonce{2, 7, 1};

/// A receiver's end on loopback: what it does with each request is the test's.
class Server {
 public:
  /// The request, and what answers it; nothing if it is not to be.
  using Answer = std::function<std::vector<std::uint8_t>(const packet::Probe&)>;

  static std::vector<std::uint8_t> properly(const packet::Probe& probe) {
    packet::ProbeReply reply;
    reply.flow_id = probe.flow_id;
    reply.attempt = probe.attempt;
    const auto bytes = packet::encode(reply);
    return {bytes.begin(), bytes.end()};
  }

  Server(Transport transport, const char* ip, Answer answer = properly, bool reset = false)
      : tcp_(transport == Transport::tcp), reset_(reset), answer_(std::move(answer)), bell_(eventfd(0, EFD_CLOEXEC)) {
    const Address wanted = Address::parse(ip, 0);
    const int family = wanted.is_v4() ? AF_INET : AF_INET6;
    socket_ = FileDescriptor(socket(family, (tcp_ ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_storage address;
    socklen_t length = wanted.to_sockaddr(address, family);
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
    if (tcp_) {
      EXPECT_EQ(listen(socket_.get(), 4096), 0);
    }
    length = sizeof address;
    EXPECT_EQ(getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    address_ = Address::from(address);
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  ~Server() {
    thread_.request_stop();
    eventfd_write(bell_.get(), 1);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  const Address& address() const { return address_; }

  /// Ends it, to read what it saw.
  Server& join() {
    thread_.request_stop();
    eventfd_write(bell_.get(), 1);
    if (thread_.joinable()) thread_.join();
    return *this;
  }
  std::vector<packet::Probe> probes;
  std::vector<Address> sources;

 private:
  void run(const std::stop_token& stop) {
    std::array<pollfd, 2> watched{{{socket_.get(), POLLIN, 0}, {bell_.get(), POLLIN, 0}}};
    while (!stop.stop_requested()) {
      poll(watched.data(), watched.size(), -1);
      if (watched[0].revents != 0) serve();
    }
  }

  void serve() {
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    auto* const source = reinterpret_cast<sockaddr*>(&from);
    std::array<std::uint8_t, 256> bytes{};
    if (!tcp_) {
      const ssize_t count = recvfrom(socket_.get(), bytes.data(), bytes.size(), 0, source, &length);
      if (count < 0) return;
      const auto reply = answer(std::span(bytes).first(static_cast<std::size_t>(count)), Address::from(from));
      if (!reply.empty()) sendto(socket_.get(), reply.data(), reply.size(), 0, source, length);
      return;
    }
    const FileDescriptor connection(accept4(socket_.get(), source, &length, SOCK_CLOEXEC));
    if (!connection) return;
    // The whole request comes as one segment.
    const ssize_t count = recv(connection.get(), bytes.data(), bytes.size(), 0);
    if (count < 0) return;
    const auto reply = answer(std::span(bytes).first(static_cast<std::size_t>(count)), Address::from(from));
    if (!reply.empty()) send(connection.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
    if (reset_) {
      const linger at_once{1, 0};
      setsockopt(connection.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
  }

  std::vector<std::uint8_t> answer(std::span<const std::uint8_t> bytes, const Address& from) {
    const auto probe = packet::decode_probe(bytes);
    EXPECT_TRUE(probe.has_value());
    if (!probe) return {};
    probes.push_back(*probe);
    sources.push_back(from);
    return answer_(*probe);
  }

  bool tcp_;
  bool reset_;
  Answer answer_;
  Address address_;
  FileDescriptor socket_;
  FileDescriptor bell_;
  std::jthread thread_;
};

/// What a load told, and its exchanges' sums.
struct Result {
  std::vector<ConnectionInterval> rows;
  ConnectionLoadOutcome outcome;
  std::vector<std::int64_t> connect, first_packet, whole, lateness;  // of all

  Exchanges sum(bool omitted = false) const {
    Exchanges total;
    for (const ConnectionInterval& row : rows) {
      if (row.omitted != omitted) continue;
      total.started += row.exchanges.started;
      total.completed += row.exchanges.completed;
      for (std::size_t i = 0; i < kConnectionFailures; ++i) total.failed[i] += row.exchanges.failed[i];
      total.missed_slots += row.exchanges.missed_slots;
    }
    return total;
  }
  std::uint64_t failed(ConnectionFailure why) const { return sum().failed[static_cast<std::size_t>(why)]; }
};

/// Runs loads, and waits for their ends.
class ConnectionLoadTest : public ::testing::Test {
 protected:
  static ConnectionLoadSpec spec(const Address& to, Transport transport = Transport::tcp) {
    ConnectionLoadSpec made;
    made.flow.transport = transport;
    made.flow.duration = 200ms;
    made.flow.interval = 50ms;
    made.flow.timeout = 20s;
    made.flow.concurrency = 8;
    made.to = to;
    made.flow_id = kFlow;
    made.secret = kSecret;
    made.nonce = kNonce;
    made.start = now<SenderClock>() + 5ms;
    made.workers.count = 2;
    return made;
  }

  std::unique_ptr<ConnectionLoad> start(const ConnectionLoadSpec& wanted) {
    finished_ = false;
    result_ = {};
    return std::make_unique<ConnectionLoad>(wanted, std::make_unique<Listener>(*this),
                                            [this] { return std::make_unique<Sink>(*this); });
  }

  Result run(const ConnectionLoadSpec& wanted) {
    const auto load = start(wanted);
    wait();
    expect_rows(wanted.flow);
    return result_;
  }

  void wait() {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, 60s, [this] { return finished_; }));
  }

  void wait_for_row() {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, 60s, [this] { return !result_.rows.empty(); }));
  }

  /// In order and without a gap, the last one marked.
  void expect_rows(const ConnectionFlowSpec& flow) const {
    ASSERT_FALSE(result_.rows.empty());
    for (std::size_t i = 0; i < result_.rows.size(); ++i) {
      const ConnectionInterval& row = result_.rows[i];
      EXPECT_EQ(row.index, i);
      EXPECT_EQ(row.start, i == 0 ? nanoseconds{0} : result_.rows[i - 1].end);
      EXPECT_EQ(row.last, i + 1 == result_.rows.size());
      EXPECT_EQ(row.omitted, row.start < flow.omit);
    }
  }

  bool finished() {
    const std::scoped_lock lock(mutex_);
    return finished_;
  }

  Result result_;

 private:
  struct Sink : ExchangeSink {
    explicit Sink(ConnectionLoadTest& into) : test(into) {}
    void completed(std::int64_t connect, std::int64_t first_packet, std::int64_t whole) override {
      const std::scoped_lock lock(test.mutex_);
      test.result_.connect.push_back(connect);
      test.result_.first_packet.push_back(first_packet);
      test.result_.whole.push_back(whole);
    }
    void started(std::int64_t lateness) override {
      const std::scoped_lock lock(test.mutex_);
      test.result_.lateness.push_back(lateness);
    }
    void take(Exchanges&) override {}
    ConnectionLoadTest& test;
  };

  struct Listener : ConnectionLoadListener {
    explicit Listener(ConnectionLoadTest& into) : test(into) {}
    void interval(ConnectionInterval&& row) override {
      const std::scoped_lock lock(test.mutex_);
      EXPECT_FALSE(test.finished_);
      test.result_.rows.push_back(std::move(row));
      test.changed_.notify_all();
    }
    void finished(ConnectionLoadOutcome&& outcome) override {
      const std::scoped_lock lock(test.mutex_);
      test.result_.outcome = std::move(outcome);
      test.finished_ = true;
      test.changed_.notify_all();
    }
    ConnectionLoadTest& test;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  bool finished_ = false;
};

TEST_F(ConnectionLoadTest, FlatOutEveryExchangeIsAConnectionOfItsOwn) {
  for (const Transport transport : {Transport::tcp, Transport::udp}) {
    for (const char* ip : {"127.0.0.1", "::1"}) {
      Server server(transport, ip);
      const Result result = run(spec(server.address(), transport));
      const Exchanges sum = result.sum();
      EXPECT_GT(sum.completed, 10u) << ip;
      EXPECT_EQ(sum.completed, sum.started);
      EXPECT_EQ(sum.failures(), 0u);
      EXPECT_EQ(result.outcome.error, "");
      EXPECT_EQ(result.outcome.concurrency, 8u);
      EXPECT_GT(result.outcome.span, 0s);
      EXPECT_GT(result.outcome.cpu.elapsed, 0s);

      server.join();
      ASSERT_EQ(server.probes.size(), sum.completed);
      std::set<std::uint32_t> attempts;
      for (const packet::Probe& probe : server.probes) {
        EXPECT_EQ(probe.flow_id, kFlow);
        EXPECT_EQ(probe.secret, kSecret);
        EXPECT_EQ(probe.nonce, kNonce);
        attempts.insert(probe.attempt);
      }
      EXPECT_EQ(attempts.size(), sum.completed);
      std::set<std::uint16_t> ports;
      for (const Address& source : server.sources) ports.insert(source.port());
      EXPECT_GT(ports.size(), 8u) << "sockets are not fresh";

      ASSERT_EQ(result.whole.size(), sum.completed);
      for (std::size_t i = 0; i < result.whole.size(); ++i) {
        EXPECT_EQ(result.connect[i] > 0, transport == Transport::tcp);
        EXPECT_GT(result.first_packet[i], 0);
        EXPECT_GE(result.whole[i], result.connect[i] + result.first_packet[i]);
      }
      for (const std::int64_t lateness : result.lateness) EXPECT_LT(lateness, 0);
    }
  }
}

TEST_F(ConnectionLoadTest, WithARateEverySlotIsServed) {
  const Server server(Transport::tcp, "127.0.0.1");
  ConnectionLoadSpec wanted = spec(server.address());
  wanted.flow.rate = 499;
  wanted.flow.concurrency = 0;
  const Result result = run(wanted);
  const Exchanges sum = result.sum();
  EXPECT_EQ(sum.started + sum.missed_slots, 100u);  // those due in 200 ms: at 0, 1 / 499, ... 99 / 499 s
  EXPECT_EQ(sum.completed, sum.started);
  EXPECT_EQ(result.outcome.concurrency, 1024u);
  ASSERT_EQ(result.lateness.size(), sum.started);
  EXPECT_GE(*std::ranges::min_element(result.lateness), 0);
}

TEST_F(ConnectionLoadTest, SeveralWorkersShareARate) {
  const Server server(Transport::udp, "127.0.0.1");
  ConnectionLoadSpec wanted = spec(server.address(), Transport::udp);
  wanted.flow.rate = 20'000;  // more than one worker takes
  wanted.flow.duration = 50ms;
  wanted.flow.concurrency = 2000;
  const Exchanges sum = run(wanted).sum();
  EXPECT_EQ(sum.started + sum.missed_slots, 1000u);
}

TEST_F(ConnectionLoadTest, SlotsBeyondTheConcurrencyAreMissed) {
  const Server silent(Transport::udp, "127.0.0.1", [](const packet::Probe&) { return std::vector<std::uint8_t>(); });
  ConnectionLoadSpec wanted = spec(silent.address(), Transport::udp);
  wanted.flow.rate = 200;
  wanted.flow.concurrency = 3;
  wanted.flow.timeout = 400ms;
  const Result result = run(wanted);
  const Exchanges sum = result.sum();
  EXPECT_EQ(sum.started + sum.missed_slots, 40u);
  EXPECT_GE(sum.started, 3u);
  EXPECT_GT(sum.missed_slots, 0u);
  EXPECT_EQ(result.failed(ConnectionFailure::timed_out), sum.started);
  EXPECT_EQ(result.outcome.span, 0s);
}

TEST_F(ConnectionLoadTest, AClosedPortRefuses) {
  for (const Transport transport : {Transport::tcp, Transport::udp}) {
    const ClosedPort closed("127.0.0.1", transport == Transport::tcp ? SOCK_STREAM : SOCK_DGRAM);
    const Result result = run(spec(closed.address(), transport));
    EXPECT_GT(result.failed(ConnectionFailure::refused), 0u);
    EXPECT_EQ(result.failed(ConnectionFailure::refused), result.sum().started);
    // Each of the eight places rests after a failure.
    EXPECT_LE(result.sum().started, 8u * 21u);
  }
}

TEST_F(ConnectionLoadTest, ConnectionsThatNobodyAcceptsTimeOut) {
  // A full queue swallows SYNs; one with room completes the handshake, and then there is no reply.
  const FileDescriptor listening(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address;
  socklen_t length = Address::parse("127.0.0.1", 0).to_sockaddr(address, AF_INET);
  ASSERT_EQ(bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  ASSERT_EQ(listen(listening.get(), 2), 0);
  length = sizeof address;
  ASSERT_EQ(getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  ConnectionLoadSpec wanted = spec(Address::from(address));
  wanted.flow.timeout = 30ms;
  const Result result = run(wanted);
  EXPECT_GT(result.failed(ConnectionFailure::timed_out), 0u);
  EXPECT_EQ(result.failed(ConnectionFailure::timed_out), result.sum().started);
}

TEST_F(ConnectionLoadTest, RepliesAreChecked) {
  const std::vector<Server::Answer> wrong{
      [](const packet::Probe&) { return std::vector<std::uint8_t>(58, 'x'); },
      [](const packet::Probe&) { return std::vector<std::uint8_t>(57, 0xD1); },
      [](packet::Probe probe) {
        ++probe.flow_id;
        return Server::properly(probe);
      },
      [](packet::Probe probe) {
        ++probe.attempt;
        return Server::properly(probe);
      },
      [](const packet::Probe&) { return std::vector<std::uint8_t>(); },
  };
  for (const Server::Answer& answer : wrong) {
    const Server server(Transport::tcp, "127.0.0.1", answer);
    const Result result = run(spec(server.address()));
    EXPECT_GT(result.sum().started, 0u);
    EXPECT_EQ(result.failed(ConnectionFailure::wrong_reply), result.sum().started);
  }
  const Server server(Transport::udp, "127.0.0.1", [](const packet::Probe& probe) {
    auto reply = Server::properly(probe);
    reply.push_back(0);
    return reply;
  });
  const Result result = run(spec(server.address(), Transport::udp));
  EXPECT_EQ(result.failed(ConnectionFailure::wrong_reply), result.sum().started);
}

TEST_F(ConnectionLoadTest, AReplyToAnEarlierDatagramFromThatPortIsNone) {
  const Server server(Transport::udp, "127.0.0.1", [](packet::Probe probe) {
    ++probe.attempt;
    return Server::properly(probe);
  });
  ConnectionLoadSpec wanted = spec(server.address(), Transport::udp);
  wanted.flow.timeout = 30ms;
  const Result result = run(wanted);
  EXPECT_EQ(result.failed(ConnectionFailure::timed_out), result.sum().started);
}

TEST_F(ConnectionLoadTest, AResetIsToldFromARefusal) {
  const Server server(
      Transport::tcp, "127.0.0.1", [](const packet::Probe&) { return std::vector<std::uint8_t>(); }, true);
  const Result result = run(spec(server.address()));
  EXPECT_GT(result.failed(ConnectionFailure::reset), 0u);
  EXPECT_EQ(result.failed(ConnectionFailure::reset), result.sum().started);
}

TEST_F(ConnectionLoadTest, TheWarmUpIsMarkedAndNotInTheSpan) {
  const Server server(Transport::tcp, "127.0.0.1");
  ConnectionLoadSpec wanted = spec(server.address());
  wanted.flow.omit = 100ms;
  const Result result = run(wanted);
  EXPECT_GT(result.sum(true).completed, 0u);
  EXPECT_GT(result.sum(false).completed, 0u);
  ASSERT_EQ(result.rows.size(), 7u);  // 300 ms, and what was under way then
  EXPECT_EQ(result.rows[5].end, 300ms);
  EXPECT_LE(result.outcome.span, result.rows.back().end - 100ms);
}

TEST_F(ConnectionLoadTest, BindsToTheSourceAddress) {
  for (const Transport transport : {Transport::tcp, Transport::udp}) {
    Server server(transport, "127.0.0.1");
    ConnectionLoadSpec wanted = spec(server.address(), transport);
    wanted.source = Address::parse("127.0.0.9", 1);
    EXPECT_GT(run(wanted).sum().completed, 0u);
    server.join();
    for (const Address& source : server.sources) EXPECT_EQ(source.ip_string(), "127.0.0.9");
  }
}

TEST_F(ConnectionLoadTest, StopEndsItWithWhatIsUnderWay) {
  const Server server(Transport::tcp, "127.0.0.1");
  ConnectionLoadSpec wanted = spec(server.address());
  wanted.flow.duration = 1h;
  const auto load = start(wanted);
  wait_for_row();
  load->stop();
  wait();
  expect_rows(wanted.flow);
  EXPECT_EQ(result_.sum().started, result_.sum().completed);
}

TEST_F(ConnectionLoadTest, ItsEndBreaksOffAndIsTold) {
  const Server silent(Transport::udp, "127.0.0.1", [](const packet::Probe&) { return std::vector<std::uint8_t>(); });
  ConnectionLoadSpec wanted = spec(silent.address(), Transport::udp);
  wanted.flow.duration = 1h;
  wanted.flow.timeout = 60s;
  auto load = start(wanted);
  wait_for_row();
  load.reset();
  EXPECT_TRUE(finished());
  EXPECT_EQ(result_.sum().started, 8u);
  EXPECT_EQ(result_.sum().failures(), 0u);
  EXPECT_TRUE(result_.rows.back().last);
}

}  // namespace
}  // namespace paceline::traffic
