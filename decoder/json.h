// SPDX-License-Identifier: MIT
//
// The parts of the JSON forms that all kinds of flow share. README.md documents the members.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "paceline/result.h"

namespace paceline::decoder {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text);
/// A number, null when it is 0 and that means that nothing was asked or told.
template <class Number>
Json number_or_null(Number number) {
  return number == 0 ? Json(nullptr) : Json(number);
}

/// What is written of a distribution: its figures, or also all of its buckets, for runs files (see README.md).
enum class Detail { figures, histograms };

Json to_json(const Distribution& values, Detail detail = Detail::figures);
Json to_json(const PathResult& path);
Json to_json(const ClockResult& clock);
Json to_json(const CpuTime& cpu);
/// With what a gigabyte cost.
Json to_json(const CpuTime& cpu, std::uint64_t bytes);
Json to_json(const Host& host);
/// What was left to the kernel is null.
Json to_json(const SocketSpec& socket);
Json to_json(const std::vector<ObjectiveResult>& became_of);
Json to_json(const SliceResult& slice);

/// The kinds of flow, render_json_*.cc.
Json to_json(const PacketFlowResult& flow, Detail detail = Detail::figures);
Json to_json(const TcpFlowResult& flow, Detail detail = Detail::figures);
Json to_json(const ConnectionFlowResult& flow, Detail detail = Detail::figures);

/// Their intervals: a line of NDJSON. `flow` is the run's, from 0.
Json to_json(std::size_t flow, const PacketInterval& interval);
Json to_json(std::size_t flow, const TcpInterval& interval);
Json to_json(std::size_t flow, const ConnectionInterval& interval);

/// A run, render_json.cc: the members of its document.
void add_members(Json& json, const RunResult& run, Detail detail = Detail::figures);

/// Strings may come from a peer: what is no UTF-8 is replaced. `indent` -1: a single line.
std::string dump(const Json& json, int indent);

}  // namespace paceline::decoder
