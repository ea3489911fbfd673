// SPDX-License-Identifier: MIT
#include "sender/notices.h"

#include <fmt/format.h>

#include <chrono>
#include <iostream>
#include <variant>

#include "decoder/packet_sum.h"

namespace paceline::sender {

std::string flow_label(const RunSpec& run, std::size_t flow) {
  constexpr std::size_t kLongest = 10;  // of what fits into the blanks before a row
  if (run.flows.size() == 1) return "";
  const std::string& name =
      std::visit([](const auto& spec) -> const std::string& { return spec.name; }, run.flows[flow]);
  return name.empty() || name.size() > kLongest ? fmt::format("#{}", flow + 1) : name;
}

void Notices::waiting(std::uint16_t port) {
  const double seconds = std::chrono::duration<double>(run_.dial_limit).count();
  std::cerr << fmt::format("waiting up to {:g} s for a receiver to dial in on port {}/tcp\n", seconds, port);
}

void Notices::connected(const std::string& address) { std::cerr << "connected to " << address << '\n'; }

void Notices::path_confirmed(std::size_t flow, const PathResult& path, const Stamping& stamping) {
  if (++paths_ > decoder::kMostFlowsShown) return;
  std::cerr << (run_.flows.size() > 1 ? fmt::format("flow {}: ", flow_label(run_, flow)) : "")
            << "path: " << path.dialled << " arrives at " << path.arrived_at << " from " << path.seen_from
            << "; receive stamps: " << to_string(stamping.hook)
            << (stamping.interface.empty() ? "" : " on " + stamping.interface)
            << (stamping.reason.empty() ? "" : " (" + stamping.reason + ")") << '\n';
}

void Notices::record(std::size_t, const std::filesystem::path& file, std::uint64_t bytes, std::uint64_t of) {
  const double megabytes = static_cast<double>(of) / 1e6;
  if (bytes == of) {
    std::cerr << fmt::format("record: {} ({:.3g} MB)\n", file.string(), megabytes);
  } else {
    const double share = static_cast<double>(bytes) / static_cast<double>(of);
    std::cerr << fmt::format("record: {:.0f} % of {:.3g} MB\n", 1e2 * share, megabytes);
  }
}

void Notices::warning(const std::string& text) { std::cerr << "warning: " << text << '\n'; }

}  // namespace paceline::sender
