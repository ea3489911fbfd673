// SPDX-License-Identifier: MIT
#include "receiver/record_intake.h"

#include <algorithm>
#include <utility>

namespace paceline::receiver {

RecordIntake::RecordIntake(const decoder::FlowStart& start, std::unique_ptr<decoder::FlowDecoder> decoder,
                           std::unique_ptr<decoder::RecordWriter> writer,
                           std::unique_ptr<RecordIntakeListener> listener)
    : decoder_(std::move(decoder)),
      writer_(std::move(writer)),
      listener_(std::move(listener)),
      map_(start.map),
      flow_over_(start.map.to_receiver(start.start).time_since_epoch() + start.spec.omit + start.spec.duration +
                 kOvertime) {
  decoder_->report_to([this](PacketInterval&& interval) { listener_->interval(std::move(interval)); });
}

void RecordIntake::record(const packet::Header& header, std::uint32_t size, nanoseconds now) {
  if (finished_) return;
  last_ = now;
  decoder::PacketObservation seen;
  seen.sequence = packet::extend_sequence(header.sequence, decoder_->next_expected());
  const nanoseconds near = now - map_.offset;  // the sender's clock by now
  seen.tx_user = SenderTime{nanoseconds{packet::extend_time(header.send_time, near.count())}};
  seen.lateness = packet::decode_lateness(header.lateness);
  seen.rx_user = ReceiverTime{now};
  seen.size = size;
  decoder_->packet(seen);
  if (writer_) writer_->packet(seen);
  if (all_came()) finish(now, "");
}

nanoseconds RecordIntake::tick(nanoseconds now) {
  if (finished_) return nanoseconds::max();
  decoder_->advance(ReceiverTime{now});
  if (now >= give_up_at())
    finish(now, sent_ ? "the last records did not come, in " + std::to_string(kPatience.count()) + " s" : "");
  if (finished_) return nanoseconds::max();
  return std::min(decoder_->interval_end().time_since_epoch(), give_up_at());
}

nanoseconds RecordIntake::give_up_at() const {
  if (!sent_) return flow_over_;
  return std::min(std::max(last_, sent_told_) + kPatience, sent_told_ + kLongest);
}

void RecordIntake::ended(const std::string& why, nanoseconds now) {
  ended_ =
      why.empty() ? "the sender closed the connection before all records had come" : "the connection ended: " + why;
  if (sent_) finish(now, *ended_);  // else FlowDone tells what is missing
}

void RecordIntake::done(std::uint64_t records, nanoseconds now) {
  if (finished_ || sent_) return;
  sent_ = records;
  sent_told_ = now;
  if (all_came()) return finish(now, "");
  if (ended_) finish(now, *ended_);
}

void RecordIntake::abandon(nanoseconds now) { finish(now, ended_.value_or("")); }

void RecordIntake::finish(nanoseconds now, const std::string& broken) {
  if (std::exchange(finished_, true)) return;
  decoder_->finish(sent_, ReceiverTime{now});
  listener_->finished(ReceiverTime{now}, broken, std::move(writer_));
}

}  // namespace paceline::receiver
