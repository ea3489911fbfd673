// SPDX-License-Identifier: MIT
//
// Single values as people write them on a command line and in files: endpoints, quantities, objectives, metrics. The
// input's first byte chooses what is read.
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "decoder/histogram_text.h"
#include "decoder/run_metric.h"
#include "paceline/endpoint.h"
#include "paceline/error.h"
#include "paceline/slice.h"
#include "paceline/units.h"
#include "proto/quantity_text.h"
#include "sender/values.h"
#include "tests/fuzz/expect.h"

namespace {

using namespace paceline;

/// Half a sound number is none, and no unit makes one infinite or negative.
void sound(double value) { EXPECT(std::isfinite(value) && value >= 0); }

const std::function<void(const std::string&)> kReaders[] = {
    [](const std::string& text) {
      const Endpoint endpoint = parse_endpoint(text, 9000);
      EXPECT(!endpoint.host.empty() && endpoint.port > 0);
      // A name in brackets is written without them.
      if (parse_endpoint(to_string(endpoint), 1) != endpoint) EXPECT(text.front() == '[');
    },
    [](const std::string& text) { sound(units::parse_packet_rate(text)); },
    [](const std::string& text) { sound(units::parse_bitrate(text)); },
    [](const std::string& text) { units::parse_bytes(text); },
    [](const std::string& text) { EXPECT(units::parse_duration(text).count() >= 0); },
    [](const std::string& text) {
      for (const std::uint32_t cpu : units::parse_cpus(text)) EXPECT(cpu <= 8191);
    },
    [](const std::string& text) {
      const Objective objective = parse_objective(text);
      EXPECT(parse_objective(to_string(objective)) == objective);
    },
    [](const std::string& text) { EXPECT(!decoder::RunMetric::parse(text).name().empty()); },
    [](const std::string& text) {
      for (const Quantity quantity : {Quantity::time, Quantity::bytes}) {
        const auto value = parse_quantity(text, quantity);
        if (!value) continue;
        EXPECT(std::isfinite(*value));
        EXPECT(parse_quantity(to_string(*value, quantity), quantity) == value);
      }
    },
    [](const std::string& text) { EXPECT(sender::parse_dscp(text) <= 63); },
    [](const std::string& text) { EXPECT(sender::parse_ecn(text) <= 3); },
    [](const std::string& text) { EXPECT(sender::parse_factor(text, "factor") > 0); },
    [](const std::string& text) { sender::parse_seed(text); },
    [](const std::string& text) { sender::parse_many(text, "packets"); },
    [](const std::string& text) {
      const auto buckets = decoder::parse_histogram(text);
      if (!buckets) return;
      for (std::size_t i = 0; i < buckets->size(); ++i) {
        EXPECT((*buckets)[i].count > 0);
        if (i > 0) EXPECT((*buckets)[i].index > (*buckets)[i - 1].index);
      }
    }};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  try {
    kReaders[data[0] % std::size(kReaders)](std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  } catch (const UsageError&) {
  }
  return 0;
}
