// SPDX-License-Identifier: MIT
#include "sender/printer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <set>
#include <utility>
#include <variant>

#include "paceline/decoder.h"

namespace paceline::sender {

namespace {

constexpr std::size_t kLongestLabel = 10;  // of what fits into the blanks before a row

std::vector<PacketFlowSpec> packet_flows(const RunSpec& run) {
  std::vector<PacketFlowSpec> flows;
  for (const FlowSpec& spec : run.flows) {
    if (const auto* packets = std::get_if<PacketFlowSpec>(&spec)) flows.push_back(*packets);
  }
  return flows;
}

// Flows whose packets are counted at the receiver, and those whose packets come back.
std::size_t with_rows(Meter meter, const std::vector<PacketFlowSpec>& flows) {
  return static_cast<std::size_t>(std::ranges::count_if(flows, [meter](const PacketFlowSpec& flow) {
    return meter == Meter::round_trip ? flow.meter == meter : flow.transport != Transport::icmp;
  }));
}

// Rows of what came back stand beside those of what arrived.
std::string with_meter(const std::string& label, const PacketInterval& row) {
  if (row.meter == Meter::one_way) return label;
  return label.empty() ? "rtt" : label + " rtt";
}
std::string with_meter(const std::string& label, const auto&) { return label; }

const std::string& name_of(const FlowSpec& flow) {
  return std::visit([](const auto& spec) -> const std::string& { return spec.name; }, flow);
}

// Whether a row tells of nothing: a flow's remainder mostly does.
bool empty(const PacketInterval& row) { return row.received.packets == 0 && row.received.lost == 0; }
bool empty(const TcpInterval& row) {
  return std::ranges::all_of(row.streams, [](const auto& stream) { return stream.written + stream.received == 0; });
}
bool empty(const ConnectionInterval& row) {
  return row.exchanges.started + row.exchanges.completed + row.exchanges.failures() == 0;
}

// Puts a label into the blanks before a row.
std::string labelled(const std::string& label, const std::string& row) {
  if (label.empty()) return row;
  const auto blanks = row.find_first_not_of(' ');
  const bool fits = blanks != std::string::npos && blanks > label.size();
  return fits ? fmt::format("{}{}", label, row.substr(label.size())) : fmt::format("{} {}", label, row);
}

bool wants_colour(const Options& options) {
  return options.output.empty() && isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
}

}  // namespace

Printer::Printer(const Options& options, std::ostream& out)
    : options_(options),
      out_(out),
      packets_(packet_flows(options.run)),
      sum_(with_rows(Meter::one_way, packets_)),
      back_(with_rows(Meter::round_trip, packets_)) {}

void Printer::connected(const std::string& address) { std::cerr << "connected to " << address << '\n'; }

void Printer::path_confirmed(std::size_t flow, const PathResult& path, const Stamping& stamping) {
  if (++paths_ > decoder::kMostFlowsShown) return;
  std::cerr << (options_.run.flows.size() > 1 ? fmt::format("flow {}: ", label(flow)) : "") << "path: " << path.dialled
            << " arrives at " << path.arrived_at << " from " << path.seen_from
            << "; receive stamps: " << to_string(stamping.hook)
            << (stamping.interface.empty() ? "" : " on " + stamping.interface)
            << (stamping.reason.empty() ? "" : " (" + stamping.reason + ")") << '\n';
}

void Printer::interval(std::size_t flow, const PacketInterval& interval) {
  if (options_.format == Format::text && packets_.size() > decoder::kMostFlowsShown) {
    sums((interval.meter == Meter::one_way ? sum_ : back_).add(interval));
  } else {
    show<PacketFlowSpec>(flow, interval);
  }
}

void Printer::interval(std::size_t flow, const TcpInterval& interval) { show<TcpFlowSpec>(flow, interval); }

void Printer::interval(std::size_t flow, const ConnectionInterval& interval) {
  show<ConnectionFlowSpec>(flow, interval);
}

void Printer::warning(const std::string& text) { std::cerr << "warning: " << text << '\n'; }

void Printer::summary(const RunResult& result) {
  switch (options_.format) {
    case Format::text:
      sums(sum_.rest());
      sums(back_.rest());
      out_ << '\n' << render_text(result, {.colour = wants_colour(options_)});
      break;
    case Format::json: out_ << render_json(result) << '\n'; break;
    case Format::ndjson: out_ << render_ndjson(result) << '\n'; break;
  }
  out_.flush();
}

template <class Spec, class Interval>
void Printer::show(std::size_t flow, const Interval& interval) {
  if (options_.format == Format::ndjson) out_ << render_ndjson(flow, interval) << std::endl;
  if (options_.format != Format::text || (interval.last && empty(interval))) return;
  row(with_meter(label(flow), interval), render_text_row(interval, std::get<Spec>(options_.run.flows[flow])));
}

// A flow's name where it is short, else its number; nothing where there is but one.
std::string Printer::label(std::size_t flow) const {
  const auto& flows = options_.run.flows;
  if (flows.size() == 1) return "";
  const std::string& name = name_of(flows[flow]);
  return name.empty() || name.size() > kLongestLabel ? fmt::format("#{}", flow + 1) : name;
}

void Printer::sums(const std::vector<PacketInterval>& rows) {
  for (const PacketInterval& interval : rows) {
    if (!interval.last || !empty(interval))
      row(with_meter("all", interval), render_text_row(interval, decoder::sum(packets_)));
  }
}

void Printer::row(const std::string& label, const std::string& row) {
  if (!std::exchange(headed_, true)) heads();
  out_ << labelled(label, row) << std::endl;
}

// The heads of each kind of row, once: rows of several kinds tell each other apart by their flow's number.
void Printer::heads() {
  std::set<std::string> told;
  for (const FlowSpec& spec : options_.run.flows) {
    const std::string head = render_text_header(spec);
    if (!told.insert(head).second) continue;
    const char* kinds[] = {"packets", "tcp", "new"};
    out_ << (options_.run.flows.size() > 1 ? labelled(kinds[spec.index()], head) : head) << '\n';
  }
}

}  // namespace paceline::sender
