// SPDX-License-Identifier: MIT
//
// The ladder's second rung: a filter on the clsact qdisc, for kernels before 6.6. It outlives its process
// when that is killed, so whose a filter is must be told from what the kernel keeps:
//
//  - All our filters have priority 1 and one of kPlaces handles, and carry the program's name. Each place on
//  an interface
//    has a lock, a socket with an abstract name, which belongs to the same network namespace as the interface
//    and goes with its process, however that ends. A filter of ours in a place that nobody holds is the
//    remains of a dead process; one in a place that is held is a living receiver's. Another's program (by
//    name) is never touched.
//  - The handle also says whether Paceline made the qdisc. Whoever attaches beside (or after) such a filter
//  marks its own
//    likewise, so the last one to leave knows that the qdisc may go; it does so only when no filter at all is
//    on it.
//  - A second lock serializes changes to one interface.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "bpf/interfaces.h"
#include "bpf/libbpf_log.h"
#include "bpf/unique_fd.h"

namespace paceline::bpf {

/// Nobody else in this network namespace has one of the same name while this lives.
class NamespaceLock {
 public:
  /// nullopt when somebody has. Throws AttachError when that cannot be told.
  static std::optional<NamespaceLock> try_take(const std::string& name);
  /// Waits up to 2 s. Throws AttachError.
  static NamespaceLock take(const std::string& name);

 private:
  explicit NamespaceLock(UniqueFd socket) : socket_(std::move(socket)) {}
  UniqueFd socket_;
};

/// Removes what dead processes of ours left on this interface; returns how many filters. Throws AttachError
/// when there are some and they cannot be removed.
unsigned remove_clsact_remains(const Interface& interface);

/// Our filter on one interface.
class ClsactFilter {
 public:
  /// Throws AttachError.
  ClsactFilter(const Interface& interface, int program_fd, std::uint32_t program_id);
  ClsactFilter(ClsactFilter&& other) noexcept;
  ClsactFilter& operator=(ClsactFilter&&) = delete;
  ~ClsactFilter();

 private:
  void add_filter(bpf_tc_hook hook, bool made_qdisc, int program_fd, const LibbpfLog& log);

  Interface interface_;
  std::uint32_t program_id_;
  std::uint32_t handle_ = 0;  // 0: moved from
  std::optional<NamespaceLock> place_;
};

}  // namespace paceline::bpf
