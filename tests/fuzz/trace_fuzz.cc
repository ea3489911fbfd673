// SPDX-License-Identifier: MIT
//
// A trace of packets: a capture (pcap, pcapng) or a CSV, as a file brings it.
#include <cstddef>
#include <cstdint>

#include "paceline/error.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/memory_file.h"
#include "traffic/trace.h"

using namespace paceline;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static MemoryFile file;
  try {
    const auto trace = traffic::read_trace(file.with({data, size}));
    EXPECT(!trace->packets.empty() && trace->period >= 0);
    for (const auto& packet : trace->packets) EXPECT(packet.at <= trace->end);
  } catch (const UsageError&) {
  }
  return 0;
}
