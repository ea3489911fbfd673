// SPDX-License-Identifier: MIT
#include "receiver/tcp_door.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "paceline/error.h"
#include "traffic/clock_source.h"

namespace paceline::receiver {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using traffic::Address;
using traffic::FileDescriptor;

constexpr int kPatience = 20'000;  // ms, for what is bound to come

/// A sender's end of a TCP connection.
class Client {
 public:
  explicit Client(const Address& to) : fd_(socket(family(to), SOCK_STREAM | SOCK_CLOEXEC, 0)) { connect_to(to); }
  /// With a socket that was made before.
  Client(FileDescriptor socket, const Address& to) : fd_(std::move(socket)) { connect_to(to); }

  static int family(const Address& to) { return to.is_v4() ? AF_INET : AF_INET6; }

  void send(std::span<const std::uint8_t> bytes) {
    ASSERT_EQ(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }

  /// So many bytes; fewer if the connection ends before.
  std::vector<std::uint8_t> receive(std::size_t count) {
    std::vector<std::uint8_t> bytes(count);
    std::size_t have = 0;
    while (have < count) {
      pollfd watched{fd_.get(), POLLIN, 0};
      EXPECT_EQ(poll(&watched, 1, kPatience), 1) << "nothing came";
      const ssize_t got = recv(fd_.get(), bytes.data() + have, count - have, MSG_DONTWAIT);
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    bytes.resize(have);
    return bytes;
  }

  std::optional<packet::ProbeReply> reply() { return packet::decode_probe_reply(receive(packet::kProbeReplySize)); }

  /// Whether the door closed it, in order and without another byte.
  bool closed() {
    pollfd watched{fd_.get(), POLLIN, 0};
    std::uint8_t byte = 0;
    return poll(&watched, 1, kPatience) == 1 && recv(fd_.get(), &byte, 1, MSG_DONTWAIT) == 0;
  }

  bool still_open() {
    pollfd watched{fd_.get(), POLLIN, 0};
    return poll(&watched, 1, 0) == 0;
  }

  Address address() const {
    sockaddr_storage mine{};
    socklen_t length = sizeof mine;
    getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&mine), &length);
    return Address::from(mine);
  }

  int fd() const { return fd_.get(); }

 private:
  void connect_to(const Address& to) {
    sockaddr_storage address;
    const socklen_t length = to.to_sockaddr(address, family(to));
    EXPECT_EQ(connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length), 0) << to.to_string();
    const int on = 1;
    setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

  FileDescriptor fd_;
};

class Paths : public TcpDoorListener {
 public:
  struct Path {
    std::uint32_t attempt = 0;
    Address arrived_at;
    Address seen_from;
    Hook hook = Hook::tcx;
  };

  void path_confirmed(std::uint32_t attempt, const Address& arrived_at, const Address& seen_from,
                      const Stamping& stamping) override {
    const std::scoped_lock lock(mutex_);
    paths_.push_back({attempt, arrived_at, seen_from, stamping.hook});
    told_.notify_all();
  }

