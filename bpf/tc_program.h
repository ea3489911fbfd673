// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "bpf/tc_hook.h"

struct tc_stamp;

namespace paceline::bpf {

/// The program in the kernel, with its port map filled in; attached to nothing.
class TcProgram {
 public:
  /// Throws AttachError.
  TcProgram(std::uint16_t udp_port, std::uint16_t tcp_port);

  /// The program for an interface that delivers an Ethernet header, or none.
  int fd(bool ethernet) const;
  /// As the kernel lists it.
  std::uint32_t id(bool ethernet) const;

  /// `slot` as in tc_stamp.h. Throws AttachError.
  TcHook::Counters counters(unsigned slot) const;

  /// Whether `name`, as a filter carries it ("program:[id]"), is that of a program of this kind.
  static bool is_ours(const std::string& name);

 private:
  struct Unload {
    void operator()(tc_stamp* skeleton) const;
  };
  std::unique_ptr<tc_stamp, Unload> skeleton_;
  unsigned cpus_ = 0;
};

}  // namespace paceline::bpf
