// SPDX-License-Identifier: MIT
#include "receiver/data_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "paceline/error.h"
#include "tests/unit/receiver/recording_listener.h"
#include "traffic/clock_source.h"

namespace paceline::receiver {
namespace {

using namespace std::chrono_literals;
using traffic::Address;

/// A sender's socket, connected: only datagrams from the address that it dialled reach it.
class Client {
 public:
  explicit Client(const Address& to) : fd_(socket(to.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage address;
    const socklen_t length = to.to_sockaddr(address, to.is_v4() ? AF_INET : AF_INET6);
    EXPECT_EQ(connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  }

  int fd() const { return fd_.get(); }

  void send(std::span<const std::uint8_t> bytes) {
    ASSERT_EQ(::send(fd_.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }

  std::optional<std::vector<std::uint8_t>> receive(int milliseconds = 20'000) {
    pollfd watched{fd_.get(), POLLIN, 0};
    if (poll(&watched, 1, milliseconds) != 1) return std::nullopt;
    std::vector<std::uint8_t> bytes(65536);
    const ssize_t size = recv(fd_.get(), bytes.data(), bytes.size(), 0);
    if (size < 0) return std::nullopt;
    bytes.resize(static_cast<std::size_t>(size));
    return bytes;
  }

 private:
  traffic::FileDescriptor fd_;
};

struct TestFlow {
  explicit TestFlow(std::uint32_t flow_id) : id(flow_id) {
    secret.fill(static_cast<std::uint8_t>(flow_id));
    spec.rate_pps = 1000;
    spec.size = 64;
    spec.duration = 10s;
  }

  std::array<std::uint8_t, packet::kProbeSize> probe(std::uint32_t attempt, const packet::Nonce& nonce = {}) const {
    packet::Probe probe;
    probe.flow_id = id;
    probe.attempt = attempt;
    probe.secret = secret;
    probe.nonce = nonce;
    probe.sent = 4711;
    return packet::encode(probe);
  }

  std::array<std::uint8_t, 64> data(std::uint32_t sequence) const {
    std::array<std::uint8_t, 64> bytes{};
    packet::Header header;
    header.flow_id = id;
    header.sequence = sequence;
    header.send_time = static_cast<std::uint64_t>(traffic::now<SenderClock>().time_since_epoch().count());
    packet::encode(header, bytes);
    return bytes;
  }

  std::uint32_t id;
  packet::Secret secret;
  PacketFlowSpec spec;
  std::shared_ptr<Told> told = std::make_shared<Told>();
};

ReceiverSpec unprivileged() {
  ReceiverSpec spec;
  spec.tc = TcMode::off;
  return spec;
}

class DataPathTest : public testing::Test {
 protected:
  static constexpr std::uint32_t kWorkers = 2;

  DataPathTest() {
    path_.emplace("", 0, traffic::WorkerOptions{kWorkers, {}, 0});
    path_->open(ladder_, 0ns);
  }

  Address at(const char* ip) const { return Address::parse(ip, path_->port()); }

  void add(const TestFlow& flow) {
    path_->add(std::make_unique<Flow>(flow.id, flow.secret, flow.spec, std::make_unique<RecordingListener>(flow.told)));
  }

  /// Probes until there is an answer; the flow may have been added a moment ago.
  static packet::ProbeReply expect_reply(Client& client, const TestFlow& flow, std::uint32_t attempt,
                                         const packet::Nonce& nonce = {}) {
    std::optional<std::vector<std::uint8_t>> bytes;
    for (int asked = 0; asked < 20 && !bytes; ++asked) {
      client.send(flow.probe(attempt, nonce));
      bytes = client.receive(1'000);
    }
    const auto reply = bytes ? packet::decode_probe_reply(*bytes) : std::nullopt;
    EXPECT_TRUE(reply.has_value()) << "no reply to attempt " << attempt;
    return reply.value_or(packet::ProbeReply{});
  }

  /// Binds and starts the flow; what became of its binding.
  DataPath::Bound start(const TestFlow& flow, const packet::Nonce& nonce) {
    std::promise<DataPath::Bound> promised;
    path_->bind(flow.id, nonce, [&](const DataPath::Bound& told) { promised.set_value(told); });
    const DataPath::Bound bound = promised.get_future().get();
    if (!bound.refused.empty()) return bound;
    decoder::FlowStart start;
    start.flow_id = flow.id;
    start.spec = flow.spec;
    start.start = traffic::now<SenderClock>();
    start.hook = bound.stamping.hook;
    std::promise<DataPath::Started> started;
    path_->start(start, nullptr, [&](const DataPath::Started& told) { started.set_value(told); });
    EXPECT_GT(started.get_future().get().duplicate_window, 0u);
    return bound;
  }

  const StampLadder ladder_{unprivileged(), 1, {}};
  std::optional<DataPath> path_;
};

TEST_F(DataPathTest, AnswersProbesFromTheAddressThatWasDialled) {
  for (const char* ip : {"127.0.0.1", "127.0.0.3", "::1"}) {
    const TestFlow flow(static_cast<std::uint32_t>(std::string(ip).size() + 100));
    add(flow);
    Client client(at(ip));
    const nanoseconds before = traffic::now<ReceiverClock>().time_since_epoch();
    const auto reply = expect_reply(client, flow, 9);
    const nanoseconds after = traffic::now<ReceiverClock>().time_since_epoch();
    EXPECT_EQ(reply.flow_id, flow.id);
    EXPECT_EQ(reply.attempt, 9u);
    EXPECT_EQ(reply.sent, 4711u);
    EXPECT_GE(reply.received, static_cast<std::uint64_t>(before.count()));
    EXPECT_GE(reply.replied, reply.received);
    EXPECT_LE(reply.replied, static_cast<std::uint64_t>(after.count()));
    const std::scoped_lock lock(flow.told->mutex);
    ASSERT_EQ(flow.told->confirmed.size(), 1u);
    EXPECT_EQ(flow.told->confirmed[0].arrived_at, at(ip).to_string());
    path_->remove(flow.id);
  }
}

TEST_F(DataPathTest, NoReplyIsLargerThanItsProbeAndWhatIsNoProbeGetsNone) {
  const TestFlow flow(7);
  add(flow);
  Client client(at("127.0.0.1"));
  const auto probe = flow.probe(1);
  // Cut short, too long, of another magic or type, with a wrong secret, for a flow that there is not.
  client.send(std::span(probe).first(63));
  std::vector<std::uint8_t> padded(probe.begin(), probe.end());
  padded.push_back(0);
  client.send(padded);
  for (const std::size_t at : {0u, 1u, 2u, 20u}) {
    auto damaged = probe;
    damaged[at] ^= 0x40;
    client.send(damaged);
  }
  client.send(std::vector<std::uint8_t>{});
  client.send(std::vector<std::uint8_t>(1400, 0xD1));
  client.send(flow.data(0));  // not started
  // Datagrams of one socket arrive in order: the first answer is to the valid probe.
  client.send(flow.probe(2));
  const auto bytes = client.receive();
  ASSERT_TRUE(bytes.has_value());
  EXPECT_LE(bytes->size(), probe.size());
  const auto reply = packet::decode_probe_reply(*bytes);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->attempt, 2u);
  EXPECT_FALSE(client.receive(50).has_value());
}

TEST_F(DataPathTest, SeveralFlowsAreKeptApart) {
  std::vector<TestFlow> flows;
  std::vector<Client> clients;
  for (std::uint32_t id = 1; id <= 5; ++id) {
    flows.emplace_back(id);
    clients.emplace_back(at(id % 2 == 0 ? "127.0.0.1" : "::1"));
    add(flows.back());
  }
  for (std::size_t i = 0; i < flows.size(); ++i) {
    const auto reply = expect_reply(clients[i], flows[i], 1);
    EXPECT_EQ(start(flows[i], reply.nonce).refused, "");
  }
  for (std::uint32_t sequence = 0; sequence < 50; ++sequence) {
    for (std::size_t i = 0; i < flows.size(); ++i) {
      if (sequence < 10 * (i + 1)) clients[i].send(flows[i].data(sequence));
      clients[i].send(flows[(i + 1) % flows.size()].data(sequence));  // another's id from this address
    }
  }
  for (std::size_t i = 0; i < flows.size(); ++i) path_->done(flows[i].id, 10 * (i + 1));
  for (std::size_t i = 0; i < flows.size(); ++i) {
    ASSERT_TRUE(flows[i].told->wait_until([&] { return flows[i].told->finished == 1; }));
    const Received total = flows[i].told->total();
    EXPECT_EQ(total.packets, 10 * (i + 1));
    EXPECT_EQ(total.lost, 0);
    EXPECT_LE(total.unbound, 50u);  // some came after the end
    EXPECT_GT(total.unbound, 0u);
    // Of five ids two are even modulo 4 in one way, one each in the others.
    EXPECT_EQ(flows[i].told->socket_flows, flows[i].id % 4 == 1 ? 2u : 1u);
  }
}

TEST_F(DataPathTest, AFlowEndsWithItsLastPacket) {
  const TestFlow flow(7);
  add(flow);
  Client client(at("127.0.0.1"));
  const auto reply = expect_reply(client, flow, 1);
  const auto bound = start(flow, reply.nonce);
  EXPECT_EQ(bound.refused, "");
  EXPECT_EQ(bound.stamping.hook, Hook::none);
  client.send(flow.data(0));
  path_->done(flow.id, 2);
  client.send(flow.data(1));
  ASSERT_TRUE(flow.told->wait_until([&] { return flow.told->finished == 1; }));
  EXPECT_EQ(flow.told->total().packets, 2u);
  EXPECT_TRUE(flow.told->intervals.back().last);
  client.send(flow.probe(2, reply.nonce));  // it is forgotten
  EXPECT_FALSE(client.receive(50).has_value());
}

TEST_F(DataPathTest, IntervalsEndOnTheirOwn) {
  TestFlow flow(7);
  flow.spec.interval = 20ms;
  add(flow);
  Client client(at("127.0.0.1"));
  ASSERT_EQ(start(flow, expect_reply(client, flow, 1).nonce).refused, "");
  ASSERT_TRUE(flow.told->wait_until([&] { return flow.told->intervals.size() >= 3; }));
  path_->remove(flow.id);
  ASSERT_TRUE(flow.told->wait_until([&] { return flow.told->finished == 1; }));
}

TEST_F(DataPathTest, StartIsRefusedForAForeignNonceAndForNoFlow) {
  const TestFlow flow(7);
  add(flow);
  EXPECT_THAT(start(flow, packet::Nonce{}).refused, testing::HasSubstr("nonce"));
  EXPECT_THAT(start(TestFlow(8), packet::Nonce{}).refused, testing::HasSubstr("gone"));
}

TEST_F(DataPathTest, ARemovedFlowIsFinishedAndAnUnstartedOneForgotten) {
  const TestFlow running(1), idle(2);
  add(running);
  add(idle);
  Client client(at("127.0.0.1"));
  ASSERT_EQ(start(running, expect_reply(client, running, 1).nonce).refused, "");
  client.send(running.data(0));
  client.send(running.probe(2));  // answered after the data was taken
  ASSERT_TRUE(client.receive().has_value());
  path_->remove(idle.id);
  path_->remove(running.id);
  path_->remove(running.id);
  path_->done(running.id, 1);
  ASSERT_TRUE(running.told->wait_until([&] { return running.told->finished == 1; }));
  EXPECT_EQ(running.told->total().packets, 1u);
  path_.reset();
  EXPECT_EQ(idle.told->finished, 0);
  EXPECT_EQ(running.told->finished, 1);
}

TEST_F(DataPathTest, SuperPacketsAreTakenWholeByTheFlowsThatMay) {
  for (const char* ip : {"127.0.0.1", "::1"}) {
    for (const bool coalesce : {true, false}) {
      TestFlow flow(path_->choose_id(coalesce));
      add(flow);
      Client client(at(ip));
      ASSERT_EQ(start(flow, expect_reply(client, flow, 1).nonce).refused, "");
      const int segment = 64;
      ASSERT_EQ(setsockopt(client.fd(), SOL_UDP, UDP_SEGMENT, &segment, sizeof segment), 0);
      constexpr std::uint32_t kPackets = 40;
      std::vector<std::uint8_t> together;
      for (std::uint32_t i = 0; i < kPackets; ++i) {
        const auto packet = flow.data(i);
        together.insert(together.end(), packet.begin(), packet.end());
      }
      client.send(together);
      path_->done(flow.id, kPackets);
      ASSERT_TRUE(flow.told->wait_until([&] { return flow.told->finished == 1; }));
      EXPECT_EQ(flow.told->total().packets, kPackets);
      EXPECT_EQ(flow.told->arrivals, (Arrivals{coalesce ? 1u : kPackets, 0, coalesce})) << ip;
    }
  }
}

TEST_F(DataPathTest, IdsAreOfTheWorkerWithTheFewestFlows) {
  std::vector<std::uint32_t> on(2 * kWorkers);
  std::set<std::uint32_t> ids;
  for (int i = 0; i < 40; ++i) {
    const TestFlow flow(path_->choose_id(i % 4 == 0));
    EXPECT_TRUE(ids.insert(flow.id).second);
    EXPECT_EQ(flow.id % 2, i % 4 == 0 ? 1u : 0u);
    ++on[flow.id % on.size()];
    add(flow);
  }
  EXPECT_EQ(on[0] + on[1], 20u);
  EXPECT_EQ(on[2] + on[3], 20u);
  for (const std::uint32_t id : ids) {
    if (id % 4 < 2) path_->remove(id, {});
  }
  std::promise<std::uint64_t> removed;
  path_->remove(*std::ranges::find_if(ids, [](std::uint32_t id) { return id % 4 < 2; }),
                [&](std::uint64_t answered) { removed.set_value(answered); });
  EXPECT_EQ(removed.get_future().get(), 0u);
  EXPECT_LT(path_->choose_id(false) % 4, 2u) << "that worker has none left";
}

TEST_F(DataPathTest, ExchangesAreAnsweredAndCounted) {
  const TestFlow flow(path_->choose_id(false));
  path_->add(std::make_unique<Flow>(flow.id, flow.secret, ConnectionFlowSpec{},
                                    std::make_unique<RecordingListener>(flow.told)));
  Client first(at("127.0.0.1"));
  const auto nonce = expect_reply(first, flow, 1).nonce;
  std::promise<DataPath::Bound> bound;
  path_->bind(flow.id, nonce, [&](const DataPath::Bound& told) { bound.set_value(told); });
  ASSERT_EQ(bound.get_future().get().refused, "");
  for (std::uint32_t i = 0; i < 50; ++i) {
    Client fresh(at("127.0.0.1"));
    EXPECT_EQ(expect_reply(fresh, flow, 100 + i, nonce).attempt, 100 + i);
  }
  std::promise<std::uint64_t> answered;
  path_->remove(flow.id, [&](std::uint64_t told) { answered.set_value(told); });
  EXPECT_EQ(answered.get_future().get(), 50u);
}

TEST_F(DataPathTest, ASocketOfNoGroupOnThePortIsASetupError) {
  const traffic::FileDescriptor other(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  socklen_t length = Address::parse("127.0.0.1", 0).to_sockaddr(address, AF_INET);
  ASSERT_EQ(bind(other.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  getsockname(other.get(), reinterpret_cast<sockaddr*>(&address), &length);
  EXPECT_THROW(DataPath("127.0.0.1", Address::from(address).port(), {1, {}, 0}), SetupError);
}

TEST_F(DataPathTest, AWorkerThatCannotHaveItsCpuSaysSo) {
  DataPath path("127.0.0.1", 0, {2, {4095}, 0});
  path.open(ladder_, 0ns);
  ASSERT_EQ(path.warnings().size(), 1u) << "two workers, one reason";
  EXPECT_THAT(path.warnings().front(), testing::HasSubstr("4095"));
}

TEST_F(DataPathTest, CarriesOutWhatWasAskedBeforeItEnds) {
  const TestFlow flow(1);
  add(flow);
  Client client(at("127.0.0.1"));
  ASSERT_EQ(start(flow, expect_reply(client, flow, 1).nonce).refused, "");
  path_->remove(flow.id);
  path_.reset();
  EXPECT_EQ(flow.told->finished, 1);
}

TEST_F(DataPathTest, PacketsOfARoundTripFlowComeBackWholeToTheBoundAddressAlone) {
  for (const char* ip : {"127.0.0.1", "127.0.0.3", "::1"}) {
    TestFlow flow(static_cast<std::uint32_t>(2 * std::string(ip).size() + 100));  // even: of a plain socket
    flow.spec.meter = Meter::round_trip;
    add(flow);
    Client client(at(ip)), stranger(at(ip));
    const auto reply = expect_reply(client, flow, 1);
    ASSERT_EQ(start(flow, reply.nonce).refused, "");

    auto packet = flow.data(7);
    packet[40] = 0xAB;  // payload
    stranger.send(packet);
    client.send(std::span(packet).first(40));  // of a size that it cannot have
    client.send(packet);
    const auto echo = client.receive();
    ASSERT_TRUE(echo.has_value());
    packet::make_echo(packet);
    EXPECT_TRUE(std::ranges::equal(*echo, packet));
    EXPECT_FALSE(stranger.receive(50).has_value());
    EXPECT_FALSE(client.receive(0).has_value());

    // Once the flow is gone nothing comes back; the answer to another flow's probe shows that all was read.
    path_->remove(flow.id);
    ASSERT_TRUE(flow.told->wait_until([&] { return flow.told->finished == 1; }));
    client.send(flow.data(8));
    TestFlow other(flow.id + 16);
    add(other);
    expect_reply(client, other, 1);
    path_->remove(other.id);
    const Received total = flow.told->total();
    EXPECT_EQ((std::array{total.packets, total.unbound, total.invalid}), (std::array<std::uint64_t, 3>{1, 1, 1}));
    EXPECT_EQ(flow.told->echoes_unsent, 0u);
  }
}

TEST_F(DataPathTest, PacketsOfAOneWayFlowDoNotComeBack) {
  const TestFlow flow(100);
  add(flow);
  Client client(at("127.0.0.1"));
  const auto reply = expect_reply(client, flow, 1);
  ASSERT_EQ(start(flow, reply.nonce).refused, "");
  client.send(flow.data(0));
  EXPECT_EQ(expect_reply(client, flow, 2, reply.nonce).attempt, 2u);  // the first that comes
}

TEST_F(DataPathTest, AFlowWithAModelTakesAnySizeUpToItsLargest) {
  TestFlow flow(100);
  flow.spec.model.emplace();
  flow.spec.model->idt = parse_model("1ms", Quantity::time);
  flow.spec.model->size = parse_model("uniform:min=18,max=64", Quantity::bytes);
  add(flow);
  Client client(at("127.0.0.1"));
  const auto reply = expect_reply(client, flow, 1);
  ASSERT_EQ(start(flow, reply.nonce).refused, "");
  for (const std::uint32_t size : {18u, 40u, 64u}) {
    const auto packet = flow.data(size);
    client.send(std::span(packet).first(size));
  }
  std::vector<std::uint8_t> large(65);
  const auto packet = flow.data(65);
  std::ranges::copy(packet, large.begin());
  client.send(large);
  expect_reply(client, flow, 2, reply.nonce);
  path_->remove(flow.id);
  ASSERT_TRUE(flow.told->wait_until([&] { return flow.told->finished == 1; }));
  const Received total = flow.told->total();
  EXPECT_EQ((std::array{total.packets, total.bytes, total.invalid}), (std::array<std::uint64_t, 3>{3, 122, 1}));
}

}  // namespace
}  // namespace paceline::receiver
