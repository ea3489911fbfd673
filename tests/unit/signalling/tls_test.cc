// SPDX-License-Identifier: MIT
#include "signalling/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "paceline/error.h"
#include "tests/unit/signalling/certificates.h"

namespace paceline::signalling {
namespace {

using std::chrono_literals::operator""s;
using testing::AllOf;
using testing::HasSubstr;

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    if (!has_tls()) return;
    std::filesystem::create_directories(folder_);
    authority_ = std::make_unique<Authority>(folder_);
    authority_->give("receiver", {});
  }
  ~TlsTest() override { std::filesystem::remove_all(folder_); }

  void SetUp() override {
    if (!has_tls()) GTEST_SKIP() << "built without TLS";
  }

  TlsIdentity identity(const std::string& name = "receiver") const {
    return {folder_ / (name + ".pem"), folder_ / (name + ".key")};
  }
  TlsTrust trust(const std::string& name = "receiver.test") const { return {authority_->file(), name}; }

  void meet(const TlsIdentity& identity, const TlsTrust& trust, const std::string& host = "") {
    server_ = tls_server(identity)->open("");
    client_ = tls_client(trust)->open(host);
  }

  /// What the one has for the other, in pieces of so many bytes, until neither has more; what came out of it at the
  /// end.
  struct Heard {
    std::string by_server, by_client;
  };
  Heard talk(std::size_t piece = SIZE_MAX) {
    Heard heard;
    for (;;) {
      const std::string to_server = client_->take();
      heard.by_server += carry(to_server, *server_, piece);
      const std::string to_client = server_->take();
      heard.by_client += carry(to_client, *client_, piece);
      if (to_server.empty() && to_client.empty()) return heard;
    }
  }

  static std::string carry(const std::string& bytes, Tls& to, std::size_t piece) {
    std::string plain;
    for (std::size_t begin = 0; begin < bytes.size(); begin += std::min(piece, bytes.size() - begin))
      plain += to.receive(std::span(bytes).subspan(begin, std::min(piece, bytes.size() - begin)));
    return plain;
  }

  std::string failure() {
    try {
      talk();
    } catch (const TlsError& error) {
      return error.what();
    }
    return "";
  }

  template <class Load>
  static std::string refusal(const Load& load) {
    try {
      load();
    } catch (const FileError& error) {
      return error.what();
    }
    return "";
  }

  std::filesystem::path folder_ = std::filesystem::temp_directory_path() / ("paceline-tls-" + std::to_string(getpid()));
  std::unique_ptr<Authority> authority_;
  std::unique_ptr<Tls> server_, client_;
};

TEST_F(TlsTest, CarriesWhatEitherSideSaysInPiecesOfAnySize) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{SIZE_MAX}}) {
    meet(identity(), trust());
    client_->send("before the handshake");
    EXPECT_EQ(talk(piece).by_server, "before the handshake");
    EXPECT_TRUE(client_->stands() && server_->stands());
    const std::string much(300'000, 'm');
    client_->send("a");
    client_->send("b");
    server_->send(much);
    const Heard heard = talk(piece);
    EXPECT_EQ(heard.by_server, "ab");
    EXPECT_EQ(heard.by_client, much);
  }
}

TEST_F(TlsTest, NothingOfWhatIsSaidCanBeRead) {
  meet(identity(), trust());
  talk();
  client_->send("PACELINE, and all that follows");
  EXPECT_THAT(client_->take(), Not(HasSubstr("PACELINE")));
}

TEST_F(TlsTest, TheNameIsTheOneDialledUnlessAnotherIsGiven) {
  for (const std::string host : {"receiver.test", "192.0.2.1", "2001:db8::1"}) {
    meet(identity(), trust(""), host);
    EXPECT_EQ(failure(), "") << host;
    EXPECT_TRUE(client_->stands()) << host;
  }
  meet(identity(), trust("receiver.test"), "203.0.113.9");
  EXPECT_EQ(failure(), "");
}

