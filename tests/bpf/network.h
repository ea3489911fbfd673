// SPDX-License-Identifier: MIT
//
// Two network namespaces joined by a veth pair, which the kernel removes with the test's process:
//
//   near (the test's thread): plnear, 10.77.0.1, fd77::1   <-->   far: plfar, 10.77.0.2, fd77::2
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "bpf/unique_fd.h"

namespace paceline::bpf::test {

inline constexpr const char* kNear = "plnear";
inline constexpr const char* kFar = "plfar";

/// Why this process may not load the TC program; empty if it may. A program that the kernel refuses for
/// another reason is an error, which this throws.
std::string missing_privilege();

/// Runs a shell command in this thread's namespace. Throws with its output when it fails.
void shell(const std::string& command);
/// Its standard output.
std::string output_of(const std::string& command);

class NetworkTest : public testing::Test {
 protected:
  /// Skips, with the reason, when the process may not make namespaces or load BPF programs.
  void SetUp() override;

  /// Runs `what` on a thread in the far namespace. What it throws, this throws.
  void in_far(const std::function<void()>& what) const;

 private:
  UniqueFd far_;
};

/// A child process for the tests that end one: runs `body` in this namespace, tells when that has returned,
/// and stays until it is killed (what `body` made is never destroyed in an orderly way).
class Victim {
 public:
  explicit Victim(const std::function<void()>& body);
  ~Victim();
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  /// SIGKILL; returns when it is gone.
  void kill();

 private:
  int pid_ = -1;
};

/// Runs `body` in a child process and returns the text that it gives.
std::string in_child(const std::function<std::string()>& body);

}  // namespace paceline::bpf::test
