// SPDX-License-Identifier: MIT
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "proto/frame.h"

namespace paceline::signalling {

/// Stands between a sender and a receiver, and does to the frames of one connection what the test wants. The two ends
/// are honest, so what comes from them is well formed.
class Middleman {
 public:
  enum class From { sender, receiver };
  /// What goes on instead of the `index`th frame from that end; the preamble goes on as it is.
  using Edit = std::function<std::vector<std::string>(From from, std::size_t index, const std::string& frame)>;

  Middleman(std::uint16_t receiver_port, Edit edit) : edit_(std::move(edit)) {
    thread_ = std::jthread([this, receiver_port] { stand_between(receiver_port); });
  }
  ~Middleman() {
    asio::error_code ignored;
    asio::ip::tcp::socket wake(io_);  // where nobody has come
    wake.connect({asio::ip::address_v4::loopback(), port()}, ignored);
    wake.close(ignored);
  }

  std::uint16_t port() const { return port_; }

  static std::vector<std::string> as_it_is(From, std::size_t, const std::string& frame) { return {frame}; }

 private:
  using tcp = asio::ip::tcp;

  void stand_between(std::uint16_t receiver_port) {
    asio::error_code error;
    tcp::socket sender = acceptor_.accept();
    tcp::socket receiver(io_);
    receiver.connect({asio::ip::address_v4::loopback(), receiver_port}, error);
    if (error) return;
    for (tcp::socket* end : {&sender, &receiver}) end->set_option(tcp::no_delay(true));
    std::jthread back([&] { pass_on(From::receiver, receiver, sender); });
    pass_on(From::sender, sender, receiver);
  }

  // Until one end hangs up; then the other one is hung up on, too.
  void pass_on(From from, tcp::socket& in, tcp::socket& out) {
    asio::error_code error;
    if (from == From::sender) {
      std::string preamble(frame::kPreamble.size(), '\0');
      asio::read(in, asio::buffer(preamble), error);
      if (!error) asio::write(out, asio::buffer(preamble), error);
    }
    for (std::size_t index = 0; !error; ++index) {
      const std::string frame = read_frame(in, error);
      if (error) break;
      for (const std::string& instead : edit_(from, index, frame)) asio::write(out, asio::buffer(instead), error);
    }
    asio::error_code ignored;
    out.shutdown(tcp::socket::shutdown_send, ignored);
  }

  static std::string read_frame(tcp::socket& in, asio::error_code& error) {
    std::string frame(frame::kHeadSize, '\0');
    asio::read(in, asio::buffer(frame), error);
    if (error) return {};
    std::size_t rest = 0;
    for (std::size_t i = 0; i < 4; ++i) rest = rest << 8 | static_cast<std::uint8_t>(frame[i]);
    if (static_cast<std::uint8_t>(frame[4]) & frame::kAuthenticated) rest += frame::kSealSize;
    frame.resize(frame::kHeadSize + rest);
    asio::read(in, asio::buffer(frame.data() + frame::kHeadSize, rest), error);
    return frame;
  }

  asio::io_context io_;
  asio::ip::tcp::acceptor acceptor_{io_, {asio::ip::address_v4::loopback(), 0}};
  std::uint16_t port_ = acceptor_.local_endpoint().port();
  Edit edit_;
  std::jthread thread_;
};

}  // namespace paceline::signalling
