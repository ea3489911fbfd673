// SPDX-License-Identifier: MIT
//
// A receiver in this process, and a sender's raw moves against it, right or wrong.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "paceline/receiver.h"
#include "proto/convert.h"
#include "proto/frame.h"
#include "proto/packet.h"
#include "proto/signalling.pb.h"
#include "traffic/clock_source.h"
#include "traffic/file_descriptor.h"

namespace paceline::receiver {

/// paceline::serve() on loopback, and what it told.
class Serving : public ReceiverObserver {
 public:
  static ReceiverSpec defaults() {
    ReceiverSpec spec;
    spec.bind = "127.0.0.1";
    spec.port = 0;
    spec.data_port = 0;
    spec.tc = TcMode::off;
    return spec;
  }

  explicit Serving(const ReceiverSpec& spec = defaults())
      : over_(std::async(std::launch::async, [this, spec] { serve(spec, *this, stop_.get_token()); })) {
    EXPECT_TRUE(wait_until([&] { return port != 0; }));
  }
  ~Serving() override { stop(); }

  void stop() {
    stop_.request_stop();
    if (over_.valid()) over_.get();
  }
  /// Whether it returns by itself.
  bool ends() { return over_.wait_for(std::chrono::seconds(20)) == std::future_status::ready; }

  template <class Condition>
  bool wait_until(Condition holds) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), holds);
  }

  void listening(std::uint16_t signalling_port, std::uint16_t number) override {
    note([&] {
      port = signalling_port;
      data_port = number;
    });
  }
  void session_closed(const std::string&, const std::string& why) override {
    note([&] { closed.push_back(why); });
  }
  void flow_started(const FlowResult& flow) override {
    note([&] { started.push_back(flow); });
  }
  void flow_finished(const FlowResult& flow) override {
    note([&] { finished.push_back(flow); });
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::uint16_t port = 0, data_port = 0;
  std::vector<std::string> closed;
  std::vector<FlowResult> started, finished;

 private:
  template <class Change>
  void note(Change change) {
    const std::scoped_lock lock(mutex);
    change();
    changed.notify_all();
  }

  std::stop_source stop_;
  std::future<void> over_;
};

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline traffic::FileDescriptor connect_to(std::uint16_t port) {
  traffic::FileDescriptor fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit{20, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const sockaddr_in address = loopback(port);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("connect");
  return fd;
}

/// Bytes until the peer closes; nothing when it reset the connection or fell silent.
inline std::optional<std::uint64_t> read_to_end(int fd) {
  std::uint64_t count = 0;
  char buffer[65536];
  for (;;) {
    const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got < 0) return std::nullopt;
    if (got == 0) return count;
    count += static_cast<std::uint64_t>(got);
  }
}

/// A signalling connection that has shaken hands.
class RawSender {
 public:
  explicit RawSender(std::uint16_t port) : fd_(connect_to(port)) {
    write(std::string(frame::kPreamble));
    wire::Message hello;
    hello.mutable_hello()->set_lowest_version(1);
    hello.mutable_hello()->set_highest_version(1);
    hello.mutable_hello()->set_nonce(std::string(16, 'n'));
    send(hello);
    expect(wire::Message::kWelcome);
  }

  void send(const wire::Message& message) { write(frame::encode(message.SerializeAsString())); }
  void hang_up() { fd_ = traffic::FileDescriptor(); }

  /// The next message of the kind; those before it are kept in `passed`. Throws when none comes.
  wire::Message expect(wire::Message::BodyCase kind) {
    for (;;) {
      while (const auto bytes = reader_.next()) {
        wire::Message message;
        if (!message.ParseFromString(*bytes)) throw std::runtime_error("no message");
        if (message.body_case() == kind) return message;
        if (message.has_refused()) throw std::runtime_error("refused: " + message.refused().reason());
        passed.push_back(message);
      }
      char chunk[16384];
      const ssize_t count = recv(fd_.get(), chunk, sizeof chunk, 0);
      if (count <= 0) throw std::runtime_error("the receiver said no more");
      reader_.push(std::span(chunk, static_cast<std::size_t>(count)));
    }
  }

  void open(const FlowSpec& spec) {
    wire::Message message;
    message.mutable_open_flow()->set_request(1);
    std::visit([&](const auto& flow) { fill(flow, *message.mutable_open_flow()); }, spec);
    send(message);
  }
  wire::FlowOffer offer(const FlowSpec& spec) {
    open(spec);
    return expect(wire::Message::kFlowOffer).flow_offer();
  }
  std::string refusal(const FlowSpec& spec) {
    open(spec);
    return expect(wire::Message::kRefused).refused().reason();
  }

