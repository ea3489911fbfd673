// SPDX-License-Identifier: MIT
#include "receiver/udp_served_flow.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "decoder/flow_decoder.h"
#include "paceline/validate.h"
#include "proto/convert.h"

namespace paceline::receiver {

namespace {

// A machine that is busy with others stalls a reader for some milliseconds every now and then.
constexpr std::chrono::duration<double> kBufferedTime{0.02};
constexpr double kFlatOutRate = 1e6;  // packets/s that a flow without a rate is taken for

std::string record_name(std::uint32_t flow_id) {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[64];
  const std::size_t length = std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
  std::snprintf(text + length, sizeof text - length, "-%08x.paceline", flow_id);
  return text;
}

}  // namespace

/// Carries the flow's events from the data path's threads to the session's.
class UdpServedFlow::Events : public FlowListener {
 public:
  explicit Events(std::shared_ptr<UdpServedFlow> flow) : flow_(std::move(flow)) {}

  void path_confirmed(std::uint32_t attempt, const traffic::Address& arrived_at, const traffic::Address& seen_from,
                      const Stamping& stamping) override {
    flow_->confirm_path(attempt, arrived_at, seen_from, stamping);
  }

  void interval(UdpInterval&& interval) override {
    flow_->post([flow = flow_.get(), interval = std::move(interval)] { flow->on_interval(interval); });
  }

  void finished(ReceiverTime when, std::uint32_t socket_flows, const Arrivals& arrivals,
                std::unique_ptr<decoder::RecordWriter> writer) override {
    flow_->post([flow = flow_.get(), when, socket_flows, arrivals, writer = std::move(writer)]() mutable {
      flow->on_finished(when, socket_flows, arrivals, std::move(writer));
    });
  }

