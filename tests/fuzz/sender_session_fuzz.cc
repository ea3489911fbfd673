// SPDX-License-Identifier: MIT
//
// A sender's run with a hostile receiver, from the connection to the record. The input is a script of what the receiver
// says: right or wrong messages, in any order, with anything merged into them, raw bytes; and of when the sender's own
// traffic ends or its user stops it. Whatever it was: the run ends when its receiver is gone, and its result can be
// shown.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>

#include "decoder/objectives.h"
#include "paceline/decoder.h"
#include "paceline/error.h"
#include "proto/convert.h"
#include "proto/running_checksum.h"
#include "sender/packet_flow_run.h"
#include "tests/fuzz/hostile_peer.h"
#include "tests/fuzz/script.h"
#include "traffic/clock_source.h"

namespace {

using namespace paceline;
using namespace std::chrono_literals;

constexpr std::size_t kLongest = 4096;
constexpr std::uint32_t kFlowId = 0xCAFE1234;
constexpr auto kEndLimit = 20s;  // for a run to end when its receiver is gone; sanitizers are slow

/// The near end of a data path that nothing is sent on.
class StillEnd : public sender::PathEnd {
 public:
  asio::awaitable<sender::Reach> reach(const sender::ProbeKey&, std::uint32_t) override { co_return sender::Reach{}; }
  asio::awaitable<std::optional<sender::Answer>> round_trip(const sender::ProbeKey&, std::uint32_t,
                                                            Clock::duration) override {
    co_return std::nullopt;
  }
  void close() override {}
  traffic::Address local() const override { return traffic::Address::parse("127.0.0.1", 5000); }
};

/// A flow whose path is found and whose packets are sent as soon as the script says so.
class ScriptedFlow : public sender::PacketFlowRun {
 public:
  ScriptedFlow(sender::RunContext& run, const PacketFlowSpec& spec)
      : PacketFlowRun(run, 0, 0, traffic::PacketPlan::of(spec, nullptr, nullptr)) {}

  asio::awaitable<void> prepare() override {
    co_await ask();
    sender::FoundPath found;
    found.end = std::make_shared<StillEnd>();
    found.attempt.number = 1;
    found.dialled = traffic::Address::parse("127.0.0.1", 8999);
    co_await confirm(found);
    traffic::ClockExchange exchange;
    const ReceiverTime there{1ms};
    exchange.add({SenderTime{1ms}, there, there, SenderTime{2ms}});
    judge_clocks(exchange);
  }

  void all_sent() {
    struct {
      Sent sent;
      std::uint64_t sequences = 100;
      std::string error;
    } outcome;
    outcome.sent.packets = 100;
    if (started() && !over()) on_sent(outcome, {});
  }

 private:
  void begin() override {}
  void halt() override { all_sent(); }
  asio::awaitable<void> break_off() override {
    all_sent();
    co_return;
  }
  asio::awaitable<void> report(wire::FlowDone& done) override {
    tell_sent(done);
    co_return;
  }
  void close_path() override {}
  Clock::duration summary_limit() const override { return 10s; }
};

/// Where the sender connects to.
class Doorstep {
 public:
  Doorstep() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT(bind(socket_, reinterpret_cast<const sockaddr*>(&at), size) == 0 && listen(socket_, 16) == 0);
    EXPECT(getsockname(socket_, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    port_ = ntohs(at.sin_port);
  }
  std::uint16_t port() const { return port_; }
  int accept() const { return accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC); }

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

class Conversation {
 public:
  Conversation(const Doorstep& doorstep, Script script) : script_(script), run_(run_spec(doorstep)) {
    context_.emplace(io_, run_, observer_);
    flow_.emplace(*context_, std::get<PacketFlowSpec>(run_.flows.front()));
    asio::co_spawn(io_, measure(), [this](const std::exception_ptr& failure) {
      over_ = true;
      show(failure);
    });
    await_connection(doorstep);
  }
  ~Conversation() { std::filesystem::remove(run_.record), std::filesystem::remove(part()); }
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  void run() {
    while (!script_.over() && !over_) {
      step();
      io_.poll();
      peer_->heard();
    }
    peer_->close();
    const auto limit = std::chrono::steady_clock::now() + kEndLimit;
    while (!over_) {
      EXPECT(std::chrono::steady_clock::now() < limit);
      io_.run_one_for(1s);
    }
  }

 private:
  RunSpec run_spec(const Doorstep& doorstep) {
    RunSpec run;
    run.receiver = {"127.0.0.1", doorstep.port()};
    const std::uint8_t how = script_.next<std::uint8_t>();
    PacketFlowSpec& spec = std::get<PacketFlowSpec>(run.flows.front());
    spec.duration = 100ms;
    spec.interval = 10ms;
    if (how & 1) run.clock = ClockPolicy::synchronized;
    if (how & 2) run.record = "/dev/shm/paceline-fuzz-" + std::to_string(getpid());
    if (how & 4) run.slices = {{"slice", {0}, {parse_objective("p99 < 2ms"), parse_objective("loss < 1%")}}};
    return run;
  }

