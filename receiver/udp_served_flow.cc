// SPDX-License-Identifier: MIT
#include "receiver/udp_served_flow.h"

#include <algorithm>

#include "paceline/validate.h"

namespace paceline::receiver {

namespace {

// A machine that is busy with others stalls a reader for some milliseconds every now and then.
constexpr std::chrono::duration<double> kBufferedTime{0.02};
constexpr double kFlatOutRate = 1e6;  // packets/s that a flow without a rate is taken for

}  // namespace

/// Carries the flow's events from the data path's threads to the session's.
class UdpServedFlow::Events : public FlowListener {
 public:
  explicit Events(std::shared_ptr<UdpServedFlow> flow) : flow_(std::move(flow)) {}

  void path_confirmed(std::uint32_t attempt, const traffic::Address& arrived_at, const traffic::Address& seen_from,
                      const Stamping& stamping) override {
    flow_->confirm_path(attempt, arrived_at, seen_from, stamping);
  }

  void interval(PacketInterval&& interval) override {
    flow_->post([flow = flow_.get(), interval = std::move(interval)] { flow->on_interval(interval); });
  }

  void finished(const FlowEnd& end, std::unique_ptr<decoder::RecordWriter> writer) override {
    flow_->post([flow = flow_.get(), end, writer = std::move(writer)]() mutable {
      flow->result().socket_flows = end.socket_flows;
      flow->result().arrivals = end.arrivals;
      flow->result().echoes_unsent = end.echoes_unsent;
      flow->conclude(end.when, "", std::move(writer));
    });
  }

 private:
  std::shared_ptr<UdpServedFlow> flow_;
};

void UdpServedFlow::open() {
  const auto self = std::static_pointer_cast<UdpServedFlow>(shared_from_this());
  service().data_path.add(std::make_unique<Flow>(id(), secret(), spec(), std::make_unique<Events>(self)));
}

void UdpServedFlow::begin(const wire::StartFlow& request) {
  packet::Nonce nonce;
  if (request.nonce().size() != nonce.size()) return refuse_start("a nonce has 16 bytes");
  std::copy(request.nonce().begin(), request.nonce().end(), nonce.begin());
  note_agreed();
  service().data_path.bind(id(), nonce, [self = shared_from_this(), this](const DataPath::Bound& bound) {
    post([this, bound] { on_bound(bound); });
  });
}

void UdpServedFlow::on_bound(const DataPath::Bound& bound) {
  if (phase() != Phase::starting) return;
  if (!bound.refused.empty()) return refuse_start(bound.refused);
  prepare(bound.stamping);
}

void UdpServedFlow::take_packets(std::unique_ptr<decoder::RecordWriter> writer) {
  service().data_path.start(flow_start(), std::move(writer),
                            [self = shared_from_this(), this](const DataPath::Started& started) {
                              post([this, started] { on_started(started); });
                            });
}

void UdpServedFlow::on_started(const DataPath::Started& started) {
  if (phase() != Phase::running) return;
  if (!started.refused.empty()) {
    refuse(started.refused);
    service().data_path.remove(id());
    return finish();
  }
  say_taking(started.duplicate_window, small_buffer_warning());
}

std::string UdpServedFlow::small_buffer_warning() const {
  // The kernel charges a datagram with its memory: a page's part and some 700 bytes of bookkeeping.
  const double rate = spec().rate_pps > 0 ? spec().rate_pps : kFlatOutRate;
  const double stall = static_cast<double>(service().data_path.buffer_bytes()) / (spec().size + 768.0) / rate;
  if (stall >= kBufferedTime.count()) return {};
  return "the receive buffer holds " + validation::number(stall * 1e3) + " ms of this flow" +
         (spec().rate_pps > 0 ? "" : ", if a million packets come in a second") +
         ": longer stalls of the receiver lose packets (raise net.core.rmem_max there, or give it CAP_NET_ADMIN)";
}

void UdpServedFlow::expect(std::uint64_t packets) { service().data_path.done(id(), packets); }

void UdpServedFlow::break_off() { service().data_path.remove(id()); }

}  // namespace paceline::receiver
