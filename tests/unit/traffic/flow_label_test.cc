// SPDX-License-Identifier: MIT
#include "traffic/flow_label.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
// Behind netinet/in.h, whose types it then leaves alone.
#include <linux/in6.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include "paceline/error.h"
#include "traffic/file_descriptor.h"

namespace paceline::traffic {
namespace {

sockaddr_storage v6(const char* host) {
  sockaddr_storage address{};
  auto& in6 = reinterpret_cast<sockaddr_in6&>(address);
  in6.sin6_family = AF_INET6;
  EXPECT_EQ(inet_pton(AF_INET6, host, &in6.sin6_addr), 1);
  return address;
}

/// A UDP socket that tells the flow label of what it receives.
class Receiver {
 public:
  Receiver() : address(v6("::1")), fd_(socket(AF_INET6, SOCK_DGRAM, 0)) {
    socklen_t size = sizeof address;
    const int on = 1;
    EXPECT_EQ(setsockopt(fd_.get(), IPPROTO_IPV6, IPV6_FLOWINFO, &on, sizeof on), 0);
    EXPECT_EQ(bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sockaddr_in6)), 0) << strerror(errno);
    EXPECT_EQ(getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  }

  /// 0 when the packet has none.
  std::uint32_t label() const {
    std::uint8_t byte = 0;
    iovec vector{&byte, 1};
    alignas(cmsghdr) std::uint8_t control[64];
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    EXPECT_EQ(recvmsg(fd_.get(), &message, MSG_DONTWAIT), 1) << strerror(errno);
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_type != IPV6_FLOWINFO) return 0;
    std::uint32_t info = 0;
    std::memcpy(&info, CMSG_DATA(header), sizeof info);
    return ntohl(info) & 0xFFFFF;
  }

  sockaddr_storage address;

 private:
  FileDescriptor fd_;
};

std::string refusal(int family, std::uint32_t label, sockaddr_storage destination) {
  const FileDescriptor fd(socket(family, SOCK_DGRAM, 0));
  try {
    set_flow_label(fd.get(), label, destination);
  } catch (const SetupError& error) {
    return error.what();
  }
  return "";
}

TEST(FlowLabel, IsInEveryPacketOfTheConnectedSocket) {
  const Receiver receiver;
  for (const std::uint32_t label : {1U, 0x12345U, 0x7FFFFU, 0U}) {
    const FileDescriptor fd(socket(AF_INET6, SOCK_DGRAM, 0));
    sockaddr_storage destination = receiver.address;
    set_flow_label(fd.get(), label, destination);
    ASSERT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&destination), sizeof(sockaddr_in6)), 0) << strerror(errno);
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(send(fd.get(), "x", 1, 0), 1) << strerror(errno);
      EXPECT_EQ(receiver.label(), label);
    }
  }
}

TEST(FlowLabel, SocketsShareOne) {
  const Receiver receiver;
  const FileDescriptor fds[] = {FileDescriptor(socket(AF_INET6, SOCK_DGRAM, 0)),
                                FileDescriptor(socket(AF_INET6, SOCK_DGRAM, 0))};
  for (const FileDescriptor& fd : fds) {
    sockaddr_storage destination = receiver.address;
    set_flow_label(fd.get(), 0x54321, destination);
    ASSERT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&destination), sizeof(sockaddr_in6)), 0);
    ASSERT_EQ(send(fd.get(), "x", 1, 0), 1);
    EXPECT_EQ(receiver.label(), 0x54321U);
  }
}

TEST(FlowLabel, IsThePathsOverTcpToo) {
  sockaddr_storage address = v6("::1");
  const FileDescriptor listener(socket(AF_INET6, SOCK_STREAM, 0)), fd(socket(AF_INET6, SOCK_STREAM, 0));
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sockaddr_in6)), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  ASSERT_EQ(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  set_flow_label(fd.get(), 0x23456, address);
  ASSERT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sockaddr_in6)), 0) << strerror(errno);
  sockaddr_in6 peer{};
  size = sizeof peer;
  ASSERT_EQ(getpeername(fd.get(), reinterpret_cast<sockaddr*>(&peer), &size), 0);
  EXPECT_EQ(ntohl(peer.sin6_flowinfo) & 0xFFFFF, 0x23456U);  // what the kernel sends with
}

TEST(FlowLabel, SaysWhyItIsRefused) {
  sockaddr_storage v4{};
  v4.ss_family = AF_INET;
  EXPECT_EQ(refusal(AF_INET, 5, v4), "flow label 5: it needs a path over IPv6");
  EXPECT_EQ(refusal(AF_INET6, 5, v6("::ffff:127.0.0.1")), "flow label 5: it needs a path over IPv6");
  EXPECT_EQ(refusal(AF_INET6, 0x100000, v6("::1")), "flow label 1048576: it must be 0 to 1048575 (20 bits)");
  const std::string stateless = refusal(AF_INET6, 0x80000, v6("::1"));
  EXPECT_THAT(stateless, testing::AnyOf("", testing::HasSubstr("flowlabel_state_ranges")));  // as the sysctl says
}

}  // namespace
}  // namespace paceline::traffic
