// SPDX-License-Identifier: MIT
#include "sender/probe_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <functional>
#include <optional>
#include <vector>

#include "paceline/error.h"
#include "tests/unit/closed_port.h"
#include "traffic/clock_source.h"

namespace paceline::sender {
namespace {

using namespace std::chrono_literals;
using asio::ip::udp;
using Clock = std::chrono::steady_clock;

constexpr auto kPatience = 20s;
constexpr nanoseconds kAhead = 1000s;  // the far end's clock is ahead by this

/// A probe socket and a far end that speaks the packet format, over loopback.
class ProbeSocketTest : public testing::TestWithParam<const char*> {
 protected:
  ProbeSocketTest() {
    key_.flow_id = 0xCAFE1234;
    key_.secret.fill(0x5E);
    key_.nonce.fill(0x0A);
  }

  traffic::Address far_address() const { return traffic::Address::parse(GetParam(), far_.local_endpoint().port()); }

  /// Answers probes as `answer` says until the test is over.
  using Answers = std::function<std::vector<packet::ProbeReply>(const packet::Probe&)>;
  void answer_with(Answers answers) {
    asio::co_spawn(
        io_,
        [this, answers = std::move(answers)]() -> asio::awaitable<void> {
          std::array<std::uint8_t, 2048> bytes;
          for (;;) {
            udp::endpoint from;
            const std::size_t size = co_await far_.async_receive_from(asio::buffer(bytes), from, asio::use_awaitable);
            const auto probe = packet::decode_probe(std::span(bytes).first(size));
            if (!probe) continue;
            probes_.push_back(*probe);
            for (const auto& reply : answers(*probe)) {
              const auto encoded = packet::encode(reply);
              co_await far_.async_send_to(asio::buffer(encoded), from, asio::use_awaitable);
            }
          }
        },
        asio::detached);
  }

  static packet::ProbeReply reply_to(const packet::Probe& probe) {
    packet::ProbeReply reply;
    reply.flow_id = probe.flow_id;
    reply.attempt = probe.attempt;
    reply.nonce.fill(0x77);
    reply.sent = probe.sent;
    const nanoseconds now = traffic::now<SenderClock>().time_since_epoch() + kAhead;
    reply.received = reply.replied = static_cast<std::uint64_t>(now.count());
    return reply;
  }

  void run(const std::function<asio::awaitable<void>()>& test) {
    std::exception_ptr failure;
    asio::co_spawn(io_, test, [&](const std::exception_ptr& error) {
      failure = error;
      io_.stop();
    });
    io_.run();
    if (failure) std::rethrow_exception(failure);
  }

