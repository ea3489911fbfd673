// SPDX-License-Identifier: MIT
//
// People at a prompt, and the names that they look up.
#include "sender/profile_table.h"

namespace paceline::sender {

namespace {

FlowSpec telnet(const ProfileArguments&) {
  // Pareto of shape 0.95 has no mean; a gap of a second at most gives it one, of 8.48 ms.
  PacketFlowSpec flow = modelled("pareto:shape=0.95,scale=1.1ms,max=1s",
                                 "discrete:0.65@1,0.13@2,0.07@3,0.05@4,0.03@5,0.01@6,0.01@7,0.01@8,0.01@9,"
                                 "0.005@10,0.005@11,0.005@12,0.005@13,0.005@14,0.005@15",
                                 Transport::tcp);
  flow.model->overhead = 20;
  return flow;
}

FlowSpec dns(const ProfileArguments& given) {
  return modelled("1785.7ms", "uniform:min=100,max=320",
                  given.is("transport", "tcp") ? Transport::tcp : Transport::udp);
}

}  // namespace

std::vector<ProfileEntry> terminal_profiles() {
  return {{"telnet",
           "Keystrokes over TCP: 1 to 15 bytes, 65 % of them 1, and 20 bytes more; gaps Pareto of shape 0.95 and "
           "scale 1.1 ms, of a second at most, since without a bound they have no mean (some 118 packets/s)",
           "D-ITG 2.8.1, where gaps have no bound; the bound is our choice. D-ITG's model adds the 20 bytes, its "
           "2.8.1 sends 4 to 15",
           {},
           telnet},
          {"dns",
           "Queries: 100 to 320 bytes, each size as likely, one every 1.7857 s",
           "D-ITG 2.8.1",
           {{"transport", "udp", {"udp", "tcp"}, ""}},
           dns}};
}

}  // namespace paceline::sender
