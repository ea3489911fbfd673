// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "proto/frame.h"
#include "proto/signalling.pb.h"
#include "signalling/channel.h"
#include "tests/fuzz/expect.h"

namespace paceline {

/// The far end of a signalling connection: writes anything, and reads what is answered, which must make sense.
class HostilePeer {
 public:
  explicit HostilePeer(int socket) : socket_(socket) {}
  ~HostilePeer() { close(); }
  HostilePeer(const HostilePeer&) = delete;
  HostilePeer& operator=(const HostilePeer&) = delete;

  /// What does not fit into the socket is left out.
  void write(const std::string& bytes) {
    if (socket_ >= 0) (void)!send(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  /// `more` is merged into the message, as protobuf reads what follows one.
  void say(const wire::Message& message, const std::string& more) {
    write(frame::encode(message.SerializeAsString() + more));
  }

  /// The messages that have come since. Ends the connection at its end.
  std::vector<wire::Message> heard() {
    std::vector<wire::Message> messages;
    char chunk[16 * 1024];
    for (ssize_t count = 0; socket_ >= 0 && (count = recv(socket_, chunk, sizeof chunk, MSG_DONTWAIT)) != 0;) {
      if (count < 0) break;
      read(std::string_view(chunk, static_cast<std::size_t>(count)));
    }
    while (const auto bytes = reader_.next()) EXPECT(messages.emplace_back().ParseFromString(*bytes));
    return messages;
  }

  void half_close() {
    if (socket_ >= 0) shutdown(socket_, SHUT_WR);
  }

  /// By a reset where there is one: no port stays in use.
  void close() {
    if (socket_ < 0) return;
    const linger at_once{1, 0};
    setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(socket_);
    socket_ = -1;
  }

  /// A peer that opened the connection begins with this, which is no frame.
  void expect_preamble() { preamble_ = frame::kPreamble; }

 private:
  void read(std::string_view bytes) {
    const auto shared = std::min(bytes.size(), preamble_.size());
    EXPECT(bytes.substr(0, shared) == preamble_.substr(0, shared));
    preamble_.remove_prefix(shared);
    bytes.remove_prefix(shared);
    reader_.push(bytes);
  }

  int socket_;
  std::string_view preamble_;
  frame::Reader reader_{signalling::kMaxResult};
};

}  // namespace paceline
