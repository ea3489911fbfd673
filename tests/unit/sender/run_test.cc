// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <string>
#include <thread>

#include "paceline/error.h"
#include "paceline/sender.h"
#include "proto/convert.h"
#include "proto/frame.h"
#include "proto/signalling.pb.h"

namespace paceline {
namespace {

using asio::ip::tcp;
using testing::HasSubstr;

/// A receiver that answers the first sender's preamble with these bytes.
class Answerer {
 public:
  explicit Answerer(std::string answer)
      : acceptor_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        port_(acceptor_.local_endpoint().port()),
        thread_([this, answer = std::move(answer)] {
          tcp::socket socket = acceptor_.accept();
          std::string preamble(frame::kPreamble.size(), '\0');
          asio::error_code gone;
          asio::read(socket, asio::buffer(preamble), gone);
          asio::write(socket, asio::buffer(answer), gone);
          std::string rest;
          asio::read(socket, asio::dynamic_buffer(rest), gone);  // until the sender hangs up
        }) {}
  ~Answerer() { thread_.join(); }
  Answerer(const Answerer&) = delete;
  Answerer& operator=(const Answerer&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  asio::io_context io_;
  tcp::acceptor acceptor_;
  std::uint16_t port_;
  std::thread thread_;
};

TEST(Run, AReceiverThatSaysWhatCannotBeRightIsASetupError) {
  wire::Message message;
  message.mutable_welcome()->set_version(1);
  for (std::size_t i = 0; i <= Host::kMaxInterfaces; ++i) message.mutable_welcome()->mutable_host()->add_interfaces();
  const Answerer receiver(frame::encode(message.SerializeAsString()));
  RunSpec spec;
  spec.receiver = {"127.0.0.1", receiver.port()};
  RunObserver observer;
  try {
    run(spec, observer);
    FAIL() << "no error";
  } catch (const SetupError& error) {
    EXPECT_THAT(error.what(), HasSubstr("the receiver sent what cannot be right: too many interfaces"));
  }
}

}  // namespace
}  // namespace paceline
