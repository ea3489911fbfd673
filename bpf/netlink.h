// SPDX-License-Identifier: MIT
//
// What the kernel lists over rtnetlink(7), for the network namespace of the calling thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace paceline::bpf {

using NetlinkBytes = std::span<const std::uint8_t>;

/// Sends a dump request of this type with this body (ifinfomsg, tcmsg), and tells of each answer of type `wanted`: its
/// body, attributes included. Throws std::system_error with what the kernel said.
void netlink_dump(std::uint16_t request, NetlinkBytes body, std::uint16_t wanted,
                  const std::function<void(NetlinkBytes body)>& told);

/// Reads a list of attributes, which `skip` bytes (aligned as the kernel does) come before; ends where it makes no
/// sense.
void for_each_attribute(NetlinkBytes list, std::size_t skip,
                        const std::function<void(int type, NetlinkBytes data)>& told);

}  // namespace paceline::bpf
