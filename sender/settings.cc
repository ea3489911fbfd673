// SPDX-License-Identifier: MIT
#include "sender/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>

#include "paceline/model.h"
#include "paceline/units.h"
#include "traffic/packet_plan.h"

namespace paceline::sender {

namespace {

// Ways to say when packets are due: a flow has one of them.
constexpr std::array<std::string_view, 4> kPaces{"rate", "bitrate", "idt", "trace"};

bool is_pace(std::string_view name) { return std::ranges::find(kPaces, name) != kPaces.end(); }

bool is_of_trace(std::string_view name) { return name.starts_with("trace"); }

// A family that lacks nothing but its mean: it takes that from the rate.
bool lacks_its_mean(const std::string& idt) { return idt == "exponential" || idt == "poisson"; }

// A rate beside such a family becomes its mean.
Given with_mean_from_rate(Given given) {
  const auto idt = given.find("idt");
  const auto rate = given.find("rate");
  if (idt == given.end() || rate == given.end() || !lacks_its_mean(idt->second)) return given;
  const double packets = units::parse_packet_rate(rate->second);
  if (packets == 0) throw BadSetting("rate", "rate is 0: " + idt->second + " needs a mean");
  idt->second += fmt::format(":mean={}", 1 / packets);
  given.erase(rate);
  return given;
}

void refuse_two_paces(const Given& given) {
  std::string first;
  for (const std::string_view pace : kPaces) {
    if (!given.contains(std::string(pace))) continue;
    if (!first.empty()) {
      std::string why = fmt::format("{} and {} exclude each other: each says when packets are due", first, pace);
      if (first == "rate" && pace == "idt") why += " (idt = exponential, without a mean, takes it from the rate)";
      throw BadSetting(std::string(pace), why);
    }
    first = pace;
  }
  if (!given.contains("trace")) return;
  for (const auto& [name, text] : given) {
    if (is_traffic(name) && !is_of_trace(name) && name != "protocol" && name != "seed")
      throw BadSetting(name, fmt::format("{} and trace exclude each other: the trace has both times and sizes", name));
  }
}

std::optional<double> plain_constant(const Model& model) {
  const auto* constant = std::get_if<model::Constant>(&model.family);
  const bool whole_line = std::isinf(model.least) && std::isinf(model.most);
  return constant && whole_line ? std::optional(constant->value) : std::nullopt;
}

// A model in which nothing is random is a rate and a size.
void simplify(PacketFlowSpec& flow) {
  if (!flow.model) return;
  const TrafficModel& model = *flow.model;
  const auto idt = plain_constant(model.idt);
  const auto size = plain_constant(model.size);
  if (!idt || !size || model.segment != 0 || model.overhead != 0 || model.jitter || model.bursts) return;
  const bool fits = *idt > 0 && 1 / *idt <= PacketFlowSpec::kMaxRate && *size == std::floor(*size) &&
                    *size >= PacketFlowSpec::kMinSize && *size <= PacketFlowSpec::kMaxSize;
  if (!fits) return;
  flow.rate_pps = 1 / *idt;
  flow.size = static_cast<std::uint32_t>(*size);
  flow.model.reset();
}

void set(PacketFlowSpec& flow, const Given& given) {
  const Given clear = with_mean_from_rate(given);
  refuse_two_paces(clear);
  apply(packet_settings(), clear, flow);
  simplify(flow);
}
void set(TcpFlowSpec& flow, const Given& given) { apply(throughput_settings(), given, flow); }
void set(ConnectionFlowSpec& flow, const Given& given) { apply(connection_settings(), given, flow); }

template <class Spec>
std::uint32_t ports_of(const Spec& spec) {
  if constexpr (std::is_same_v<Spec, TcpFlowSpec>) return spec.streams;
  return 1;
}

void refuse_ports_beyond_the_last(const FlowSpec& flow, std::uint32_t count) {
  std::visit(
      [count](const auto& spec) {
        const std::uint64_t first = spec.socket.source_port;
        if (first != 0 && first + std::uint64_t{count} * ports_of(spec) - 1 > 65535)
          throw UsageError(fmt::format("source ports from {} on are too few for {} such flows", first, count));
      },
      flow);
}

void seek_in(const std::filesystem::path& folder, std::string& file) {
  if (!file.empty() && std::filesystem::path(file).is_relative()) file = (folder / file).lexically_normal();
}

void seek_in(const std::filesystem::path& folder, Model& model) {
  if (auto* empirical = std::get_if<model::Empirical>(&model.family)) seek_in(folder, empirical->file);
  if (auto* mixture = std::get_if<model::Mixture>(&model.family)) {
    for (Model& part : mixture->parts) seek_in(folder, part);
  }
}

}  // namespace

std::string_view kind_of(const FlowSpec& flow) {
  constexpr std::array<std::string_view, 3> kinds{"packets", "throughput", "connections"};
  return kinds.at(flow.index());
}

FlowSpec with(FlowSpec flow, const Given& given) {
  std::visit([&](auto& spec) { set(spec, given); }, flow);
  return flow;
}

bool is_traffic(const std::string& name) {
  const auto* setting = find(packet_settings(), name);
  return setting && setting->group == "Traffic";
}

void make_way(Given& given, const Given& over) {
  const bool paced = std::ranges::any_of(over, [](const auto& one) { return is_pace(one.first); });
  const bool means_rate = [&] {
    const auto idt = over.find("idt");
    return idt != over.end() && lacks_its_mean(idt->second);
  }();
  std::erase_if(given, [&](const auto& one) {
    if (over.contains(one.first)) return true;
    if (over.contains("trace")) return is_traffic(one.first) && !is_of_trace(one.first) && one.first != "seed";
    if (means_rate && one.first == "rate") return false;
    return paced && (is_pace(one.first) || is_of_trace(one.first));
  });
}

std::vector<FlowSpec> alike(const FlowSpec& flow, std::uint32_t count) {
  refuse_ports_beyond_the_last(flow, count);
  std::vector<FlowSpec> flows(count, flow);
  for (std::uint32_t i = 0; count > 1 && i < count; ++i) {
    std::visit(
        [i](auto& spec) {
          if (!spec.name.empty()) spec.name += fmt::format("-{}", i + 1);
          if (spec.socket.source_port != 0)
            spec.socket.source_port = static_cast<std::uint16_t>(spec.socket.source_port + i * ports_of(spec));
        },
        flows[i]);
    if (auto* packets = std::get_if<PacketFlowSpec>(&flows[i]); packets && packets->seed != 0) packets->seed += i;
  }
  return flows;
}

void expect_rate(FlowSpec& flow) {
  auto* packets = std::get_if<PacketFlowSpec>(&flow);
  if (packets && !packets->payload_file.empty() && !std::ifstream(packets->payload_file))
    throw UsageError("payload is " + packets->payload_file + ", and cannot be read: " + std::strerror(errno));
  if (packets && (packets->model || packets->trace))
    packets->rate_pps = traffic::PacketPlan::of(*packets).spec().rate_pps;
}

void seek_files_in(const std::filesystem::path& folder, FlowSpec& flow) {
  auto* packets = std::get_if<PacketFlowSpec>(&flow);
  if (!packets) return;
  seek_in(folder, packets->payload_file);
  if (packets->trace) seek_in(folder, packets->trace->file);
  if (!packets->model) return;
  for (Model* model : {&packets->model->idt, &packets->model->size}) seek_in(folder, *model);
  if (packets->model->jitter) seek_in(folder, *packets->model->jitter);
  if (packets->model->bursts) {
    seek_in(folder, packets->model->bursts->on);
    seek_in(folder, packets->model->bursts->off);
  }
}

}  // namespace paceline::sender
