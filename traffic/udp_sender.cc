// SPDX-License-Identifier: MIT
#include "traffic/udp_sender.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <deque>
#include <latch>
#include <numeric>
#include <queue>
#include <thread>
#include <utility>

#include "traffic/cpu.h"
#include "traffic/pacer.h"
#include "traffic/udp_sending.h"

namespace paceline::traffic {

namespace {

using FlowNumbers = std::vector<std::size_t>;

constexpr double kWorkerRate = 250'000;  // packets/s that a worker sends with time to spare, one a call

double load(const UdpFlow& flow) {
  return is_flat_out(flow) ? PacketFlowSpec::kMaxRate : flow.spec.rate_pps;  // flat out is more than any rate
}

// A flow that is sent flat out waits for nothing but room in its socket.
Pacing asked_pacing(const UdpFlow& flow) { return is_flat_out(flow) ? Pacing::sleep : flow.spec.pacing; }

// One for each flow that is sent flat out, and as many as the others' packets keep busy: fewer workers wake up less
// often a packet, and leave more CPUs to spin on.
std::size_t useful_workers(const std::vector<UdpFlow>& flows) {
  double paced = 0;
  std::size_t flat_out = 0;
  for (const UdpFlow& flow : flows) {
    paced += flow.spec.rate_pps;
    if (is_flat_out(flow)) ++flat_out;
  }
  return flat_out + static_cast<std::size_t>(std::ceil(paced / kWorkerRate));
}

// Each worker gets about the same load: the largest flows first, each to the worker that has the least.
std::vector<FlowNumbers> share_out(const std::vector<UdpFlow>& flows, std::size_t workers) {
  FlowNumbers by_load(flows.size());
  std::iota(by_load.begin(), by_load.end(), std::size_t{0});
  std::stable_sort(by_load.begin(), by_load.end(),
                   [&](std::size_t a, std::size_t b) { return load(flows[a]) > load(flows[b]); });
  std::vector<FlowNumbers> shares(workers);
  std::vector<double> loads(workers);
  for (const std::size_t flow : by_load) {
    const auto least = std::min_element(loads.begin(), loads.end());
    *least += load(flows[flow]);
    shares[static_cast<std::size_t>(least - loads.begin())].push_back(flow);
  }
  return shares;
}

// Whether a worker with these flows leaves its CPU to nobody.
bool spins(const std::vector<UdpFlow>& flows, const FlowNumbers& share) {
  return std::any_of(share.begin(), share.end(), [&](std::size_t flow) {
    return is_flat_out(flows[flow]) || flows[flow].spec.pacing != Pacing::sleep;
  });
}

// A Pacer's stop request that can be taken back.
struct Interrupt {
  const std::atomic<bool>* flag;
  bool stop_requested() const { return flag->load(std::memory_order_relaxed); }
};

}  // namespace

class UdpSender::Impl {
 public:
  Impl(const std::vector<UdpFlow>& flows, const WorkerOptions& options, Ended ended)
      : options_(options),
        ended_(std::move(ended)),
        workers_(flows.empty() ? 0 : worker_count(options, useful_workers(flows))) {
    const std::vector<FlowNumbers> shares = share_out(flows, workers_.size());
    const auto spinning = static_cast<std::size_t>(
        std::count_if(shares.begin(), shares.end(), [&](const FlowNumbers& share) { return spins(flows, share); }));
    const std::uint32_t cpus = usable_cpus();
    const auto pacing = [&](const UdpFlow& flow) { return affordable_pacing(asked_pacing(flow), cpus, spinning); };

    for (const UdpFlow& flow : flows) flows_.emplace_back(flow, pacing(flow));
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      for (const std::size_t flow : shares[i]) {
        flows_[flow].worker = &workers_[i];
        workers_[i].pacing = std::max(workers_[i].pacing, pacing(flows[flow]));  // enough for the most exact
      }
      workers_[i].flows = shares[i];
    }
  }

