// SPDX-License-Identifier: MIT
//
// What a run costs beyond its flow, on an idle local path: a receiver and a sender in one process over loopback, short
// flows again and again. DESIGN's figures: at most 100 ms for connecting, negotiating, probing and tearing down
// together, and at most 50 ms from a flow's last packet to its summary.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <stop_token>
#include <thread>
#include <variant>
#include <vector>

#include "paceline/receiver.h"
#include "paceline/sender.h"

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

class Ports : public paceline::ReceiverObserver {
 public:
  void listening(std::uint16_t port, std::uint16_t) override { port_.set_value(port); }
  std::uint16_t wait() { return port_.get_future().get(); }

 private:
  std::promise<std::uint16_t> port_;
};

class Stopwatch : public paceline::RunObserver {
 public:
  void path_confirmed(std::size_t, const paceline::PathResult&, const paceline::Stamping&) override {
    confirmed = Clock::now();
  }
  void finished(std::size_t, const paceline::FlowResult&) override { finished_at = Clock::now(); }

  Clock::time_point confirmed, finished_at;
};

struct Row {
  double total, setup, summary;
};

void print(const char* what, std::vector<Row> rows, double Row::*member) {
  std::sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) { return a.*member < b.*member; });
  std::printf("%-52s median %7.2f ms   max %7.2f ms\n", what, rows[rows.size() / 2].*member, rows.back().*member);
}

}  // namespace

int main(int argc, char** argv) {
  const int runs = argc > 1 ? std::atoi(argv[1]) : 21;
  std::stop_source stop;
  Ports ports;
  paceline::ReceiverSpec receiver;
  receiver.bind = "127.0.0.1";
  receiver.port = receiver.data_port = 0;
  std::thread serving([&] { paceline::serve(receiver, ports, stop.get_token()); });

  paceline::RunSpec run;
  run.receiver = {"127.0.0.1", ports.wait()};
  paceline::PacketFlowSpec flow;
  flow.duration = std::chrono::milliseconds(200);
  run.flows = {flow};
  const Milliseconds span = std::chrono::milliseconds(199);  // from the first packet to the last
  std::vector<Row> rows;
  for (int i = 0; i < runs; ++i) {
    Stopwatch watch;
    const auto begin = Clock::now();
    const paceline::RunResult result = paceline::run(run, watch);
    const auto end = Clock::now();
    const auto& measured = std::get<paceline::PacketFlowResult>(result.flows.front());
    if (!measured.complete || measured.received.lost != 0) {
      std::fprintf(stderr, "run %d was partial or lost packets: left out\n", i + 1);
      continue;
    }
    rows.push_back({(Milliseconds(end - begin) - span).count(), Milliseconds(watch.confirmed - begin).count(),
                    (Milliseconds(watch.finished_at - watch.confirmed) - span).count()});
  }
  stop.request_stop();
  serving.join();
  if (rows.empty()) return EXIT_FAILURE;
  std::printf("%zu runs of 200 ms, 1000 packets/s, loopback\n", rows.size());
  print("run beyond its flow (<= 100 ms)", rows, &Row::total);
  print("  of it until the flow was confirmed", rows, &Row::setup);
  print("last packet to summary, upper bound (<= 50 ms)", rows, &Row::summary);
}
