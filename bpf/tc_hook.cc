// SPDX-License-Identifier: MIT
#include "bpf/tc_hook.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <utility>

#include "bpf/clsact.h"
#include "bpf/interfaces.h"
#include "bpf/libbpf_log.h"
#include "bpf/refusal.h"
#include "bpf/tc_program.h"
#include "bpf/tc_stamp.h"
#include "bpf/tcp_connection.h"
#include "bpf/unique_fd.h"
#include "paceline/error.h"

namespace paceline::bpf {
namespace {

// Of Linux 6.6, which is younger than the headers that we build with.
constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
constexpr __u32 kBefore = 1U << 3;

/// At the head of the hook: behind another program that does not say "next" we would see nothing.
UniqueFd link_tcx(const Interface& interface, int program_fd) {
  LibbpfLog log;
  bpf_link_create_opts options{};
  options.sz = sizeof(options);
  options.flags = kBefore;
  const int link = bpf_link_create(program_fd, static_cast<int>(interface.index), kTcxIngress, &options);
  if (link < 0) {
    const std::string hint = link == -EINVAL ? " (Linux 6.6 and later have it)" : "";
    throw AttachError(refusal(-link, log.last_warning()) + hint);
  }
  return UniqueFd(link);
}

std::vector<Interface> choose_interfaces(const TcHook::Options& options, std::vector<std::string>& warnings) {
  std::vector<Interface> chosen;
  if (options.interfaces.empty()) {
    for (Interface& interface : list_interfaces()) {
      if (interface.up && !interface.loopback) chosen.push_back(std::move(interface));
    }
    if (chosen.empty()) throw AttachError("no interface is up but the loopback: name the one for the TC hook");
  }
  for (const std::string& name : options.interfaces) {
    if (std::optional<Interface> found = find_interface(name))
      chosen.push_back(std::move(*found));
    else
      warnings.push_back("no TC hook on " + name + ": there is no such interface");
  }
  return chosen;
}

std::string join(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += (all.empty() ? "" : "; ") + line;
  return all;
}

}  // namespace

struct TcHook::State {
  explicit State(const Options& options) : program(options.udp_port, options.tcp_ports) {}

  TcProgram program;
  std::vector<UniqueFd> links;
  std::vector<ClsactFilter> filters;

  /// Takes the first rung that works. Throws AttachError with what each said.
  Attachment attach_to(const Interface& interface, const Options& options) {
    std::string tried = options.allow_tcx ? "" : "TCX is switched off";
    const auto failed = [&](const char* rung, const AttachError& error) {
      tried += (tried.empty() ? "" : "; ") + std::string(rung) + ": " + error.what();
    };
    const int program_fd = program.fd(interface.ethernet);
    if (options.allow_tcx) {
      try {
        links.push_back(link_tcx(interface, program_fd));
        return {interface.name, interface.index, Hook::tcx, ""};
      } catch (const AttachError& error) {
        failed("TCX", error);
      }
    }
    if (options.allow_clsact) {
      try {
        filters.emplace_back(interface, program_fd, program.id(interface.ethernet));
        return {interface.name, interface.index, Hook::clsact, tried};
      } catch (const AttachError& error) {
        failed("clsact", error);
      }
    }
    throw AttachError(tried);
  }
};

TcHook TcHook::attach(const Options& options) {
  if (options.udp_port == 0 && options.tcp_ports.empty()) throw UsageError("a TC hook needs a UDP or TCP port");
  if (!options.allow_tcx && !options.allow_clsact) throw AttachError("no TC hook: TCX and clsact are switched off");

  TcHook hook;
  const std::vector<Interface> interfaces = choose_interfaces(options, hook.warnings_);
  if (interfaces.empty()) throw AttachError(join(hook.warnings_));
  hook.state_ = std::make_unique<State>(options);
  for (const Interface& interface : interfaces) {
    try {
      if (const unsigned removed = remove_clsact_remains(interface); removed != 0)
        hook.warnings_.push_back("removed " + std::to_string(removed) + " filter(s) from " + interface.name +
                                 " that a killed receiver had left");
    } catch (const AttachError& error) {
      hook.warnings_.push_back("looking for remains on " + interface.name + ": " + error.what());
    }
    try {
      hook.attachments_.push_back(hook.state_->attach_to(interface, options));
    } catch (const AttachError& error) {
      hook.warnings_.push_back("no TC hook on " + interface.name + ": " + error.what());
    }
  }
  if (hook.attachments_.empty()) throw AttachError(join(hook.warnings_));
  return hook;
}

TcHook::TcHook() = default;
TcHook::TcHook(TcHook&&) noexcept = default;
TcHook& TcHook::operator=(TcHook&&) noexcept = default;
TcHook::~TcHook() = default;

TcHook::Counters TcHook::udp() const { return state_->program.counters(PACELINE_TC_UDP); }
TcHook::Counters TcHook::tcp() const { return state_->program.counters(PACELINE_TC_TCP); }

std::unique_ptr<TcpArrivals> TcHook::tcp_arrivals(const TcpConnection& connection) const {
  return find_connection(state_->program, connection);
}

void TcHook::count_flow(std::uint32_t id) const { state_->program.flows().add(id); }
std::optional<TcHook::FlowCount> TcHook::flow_count(std::uint32_t id) const { return state_->program.flows().of(id); }
void TcHook::forget_flow(std::uint32_t id) const { state_->program.flows().remove(id); }

}  // namespace paceline::bpf
