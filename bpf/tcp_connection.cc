// SPDX-License-Identifier: MIT
#include "bpf/tcp_connection.h"

#include <arpa/inet.h>

#include <cstring>

namespace paceline::bpf {
namespace {

static_assert(TcpArrivals::kGranule == std::uint64_t{1} << PACELINE_TC_GRANULE_BITS);

void copy_address(const in6_addr& address, bool ipv4, __u64 (&words)[2]) {
  if (ipv4)
    std::memcpy(words, &address.s6_addr[12], 4);
  else
    std::memcpy(words, &address, sizeof(address));
}

class Followed final : public TcpArrivals {
 public:
  Followed(const TcProgram& program, const paceline_tc_key& key, const paceline_tc_connection& record)
      : program_(program), key_(key), last_(record) {}

  std::optional<nanoseconds> arrival(std::uint64_t number) const override {
    if (last_.ring == 0 && !look_up()) return std::nullopt;
    if (last_.ring == 0) return std::nullopt;  // no granule is complete
    if (newest_ == 0) newest_ = last_.ring_since;
    const std::uint64_t word = program_.rings().word(last_.ring, number);
    if (word == 0 || word >> PACELINE_TC_TIME_BITS != paceline_tc_tag(last_.ring, number)) return std::nullopt;

    // The word has the time's low bits: it is the time with those that is nearest to one that is known. Before the ring
    // was taken, it is an earlier connection's.
    constexpr unsigned kAbove = 64 - PACELINE_TC_TIME_BITS;
    const auto ahead = static_cast<std::int64_t>((word - newest_) << kAbove) >> kAbove;
    const std::uint64_t time = newest_ + static_cast<std::uint64_t>(ahead);
    if (time < last_.ring_since) return std::nullopt;
    if (ahead > 0) newest_ = time;
    return nanoseconds(static_cast<std::int64_t>(time));
  }

  Counts counts() const override {
    look_up();
    return {last_.skbs, last_.segments, last_.bytes, last_.retransmitted};
  }

 private:
  // False when the program has lost the connection or has another with the same addresses: what was known last stays.
  bool look_up() const {
    const auto record = program_.connection(key_);
    if (!record || record->base != last_.base) return false;
    last_ = *record;
    return true;
  }

  const TcProgram& program_;
  const paceline_tc_key key_;
  mutable paceline_tc_connection last_;
  mutable std::uint64_t newest_ = 0;
};

}  // namespace

paceline_tc_key key_of(const TcpConnection& connection) {
  const bool ipv4 = IN6_IS_ADDR_V4MAPPED(&connection.remote);
  paceline_tc_key key{};
  copy_address(connection.remote, ipv4, key.remote);
  copy_address(connection.local, ipv4, key.local);
  const std::uint16_t ports[2] = {htons(connection.remote_port), htons(connection.local_port)};
  std::uint32_t both = 0;
  std::memcpy(&both, ports, sizeof(both));
  key.ports = std::uint64_t{ipv4 ? 4U : 6U} << 32 | both;
  return key;
}

std::unique_ptr<TcpArrivals> find_connection(const TcProgram& program, const TcpConnection& connection) {
  const paceline_tc_key key = key_of(connection);
  const auto record = program.connection(key);
  return record ? std::make_unique<Followed>(program, key, *record) : nullptr;
}

}  // namespace paceline::bpf