  asio::io_context io_{1};
  udp::socket far_{io_, udp::endpoint(asio::ip::make_address(GetParam()), 0)};
  ProbeKey key_;
  std::vector<packet::Probe> probes_;
};

INSTANTIATE_TEST_SUITE_P(Families, ProbeSocketTest, testing::Values("127.0.0.1", "::1"),
                         [](const auto& family) { return family.param[0] == ':' ? "Ipv6" : "Ipv4"; });

TEST_P(ProbeSocketTest, ARoundTripCarriesTheKeyAndTheClocks) {
  answer_with([](const packet::Probe& probe) { return std::vector{reply_to(probe)}; });
  ProbeSocket socket(io_.get_executor(), far_address());
  EXPECT_EQ(socket.local().ip_string(), GetParam());
  run([&]() -> asio::awaitable<void> {
    const auto answer = co_await socket.round_trip(key_, 17, kPatience);
    if (!answer) throw std::runtime_error("no answer");
    EXPECT_EQ(answer->reply.attempt, 17u);
    const traffic::ClockSample sample = answer->sample();
    EXPECT_LE(sample.sent, sample.answered);
    EXPECT_GE(sample.round_trip(), 0ns);
    EXPECT_LE(std::chrono::abs(sample.offset() - kAhead), sample.round_trip() / 2 + 1ns);
  });
  ASSERT_EQ(probes_.size(), 1u);
  EXPECT_EQ(probes_[0].flow_id, key_.flow_id);
  EXPECT_EQ(probes_[0].secret, key_.secret);
  EXPECT_EQ(probes_[0].nonce, key_.nonce);
}

TEST_P(ProbeSocketTest, EachHasASourcePortOfItsOwn) {
  const ProbeSocket one(io_.get_executor(), far_address()), other(io_.get_executor(), far_address());
  EXPECT_NE(one.local().port(), other.local().port());
}

TEST_P(ProbeSocketTest, RepliesToOthersAreNotTakenForOnes) {
  answer_with([](const packet::Probe& probe) {
    packet::ProbeReply other_flow = reply_to(probe);
    other_flow.flow_id ^= 1;
    packet::ProbeReply earlier = reply_to(probe);
    earlier.attempt = probe.attempt - 1;
    return std::vector{other_flow, earlier, reply_to(probe)};
  });
  ProbeSocket socket(io_.get_executor(), far_address());
  run([&]() -> asio::awaitable<void> {
    const auto answer = co_await socket.round_trip(key_, 5, kPatience);
    EXPECT_TRUE(answer && answer->reply.flow_id == key_.flow_id && answer->reply.attempt == 5);
  });
}

TEST_P(ProbeSocketTest, GarbageIsPassedOver) {
  ProbeSocket socket(io_.get_executor(), far_address());
  const udp::endpoint back(asio::ip::make_address(GetParam()), socket.local().port());
  for (const std::string& garbage : {std::string(), std::string("x"), std::string(58, '\xD1'), std::string(2048, 'y')})
    far_.send_to(asio::buffer(garbage), back);
  answer_with([](const packet::Probe& probe) { return std::vector{reply_to(probe)}; });
  run([&]() -> asio::awaitable<void> {
    const auto answer = co_await socket.round_trip(key_, 1, kPatience);
    EXPECT_TRUE(answer.has_value());
  });
}

TEST_P(ProbeSocketTest, SilenceEndsAtTheLimit) {
  ProbeSocket socket(io_.get_executor(), far_address());
  const auto begin = Clock::now();
  run([&]() -> asio::awaitable<void> {
    const auto answer = co_await socket.round_trip(key_, 1, 50ms);
    EXPECT_FALSE(answer.has_value());
  });
  EXPECT_GE(Clock::now() - begin, 50ms);
}

TEST_P(ProbeSocketTest, AnUnreachablePortIsTold) {
  const ClosedPort closed(GetParam(), SOCK_DGRAM);
  ProbeSocket socket(io_.get_executor(), closed.address());
  run([&]() -> asio::awaitable<void> {
    EXPECT_EQ(socket.send(key_, 1), 0);
    int error = 0;
    const auto answer = co_await socket.receive(key_.flow_id, Clock::now() + kPatience, error);
    EXPECT_FALSE(answer.has_value());
    EXPECT_EQ(error, ECONNREFUSED);
  });
}

TEST_P(ProbeSocketTest, CloseEndsAWait) {
  ProbeSocket socket(io_.get_executor(), far_address());
  asio::steady_timer timer(io_, 20ms);
  timer.async_wait([&](const asio::error_code&) { socket.close(); });
  run([&]() -> asio::awaitable<void> {
    int error = 0;
    const auto answer = co_await socket.receive(key_.flow_id, Clock::time_point::max(), error);
    EXPECT_FALSE(answer.has_value());
    EXPECT_EQ(error, 0);
  });
}

TEST_P(ProbeSocketTest, ARoundTripOnAClosedSocketEndsAtOnce) {
  ProbeSocket socket(io_.get_executor(), far_address());
  socket.close();
  const auto begin = Clock::now();
  run([&]() -> asio::awaitable<void> {
    const auto answer = co_await socket.round_trip(key_, 1, kPatience);
    EXPECT_FALSE(answer.has_value());
  });
  EXPECT_LT(Clock::now() - begin, kPatience / 2);
}

TEST_P(ProbeSocketTest, ClocksAreExchangedOneRoundTripAfterTheOther) {
  answer_with([](const packet::Probe& probe) { return std::vector{reply_to(probe)}; });
  ProbeSocket socket(io_.get_executor(), far_address());
  run([&]() -> asio::awaitable<void> {
    const auto exchange = co_await socket.exchange_clocks(key_, 24, 3, kPatience);
    EXPECT_EQ(exchange.count(), 24u);
    EXPECT_LE(std::chrono::abs(exchange.offset() - kAhead), exchange.error_bound());
  });
  ASSERT_EQ(probes_.size(), 24u);
  for (std::size_t i = 1; i < probes_.size(); ++i) {
    EXPECT_EQ(probes_[i].attempt, probes_[i - 1].attempt + 1);
    EXPECT_GT(probes_[i].sent, probes_[i - 1].sent);
  }
}

TEST_P(ProbeSocketTest, LostProbesCostAnExchangeOnlyThemselves) {
  int asked = 0;
  answer_with([&asked](const packet::Probe& probe) {
    return ++asked == 2 ? std::vector<packet::ProbeReply>{} : std::vector{reply_to(probe)};
  });
  ProbeSocket socket(io_.get_executor(), far_address());
  run([&]() -> asio::awaitable<void> {
    const auto exchange = co_await socket.exchange_clocks(key_, 4, 4, 10ms);
    EXPECT_EQ(exchange.count(), 3u);
  });
}

TEST_P(ProbeSocketTest, TimesThatNoClockShowsAreNoSample) {
  answer_with([](const packet::Probe& probe) {
    packet::ProbeReply reply = reply_to(probe);
    reply.received = 1ull << 63;
    reply.replied = (1ull << 63) - 1;
    return std::vector{reply};
  });
  ProbeSocket socket(io_.get_executor(), far_address());
  run([&]() -> asio::awaitable<void> {
    const auto exchange = co_await socket.exchange_clocks(key_, 3, 3, 1s);
    EXPECT_EQ(exchange.count(), 0u);
  });
}

TEST_P(ProbeSocketTest, FragmentsAreForbiddenUpToTheMtu) {
  ProbeSocket socket(io_.get_executor(), far_address());
  const bool ipv6 = !far_address().is_v4();
  const auto mode = [&] {
    int value = -1;
    socklen_t length = sizeof value;
    getsockopt(socket.fd(), ipv6 ? static_cast<int>(IPPROTO_IPV6) : static_cast<int>(IPPROTO_IP),
               ipv6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &value, &length);
    return value;
  };
  EXPECT_TRUE(socket.forbid_fragments(512));
  EXPECT_EQ(mode(), ipv6 ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO);
  EXPECT_FALSE(socket.forbid_fragments(65536));  // loopback's MTU, without the headers
  EXPECT_EQ(mode(), ipv6 ? IPV6_PMTUDISC_DONT : IP_PMTUDISC_DONT);
}

TEST(ProbeSocket, AnAddressWithoutARouteIsASetupError) {
  asio::io_context io(1);
  EXPECT_THROW(ProbeSocket(io.get_executor(), traffic::Address::parse("255.255.255.255", 9)), SetupError);
}

}  // namespace
}  // namespace paceline::sender
