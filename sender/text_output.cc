// SPDX-License-Identifier: MIT
#include "sender/text_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <set>
#include <utility>
#include <variant>

#include "paceline/decoder.h"
#include "sender/notices.h"

namespace paceline::sender {

namespace {

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

}  // namespace

TextOutput::TextOutput(const RunSpec& run, std::ostream& out, bool colour)
    : run_(run),
      out_(out),
      colour_(colour),
      packets_(packet_flows(run)),
      sum_(with_rows(Meter::one_way, packets_)),
      back_(with_rows(Meter::round_trip, packets_)) {}

void TextOutput::interval(std::size_t flow, const PacketInterval& interval) {
  if (packets_.size() > decoder::kMostFlowsShown) {
    sums((interval.meter == Meter::one_way ? sum_ : back_).add(interval));
  } else {
    show_row<PacketFlowSpec>(flow, interval);
  }
}

void TextOutput::interval(std::size_t flow, const TcpInterval& interval) { show_row<TcpFlowSpec>(flow, interval); }

void TextOutput::interval(std::size_t flow, const ConnectionInterval& interval) {
  show_row<ConnectionFlowSpec>(flow, interval);
}

void TextOutput::finish(const RunResult& result) {
  sums(sum_.rest());
  sums(back_.rest());
  out_ << '\n' << render_text(result, {.colour = colour_});
}

void TextOutput::show() { out_.flush(); }

template <class Spec, class Interval>
void TextOutput::show_row(std::size_t flow, const Interval& interval) {
  if (interval.last && empty(interval)) return;
  row(with_meter(flow_label(run_, flow), interval), render_text_row(interval, std::get<Spec>(run_.flows[flow])));
}

void TextOutput::sums(const std::vector<PacketInterval>& rows) {
  for (const PacketInterval& interval : rows) {
    if (!interval.last || !empty(interval))
      row(with_meter("all", interval), render_text_row(interval, decoder::sum(packets_)));
  }
}

void TextOutput::row(const std::string& label, const std::string& row) {
  if (!std::exchange(headed_, true)) heads();
  out_ << labelled(label, row) << '\n';
}

// The heads of each kind of row, once: rows of several kinds tell each other apart by their flow's number.
void TextOutput::heads() {
  std::set<std::string> told;
  for (const FlowSpec& spec : run_.flows) {
    const std::string head = render_text_header(spec);
    if (!told.insert(head).second) continue;
    const char* kinds[] = {"packets", "tcp", "new"};
    out_ << (run_.flows.size() > 1 ? labelled(kinds[spec.index()], head) : head) << '\n';
  }
}

}  // namespace paceline::sender