  std::vector<Path> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(told_.wait_for(lock, 20s, [&] { return paths_.size() >= count; }));
    return paths_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  std::vector<Path> paths_;
};

ReceiverSpec without_hooks() {
  ReceiverSpec spec;
  spec.tc = TcMode::off;
  return spec;
}

class TcpDoorTest : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kFlow = 0xFEDC1234;
  static constexpr packet::Secret kSecret{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

  TcpDoorTest() { door_.open(ladder_); }

  Address at(const char* ip) const { return Address::parse(ip, door_.port()); }

  void add(DoorPolicy policy, std::size_t most = 8) { door_.add(kFlow, kSecret, policy, most, paths_); }

  static std::array<std::uint8_t, packet::kProbeSize> probe(std::uint32_t attempt) {
    packet::Probe probe;
    probe.flow_id = kFlow;
    probe.attempt = attempt;
    probe.secret = kSecret;
    probe.sent = 4711;
    return packet::encode(probe);
  }

  /// A connection whose first probe was answered.
  Client seated(std::uint32_t attempt, const char* ip = "127.0.0.1") {
    Client client(at(ip));
    client.send(probe(attempt));
    const auto reply = client.reply();
    EXPECT_TRUE(reply.has_value());
    if (reply) {
      EXPECT_EQ(reply->attempt, attempt);
    }
    return client;
  }

  const StampLadder ladder_{without_hooks(), 1, {1}};
  std::shared_ptr<Paths> paths_ = std::make_shared<Paths>();
  TcpDoor door_{"", 0, {2, {}, 0}};
};

TEST_F(TcpDoorTest, ASecondReceiverOnThePortIsRefused) {
  try {
    const TcpDoor second("", door_.port(), {});
    FAIL() << "two doors on one port";
  } catch (const SetupError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("data port *:" + std::to_string(door_.port()) + "/tcp: Address already in use"));
    EXPECT_THAT(error.what(), HasSubstr("is another receiver running? Choose another with --data-port"));
  }
}

TEST_F(TcpDoorTest, AnswersProbesAndTellsWhereTheyArrived) {
  add(DoorPolicy::streams);
  std::size_t paths = 0;
  for (const char* ip : {"127.0.0.1", "127.0.0.3", "::1"}) {
    const auto attempt = static_cast<std::uint32_t>(paths + 40);
    Client client(at(ip));
    const nanoseconds before = traffic::now<ReceiverClock>().time_since_epoch();
    client.send(probe(attempt));
    const auto reply = client.reply();
    const nanoseconds after = traffic::now<ReceiverClock>().time_since_epoch();
    ASSERT_TRUE(reply.has_value()) << ip;
    EXPECT_EQ(reply->flow_id, kFlow);
    EXPECT_EQ(reply->attempt, attempt);
    EXPECT_EQ(reply->sent, 4711u);
    EXPECT_GE(reply->received, static_cast<std::uint64_t>(before.count()));
    EXPECT_GE(reply->replied, reply->received);
    EXPECT_LE(reply->replied, static_cast<std::uint64_t>(after.count()));
    const Paths::Path path = paths_->wait_for(++paths).back();
    EXPECT_EQ(path.attempt, attempt);
    EXPECT_EQ(path.arrived_at, at(ip));
    EXPECT_EQ(path.seen_from, client.address());
    EXPECT_EQ(path.hook, Hook::none);
  }
}

TEST_F(TcpDoorTest, LaterProbesAreAnsweredButToldOnce) {
  add(DoorPolicy::streams);
  Client client = seated(1);
  for (std::uint32_t attempt = 2; attempt < 10; ++attempt) {
    client.send(probe(attempt));
    const auto reply = client.reply();
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->attempt, attempt);
  }
  EXPECT_EQ(paths_->wait_for(1).size(), 1u);
}

TEST_F(TcpDoorTest, AProbeMayTrickleIn) {
  add(DoorPolicy::streams);
  Client client(at("127.0.0.1"));
  const auto bytes = probe(3);
  for (const std::uint8_t& byte : bytes) client.send({&byte, 1});
  const auto reply = client.reply();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->attempt, 3u);
}

TEST_F(TcpDoorTest, HandsOutTheClaimedConnectionsInOrderAndClosesTheOthers) {
  add(DoorPolicy::streams);
  Client first = seated(10), second = seated(11, "::1"), spare = seated(12);
  second.send(probe(99));
  ASSERT_TRUE(second.reply().has_value());

  const auto streams = door_.claim(kFlow, {11, 10});
  ASSERT_EQ(streams.size(), 2u);
  EXPECT_EQ(streams[0].read_before, 2 * packet::kProbeSize);
  EXPECT_EQ(streams[1].read_before, packet::kProbeSize);
  EXPECT_EQ(streams[0].arrivals, nullptr);
  EXPECT_TRUE(spare.closed());

  // They are the sender's connections, and the door has let go of them.
  for (const auto& [client, stream] : {std::pair(&second, &streams[0]), std::pair(&first, &streams[1])}) {
    EXPECT_NE(fcntl(stream->socket.get(), F_GETFL) & O_NONBLOCK, 0);
    client->send(probe(77));
    pollfd watched{stream->socket.get(), POLLIN, 0};
    ASSERT_EQ(poll(&watched, 1, kPatience), 1);
    std::array<std::uint8_t, 128> bytes{};
    EXPECT_EQ(recv(stream->socket.get(), bytes.data(), bytes.size(), 0), 64);
    EXPECT_TRUE(client->still_open());
  }
  EXPECT_EQ(door_.remove(kFlow), 0u);
  EXPECT_TRUE(first.still_open());
}

