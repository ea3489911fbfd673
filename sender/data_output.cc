// SPDX-License-Identifier: MIT
#include "sender/data_output.h"

#include <ostream>

namespace paceline::sender {

DataOutput::DataOutput(Format format, const RunSpec& run, std::ostream& out)
    : format_(format), csv_(run.flows), out_(out) {
  if (format_ == Format::csv) out_ << csv_.header() << '\n';
}

template <class Interval>
void DataOutput::row(std::size_t flow, const Interval& interval) {
  if (format_ == Format::ndjson) out_ << render_ndjson(flow, interval) << '\n';
  if (format_ == Format::csv) out_ << csv_.row(flow, interval) << '\n';
}

void DataOutput::finish(const RunResult& result) {
  switch (format_) {
    case Format::json: out_ << render_json(result) << '\n'; break;
    case Format::ndjson: out_ << render_ndjson(result) << '\n'; break;
    case Format::csv_summary: out_ << render_csv_summary(result); break;
    case Format::csv:
    case Format::text: break;
  }
}

void DataOutput::show() { out_.flush(); }

}  // namespace paceline::sender
