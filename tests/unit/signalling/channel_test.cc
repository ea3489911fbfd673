// SPDX-License-Identifier: MIT
#include "signalling/channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/read.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <exception>
#include <functional>
#include <string>
#include <utility>

namespace paceline::signalling {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using testing::HasSubstr;

constexpr auto kPatience = 20s;  // for what must come, however busy the machine is

wire::Message refused(const std::string& reason) {
  wire::Message message;
  message.mutable_refused()->set_reason(reason);
  return message;
}

wire::Message heartbeat() {
  wire::Message message;
  message.mutable_heartbeat();
  return message;
}

std::string framed(const wire::Message& message) { return frame::encode(message.SerializeAsString()); }

/// A channel over loopback and the bare socket at its other end.
class ChannelTest : public testing::Test {
 protected:
  void connect(std::size_t max_message = kMaxRequest) {
    tcp::acceptor acceptor(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    peer_.connect(acceptor.local_endpoint());
    channel_ = Channel::create(acceptor.accept(), max_message);
  }

  /// Runs the coroutines to their ends; the first one's exception is thrown here. The rest of what the
  /// channel does (heartbeats) ends with it.
  void run(const std::function<asio::awaitable<void>()>& test,
           const std::function<asio::awaitable<void>()>& peer = {}) {
    std::exception_ptr failure;
    int left = peer ? 2 : 1;
    const auto over = [&](const std::exception_ptr& error) {
      if (error && !failure) failure = error;
      if (--left == 0 || error) io_.stop();
    };
    asio::co_spawn(io_, test, over);
    if (peer) asio::co_spawn(io_, peer, over);
    io_.restart();
    io_.run();
    if (failure) std::rethrow_exception(failure);
  }

  asio::awaitable<void> wait(Clock::duration time) {
    asio::steady_timer timer(io_, time);
    co_await timer.async_wait(asio::use_awaitable);
  }

  asio::awaitable<void> peer_writes(std::string bytes) {
    co_await asio::async_write(peer_, asio::buffer(bytes), asio::use_awaitable);
  }

  /// All that comes until the channel closes.
  asio::awaitable<std::string> peer_reads_all() {
    std::string all;
    asio::error_code error;
    co_await asio::async_read(peer_, asio::dynamic_buffer(all), asio::redirect_error(asio::use_awaitable, error));
    co_return all;
  }

  std::string failure_of(const std::function<asio::awaitable<void>()>& test,
                         const std::function<asio::awaitable<void>()>& peer = {}) {
    try {
      run(test, peer);
    } catch (const ChannelError& error) {
      return error.what();
    }
    return "";
  }

  asio::io_context io_{1};
  tcp::socket peer_{io_};
  std::shared_ptr<Channel> channel_;
};

TEST_F(ChannelTest, KnowsBothEnds) {
  connect();
  EXPECT_EQ(channel_->local(), peer_.remote_endpoint());
  EXPECT_EQ(channel_->remote(), peer_.local_endpoint());
}

TEST_F(ChannelTest, ThePreambleMayArriveInPiecesAndWithMoreBehindIt) {
  connect();
  run(
      [&]() -> asio::awaitable<void> {
        co_await channel_->expect_preamble(kPatience);
        const auto message = co_await channel_->receive(kPatience, false);
        EXPECT_EQ(message.refused().reason(), "first");
      },
      [&]() -> asio::awaitable<void> {
        co_await peer_writes("PACE");
        co_await wait(20ms);
        co_await peer_writes("LINE" + framed(refused("first")));
      });
}

// Else a stranger's bytes before TLS would be taken for the peer's behind it.
TEST_F(ChannelTest, WhatCameBeforeTlsIsNotReadBehindIt) {
  if (!has_tls()) GTEST_SKIP() << "built without TLS";
  connect();
  const auto client = tls_client({"", "receiver.test"});
  EXPECT_THAT(failure_of(
                  [&]() -> asio::awaitable<void> {
                    co_await channel_->expect_preamble(kPatience);
                    channel_->secure(client->open(""));
                  },
                  [&]() -> asio::awaitable<void> { co_await peer_writes("PACELINE" + framed(refused("slipped in"))); }),
              HasSubstr("before TLS"));
}

TEST_F(ChannelTest, APeerThatSpeaksNoTlsEndsIt) {
  if (!has_tls()) GTEST_SKIP() << "built without TLS";
  connect();
  channel_->secure(tls_client({"", "receiver.test"})->open(""));
  EXPECT_THAT(failure_of([&]() -> asio::awaitable<void> { co_await channel_->receive(kPatience, false); },
                         [&]() -> asio::awaitable<void> { co_await peer_writes("HTTP/1.1 400 Bad Request\r\n\r\n"); }),
              HasSubstr("no TLS 1.3"));
}

TEST_F(ChannelTest, OtherBytesFirstAreNoSender) {
  for (const std::string first : {"GET / HTTP/1.1\r\n", "PACELINX", "paceline", "\x16\x03\x01"}) {
    peer_ = tcp::socket(io_);
    connect();
    EXPECT_THAT(failure_of([&]() -> asio::awaitable<void> { co_await channel_->expect_preamble(kPatience); },
                           [&]() -> asio::awaitable<void> { co_await peer_writes(first); }),
                HasSubstr("no Paceline sender"))
        << first;
  }
}

TEST_F(ChannelTest, APreambleThatDoesNotComeIsNotWaitedForLonger) {
  connect();
  EXPECT_EQ(failure_of([&]() -> asio::awaitable<void> { co_await channel_->expect_preamble(50ms); },
                       [&]() -> asio::awaitable<void> { co_await peer_writes("PACELIN"); }),
            "timeout");
}

TEST_F(ChannelTest, APeerThatLeavesDuringThePreambleIsTold) {
  connect();
  EXPECT_THAT(failure_of([&]() -> asio::awaitable<void> { co_await channel_->expect_preamble(kPatience); },
                         [&]() -> asio::awaitable<void> {
                           co_await peer_writes("PACE");
                           peer_.close();
                         }),
              HasSubstr("closed the connection"));
}

TEST_F(ChannelTest, MessagesArriveInOrderHoweverTheStreamIsCut) {
  connect();
  std::string stream;
  for (int i = 0; i < 50; ++i) stream += framed(i % 5 == 0 ? heartbeat() : refused(std::to_string(i)));
  run(
      [&]() -> asio::awaitable<void> {
        for (int i = 0; i < 50; ++i) {
          if (i % 5 == 0) continue;
          const auto message = co_await channel_->receive(kPatience, false);
          EXPECT_EQ(message.refused().reason(), std::to_string(i));
        }
      },
      [&]() -> asio::awaitable<void> {
        for (std::size_t at = 0; at < stream.size(); at += 3) co_await peer_writes(stream.substr(at, 3));
      });
}

TEST_F(ChannelTest, AMessageOfSeveralFramesIsPutTogether) {
  connect(kMaxResult);
  const std::string reason(300'000, 'r');
  run(
      [&]() -> asio::awaitable<void> {
        const auto message = co_await channel_->receive(kPatience, false);
        EXPECT_EQ(message.refused().reason(), reason);
      },
      [&]() -> asio::awaitable<void> { co_await peer_writes(framed(refused(reason))); });
}

TEST_F(ChannelTest, AMessageAboveTheBoundIsRefused) {
  connect(1000);
  EXPECT_THAT(
      failure_of([&]() -> asio::awaitable<void> { co_await channel_->receive(kPatience, false); },
                 [&]() -> asio::awaitable<void> { co_await peer_writes(framed(refused(std::string(1001, 'x')))); }),
      HasSubstr("more than 1000 bytes"));
}

TEST_F(ChannelTest, BytesThatAreNoFrameOrNoMessageAreRefused) {
  connect();
  EXPECT_THAT(failure_of([&]() -> asio::awaitable<void> { co_await channel_->receive(kPatience, false); },
                         [&]() -> asio::awaitable<void> { co_await peer_writes("\xff\xff\xff\xff\xff"); }),
              HasSubstr("at most 65536"));
  peer_ = tcp::socket(io_);
  connect();
  EXPECT_EQ(failure_of([&]() -> asio::awaitable<void> { co_await channel_->receive(kPatience, false); },
                       [&]() -> asio::awaitable<void> { co_await peer_writes(frame::encode("\x0a\xff\xff")); }),
            "bytes that are no message");
}

TEST_F(ChannelTest, ATrickleDoesNotRenewTheDeadline) {
  connect();
  const std::string stream = framed(refused(std::string(2000, 'x')));
  std::size_t written = 0;
  bool over = false;
  EXPECT_THAT(failure_of(
                  [&]() -> asio::awaitable<void> {
                    try {
                      co_await channel_->receive(300ms, true);
                    } catch (...) {
                      over = true;
                      throw;
                    }
                  },
                  [&]() -> asio::awaitable<void> {
                    for (; !over && written < stream.size(); ++written) {
                      co_await peer_writes(stream.substr(written, 1));
                      co_await wait(5ms);
                    }
                  }),
              HasSubstr("no message in"));
  EXPECT_GT(written, 1u);
  EXPECT_LT(written, stream.size());
}

TEST_F(ChannelTest, HeartbeatsRenewTheDeadlineWhenTheyCount) {
  connect();
  const auto beats = [&]() -> asio::awaitable<void> {
    for (int i = 0; i < 12; ++i) {
      co_await peer_writes(framed(heartbeat()));
      co_await wait(100ms);
    }
    co_await peer_writes(framed(refused("late")));
  };
  run(
      [&]() -> asio::awaitable<void> {
        const auto begin = Clock::now();
        const auto message = co_await channel_->receive(1s, true);
        EXPECT_EQ(message.refused().reason(), "late");
        EXPECT_GE(Clock::now() - begin, 1200ms);
      },
      beats);
}

TEST_F(ChannelTest, HeartbeatsDoNotRenewADeadlineForAnAnswer) {
  connect();
  EXPECT_THAT(failure_of([&]() -> asio::awaitable<void> { co_await channel_->receive(200ms, false); },
                         [&]() -> asio::awaitable<void> {
                           for (int i = 0; i < 1000; ++i) {
                             co_await peer_writes(framed(heartbeat()));
                             co_await wait(10ms);
                           }
                         }),
              HasSubstr("no message in"));
}

TEST_F(ChannelTest, SendsHeartbeatsWhenIdle) {
  connect();
  channel_->start_heartbeats();
  std::string bytes(framed(heartbeat()).size(), '\0');
  run([&]() -> asio::awaitable<void> { co_await asio::async_read(peer_, asio::buffer(bytes), asio::use_awaitable); });
  EXPECT_EQ(bytes, framed(heartbeat()));
}

TEST_F(ChannelTest, SendsWhatWasQueuedInOrder) {
  connect();
  std::string expected(frame::kPreamble);
  channel_->send_preamble();
  for (int i = 0; i < 200; ++i) {
    channel_->send(refused(std::to_string(i) + std::string(1000, 'x')));
    expected += framed(refused(std::to_string(i) + std::string(1000, 'x')));
  }
  std::string bytes(expected.size(), '\0');
  run([&]() -> asio::awaitable<void> { co_await asio::async_read(peer_, asio::buffer(bytes), asio::use_awaitable); });
  EXPECT_EQ(bytes, expected);
}

TEST_F(ChannelTest, FlushAndCloseSendsAllFirst) {
  connect();
  const std::string message = framed(refused(std::string(8 << 20, 'x')));  // more than the kernel takes at once
  std::string arrived;
  run(
      [&]() -> asio::awaitable<void> {
        channel_->send(refused(std::string(8 << 20, 'x')));
        co_await channel_->flush_and_close(kPatience);
      },
      [&]() -> asio::awaitable<void> {
        co_await wait(50ms);
        arrived = co_await peer_reads_all();
      });
  EXPECT_EQ(arrived.size(), message.size());
  EXPECT_TRUE(arrived == message);
}

TEST_F(ChannelTest, FlushAndCloseGivesUpOnAPeerThatDoesNotRead) {
  connect();
  const auto begin = Clock::now();
  run([&]() -> asio::awaitable<void> {
    channel_->send(refused(std::string(15 << 20, 'x')));
    co_await channel_->flush_and_close(100ms);
  });
  EXPECT_GE(Clock::now() - begin, 100ms);
  EXPECT_LT(Clock::now() - begin, 8s);  // the limit of a write
}

TEST_F(ChannelTest, TheOutboxForAPeerThatDoesNotReadIsBounded) {
  connect();
  EXPECT_THAT(failure_of([&]() -> asio::awaitable<void> {
                const wire::Message large = refused(std::string(4 << 20, 'x'));
                for (int i = 0; i < 30; ++i) channel_->send(large);
                co_await channel_->receive(kPatience, false);
              }),
              HasSubstr("the peer does not read"));
}

TEST_F(ChannelTest, CloseEndsAWaitForAMessage) {
  connect();
  EXPECT_EQ(failure_of([&]() -> asio::awaitable<void> { co_await channel_->receive(kPatience, false); },
                       [&]() -> asio::awaitable<void> {
                         co_await wait(20ms);
                         channel_->close();
                       }),
            "closed");
}

TEST_F(ChannelTest, NothingIsSentAfterClose) {
  connect();
  std::string arrived;
  run([&]() -> asio::awaitable<void> {
    channel_->close();
    channel_->close();
    channel_->send(refused("too late"));
    arrived = co_await peer_reads_all();
  });
  EXPECT_EQ(arrived, "");
}

TEST_F(ChannelTest, ATimeoutOfReadingSparesWhatIsBeingWritten) {
  connect();
  const wire::Message large = refused(std::string(8 << 20, 'x'));
  std::string arrived;
  run(
      [&]() -> asio::awaitable<void> {
        channel_->send(large);
        try {
          co_await channel_->receive(50ms, false);
          ADD_FAILURE() << "nothing was sent to it";
        } catch (const ChannelError& error) {
          EXPECT_THAT(error.what(), HasSubstr("no message in"));
        }
        co_await channel_->flush_and_close(kPatience);
      },
      [&]() -> asio::awaitable<void> {
        co_await wait(300ms);
        arrived = co_await peer_reads_all();
      });
  EXPECT_EQ(arrived.size(), framed(large).size());
}

TEST_F(ChannelTest, AMessageThatWasSentBeforeThePeerLeftIsRead) {
  connect();
  EXPECT_THAT(failure_of(
                  [&]() -> asio::awaitable<void> {
                    co_await wait(50ms);
                    const auto message = co_await channel_->receive(kPatience, true);
                    EXPECT_EQ(message.refused().reason(), "goodbye");
                    co_await channel_->receive(kPatience, true);
                  },
                  [&]() -> asio::awaitable<void> {
                    co_await peer_writes(framed(refused("goodbye")));
                    peer_.close();
                  }),
              HasSubstr("closed the connection"));
}

}  // namespace
}  // namespace paceline::signalling
