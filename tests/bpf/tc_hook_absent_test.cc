// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpf/tc_hook.h"

namespace paceline::bpf {
namespace {

TEST(TcHookAbsent, AttachSaysThatTheBuildHasNoBpf) {
  TcHook::Options options;
  options.udp_port = 8999;
  try {
    TcHook::attach(options);
    FAIL() << "attached";
  } catch (const AttachError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("built without BPF"));
    EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("\n")));
  }
}

}  // namespace
}  // namespace paceline::bpf
