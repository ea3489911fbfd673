// SPDX-License-Identifier: MIT
#pragma once

#include <bpf/libbpf.h>

#include <mutex>
#include <string>

namespace paceline::bpf {

/// Keeps what libbpf would print on standard error, while it lives: every call into libbpf that may fail is
/// made under one. libbpf has one print function for the whole process and hands it no context, which forces
/// globals on us: a lock (one LibbpfLog at a time), the function that was there before (other threads'
/// messages still go to it; it is put back at the end), and which thread is ours.
class LibbpfLog {
 public:
  LibbpfLog();
  ~LibbpfLog();
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  /// The last line of the last warning; empty if there was none.
  const std::string& last_warning() const { return last_warning_; }

 private:
  static int print(libbpf_print_level level, const char* format, va_list arguments);

  std::unique_lock<std::mutex> only_one_;
  std::string last_warning_;
};

}  // namespace paceline::bpf
