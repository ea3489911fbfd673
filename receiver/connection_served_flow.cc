// SPDX-License-Identifier: MIT
#include "receiver/connection_served_flow.h"

#include <algorithm>

#include "proto/convert.h"

namespace paceline::receiver {

namespace {

// Connections by which the sender may look for the path at a time.
constexpr std::size_t kSearching = 64;

}  // namespace

/// Carries what the data path tells to the session's thread: there is nothing but paths to be told of.
class ConnectionServedFlow::PathEvents : public FlowListener {
 public:
  explicit PathEvents(std::shared_ptr<ConnectionServedFlow> flow) : flow_(std::move(flow)) {}

  void path_confirmed(std::uint32_t attempt, const traffic::Address& arrived_at, const traffic::Address& seen_from,
                      const Stamping& stamping) override {
    flow_->confirm_path(attempt, arrived_at, seen_from, stamping);
  }
  void interval(PacketInterval&&) override {}
  void finished(const FlowEnd&, std::unique_ptr<decoder::RecordWriter>) override {}

 private:
  std::shared_ptr<ConnectionServedFlow> flow_;
};

ConnectionServedFlow::ConnectionServedFlow(std::shared_ptr<FlowOwner> owner, std::uint32_t id,
                                           const packet::Secret& secret, const ConnectionFlowSpec& spec)
    : ServedFlow(owner, id, secret), cpu_(owner->executor()) {
  result_.flow_id = id;
  result_.spec = spec;
}

void ConnectionServedFlow::open() {
  if (over_tcp()) {
    // Until the start its connections are treated like a stream's, so that the path is found and told in one way.
    service().door.add(id(), secret(), DoorPolicy::streams, kSearching, door_events());
  } else {
    const auto self = std::static_pointer_cast<ConnectionServedFlow>(shared_from_this());
    service().data_path.add(std::make_unique<Flow>(id(), secret(), result_.spec, std::make_unique<PathEvents>(self)));
  }
}

void ConnectionServedFlow::begin(const wire::StartFlow& request) {
  result_.path = agreed().path;
  if (over_tcp()) {
    service().door.remove(id());
    service().door.add(id(), secret(), DoorPolicy::exchanges, kSearching, nullptr);
    return answer_exchanges();
  }
  packet::Nonce nonce;
  if (request.nonce().size() != nonce.size()) return refuse_start("a nonce has 16 bytes");
  std::copy(request.nonce().begin(), request.nonce().end(), nonce.begin());
  service().data_path.bind(id(), nonce, [self = shared_from_this(), this](const DataPath::Bound& bound) {
    post([this, bound] {
      if (phase() != Phase::starting) return;
      if (!bound.refused.empty()) return refuse_start(bound.refused);
      answer_exchanges();
    });
  });
}

void ConnectionServedFlow::answer_exchanges() {
  now_running();
  cpu_.begin_at(agreed().starts_at + result_.spec.omit);
  expect_done_after(result_.spec.omit + result_.spec.duration + result_.spec.timeout);
  say_started(result_, {}, "");
}

void ConnectionServedFlow::done(const wire::FlowDone& report) {
  if (phase() != Phase::running || stopping_) return;
  result_.sender_cpu = wire::from_wire(report.cpu());
  result_.incomplete_reason = wire::text(report.incomplete_reason());
  stop_answering();
}

void ConnectionServedFlow::out_of_time() {
  if (stopping_) return;
  result_.incomplete_reason = "the sender did not say that the flow was over";
  stop_answering();
}

void ConnectionServedFlow::break_off() {
  if (stopping_) return;
  result_.incomplete_reason = ending();
  stop_answering();
}

void ConnectionServedFlow::stop_answering() {
  stopping_ = true;
  result_.receiver_cpu = cpu_.end();
  if (over_tcp()) return summarize(service().door.remove(id()));
  service().data_path.remove(id(), [self = shared_from_this(), this](std::uint64_t answered) {
    post([this, answered] { summarize(answered); });
  });
}

void ConnectionServedFlow::summarize(std::uint64_t answered) {
  if (phase() != Phase::running) return;
  result_.answered = answered;
  result_.complete = result_.incomplete_reason.empty();
  wire::Message message;
  message.mutable_flow_summary()->set_flow_id(id());
  wire::ConnectionSummary& summary = *message.mutable_flow_summary()->mutable_connections();
  summary.set_answered(answered);
  wire::to_wire(result_.receiver_cpu, *summary.mutable_cpu());
  summary.set_incomplete_reason(result_.incomplete_reason);
  send(message);
  service().observer.flow_finished(result_);
  finish();
}

}  // namespace paceline::receiver
