// SPDX-License-Identifier: MIT
#include <utility>

#include "sender/profile_table.h"

namespace paceline::sender {

namespace {

constexpr std::uint32_t kSegment = 1400;  // a frame's packets pass a path of 1500 bytes whole

FlowSpec video(const ProfileArguments& given) {
  const double frames = given.rate("fps");
  const double mean = given.bitrate("rate") / frames / 8;
  TrafficModel model;
  model.idt = {model::Constant{1 / frames}};
  model.size = {model::Normal{mean, 0.105 * mean}, 0.5 * mean, 1.5 * mean};
  model.jitter = Model{model::Normal{0, 0.002}, -0.004, 0.004};
  model.segment = kSegment;
  return modelled(std::move(model));
}

FlowSpec pose(const ProfileArguments&) {
  PacketFlowSpec flow;
  flow.rate_pps = 250;
  flow.size = 100;
  return flow;
}

constexpr const char* kFrames =
    "Video frames: sizes normal, of RATE / FPS on average, stddev 10.5 %, least 50 %, most 150 %; each in packets of "
    "1400 bytes that leave together; times jittered, normal of stddev 2 ms, at most 4 ms either way";

}  // namespace

std::vector<ProfileEntry> video_profiles() {
  const std::vector<ProfileParameter> parameters{{"rate", "30M", {}, "BITRATE"}, {"fps", "60", {}, "NUMBER"}};
  const std::string source =
      "3GPP TR 38.838, 5.1.1.1 (frame size) and 5.1.1.2 (jitter); packets of 1400 bytes are "
      "our choice";
  return {{"xr-video", std::string(kFrames) + ". To arrive within 10 ms", source, parameters, video},
          {"cloud-gaming", std::string(kFrames) + ". To arrive within 15 ms", source, parameters, video},
          {"xr-pose",
           "Head pose and controls, up: 100 bytes every 4 ms, to arrive within 10 ms",
           "3GPP TR 38.838, 5.2",
           {},
           pose}};
}

}  // namespace paceline::sender
