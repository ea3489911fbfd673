// SPDX-License-Identifier: MIT
#include "sender/profile_table.h"

namespace paceline::sender {

namespace {

FlowSpec quake3(const ProfileArguments&) {
  return modelled("mixture:0.6@(exponential:mean=4.29ms),0.4@(constant:10.75ms)", "normal:mean=64.15,stddev=3.2");
}

// Student's t with 0.704 degrees of freedom has no mean, with 1.083 no variance. Bounds that lie evenly around the
// location, from 0 on, leave it the mean.
FlowSpec counter_strike(const ProfileArguments& given) {
  if (given.is("state", "idle")) {
    return modelled("student:freedom=1.08341,scale=69.4393us,location=41.6858ms,min=0,max=83.3716ms",
                    "discrete:0.8312@27,0.0018@28,0.0453@29,0.0195@30,0.0879@31,0.0024@32,0.0106@33,0.0013@35");
  }
  return modelled("student:freedom=0.704073,scale=104.821us,location=41.6994ms,min=0,max=83.3988ms",
                  "mixture:0.3732@(normal:mean=34.8352,stddev=4.3915),0.6268@(normal:mean=49.4904,stddev=3.6186)");
}

}  // namespace

std::vector<ProfileEntry> game_profiles() {
  return {{"quake3",
           "A client's packets: normal, 64.15 +- 3.2 bytes; 60 % of the gaps exponential, of 4.29 ms on average, 40 % "
           "10.75 ms (145.6 packets/s)",
           "D-ITG 2.8.1, after T. Lang, P. Branch, G. Armitage: A synthetic traffic model for Quake3 (ACE 2004)",
           {},
           quake3},
          {"counter-strike",
           "A client's packets (24 packets/s). active: two normal sizes, 37 % 34.8 +- 4.4 and 63 % 49.5 +- 3.6 bytes; "
           "idle: 27 to 35 bytes, 83 % of them 27. Gaps are Student's t around 41.7 ms; it has no mean (active) or "
           "hardly one, so gaps above twice that are drawn anew",
           "D-ITG 2.8.1, after A. Dainotti and others: Searching for invariants in network games traffic (CoNEXT "
           "2006); the bounds are our choice",
           {{"state", "active", {"active", "idle"}, ""}},
           counter_strike}};
}

}  // namespace paceline::sender
