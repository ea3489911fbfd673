// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bpf/tcp_arrivals.h"
#include "paceline/result.h"

namespace paceline::bpf {

/// No interface has the hook. One line: which privilege or kernel feature is missing, and what was tried.
class AttachError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The TC program (bpf/tc_stamp.bpf.c) at the ingress of some interfaces of this network namespace, for as
/// long as this object lives: it counts the packets for the given ports, stamps the datagrams among them with
/// CLOCK_MONOTONIC, read back as SCM_TIMESTAMPING by a socket that has SOF_TIMESTAMPING_SOFTWARE set, and follows the
/// TCP connections. Several can be on one interface.
///
/// Attaching needs CAP_BPF and CAP_NET_ADMIN (root before Linux 5.8, and CAP_PERFMON before 6.1), in no user
/// namespace. Afterwards they can be dropped when every attachment is Hook::tcx; removing a Hook::clsact
/// takes CAP_NET_ADMIN and the same network namespace. Reading counters takes CAP_BPF before Linux 5.19.
///
/// A process that is killed leaves nothing behind on TCX, its filter on clsact. The next attach to that
/// interface removes such remains; bpf/clsact.h says how it tells them from a living receiver's filter and
/// from other people's.
class TcHook {
 public:
  struct Options {
    std::uint16_t udp_port = 0;  ///< destination port, host byte order; 0: none
    std::vector<std::uint16_t> tcp_ports;
    std::vector<std::string> interfaces;  ///< empty: every interface that is up now and no loopback
    bool allow_tcx = true;
    bool allow_clsact = true;
  };

  struct Attachment {
    std::string interface;
    unsigned ifindex = 0;
    Hook hook = Hook::none;  ///< tcx or clsact
    std::string reason;      ///< why not a better rung; empty on tcx
  };

  /// Over all attachments, since attach(). A packet that passes two of them (a bridge's port, then the
  /// bridge; a device, then its VLAN device) counts at both.
  struct Counters {
    std::uint64_t packets = 0;  ///< segments of super-packets count one by one, where the driver tells their number
    std::uint64_t bytes = 0;    ///< skb lengths: link header included, a super-packet's headers once
    std::uint64_t skbs = 0;
  };

  /// Likewise, of one flow's datagrams.
  struct FlowCount {
    std::uint64_t datagrams = 0;
    std::uint64_t bytes = 0;
    std::uint64_t skbs = 0;
  };

  /// Attaches wherever it can; warnings() has the interfaces where it could not. Throws UsageError when no
  /// port is given, AttachError when no interface could be attached to.
  static TcHook attach(const Options& options);

  TcHook(TcHook&&) noexcept;
  TcHook& operator=(TcHook&&) noexcept;
  /// Removes what attach() made, and only that.
  ~TcHook();

  /// Never empty.
  const std::vector<Attachment>& attachments() const { return attachments_; }
  /// One line each: an interface without the hook and why, remains that were removed.
  const std::vector<std::string>& warnings() const { return warnings_; }

  /// Packets for the UDP (TCP) port that the hook saw. Throws AttachError when the kernel refuses to read
  /// them.
  Counters udp() const;
  Counters tcp() const;

  /// What the program sees of a connection to one of the TCP ports; null when it has not seen its SYN, or 16,384
  /// connections came since. The hook outlives it.
  std::unique_ptr<TcpArrivals> tcp_arrivals(const TcpConnection& connection) const;

  // Counts of single UDP flows, by the flow id in their packets (proto/packet.h): one flow's segments share a
  // super-packet, so its first packet speaks for all. They cost the other flows' packets while there are any. From any
  // thread; none of them throws.
  /// Begins at 0. At most 16,384 at a time; what is beyond is not counted.
  void count_flow(std::uint32_t id) const;
  /// Nothing when it is not counted, or the kernel refuses to read it (before 5.19 to a process without CAP_BPF).
  std::optional<FlowCount> flow_count(std::uint32_t id) const;
  void forget_flow(std::uint32_t id) const;

 private:
  TcHook();
  struct State;

  std::unique_ptr<State> state_;
  std::vector<Attachment> attachments_;
  std::vector<std::string> warnings_;
};

}  // namespace paceline::bpf