  void ask_to_start(std::uint32_t flow_id, const std::vector<std::uint32_t>& streams, const std::string& nonce = "") {
    wire::Message message;
    wire::StartFlow& start = *message.mutable_start_flow();
    start.set_flow_id(flow_id);
    start.set_nonce(nonce.empty() ? std::string(16, '\0') : nonce);
    start.set_start(traffic::now<SenderClock>().time_since_epoch().count());
    wire::to_wire(ClockResult{.verdict = ClockVerdict::same_host}, *start.mutable_clock());
    wire::to_wire(PathResult{}, *start.mutable_path());
    for (const std::uint32_t stream : streams) start.add_streams(stream);
    send(message);
  }
  void start(std::uint32_t flow_id, const std::vector<std::uint32_t>& streams, const std::string& nonce = "") {
    ask_to_start(flow_id, streams, nonce);
    expect(wire::Message::kFlowStarted);
  }

  wire::FlowSummary finish(std::uint32_t flow_id, const std::string& incomplete = "") {
    wire::Message message;
    wire::FlowDone& done = *message.mutable_flow_done();
    done.set_flow_id(flow_id);
    wire::to_wire(Sent{}, *done.mutable_sent());
    wire::to_wire(ClockResult{.verdict = ClockVerdict::same_host}, *done.mutable_clock());
    done.set_incomplete_reason(incomplete);
    send(message);
    return expect(wire::Message::kFlowSummary).flow_summary();
  }

  std::vector<wire::Message> passed;

 private:
  static void fill(const PacketFlowSpec& from, wire::OpenFlow& to) { wire::to_wire(from, *to.mutable_packets()); }
  static void fill(const TcpFlowSpec& from, wire::OpenFlow& to) { wire::to_wire(from, *to.mutable_tcp()); }
  static void fill(const ConnectionFlowSpec& from, wire::OpenFlow& to) {
    wire::to_wire(from, *to.mutable_connections());
  }

  void write(const std::string& bytes) {
    if (::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
      throw std::runtime_error("the receiver takes no more");
  }

  traffic::FileDescriptor fd_;
  frame::Reader reader_{4 * 1024 * 1024};
};

inline packet::Probe probe_of(const wire::FlowOffer& offer, std::uint32_t attempt) {
  packet::Probe probe;
  probe.flow_id = offer.flow_id();
  probe.attempt = attempt;
  std::copy(offer.secret().begin(), offer.secret().end(), probe.secret.begin());
  return probe;
}

/// A data connection whose probe was answered.
inline traffic::FileDescriptor dial(std::uint16_t port, const wire::FlowOffer& offer, std::uint32_t attempt) {
  traffic::FileDescriptor fd = connect_to(port);
  const auto probe = packet::encode(probe_of(offer, attempt));
  if (send(fd.get(), probe.data(), probe.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(probe.size()))
    throw std::runtime_error("the probe did not leave");
  std::array<std::uint8_t, packet::kProbeReplySize> bytes{};
  if (recv(fd.get(), bytes.data(), bytes.size(), MSG_WAITALL) != static_cast<ssize_t>(bytes.size()))
    throw std::runtime_error("no reply to the probe");
  const auto reply = packet::decode_probe_reply(bytes);
  if (!reply || reply->flow_id != offer.flow_id() || reply->attempt != attempt)
    throw std::runtime_error("a wrong reply");
  return fd;
}

/// Shows a nonce, zeros at first, from a fresh UDP port. Returns the one that the reply brings; empty without a reply.
inline std::string probe_by_udp(std::uint16_t port, const wire::FlowOffer& offer, std::uint32_t attempt,
                                const std::string& nonce = std::string(16, '\0')) {
  const traffic::FileDescriptor fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const timeval limit{20, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const sockaddr_in address = loopback(port);
  packet::Probe probe = probe_of(offer, attempt);
  std::copy(nonce.begin(), nonce.end(), probe.nonce.begin());
  const auto bytes = packet::encode(probe);
  if (sendto(fd.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
      static_cast<ssize_t>(bytes.size()))
    return {};
  std::array<std::uint8_t, packet::kProbeReplySize> answer{};
  if (recv(fd.get(), answer.data(), answer.size(), 0) != static_cast<ssize_t>(answer.size())) return {};
  const auto reply = packet::decode_probe_reply(answer);
  return reply && reply->attempt == attempt ? std::string(reply->nonce.begin(), reply->nonce.end()) : "";
}

}  // namespace paceline::receiver
