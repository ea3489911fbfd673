// SPDX-License-Identifier: MIT
#include "signalling/handshake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>
#include <optional>

#include "tests/unit/signalling/middleman.h"

namespace paceline::signalling {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using From = Middleman::From;
using testing::HasSubstr;

const Key kOld{"old", "sixteen bytes ok"};
const Key kNew{"new", "sixteen bytes no"};

wire::Message text(const std::string& reason) {
  wire::Message message;
  message.mutable_refused()->set_reason(reason);
  return message;
}

/// What became of the two ends. A failure is empty at an end that has had all it waited for.
struct Outcome {
  std::string key;                         // that was proven
  std::vector<std::string> receiver_read;  // after it
  std::vector<std::string> sender_read;    // likewise
  std::string receiver_failure, sender_failure;

  bool whole() const { return sender_failure.empty() && receiver_failure.empty(); }
};

const std::vector<std::string> kQuestions{"question 1", "question 2"};
const std::vector<std::string> kAnswers{"answer 1", "answer 2"};

/// Hello, Welcome, the proofs, then two messages from the sender, then two from the receiver.
class Conversation {
 public:
  explicit Conversation(Middleman::Edit edit = Middleman::as_it_is) : edit_(std::move(edit)) {}

  Clock::duration patience = 20s;  // for what must come, however busy the machine is
  std::string nonce = "the receiver's 1";
  std::string full;  // why the receiver takes nobody

  Outcome run(const Key& key, const std::vector<Key>& keys) {
    asio::io_context io(1);
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    const Middleman middleman(acceptor.local_endpoint().port(), edit_);
    tcp::socket socket(io);
    socket.connect({asio::ip::address_v4::loopback(), middleman.port()});
    const auto sender = Channel::create(std::move(socket), kMaxOpening);
    const auto receiver = Channel::create(acceptor.accept(), kMaxOpening);
    Outcome outcome;
    spawn(io, send(*sender, key, outcome), *sender, outcome.sender_failure);
    spawn(io, receive(*receiver, keys, outcome), *receiver, outcome.receiver_failure);
    io.run();
    return outcome;
  }

 private:
  void spawn(asio::io_context& io, asio::awaitable<void> end, Channel& channel, std::string& failure) {
    asio::co_spawn(
        io,
        [](asio::awaitable<void> all, Channel& own, Clock::duration limit) -> asio::awaitable<void> {
          std::exception_ptr error;
          try {
            co_await std::move(all);
          } catch (const ChannelError&) {
            error = std::current_exception();
          }
          co_await own.flush_and_close(limit);
          if (error) std::rethrow_exception(error);
        }(std::move(end), channel, patience),
        [&failure](const std::exception_ptr& error) {
          try {
            if (error) std::rethrow_exception(error);
          } catch (const ChannelError& why) {
            failure = why.what();
          }
        });
  }

  asio::awaitable<void> send(Channel& channel, const Key& key, Outcome& outcome) {
    channel.send_preamble();
    wire::Message message;
    message.mutable_hello()->set_highest_version(1);
    message.mutable_hello()->set_nonce("a sender's nonce");
    channel.send(message);
    const auto welcome = co_await channel.receive(patience, false);
    if (!welcome.has_welcome()) throw ChannelError("no welcome");
    co_await prove_key(channel, key, Clock::now() + patience);
    for (const std::string& question : kQuestions) channel.send(text(question));
    for (std::size_t i = 0; i < kAnswers.size(); ++i) {
      const auto answer = co_await channel.receive(patience, false);
      outcome.sender_read.push_back(answer.refused().reason());
    }
  }

  asio::awaitable<void> receive(Channel& channel, const std::vector<Key>& keys, Outcome& outcome) {
    co_await channel.expect_preamble(patience);
    co_await channel.receive(patience, false);
    wire::Message message;
    message.mutable_welcome()->set_version(1);
    message.mutable_welcome()->set_key_wanted(true);
    message.mutable_welcome()->set_nonce(nonce);
    channel.send(message);
    outcome.key = co_await demand_key(channel, keys, Clock::now() + patience, [this] { return full; });
    for (std::size_t i = 0; i < kQuestions.size(); ++i) {
      const auto question = co_await channel.receive(patience, false);
      outcome.receiver_read.push_back(question.refused().reason());
    }
    for (const std::string& answer : kAnswers) channel.send(text(answer));
  }

