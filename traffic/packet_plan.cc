// SPDX-License-Identifier: MIT
#include "traffic/packet_plan.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "paceline/error.h"
#include "proto/quantity_text.h"
#include "traffic/empirical.h"
#include "traffic/expectation.h"
#include "traffic/model_source.h"
#include "traffic/random.h"
#include "traffic/trace.h"
#include "traffic/trace_source.h"

namespace paceline::traffic {

namespace {

constexpr double kLeastFit = 0.01;
constexpr double kMostPeriods = 1000;  // on and off between two packets, on average
constexpr Range kGapRange{.least = 0};

/// One of a flow's models with its name in messages.
struct Part {
  std::string what;
  Model& model;
  Quantity quantity;
  Range range = {};

  std::string text() const { return what + " '" + to_string(model, quantity) + "'"; }
};

/// Reads its files, and refuses what could not be drawn.
void make_ready(const Part& part) {
  parse_model(to_string(part.model, part.quantity), part.quantity);  // checks what a program may have put together
  read_files(part.model, part.quantity);
  if (fit(part.model, part.quantity, part.range) >= kLeastFit) return;
  const auto bound = [&](double value) { return to_string(value, part.quantity); };
  std::string allowed = "what min= and max= leave";
  if (std::isfinite(part.range.least)) allowed = "at least " + bound(part.range.least);
  if (std::isfinite(part.range.most)) allowed += " and at most " + bound(part.range.most);
  throw UsageError(part.text() + ": less than 1 % of its values are of use: allowed is " + allowed);
}

double mean_of(const Part& part) {
  const auto mean = expected_mean(part.model, part.quantity, part.range);
  if (!mean) {
    throw UsageError(part.text() + " has no mean, so the flow has no rate: max= gives it one" +
                     (part.range.least == 0 ? "" : " (and min=)"));
  }
  return *mean;
}

/// The largest packet that comes of it, not above `allowed`.
std::uint32_t largest_packet(const TrafficModel& model, std::uint32_t allowed) {
  if (model.segment > 0 && model.segment < least_message(model)) {
    throw UsageError("segment " + std::to_string(model.segment) + " and overhead " + std::to_string(model.overhead) +
                     " are less than the packet header, of 18 bytes");
  }
  if (model.overhead >= allowed || model.segment > allowed - model.overhead) {
    throw UsageError("segment " + std::to_string(model.segment) + " and overhead " + std::to_string(model.overhead) +
                     " are more than the largest packet, of " + std::to_string(allowed) + " bytes");
  }
  double payload = std::max(support(model.size, Quantity::bytes).most, 0.0);
  if (model.segment > 0) payload = std::min(payload, static_cast<double>(model.segment));
  return static_cast<std::uint32_t>(std::clamp(std::floor(payload + model.overhead + 0.5),
                                               double{PacketFlowSpec::kMinSize}, static_cast<double>(allowed)));
}

/// A TrafficModel's parts. The model outlives it.
struct Parts {
  Parts(TrafficModel& model, std::uint32_t allowed)
      : idt{"the time between packets", model.idt, Quantity::time, kGapRange},
        size{"the packet size", model.size, Quantity::bytes, {least_message(model), most_message(model, allowed)}},
        segment(model.segment) {
    if (model.jitter) jitter.emplace(Part{"the jitter", *model.jitter, Quantity::time});
    if (!model.bursts) return;
    on.emplace(Part{"the on period", model.bursts->on, Quantity::time, kGapRange});
    off.emplace(Part{"the off period", model.bursts->off, Quantity::time, kGapRange});
  }

