// SPDX-License-Identifier: MIT
//
// A packet of somebody's capture: a byte for the link, two for what the wire had beyond the capture, then the packet.
#include <cstddef>
#include <cstdint>
#include <span>

#include "tests/fuzz/expect.h"
#include "traffic/captured_packet.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace paceline::traffic;
  if (size < 3) return 0;
  constexpr Link kLinks[] = {Link::ethernet, Link::cooked, Link::cooked_v2, Link::raw_ip};
  const std::span<const std::uint8_t> packet(data + 3, size - 3);
  const auto wire = static_cast<std::uint32_t>(packet.size()) + static_cast<std::uint32_t>(data[1] << 8 | data[2]);
  const auto payload = payload_of(packet, kLinks[data[0] % 4], wire);
  EXPECT(!payload || *payload <= 65535 || *payload <= wire);
  return 0;
}
