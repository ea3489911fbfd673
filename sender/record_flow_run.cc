// SPDX-License-Identifier: MIT
#include "sender/record_flow_run.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

#include "paceline/error.h"
#include "traffic/clock_source.h"
#include "traffic/sctp.h"

namespace paceline::sender {

namespace {

constexpr std::uint32_t kLeastExchanges = 3;
constexpr std::chrono::milliseconds kExchangeTime{100};
constexpr std::chrono::seconds kRoundTripLimit{5};  // a lost segment is sent again by then, more than once
constexpr std::chrono::seconds kEchoWait{5};        // for echoes that queue on the way, or are sent again

}  // namespace

/// Hands what comes back to the flow's round trips.
class RecordFlowRun::EchoedRecords : public traffic::RecordSink {
 public:
  explicit EchoedRecords(RoundTrips& trips) : trips_(trips) {}

  void record(const packet::Header& header, std::uint32_t size, nanoseconds now) override {
    if (over_) return;
    trips_.echo({header, size, traffic::Echo::kNoStamp, SenderTime{now}});
    if (trips_.next_tick() == SenderTime::min()) tick(now);  // all are back
  }

  nanoseconds tick(nanoseconds now) override {
    if (!over_ && !trips_.tick(SenderTime{now})) {
      over_ = true;
      trips_.ended();
    }
    return over_ ? nanoseconds::max() : trips_.next_tick().time_since_epoch();
  }

  void ended(const std::string&, nanoseconds) override { broken_ = true; }  // the sending side tells why

  /// So many were sent.
  void done(std::uint64_t records, nanoseconds now) {
    if (!over_) trips_.done(records, SenderTime{now}, broken_ ? nanoseconds{0} : nanoseconds{kEchoWait});
  }

 private:
  RoundTrips& trips_;
  bool broken_ = false;
  bool over_ = false;
};

RecordFlowRun::RecordFlowRun(RunContext& run, std::size_t index, std::uint16_t source_port,
                             const traffic::PacketPlan& plan, RecordTraffic& traffic)
    : PacketFlowRun(run, index, source_port, plan), traffic_(traffic) {}

void RecordFlowRun::configure(int socket) const {
  if (over_sctp()) return traffic::configure_sctp(socket, spec().sctp_streams, spec().no_delay);
  const int on = spec().no_delay ? 1 : 0;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

asio::awaitable<void> RecordFlowRun::prepare() {
  const wire::FlowOffer offer = co_await ask();
  const auto set_options = [this](int socket) { configure(socket); };
  // Not by ?: around co_await, which g++ 12 gets wrong.
  FoundPath found;
  if (over_sctp()) {
    found = co_await find_sctp_path(offer, set_options);
  } else {
    found = co_await find_tcp_path(offer, set_options);
  }
  connection_ = std::static_pointer_cast<ProbeConnection>(found.end);
  attempt_ = found.attempt.number;
  co_await confirm(found);
  judge_clocks(
      co_await connection_->exchange_clocks(key(), exchanges(), kLeastExchanges, kExchangeTime, kRoundTripLimit));
  if (!connection_->is_open()) throw SetupError("the data connection's probes were no longer answered");
  if (over_sctp()) check_streams(connection_->fd());
}

void RecordFlowRun::check_streams(int socket) const {
  const std::uint16_t granted = traffic::sctp_streams_out(socket);
  if (granted < spec().sctp_streams)
    throw SetupError(std::to_string(spec().sctp_streams) + " SCTP streams were asked, the receiver takes " +
                     std::to_string(granted));
}

void RecordFlowRun::fill(wire::StartFlow& request) {
  request.add_streams(attempt_);
  configure(connection_->fd());  // the probes went without Nagle's algorithm
  socket_ = std::make_shared<const traffic::FileDescriptor>(connection_->release());
  traffic::RecordFlow flow;
  flow.socket = socket_->get();
  flow.flow_id = key().flow_id;
  flow.plan = plan();
  flow.start = start_time();
  flow.sink = &lateness();
  number_ = traffic_.add(std::move(flow), [this](traffic::RecordFlowOutcome&& outcome) {
    on_sent(std::move(outcome), traffic_.warnings());
  });
}

void RecordFlowRun::begin() {
  if (spec().meter == Meter::round_trip) measure_round_trips();
}

void RecordFlowRun::measure_round_trips() {
  round_trips_ =
      std::make_unique<RoundTrips>(executor(), key().flow_id, spec(), start_time(), echo_listener(), Hook::none);
  traffic::RecordConnection connection;
  connection.socket = socket_;
  connection.sctp = over_sctp();
  connection.flow_id = key().flow_id;
  connection.type = packet::Type::echo;
  connection.least = least_size();
  connection.largest = spec().size;
  reading_ = traffic_.reader().add(std::move(connection), std::make_unique<EchoedRecords>(*round_trips_));
}

/// Stragglers are waited for. Precondition: nothing is being sent.
asio::awaitable<void> RecordFlowRun::await_echoes() {
  if (!reading_) co_return;
  traffic_.reader().post(*reading_, [sent = sequences()](traffic::RecordSink& sink, nanoseconds now) {
    static_cast<EchoedRecords&>(sink).done(sent, now);
  });
  co_await echoes_end();
  traffic_.reader().remove(*reading_);
  reading_.reset();
}

asio::awaitable<void> RecordFlowRun::break_off() {
  if (!over()) halt();
  co_await until_over();
  co_await await_echoes();
}

asio::awaitable<void> RecordFlowRun::report(wire::FlowDone& done) {
  co_await await_echoes();
  tell_sent(done);
}

}  // namespace paceline::sender
