// SPDX-License-Identifier: MIT
#include "traffic/tcp_transfer.h"

#include <pthread.h>

#include <atomic>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "paceline/error.h"
#include "traffic/tcp_payload.h"
#include "traffic/tcp_sink.h"
#include "traffic/tcp_source.h"
#include "traffic/tcp_worker.h"

namespace paceline::traffic {

class TcpTransfer::Impl {
 public:
  Impl(const TcpTransferSpec& spec, std::vector<TcpStream> streams, std::unique_ptr<TcpTransferListener> listener,
       const std::function<std::unique_ptr<GranuleSink>()>& sinks)
      : listener_(std::move(listener)),
        run_(spec, streams.size(), worker_count(spec.workers, streams.size()), *listener_),
        running_(run_.busy.load()) {
    note_sockets(streams);
    for (std::size_t i = 0; i < running_.load(); ++i) {
      if (spec.source)
        add_source(i, streams);
      else
        add_sink(i, streams, sinks);
    }
    start();
  }

  ~Impl() { run_.end(); }

  void stop() {
    nanoseconds never = TcpRun::kNever;
    if (run_.stop.compare_exchange_strong(never, run_.now())) run_.wake_all();
  }

 private:
  void note_sockets(const std::vector<TcpStream>& streams) {
    if (streams.empty()) throw SetupError("a TCP flow without a connection");
    const TcpTransferSpec& spec = run_.spec;
    const int first = streams.front().socket.get();
    if (spec.source) congestion_ = congestion_of(first);
    if (std::string warning = buffer_warning(first, spec.flow, spec.source); !warning.empty())
      warnings_.push_back(std::move(warning));
  }

  // Worker i has streams i, i + workers, and so on.
  std::vector<TcpStreamState> states_of(std::size_t worker, std::vector<TcpStream>& streams) const {
    std::vector<TcpStreamState> states;
    for (std::size_t i = worker; i < streams.size(); i += run_.busy.load())
      states.push_back({.socket = std::move(streams[i].socket), .number = i});
    return states;
  }

  void add_source(std::size_t index, std::vector<TcpStream>& streams) {
    if (!memory_) memory_ = std::make_unique<PayloadMemory>();
    auto source = std::make_unique<TcpSource>(run_, index, states_of(index, streams), *memory_);
    if (index == 0 && !source->copied_because().empty())
      warnings_.push_back("zero copy: " + source->copied_because() + "; bytes are copied");
    workers_.push_back(std::move(source));
  }

  void add_sink(std::size_t index, std::vector<TcpStream>& streams,
                const std::function<std::unique_ptr<GranuleSink>()>& sinks) {
    std::vector<TcpStreamState> states = states_of(index, streams);
    std::vector<std::optional<StreamGranules>> arrivals(states.size());
    for (std::size_t i = 0; i < states.size(); ++i) {
      TcpStream& stream = streams[states[i].number];
      if (stream.arrivals && sinks)
        arrivals[i].emplace(std::move(stream.arrivals), stream.read_before, run_.spec.timens_offset);
    }
    workers_.push_back(
        std::make_unique<TcpSink>(run_, index, std::move(states), std::move(arrivals), sinks ? sinks() : nullptr));
  }

  void start() {
    complaints_.resize(workers_.size());
    try {
      for (std::size_t i = 0; i < workers_.size(); ++i) threads_.emplace_back([this, i] { work(i); });
    } catch (const std::system_error& error) {
      run_.end();
      throw SetupError(std::string("starting a thread for TCP streams: ") + error.what());
    }
  }

  void work(std::size_t index) {
    complaints_[index] = become_worker(run_.spec.workers, index);
    workers_[index]->run();
    if (running_.fetch_sub(1) == 1) finish();
  }

  // On the thread of the last worker.
  void finish() {
    TcpTransferOutcome outcome;
    outcome.cpu = run_.cpu.until(run_.now());
    outcome.streams = std::move(run_.outcomes);
    outcome.congestion = congestion_;
    outcome.warnings = std::move(warnings_);
    for (std::string& complaint : complaints_) {
      if (!complaint.empty()) outcome.warnings.push_back(std::move(complaint));
    }
    listener_->finished(std::move(outcome));
  }

  std::unique_ptr<TcpTransferListener> listener_;
  TcpRun run_;
  std::unique_ptr<PayloadMemory> memory_;
  std::string congestion_;
  std::vector<std::string> warnings_;
  std::vector<std::string> complaints_;  // one a worker
  std::vector<std::unique_ptr<TcpWorker>> workers_;
  std::atomic<std::size_t> running_;   // workers that are not done
  std::vector<std::jthread> threads_;  // last: joined before the rest goes
};

TcpTransfer::TcpTransfer(const TcpTransferSpec& spec, std::vector<TcpStream> streams,
                         std::unique_ptr<TcpTransferListener> listener,
                         const std::function<std::unique_ptr<GranuleSink>()>& sinks)
    : impl_(std::make_unique<Impl>(spec, std::move(streams), std::move(listener), sinks)) {}

TcpTransfer::~TcpTransfer() = default;

void TcpTransfer::stop() { impl_->stop(); }

}  // namespace paceline::traffic
