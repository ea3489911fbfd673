// SPDX-License-Identifier: MIT
//
// What bench/connections runs at the two ends of a path:
//   bench_connections serve PORT      until its standard input closes; prints how many it answered
//   bench_connections load ADDRESS PORT tcp|udp RATE CONCURRENCY SECONDS
// The receiver's door and the sender's load alone, without a session; RATE 0 is flat out, CONCURRENCY 0 the default.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <semaphore>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "decoder/histogram.h"
#include "receiver/tcp_door.h"
#include "traffic/clock_source.h"
#include "traffic/connection_load.h"

namespace {

using namespace std::chrono_literals;
using namespace paceline;

constexpr std::uint32_t kFlow = 0x50414345;
constexpr packet::Secret kSecret{7};

double number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    throw std::invalid_argument("no number: " + std::string(text));
  return value;
}

int serve_main(std::span<char*> args) {
  ReceiverSpec spec;
  spec.tc = TcMode::off;
  const auto port = static_cast<std::uint16_t>(number(args[0]));
  const receiver::StampLadder ladder(spec, port, {});
  receiver::TcpDoor door("", port, {});
  door.add(kFlow, kSecret, receiver::DoorPolicy::exchanges, 0, nullptr);
  door.open(ladder);
  std::puts("ready");
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  std::printf("{\"answered\":%ju}\n", std::uintmax_t{door.answered(kFlow)});
  return 0;
}

class Sink : public traffic::ExchangeSink {
 public:
  void completed(std::int64_t connect, std::int64_t first_packet, std::int64_t whole) override {
    connect_.record(connect);
    first_packet_.record(first_packet);
    whole_.record(whole);
  }
  void started(std::int64_t lateness) override {
    if (lateness >= 0) lateness_.record(lateness);
  }
  void take(Exchanges& into) override {
    into.connect.merge(connect_.take());
    into.first_packet.merge(first_packet_.take());
    into.whole.merge(whole_.take());
    into.lateness.merge(lateness_.take());
  }

 private:
  decoder::Histogram connect_, first_packet_, whole_, lateness_;
};

struct Outcome {
  Exchanges sum;
  traffic::ConnectionLoadOutcome outcome;
  std::binary_semaphore over{0};
};

class Total : public traffic::ConnectionLoadListener {
 public:
  explicit Total(Outcome& into) : into_(into) {}

  void interval(ConnectionInterval&& interval) override {
    const Exchanges& row = interval.exchanges;
    into_.sum.started += row.started;
    into_.sum.completed += row.completed;
    for (std::size_t i = 0; i < row.failed.size(); ++i) into_.sum.failed[i] += row.failed[i];
    into_.sum.missed_slots += row.missed_slots;
    into_.sum.connect.merge(row.connect);
    into_.sum.first_packet.merge(row.first_packet);
    into_.sum.whole.merge(row.whole);
    into_.sum.lateness.merge(row.lateness);
  }
  void finished(traffic::ConnectionLoadOutcome&& outcome) override {
    into_.outcome = std::move(outcome);
    into_.over.release();
  }

 private:
  Outcome& into_;
};

std::string json(const Distribution& values) {
  char text[160];
  std::snprintf(text, sizeof text, "{\"p50\":%jd,\"p90\":%jd,\"p99\":%jd,\"p999\":%jd,\"max\":%jd}",
                std::intmax_t{values.quantile(.5)}, std::intmax_t{values.quantile(.9)},
                std::intmax_t{values.quantile(.99)}, std::intmax_t{values.quantile(.999)}, std::intmax_t{values.max});
  return text;
}

int load_main(std::span<char*> args) {
  traffic::ConnectionLoadSpec spec;
  spec.to = traffic::Address::parse(args[0], static_cast<std::uint16_t>(number(args[1])));
  spec.flow.transport = std::string_view(args[2]) == "udp" ? Transport::udp : Transport::tcp;
  spec.flow.rate = number(args[3]);
  spec.flow.concurrency = static_cast<std::uint32_t>(number(args[4]));
  spec.flow.duration = nanoseconds{static_cast<std::int64_t>(number(args[5]) * 1e9)};
  spec.flow_id = kFlow;
  spec.secret = kSecret;
  spec.start = traffic::now<SenderClock>() + 10ms;
  Outcome result;
  const traffic::ConnectionLoad load(spec, std::make_unique<Total>(result), [] { return std::make_unique<Sink>(); });
  result.over.acquire();

  const Exchanges& sum = result.sum;
  const double seconds = std::chrono::duration<double>(result.outcome.span).count();
  std::printf("{\"rate\":%.1f,\"started\":%ju,\"completed\":%ju,\"missed_slots\":%ju",
              seconds > 0 ? static_cast<double>(sum.completed) / seconds : 0, std::uintmax_t{sum.started},
              std::uintmax_t{sum.completed}, std::uintmax_t{sum.missed_slots});
  for (std::size_t i = 0; i < kConnectionFailures; ++i) {
    if (sum.failed[i] > 0)
      std::printf(",\"%s\":%ju", std::string(to_string(static_cast<ConnectionFailure>(i))).c_str(),
                  std::uintmax_t{sum.failed[i]});
  }
  std::printf(",\"connect_ns\":%s,\"first_packet_ns\":%s,\"whole_ns\":%s,\"lateness_ns\":%s", json(sum.connect).c_str(),
              json(sum.first_packet).c_str(), json(sum.whole).c_str(), json(sum.lateness).c_str());
  const auto& cpu = result.outcome.cpu;
  std::printf(",\"cpu\":%.2f,\"concurrency\":%u}\n",
              std::chrono::duration<double>(cpu.user + cpu.system).count() /
                  std::max(1e-9, std::chrono::duration<double>(cpu.elapsed).count()),
              result.outcome.concurrency);
  for (const std::string& warning : result.outcome.warnings) std::fprintf(stderr, "%s\n", warning.c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::span<char*> args(argv, static_cast<std::size_t>(argc));
  if (args.size() == 3 && std::string_view(args[1]) == "serve") return serve_main(args.subspan(2));
  if (args.size() == 8 && std::string_view(args[1]) == "load") return load_main(args.subspan(2));
  std::fputs("see the head of bench/connections.cc\n", stderr);
  return 2;
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench_connections: %s\n", error.what());
  return 1;
}
