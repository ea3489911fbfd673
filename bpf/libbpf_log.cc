// SPDX-License-Identifier: MIT
#include "bpf/libbpf_log.h"

#include <array>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <string_view>

namespace paceline::bpf {
namespace {

std::mutex only_one;
std::atomic<libbpf_print_fn_t> previous{nullptr};
thread_local std::string* keeps_warnings = nullptr;

}  // namespace

LibbpfLog::LibbpfLog() : only_one_(only_one) {
  keeps_warnings = &last_warning_;
  previous = libbpf_set_print(&LibbpfLog::print);
}

LibbpfLog::~LibbpfLog() {
  libbpf_set_print(previous);
  keeps_warnings = nullptr;
}

int LibbpfLog::print(libbpf_print_level level, const char* format, va_list arguments) {
  if (keeps_warnings == nullptr) {
    const libbpf_print_fn_t theirs = previous;
    return theirs == nullptr ? 0 : theirs(level, format, arguments);
  }
  if (level != LIBBPF_WARN) return 0;
  std::array<char, 512> text{};
  const int length = std::vsnprintf(text.data(), text.size(), format, arguments);
  std::string_view line(text.data());
  while (line.ends_with('\n')) line.remove_suffix(1);
  if (const auto newline = line.rfind('\n'); newline != std::string_view::npos) line.remove_prefix(newline + 1);
  for (const std::string_view prefix : {"libbpf: ", "Kernel error message: "}) {
    if (line.starts_with(prefix)) line.remove_prefix(prefix.size());
  }
  if (!line.empty()) *keeps_warnings = line;
  return length;
}

}  // namespace paceline::bpf
