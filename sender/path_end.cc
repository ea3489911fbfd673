// SPDX-License-Identifier: MIT
#include "sender/path_end.h"

#include <cerrno>
#include <system_error>

namespace paceline::sender {

traffic::ClockSample Answer::sample() const {
  const auto time = [](std::uint64_t ns) { return nanoseconds{static_cast<std::int64_t>(ns)}; };
  return {SenderTime{time(reply.sent)}, ReceiverTime{time(reply.received)}, ReceiverTime{time(reply.replied)}, at};
}

bool Answer::plausible() const {
  const traffic::ClockSample times = sample();
  return traffic::plausible(times.sent.time_since_epoch()) && traffic::plausible(times.received.time_since_epoch()) &&
         traffic::plausible(times.replied.time_since_epoch()) && times.sent <= times.answered &&
         times.received <= times.replied;
}

asio::awaitable<traffic::ClockExchange> PathEnd::exchange_clocks(const ProbeKey& key, std::uint32_t count,
                                                                 std::uint32_t least, Clock::duration limit,
                                                                 Clock::duration each) {
  traffic::ClockExchange exchange;
  const auto end = Clock::now() + limit;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto answer = co_await round_trip(key, ++last_attempt_, each);
    if (answer) exchange.add(answer->sample());
    if (i + 1 >= least && Clock::now() >= end) break;
  }
  co_return exchange;
}

std::string network_error(int error) {
  switch (error) {
    case EHOSTUNREACH: return "host unreachable (ICMP)";
    case ENETUNREACH: return "network unreachable";
    case EACCES:
    case EPERM: return "sending is forbidden here (a firewall)";
    default: return std::generic_category().message(error);
  }
}

}  // namespace paceline::sender
