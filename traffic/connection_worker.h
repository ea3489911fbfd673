// SPDX-License-Identifier: MIT
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "paceline/clock.h"
#include "paceline/result.h"
#include "proto/packet.h"
#include "traffic/connection_load.h"
#include "traffic/connection_rows.h"
#include "traffic/file_descriptor.h"
#include "traffic/pacer.h"
#include "traffic/schedule.h"

namespace paceline::traffic {

/// Makes its share of a flow's exchanges on one thread: of a flow with a rate every `workers`th slot. All that an
/// exchange needs was allocated before.
class ConnectionWorker {
 public:
  struct Share {
    std::size_t index = 0;
    std::size_t workers = 1;
    std::uint32_t concurrency = 1;
    bool spin = false;  ///< right before a due time
  };

  /// When the measured part's exchanges were; none if never.
  struct Span {
    std::optional<SenderTime> first_start;
    std::optional<SenderTime> last_completion;
  };

  /// A slot that could not be served in time is still served so long after the flow's duration; then it was missed.
  static constexpr nanoseconds kOvertime = std::chrono::seconds(1);
  /// A flow without a rate tries a place whose exchange failed again after this, so that a closed port is not hammered.
  static constexpr nanoseconds kRest = std::chrono::milliseconds(10);

  /// `spec`, `sink` and `rows` outlive it. `measuring` is called when the measured part begins. Throws SetupError.
  ConnectionWorker(const ConnectionLoadSpec& spec, const Share& share, ExchangeSink& sink, ConnectionRows& rows,
                   std::function<void()> measuring);

  /// Until the flow is over. Returns whether this was its last worker.
  bool run();
  const Span& span() const { return span_; }

  // From any thread.
  /// Starts no more.
  void stop();
  /// Drops what is under way, too.
  void break_off();

 private:
  enum class Phase : std::uint8_t { idle, connecting, asked, closing };

  /// A place for an exchange.
  struct Exchange {
    int fd = -1;
    Phase phase = Phase::idle;
    bool watched = false;
    std::uint8_t have = 0;  // bytes of the reply
    std::uint32_t attempt = 0;
    SenderTime began{};  // also: when a failed one ended
    SenderTime asked{};
    nanoseconds connect{0};
    std::array<std::uint8_t, packet::kProbeReplySize + 1> reply{};
    std::uint32_t before = 0, after = 0;  // in its queue
  };

  /// Places in the order in which they came in: with a constant wait for all, that of their deadlines too.
  class Queue {
   public:
    explicit Queue(std::vector<Exchange>& places) : places_(places) {}
    bool empty() const { return first_ == kNone; }
    std::uint32_t first() const { return first_; }
    void push(std::uint32_t place);
    void erase(std::uint32_t place);

   private:
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};
    std::vector<Exchange>& places_;
    std::uint32_t first_ = kNone, last_ = kNone;
  };

  bool starting(SenderTime now) const;
  void start_what_is_due(SenderTime now);
  void start_slots(SenderTime now);
  void start(SenderTime due);
  int open(Exchange& exchange);
  void advance(std::uint32_t place);
  bool ask(std::uint32_t place);
  bool take_reply(std::uint32_t place);
  void watch(std::uint32_t place);
  void fail(std::uint32_t place, ConnectionFailure failure);
  void complete(std::uint32_t place, SenderTime now);
  void close(std::uint32_t place);
  void expire(SenderTime now);
  void cut_rows(SenderTime now);
  Exchanges take_share();
  bool over(SenderTime now) const;
  SenderTime next_turn(SenderTime now) const;
  std::size_t wait(SenderTime now);

  const ConnectionLoadSpec& spec_;
  const Share share_;
  ExchangeSink& sink_;
  ConnectionRows& rows_;
  std::function<void()> measuring_;

  const bool tcp_;
  const int family_;
  const SenderTime end_;
  sockaddr_storage to_{};
  socklen_t to_length_ = 0;
  sockaddr_storage source_{};
  socklen_t source_length_ = 0;

  FileDescriptor epoll_;
  FileDescriptor bell_;
  std::array<epoll_event, 128> events_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> breaking_{false};

  std::vector<Exchange> places_;
  std::vector<std::uint32_t> idle_;
  Queue under_way_{places_};
  Queue resting_{places_};

  std::optional<ConstantRate> schedule_;
  SenderTime next_due_ = SenderTime::max();  // of a flow with a rate: its next slot's; max(): there is none
  std::uint64_t slots_left_ = 0;
  SleepMargin margin_;
  std::uint32_t next_attempt_;

  std::uint64_t row_ = 0;
  SenderTime row_end_;
  Exchanges counts_;
  Span span_;
};

}  // namespace paceline::traffic
