// SPDX-License-Identifier: MIT
#include "receiver/packet_served_flow.h"

#include "proto/convert.h"

namespace paceline::receiver {

PacketServedFlow::PacketServedFlow(std::shared_ptr<FlowOwner> owner, std::uint32_t id, const packet::Secret& secret,
                                   const PacketFlowSpec& spec)
    : ServedFlow(owner, id, secret), cpu_(owner->executor()) {
  result_.flow_id = id;
  result_.spec = spec;
}

void PacketServedFlow::note_agreed() {
  result_.path = agreed().path;
  result_.clock = agreed().clock;
  start_.flow_id = id();
  start_.spec = result_.spec;
  start_.map.offset = agreed().clock.offset;
  start_.start = agreed().start;
}

/// A record file that was begun, or why not.
struct PacketServedFlow::OpenedRecord {
  std::unique_ptr<decoder::RecordWriter> writer;
  traffic::FileDescriptor reading;  // the same file
  std::shared_ptr<RecordStore::Share> room;
  std::string failure;
  bool refused = false;  // a limit is the reason
};

void PacketServedFlow::prepare(const Stamping& stamping) {
  result_.stamping = stamping;
  start_.hook = stamping.hook;
  if (service().spec.record_directory || record()) return open_record();
  begin_to_take({});
}

void PacketServedFlow::open_record() {
  asio::post(service().file_worker, [self = shared_from_this(), this, from = client()] {
    OpenedRecord record = create_record(from);
    post([this, record = std::move(record)]() mutable { begin_to_take(std::move(record)); });
  });
}

/// On the file worker.
PacketServedFlow::OpenedRecord PacketServedFlow::create_record(const asio::ip::address& from) {
  const std::string failed = "no record of this flow: ";
  OpenedRecord opened;
  try {
    RecordStore::File file = service().record_store.create(id(), from);
    opened.reading = std::move(file.reading);
    opened.room = std::move(file.room);
    opened.writer = std::make_unique<decoder::RecordWriter>(std::move(file.output), start_);
  } catch (const RecordStore::NoRoom& error) {
    opened.failure = failed + error.what();
    opened.refused = true;
  } catch (const std::exception& error) {
    opened.failure = failed + error.what();
  }
  return opened;
}

void PacketServedFlow::begin_to_take(OpenedRecord opened) {
  if (!opened.failure.empty()) say_lack(opened.failure, opened.refused);
  no_record_ = std::move(opened.failure);
  if (record()) recorded_ = std::move(opened.reading);
  room_ = std::move(opened.room);
  if (phase() != Phase::starting) return;
  now_running();
  take_packets(std::move(opened.writer));
}

/// To the operator, of a record.
void PacketServedFlow::say_lack(const std::string& lack, bool refused) {
  if (refused) return note_refusal(lack);
  service().observer.warning(lack);
}

void PacketServedFlow::say_taking(std::uint64_t duplicate_window, const std::string& warning) {
  result_.duplicate_window = duplicate_window;
  cpu_.begin_at(agreed().starts_at + result_.spec.omit);
  say_started(result_, result_.stamping, record() && warning.empty() ? no_record_ : warning, duplicate_window);
}

void PacketServedFlow::on_interval(const PacketInterval& interval) {
  if (phase() != Phase::running) return;
  decoder::accumulate(result_, interval);
  service().observer.interval(id(), interval);
  wire::Message message;
  message.mutable_interval()->set_flow_id(id());
  wire::to_wire(interval, *message.mutable_interval()->mutable_interval());
  send(message);
}

void PacketServedFlow::done(const wire::FlowDone& report) {
  if (phase() != Phase::running || done_) return;
  result_.sent = wire::from_wire(report.sent());
  result_.clock = closing_clock(report);
  result_.sender_cpu = wire::from_wire(report.cpu());
  result_.receiver_cpu = cpu_.end();
  result_.incomplete_reason = wire::text(report.incomplete_reason());
  result_.complete = result_.incomplete_reason.empty();
  done_ = true;
  expect(result_.sent.packets + result_.sent.omitted);
}

void PacketServedFlow::conclude(ReceiverTime when, const std::string& broken,
                                std::unique_ptr<decoder::RecordWriter> writer) {
  if (phase() != Phase::running) return;
  result_.receiver_cpu = cpu_.end();
  // Who ends the wait for stragglers early does not know what was lost.
  const std::string& early = !ending().empty() ? ending() : broken;
  if (result_.complete && !early.empty() && result_.received.packets < result_.sent.packets) result_.complete = false;
  if (!result_.complete && result_.incomplete_reason.empty())
    result_.incomplete_reason = !early.empty() ? early : "the sender did not say that the flow was over";

  wire::Message message;
  message.mutable_flow_summary()->set_flow_id(id());
  wire::to_wire(result_, *message.mutable_flow_summary()->mutable_result());
  send(message);
  service().observer.flow_finished(result_);
  if (writer) {
    if (record()) record()->coming();
    close_record(when, std::move(writer));
  } else if (record()) {
    record()->none(no_record_);
  }
  finish();
}

void PacketServedFlow::close_record(ReceiverTime when, std::unique_ptr<decoder::RecordWriter> writer) {
  asio::post(service().file_worker, [self = shared_from_this(), this, when, writer = std::move(writer)]() mutable {
    const std::string error = writer->finish(result_, when);
    const std::string lack = what_lacks(*writer, error);
    const bool refused = error.empty() && writer->cut_short();
    writer.reset();
    post([this, lack, refused] {
      if (!lack.empty()) say_lack("record file: " + lack, refused);
      if (record()) record()->whole(std::move(recorded_), std::move(room_), lack);
      room_.reset();
    });
  });
}

/// Of a record that was finished with this error; empty if nothing.
std::string PacketServedFlow::what_lacks(const decoder::RecordWriter& writer, const std::string& error) const {
  if (!error.empty()) return error;
  const std::uint64_t lost = writer.lost_records();
  if (lost == 0) return {};
  return std::to_string(lost) + " records are missing: " +
         (writer.cut_short() ? room_->refusal() : "the disk did not keep up, or a peer sent far too many packets");
}

}  // namespace paceline::receiver
