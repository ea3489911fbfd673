// SPDX-License-Identifier: MIT
#include "traffic/record_sender.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <deque>
#include <latch>
#include <set>
#include <thread>
#include <utility>

#include "paceline/error.h"
#include "traffic/cpu.h"
#include "traffic/file_descriptor.h"
#include "traffic/pacer.h"
#include "traffic/record_sending.h"
#include "traffic/tcp_worker.h"

namespace paceline::traffic {

namespace {

constexpr double kWorkerRate = 100'000;  // records/s that a worker sends with time to spare
constexpr std::uint64_t kBell = ~std::uint64_t{0};

bool flat_out(const PacketFlowSpec& spec) { return spec.rate_pps == 0; }

// A flow that is sent flat out waits for nothing but room in its socket.
Pacing asked_pacing(const PacketFlowSpec& spec) { return flat_out(spec) ? Pacing::sleep : spec.pacing; }

std::size_t useful_workers(const std::vector<RecordFlow>& flows) {
  double rate = 0;
  for (const RecordFlow& flow : flows) {
    const PacketFlowSpec& spec = flow.plan.spec();
    rate += flat_out(spec) ? kWorkerRate : spec.rate_pps;
  }
  return std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(rate / kWorkerRate)));
}

/// What a worker waits for beside the time: sockets that have room again, and the bell.
class Doorbell {
 public:
  Doorbell() : epoll_(epoll_create1(EPOLL_CLOEXEC)), bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!epoll_ || !bell_) throw SetupError("sending records (epoll): " + error_text(errno));
    watch(EPOLL_CTL_ADD, bell_.get(), kBell, EPOLLIN);
  }

  void ring() const { eventfd_write(bell_.get(), 1); }
  void add(int socket, std::uint64_t flow) const { watch(EPOLL_CTL_ADD, socket, flow, EPOLLONESHOT); }
  /// Once.
  void await_room(int socket, std::uint64_t flow) const {
    watch(EPOLL_CTL_MOD, socket, flow, std::uint32_t{EPOLLOUT} | std::uint32_t{EPOLLONESHOT});
  }
  void leave(int socket) const { epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket, nullptr); }
  bool pending() const {
    pollfd waiting{epoll_.get(), POLLIN, 0};
    return poll(&waiting, 1, 0) > 0;
  }
  /// Whether it was ended by one of them.
  bool sleep(nanoseconds time) const {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const timespec limit{seconds.count(), (time - seconds).count()};
    pollfd waiting{epoll_.get(), POLLIN, 0};
    return ppoll(&waiting, 1, &limit, nullptr) > 0;
  }
  /// The flows whose sockets have room.
  template <class Tell>
  void answer(Tell tell) const {
    std::array<epoll_event, 64> events;
    const int count = epoll_wait(epoll_.get(), events.data(), events.size(), 0);
    for (int i = 0; i < count; ++i) {
      const std::uint64_t number = events[static_cast<std::size_t>(i)].data.u64;
      if (number != kBell) {
        tell(static_cast<std::size_t>(number));
        continue;
      }
      eventfd_t rings = 0;
      eventfd_read(bell_.get(), &rings);
    }
  }

 private:
  void watch(int what, int fd, std::uint64_t number, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.u64 = number;
    epoll_ctl(epoll_.get(), what, fd, &event);
  }

  FileDescriptor epoll_;
  FileDescriptor bell_;
};

/// CLOCK_MONOTONIC whose sleep the doorbell ends.
struct BellClock {
  const Doorbell* bell;
  std::atomic<bool>* rung;
  SenderTime now() const { return traffic::now<SenderClock>(); }
  void sleep_until(SenderTime time) const {
    const nanoseconds left = time - now();
    if (left > nanoseconds{0} && bell->sleep(left)) *rung = true;
  }
};

/// Ends a Pacer's wait: somebody rang, or a socket that was full has room.
struct Interrupt {
  const Doorbell* bell;
  const std::atomic<bool>* rung;
  const std::size_t* blocked;  // flows
  bool stop_requested() const { return rung->load(std::memory_order_relaxed) || (*blocked > 0 && bell->pending()); }
};

}  // namespace

