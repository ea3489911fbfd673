// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include "receiver/packet_served_flow.h"

namespace paceline::receiver {

/// Packets over UDP: the data path takes and counts them.
class UdpServedFlow : public PacketServedFlow {
 public:
  UdpServedFlow(std::shared_ptr<FlowOwner> owner, std::uint32_t id, const packet::Secret& secret,
                const PacketFlowSpec& spec)
      : PacketServedFlow(std::move(owner), id, secret, spec) {}

  void open() override;

 private:
  class Events;

  void begin(const wire::StartFlow& request) override;
  void take_packets(std::unique_ptr<decoder::RecordWriter> writer) override;
  void expect(std::uint64_t packets) override;
  void break_off() override;

  void on_bound(const DataPath::Bound& bound);
  void on_started(const DataPath::Started& started);
  std::string small_buffer_warning() const;
};

}  // namespace paceline::receiver
