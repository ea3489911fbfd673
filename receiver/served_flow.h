// SPDX-License-Identifier: MIT
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/ip/address.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "paceline/flow.h"
#include "proto/packet.h"
#include "proto/signalling.pb.h"
#include "receiver/served_record.h"
#include "receiver/service.h"

namespace paceline::receiver {

/// What a flow needs of its session.
class FlowOwner {
 public:
  virtual ~FlowOwner() = default;
  virtual asio::any_io_executor executor() = 0;
  virtual Service& service() = 0;
  /// The sender, as the signalling connection shows it.
  virtual asio::ip::address client() const = 0;
  virtual void send(const wire::Message& message) = 0;
  /// Tells the sender that the flow is not to be, or not yet.
  virtual void refuse_flow(std::uint32_t flow_id, const std::string& reason) = 0;
  /// Something that the flow can do without is not granted.
  virtual void note_refusal(const std::string& reason) = 0;
  /// The flow takes traffic.
  virtual void started(std::uint32_t flow_id) = 0;
  /// The flow is over, and has said what it had to say.
  virtual void forget(std::uint32_t flow_id) = 0;
};

/// One flow of a session, from its offer to its summary; a kind of flow is a class below this one. Lives on the
/// session's executor: what the data threads tell is posted there.
class ServedFlow : public std::enable_shared_from_this<ServedFlow> {
 public:
  /// Without a FlowDone the flow is over this long after its duration.
  static constexpr std::chrono::seconds kOvertime{30};

  virtual ~ServedFlow() = default;

  /// From now on its probes are answered.
  virtual void open() = 0;

  /// Makes it run, or refuses; then it may be asked for again. Throws WireError.
  void start(const wire::StartFlow& request);

  /// The sender's side is over. Throws WireError.
  virtual void done(const wire::FlowDone& report) = 0;

  /// Ends it now; if it runs, with a partial summary for this reason.
  void end(const std::string& why);

  /// Its start is to be so long after its StartFlow. Precondition: not asked to start.
  void expect_delay(nanoseconds delay) { delay_ = delay; }

  /// The sender will fetch its record. Only packet flows make one. Precondition: not asked to start.
  void make_record(std::shared_ptr<ServedRecord> record) { record_ = std::move(record); }

  bool over() const { return phase_ == Phase::over; }

  /// Whether a probe of it has come; knocks are of no more use then.
  bool probed() const { return probed_ || phase_ != Phase::offered; }

  /// Offered for so long, and still not asked to start.
  bool unstarted_for(std::chrono::steady_clock::duration time) const {
    return phase_ == Phase::offered && std::chrono::steady_clock::now() - opened_ > time;
  }

 protected:
  enum class Phase { offered, starting, running, over };

  /// What StartFlow settles for every kind.
  struct Agreed {
    SenderTime start{};
    PathResult path;
    ClockResult clock;  // its offset is frozen
    ReceiverTime starts_at{};
  };

  ServedFlow(std::shared_ptr<FlowOwner> owner, std::uint32_t id, const packet::Secret& secret)
      : owner_(std::move(owner)), id_(id), secret_(secret), overtime_(owner_->executor()) {}

  /// StartFlow's times make sense; sees to the rest: calls running() or refuse_start(), now or later.
  virtual void begin(const wire::StartFlow& request) = 0;
  /// Takes it off the data path. If it runs, it will be told of its end and call finish().
  virtual void break_off() = 0;
  /// No FlowDone has come in time.
  virtual void out_of_time() {}

  Service& service() const { return owner_->service(); }
  asio::ip::address client() const { return owner_->client(); }
  std::uint32_t id() const { return id_; }
  const packet::Secret& secret() const { return secret_; }
  Phase phase() const { return phase_; }
  const Agreed& agreed() const { return agreed_; }
  /// What the sender will fetch; null if nothing.
  const std::shared_ptr<ServedRecord>& record() const { return record_; }
  /// Why it was cut short; empty if it was not.
  const std::string& ending() const { return ending_; }

  /// Tells the sender that a probe has come this way. From any thread.
  void confirm_path(std::uint32_t attempt, const traffic::Address& arrived_at, const traffic::Address& seen_from,
                    const Stamping& stamping);
  /// Tells the sender what the door tells.
  std::shared_ptr<TcpDoorListener> door_events();
  void refuse(const std::string& reason);
  void refuse_start(const std::string& reason);
  void note_refusal(const std::string& reason) { owner_->note_refusal(reason); }
  /// The data path will tell of its end.
  void now_running() { phase_ = Phase::running; }
  void say_started(const FlowResult& result, const Stamping& stamping, const std::string& warning,
                   std::uint64_t duplicate_window = 0);
  void send(const wire::Message& message) { owner_->send(message); }
  /// Calls out_of_time() when a flow that lasts `length` should have been over for kOvertime.
  void expect_done_after(nanoseconds length);
  /// FlowDone's clock with the offset that was used.
  ClockResult closing_clock(const wire::FlowDone& report) const;
  /// The last call: no more is told. The summary has been sent.
  void finish();

  /// Runs `event` on the session's executor; the flow outlives it. From any thread.
  template <class Event>
  void post(Event event) {
    asio::post(owner_->executor(), [self = shared_from_this(), event = std::move(event)]() mutable { event(); });
  }

 private:
  class DoorEvents;

  std::shared_ptr<FlowOwner> owner_;
  std::uint32_t id_;
  packet::Secret secret_;
  std::chrono::steady_clock::time_point opened_ = std::chrono::steady_clock::now();
  Phase phase_ = Phase::offered;
  nanoseconds delay_{0};
  bool probed_ = false;
  Agreed agreed_;
  std::shared_ptr<ServedRecord> record_;
  std::string ending_;
  asio::steady_timer overtime_;
};

/// Of the kind that `spec` is.
std::shared_ptr<ServedFlow> make_served_flow(std::shared_ptr<FlowOwner> owner, std::uint32_t id,
                                             const packet::Secret& secret, const FlowSpec& spec);

}  // namespace paceline::receiver
