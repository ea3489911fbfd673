// SPDX-License-Identifier: MIT
#include "sender/report_output.h"

#include "sender/result_file.h"

namespace paceline::sender {

ReportOutput::ReportOutput(const std::string& file) : file_(file), out_(open_result_file(file)) {}

void ReportOutput::finish(const RunResult& result) { out_ << report_.html(result) << std::flush; }

std::string ReportOutput::trouble() const {
  return out_.good() ? "" : "write " + file_ + ": not all of it could be written";
}

}  // namespace paceline::sender
