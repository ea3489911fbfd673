// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "receiver/packet_served_flow.h"
#include "traffic/file_descriptor.h"

namespace paceline::receiver {

/// Packets as records over a TCP or SCTP connection: the door takes it, a reader reads it.
class RecordServedFlow : public PacketServedFlow {
 public:
  RecordServedFlow(std::shared_ptr<FlowOwner> owner, std::uint32_t id, const packet::Secret& secret,
                   const PacketFlowSpec& spec)
      : PacketServedFlow(std::move(owner), id, secret, spec) {}

  void open() override;

 private:
  class Events;

  void begin(const wire::StartFlow& request) override;
  void take_packets(std::unique_ptr<decoder::RecordWriter> writer) override;
  void expect(std::uint64_t packets) override;
  void break_off() override;

  void on_finished(ReceiverTime when, const std::string& broken, std::unique_ptr<decoder::RecordWriter> writer);

  std::shared_ptr<const traffic::FileDescriptor> socket_;
  std::optional<std::uint64_t> reading_;  // its number with the reader
};

}  // namespace paceline::receiver
