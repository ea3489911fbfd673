// SPDX-License-Identifier: MIT
#include "bpf/ingress_programs.h"

#include <bpf/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <system_error>

#include "bpf/clsact_filters.h"
#include "bpf/unique_fd.h"

namespace paceline::bpf {
namespace {

// The kernel's interface of 6.6, which older headers lack.
constexpr std::uint32_t kProgQuery = 16;
constexpr std::uint32_t kTcxIngress = 46;
struct Query {
  std::uint32_t interface_index = 0;
  std::uint32_t attach_type = kTcxIngress;
  std::uint32_t query_flags = 0;
  std::uint32_t attach_flags = 0;
  std::uint64_t program_ids = 0;  // where they are to be written
  std::uint32_t count = 0;
  std::uint32_t padding = 0;
  std::uint64_t program_attach_flags = 0;
  std::uint64_t link_ids = 0;
  std::uint64_t link_attach_flags = 0;
  std::uint64_t revision = 0;
};
static_assert(offsetof(Query, program_ids) == 16 && sizeof(Query) == 64);

constexpr std::size_t kMostPrograms = 64;  // BPF_MPROG_MAX

std::vector<std::uint32_t> tcx_programs(unsigned interface_index) {
  std::array<std::uint32_t, kMostPrograms> ids{};
  Query query;
  query.interface_index = interface_index;
  query.program_ids = reinterpret_cast<std::uintptr_t>(ids.data());
  query.count = static_cast<std::uint32_t>(ids.size());
  if (syscall(SYS_bpf, kProgQuery, &query, sizeof query) != 0) return {};
  return {ids.begin(), ids.begin() + std::min<std::size_t>(query.count, ids.size())};
}

std::string name_of(std::uint32_t id) {
  const UniqueFd program(bpf_prog_get_fd_by_id(id));
  bpf_prog_info info{};
  __u32 size = sizeof info;
  if (program && bpf_obj_get_info_by_fd(program.get(), &info, &size) == 0 && info.name[0] != 0)
    return {info.name, strnlen(info.name, sizeof info.name)};
  return "program " + std::to_string(id);
}

}  // namespace

std::vector<std::string> ingress_programs(unsigned interface_index) {
  std::vector<std::string> programs;
  for (const std::uint32_t id : tcx_programs(interface_index)) programs.push_back("tcx " + name_of(id));
  try {
    for (const TcFilter& filter : list_clsact_filters(interface_index)) {
      if (filter.ingress && filter.program_id != 0) programs.push_back("clsact " + name_of(filter.program_id));
    }
  } catch (const std::system_error&) {
    // The interface is gone, or there are no filters to be listed here.
  }
  return programs;
}

}  // namespace paceline::bpf