TEST_F(TcpDoorTest, AClaimIsAllOrNothing) {
  add(DoorPolicy::streams);
  const Client client = seated(1);
  EXPECT_TRUE(door_.claim(kFlow, {1, 2}).empty());
  EXPECT_TRUE(door_.claim(kFlow, {1, 1}).empty());
  EXPECT_TRUE(door_.claim(kFlow + 1, {1}).empty());
}

TEST_F(TcpDoorTest, AConnectionThatEndedCannotBeClaimed) {
  add(DoorPolicy::streams, 1);
  { const Client gone = seated(1); }
  // The flow may have one connection only: another is seated once the door knows of the end.
  std::optional<packet::ProbeReply> reply;
  while (!reply) {
    Client next(at("127.0.0.1"));
    next.send(probe(2));
    reply = next.reply();
  }
  EXPECT_TRUE(door_.claim(kFlow, {1}).empty());
}

TEST_F(TcpDoorTest, ExchangesAreAnsweredClosedAndCounted) {
  add(DoorPolicy::exchanges);
  std::optional<packet::Nonce> before;
  for (std::uint32_t attempt = 0; attempt < 50; ++attempt) {
    Client client(at(attempt % 2 == 0 ? "127.0.0.1" : "::1"));
    client.send(probe(attempt));
    const auto reply = client.reply();
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->attempt, attempt);
    EXPECT_NE(before, reply->nonce);
    before = reply->nonce;
    EXPECT_TRUE(client.closed());
    EXPECT_EQ(door_.answered(kFlow), attempt + 1);
    tcp_info info{};
    socklen_t length = sizeof info;
    ASSERT_EQ(getsockopt(client.fd(), IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    EXPECT_EQ(info.tcpi_state, TCP_CLOSE_WAIT) << "the door is to be the end that closes first";
  }
  EXPECT_EQ(door_.remove(kFlow), 50u);
  EXPECT_EQ(door_.answered(kFlow), 0u);
}

TEST_F(TcpDoorTest, AnExchangeMayTrickleIn) {
  add(DoorPolicy::exchanges);
  Client client(at("127.0.0.1"));
  const auto bytes = probe(3);
  client.send(std::span(bytes).first(1));
  client.send(std::span(bytes).subspan(1, 62));
  client.send(std::span(bytes).last(1));
  EXPECT_TRUE(client.reply().has_value());
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(door_.remove(kFlow), 1u);
}

TEST_F(TcpDoorTest, IsSilentToAllOthers) {
  add(DoorPolicy::streams);
  auto wrong_secret = probe(1), wrong_flow = probe(1), wrong_type = probe(1);
  wrong_secret[33] ^= 1;
  wrong_flow[5] ^= 1;
  wrong_type[1] = 1;
  const std::array<std::uint8_t, packet::kProbeSize> text{'G', 'E', 'T', ' ', '/'};
  for (const auto& bytes : {wrong_secret, wrong_flow, wrong_type, text}) {
    Client client(at("127.0.0.1"));
    client.send(bytes);
    EXPECT_TRUE(client.closed());
  }
  Client half(at("127.0.0.1"));
  half.send(std::span(text).first(5));
  shutdown(half.fd(), SHUT_WR);
  EXPECT_TRUE(half.closed());

  Client later = seated(1);  // one that turns to nonsense after a good start
  later.send(text);
  EXPECT_TRUE(later.closed());
}

TEST_F(TcpDoorTest, AFlowHasOnlySoManyConnectionsAndAnAttemptOnlyOne) {
  add(DoorPolicy::streams, 2);
  Client first = seated(1);
  Client again(at("127.0.0.1"));
  again.send(probe(1));
  EXPECT_TRUE(again.closed());
  Client second = seated(2);
  Client third(at("127.0.0.1"));
  third.send(probe(3));
  EXPECT_TRUE(third.closed());
  EXPECT_EQ(door_.claim(kFlow, {1, 2}).size(), 2u);
}

TEST_F(TcpDoorTest, AFlowThatIsRemovedLosesItsConnections) {
  add(DoorPolicy::streams);
  Client client = seated(1);
  EXPECT_EQ(door_.remove(kFlow), 0u);
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(door_.remove(kFlow), 0u);
}

TEST_F(TcpDoorTest, TakesAConnectionOverFromAnotherPort) {
  add(DoorPolicy::streams);
  const FileDescriptor listening(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address;
  socklen_t length = Address::parse("127.0.0.1", 0).to_sockaddr(address, AF_INET);
  ASSERT_EQ(bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), length), 0);
  ASSERT_EQ(listen(listening.get(), 8), 0);
  length = sizeof address;
  ASSERT_EQ(getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  const Address port = Address::from(address);

  Client client(port);
  const auto bytes = probe(6);
  client.send(std::span(bytes).first(30));
  door_.adopt(FileDescriptor(accept(listening.get(), nullptr, nullptr)));
  client.send(std::span(bytes).subspan(30));
  EXPECT_TRUE(client.reply().has_value());
  EXPECT_EQ(paths_->wait_for(1).back().arrived_at, port);
  EXPECT_EQ(door_.claim(kFlow, {6}).size(), 1u);
}

/// Sets the soft limit of descriptors for as long as it lives.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t soft) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit wanted{std::min(soft, before_.rlim_max), before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &wanted);
  }
  ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before_); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

 private:
  rlimit before_{};
};