  Middleman::Edit edit_;
};

TEST(Handshake, OfAKeyThatBothHaveLeadsToAConversation) {
  for (const Key& key : {kOld, kNew}) {
    const Outcome outcome = Conversation().run(key, {kOld, kNew});
    EXPECT_TRUE(outcome.whole()) << outcome.sender_failure << outcome.receiver_failure;
    EXPECT_EQ(outcome.key, key.name);
    EXPECT_EQ(outcome.receiver_read, kQuestions);
    EXPECT_EQ(outcome.sender_read, kAnswers);
  }
}

TEST(Handshake, FailsAlikeForAWrongSecretAndAnUnknownName) {
  for (const Key& key : {Key{"old", kNew.secret}, Key{"older", kOld.secret}}) {
    const Outcome outcome = Conversation().run(key, {kOld, kNew});
    EXPECT_EQ(outcome.sender_failure, "authentication failed");
    EXPECT_EQ(outcome.receiver_failure, "authentication failed");
    EXPECT_EQ(outcome.key, "");
  }
}

TEST(Handshake, TellsAPeerWithAKeyWhyThereIsNoPlace) {
  Conversation conversation;
  conversation.full = "no place";
  EXPECT_EQ(conversation.run(kOld, {kOld}).sender_failure, "no place");
  EXPECT_EQ(conversation.run(kNew, {kOld}).sender_failure, "authentication failed") << "that is told to nobody else";
}

TEST(Handshake, NoChangedByteIsTakenForWhatAnEndSaid) {
  std::vector<std::size_t> sizes[2];
  Conversation([&](From from, std::size_t, const std::string& frame) {
    sizes[static_cast<int>(from)].push_back(frame.size());
    return std::vector{frame};
  }).run(kOld, {kOld});
  ASSERT_EQ(sizes[0].size(), 4u) << "Hello, Authenticate, two questions";
  ASSERT_EQ(sizes[1].size(), 4u) << "Welcome, Authenticated, two answers";

  for (const From changed : {From::sender, From::receiver}) {
    const auto& frames = sizes[static_cast<int>(changed)];
    for (std::size_t number = 0; number < frames.size(); ++number) {
      for (std::size_t at = 0; at < frames[number]; ++at) {
        Conversation conversation([&](From from, std::size_t index, const std::string& frame) {
          std::string edited = frame;
          if (from == changed && index == number) edited[at] = static_cast<char>(edited[at] ^ 1 << at % 8);
          return std::vector{edited};
        });
        conversation.patience = 50ms;  // for the rest of a frame that was made longer
        const Outcome outcome = conversation.run(kOld, {kOld});
        const std::string where = "byte " + std::to_string(at) + " of frame " + std::to_string(number) + " from the " +
                                  (changed == From::sender ? "sender" : "receiver");
        EXPECT_FALSE(outcome.whole()) << where;
        for (std::size_t i = 0; i < outcome.receiver_read.size(); ++i)
          EXPECT_EQ(outcome.receiver_read[i], kQuestions[i]) << where;
        for (std::size_t i = 0; i < outcome.sender_read.size(); ++i)
          EXPECT_EQ(outcome.sender_read[i], kAnswers[i]) << where;
      }
    }
  }
}

TEST(Handshake, ARepeatedFrameEndsTheSession) {
  for (const std::size_t repeated : {1u, 2u}) {
    const Outcome outcome = Conversation([&](From from, std::size_t index, const std::string& frame) {
                              return std::vector<std::string>(from == From::sender && index == repeated ? 2 : 1, frame);
                            }).run(kOld, {kOld});
    EXPECT_EQ(outcome.receiver_failure, "authentication failed");
    EXPECT_LE(outcome.receiver_read.size(), 1u);
  }
}

TEST(Handshake, AFrameThatIsLeftOutEndsTheSession) {
  const Outcome outcome = Conversation([](From from, std::size_t index, const std::string& frame) {
                            return std::vector<std::string>(from == From::sender && index == 2 ? 0 : 1, frame);
                          }).run(kOld, {kOld});
  EXPECT_EQ(outcome.receiver_failure, "authentication failed");
  EXPECT_TRUE(outcome.receiver_read.empty());
}

TEST(Handshake, FramesInAnotherOrderEndTheSession) {
  std::string held;
  const Outcome outcome = Conversation([&](From from, std::size_t index, const std::string& frame) {
                            if (from == From::receiver || index < 2) return std::vector{frame};
                            if (index == 2) return held = frame, std::vector<std::string>{};
                            return std::vector{frame, held};
                          }).run(kOld, {kOld});
  EXPECT_EQ(outcome.receiver_failure, "authentication failed");
  EXPECT_TRUE(outcome.receiver_read.empty());
}

TEST(Handshake, AFrameThatIsCutShortIsNotTaken) {
  Conversation conversation([](From from, std::size_t index, const std::string& frame) {
    const bool last = from == From::sender && index == 3;
    return std::vector{last ? frame.substr(0, frame.size() - 1) : frame};
  });
  conversation.patience = 50ms;
  EXPECT_EQ(conversation.run(kOld, {kOld}).receiver_read, std::vector{kQuestions[0]});
}

TEST(Handshake, TheSendersOwnProofIsNotTakenForTheReceivers) {
  std::string stolen;
  const Outcome outcome = Conversation([&](From from, std::size_t index, const std::string& frame) {
                            if (index != 1) return std::vector{frame};
                            wire::Message message;
                            message.ParseFromString(frame.substr(frame::kHeadSize));
                            if (from == From::sender) {
                              stolen = message.authenticate().mac();
                              return std::vector{frame};
                            }
                            message.mutable_authenticated()->set_mac(stolen);
                            return std::vector{frame::encode(message.SerializeAsString())};
                          }).run(kOld, {kOld});
  EXPECT_EQ(outcome.sender_failure, "authentication failed");
  EXPECT_TRUE(outcome.receiver_read.empty());
}

TEST(Handshake, AProofOfOneSessionIsOfNoUseInAnother) {
  std::string proof;
  Conversation([&](From from, std::size_t index, const std::string& frame) {
    if (from == From::sender && index == 1) proof = frame;
    return std::vector{frame};
  }).run(kOld, {kOld});
  Conversation another([&](From from, std::size_t index, const std::string& frame) {
    return std::vector{from == From::sender && index == 1 ? proof : frame};
  });
  another.nonce = "the receiver's 2";
  const Outcome outcome = another.run(kOld, {kOld});
  EXPECT_EQ(outcome.receiver_failure, "authentication failed");
  EXPECT_EQ(outcome.sender_failure, "authentication failed");
}

TEST(Handshake, AnotherFirstMessageThanAProofIsAnsweredLikeAWrongOne) {
  const Outcome outcome = Conversation([](From from, std::size_t index, const std::string& frame) {
                            const bool proof = from == From::sender && index == 1;
                            return std::vector{proof ? frame::encode(text("let me in").SerializeAsString()) : frame};
                          }).run(kOld, {kOld});
  EXPECT_EQ(outcome.sender_failure, "authentication failed");
  EXPECT_EQ(outcome.receiver_failure, "authentication failed");
}

TEST(Handshake, IsNotWaitedForLongerThanItsDeadline) {
  Conversation conversation([](From from, std::size_t index, const std::string& frame) {
    return std::vector<std::string>(from == From::sender && index == 1 ? 0 : 1, frame);
  });
  conversation.patience = 50ms;
  EXPECT_THAT(conversation.run(kOld, {kOld}).receiver_failure, HasSubstr("no message in"));
}

}  // namespace
}  // namespace paceline::signalling
