// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "bpf/unique_fd.h"

struct bystander;

namespace paceline::bpf::test {

/// Another project's program on an interface's ingress, which answers OK and so ends the hook.
class Bystander {
 public:
  Bystander();

  void attach_tcx(const std::string& interface);
  /// Makes the clsact qdisc when there is none.
  void attach_clsact(const std::string& interface, std::uint32_t handle, std::uint32_t priority);

  std::uint64_t packets() const;

 private:
  struct Unload {
    void operator()(bystander* skeleton) const;
  };
  std::unique_ptr<bystander, Unload> skeleton_;
  UniqueFd link_;
};

}  // namespace paceline::bpf::test
