// SPDX-License-Identifier: MIT
#include "receiver/record_served_flow.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>
#include <vector>

#include "receiver/record_intake.h"

namespace paceline::receiver {

namespace {

// Connections by which the sender may look for the path at a time.
constexpr std::size_t kSearching = 64;

/// What a constant flow's records have, or a model's at least.
std::uint32_t least_size(const PacketFlowSpec& spec) {
  return spec.model || spec.trace ? PacketFlowSpec::kMinSize : spec.size;
}

}  // namespace

/// Carries the flow's events from the reader's thread to the session's, where the flow is let go of, too.
class RecordServedFlow::Events : public RecordIntakeListener {
 public:
  explicit Events(std::shared_ptr<RecordServedFlow> flow) : flow_(std::move(flow)) {}

  void interval(PacketInterval&& interval) override {
    flow_->post([flow = flow_.get(), interval = std::move(interval)] { flow->on_interval(interval); });
  }
  void finished(ReceiverTime when, const std::string& broken, std::unique_ptr<decoder::RecordWriter> writer) override {
    RecordServedFlow& flow = *flow_;
    flow.post([flow = std::move(flow_), when, broken, writer = std::move(writer)]() mutable {
      flow->on_finished(when, broken, std::move(writer));
    });
  }

 private:
  std::shared_ptr<RecordServedFlow> flow_;
};

void RecordServedFlow::open() { service().door.add(id(), secret(), DoorPolicy::streams, kSearching, door_events()); }

void RecordServedFlow::begin(const wire::StartFlow& request) {
  const std::vector<std::uint32_t> attempts(request.streams().begin(), request.streams().end());
  if (attempts.size() != 1) return refuse_start("a flow of records starts with one connection");
  std::vector<traffic::TcpStream> claimed = service().door.claim(id(), attempts);
  if (claimed.empty()) return refuse_start("the flow's connection is not there (any more)");
  service().door.remove(id());
  socket_ = std::make_shared<const traffic::FileDescriptor>(std::move(claimed.front().socket));
  if (spec().transport == Transport::tcp && spec().no_delay) {
    const int on = 1;  // for its echoes
    setsockopt(socket_->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  note_agreed();
  prepare({Hook::none, "", "records of a byte stream: what the hook sees are segments, not records"});
}

void RecordServedFlow::take_packets(std::unique_ptr<decoder::RecordWriter> writer) {
  const auto self = std::static_pointer_cast<RecordServedFlow>(shared_from_this());
  traffic::RecordConnection connection;
  connection.socket = std::move(socket_);
  connection.sctp = spec().transport == Transport::sctp;
  connection.flow_id = id();
  connection.least = least_size(spec());
  connection.largest = spec().size;
  connection.echo = spec().meter == Meter::round_trip;
  std::uint64_t window = 0;
  try {
    auto decoder = std::make_unique<decoder::FlowDecoder>(flow_start());
    window = decoder->duplicate_window();
    reading_ = service().records.add(std::move(connection),
                                     std::make_unique<RecordIntake>(flow_start(), std::move(decoder), std::move(writer),
                                                                    std::make_unique<Events>(self)));
  } catch (const std::exception& error) {  // no memory or no threads left, say: the others go on
    refuse("the receiver could not start the flow: " + std::string(error.what()));
    return finish();
  }
  result().socket_flows = 1;
  say_taking(window, "");
}

void RecordServedFlow::expect(std::uint64_t packets) {
  service().records.post(*reading_, [packets](traffic::RecordSink& sink, nanoseconds now) {
    static_cast<RecordIntake&>(sink).done(packets, now);
  });
}

void RecordServedFlow::break_off() {
  service().door.remove(id());
  if (!reading_) return;
  service().records.post(
      *reading_, [](traffic::RecordSink& sink, nanoseconds now) { static_cast<RecordIntake&>(sink).abandon(now); });
}

void RecordServedFlow::on_finished(ReceiverTime when, const std::string& broken,
                                   std::unique_ptr<decoder::RecordWriter> writer) {
  conclude(when, broken, std::move(writer));
  service().records.remove(*reading_);
}

}  // namespace paceline::receiver
