// SPDX-License-Identifier: MIT
#include "sender/packet_flow_run.h"

#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include "decoder/flow_decoder.h"
#include "paceline/error.h"
#include "proto/convert.h"
#include "sender/record_fetch.h"
#include "sender/validate_run.h"

namespace paceline::sender {

PacketFlowRun::PacketFlowRun(RunContext& run, std::size_t index, std::uint16_t source_port,
                             const traffic::PacketPlan& plan)
    : FlowRun(run, index, source_port), plan_(plan), spec_(plan.spec()), cpu_(executor()), echoes_awaited_(executor()) {
  result_.spec = echoed_.spec = spec_;
  const RunSpec& whole = run.spec;
  if (!whole.record.empty())
    record_ = std::make_unique<RecordFile>(record_path(whole.record, index, records_of(whole) > 1));
}

asio::awaitable<wire::FlowOffer> PacketFlowRun::ask() {
  wire::OpenFlow request;
  wire::to_wire(spec_, *request.mutable_packets());
  request.set_record(record_ != nullptr);
  if (record_ && !session().brings_records())
    throw SetupError(
        "the receiver at " + session().address() +
        " brings no records, it is of an earlier version: leave out --record, or start it with --record DIR");
  wire::FlowOffer offer = co_await ask_for(std::move(request));
  result_.flow_id = key().flow_id;
  co_return offer;
}

void PacketFlowRun::take(const wire::FlowStarted& started) {
  result_.path = path();
  result_.stamping = stamping();
  result_.clock = clock();
  result_.duplicate_window = started.duplicate_window();
  cpu_.begin_at(start_time() + spec_.omit);
}

void PacketFlowRun::sending_over(const std::vector<std::string>& warnings) {
  result_.sender_cpu = cpu_.end();
  sent_.lateness = lateness_.take();
  for (const std::string& warning : warnings) run_context().warn(warning);
  over_ = true;
  now_over();
}

RoundTrips::Listener PacketFlowRun::echo_listener() {
  RoundTrips::Listener listener;
  listener.interval = [this](const PacketInterval& interval) {
    decoder::accumulate(echoed_, interval);
    observer().interval(index(), interval);
  };
  listener.probe_reply = [](const packet::ProbeReply&, SenderTime) {};
  listener.ended = [this] {
    echoes_over_ = true;
    echoes_awaited_.cancel();
  };
  return listener;
}

asio::awaitable<void> PacketFlowRun::echoes_end() {
  while (!echoes_over_) {
    echoes_awaited_.expires_after(std::chrono::seconds(1));
    asio::error_code ignored;
    co_await echoes_awaited_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

void PacketFlowRun::tell_sent(wire::FlowDone& done) const {
  wire::to_wire(sent_, *done.mutable_sent());
  wire::to_wire(result_.sender_cpu, *done.mutable_cpu());
  done.set_incomplete_reason(error_);
}

void PacketFlowRun::take(const wire::IntervalReport& report) {
  if (!report.has_interval()) return;
  const PacketInterval interval = wire::from_wire(report.interval());
  decoder::accumulate(result_, interval);
  saw(interval);
  observer().interval(index(), interval);
}

void PacketFlowRun::take(const wire::FlowSummary& summary) {
  if (!summary.has_result()) throw SetupError("the receiver's summary is of another kind of flow");
  const CpuTime cpu = result_.sender_cpu;
  result_ = wire::from_wire(summary.result());
  result_.sender_cpu = cpu;
}

asio::awaitable<void> PacketFlowRun::bring_record() {
  if (!record_ || !started()) co_return;
  AwaitedRecord awaited;
  awaited.flow_id = key().flow_id;
  awaited.progress = [this](std::uint64_t bytes, std::uint64_t of) {
    observer().record(index(), bytes == of ? record_->name() : record_->part(), bytes, of);
  };
  awaited.unwanted = [this] { return run_context().records_unwanted; };
  std::string lack;
  try {
    lack = co_await fetch_record(session(), messages(), awaited, *record_);
    if (!lack.empty()) lack = "the record of " + name() + " is not whole: " + lack;
  } catch (const std::exception& error) {
    lack = "the record of " + name() + " did not come" + (record_->size() > 0 ? " whole" : "") + ": " + error.what() +
           (record_->size() > 0 ? "; what came is in " + record_->part().string() : "");
  }
  if (!lack.empty()) observer().warning(lack);
  wire::Message message;
  message.mutable_record_taken()->set_flow_id(key().flow_id);
  session().send(message);
}

void PacketFlowRun::conclude(const std::string& incomplete) {
  close_path();
  result_.sent = sent_;
  if (spec_.meter == Meter::round_trip)
    result_.round_trip = round_trip();
  else
    result_.round_trip.reset();
  if (incomplete.empty()) return;
  result_.complete = false;
  if (result_.incomplete_reason.empty()) result_.incomplete_reason = incomplete;
}

RoundTrip PacketFlowRun::round_trip() const {
  const Hook hook = echoed_.received.stamped > 0 ? Hook::netstamp : Hook::none;
  return {echoed_.received,
          echoed_.first_arrival,
          echoed_.last_arrival,
          echoed_.statistics,
          echoed_.smoothed_jitter,
          echoed_.intervals,
          hook};
}

}  // namespace paceline::sender