TEST_F(TlsTest, AReceiverOfAnotherNameIsNotTheOne) {
  for (const std::string host : {"other.test", "192.0.2.2", "2001:db8::2"}) {
    meet(identity(), trust(host));
    EXPECT_THAT(failure(), AllOf(HasSubstr("does not hold for '" + host + "'"), HasSubstr("mismatch"))) << host;
    EXPECT_FALSE(client_->stands());
    // What was to be sent stays here, and the server is told.
    EXPECT_THROW(carry(client_->take(), *server_, SIZE_MAX), TlsError);
  }
}

TEST_F(TlsTest, ACertificateOfAnotherAuthorityOrTimeDoesNotHold) {
  const std::filesystem::path elsewhere = folder_ / "elsewhere";
  std::filesystem::create_directories(elsewhere);
  const Authority other(elsewhere);
  meet(identity(), {other.file(), "receiver.test"});
  EXPECT_THAT(failure(), HasSubstr("signature failure"));  // it has the name of the one that is trusted

  authority_->give("expired", {.from = -120s, .until = -60s});
  meet(identity("expired"), trust());
  EXPECT_THAT(failure(), HasSubstr("expired"));

  authority_->give("early", {.from = 600s, .until = 1200s});
  meet(identity("early"), trust());
  EXPECT_THAT(failure(), HasSubstr("not yet valid"));
}

TEST_F(TlsTest, ChangedBytesEndIt) {
  meet(identity(), trust());
  talk();
  client_->send("a message");
  std::string bytes = client_->take();
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  EXPECT_THROW(carry(bytes, *server_, SIZE_MAX), TlsError);
}

TEST_F(TlsTest, WhatIsNoTlsIsRefused) {
  for (const std::string bytes : {"PACELINE and a Hello", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff garbage"}) {
    server_ = tls_server(identity())->open("");
    EXPECT_THROW(carry(bytes + std::string(70'000, 'x'), *server_, SIZE_MAX), TlsError) << bytes;
  }
}

TEST_F(TlsTest, ItSaysWhenNoMoreComes) {
  meet(identity(), trust());
  talk();
  client_->send("the last");
  client_->end();
  EXPECT_EQ(talk().by_server, "the last");
  server_->send("still heard");
  EXPECT_EQ(talk().by_client, "still heard");
}

TEST_F(TlsTest, FilesThatCannotBeSayWhatIsWrong) {
  const auto with = [&](const TlsIdentity& one) { return refusal([&] { tls_server(one); }); };
  EXPECT_THAT(with({"/nonexistent/r.pem", identity().key}), AllOf(HasSubstr("r.pem"), HasSubstr("No such file")));
  EXPECT_THAT(with({identity().certificate, "/nonexistent/r.key"}), HasSubstr("No such file"));
  EXPECT_THAT(with({identity().key, identity().key}), HasSubstr("TLS certificate"));
  EXPECT_THAT(with({identity().certificate, identity().certificate}), HasSubstr("TLS key"));
  authority_->give("other", {});
  EXPECT_THAT(with({identity().certificate, identity("other").key}), HasSubstr("mismatch"));
  std::filesystem::permissions(identity().key, std::filesystem::perms::others_read, std::filesystem::perm_options::add);
  EXPECT_THAT(with(identity()), HasSubstr("chmod 600"));
  EXPECT_THAT(refusal([&] { tls_client({"/nonexistent/ca.pem", ""}); }), HasSubstr("No such file"));
  EXPECT_THAT(refusal([&] { tls_client({identity().key, ""}); }), HasSubstr("TLS authorities"));
  EXPECT_EQ(refusal([&] { tls_client({"", ""}); }), "") << "the system's";
}

TEST(TlsAbsent, IsSaidToWhoeverAsksForIt) {
  if (has_tls()) {
    tls_client({});
    return;
  }
  EXPECT_THROW(tls_server({}), UsageError);
  EXPECT_THROW(tls_client({}), UsageError);
}

}  // namespace
}  // namespace paceline::signalling
