// SPDX-License-Identifier: MIT
//
// The ladder's rungs that need no privilege; tests/e2e/test_stamping.py climbs the others.
#include "receiver/stamping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>

#include "paceline/error.h"

namespace paceline::receiver {
namespace {

traffic::Datagram probe_with_stamp(std::int64_t raw) {
  traffic::Datagram probe;
  probe.interface = if_nametoindex("lo");
  probe.stamp.raw = raw;
  return probe;
}

constexpr std::int64_t kMonotonic = 5'000'000'000, kRealtime = 1'740'000'000'000'000'000;

ReceiverSpec without_hooks() {
  ReceiverSpec spec;
  spec.allow_tcx = spec.allow_clsact = false;
  return spec;
}

TEST(StampLadder, SwitchedOffIsUserspaceOnly) {
  ReceiverSpec spec;
  spec.tc = TcMode::off;
  const StampLadder ladder(spec, 8999);
  EXPECT_EQ(ladder.hook(), Hook::none);
  EXPECT_TRUE(ladder.interfaces().empty());
  EXPECT_TRUE(ladder.warnings().empty());
  EXPECT_FALSE(ladder.netstamp_allowed());
  EXPECT_FALSE(ladder.tc_required());
  EXPECT_THAT(ladder.reason(), testing::HasSubstr("--tc off"));
  EXPECT_EQ(ladder.judge(probe_with_stamp(0)), (Stamping{Hook::none, "", ladder.reason()}));
}

TEST(StampLadder, WithoutAHookTheKernelsOwnStampIsNext) {
  const StampLadder ladder(without_hooks(), 8999);
  EXPECT_EQ(ladder.hook(), Hook::netstamp);
  EXPECT_TRUE(ladder.netstamp_allowed());
  EXPECT_THAT(ladder.reason(), testing::HasSubstr("--hooks"));
  EXPECT_EQ(ladder.judge(probe_with_stamp(kRealtime)), (Stamping{Hook::netstamp, "", ladder.reason()}));
  EXPECT_EQ(ladder.judge(probe_with_stamp(0)), (Stamping{Hook::none, "", ladder.reason()}));
}

TEST(StampLadder, AStampOfAProgramThatIsNotOursIsNotClaimed) {
  const StampLadder ladder(without_hooks(), 8999);
  EXPECT_EQ(ladder.judge(probe_with_stamp(kMonotonic)).hook, Hook::none);
}

TEST(StampLadder, WithoutAnyRungOnlyUserspaceIsLeft) {
  ReceiverSpec spec = without_hooks();
  spec.allow_netstamp = false;
  const StampLadder ladder(spec, 8999);
  EXPECT_EQ(ladder.hook(), Hook::none);
  EXPECT_FALSE(ladder.netstamp_allowed());
}

TEST(StampLadder, ARequiredHookThatCannotBeAttachedIsASetupError) {
  ReceiverSpec spec = without_hooks();
  spec.tc = TcMode::required;
  try {
    const StampLadder ladder(spec, 8999);
    FAIL();
  } catch (const SetupError& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("--tc required"), testing::HasSubstr("--hooks")));
  }
}

TEST(StampLadder, AnInterfaceThatDoesNotExistIsNamed) {
  ReceiverSpec spec;
  spec.tc = TcMode::required;
  spec.interfaces = {"nosuch0"};
  try {
    const StampLadder ladder(spec, 8999);
    FAIL();
  } catch (const SetupError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("--tc required"));
  }
}

}  // namespace
}  // namespace paceline::receiver