  Part idt, size;
  std::uint32_t segment;
  std::optional<Part> jitter, on, off;
};

void make_ready(const Parts& parts) {
  make_ready(parts.idt);
  make_ready(parts.size);
  for (const auto* part : {&parts.jitter, &parts.on, &parts.off}) {
    if (*part) make_ready(**part);
  }
}

/// Packets per second that gaps, segments and bursts make on average.
double expected_rate(const Parts& parts) {
  const double gap = mean_of(parts.idt);
  double packets = 1;
  if (parts.segment > 0) {
    mean_of(parts.size);
    packets = *expected_packets(parts.size.model, parts.size.range, parts.segment);
  }
  double rate = packets / gap;
  if (parts.on) {
    const double on = mean_of(*parts.on), off = mean_of(*parts.off);
    if (!(gap <= on * kMostPeriods)) {
      throw UsageError(parts.on->text() +
                       " is less than a thousandth of the time between two packets, on average: " + "make it longer");
    }
    rate *= on / (on + off);
  }
  if (rate > PacketFlowSpec::kMaxRate)
    throw UsageError(parts.idt.text() + " means more than 100M packets/s: that is beyond what a flow may have");
  return rate;
}

std::uint64_t chosen_seed() {
  std::uint32_t seed = 0;  // short enough to be typed again
  while (seed == 0) seed = random_value<std::uint32_t>();
  return seed;
}

std::shared_ptr<const Trace> shared_trace(const std::string& file, TraceCache* cache) {
  if (cache == nullptr) return read_trace(file);
  std::shared_ptr<const Trace>& trace = (*cache)[file];
  if (trace == nullptr) trace = read_trace(file);
  return trace;
}

void check(const TraceSpec& spec, const Trace& trace) {
  if (!(spec.speed > 0) || !std::isfinite(spec.speed))
    throw UsageError(spec.file + ": the trace's speed is " + std::to_string(spec.speed) + ": it must be above 0");
  if (!(spec.size_factor > 0) || !std::isfinite(spec.size_factor)) {
    throw UsageError(spec.file + ": the trace's size factor is " + std::to_string(spec.size_factor) +
                     ": it must be above 0");
  }
  if (spec.repeat && trace.period == 0)
    throw UsageError(spec.file + ": all its packets come at once, so it cannot be repeated");
}

std::uint32_t largest_packet(const TraceSpec& spec, const Trace& trace, std::uint32_t allowed) {
  const auto largest = std::ranges::max_element(trace.packets, {}, &Trace::Packet::payload);
  return static_cast<std::uint32_t>(std::clamp(scaled(largest->payload, spec.size_factor),
                                               double{PacketFlowSpec::kMinSize}, static_cast<double>(allowed)));
}

/// While it lasts.
double expected_rate(const TraceSpec& spec, const Trace& trace, nanoseconds duration) {
  const auto count = static_cast<double>(trace.packets.size());
  const auto span = static_cast<double>(trace.end - trace.packets.front().at);
  double rate = count / std::chrono::duration<double>(duration).count();  // if they come at once
  if (spec.repeat)
    rate = count * 1e9 / static_cast<double>(trace.period) * spec.speed;
  else if (span > 0)
    rate = (count - 1) * 1e9 / span * spec.speed;
  return std::min(rate, PacketFlowSpec::kMaxRate);
}

/// Fills in the specification. The model in it goes on naming its files only; the one that is returned holds them.
std::shared_ptr<const ReadyModel> plan_model(PacketFlowSpec& spec, std::uint32_t allowed) {
  TrafficModel model = *spec.model;
  const Parts parts(model, allowed);
  make_ready(parts);
  spec.size = largest_packet(model, allowed);
  spec.rate_pps = expected_rate(parts);
  return std::make_shared<const ReadyModel>(model, spec.size);
}

std::shared_ptr<const Trace> plan_trace(PacketFlowSpec& spec, std::uint32_t allowed, TraceCache* cache) {
  auto trace = shared_trace(spec.trace->file, cache);
  check(*spec.trace, *trace);
  spec.size = largest_packet(*spec.trace, *trace, allowed);
  spec.rate_pps = expected_rate(*spec.trace, *trace, spec.duration);
  return trace;
}

}  // namespace

PacketPlan PacketPlan::of(PacketFlowSpec spec, TraceCache* traces, PayloadCache* payloads) {
  if (spec.model && spec.trace) throw UsageError("a flow has either a model or a trace, not both");
  PacketPlan plan;
  const std::uint32_t allowed = spec.size > 0 ? spec.size : PacketFlowSpec::kMaxSize;
  if ((spec.model || spec.payload == Payload::random) && spec.seed == 0) spec.seed = chosen_seed();
  if (spec.model) plan.model_ = plan_model(spec, allowed);
  if (spec.trace) plan.trace_ = plan_trace(spec, allowed, traces);
  plan.payload_ = PayloadBytes::of(spec, payloads);
  plan.spec_ = std::move(spec);
  return plan;
}

std::unique_ptr<PacketSource> PacketPlan::source() const {
  if (model_ != nullptr) return std::make_unique<ModelSource>(model_, spec_.seed);
  if (trace_ != nullptr) return std::make_unique<TraceSource>(trace_, *spec_.trace, spec_.size);
  return nullptr;
}

}  // namespace paceline::traffic
