// SPDX-License-Identifier: MIT
#include "decoder/record_packets.h"

#include <memory>

#include "proto/record_columns.h"

namespace paceline::decoder {

namespace {

RecordedPacket recorded(const record::Packet& packet, ArrivalOrder::Kind kind) {
  RecordedPacket seen;
  seen.sequence = packet.sequence;
  seen.tx_due = SenderTime{nanoseconds{difference(packet.tx_user, packet.lateness)}};
  seen.tx_user = SenderTime{nanoseconds{packet.tx_user}};
  if (packet.stamped) seen.rx_tc = ReceiverTime{nanoseconds{packet.rx_tc}};
  seen.rx_user = ReceiverTime{nanoseconds{packet.rx_user}};
  seen.size = packet.size;
  seen.kind = kind;
  return seen;
}

}  // namespace

void for_each_packet(RecordReader& reader, const std::function<void(const RecordedPacket&)>& use) {
  ArrivalOrder order(reader.start().spec);
  record::BlockDecoder records;
  const auto chunk = std::make_unique_for_overwrite<record::Chunk>();
  while (const auto block = reader.next()) {
    records.open(reader.version(), block->header, block->bytes);
    auto step = records.next(*chunk);
    for (; step == record::BlockDecoder::Step::chunk; step = records.next(*chunk)) {
      for (std::size_t i = 0; i < chunk->packets; ++i) {
        const record::Packet packet = chunk->packet(i);
        use(recorded(packet, order.arrive(packet.sequence)));
      }
    }
    if (step == record::BlockDecoder::Step::damaged) reader.note_damage(block->offset, RecordReader::kNonsense);
  }
}

}  // namespace paceline::decoder
