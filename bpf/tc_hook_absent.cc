// SPDX-License-Identifier: MIT
//
// In place of tc_hook.cc when the build has no BPF: attaching says so, and the receiver takes its next rung.
#include "bpf/tc_hook.h"

namespace paceline::bpf {

struct TcHook::State {};

TcHook TcHook::attach(const Options&) {
  throw AttachError("built without BPF: no TC hook (it takes clang, bpftool and libbpf, and PACELINE_WITH_BPF=ON)");
}

TcHook::TcHook() = default;
TcHook::TcHook(TcHook&&) noexcept = default;
TcHook& TcHook::operator=(TcHook&&) noexcept = default;
TcHook::~TcHook() = default;

TcHook::Counters TcHook::udp() const { return {}; }
TcHook::Counters TcHook::tcp() const { return {}; }
std::unique_ptr<TcpArrivals> TcHook::tcp_arrivals(const TcpConnection&) const { return nullptr; }
void TcHook::count_flow(std::uint32_t) const {}
std::optional<TcHook::FlowCount> TcHook::flow_count(std::uint32_t) const { return std::nullopt; }
void TcHook::forget_flow(std::uint32_t) const {}

}  // namespace paceline::bpf
