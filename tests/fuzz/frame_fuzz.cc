// SPDX-License-Identifier: MIT
//
// What a peer's signalling stream goes through: frames, messages, and every body's conversion to the model.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "decoder/flow_decoder.h"
#include "decoder/totals.h"
#include "paceline/decoder.h"
#include "paceline/error.h"
#include "proto/convert.h"
#include "proto/frame.h"
#include "proto/signalling.pb.h"
#include "tests/fuzz/expect.h"

namespace {

using namespace paceline;

constexpr std::size_t kMaxMessage = 256 * 1024;

struct Cut {
  std::vector<std::string> messages;
  bool failed = false;
};

/// The stream's messages when it arrives `step` bytes at a time.
Cut cut(std::span<const char> stream, std::size_t step) {
  Cut result;
  frame::Reader reader(kMaxMessage);
  try {
    for (std::size_t at = 0; at < stream.size(); at += step) {
      reader.push(stream.subspan(at, std::min(step, stream.size() - at)));
      while (auto message = reader.next()) {
        EXPECT(message->size() <= kMaxMessage);
        result.messages.push_back(std::move(*message));
      }
    }
  } catch (const frame::FrameError&) {
    result.failed = true;
  }
  return result;
}

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
    default: break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span stream(reinterpret_cast<const char*>(data), size);
  const Cut whole = cut(stream, size + 1);
  const Cut pieces = cut(stream, 7);
  EXPECT(whole.messages == pieces.messages);
  EXPECT(whole.failed == pieces.failed);
  for (const std::string& message : whole.messages) take(message);
  take(std::string(stream.begin(), stream.end()));  // without frames: messages are found sooner
  return 0;
}
