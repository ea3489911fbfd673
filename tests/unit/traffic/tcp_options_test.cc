// SPDX-License-Identifier: MIT
#include "traffic/tcp_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include "paceline/error.h"
#include "tests/unit/traffic/tcp_pair.h"
#include "traffic/tcp_info.h"

namespace paceline::traffic {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

FileDescriptor tcp_socket(int family = AF_INET) {
  return FileDescriptor(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

int option(const FileDescriptor& socket, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  require(getsockopt(socket.get(), level, name, &value, &length) == 0, "getsockopt");
  return value;
}

TEST(TcpOptions, SetWhatIsAskedOfEachEnd) {
  TcpFlowSpec flow;
  flow.congestion = "reno";  // every kernel has it
  flow.mss = 1000;
  flow.socket_buffer = 100'000;
  flow.no_delay = true;
  for (const int family : {AF_INET, AF_INET6}) {
    const FileDescriptor source = tcp_socket(family), sink = tcp_socket(family);
    const std::string others = congestion_of(sink.get());
    const int untouched = option(source, SOL_SOCKET, SO_RCVBUF);
    configure_tcp(source.get(), flow, true);
    configure_tcp(sink.get(), flow, false);
    EXPECT_EQ(congestion_of(source.get()), "reno");
    EXPECT_EQ(congestion_of(sink.get()), others);
    EXPECT_EQ(option(source, SOL_SOCKET, SO_SNDBUF), 200'000);  // the kernel doubles it
    EXPECT_EQ(option(source, SOL_SOCKET, SO_RCVBUF), untouched);
    EXPECT_EQ(option(sink, SOL_SOCKET, SO_RCVBUF), 200'000);
    EXPECT_EQ(option(source, IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_EQ(option(source, IPPROTO_TCP, TCP_MAXSEG), 1000);
    EXPECT_THAT(buffer_warning(source.get(), flow, true), IsEmpty());
  }
}

TEST(TcpOptions, NothingAskedChangesNothing) {
  const FileDescriptor fresh = tcp_socket(), configured = tcp_socket();
  configure_tcp(configured.get(), {}, true);
  EXPECT_EQ(congestion_of(configured.get()), congestion_of(fresh.get()));
  for (const int name : {SO_SNDBUF, SO_RCVBUF})
    EXPECT_EQ(option(configured, SOL_SOCKET, name), option(fresh, SOL_SOCKET, name));
  EXPECT_EQ(option(configured, IPPROTO_TCP, TCP_NODELAY), 0);
}

TEST(TcpOptions, AnUnknownCongestionControlIsRefusedWithThoseThatThereAre) {
  EXPECT_THAT(congestion_refusal("reno"), IsEmpty());
  EXPECT_THAT(congestion_refusal("paceline"), HasSubstr("\"paceline\""));
  EXPECT_THAT(congestion_refusal("paceline"), HasSubstr("reno"));
  EXPECT_THAT(congestion_refusal("a_name_that_is_too_long"), HasSubstr("15 characters"));
  TcpFlowSpec flow;
  flow.congestion = "paceline";
  const FileDescriptor source = tcp_socket();
  EXPECT_THROW(configure_tcp(source.get(), flow, true), SetupError);
  EXPECT_NO_THROW(configure_tcp(source.get(), flow, false));
}

TEST(TcpOptions, WhatTheKernelRefusesIsNamed) {
  TcpFlowSpec flow;
  flow.mss = 1;
  const FileDescriptor source = tcp_socket();
  try {
    configure_tcp(source.get(), flow, true);
    FAIL() << "an MSS of 1 byte was taken";
  } catch (const SetupError& error) {
    EXPECT_THAT(error.what(), HasSubstr("TCP_MAXSEG"));
  }
}

TEST(TcpOptions, ABufferThatTheKernelCutsIsWarnedOf) {
  TcpFlowSpec flow;
  flow.socket_buffer = TcpFlowSpec::kMaxSocketBuffer;
  const FileDescriptor source = tcp_socket();
  const int small = 10'000;
  setsockopt(source.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  EXPECT_THAT(buffer_warning(source.get(), flow, true), HasSubstr("wmem_max"));
  EXPECT_THAT(buffer_warning(source.get(), flow, true), HasSubstr("the kernel gives 10000"));
  EXPECT_THAT(buffer_warning(source.get(), flow, false), HasSubstr("rmem_max"));
}

TEST(TcpInfo, TellsOfAConnection) {
  auto pairs = tcp_pairs(1);
  const int client = pairs[0].client.get();
  EXPECT_EQ(unacknowledged(client), 0u);
  const TcpInfo info = read_tcp_info(client);
  EXPECT_GT(info.mss, 500u);
  EXPECT_GT(info.congestion_window, 0u);
  EXPECT_GT(info.smoothed_rtt.count(), 0);
  EXPECT_EQ(info.retransmits, 0u);
  const unsigned long rate = 1'000'000;
  setsockopt(client, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof rate);
  EXPECT_EQ(read_tcp_info(client).pacing_rate_bps, 8e6);
}

TEST(TcpInfo, OfNoConnectionIsEmpty) {
  EXPECT_EQ(read_tcp_info(-1), TcpInfo{});
  EXPECT_EQ(unacknowledged(-1), 0u);
}

}  // namespace
}  // namespace paceline::traffic
