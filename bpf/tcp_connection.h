// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>

#include "bpf/tc_program.h"
#include "bpf/tcp_arrivals.h"

namespace paceline::bpf {

/// The connection's key in the TC program's map.
paceline_tc_key key_of(const TcpConnection& connection);

/// What the program sees of a connection; null when it does not know it. `program` outlives it.
std::unique_ptr<TcpArrivals> find_connection(const TcProgram& program, const TcpConnection& connection);

}  // namespace paceline::bpf
