// SPDX-License-Identifier: MIT
#include "sender/probe_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/read.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <functional>
#include <vector>

#include "paceline/error.h"
#include "sender/path_finder.h"
#include "tests/unit/closed_port.h"
#include "traffic/clock_source.h"

namespace paceline::sender {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;
using testing::HasSubstr;

constexpr nanoseconds kAhead = 1000s;  // the far end's clock is ahead by this

/// Probe connections and a far end that speaks the packet format, over loopback.
class ProbeConnectionTest : public testing::TestWithParam<const char*> {
 protected:
  ProbeConnectionTest() {
    key_.flow_id = 0xCAFE1234;
    key_.secret.fill(0x5E);
  }

  traffic::Address far_address() const { return traffic::Address::parse(GetParam(), far_.local_endpoint().port()); }

  /// Treats the connections that come one after the other as `serve` says, until the test is over.
  using Serve = std::function<asio::awaitable<void>(std::size_t number, tcp::socket& socket)>;
  void serve_with(Serve serve) {
    asio::co_spawn(
        io_,
        [this, serve = std::move(serve)]() -> asio::awaitable<void> {
          for (;;) {
            held_.push_back(co_await far_.async_accept(asio::use_awaitable));
            asio::co_spawn(io_, serve(held_.size(), held_.back()), asio::detached);
          }
        },
        asio::detached);
    held_.reserve(128);  // sockets stay where they are
  }

