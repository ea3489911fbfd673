// SPDX-License-Identifier: MIT
#include "sender/tcp_flow_run.h"

#include <algorithm>
#include <asio/post.hpp>
#include <cstdio>
#include <utility>

#include "paceline/error.h"
#include "proto/convert.h"
#include "sender/in_parallel.h"
#include "sender/workers.h"

namespace paceline::sender {

namespace {

constexpr std::size_t kConnectsAtOnce = 32;
constexpr std::uint32_t kLeastExchanges = 3;
constexpr std::chrono::milliseconds kExchangeTime{100};
constexpr std::chrono::seconds kRoundTripLimit{5};  // a lost segment is sent again by then, more than once
constexpr std::chrono::seconds kDark{5};            // without a byte though some are under way

std::string bitrate_text(double bps) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g Mbit/s", bps / 1e6);
  return text;
}

}  // namespace

/// Carries the transfer's events to the run's thread.
class TcpFlowRun::TransferEvents : public traffic::TcpTransferListener {
 public:
  explicit TransferEvents(TcpFlowRun& flow) : flow_(flow) {}

  void interval(TcpInterval&& interval) override {
    asio::post(flow_.executor(),
               [&flow = flow_, row = std::move(interval)]() mutable { flow.add(flow.joiner_.ours(std::move(row))); });
  }
  void finished(traffic::TcpTransferOutcome&& outcome) override {
    asio::post(flow_.executor(),
               [&flow = flow_, outcome = std::move(outcome)]() mutable { flow.on_finished(std::move(outcome)); });
  }

 private:
  TcpFlowRun& flow_;
};

TcpFlowRun::TcpFlowRun(RunContext& run, std::size_t index, std::uint16_t source_port, const TcpFlowSpec& spec)
    : FlowRun(run, index, source_port), spec_(spec), connections_(spec.streams), attempts_(spec.streams) {
  result_.spec = spec_;
  result_.streams.resize(spec_.streams);
}

void TcpFlowRun::configure(int socket) const { traffic::configure_tcp(socket, spec_, source()); }

asio::awaitable<void> TcpFlowRun::prepare() {
  // What this kernel refuses has nothing to do with the path.
  configure(open_socket(SOCK_STREAM, {}, session().receiver_address()).fd.get());
  wire::OpenFlow request;
  wire::to_wire(spec_, *request.mutable_tcp());
  const wire::FlowOffer offer = co_await ask_for(std::move(request));
  result_.flow_id = key().flow_id;

  const FoundPath first = co_await find_tcp_path(offer, [this](int socket) { configure(socket); });
  adopt(0, first);
  co_await confirm(first);
  judge_clocks(
      co_await first.end->exchange_clocks(key(), exchanges(), kLeastExchanges, kExchangeTime, kRoundTripLimit));
  if (!connections_[0]->is_open()) throw SetupError("the data connection's probes were no longer answered");
  co_await connect_others(first);
}

asio::awaitable<void> TcpFlowRun::connect_others(const FoundPath& first) {
  co_await in_parallel(executor(), spec_.streams - 1, kConnectsAtOnce,
                       [this, &first](std::size_t i) -> asio::awaitable<void> {
                         const auto number = static_cast<std::uint32_t>(i + 1);
                         adopt(number, co_await find_again(first, number, [this](int socket) { configure(socket); }));
                       });
}

void TcpFlowRun::adopt(std::size_t stream, const FoundPath& found) {
  connections_[stream] = std::static_pointer_cast<ProbeConnection>(found.end);
  attempts_[stream] = found.attempt.number;
  result_.streams[stream].sent_from = found.end->local().to_string();
  result_.streams[stream].connect = connections_[stream]->connect_time();
}

void TcpFlowRun::fill(wire::StartFlow& request) {
  for (const std::uint32_t attempt : attempts_) request.add_streams(attempt);
}

void TcpFlowRun::take(const wire::FlowStarted&) {
  result_.path = path();
  result_.stamping = stamping();
  result_.clock = clock();
}

void TcpFlowRun::begin() {
  traffic::TcpTransferSpec transfer;
  transfer.flow = spec_;
  transfer.source = source();
  transfer.start = start_time().time_since_epoch();
  transfer.workers = worker_options(run_context().spec.workers);
  std::vector<traffic::TcpStream> streams(spec_.streams);
  for (std::size_t i = 0; i < streams.size(); ++i) streams[i].socket = connections_[i]->release();
  connections_.clear();
  transfer_ =
      std::make_unique<traffic::TcpTransfer>(transfer, std::move(streams), std::make_unique<TransferEvents>(*this));
}

void TcpFlowRun::halt() {
  // The receiver is the one to stop writing then.
  if (!source()) send_done({});
  transfer_->stop();
}

