// SPDX-License-Identifier: MIT
//
// The tables of settings, one for each kind of flow and one for the run, and how flows are made of what was given.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "paceline/flow.h"
#include "paceline/sender.h"
#include "sender/setting.h"

namespace paceline::sender {

/// In a table's order, which is that of the help.
const std::vector<Setting<PacketFlowSpec>>& packet_settings();
const std::vector<Setting<TcpFlowSpec>>& throughput_settings();
const std::vector<Setting<ConnectionFlowSpec>>& connection_settings();
const std::vector<Setting<RunSpec>>& run_settings();

inline const auto& settings_of(const PacketFlowSpec&) { return packet_settings(); }
inline const auto& settings_of(const TcpFlowSpec&) { return throughput_settings(); }
inline const auto& settings_of(const ConnectionFlowSpec&) { return connection_settings(); }

/// A kind of flow as users name it: packets, throughput, connections.
std::string_view kind_of(const FlowSpec& flow);

/// The flow with what was given. Settings that its kind does not have are left alone. Throws BadSetting, for settings
/// that exclude each other, too; whether the whole makes sense is validate()'s to say.
FlowSpec with(FlowSpec flow, const Given& given);

/// Whether the setting tells what is sent and when: what a profile settles.
bool is_traffic(const std::string& name);

/// Takes those out that `over` makes meaningless: a rate where an inter-departure time comes, say.
void make_way(Given& given, const Given& over);

/// So many flows like this one: names numbered, seeds and source ports counted up.
std::vector<FlowSpec> alike(const FlowSpec& flow, std::uint32_t count);

/// Fills in the rate that a model or a trace leads to expect. Reads the flow's files, and throws UsageError where they,
/// or what is to be drawn, cannot be sent (traffic::PacketPlan).
void expect_rate(FlowSpec& flow);

/// Files that the flow names are sought from there on, unless their names say where they are.
void seek_files_in(const std::filesystem::path& folder, FlowSpec& flow);

}  // namespace paceline::sender