class RecordSender::Impl {
 public:
  Impl(const std::vector<RecordFlow>& flows, const WorkerOptions& options, Ended ended)
      : options_(options),
        ended_(std::move(ended)),
        workers_(flows.empty() ? 0 : worker_count(options, std::min(flows.size(), useful_workers(flows)))) {
    const std::uint32_t cpus = usable_cpus();
    for (std::size_t i = 0; i < flows.size(); ++i) {
      const Pacing pacing = affordable_pacing(asked_pacing(flows[i].plan.spec()), cpus, workers_.size());
      Worker& worker = workers_[i % workers_.size()];
      flows_.emplace_back(flows[i], pacing);
      flows_.back().worker = &worker;
      worker.pacing = std::max(worker.pacing, pacing);  // enough for the most exact
      worker.flows.push_back(i);
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
    flows_[flow].worker->stopping = true;
    flows_[flow].worker->rung = true;
    flows_[flow].worker->bell.ring();
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
  using Turns = std::set<std::pair<SenderTime, std::size_t>>;  // of its flows, one each

  struct Worker {
    std::vector<std::size_t> flows;
    Pacing pacing = Pacing::sleep;
    std::string warning;
    Doorbell bell;
    std::atomic<bool> rung{false};      // there is something else to do than to wait
    std::atomic<bool> stopping{false};  // one of its flows was stopped
    std::size_t blocked = 0;            // of its flows
    Turns turns;
    std::thread thread;
  };

  struct alignas(64) Flow {  // workers share no cache line
    Flow(const RecordFlow& flow, Pacing pacing) : sending(flow, pacing) {}
    RecordSending sending;
    Worker* worker = nullptr;
    SenderTime turn{};  // its place in the worker's
    bool blocked = false;
    bool over = false;
    std::atomic<bool> stopped{false};
  };

  void work(std::size_t index) {
    Worker& worker = workers_[index];
    worker.warning = become_worker(options_, index);
    ready_.count_down();

    const PreciseTimers precise;
    Pacer<BellClock, Interrupt> pacer(worker.pacing, {&worker.bell, &worker.rung, &worker.blocked},
                                      {&worker.bell, &worker.rung});
    for (const std::size_t flow : worker.flows) {
      worker.bell.add(flows_[flow].sending.socket(), flow);
      flows_[flow].turn = flows_[flow].sending.first_turn();
      worker.turns.emplace(flows_[flow].turn, flow);
    }
    while (!worker.turns.empty()) {
      const auto [at, flow] = *worker.turns.begin();
      if (const auto now = pacer.wait_until(at))
        serve(flow, *now);
      else
        answer_bell(worker);
    }
  }

  void serve(std::size_t number, SenderTime now) {
    Flow& flow = flows_[number];
    const auto next = flow.sending.serve(now);
    set_blocked(flow, next && flow.sending.blocked());
    if (!next) return end(flow, number);
    if (flow.blocked) flow.worker->bell.await_room(flow.sending.socket(), number);
    // A flow that is behind goes behind those that wait now, so that all get their turns.
    set_turn(flow, number, std::max(*next, now));
  }

  void answer_bell(Worker& worker) {
    worker.rung = false;  // first, so that a stop from now on is seen
    if (worker.stopping.exchange(false)) {
      for (const std::size_t number : worker.flows) {
        if (flows_[number].stopped && !flows_[number].over) end(flows_[number], number);
      }
    }
    worker.bell.answer([&](std::size_t number) {
      Flow& flow = flows_[number];
      if (flow.blocked && !flow.over) set_turn(flow, number, traffic::now<SenderClock>());
    });
  }

  /// Moves it in the queue; allocates nothing.
  void set_turn(Flow& flow, std::size_t number, SenderTime at) {
    auto place = flow.worker->turns.extract({flow.turn, number});
    place.value().first = flow.turn = at;
    flow.worker->turns.insert(std::move(place));
  }

  void set_blocked(Flow& flow, bool blocked) {
    if (blocked && !flow.blocked) ++flow.worker->blocked;
    if (!blocked && flow.blocked) --flow.worker->blocked;
    flow.blocked = blocked;
  }

  void end(Flow& flow, std::size_t number) {
    flow.over = true;
    set_blocked(flow, false);
    flow.worker->turns.erase({flow.turn, number});
    flow.worker->bell.leave(flow.sending.socket());
    ended_(number, flow.sending.outcome());
  }

  const WorkerOptions options_;
  const Ended ended_;
  std::deque<Flow> flows_;
  std::vector<Worker> workers_;
  std::latch ready_{static_cast<std::ptrdiff_t>(workers_.size())};
};

RecordSender::RecordSender(std::vector<RecordFlow> flows, const WorkerOptions& workers, Ended ended)
    : impl_(std::make_unique<Impl>(flows, workers, std::move(ended))) {
  impl_->start();
}

RecordSender::~RecordSender() = default;

void RecordSender::stop(std::size_t flow) { impl_->stop(flow); }

std::vector<std::string> RecordSender::warnings() const { return impl_->warnings(); }

}  // namespace paceline::traffic