asio::awaitable<void> TcpFlowRun::break_off() {
  transfer_.reset();
  co_await until_over();
}

void TcpFlowRun::on_finished(traffic::TcpTransferOutcome&& outcome) {
  result_.sender_cpu = outcome.cpu;
  if (source()) result_.congestion = outcome.congestion;
  for (const std::string& warning : outcome.warnings) run_context().warn(warning);
  for (std::size_t i = 0; i < std::min(outcome.streams.size(), result_.streams.size()); ++i) {
    traffic::TcpStreamOutcome& told = outcome.streams[i];
    StreamResult& stream = result_.streams[i];
    stream.ended = std::move(told.ended);
    if (source()) {
      stream.info = told.info;
    } else {
      stream.first_arrival = told.first;
      stream.last_arrival = told.last;
    }
  }
  over_ = true;
  now_over();
}

void TcpFlowRun::take(const wire::IntervalReport& report) {
  if (!report.has_tcp()) return;
  TcpInterval row = wire::from_wire(report.tcp());
  if (row.streams.size() > spec_.streams) throw SetupError("the receiver tells of streams that are not there");
  add(joiner_.theirs(std::move(row)));
}

void TcpFlowRun::add(const std::vector<TcpInterval>& rows) {
  for (const TcpInterval& row : rows) {
    decoder::accumulate(result_, row);
    observer().interval(index(), row);
    watch_for_darkness(row);
  }
}

/// What drops the data connections on the way need not touch signalling.
void TcpFlowRun::watch_for_darkness(const TcpInterval& row) {
  std::uint64_t received = 0;
  for (const StreamInterval& stream : row.streams) {
    written_ += stream.written;
    received += stream.received;
  }
  received_ += received;
  if (received > 0) last_heard_ = row.end;
  const bool dark = !row.one_sided && received == 0 && written_ > received_;
  silence_ = dark ? silence_ + (row.end - row.start) : nanoseconds{0};
  if (silence_ >= kDark && !over_)
    stop("no data arrived for 5 s while signalling lived: does something on the way drop the data connections?");
}

asio::awaitable<void> TcpFlowRun::report(wire::FlowDone& done) {
  wire::to_wire(result_.sender_cpu, *done.mutable_cpu());
  done.set_incomplete_reason(ended_early());
  co_return;
}

void TcpFlowRun::take(const wire::FlowSummary& summary) {
  if (!summary.has_tcp()) throw SetupError("the receiver's summary is of another kind of flow");
  const TcpFlowResult theirs = wire::from_wire(summary.tcp());
  result_.receiver_cpu = theirs.receiver_cpu;
  result_.incomplete_reason = theirs.incomplete_reason;
  if (!source()) result_.congestion = theirs.congestion;
  for (std::size_t i = 0; i < std::min(theirs.streams.size(), result_.streams.size()); ++i) {
    const StreamResult& told = theirs.streams[i];
    StreamResult& stream = result_.streams[i];
    if (stream.ended.empty()) stream.ended = told.ended;
    if (source()) {
      stream.first_arrival = told.first_arrival;
      stream.last_arrival = told.last_arrival;
    } else {
      stream.info = told.info;
    }
  }
}

void TcpFlowRun::conclude(const std::string& incomplete) {
  add(joiner_.rest());
  bool any = false;
  for (StreamResult& stream : result_.streams) {
    if (stream.received == 0) continue;
    if (stream.last_arrival == nanoseconds{0}) stream.last_arrival = last_heard_;  // nobody is left who knows better
    result_.first_arrival = any ? std::min(result_.first_arrival, stream.first_arrival) : stream.first_arrival;
    result_.last_arrival = std::max(result_.last_arrival, stream.last_arrival);
    any = true;
  }
  if (result_.incomplete_reason.empty()) result_.incomplete_reason = incomplete;
  if (result_.incomplete_reason.empty()) result_.incomplete_reason = ended_early();
  result_.complete = result_.incomplete_reason.empty();
  warn_of_shortfall();
}

/// The first stream that was, and why; empty if none was.
std::string TcpFlowRun::ended_early() const {
  for (std::size_t i = 0; i < result_.streams.size(); ++i) {
    const std::string& ended = result_.streams[i].ended;
    if (!ended.empty()) return "stream " + std::to_string(i + 1) + ": " + ended;
  }
  return {};
}

void TcpFlowRun::warn_of_shortfall() {
  const double achieved = goodput_bps(result_.received, spec_.omit, result_.last_arrival);
  if (!result_.complete || spec_.bitrate_bps == 0 || achieved >= 0.99 * spec_.bitrate_bps) return;
  run_context().warn(name() + ": " + bitrate_text(spec_.bitrate_bps) + " were asked, " + bitrate_text(achieved) +
                     " got through");
}

}  // namespace paceline::sender
