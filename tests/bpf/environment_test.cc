// SPDX-License-Identifier: MIT
//
// What results say of a machine's interfaces, in a namespace with interfaces of our making.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bpf/ingress_programs.h"
#include "bpf/tc_hook.h"
#include "tests/bpf/bystander.h"
#include "tests/bpf/network.h"
#include "tests/bpf/qdisc.h"
#include "traffic/network_interfaces.h"

namespace paceline::bpf::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

class EnvironmentTest : public NetworkTest {
 protected:
  static TcHook attach(bool tcx) {
    TcHook::Options options;
    options.udp_port = 8999;
    options.interfaces = {kNear};
    options.allow_tcx = tcx;
    return TcHook::attach(options);
  }

  static std::vector<std::string> programs() { return ingress_programs(if_nametoindex(kNear)); }

  static Interface near() {
    for (Interface& interface : traffic::network_interfaces()) {
      if (interface.name == kNear) return std::move(interface);
    }
    ADD_FAILURE() << kNear << " is not listed";
    return {};
  }
};

TEST_F(EnvironmentTest, TellsDriverMtuAndQueueingDiscipline) {
  shell(std::string("ip link set mtu 1400 dev ") + kNear);
  shell(std::string("tc qdisc replace dev ") + kNear + " root tbf rate 100mbit burst 10k latency 10ms");
  const Interface interface = near();
  EXPECT_EQ(interface.driver, "veth");
  EXPECT_EQ(interface.mtu, 1400U);
  EXPECT_EQ(interface.qdisc, "tbf");
  EXPECT_THAT(interface.programs, IsEmpty());
}

TEST_F(EnvironmentTest, TellsTheOffloadsThatAreOn) {
  EXPECT_THAT(near().offloads, Contains("tx-tcp-segmentation"));
  EXPECT_THAT(near().offloads, Contains("tx-scatter-gather"));
  EXPECT_THAT(near().offloads, Not(Contains("rx-lro")));
}

TEST_F(EnvironmentTest, LeavesOutWhatIsDownOrALoopback) {
  shell(std::string("ip link set ") + kNear + " down");
  for (const Interface& interface : traffic::network_interfaces()) {
    EXPECT_NE(interface.name, kNear);
    EXPECT_NE(interface.name, "lo");
  }
}

TEST_F(EnvironmentTest, ListsNoMoreInterfacesThanResultsHold) {
  for (std::size_t i = 0; i < Host::kMaxInterfaces; ++i) {
    shell("ip link add plmany" + std::to_string(i) + " type veth peer name plother" + std::to_string(i));
    shell("ip link set up dev plmany" + std::to_string(i));
  }
  EXPECT_EQ(traffic::network_interfaces().size(), Host::kMaxInterfaces);
}

TEST_F(EnvironmentTest, TellsWhoseProgramsAreOnTcx) {
  NEEDS_TCX();
  EXPECT_THAT(programs(), IsEmpty());
  {
    const TcHook hook = attach(true);
    EXPECT_THAT(programs(), ElementsAre("tcx paceline_ether"));
    EXPECT_EQ(near().programs, programs());
  }
  EXPECT_THAT(programs(), IsEmpty());
}

TEST_F(EnvironmentTest, TellsWhoseProgramsAreOnClsact) {
  const TcHook hook = attach(false);
  EXPECT_THAT(programs(), ElementsAre("clsact paceline_ether"));
}

TEST_F(EnvironmentTest, TellsOthersProgramsInTheOrderInWhichTheyRun) {
  NEEDS_TCX();
  Bystander clsact, tcx;
  clsact.attach_clsact(kNear, 1, 7);
  tcx.attach_tcx(kNear);
  const TcHook hook = attach(true);
  EXPECT_THAT(programs(), UnorderedElementsAre("tcx paceline_ether", "tcx bystander", "clsact bystander"));
  EXPECT_EQ(programs().back(), "clsact bystander");
}

TEST_F(EnvironmentTest, AnInterfaceThatIsGoneHasNone) { EXPECT_THAT(ingress_programs(0x7ffffffe), IsEmpty()); }

}  // namespace
}  // namespace paceline::bpf::test
