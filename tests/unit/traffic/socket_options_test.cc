// SPDX-License-Identifier: MIT
#include "traffic/socket_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
// Behind netinet/in.h, whose types it then leaves alone.
#include <linux/in6.h>
#include <sys/socket.h>

#include <functional>
#include <string>

#include "paceline/error.h"
#include "tests/unit/traffic/sending.h"

namespace paceline::traffic {
namespace {

using testing::HasSubstr;

int option(const Socket& socket, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  EXPECT_EQ(getsockopt(socket.get(), level, name, &value, &length), 0);
  return value;
}

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const SetupError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(SocketOptions, DatagramsGetAllOfThem) {
  SocketSpec spec;
  spec.dscp = 46;
  spec.ecn = 1;
  spec.hop_limit = 17;
  spec.fragments = Fragments::never;
  const Socket v4(socket(AF_INET, SOCK_DGRAM, 0)), v6(socket(AF_INET6, SOCK_DGRAM, 0));
  for (const Socket* each : {&v4, &v6}) {
    configure_socket(each->get(), spec);
    EXPECT_EQ(option(*each, IPPROTO_IP, IP_TOS), 46 << 2 | 1);
    EXPECT_EQ(option(*each, IPPROTO_IP, IP_TTL), 17);
    EXPECT_EQ(option(*each, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DO);
  }
  EXPECT_EQ(option(v6, IPPROTO_IPV6, IPV6_TCLASS), 46 << 2 | 1);
  EXPECT_EQ(option(v6, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 17);
  EXPECT_EQ(option(v6, IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_DO);
  EXPECT_EQ(option(v6, IPPROTO_IPV6, IPV6_DONTFRAG), 1);
  spec.fragments = Fragments::allowed;
  configure_socket(v6.get(), spec);
  EXPECT_EQ(option(v6, IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_DONT);
  EXPECT_EQ(option(v6, IPPROTO_IPV6, IPV6_DONTFRAG), 0);
}

TEST(SocketOptions, AStreamsEcnBitsAreItsKernels) {
  SocketSpec spec;
  spec.dscp = 10;
  spec.ecn = 3;
  for (const int family : {AF_INET, AF_INET6}) {
    const Socket stream(socket(family, SOCK_STREAM, 0));
    configure_socket(stream.get(), spec);
    EXPECT_EQ(option(stream, IPPROTO_IP, IP_TOS), 10 << 2);
    if (family == AF_INET) continue;
    EXPECT_EQ(option(stream, IPPROTO_IPV6, IPV6_TCLASS), 10 << 2);
  }
}

TEST(SocketOptions, NothingAskedChangesNothing) {
  const Socket fresh(socket(AF_INET6, SOCK_DGRAM, 0)), configured(socket(AF_INET6, SOCK_DGRAM, 0));
  configure_socket(configured.get(), {});
  bind_to_interface(configured.get(), "");
  for (const int name : {IP_TOS, IP_TTL, IP_MTU_DISCOVER})
    EXPECT_EQ(option(configured, IPPROTO_IP, name), option(fresh, IPPROTO_IP, name));
  for (const int name : {IPV6_TCLASS, IPV6_UNICAST_HOPS, IPV6_MTU_DISCOVER, IPV6_DONTFRAG})
    EXPECT_EQ(option(configured, IPPROTO_IPV6, name), option(fresh, IPPROTO_IPV6, name));
}

TEST(SocketOptions, AnInterfaceIsBoundToOrNamed) {
  const Socket udp(socket(AF_INET, SOCK_DGRAM, 0));
  EXPECT_THAT(refusal([&] { bind_to_interface(udp.get(), "nowhere0"); }),
              AllOf(HasSubstr("'nowhere0'"), HasSubstr("none of that name")));
  bind_to_interface(udp.get(), "lo");
  char name[IFNAMSIZ] = {};
  socklen_t length = sizeof name;
  ASSERT_EQ(getsockopt(udp.get(), SOL_SOCKET, SO_BINDTODEVICE, name, &length), 0);
  EXPECT_STREQ(name, "lo");
}

}  // namespace
}  // namespace paceline::traffic
