// SPDX-License-Identifier: MIT
#include "receiver/packet_served_flow.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "paceline/validate.h"
#include "proto/convert.h"

namespace paceline::receiver {

namespace {

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
  traffic::FileDescriptor reading;  // the same file, if the sender is to fetch it
  std::shared_ptr<decoder::RecordAllowance> room;
  std::string failure;
};

void PacketServedFlow::prepare(const Stamping& stamping) {
  result_.stamping = stamping;
  start_.hook = stamping.hook;
  if (service().spec.record_directory || record()) return open_record();
  begin_to_take({});
}

void PacketServedFlow::open_record() {
  asio::post(service().file_worker, [self = shared_from_this(), this] {
    OpenedRecord record;
    try {
      record = create_record();
    } catch (const std::exception& error) {
      record.failure = "no record of this flow: " + std::string(error.what());
    }
    post([this, record = std::move(record)]() mutable { begin_to_take(std::move(record)); });
  });
}

/// On the file worker. In the receiver's own directory, if it keeps records.
PacketServedFlow::OpenedRecord PacketServedFlow::create_record() {
  OpenedRecord opened;
  if (!service().spec.record_directory) {
    RecordStore::File file = service().record_store.create();
    opened.reading = std::move(file.reading);
    opened.room = std::move(file.room);
    opened.writer = std::make_unique<decoder::RecordWriter>(std::move(file.output), start_);
    return opened;
  }
  const auto path = *service().spec.record_directory / record_name(id());
  opened.writer = std::make_unique<decoder::RecordWriter>(path, start_);
  if (!record()) return opened;
  opened.reading = traffic::FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!opened.reading)
    opened.failure = "the record cannot be fetched: open " + path.string() + ": " + std::strerror(errno);
  return opened;
}

void PacketServedFlow::begin_to_take(OpenedRecord opened) {
  if (!opened.failure.empty()) service().observer.warning(opened.failure);
  no_record_ = std::move(opened.failure);
  recorded_ = std::move(opened.reading);
  room_ = std::move(opened.room);
  if (phase() != Phase::starting) return;
  now_running();
  take_packets(std::move(opened.writer));
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
    writer.reset();
    post([this, lack] {
      if (!lack.empty()) service().observer.warning("record file: " + lack);
      if (!record()) return;
      if (!recorded_) return record()->none(no_record_);
      record()->whole(std::move(recorded_), std::move(room_), lack);
    });
  });
}

/// Of a record that was finished with this error; empty if nothing.
std::string PacketServedFlow::what_lacks(const decoder::RecordWriter& writer, const std::string& error) const {
  if (!error.empty()) return error;
  const std::uint64_t lost = writer.lost_records();
  if (lost == 0) return {};
  const std::string missing = std::to_string(lost) + " records are missing: ";
  if (writer.cut_short())
    return missing + "the receiver has room for " +
           validation::number(static_cast<double>(service().record_store.limit()) / 1e6) +
           " MB of records that are to be fetched (--record-limit)";
  return missing + "the disk did not keep up, or a peer sent far too many packets";
}

}  // namespace paceline::receiver
