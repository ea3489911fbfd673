// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "paceline/result.h"

namespace paceline {

/// A record file's flow, decoded again.
struct Replay {
  PacketFlowResult result;
  std::string recorded_at;          ///< when the file was created: UTC, RFC 3339
  std::vector<std::string> damage;  ///< what could not be read, with offsets (the first 100); empty for a whole file
};

/// Told of each interval and of its flow, on the thread that called replay().
using IntervalHandler = std::function<void(const PacketInterval&, const PacketFlowSpec&)>;

/// Decodes a record file as the receiver decoded the flow while it ran: the same intervals and the same
/// result. Constant memory. Damaged blocks are reported and left out, and the result is marked incomplete.
/// Throws FileError when the file cannot be opened or is no record file. `on_interval` may be empty; it is
/// called on the caller's thread.
Replay replay(const std::filesystem::path& file, const IntervalHandler& on_interval = {});

/// The same with intervals of `step` instead of the flow's own, a microsecond at least: a time series. The result is
/// the one above.
Replay replay(const std::filesystem::path& file, nanoseconds step, const IntervalHandler& on_interval);

/// What a renderer shows beside the numbers.
struct TextOptions {
  bool colour = false;
};

/// The whole result as text for people, several lines.
std::string render_text(const RunResult& run, const TextOptions& options = {});

/// Column heads for render_text_row of such a flow.
std::string render_text_header(const FlowSpec& spec);

/// One line for an interval.
std::string render_text_row(const PacketInterval& interval, const PacketFlowSpec& spec);
std::string render_text_row(const TcpInterval& interval, const TcpFlowSpec& spec);
std::string render_text_row(const ConnectionInterval& interval, const ConnectionFlowSpec& spec);

/// A time series as CSV (RFC 4180, but for line ends): the columns' names, and an interval's row; decoder/README.md
/// says what is in them. `flow` is the run's, from 0. No line ends.
class CsvIntervals {
 public:
  /// Columns for the kinds of flow that are among these.
  explicit CsvIntervals(const std::vector<FlowSpec>& flows);

  std::string header() const;
  std::string row(std::size_t flow, const PacketInterval& interval) const;
  std::string row(std::size_t flow, const TcpInterval& interval) const;
  std::string row(std::size_t flow, const ConnectionInterval& interval) const;

 private:
  bool packets_ = false;
  bool tcp_ = false;
  bool connections_ = false;
};

/// The summary as CSV: the columns' names, then a row a flow; with the last line's end.
std::string render_csv_summary(const RunResult& run);

/// Exactly one JSON document, without a line end: decoder/README.md has its form, and that of the NDJSON lines.
std::string render_json(const RunResult& run);

/// One line of NDJSON for an interval, {"type":"interval","flow":...}; no line end.
std::string render_ndjson(std::size_t flow, const PacketInterval& interval);
std::string render_ndjson(std::size_t flow, const TcpInterval& interval);
std::string render_ndjson(std::size_t flow, const ConnectionInterval& interval);

/// The closing NDJSON line, {"type":"summary",...} with the JSON document's members; no line end.
std::string render_ndjson(const RunResult& run);

}  // namespace paceline
