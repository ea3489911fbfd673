// SPDX-License-Identifier: MIT
#include "receiver/tcp_served_flow.h"

#include <algorithm>
#include <set>

#include "decoder/totals.h"
#include "paceline/error.h"
#include "proto/convert.h"
#include "receiver/granule_statistics.h"

namespace paceline::receiver {

namespace {

// A sender may try each stream on several paths at once, and drops those that were not the fastest.
constexpr std::size_t kSpareConnections = 64;

// A transfer may take so long after the duration until all that was written has arrived; its own deadline.
constexpr std::chrono::seconds kDraining{60};

}  // namespace

/// Carries the transfer's events to the session's thread, where it is destroyed, too.
class TcpServedFlow::TransferEvents : public traffic::TcpTransferListener {
 public:
  explicit TransferEvents(std::shared_ptr<TcpServedFlow> flow) : flow_(std::move(flow)) {}

  void interval(TcpInterval&& interval) override {
    flow_->post([flow = flow_.get(), interval = std::move(interval)] { flow->on_interval(interval); });
  }
  void finished(traffic::TcpTransferOutcome&& outcome) override {
    flow_->post(
        [flow = flow_.get(), outcome = std::move(outcome)]() mutable { flow->on_finished(std::move(outcome)); });
  }

 private:
  std::shared_ptr<TcpServedFlow> flow_;
};

TcpServedFlow::TcpServedFlow(std::shared_ptr<FlowOwner> owner, std::uint32_t id, const packet::Secret& secret,
                             const TcpFlowSpec& spec)
    : ServedFlow(std::move(owner), id, secret) {
  result_.flow_id = id;
  result_.spec = spec;
}

void TcpServedFlow::open() {
  service().door.add(id(), secret(), DoorPolicy::streams, result_.spec.streams + kSpareConnections, door_events());
}

void TcpServedFlow::begin(const wire::StartFlow& request) {
  std::vector<traffic::TcpStream> streams;
  const std::string refused = claim(request, streams);
  if (!refused.empty()) return refuse_start(refused);

  const bool source = result_.spec.direction == Direction::reverse;
  traffic::TcpTransferSpec spec;
  spec.flow = result_.spec;
  spec.source = source;
  spec.start = agreed().starts_at.time_since_epoch();
  spec.workers = service().workers;
  spec.timens_offset = service().clock.monotonic_offset;
  try {
    for (const traffic::TcpStream& stream : streams) traffic::configure_tcp(stream.socket.get(), spec.flow, source);
    const auto self = std::static_pointer_cast<TcpServedFlow>(shared_from_this());
    transfer_ = std::make_unique<traffic::TcpTransfer>(spec, std::move(streams), std::make_unique<TransferEvents>(self),
                                                       [] { return std::make_unique<GranuleStatistics>(); });
  } catch (const std::exception& error) {  // no threads left, say: the others go on
    service().door.remove(id());
    refuse("the receiver could not start the flow: " + std::string(error.what()));
    return finish();
  }
  result_.path = agreed().path;
  result_.clock = agreed().clock;
  now_running();
  expect_done_after(result_.spec.omit + result_.spec.duration + kDraining);
  say_started(result_, result_.stamping, "");
}

/// The flow's connections. Returns why not, empty if done.
std::string TcpServedFlow::claim(const wire::StartFlow& request, std::vector<traffic::TcpStream>& streams) {
  const std::vector<std::uint32_t> attempts(request.streams().begin(), request.streams().end());
  if (attempts.size() != result_.spec.streams)
    return "a flow of " + std::to_string(result_.spec.streams) + " streams starts with as many connections, not " +
           std::to_string(attempts.size());
  if (std::set(attempts.begin(), attempts.end()).size() != attempts.size()) return "a connection is one stream only";
  streams = service().door.claim(id(), attempts);
  if (streams.empty()) return "one of the streams' connections is not there (any more)";
  result_.stamping = service().ladder.judge_connection(streams.front().arrivals != nullptr);
  const bool all_seen = std::ranges::all_of(streams, [](const auto& stream) { return stream.arrivals != nullptr; });
  if (service().ladder.tc_required() && !all_seen)
    return "the receiver requires TC stamps (--tc required), but " + service().ladder.judge_connection(false).reason;
  return {};
}

void TcpServedFlow::on_interval(const TcpInterval& interval) {
  if (phase() != Phase::running) return;
  decoder::accumulate(result_, interval);
  service().observer.interval(id(), interval);
  wire::Message message;
  message.mutable_interval()->set_flow_id(id());
  wire::to_wire(interval, *message.mutable_interval()->mutable_tcp());
  send(message);
}

void TcpServedFlow::on_finished(traffic::TcpTransferOutcome&& outcome) {
  if (phase() != Phase::running) return;
  finished_ = true;
  transfer_.reset();
  result_.receiver_cpu = outcome.cpu;
  result_.congestion = outcome.congestion;
  for (const std::string& warning : outcome.warnings) service().observer.warning(warning);
  result_.streams.resize(result_.spec.streams);
  const bool source = result_.spec.direction == Direction::reverse;
  for (std::size_t i = 0; i < outcome.streams.size() && i < result_.streams.size(); ++i) {
    traffic::TcpStreamOutcome& stream = outcome.streams[i];
    StreamResult& told = result_.streams[i];
    told.ended = std::move(stream.ended);
    if (source) {
      told.info = stream.info;
      continue;
    }
    told.first_arrival = stream.first;
    told.last_arrival = stream.last;
    if (told.received == 0) continue;
    const bool first = result_.last_arrival == nanoseconds{0};
    result_.first_arrival = first ? stream.first : std::min(result_.first_arrival, stream.first);
    result_.last_arrival = std::max(result_.last_arrival, stream.last);
  }
  if (done_ || !ending().empty()) summarize();
}

void TcpServedFlow::done(const wire::FlowDone& report) {
  if (phase() != Phase::running || done_) return;
  result_.clock = closing_clock(report);
  result_.sender_cpu = wire::from_wire(report.cpu());
  said_ = wire::text(report.incomplete_reason());
  done_ = true;
  if (finished_) return summarize();
  if (transfer_) transfer_->stop();  // else it is broken off already, and its end is on the way
}

void TcpServedFlow::out_of_time() {
  if (done_) return;
  done_ = true;
  said_ = "the sender did not say that the flow was over";
  if (finished_) return summarize();
  transfer_.reset();
}

void TcpServedFlow::break_off() {
  service().door.remove(id());
  if (finished_) return summarize();
  transfer_.reset();
}

void TcpServedFlow::summarize() {
  service().door.remove(id());
  result_.incomplete_reason = !ending().empty() ? ending() : said_;
  for (std::size_t i = 0; i < result_.streams.size() && result_.incomplete_reason.empty(); ++i) {
    const std::string& ended = result_.streams[i].ended;
    if (!ended.empty()) result_.incomplete_reason = "stream " + std::to_string(i + 1) + ": " + ended;
  }
  result_.complete = result_.incomplete_reason.empty();
  service().observer.flow_finished(result_);

  // The sender makes distributions of intervals itself, of both ends' rows; those of a thousand streams are large.
  TcpFlowResult summary = result_;
  for (StreamResult& stream : summary.streams) stream.goodput = {};
  wire::Message message;
  message.mutable_flow_summary()->set_flow_id(id());
  wire::to_wire(summary, *message.mutable_flow_summary()->mutable_tcp());
  send(message);
  finish();
}

}  // namespace paceline::receiver
