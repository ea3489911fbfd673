// SPDX-License-Identifier: MIT
//
// The ladder of receive stamps: TC program on TCX, on clsact, the kernel's own stamp, userspace time alone. What was
// attached is only a promise; each flow's probe shows what a packet of its path really carries.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpf/tc_hook.h"
#include "bpf/tcp_arrivals.h"
#include "paceline/receiver.h"
#include "paceline/result.h"
#include "traffic/data_socket.h"

namespace paceline::receiver {

class StampLadder {
 public:
  /// Attaches the TC program as far up the ladder as `spec` allows and the host lets it. Throws SetupError when
  /// spec.tc is required and no hook could be attached.
  StampLadder(const ReceiverSpec& spec, std::uint16_t udp_port, const std::vector<std::uint16_t>& tcp_ports);

  /// The best rung that is in place.
  Hook hook() const;
  std::vector<std::string> interfaces() const;
  /// Why no better rung is; empty on TCX.
  const std::string& reason() const { return reason_; }
  const std::vector<std::string>& warnings() const { return warnings_; }

  /// Whether the kernel's own stamps may be asked for where the TC program's are missing.
  bool netstamp_allowed() const { return netstamp_allowed_; }
  bool tc_required() const { return tc_required_; }

  /// How this datagram, a probe, was stamped: its flow's rung.
  Stamping judge(const traffic::Datagram& probe) const;

  /// What the TC program sees of this connection; null when it has not seen its SYN. The ladder outlives it.
  std::unique_ptr<bpf::TcpArrivals> arrivals(const bpf::TcpConnection& connection) const;
  /// The rung of a TCP flow: the TC program's when it has seen its connection, else none.
  Stamping judge_connection(bool seen_by_hook) const;

  // Datagrams of single flows at the hook, for flows whose datagrams travel in super-packets. From any thread.
  void count_flow(std::uint32_t id) const;
  /// Datagrams since count_flow(); nothing when they are not counted (no hook, no count_flow()).
  std::optional<std::uint64_t> flow_count(std::uint32_t id) const;
  void forget_flow(std::uint32_t id) const;

 private:
  std::optional<bpf::TcHook> hook_;
  std::string reason_;
  std::vector<std::string> warnings_;
  bool netstamp_allowed_ = false;
  bool tc_required_ = false;
};

}  // namespace paceline::receiver
