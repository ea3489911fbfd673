// SPDX-License-Identifier: MIT
//
// A receiver and two senders in one process, over loopback, with nothing but the installed headers. Exits 0 when the
// measurement is what it must be.
#include <paceline/decoder.h>
#include <paceline/receiver.h>
#include <paceline/sender.h>
#include <paceline/version.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <future>
#include <iostream>
#include <stop_token>
#include <string>
#include <thread>
#include <variant>

using namespace std::chrono_literals;

namespace {

// Tells the other threads which ports the receiver got.
class Ready : public paceline::ReceiverObserver {
 public:
  void listening(std::uint16_t port, std::uint16_t) override { port_.set_value(port); }
  std::uint16_t wait() { return port_.get_future().get(); }

 private:
  std::promise<std::uint16_t> port_;
};

class Count : public paceline::RunObserver {
 public:
  void interval(std::size_t, const paceline::PacketInterval& interval) override {
    ++intervals;
    packets += interval.received.packets;
  }
  void interval(std::size_t, const paceline::TcpInterval& interval) override {
    for (const paceline::StreamInterval& stream : interval.streams) bytes += stream.received;
  }
  std::uint64_t intervals = 0;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("not as it must be: " + what);
}

// Two flows of 200 packets; what streamed must add up to what came back.
void measure(std::uint16_t port) {
  paceline::RunSpec spec;
  spec.receiver = {"127.0.0.1", port};
  spec.flows.assign(2, paceline::PacketFlowSpec{.rate_pps = 400, .size = 64, .duration = 500ms, .interval = 100ms});
  Count count;
  const paceline::RunResult result = paceline::run(spec, count);

  require(result.complete() && result.flows.size() == 2, "two complete flows");
  for (const paceline::FlowResult& kind : result.flows) {
    const auto& flow = std::get<paceline::PacketFlowResult>(kind);
    require(flow.sent.packets == 200 && flow.received.packets == 200, "200 packets each");
    require(flow.received.lost == 0 && flow.received.duplicated == 0, "nothing lost, nothing twice");
    require(flow.statistics.segments[0].count == 200, "a delay for each packet");
    require(flow.clock.verdict == paceline::ClockVerdict::same_host, "one host");
  }
  require(count.packets == 400 && count.intervals >= 10, "intervals that add up");
  require(paceline::render_json(result).find("\"lost\": 0") != std::string::npos, "rendered JSON");
}

// Bytes over TCP, both ways.
void transfer(std::uint16_t port) {
  paceline::RunSpec spec;
  spec.receiver = {"127.0.0.1", port};
  paceline::TcpFlowSpec flow;
  flow.streams = 2;
  flow.bitrate_bps = 80e6;
  flow.duration = 500ms;
  flow.interval = 100ms;
  spec.flows = {flow};
  flow.direction = paceline::Direction::reverse;
  spec.flows.emplace_back(flow);
  Count count;
  const paceline::RunResult result = paceline::run(spec, count);

  require(result.complete() && result.flows.size() == 2, "two complete TCP flows");
  std::uint64_t received = 0;
  for (const paceline::FlowResult& kind : result.flows) {
    const auto& tcp = std::get<paceline::TcpFlowResult>(kind);
    require(tcp.received > 0 && tcp.received == tcp.written, "all bytes that were written");
    require(tcp.streams.size() == 2 && tcp.goodput.count > 0, "streams and intervals");
    received += tcp.received;
  }
  require(count.bytes == received, "TCP intervals that add up");
}

// Connections, each with a request and its reply.
void connect_again_and_again(std::uint16_t port) {
  paceline::RunSpec spec;
  spec.receiver = {"127.0.0.1", port};
  spec.flows = {paceline::ConnectionFlowSpec{.rate = 200, .duration = 500ms, .interval = 100ms}};
  paceline::RunObserver observer;
  const paceline::RunResult result = paceline::run(spec, observer);

  require(result.complete() && result.flows.size() == 1, "a complete connection flow");
  const auto& flow = std::get<paceline::ConnectionFlowResult>(result.flows[0]);
  require(flow.exchanges.completed == 100 && flow.exchanges.failures() == 0, "100 exchanges, none failed");
}

void refuse_what_makes_no_sense() {
  paceline::RunSpec spec;
  spec.receiver = {"127.0.0.1", 1};
  spec.flows = {paceline::PacketFlowSpec{.size = 1}};
  paceline::RunObserver observer;
  try {
    paceline::run(spec, observer);
  } catch (const paceline::UsageError&) {
    return;
  }
  require(false, "a size below the header is a UsageError");
}

}  // namespace

int main() {
  try {
    paceline::ReceiverSpec spec;
    spec.bind = "127.0.0.1";
    spec.port = 0;
    spec.data_port = 0;
    spec.tc = paceline::TcMode::off;
    Ready ready;
    std::jthread receiver([&](const std::stop_token& stop) { paceline::serve(spec, ready, stop); });
    const std::uint16_t port = ready.wait();

    refuse_what_makes_no_sense();
    // Several runs in one process do not know of each other.
    auto one = std::async(std::launch::async, measure, port);
    auto other = std::async(std::launch::async, measure, port);
    one.get();
    other.get();
    transfer(port);
    connect_again_and_again(port);
  } catch (const std::exception& error) {
    std::cerr << "consumer: " << error.what() << '\n';
    return 1;
  }
  std::cout << "Paceline " << paceline::kVersion << ": runs of all kinds of flow, all as it must be\n";
  return 0;
}
