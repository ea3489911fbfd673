// SPDX-License-Identifier: MIT
//
// Whether a specification makes sense. Each throws UsageError that names the field, its value and what is allowed.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "paceline/error.h"
#include "paceline/flow.h"
#include "paceline/model.h"
#include "paceline/slice.h"

namespace paceline {

namespace validation {

inline void require(bool holds, const std::string& what) {
  if (!holds) throw UsageError(what);
}

inline std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

inline std::string seconds(nanoseconds time) { return number(std::chrono::duration<double>(time).count()) + " s"; }

/// A line of text that can be shown anywhere.
inline void name(const std::string& text, const char* what) {
  require(text.size() <= PacketFlowSpec::kMaxName,
          std::string(what) + " has " + std::to_string(text.size()) + " bytes: it must have at most 64");
  const auto harmless = [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; };
  require(std::ranges::all_of(text, harmless), std::string(what) + " has control characters in it: it must be a line");
  require(text.empty() || (text.front() != ' ' && text.back() != ' '),
          std::string(what) + " '" + text + "' has a blank at an end: it must have none there");
}

inline void socket(const SocketSpec& socket) {
  require(socket.dscp <= 63, "dscp is " + std::to_string(socket.dscp) + ": it must be 0 to 63");
  require(socket.ecn <= 3, "ecn is " + std::to_string(socket.ecn) + ": it must be 0 to 3");
  const auto fits = [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f && c != '/'; };
  require(socket.interface.size() <= 15 && std::ranges::all_of(socket.interface, fits),
          "interface '" + socket.interface + "' is no name of one: at most 15 bytes, no / and no blanks");
  require(socket.source_port == 0 || !socket.source.empty(),
          "source has a port and no address: give both, ADDRESS:PORT ([ADDRESS]:PORT of IPv6)");
}

/// What every kind of flow has.
template <class Spec>
void times(const Spec& spec) {
  name(spec.name, "name");
  socket(spec.socket);
  require(spec.delay >= nanoseconds{0} && spec.delay <= PacketFlowSpec::kMaxDuration,
          "delay is " + seconds(spec.delay) + ": it must be 0 to 72 h");
  require(spec.duration > nanoseconds{0} && spec.duration <= PacketFlowSpec::kMaxDuration,
          "duration is " + seconds(spec.duration) + ": it must be above 0 and at most 72 h");
  require(spec.interval >= PacketFlowSpec::kMinInterval && spec.interval <= PacketFlowSpec::kMaxInterval,
          "interval is " + seconds(spec.interval) + ": it must be 10 ms to 1 h");
  require(spec.omit >= nanoseconds{0} && spec.omit <= PacketFlowSpec::kMaxDuration,
          "omit is " + seconds(spec.omit) + ": it must be 0 to 72 h");
  require(spec.omit % spec.interval == nanoseconds{0},
          "omit is " + seconds(spec.omit) + ": it must be whole intervals, of " + seconds(spec.interval) + " here");
}

/// Its parameters are parse_model()'s to check.
inline void model(const Model& model, Quantity quantity, const char* what) {
  require(!(model.least > model.most), std::string(what) + " has a least value above its most: nothing fits");
  const auto* empirical = std::get_if<model::Empirical>(&model.family);
  require(!empirical || !empirical->file.empty() || !empirical->values.empty(),
          std::string(what) + " is empirical without a file or values");
  const auto length = to_string(model, quantity).size();
  require(length <= kMaxModelText, std::string(what) + " is " + std::to_string(length) +
                                       " bytes long as text: at most " + std::to_string(kMaxModelText) +
                                       " are carried; put its values into a file (empirical:file=...)");
}

inline bool is_zero(const Model& model) {
  const auto* constant = std::get_if<model::Constant>(&model.family);
  return constant && constant->value <= 0;
}

inline void traffic(const TrafficModel& traffic) {
  model(traffic.idt, Quantity::time, "idt");
  model(traffic.size, Quantity::bytes, "size");
  require(traffic.segment == 0 ||
              (traffic.segment >= PacketFlowSpec::kMinSize && traffic.segment <= PacketFlowSpec::kMaxSize),
          "segment is " + std::to_string(traffic.segment) +
              " bytes: it must be 18 (the packet header) to 65507, or 0 (not cut)");
  require(traffic.overhead < PacketFlowSpec::kMaxSize && traffic.segment + traffic.overhead <= PacketFlowSpec::kMaxSize,
          "overhead is " + std::to_string(traffic.overhead) +
              " bytes: with the segment it must leave at most 65507 a packet");
  if (traffic.jitter) model(*traffic.jitter, Quantity::time, "jitter");
  if (!traffic.bursts) return;
  model(traffic.bursts->on, Quantity::time, "on");
  model(traffic.bursts->off, Quantity::time, "off");
  require(!is_zero(traffic.bursts->on), "on is 0 s: periods with packets must last (on and off go together)");
  require(!is_zero(traffic.bursts->off), "off is 0 s: periods without packets must last (on and off go together)");
}

inline void trace(const TraceSpec& trace) {
  require(!trace.file.empty(), "trace names no file");
  require(trace.speed > 0 && trace.speed <= 1e9,
          "trace speed is " + number(trace.speed) + ": it must be above 0 and at most 1G");
  require(trace.size_factor > 0 && trace.size_factor <= 1e6,
          "trace scale is " + number(trace.size_factor) + ": it must be above 0 and at most 1M");
}

/// Of flows that are no packets: what only packets have.
inline void stream_socket(const SocketSpec& socket) {
  require(socket.ecn == 0, "ecn is " + std::to_string(socket.ecn) + ": it is for flows of packets, TCP sets its own");
  require(socket.fragments == Fragments::above_mtu,
          "fragments is " + std::string(to_string(socket.fragments)) + ": it is for flows of packets");
}

/// What goes with which transport, and what does not.
inline void transport(const PacketFlowSpec& spec) {
  const std::string protocol(to_string(spec.transport));
  const bool records = spec.transport == Transport::tcp || spec.transport == Transport::sctp;
  require(spec.transport != Transport::icmp || spec.meter == Meter::round_trip,
          "meter is one-way: with protocol icmp it must be round-trip, since nobody measures at the other end");
  require(
      spec.meter == Meter::one_way || spec.batching != Batching::offload,
      "batching is offload: with meter round-trip it must be single or several, since each packet comes back alone");
  require(
      spec.transport == Transport::udp || spec.batching == Batching::single,
      "batching is " + std::string(to_string(spec.batching)) + ": with protocol " + protocol + " it must be single");
  require(!records || spec.socket.fragments == Fragments::above_mtu,
          "fragments is " + std::string(to_string(spec.socket.fragments)) + ": with protocol " + protocol +
              " it must be left alone, since segments are never cut");
  require(!records || spec.socket.ecn == 0, "ecn is " + std::to_string(spec.socket.ecn) + ": with protocol " +
                                                protocol + " it must be left alone, since the kernel sets its own");
  require(spec.no_delay || records, "nagle is for protocol tcp and sctp, not for " + protocol);
  require(spec.sctp_streams >= 1, "sctp streams is 0: it must be 1 to 65535");
  require(spec.sctp_streams == 1 || spec.transport == Transport::sctp,
          "sctp streams is " + std::to_string(spec.sctp_streams) + ": it is for protocol sctp, not for " + protocol);
}

}  // namespace validation

inline void validate(const PacketFlowSpec& spec) {
  using validation::number, validation::require;
  require(!spec.model || !spec.trace, "trace and a model of times or sizes exclude each other");
  const bool drawn = spec.model || spec.trace;
  if (spec.model) validation::traffic(*spec.model);
  if (spec.trace) validation::trace(*spec.trace);
  require(spec.rate_pps >= 0 && spec.rate_pps <= PacketFlowSpec::kMaxRate,
          "rate is " + number(spec.rate_pps) + " packets/s: it must be 0 (as fast as can be) to 100M");
  require((drawn && spec.size == 0) || (spec.size >= PacketFlowSpec::kMinSize && spec.size <= PacketFlowSpec::kMaxSize),
          "size is " + std::to_string(spec.size) +
              " bytes: it must be 18 (the packet header) to 65507 (the largest UDP payload)");
  require(spec.batch <= PacketFlowSpec::kMaxBatch,
          "batch is " + std::to_string(spec.batch) + " datagrams a call: it must be 0 (chosen by the sender) to 128");
  require((spec.payload == Payload::file) == !spec.payload_file.empty(),
          spec.payload_file.empty() ? "payload is of a file, and names none"
                                    : "payload names a file, and is not to be of one");
  validation::transport(spec);
  validation::times(spec);
}

inline void validate(const TcpFlowSpec& spec) {
  using validation::number, validation::require;
  require(spec.streams >= 1 && spec.streams <= TcpFlowSpec::kMaxStreams,
          "streams is " + std::to_string(spec.streams) + ": it must be 1 to 1024");
  require(spec.bitrate_bps >= 0 && spec.bitrate_bps <= TcpFlowSpec::kMaxBitrate,
          "bitrate is " + number(spec.bitrate_bps) + " bit/s: it must be 0 (as fast as can be) to 10T");
  const auto name_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  require(spec.congestion.size() <= TcpFlowSpec::kMaxName && std::ranges::all_of(spec.congestion, name_char),
          "congestion is no name of a congestion control: letters, digits, _ and -, at most 15");
  require(spec.mss == 0 || (spec.mss >= 88 && spec.mss <= 32767),
          "mss is " + std::to_string(spec.mss) + " bytes: it must be 88 to 32767");
  require(
      spec.socket_buffer == 0 || (spec.socket_buffer >= 4096 && spec.socket_buffer <= TcpFlowSpec::kMaxSocketBuffer),
      "socket buffer is " + std::to_string(spec.socket_buffer) + " bytes: it must be 4096 to 1 GiB");
  validation::stream_socket(spec.socket);
  validation::times(spec);
}

inline void validate(const ConnectionFlowSpec& spec) {
  using validation::number, validation::require, validation::seconds;
  require(spec.rate >= 0 && spec.rate <= ConnectionFlowSpec::kMaxRate,
          "rate is " + number(spec.rate) + " connections/s: it must be 0 (as fast as can be) to 10M");
  require(spec.concurrency <= ConnectionFlowSpec::kMaxConcurrency,
          "concurrency is " + std::to_string(spec.concurrency) + ": it must be 0 (chosen by the sender) to 16384");
  require(spec.timeout >= std::chrono::milliseconds(1) && spec.timeout <= std::chrono::seconds(60),
          "timeout is " + seconds(spec.timeout) + ": it must be 1 ms to 60 s");
  require(spec.transport == Transport::tcp || spec.transport == Transport::udp,
          "protocol is " + std::string(to_string(spec.transport)) + ": it must be tcp or udp");
  validation::stream_socket(spec.socket);
  validation::times(spec);
}

inline void validate(const FlowSpec& spec) {
  std::visit([](const auto& flow) { validate(flow); }, spec);
}

/// Of a run that has so many flows.
inline void validate(const SliceSpec& slice, std::size_t flows) {
  using validation::require;
  require(!slice.name.empty(), "a slice has no name");
  validation::name(slice.name, "slice name");
  require(!slice.flows.empty(), "slice '" + slice.name + "' has no flows");
  for (const std::size_t flow : slice.flows) {
    require(flow < flows, "slice '" + slice.name + "' has flow " + std::to_string(flow) +
                              ", counted from 0: the run has " + std::to_string(flows));
  }
}

}  // namespace paceline
