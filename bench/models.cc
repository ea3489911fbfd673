// SPDX-License-Identifier: MIT
//
// What random packets cost: CPU time in ns, a number of each family and a slot of some flows, drawn as they are while
// sending. Prints the median of several rounds.
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>

#include "traffic/packet_plan.h"
#include "traffic/sampler.h"

namespace {

using namespace paceline;
using namespace paceline::traffic;

constexpr int kRounds = 5;
constexpr int kCalls = 1'000'000;

double cpu_nanoseconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

template <class Call>
double nanoseconds_a_call(Call call) {
  std::array<double, kRounds> rounds;
  for (double& round : rounds) {
    const double begin = cpu_nanoseconds();
    for (int i = 0; i < kCalls; ++i) call();
    round = (cpu_nanoseconds() - begin) / kCalls;
  }
  std::ranges::sort(rounds);
  return rounds[kRounds / 2];
}

void time_numbers() {
  std::printf("%-62s %s\n", "number", "ns");
  for (const char* text :
       {"constant:1ms", "uniform:min=1ms,max=3ms", "exponential:mean=1ms", "poisson:mean=5ms", "poisson:mean=500ms",
        "pareto:shape=1.5,scale=1ms", "cauchy:location=3ms,scale=0.5ms", "normal:mean=10ms,stddev=2ms",
        "gamma:shape=0.5,scale=3ms", "gamma:shape=2.5,scale=3ms", "weibull:shape=0.7,scale=3ms",
        "student:freedom=41.6994,scale=0.1ms,location=0.7ms", "discrete:0.25@1ms,0.5@2ms,0.25@3ms",
        "mixture:0.6@(exponential:mean=4ms),0.4@(constant:10ms)", "normal:mean=1ms,stddev=1ms,min=0"}) {
    const Sampler sampler(parse_model(text, Quantity::time), Quantity::time);
    RandomBits bits(1, Purpose::gaps);
    std::uint64_t redrawn = 0;
    volatile double kept = 0;
    std::printf("%-62s %.1f\n", text, nanoseconds_a_call([&] { kept = sampler.draw(bits, redrawn); }));
  }
}

void time_slots() {
  struct Flow {
    const char *name, *idt, *size, *jitter;
    std::uint32_t segment;
  };
  constexpr std::array kFlows = {
      Flow{"constant", "20ms", "172", nullptr, 0},
      Flow{"exponential, normal", "exponential:mean=1ms", "normal:mean=512,stddev=64", nullptr, 0},
      Flow{"Counter-Strike", "student:freedom=41.6994,scale=0.104821ms,location=0.704073ms",
           "mixture:0.3732@(normal:mean=34.84,stddev=4.39),0.6268@(normal:mean=49.49,stddev=3.62)", nullptr, 0},
      Flow{"video frames of 60 kB with jitter", "16.667ms", "normal:mean=60k,stddev=6k",
           "normal:mean=0s,stddev=2ms,min=-4ms,max=4ms", 1400},
  };
  std::printf("\n%-62s %s\n", "slot", "ns");
  for (const Flow& flow : kFlows) {
    PacketFlowSpec spec;
    spec.size = 0;
    spec.seed = 1;
    spec.model.emplace();
    spec.model->idt = parse_model(flow.idt, Quantity::time);
    spec.model->size = parse_model(flow.size, Quantity::bytes);
    spec.model->segment = flow.segment;
    if (flow.jitter != nullptr) spec.model->jitter = parse_model(flow.jitter, Quantity::time);
    const auto source = PacketPlan::of(spec).source();
    Slot slot;
    std::printf("%-62s %.1f\n", flow.name, nanoseconds_a_call([&] { source->next(slot); }));
  }
}

}  // namespace

int main() {
  try {
    time_numbers();
    time_slots();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_models: %s\n", error.what());
    return 1;
  }
}
