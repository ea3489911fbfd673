// SPDX-License-Identifier: MIT
#include "traffic/connection_load.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "traffic/clock_source.h"
#include "traffic/connection_rows.h"
#include "traffic/connection_worker.h"
#include "traffic/cpu.h"
#include "traffic/cpu_time.h"

namespace paceline::traffic {

namespace {

constexpr std::uint32_t kFlatOutPerWorker = 64;
constexpr std::uint32_t kPaced = 1024;
// A worker makes several times as many; fewer workers leave CPUs to those who wait for the due times.
constexpr double kRatePerWorker = 5'000;
constexpr std::uint64_t kOtherDescriptors = 64;  // that the process needs besides

std::size_t workers_for(const ConnectionLoadSpec& spec) {
  std::size_t useful = spec.flow.rate > 0 ? static_cast<std::size_t>(std::ceil(spec.flow.rate / kRatePerWorker))
                                          : ConnectionFlowSpec::kMaxConcurrency;
  if (spec.flow.concurrency > 0) useful = std::min<std::size_t>(useful, spec.flow.concurrency);
  return worker_count(spec.workers, useful);
}

}  // namespace

class ConnectionLoad::Impl {
 public:
  Impl(const ConnectionLoadSpec& spec, std::unique_ptr<ConnectionLoadListener> listener,
       const std::function<std::unique_ptr<ExchangeSink>()>& sinks)
      : spec_(spec), listener_(std::move(listener)), rows_(spec.flow, workers_for(spec), *listener_) {
    const std::size_t count = workers_for(spec);
    outcome_.concurrency = affordable_concurrency(count);
    const bool spin = affordable_pacing(Pacing::hybrid, usable_cpus(), count) == Pacing::hybrid;
    for (std::size_t i = 0; i < count; ++i) {
      // The first ones take what does not divide evenly.
      const auto share = static_cast<std::uint32_t>((outcome_.concurrency + count - 1 - i) / count);
      sinks_.push_back(sinks());
      workers_.push_back(
          std::make_unique<ConnectionWorker>(spec_, ConnectionWorker::Share{i, count, share, spin}, *sinks_.back(),
                                             rows_, i == 0 ? [this] { measuring(); } : std::function<void()>()));
    }
    try {
      for (std::size_t i = 0; i < count; ++i) threads_.emplace_back([this, i] { work(i); });
    } catch (...) {
      // Without all of them the last would wait for ever: no thread that is there may tell of an end.
      for (const auto& worker : workers_) worker->break_off();
      throw;
    }
  }

  ~Impl() {
    for (const auto& worker : workers_) worker->break_off();
  }

  void stop() {
    for (const auto& worker : workers_) worker->stop();
  }

 private:
  /// As asked, or as it is good; no more than there are descriptors for.
  std::uint32_t affordable_concurrency(std::size_t workers) {
    const auto good = spec_.flow.rate > 0 ? kPaced : kFlatOutPerWorker * static_cast<std::uint32_t>(workers);
    const std::uint32_t wanted = spec_.flow.concurrency > 0 ? spec_.flow.concurrency : good;
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted + kOtherDescriptors) return wanted;
    const std::uint64_t most =
        limit.rlim_cur > 2 * kOtherDescriptors ? limit.rlim_cur - kOtherDescriptors : kOtherDescriptors;
    const auto used =
        static_cast<std::uint32_t>(std::max<std::uint64_t>(std::min<std::uint64_t>(most, wanted), workers));
    if (used < wanted && spec_.flow.concurrency > 0)
      warn("the limit of open files (" + std::to_string(limit.rlim_cur) + ") leaves room for " + std::to_string(used) +
           " exchanges under way, not " + std::to_string(wanted) + ": raise it (ulimit -n)");
    return used;
  }

  void work(std::size_t index) {
    const std::string lacking = become_worker(spec_.workers, index);
    if (!lacking.empty()) warn(lacking);
    if (workers_[index]->run()) finish();
  }

  void measuring() { cpu_.begin(now<SenderClock>().time_since_epoch()); }

  void warn(const std::string& what) {
    const std::scoped_lock lock(mutex_);
    if (std::ranges::find(outcome_.warnings, what) == outcome_.warnings.end()) outcome_.warnings.push_back(what);
  }

  void finish() {
    std::optional<SenderTime> first, last;
    for (const auto& worker : workers_) {
      const auto& span = worker->span();
      if (span.first_start) first = std::min(first.value_or(*span.first_start), *span.first_start);
      if (span.last_completion) last = std::max(last.value_or(*span.last_completion), *span.last_completion);
    }
    if (first && last) outcome_.span = std::max(nanoseconds{0}, *last - *first);
    outcome_.cpu = cpu_.until(now<SenderClock>().time_since_epoch());
    listener_->finished(std::move(outcome_));
  }

  const ConnectionLoadSpec spec_;
  std::unique_ptr<ConnectionLoadListener> listener_;
  ConnectionRows rows_;
  std::vector<std::unique_ptr<ExchangeSink>> sinks_;
  std::vector<std::unique_ptr<ConnectionWorker>> workers_;
  std::mutex mutex_;
  ConnectionLoadOutcome outcome_;
  MeasuredCpu cpu_;  // the first worker's
  std::vector<std::jthread> threads_;
};

ConnectionLoad::ConnectionLoad(const ConnectionLoadSpec& spec, std::unique_ptr<ConnectionLoadListener> listener,
                               const std::function<std::unique_ptr<ExchangeSink>()>& sinks)
    : impl_(std::make_unique<Impl>(spec, std::move(listener), sinks)) {}

ConnectionLoad::~ConnectionLoad() = default;

void ConnectionLoad::stop() { impl_->stop(); }

}  // namespace paceline::traffic
