// SPDX-License-Identifier: MIT
#include "signalling/arrivals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paceline::signalling {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(AcceptTrouble, IsToldAtOnceAndThenSeldom) {
  AcceptTrouble trouble;
  const std::chrono::steady_clock::time_point begin{1h};
  const asio::error_code full = asio::error::no_descriptors;
  EXPECT_THAT(trouble.tell(full, begin), AllOf(HasSubstr("Too many open files"), HasSubstr("ulimit -n")));
  for (int i = 1; i < 100; ++i) EXPECT_THAT(trouble.tell(full, begin + i * 100ms), IsEmpty());
  EXPECT_THAT(trouble.tell(full, begin + 10s), HasSubstr("so it was 99 times before"));
  EXPECT_THAT(trouble.tell(full, begin + 11s), IsEmpty());
}

TEST(AcceptTrouble, OfAnotherKindHasNoAdviceOnDescriptors) {
  AcceptTrouble trouble;
  EXPECT_THAT(trouble.tell(asio::error::no_memory, {}), Not(HasSubstr("ulimit")));
}

}  // namespace
}  // namespace paceline::signalling
