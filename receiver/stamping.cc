// SPDX-License-Identifier: MIT
#include "receiver/stamping.h"

#include <net/if.h>

#include <algorithm>

#include "paceline/error.h"

namespace paceline::receiver {

StampLadder::StampLadder(const ReceiverSpec& spec, std::uint16_t udp_port, const std::vector<std::uint16_t>& tcp_ports)
    : netstamp_allowed_(spec.tc == TcMode::automatic && spec.allow_netstamp),
      tc_required_(spec.tc == TcMode::required) {
  if (spec.tc == TcMode::off) {
    reason_ = "switched off (--tc off)";
    return;
  }
  if (!spec.allow_tcx && !spec.allow_clsact) {
    reason_ = "no TC hook is allowed (--hooks)";
  } else {
    try {
      hook_ = bpf::TcHook::attach({.udp_port = udp_port,
                                   .tcp_ports = tcp_ports,
                                   .interfaces = spec.interfaces,
                                   .allow_tcx = spec.allow_tcx,
                                   .allow_clsact = spec.allow_clsact});
      warnings_ = hook_->warnings();
      if (hook() == Hook::clsact) reason_ = hook_->attachments().front().reason;
    } catch (const bpf::AttachError& error) {
      reason_ = error.what();
    }
  }
  if (tc_required_ && !hook_) throw SetupError("--tc required, but no TC hook could be attached: " + reason_);
}

Hook StampLadder::hook() const {
  if (hook_) {
    const auto& attached = hook_->attachments();
    const bool tcx = std::any_of(attached.begin(), attached.end(), [](const auto& a) { return a.hook == Hook::tcx; });
    return tcx ? Hook::tcx : Hook::clsact;
  }
  return netstamp_allowed_ ? Hook::netstamp : Hook::none;
}

std::vector<std::string> StampLadder::interfaces() const {
  std::vector<std::string> names;
  if (hook_) {
    for (const auto& attachment : hook_->attachments()) names.push_back(attachment.interface);
  }
  return names;
}

Stamping StampLadder::judge(const traffic::Datagram& probe) const {
  char name[IF_NAMESIZE] = {};
  const std::string interface = if_indextoname(probe.interface, name) != nullptr ? name : "?";
  if (probe.stamp.by_tc_program() && hook_) {
    for (const auto& attachment : hook_->attachments()) {
      if (attachment.ifindex == probe.interface) return {attachment.hook, attachment.interface, attachment.reason};
    }
    // It came in by a device above the one with the hook (a bridge, a VLAN): the stamp is ours all the same.
    return {hook(), interfaces().front(), reason_};
  }
  std::string reason = reason_;
  if (hook_) {
    const auto names = interfaces();
    const bool here = std::find(names.begin(), names.end(), interface) != names.end();
    reason = "the probe arrived by " + interface + " without a TC stamp: " +
             (here ? "another program on that hook keeps packets from ours"
                   : "no hook sits there" + std::string(interface == "lo" ? " (loopback never passes one)" : ""));
  }
  // Others on this machine may have switched the kernel's stamps on.
  if (probe.stamp.by_kernel() && netstamp_allowed_) return {Hook::netstamp, "", reason};
  return {Hook::none, "", reason};
}

std::unique_ptr<bpf::TcpArrivals> StampLadder::arrivals(const bpf::TcpConnection& connection) const {
  return hook_ ? hook_->tcp_arrivals(connection) : nullptr;
}

Stamping StampLadder::judge_connection(bool seen_by_hook) const {
  if (!hook_) return {Hook::none, "", reason_};
  if (seen_by_hook) {
    std::string names;
    for (const std::string& name : interfaces()) names += (names.empty() ? "" : ", ") + name;
    return {hook(), names, reason_};
  }
  return {Hook::none, "",
          "the connection came by no interface with the hook (loopback never passes one), or another program on that "
          "hook keeps packets from ours"};
}

void StampLadder::count_flow(std::uint32_t id) const {
  if (hook_) hook_->count_flow(id);
}

std::optional<std::uint64_t> StampLadder::flow_count(std::uint32_t id) const {
  const auto count = hook_ ? hook_->flow_count(id) : std::nullopt;
  return count ? std::optional(count->datagrams) : std::nullopt;
}

void StampLadder::forget_flow(std::uint32_t id) const {
  if (hook_) hook_->forget_flow(id);
}

}  // namespace paceline::receiver
