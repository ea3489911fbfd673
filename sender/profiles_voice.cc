// SPDX-License-Identifier: MIT
#include <array>
#include <utility>

#include "sender/profile_table.h"

namespace paceline::sender {

namespace {

struct Codec {
  const char* name;
  std::uint32_t bytes;  // of voice in a packet
  double rate_pps;
};
constexpr std::array<Codec, 5> kCodecs{{
    {"g711.1", 80, 100},
    {"g711.2", 160, 50},
    {"g729.2", 20, 50},
    {"g729.3", 30, 33},
    {"g723.1", 30, 26},
}};

constexpr std::uint32_t kRtpHeader = 12;  // RFC 3550, 5.1
constexpr std::uint32_t kCompressed = 2;  // RFC 2508: at its least

// ITU-T P.59, table 1: averages of a party's talk-spurts and of the pauses between them.
constexpr double kTalkSpurt = 1.004, kPause = 1.587;

FlowSpec voip(const ProfileArguments& given) {
  Codec codec = kCodecs.front();
  for (const Codec& known : kCodecs) {
    if (given.is("codec", known.name)) codec = known;
  }
  const std::uint32_t header = given.is("header", "rtp") ? kRtpHeader : kCompressed;
  if (given.is("vad", "off")) {
    PacketFlowSpec flow;
    flow.rate_pps = codec.rate_pps;
    flow.size = codec.bytes + header;
    return flow;
  }
  TrafficModel model;
  model.idt = {model::Constant{1 / codec.rate_pps}};
  model.size = {model::Constant{static_cast<double>(codec.bytes)}};
  model.overhead = header;
  model.bursts = Bursts{{model::Exponential{kTalkSpurt}}, {model::Exponential{kPause}}};
  return modelled(std::move(model));
}

}  // namespace

std::vector<ProfileEntry> voice_profiles() {
  return {{"voip",
           "One party of a call. Voice and RTP (12 bytes) or compressed RTP (2): g711.1 80 bytes at 100 packets/s, "
           "g711.2 160 at 50, g729.2 20 at 50, g729.3 30 at 33, g723.1 30 at 26. With vad=on silence is not sent: "
           "talk-spurts of 1.004 s and pauses of 1.587 s on average, both exponential (D-ITG makes packets smaller "
           "by 35 % instead, and never pauses)",
           "packets: D-ITG 2.8.1; talk-spurts and pauses: ITU-T P.59 (1993), table 1, that they are exponential is "
           "our choice; headers: RFC 3550, RFC 2508",
           {{"codec", "g711.1", {"g711.1", "g711.2", "g729.2", "g729.3", "g723.1"}, ""},
            {"header", "rtp", {"rtp", "crtp"}, ""},
            {"vad", "off", {"off", "on"}, ""}},
           voip}};
}

}  // namespace paceline::sender