TEST_F(TcpDoorTest, StrangersMakeRoomForEachOther) {
  const DescriptorLimit enough(4096);
  add(DoorPolicy::streams);
  std::vector<Client> strangers;
  for (std::size_t i = 0; i < TcpDoor::kMostStrangers + 50; ++i) strangers.emplace_back(at("127.0.0.1"));
  const Client sender = seated(1);
  EXPECT_TRUE(strangers.front().closed());
  EXPECT_TRUE(strangers.back().still_open());
  EXPECT_EQ(door_.claim(kFlow, {1}).size(), 1u);
}

TEST_F(TcpDoorTest, OutOfDescriptorsStrangersGoFirstAndConnectionsAreTakenAgainLater) {
  add(DoorPolicy::streams);
  FileDescriptor first_socket(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  FileDescriptor second_socket(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Client stranger(at("127.0.0.1"));
  const auto bytes = probe(1);
  stranger.send(std::span(bytes).first(1));
  Client before = seated(7);  // when it is answered, the stranger was taken in as well
  std::optional<Client> first, second;
  {
    int free = dup(0);
    close(free);
    const DescriptorLimit none(static_cast<rlim_t>(free));
    ASSERT_EQ(dup(0), -1) << "there are descriptors left";
    first.emplace(std::move(first_socket), at("127.0.0.1"));
    first->send(probe(1));
    EXPECT_TRUE(stranger.closed());
    EXPECT_TRUE(first->reply().has_value());
    // Now nobody is left who could make room.
    second.emplace(std::move(second_socket), at("127.0.0.1"));
    second->send(probe(2));
    EXPECT_TRUE(before.still_open());
  }
  EXPECT_TRUE(second->reply().has_value());
}

}  // namespace
}  // namespace paceline::receiver