 private:
  std::shared_ptr<UdpServedFlow> flow_;
};

UdpServedFlow::UdpServedFlow(std::shared_ptr<FlowOwner> owner, std::uint32_t id, const packet::Secret& secret,
                             const UdpFlowSpec& spec)
    : ServedFlow(owner, id, secret), cpu_(owner->executor()) {
  result_.flow_id = id;
  result_.spec = spec;
}

void UdpServedFlow::open() {
  const auto self = std::static_pointer_cast<UdpServedFlow>(shared_from_this());
  service().data_path.add(std::make_unique<Flow>(id(), secret(), result_.spec, std::make_unique<Events>(self)));
}

void UdpServedFlow::begin(const wire::StartFlow& request) {
  packet::Nonce nonce;
  if (request.nonce().size() != nonce.size()) return refuse_start("a nonce has 16 bytes");
  std::copy(request.nonce().begin(), request.nonce().end(), nonce.begin());
  result_.path = agreed().path;
  result_.clock = agreed().clock;
  start_.flow_id = id();
  start_.spec = result_.spec;
  start_.map.offset = agreed().clock.offset;
  start_.start = agreed().start;
  service().data_path.bind(id(), nonce, [self = shared_from_this(), this](const DataPath::Bound& bound) {
    post([this, bound] { on_bound(bound); });
  });
}

void UdpServedFlow::on_bound(const DataPath::Bound& bound) {
  if (phase() != Phase::starting) return;
  if (!bound.refused.empty()) return refuse_start(bound.refused);
  result_.stamping = bound.stamping;
  start_.hook = bound.stamping.hook;
  if (service().spec.record_directory) return open_record();
  take_packets(nullptr, "");
}

void UdpServedFlow::open_record() {
  const auto file = *service().spec.record_directory / record_name(id());
  asio::post(service().file_worker, [self = shared_from_this(), this, file, start = start_] {
    std::unique_ptr<decoder::RecordWriter> writer;
    std::string warning;
    try {
      writer = std::make_unique<decoder::RecordWriter>(file, start);
    } catch (const std::exception& error) {
      warning = "no record of this flow: " + std::string(error.what());
    }
    post([this, warning, writer = std::move(writer)]() mutable { take_packets(std::move(writer), warning); });
  });
}

void UdpServedFlow::take_packets(std::unique_ptr<decoder::RecordWriter> writer, const std::string& warning) {
  if (!warning.empty()) service().observer.warning(warning);
  if (phase() != Phase::starting) return;
  now_running();
  service().data_path.start(start_, std::move(writer),
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
  result_.duplicate_window = started.duplicate_window;
  cpu_.begin_at(agreed().starts_at + result_.spec.omit);
  say_started(result_, result_.stamping, small_buffer_warning(), started.duplicate_window);
}

std::string UdpServedFlow::small_buffer_warning() const {
  // The kernel charges a datagram with its memory: a page's part and some 700 bytes of bookkeeping.
  const double rate = result_.spec.rate_pps > 0 ? result_.spec.rate_pps : kFlatOutRate;
  const double stall = static_cast<double>(service().data_path.buffer_bytes()) / (result_.spec.size + 768.0) / rate;
  if (stall >= kBufferedTime.count()) return {};
  return "the receive buffer holds " + validation::number(stall * 1e3) + " ms of this flow" +
         (result_.spec.rate_pps > 0 ? "" : ", if a million packets come in a second") +
         ": longer stalls of the receiver lose packets (raise net.core.rmem_max there, or give it CAP_NET_ADMIN)";
}

void UdpServedFlow::on_interval(const UdpInterval& interval) {
  if (phase() != Phase::running) return;
  decoder::accumulate(result_, interval);
  service().observer.interval(id(), interval);
  wire::Message message;
  message.mutable_interval()->set_flow_id(id());
  wire::to_wire(interval, *message.mutable_interval()->mutable_interval());
  send(message);
}

void UdpServedFlow::done(const wire::FlowDone& report) {
  if (phase() != Phase::running || done_) return;
  result_.sent = wire::from_wire(report.sent());
  result_.clock = closing_clock(report);
  result_.sender_cpu = wire::from_wire(report.cpu());
  result_.receiver_cpu = cpu_.end();
  result_.incomplete_reason = wire::text(report.incomplete_reason());
  result_.complete = result_.incomplete_reason.empty();
  done_ = true;
  service().data_path.done(id(), result_.sent.packets + result_.sent.omitted);
}

void UdpServedFlow::break_off() { service().data_path.remove(id()); }

void UdpServedFlow::on_finished(ReceiverTime when, std::uint32_t socket_flows, const Arrivals& arrivals,
                                std::unique_ptr<decoder::RecordWriter> writer) {
  if (phase() != Phase::running) return;
  result_.socket_flows = socket_flows;
  result_.arrivals = arrivals;
  result_.receiver_cpu = cpu_.end();
  // Who ends the wait for stragglers early does not know what was lost.
  if (result_.complete && !ending().empty() && result_.received.packets < result_.sent.packets)
    result_.complete = false;
  if (!result_.complete && result_.incomplete_reason.empty())
    result_.incomplete_reason = !ending().empty() ? ending() : "the sender did not say that the flow was over";

  wire::Message message;
  message.mutable_flow_summary()->set_flow_id(id());
  wire::to_wire(result_, *message.mutable_flow_summary()->mutable_result());
  send(message);
  service().observer.flow_finished(result_);
  if (writer) close_record(when, std::move(writer));
  finish();
}

void UdpServedFlow::close_record(ReceiverTime when, std::unique_ptr<decoder::RecordWriter> writer) {
  asio::post(service().file_worker, [self = shared_from_this(), this, when, writer = std::move(writer)]() mutable {
    const std::string error = writer->finish(result_, when);
    const std::uint64_t lost = writer->lost_records();
    post([this, error, lost] {
      if (!error.empty()) service().observer.warning("record file: " + error);
      if (lost > 0)
        service().observer.warning(
            "record file: " + std::to_string(lost) +
            " records are missing (the disk did not keep up, or a peer sent far too many packets)");
    });
  });
}

}  // namespace paceline::receiver