  static asio::awaitable<void> answer(tcp::socket& socket, std::uint32_t flow_id_change = 0) {
    std::array<std::uint8_t, packet::kProbeSize> bytes;
    for (;;) {
      asio::error_code error;
      co_await asio::async_read(socket, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
      const auto probe = packet::decode_probe(bytes);
      if (error || !probe) co_return;
      packet::ProbeReply reply;
      reply.flow_id = probe->flow_id ^ flow_id_change;
      reply.attempt = probe->attempt;
      reply.nonce.fill(0x77);
      reply.sent = probe->sent;
      const nanoseconds now = traffic::now<SenderClock>().time_since_epoch() + kAhead;
      reply.received = reply.replied = static_cast<std::uint64_t>(now.count());
      const auto encoded = packet::encode(reply);
      co_await asio::async_write(socket, asio::buffer(encoded), asio::redirect_error(asio::use_awaitable, error));
    }
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

  PathQuest quest() {
    PathQuest quest;
    quest.key = key_;
    quest.candidates = {{far_address(), "user"}};
    quest.pace.again = 1s;
    quest.make_end = [this](const traffic::Address& to) {
      return std::make_shared<ProbeConnection>(io_.get_executor(), to, LocalEnd{});
    };
    quest.given_up = [] { return std::string(); };
    return quest;
  }

  asio::io_context io_{1};
  tcp::acceptor far_{io_, tcp::endpoint(asio::ip::make_address(GetParam()), 0)};
  std::vector<tcp::socket> held_;
  ProbeKey key_;
};

INSTANTIATE_TEST_SUITE_P(Families, ProbeConnectionTest, testing::Values("127.0.0.1", "::1"),
                         [](const auto& family) { return family.param[0] == ':' ? "Ipv6" : "Ipv4"; });

TEST_P(ProbeConnectionTest, ConnectsAndIsAnswered) {
  serve_with([](std::size_t, tcp::socket& socket) { return answer(socket); });
  ProbeConnection connection(io_.get_executor(), far_address(), {});
  run([&]() -> asio::awaitable<void> {
    const Reach reach = co_await connection.reach(key_, 17);
    if (!reach.answer) throw std::runtime_error(reach.why);
    EXPECT_EQ(reach.answer->reply.attempt, 17u);
    EXPECT_GT(connection.connect_time(), 0ns);
    const auto exchange = co_await connection.exchange_clocks(key_, 8, 8, 0s);
    EXPECT_EQ(exchange.count(), 8u);
    EXPECT_LE(std::chrono::abs(exchange.offset() - kAhead), exchange.error_bound());
  });
  EXPECT_EQ(connection.local().ip_string(), GetParam());
}

TEST_P(ProbeConnectionTest, HandsOutANonBlockingSocketWithNothingUnread) {
  serve_with([](std::size_t, tcp::socket& socket) { return answer(socket); });
  ProbeConnection connection(io_.get_executor(), far_address(), {});
  run([&]() -> asio::awaitable<void> { co_await connection.reach(key_, 1); });
  const traffic::FileDescriptor fd = connection.release();
  char byte = 0;
  EXPECT_EQ(recv(fd.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(send(fd.get(), &byte, 1, 0), 1);
}

TEST_P(ProbeConnectionTest, ARefusalIsTold) {
  const ClosedPort closed(GetParam(), SOCK_STREAM);
  ProbeConnection connection(io_.get_executor(), closed.address(), {});
  run([&]() -> asio::awaitable<void> {
    const Reach reach = co_await connection.reach(key_, 1);
    EXPECT_FALSE(reach.answer.has_value() || reach.elsewhere);
    EXPECT_THAT(reach.why, HasSubstr("refused"));
  });
}

TEST_P(ProbeConnectionTest, SilenceEndsAtTheLimit) {
  serve_with([](std::size_t, tcp::socket&) -> asio::awaitable<void> { co_return; });
  ProbeConnection connection(io_.get_executor(), far_address(), {});
  const auto begin = std::chrono::steady_clock::now();
  run([&]() -> asio::awaitable<void> {
    const Reach reach = co_await connection.reach(key_, 1);
    EXPECT_EQ(reach.why, "connected, but no reply in 2 s");
  });
  EXPECT_GE(std::chrono::steady_clock::now() - begin, ProbeConnection::kPatience);
  EXPECT_FALSE(connection.is_open());
}

TEST_P(ProbeConnectionTest, AnUnansweredRoundTripClosesIt) {
  serve_with([](std::size_t, tcp::socket&) -> asio::awaitable<void> { co_return; });
  ProbeConnection connection(io_.get_executor(), far_address(), {});
  asio::steady_timer timer(io_, 20ms);
  run([&]() -> asio::awaitable<void> {
    asio::co_spawn(io_, connection.reach(key_, 1), asio::detached);
    co_await timer.async_wait(asio::use_awaitable);
    EXPECT_FALSE((co_await connection.round_trip(key_, 2, 10ms)).has_value());
    EXPECT_FALSE(connection.is_open());
  });
}

TEST_P(ProbeConnectionTest, CloseEndsAReachWithoutABlame) {
  serve_with([](std::size_t, tcp::socket&) -> asio::awaitable<void> { co_return; });
  ProbeConnection connection(io_.get_executor(), far_address(), {});
  asio::steady_timer timer(io_, 20ms);
  timer.async_wait([&](const asio::error_code&) { connection.close(); });
  run([&]() -> asio::awaitable<void> {
    const Reach reach = co_await connection.reach(key_, 1);
    EXPECT_FALSE(reach.answer.has_value());
    EXPECT_EQ(reach.why, "");
  });
}

TEST_P(ProbeConnectionTest, ASearchGoesOnUntilItMeetsTheRightReceiver) {
  serve_with([](std::size_t number, tcp::socket& socket) -> asio::awaitable<void> {
    if (number > 4) co_await answer(socket);
    if (number == 4) co_await answer(socket, 1);  // something else
    socket.close();                               // another pod
  });
  run([&]() -> asio::awaitable<void> {
    const FoundPath found = co_await find_path(io_.get_executor(), quest());
    EXPECT_EQ(found.attempts, 5u);
    EXPECT_EQ(found.attempt.number, 5u);
    EXPECT_EQ(found.candidates.at(0).outcome, "confirmed");
  });
}

TEST_P(ProbeConnectionTest, ASearchThatMeetsOnlyOthersSaysSo) {
  serve_with([](std::size_t, tcp::socket& socket) -> asio::awaitable<void> {
    socket.close();
    co_return;
  });
  run([&]() -> asio::awaitable<void> {
    try {
      co_await find_path(io_.get_executor(), quest());
      ADD_FAILURE();
    } catch (const SetupError& error) {
      EXPECT_THAT(error.what(), testing::AllOf(HasSubstr(far_address().to_string()), HasSubstr("another receiver"),
                                               HasSubstr("64 probes")));
    }
  });
}

TEST_P(ProbeConnectionTest, ASearchTakesTheFirstCandidateThatAnswers) {
  serve_with([](std::size_t, tcp::socket& socket) { return answer(socket); });
  run([&]() -> asio::awaitable<void> {
    PathQuest both = quest();
    both.candidates = {{traffic::Address::parse(GetParam(), 1), "advertised"}, {far_address(), "signalling port"}};
    both.attempts_before = 7 << 10;
    const FoundPath found = co_await find_path(io_.get_executor(), both);
    EXPECT_EQ(found.dialled, far_address());
    EXPECT_GT(found.attempt.number, 7u << 10);
    EXPECT_THAT(found.candidates.at(0).outcome, HasSubstr("refused"));
  });
}

TEST_P(ProbeConnectionTest, ASearchThatIsGivenUpSaysWhy) {
  run([&]() -> asio::awaitable<void> {
    PathQuest hopeless = quest();
    hopeless.given_up = [] { return std::string("the session ended"); };
    try {
      co_await find_path(io_.get_executor(), hopeless);
      ADD_FAILURE();
    } catch (const SetupError& error) {
      EXPECT_STREQ(error.what(), "the session ended");
    }
  });
}

TEST(LocalEnd, ASourceThatIsNotOfThisHostIsNamed) {
  const auto to = traffic::Address::parse("127.0.0.1", 9);
  try {
    open_socket(SOCK_STREAM, {"192.0.2.99", 0, {}}, to);
    FAIL();
  } catch (const SetupError& error) {
    EXPECT_THAT(error.what(), HasSubstr("192.0.2.99"));
  }
  EXPECT_THROW(open_socket(SOCK_DGRAM, {"::1", 0, {}}, to), SetupError);
}

TEST(LocalEnd, CandidatesRaceFromOnePort) {
  for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
    const LocalEnd local{"127.0.0.1", 22010, {}};  // the kernel gives out others
    const OpenSocket one = open_socket(type, local, traffic::Address::parse("127.0.0.1", 9));
    const OpenSocket other = open_socket(type, local, traffic::Address::parse("127.0.0.1", 10));
    EXPECT_TRUE(one.fd && other.fd);
  }
}

}  // namespace
}  // namespace paceline::sender