  std::filesystem::path part() const { return run_.record.string() + ".part"; }

  void await_connection(const Doorstep& doorstep) {
    int socket = -1;
    while ((socket = doorstep.accept()) < 0) {
      EXPECT(!over_);
      io_.run_one_for(1s);
    }
    peer_.emplace(socket);
    peer_->expect_preamble();
    io_.poll();
    peer_->heard();
  }

  /// As a run does, with one flow.
  asio::awaitable<void> measure() {
    sender::Sessions& sessions = context_->sessions;
    co_await sessions.open(observer_);
    sessions.read();
    co_await flow_->prepare();
    flow_->request_start(traffic::now<SenderClock>() + 1ms);
    co_await flow_->await_start();
    co_await flow_->run();
    co_await flow_->bring_record();
    co_await sessions.flush_and_close();
  }

  void show(const std::exception_ptr& failure) {
    try {
      if (failure) std::rethrow_exception(failure);
      RunResult result;
      result.flows.push_back(flow_->result());
      result.slices = decoder::judge(run_.slices, result.flows);
      EXPECT(!render_text(result).empty() && !render_json(result).empty());
    } catch (const SetupError& error) {
      EXPECT(!std::string_view(error.what()).empty());
    } catch (const wire::WireError&) {
    }
  }

  void step() {
    wire::Message message;
    switch (script_.next<std::uint8_t>() % 16) {
      case 0: return peer_->write(script_.text());
      case 1: return peer_->write(frame::encode(script_.text()));
      case 2:
        message.mutable_welcome()->set_version(1);
        message.mutable_welcome()->add_features("record");
        break;
      case 3: {
        wire::FlowOffer& offer = *message.mutable_flow_offer();
        offer.set_request(1);
        offer.set_flow_id(kFlowId);
        offer.set_secret(std::string(packet::Secret{}.size(), 's'));
        offer.add_candidates()->set_udp_port(8999);
        break;
      }
      case 4: {
        wire::PathConfirmed& confirmed = *message.mutable_path_confirmed();
        confirmed.set_flow_id(kFlowId);
        confirmed.set_attempt(1);
        confirmed.set_arrived_at("10.244.1.5:8999");
        confirmed.set_seen_from("10.0.0.4:5000");
        wire::to_wire(Stamping{Hook::none, "", ""}, *confirmed.mutable_stamping());
        break;
      }
      case 5:
        message.mutable_flow_started()->set_flow_id(kFlowId);
        wire::to_wire(Stamping{Hook::none, "", ""}, *message.mutable_flow_started()->mutable_stamping());
        break;
      case 6:
      case 7: {
        PacketInterval row;
        row.index = rows_++;
        row.start = 10ms * static_cast<int>(row.index);
        row.end = row.start + 10ms;
        row.received.packets = row.received.bytes = script_.next<std::uint8_t>();
        message.mutable_interval()->set_flow_id(kFlowId);
        wire::to_wire(row, *message.mutable_interval()->mutable_interval());
        break;
      }
      case 8: {
        PacketFlowResult result;
        result.flow_id = kFlowId;
        result.spec = std::get<PacketFlowSpec>(run_.flows.front());
        message.mutable_flow_summary()->set_flow_id(kFlowId);
        wire::to_wire(result, *message.mutable_flow_summary()->mutable_result());
        break;
      }
      case 9:
        message.mutable_refused()->set_flow_id(kFlowId);
        message.mutable_refused()->set_reason("no");
        break;
      case 10: message.mutable_heartbeat(); break;
      case 11: return say_record_part();
      case 12: return flow_->all_sent();
      case 13: return flow_->stop("stopped on request");
      case 14: return peer_->half_close();
      case 15: io_.run_one_for(1ms); return;
    }
    peer_->say(message, script_.text());
  }

  /// A piece that fits, of 16 bytes or the last.
  void say_record_part() {
    wire::Message message;
    wire::RecordPart& part = *message.mutable_record_part();
    const std::uint8_t how = script_.next<std::uint8_t>();
    part.set_flow_id(kFlowId);
    part.set_offset(recorded_.size());
    part.set_size(32);
    if (recorded_.size() < 32 && (how & 1) == 0) {
      part.set_data(std::string(16, static_cast<char>(how)));
      recorded_ += part.data();
    } else {
      wire::RunningChecksum checksum;
      checksum.add(recorded_);
      part.set_checksum(checksum.value());
    }
    peer_->say(message, script_.text());
  }

  Script script_;
  asio::io_context io_{1};
  RunSpec run_;
  RunObserver observer_;
  std::optional<sender::RunContext> context_;
  std::optional<ScriptedFlow> flow_;
  std::optional<HostilePeer> peer_;
  std::string recorded_;
  std::uint64_t rows_ = 0;
  bool over_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Doorstep doorstep;
  if (size > kLongest) return 0;
  Conversation(doorstep, Script({data, size})).run();
  return 0;
}
