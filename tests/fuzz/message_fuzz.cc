// SPDX-License-Identifier: MIT
//
// Every message of the signalling channel, and its conversion to the model: whoever may send it, whatever it says.
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "decoder/flow_decoder.h"
#include "decoder/totals.h"
#include "paceline/decoder.h"
#include "paceline/error.h"
#include "proto/convert.h"
#include "proto/convert_remote.h"
#include "proto/signalling.pb.h"
#include "tests/fuzz/expect.h"

namespace {

using namespace paceline;

/// What was accepted survives its own wire form unchanged.
template <class Model, class Wire>
void convert(const Wire& wire) {
  Model model;
  try {
    model = wire::from_wire(wire);
  } catch (const wire::WireError&) {
    return;
  } catch (const UsageError&) {
    return;
  }
  Wire again;
  wire::to_wire(model, again);
  EXPECT(wire::from_wire(again) == model);
  // What a sender does with each interval.
  if constexpr (std::is_same_v<Model, PacketInterval>) {
    PacketFlowResult total;
    for (int i = 0; i < 3; ++i) decoder::accumulate(total, model);
    EXPECT(!render_text_row(model, total.spec).empty() && !render_ndjson(0, model).empty());
  }
  if constexpr (std::is_same_v<Model, TcpInterval>) {
    TcpFlowResult total;
    decoder::RowJoiner joiner;
    for (int i = 0; i < 3; ++i) {
      for (const TcpInterval& row : joiner.theirs(TcpInterval(model))) decoder::accumulate(total, row);
    }
    for (const TcpInterval& row : joiner.rest()) decoder::accumulate(total, row);
    EXPECT(!render_text_row(model, total.spec).empty() && !render_ndjson(0, model).empty());
  }
  if constexpr (std::is_same_v<Model, PacketFlowResult> || std::is_same_v<Model, TcpFlowResult>) {
    RunResult run;
    run.flows.emplace_back(model);
    EXPECT(!render_text(run).empty() && !render_json(run).empty());
  }
}

void take(const wire::OpenFlow& open) {
  if (open.has_packets()) convert<PacketFlowSpec>(open.packets());
  if (open.has_tcp()) convert<TcpFlowSpec>(open.tcp());
  if (open.has_connections()) convert<ConnectionFlowSpec>(open.connections());
}

void take(const wire::IntervalReport& report) {
  if (report.has_interval()) convert<PacketInterval>(report.interval());
  if (report.has_tcp()) convert<TcpInterval>(report.tcp());
}

void take(const wire::FlowSummary& summary) {
  if (summary.has_result()) convert<PacketFlowResult>(summary.result());
  if (summary.has_tcp()) convert<TcpFlowResult>(summary.tcp());
  if (summary.has_connections()) convert<CpuTime>(summary.connections().cpu());
}

void take(const wire::RunEvent& event) {
  convert<PathResult>(event.path().path());
  convert<Stamping>(event.path().stamping());
  if (event.row().has_packets()) convert<PacketInterval>(event.row().packets());
  if (event.row().has_tcp()) convert<TcpInterval>(event.row().tcp());
  if (event.row().has_connections()) convert<ConnectionInterval>(event.row().connections());
  if (event.finished().has_result()) convert<FlowResult>(event.finished().result());
}

/// A run's specification has no operator==: its wire form stands for it.
void take(const wire::RunRequest& request) {
  RunSpec spec;
  try {
    spec = wire::from_wire(request.spec());
  } catch (const wire::WireError&) {
    return;
  } catch (const UsageError&) {
    return;
  }
  wire::RunSpec once, twice;
  wire::to_wire(spec, once);
  wire::to_wire(wire::from_wire(once), twice);
  EXPECT(once.SerializeAsString() == twice.SerializeAsString());
}

void take(const std::string& bytes) {
  wire::Message message;
  if (!message.ParseFromString(bytes)) return;
  switch (message.body_case()) {
    case wire::Message::kHello: convert<Host>(message.hello().host()); break;
    case wire::Message::kWelcome: convert<Host>(message.welcome().host()); break;
    case wire::Message::kOpenFlow: take(message.open_flow()); break;
    case wire::Message::kPathConfirmed: convert<Stamping>(message.path_confirmed().stamping()); break;
    case wire::Message::kFlowStarted: convert<Stamping>(message.flow_started().stamping()); break;
    case wire::Message::kInterval: take(message.interval()); break;
    case wire::Message::kStartFlow:
      convert<PathResult>(message.start_flow().path());
      convert<ClockResult>(message.start_flow().clock());
      break;
    case wire::Message::kFlowDone:
      convert<Sent>(message.flow_done().sent());
      convert<ClockResult>(message.flow_done().clock());
      convert<CpuTime>(message.flow_done().cpu());
      break;
    case wire::Message::kFlowSummary: take(message.flow_summary()); break;
    case wire::Message::kRunRequest: take(message.run_request()); break;
    case wire::Message::kRunEvent: take(message.run_event()); break;
    case wire::Message::kRunFlow: convert<FlowResult>(message.run_flow().result()); break;
    case wire::Message::kRunEnd: convert<RunResult>(message.run_end().result()); break;
    case wire::Message::kFlowNews: convert<FlowResult>(message.flow_news().result()); break;
    // These have nothing but texts, numbers and bytes, which are taken as they are.
    case wire::Message::kAuthenticate:
    case wire::Message::kAuthenticated:
    case wire::Message::kFlowOffer:
    case wire::Message::kRefused:
    case wire::Message::kHeartbeat:
    case wire::Message::kSubscribe:
    case wire::Message::kRunStop:
    case wire::Message::kReadRecord:
    case wire::Message::kRecordPart:
    case wire::Message::kRecordTaken:
    case wire::Message::kFollowing:
    case wire::Message::BODY_NOT_SET: break;
  }
  wire::text(message.refused().reason());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  take(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
