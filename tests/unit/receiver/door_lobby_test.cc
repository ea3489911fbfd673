// SPDX-License-Identifier: MIT
#include "receiver/door_lobby.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

namespace paceline::receiver {
namespace {

using namespace std::chrono_literals;
using traffic::FileDescriptor;

constexpr ReceiverTime kNow{1000h};

/// A guest whose connection's other end is held, to see when it is closed.
struct Visit {
  std::shared_ptr<Guest> guest = std::make_shared<Guest>();
  FileDescriptor other_end;

  Visit(std::uint64_t number, ReceiverTime arrived) {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    guest->number = number;
    guest->arrived = arrived;
    guest->socket = FileDescriptor(ends[0]);
    other_end = FileDescriptor(ends[1]);
  }

  bool closed() const {
    char byte = 0;
    return recv(other_end.get(), &byte, 1, MSG_DONTWAIT) == 0;
  }
};

std::shared_ptr<DoorFlow> flow(std::uint32_t id, std::size_t most = 4) {
  auto made = std::make_shared<DoorFlow>();
  made->id = id;
  made->most = most;
  return made;
}

TEST(Lobby, StrangersLeaveWhenTheirTimeIsOver) {
  Lobby lobby;
  EXPECT_EQ(lobby.expire(kNow), ReceiverTime::max());
  const Visit early(2, kNow), late(3, kNow + 1s);
  lobby.enter(early.guest);
  lobby.enter(late.guest);
  EXPECT_EQ(lobby.expire(kNow), kNow + TcpDoor::kProbeTime);
  EXPECT_EQ(lobby.expire(kNow + TcpDoor::kProbeTime), kNow + 1s + TcpDoor::kProbeTime);
  EXPECT_TRUE(early.closed());
  EXPECT_FALSE(late.closed());
  EXPECT_EQ(lobby.find(2), nullptr);
  EXPECT_EQ(lobby.find(3), late.guest);
}

TEST(Lobby, SeatedOnesHaveMoreTime) {
  Lobby lobby;
  const auto its_flow = flow(1);
  lobby.add(its_flow);
  const Visit seated(2, kNow);
  lobby.enter(seated.guest);
  seated.guest->flow = its_flow;
  seated.guest->attempt = 9;
  ASSERT_TRUE(lobby.seat(seated.guest));
  EXPECT_EQ(lobby.expire(kNow + TcpDoor::kProbeTime), kNow + TcpDoor::kUnclaimed);
  EXPECT_FALSE(seated.closed());
  EXPECT_EQ(lobby.expire(kNow + TcpDoor::kUnclaimed), ReceiverTime::max());
  EXPECT_TRUE(seated.closed());
  EXPECT_TRUE(lobby.claim(1, {9}).empty());
}

TEST(Lobby, TheOldestStrangerMakesRoom) {
  Lobby lobby;
  EXPECT_FALSE(lobby.close_oldest_stranger());
  const Visit first(2, kNow), second(3, kNow);
  lobby.enter(first.guest);
  lobby.enter(second.guest);
  EXPECT_TRUE(lobby.close_oldest_stranger());
  EXPECT_TRUE(first.closed());
  EXPECT_FALSE(second.closed());

  first.guest->flow = flow(1);
  lobby.add(first.guest->flow);
  EXPECT_FALSE(lobby.seat(first.guest)) << "it was shown out already";
}

TEST(Lobby, ASeatIsOfAFlowThatIsThere) {
  Lobby lobby;
  const Visit visit(2, kNow);
  lobby.enter(visit.guest);
  visit.guest->flow = flow(1);
  EXPECT_FALSE(lobby.seat(visit.guest));
  lobby.add(flow(1));  // another of that number
  EXPECT_FALSE(lobby.seat(visit.guest));
}

}  // namespace
}  // namespace paceline::receiver
