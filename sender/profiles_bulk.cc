// SPDX-License-Identifier: MIT
//
// Files, and the mix that links carry.
#include <utility>

#include "sender/profile_table.h"

namespace paceline::sender {

namespace {

FlowSpec file_transfer(const ProfileArguments& given) {
  TrafficModel model;
  model.idt = {model::Exponential{given.seconds("every")}};
  model.size = {model::Constant{given.bytes("file")}};
  model.segment = 62500;
  return modelled(std::move(model), Transport::tcp);
}

FlowSpec imix(const ProfileArguments& given) {
  TrafficModel model;
  model.idt = {model::Constant{1 / given.rate("rate")}};
  model.size = {given.is("ip", "4") ? model::Discrete{{18, 548, 1472}, {7.0 / 12, 4.0 / 12, 1.0 / 12}}
                                    : model::Discrete{{18, 528, 1452}, {7.0 / 12, 4.0 / 12, 1.0 / 12}}};
  return modelled(std::move(model));
}

}  // namespace

std::vector<ProfileEntry> bulk_profiles() {
  return {{"embb-file",
           "File transfers over TCP, of one user: files of 0.5 MB in records of 62500 bytes, at random moments, 200 ms "
           "apart on average (20 Mbit/s)",
           "3GPP FTP model 3 (TR 36.889: model 2 of TR 36.814, annex A.2.1.3.1, with Poisson arrivals); 0.5 MB every "
           "200 ms as in TR 38.864, annex A. Model 1 has the same arrivals, of a user each. Records, and one "
           "connection for all files, are our choice",
           {{"file", "500k", {}, "BYTES"}, {"every", "200ms", {}, "TIME"}},
           file_transfer},
          {"imix",
           "Frames of 64, 594 and 1518 bytes, 7 : 4 : 1, at random and at a constant rate, as UDP payload of 18, 548 "
           "and 1472 bytes: less 18 of Ethernet (FCS included), 20 of IPv4 and 8 of UDP. With ip=6 18, 528 and 1452: "
           "no IPv6 frame of 64 bytes has room for the packet header, so the smallest has 84",
           "the simple IMIX in wide use; RFC 6985 says how such mixes are told (there as a sequence, here by weights)",
           {{"rate", "1k", {}, "PPS"}, {"ip", "4", {"4", "6"}, ""}},
           imix}};
}

}  // namespace paceline::sender