  ~Impl() {
    for (std::size_t flow = 0; flow < flows_.size(); ++flow) stop(flow);
    for (Worker& worker : workers_) {
      if (worker.thread.joinable()) worker.thread.join();
    }
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void start() {
    for (std::size_t i = 0; i < workers_.size(); ++i) workers_[i].thread = std::thread([this, i] { work(i); });
    ready_.wait();
  }

  void stop(std::size_t flow) {
    flows_[flow].stopped = true;
    flows_[flow].worker->interrupted = true;
  }

  std::vector<std::string> warnings() const {
    std::vector<std::string> reasons;
    for (const Worker& worker : workers_) {
      if (!worker.warning.empty() && std::find(reasons.begin(), reasons.end(), worker.warning) == reasons.end())
        reasons.push_back(worker.warning);
    }
    return reasons;
  }

 private:
  struct Worker {
    FlowNumbers flows;
    Pacing pacing = Pacing::sleep;
    std::string warning;
    std::atomic<bool> interrupted{false};  // one of its flows was stopped
    std::thread thread;
  };

  struct alignas(64) Flow {  // workers share no cache line
    Flow(const UdpFlow& flow, Pacing pacing) : sending(flow, pacing) {}
    UdpSending sending;
    Worker* worker = nullptr;
    std::atomic<bool> stopped{false};
  };

  struct Turn {
    SenderTime at;
    std::size_t flow;
    bool operator>(const Turn& other) const { return at > other.at; }
  };
  using Turns = std::priority_queue<Turn, std::vector<Turn>, std::greater<>>;

  void work(std::size_t index) {
    Worker& worker = workers_[index];
    worker.warning = become_worker(options_, index);
    ready_.count_down();

    const PreciseTimers precise;
    Pacer<MonotonicClock, Interrupt> pacer(worker.pacing, {&worker.interrupted});
    Turns turns = first_turns(worker);
    while (!turns.empty()) {
      const Turn turn = turns.top();
      const auto now = pacer.wait_until(turn.at);
      if (!now) {
        turns = without_stopped(std::move(turns), worker);
        continue;
      }
      turns.pop();
      // A flow that is behind goes behind those that wait now, so that all get their turns.
      if (const auto next = flows_[turn.flow].sending.serve(*now))
        turns.push({std::max(*next, *now), turn.flow});
      else
        end(turn.flow);
    }
  }

  Turns first_turns(const Worker& worker) const {
    std::vector<Turn> turns;
    for (const std::size_t flow : worker.flows) turns.push_back({flows_[flow].sending.first_turn(), flow});
    return Turns({}, std::move(turns));
  }

  Turns without_stopped(Turns turns, Worker& worker) {
    worker.interrupted = false;  // first, so that a stop from now on is seen
    std::vector<Turn> left;
    left.reserve(turns.size());
    for (; !turns.empty(); turns.pop()) {
      if (flows_[turns.top().flow].stopped)
        end(turns.top().flow);
      else
        left.push_back(turns.top());
    }
    return Turns({}, std::move(left));
  }

  void end(std::size_t flow) { ended_(flow, flows_[flow].sending.outcome()); }

  const WorkerOptions options_;
  const Ended ended_;
  std::deque<Flow> flows_;
  std::vector<Worker> workers_;
  std::latch ready_{static_cast<std::ptrdiff_t>(workers_.size())};
};

UdpSender::UdpSender(std::vector<UdpFlow> flows, const WorkerOptions& workers, Ended ended)
    : impl_(std::make_unique<Impl>(flows, workers, std::move(ended))) {
  impl_->start();
}

UdpSender::~UdpSender() = default;

void UdpSender::stop(std::size_t flow) { impl_->stop(flow); }

std::vector<std::string> UdpSender::warnings() const { return impl_->warnings(); }

}  // namespace paceline::traffic
