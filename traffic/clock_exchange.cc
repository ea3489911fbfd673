// SPDX-License-Identifier: MIT
#include "traffic/clock_exchange.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "traffic/clock_source.h"

namespace paceline::traffic {

bool ClockExchange::add(const ClockSample& sample) {
  for (const nanoseconds time : {sample.sent.time_since_epoch(), sample.received.time_since_epoch(),
                                 sample.replied.time_since_epoch(), sample.answered.time_since_epoch()}) {
    if (!plausible(time)) return false;
  }
  if (sample.answered < sample.sent || sample.replied < sample.received || sample.round_trip() < nanoseconds{0})
    return false;
  ++count_;
  if (!best_ || sample.round_trip() < best_->round_trip()) best_ = sample;
  return true;
}

ClockIdentity read_clock_identity() {
  ClockIdentity identity;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> identity.boot_id;
  struct stat status {};
  if (stat("/proc/self/ns/time", &status) == 0) identity.time_namespace = status.st_ino;
  std::ifstream offsets("/proc/self/timens_offsets");
  std::string clock;
  std::int64_t seconds = 0, rest = 0;
  while (offsets >> clock >> seconds >> rest) {
    if (clock == "monotonic") identity.monotonic_offset = std::chrono::seconds(seconds) + nanoseconds(rest);
  }
  return identity;
}

nanoseconds realtime_offset() {
  // The narrowest of a few readings: a preemption between the two clocks would be taken for an offset.
  nanoseconds best{0}, narrowest = nanoseconds::max();
  for (int i = 0; i < 3; ++i) {
    timespec real{};
    const auto before = now<SenderClock>();
    clock_gettime(CLOCK_REALTIME, &real);
    const auto after = now<SenderClock>();
    if (after - before >= narrowest) continue;
    narrowest = after - before;
    best = std::chrono::seconds(real.tv_sec) + nanoseconds(real.tv_nsec) -
           (before + (after - before) / 2).time_since_epoch();
  }
  return best;
}

ClockResult judge(const ClockExchange& before, bool same_clock, std::optional<nanoseconds> synchronized_offset) {
  ClockResult result;
  result.exchanges_before = before.count();
  result.min_round_trip = before.min_round_trip();
  if (before.count() > 0) {
    result.verdict = ClockVerdict::estimated;
    result.offset = before.offset();
    result.error_bound = before.error_bound();
  }
  const nanoseconds measured = std::chrono::abs(before.offset());
  if (synchronized_offset) {
    // What the exchange can prove of the user's word: the true offset lies within its bound.
    result.verdict = ClockVerdict::synchronized;
    result.error_bound = std::chrono::abs(*synchronized_offset - before.offset()) + before.error_bound();
    result.offset = *synchronized_offset;
  } else if (same_clock && before.count() > 0 && measured <= before.error_bound()) {
    result.verdict = ClockVerdict::same_host;
    result.offset = result.error_bound = nanoseconds{0};
  }
  return result;
}

ClockResult widen(const ClockResult& before, const ClockExchange& first, const ClockExchange& after) {
  ClockResult result = before;
  result.exchanges_after = after.count();
  if (after.count() == 0) return result;
  if (result.exchanges_before == 0 || after.min_round_trip() < result.min_round_trip)
    result.min_round_trip = after.min_round_trip();
  result.drift = after.offset() - first.offset();
  if (result.verdict != ClockVerdict::same_host) {
    const nanoseconds disagreement = std::chrono::abs(after.offset() - result.offset) + after.error_bound();
    result.error_bound = std::max(result.error_bound, disagreement);
  }
  return result;
}

}  // namespace paceline::traffic
