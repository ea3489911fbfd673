// SPDX-License-Identifier: MIT
#include "receiver/served_flow.h"

#include "proto/convert.h"
#include "receiver/connection_served_flow.h"
#include "receiver/record_served_flow.h"
#include "receiver/tcp_served_flow.h"
#include "receiver/udp_served_flow.h"
#include "traffic/clock_source.h"

namespace paceline::receiver {

namespace {

// A flow starts within moments of its StartFlow, or of its delay after that: a start farther from now means that the
// clock map is wrong.
constexpr std::chrono::seconds kStartsWithin{60};

}  // namespace

class ServedFlow::DoorEvents : public TcpDoorListener {
 public:
  explicit DoorEvents(std::shared_ptr<ServedFlow> flow) : flow_(std::move(flow)) {}

  void path_confirmed(std::uint32_t attempt, const traffic::Address& arrived_at, const traffic::Address& seen_from,
                      const Stamping& stamping) override {
    flow_->confirm_path(attempt, arrived_at, seen_from, stamping);
  }

 private:
  std::shared_ptr<ServedFlow> flow_;
};

void ServedFlow::start(const wire::StartFlow& request) {
  if (phase_ != Phase::offered) return refuse("the flow is running already");
  if (!traffic::plausible(nanoseconds{request.start()}) || !traffic::plausible(nanoseconds{request.clock().offset()}))
    return refuse_start("a start or a clock offset that no clock shows");
  agreed_.path = wire::from_wire(request.path());
  agreed_.clock = wire::from_wire(request.clock());
  agreed_.start = SenderTime{nanoseconds{request.start()}};
  agreed_.starts_at = ClockMap{agreed_.clock.offset}.to_receiver(agreed_.start);
  const nanoseconds ahead = agreed_.starts_at - traffic::now<ReceiverClock>();
  if (std::chrono::abs(ahead - delay_) > kStartsWithin)
    return refuse_start(
        "by the flow's clock map it starts " +
        std::to_string(std::chrono::duration_cast<std::chrono::seconds>(ahead).count()) + " s from now" +
        (delay_ > nanoseconds{0} ? ", and not after its delay" : "") +
        ": the two clocks are not what the sender takes them for" +
        (agreed_.clock.verdict == ClockVerdict::synchronized ? ": leave out --clock synchronized" : ""));
  phase_ = Phase::starting;
  begin(request);
}

void ServedFlow::end(const std::string& why) {
  if (phase_ == Phase::over) return;
  if (ending_.empty()) ending_ = why;
  break_off();
  if (phase_ != Phase::running) finish();
}

void ServedFlow::confirm_path(std::uint32_t attempt, const traffic::Address& arrived_at,
                              const traffic::Address& seen_from, const Stamping& stamping) {
  post([this, attempt, arrived_at, seen_from, stamping] {
    probed_ = true;
    wire::Message message;
    wire::PathConfirmed& confirmed = *message.mutable_path_confirmed();
    confirmed.set_flow_id(id_);
    confirmed.set_attempt(attempt);
    confirmed.set_arrived_at(arrived_at.to_string());
    confirmed.set_seen_from(seen_from.to_string());
    wire::to_wire(stamping, *confirmed.mutable_stamping());
    send(message);
  });
}

std::shared_ptr<TcpDoorListener> ServedFlow::door_events() { return std::make_shared<DoorEvents>(shared_from_this()); }

void ServedFlow::refuse_start(const std::string& reason) {
  phase_ = Phase::offered;
  refuse(reason);
}

void ServedFlow::refuse(const std::string& reason) { owner_->refuse_flow(id_, reason); }

void ServedFlow::say_started(const FlowResult& result, const Stamping& stamping, const std::string& warning,
                             std::uint64_t duplicate_window) {
  if (!warning.empty()) service().observer.warning(warning);
  wire::Message message;
  wire::FlowStarted& started = *message.mutable_flow_started();
  started.set_flow_id(id_);
  wire::to_wire(stamping, *started.mutable_stamping());
  started.set_duplicate_window(duplicate_window);
  started.set_warning(warning);
  send(message);
  owner_->started(id_);
  service().observer.flow_started(result);
}

void ServedFlow::expect_done_after(nanoseconds length) {
  // ReceiverClock and steady_clock are one clock, CLOCK_MONOTONIC.
  overtime_.expires_at(asio::steady_timer::time_point(agreed_.starts_at.time_since_epoch() + length + kOvertime));
  overtime_.async_wait([weak = weak_from_this()](const asio::error_code& cancelled) {
    const auto self = weak.lock();
    if (!cancelled && self && self->phase_ == Phase::running) self->out_of_time();
  });
}

ClockResult ServedFlow::closing_clock(const wire::FlowDone& report) const {
  ClockResult clock = wire::from_wire(report.clock());
  clock.offset = agreed_.clock.offset;
  return clock;
}

void ServedFlow::finish() {
  if (phase_ == Phase::over) return;
  phase_ = Phase::over;
  overtime_.cancel();
  owner_->forget(id_);
}

std::shared_ptr<ServedFlow> make_served_flow(std::shared_ptr<FlowOwner> owner, std::uint32_t id,
                                             const packet::Secret& secret, const FlowSpec& spec) {
  struct Maker {
    std::shared_ptr<FlowOwner> owner;
    std::uint32_t id;
    const packet::Secret& secret;

    std::shared_ptr<ServedFlow> operator()(const PacketFlowSpec& packets) const {
      if (packets.transport != Transport::udp) return std::make_shared<RecordServedFlow>(owner, id, secret, packets);
      return std::make_shared<UdpServedFlow>(owner, id, secret, packets);
    }
    std::shared_ptr<ServedFlow> operator()(const TcpFlowSpec& tcp) const {
      return std::make_shared<TcpServedFlow>(owner, id, secret, tcp);
    }
    std::shared_ptr<ServedFlow> operator()(const ConnectionFlowSpec& connections) const {
      return std::make_shared<ConnectionServedFlow>(owner, id, secret, connections);
    }
  };
  const auto flow = std::visit(Maker{std::move(owner), id, secret}, spec);
  flow->expect_delay(std::visit([](const auto& kind) { return kind.delay; }, spec));
  return flow;
}

}  // namespace paceline::receiver
