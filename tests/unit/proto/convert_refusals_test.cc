// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "proto/convert.h"
#include "tests/unit/proto/filled.h"

namespace paceline::wire {
namespace {

using namespace filled;

// A good message, changed in one way that must be refused.
template <class Wire, class Model, class Change>
void expect_refused(const Model& model, Change change, const char* what) {
  Wire message;
  to_wire(model, message);
  ASSERT_NO_THROW(from_wire(message)) << what;
  change(message);
  EXPECT_THROW(from_wire(message), WireError) << what;
}

TEST(ConvertRefusals, DistributionsThatContradictThemselvesAreRefused) {
  Counter counter;
  const auto good = distribution(counter);
  const auto refused = [&](auto change, const char* what) { expect_refused<Distribution>(good, change, what); };
  refused([](Distribution& d) { d.set_count(d.count() + 1); }, "count too high");
  refused([](Distribution& d) { d.set_count(d.count() - 1); }, "count too low");
  refused([](Distribution& d) { d.set_count(0); }, "buckets of nothing");
  refused([](Distribution& d) { d.set_bucket_counts(1, 0); }, "empty bucket");
  refused([](Distribution& d) { d.set_bucket_counts(1, ~0ull); }, "counts that overflow");
  refused([](Distribution& d) { d.add_bucket_counts(1); }, "a count without a bucket");
  refused([](Distribution& d) { d.add_bucket_steps(1); }, "a bucket without a count");
  refused([](Distribution& d) { d.set_bucket_steps(1, 0); }, "a bucket twice");
  refused([](Distribution& d) { d.set_bucket_steps(2, -5); }, "buckets that descend");
  refused([](Distribution& d) { d.set_bucket_steps(0, -buckets::kMaxIndex - 1); }, "a bucket below all");
  refused([](Distribution& d) { d.set_bucket_steps(2, std::numeric_limits<std::int32_t>::max()); }, "one beyond all");
  refused([](Distribution& d) { d.set_min(d.max() + 1); }, "minimum above maximum");
  refused([](Distribution& d) { d.set_min(d.min() - d.min() / 2); }, "minimum out of its bucket");
  refused([](Distribution& d) { d.set_max(d.max() * 2); }, "maximum out of its bucket");
  refused([](Distribution& d) { d.set_sum_high(1ull << 62); }, "a mean above the maximum");
  refused([](Distribution& d) { d.set_sum_high(0x8000000000000000); }, "a mean below the minimum");
  expect_refused<Distribution>(
      paceline::Distribution{}, [](Distribution& d) { d.set_min(1); }, "minimum of nothing");
  expect_refused<Distribution>(
      paceline::Distribution{}, [](Distribution& d) { d.set_sum_low(1); }, "sum of nothing");
}

TEST(ConvertRefusals, IntervalsThatMakeNoSenseAreRefused) {
  Counter counter;
  const auto good = interval(counter);
  const auto refused = [&](auto change, const char* what) { expect_refused<PacketInterval>(good, change, what); };
  refused([](PacketInterval& i) { i.set_end(i.start() - 1); }, "ends before it starts");
  refused([](PacketInterval& i) { i.set_start(-1); }, "starts before the flow");
  refused([](PacketInterval& i) { i.set_smoothed_jitter(-1); }, "negative jitter");
  refused([](PacketInterval& i) { i.mutable_corrections(0)->set_interval(i.index()); }, "corrects itself");
  refused(
      [](PacketInterval& i) {
        for (int n = 0; n < 64; ++n) i.add_corrections();
      },
      "too many corrections");
  refused([](PacketInterval& i) { i.mutable_statistics()->mutable_segments()->RemoveLast(); }, "a segment is missing");
  refused([](PacketInterval& i) { i.mutable_statistics()->add_segments(); }, "a segment too many");
  refused([](PacketInterval& i) { i.clear_statistics(); }, "no statistics");
}

TEST(ConvertRefusals, ResultsThatMakeNoSenseAreRefused) {
  Counter counter;
  const auto good = flow_result(counter);
  const auto refused = [&](auto change, const char* what) { expect_refused<PacketFlowResult>(good, change, what); };
  refused([](PacketFlowResult& f) { f.clear_spec(); }, "no specification");
  refused([](PacketFlowResult& f) { f.mutable_spec()->set_rate_pps(std::numeric_limits<double>::quiet_NaN()); },
          "NaN rate");
  refused([](PacketFlowResult& f) { f.mutable_spec()->set_rate_pps(1e9); }, "rate too high");
  refused([](PacketFlowResult& f) { f.mutable_spec()->set_size(3); }, "size too small");
  refused([](PacketFlowResult& f) { f.mutable_spec()->set_duration(-1); }, "negative duration");
  refused([](PacketFlowResult& f) { f.mutable_spec()->set_interval(1); }, "tiny interval");
  refused([](PacketFlowResult& f) { f.mutable_spec()->set_pacing(PACING_UNSPECIFIED); }, "no pacing");
  refused([](PacketFlowResult& f) { f.mutable_spec()->set_pacing(static_cast<Pacing>(77)); }, "unknown pacing");
  refused([](PacketFlowResult& f) { f.mutable_spec()->set_late(static_cast<LatePolicy>(77)); }, "unknown policy");
  refused([](PacketFlowResult& f) { f.mutable_spec()->set_omit(-1); }, "negative warm-up");
  refused([](PacketFlowResult& f) { f.mutable_spec()->set_omit(1); }, "a warm-up of a part of an interval");
  refused([](PacketFlowResult& f) { f.mutable_spec()->set_batching(static_cast<Batching>(77)); }, "unknown batching");
  refused([](PacketFlowResult& f) { f.mutable_spec()->set_batch(129); }, "a batch too large");
  refused([](PacketFlowResult& f) { f.mutable_sent()->set_span(-1); }, "negative span");
  refused([](PacketFlowResult& f) { f.mutable_sent()->set_batching(static_cast<Batching>(77)); }, "unknown batching");
  refused([](PacketFlowResult& f) { f.mutable_sent()->set_batch(129); }, "a batch too large");
  refused([](PacketFlowResult& f) { f.mutable_sender_cpu()->set_user(-1); }, "negative CPU time");
  refused([](PacketFlowResult& f) { f.mutable_path()->set_first_packet(-1); }, "negative round trip");
  refused([](PacketFlowResult& f) { f.mutable_stamping()->set_hook(static_cast<Hook>(77)); }, "unknown hook");
  refused([](PacketFlowResult& f) { f.mutable_clock()->set_verdict(CLOCK_VERDICT_UNSPECIFIED); }, "no verdict");
  refused([](PacketFlowResult& f) { f.mutable_clock()->set_error_bound(-1); }, "negative bound");
  refused([](PacketFlowResult& f) { f.set_smoothed_jitter(-1); }, "negative jitter");
  refused([](PacketFlowResult& f) { f.mutable_spec()->mutable_model()->set_idt("nonsense:1"); }, "unknown family");
  refused([](PacketFlowResult& f) { f.mutable_spec()->mutable_model()->clear_size(); }, "no size model");
  refused([](PacketFlowResult& f) { f.mutable_spec()->mutable_model()->set_idt(std::string(20'000, ' ') + "1ms"); },
          "a model without end");
  refused([](PacketFlowResult& f) { f.mutable_spec()->mutable_model()->mutable_bursts()->clear_off(); }, "no off time");
  refused([](PacketFlowResult& f) { f.mutable_spec()->mutable_trace()->set_file("f"); }, "a model and a trace");
  refused([](PacketFlowResult& f) { f.mutable_spec()->set_name(std::string(65, 'n')); }, "a name too long");
  refused([](PacketFlowResult& f) { f.mutable_spec()->set_payload_file(std::string(4097, 'f')); }, "a path too long");
  refused([](PacketFlowResult& f) { f.mutable_spec()->set_transport(static_cast<Transport>(77)); }, "no transport");
  refused([](PacketFlowResult& f) { f.mutable_spec()->set_meter(static_cast<Meter>(77)); }, "unknown meter");
  refused([](PacketFlowResult& f) { f.mutable_spec()->set_payload(static_cast<Payload>(77)); }, "unknown payload");
  refused([](PacketFlowResult& f) { f.mutable_spec()->set_delay(-1); }, "negative delay");
  refused([](PacketFlowResult& f) { f.mutable_spec()->set_sctp_streams(65536); }, "too many SCTP streams");
  refused([](PacketFlowResult& f) { f.mutable_spec()->mutable_socket()->set_dscp(256 + 1); }, "DSCP out of range");
  refused([](PacketFlowResult& f) { f.mutable_spec()->mutable_socket()->set_dscp(64); }, "DSCP out of its range");
  refused([](PacketFlowResult& f) { f.mutable_spec()->mutable_socket()->set_source_port(65536); }, "no port");
  refused([](PacketFlowResult& f) { f.mutable_sent()->set_due_span(-1); }, "negative span of due times");
  refused([](PacketFlowResult& f) { f.mutable_sent()->mutable_drawn()->set_mean_gap(-1); }, "negative mean");
  refused(
      [](PacketFlowResult& f) {
        f.mutable_sent()->mutable_drawn()->set_mean_size(std::numeric_limits<double>::quiet_NaN());
      },
      "NaN mean");
  refused([](PacketFlowResult& f) { f.mutable_round_trip()->set_smoothed_jitter(-1); }, "negative jitter of echoes");
  refused([](PacketFlowResult& f) { f.mutable_round_trip()->clear_statistics(); }, "a round trip without statistics");
}

TEST(ConvertRefusals, TcpIntervalsThatMakeNoSenseAreRefused) {
  Counter counter;
  const auto good = tcp_interval(counter);
  const auto refused = [&](auto change, const char* what) { expect_refused<TcpInterval>(good, change, what); };
  refused([](TcpInterval& i) { i.set_end(i.start() - 1); }, "ends before it starts");
  refused([](TcpInterval& i) { i.set_start(-1); }, "starts before the flow");
  refused(
      [](TcpInterval& i) {
        for (int n = 0; n < 1023; ++n) i.add_streams();
      },
      "too many streams");
  const auto info = [](TcpInterval& i) { return i.mutable_streams(1)->mutable_info(); };
  refused([&](TcpInterval& i) { info(i)->set_smoothed_rtt(-1); }, "negative round trip");
  refused([&](TcpInterval& i) { info(i)->set_rtt_variance(-1); }, "negative variance");
  refused([&](TcpInterval& i) { info(i)->set_min_rtt(-1); }, "negative least round trip");
  refused([&](TcpInterval& i) { info(i)->set_busy(-1); }, "negative busy time");
  refused([&](TcpInterval& i) { info(i)->set_receive_window_limited(-1); }, "negative time of a full window");
  refused([&](TcpInterval& i) { info(i)->set_send_buffer_limited(-1); }, "negative time of a full buffer");
  refused([&](TcpInterval& i) { info(i)->set_delivery_rate_bps(-1); }, "negative rate");
  refused([&](TcpInterval& i) { info(i)->set_pacing_rate_bps(std::numeric_limits<double>::infinity()); },
          "infinite rate");
  refused([](TcpInterval& i) { i.mutable_host_delay()->set_count(1); }, "distribution that contradicts itself");
}

TEST(ConvertRefusals, TcpResultsThatMakeNoSenseAreRefused) {
  Counter counter;
  const auto good = tcp_flow_result(counter);
  const auto refused = [&](auto change, const char* what) { expect_refused<TcpFlowResult>(good, change, what); };
  refused([](TcpFlowResult& f) { f.clear_spec(); }, "no specification");
  refused([](TcpFlowResult& f) { f.mutable_spec()->set_streams(0); }, "no streams");
  refused([](TcpFlowResult& f) { f.mutable_spec()->set_streams(1025); }, "too many streams");
  refused([](TcpFlowResult& f) { f.mutable_spec()->set_bitrate_bps(-1); }, "negative bitrate");
  refused([](TcpFlowResult& f) { f.mutable_spec()->set_bitrate_bps(std::numeric_limits<double>::quiet_NaN()); },
          "NaN bitrate");
  refused([](TcpFlowResult& f) { f.mutable_spec()->set_congestion("a b"); }, "a name that is none");
  refused([](TcpFlowResult& f) { f.mutable_spec()->set_congestion(std::string("bb\0r", 4)); }, "a name with a zero");
  refused([](TcpFlowResult& f) { f.mutable_spec()->set_mss(1); }, "tiny segments");
  refused([](TcpFlowResult& f) { f.mutable_spec()->set_socket_buffer(1); }, "tiny buffer");
  refused([](TcpFlowResult& f) { f.mutable_spec()->set_direction(DIRECTION_UNSPECIFIED); }, "no direction");
  refused([](TcpFlowResult& f) { f.mutable_spec()->set_send(SEND_MODE_UNSPECIFIED); }, "no way to send");
  refused([](TcpFlowResult& f) { f.mutable_spec()->set_receive(static_cast<ReceiveMode>(77)); }, "unknown receipt");
  refused([](TcpFlowResult& f) { f.mutable_streams(0)->set_connect(-1); }, "negative connect time");
  refused(
      [](TcpFlowResult& f) {
        for (int n = 0; n < 1023; ++n) f.add_streams();
      },
      "too many streams told");
  refused([](TcpFlowResult& f) { f.mutable_receiver_cpu()->set_elapsed(-1); }, "negative CPU time");
}

TEST(ConvertRefusals, ConnectionFlowsThatMakeNoSenseAreRefused) {
  Counter counter;
  const auto good = connection_spec(counter);
  const auto refused = [&](auto change, const char* what) { expect_refused<ConnectionFlowSpec>(good, change, what); };
  refused([](ConnectionFlowSpec& f) { f.set_transport(TRANSPORT_UNSPECIFIED); }, "no transport");
  refused([](ConnectionFlowSpec& f) { f.set_rate(-1); }, "negative rate");
  refused([](ConnectionFlowSpec& f) { f.set_rate(std::numeric_limits<double>::quiet_NaN()); }, "NaN rate");
  refused([](ConnectionFlowSpec& f) { f.set_concurrency(1u << 30); }, "too many at once");
  refused([](ConnectionFlowSpec& f) { f.set_timeout(0); }, "no timeout");
  refused([](ConnectionFlowSpec& f) { f.set_duration(0); }, "no duration");
}

TEST(ConvertRefusals, RunsThatMakeNoSenseAreRefused) {
  Counter counter;
  const auto good = run_result(counter);
  const auto refused = [&](auto change, const char* what) { expect_refused<RunResult>(good, change, what); };
  const auto became = [](RunResult& r) { return r.mutable_slices(0)->mutable_objectives(0); };
  const auto asked = [](RunResult& r) { return r.mutable_slices(0)->mutable_spec()->mutable_objectives(0); };
  refused([](RunResult& r) { r.add_flows(); }, "a flow of no kind");
  refused([](RunResult& r) { r.mutable_slices(0)->mutable_spec()->add_flows(3); }, "a flow that is not there");
  refused([](RunResult& r) { r.mutable_slices(0)->add_objectives(); }, "more results than objectives");
  refused([&](RunResult& r) { asked(r)->set_metric(METRIC_UNSPECIFIED); }, "no metric");
  refused([&](RunResult& r) { asked(r)->set_statistic(static_cast<Statistic>(77)); }, "unknown statistic");
  refused([&](RunResult& r) { asked(r)->set_percentile(101); }, "a percentile beyond all");
  refused([&](RunResult& r) { asked(r)->set_limit(std::numeric_limits<double>::infinity()); }, "no limit");
  refused([&](RunResult& r) { became(r)->set_value(std::numeric_limits<double>::quiet_NaN()); }, "NaN value");
  refused([&](RunResult& r) { became(r)->set_margin(std::numeric_limits<double>::quiet_NaN()); }, "NaN margin");
  const auto exchanges = [](RunResult& r) { return r.mutable_flows(2)->mutable_connections()->mutable_exchanges(); };
  refused([&](RunResult& r) { exchanges(r)->add_failed(1); }, "an unknown failure");
  refused([](RunResult& r) { r.mutable_flows(2)->mutable_connections()->set_span(-1); }, "negative span");
}

TEST(ConvertRefusals, HostsWithoutBound) {
  Counter counter;
  const auto good = host(counter);
  const auto refused = [&](auto change, const char* what) { expect_refused<Host>(good, change, what); };
  refused(
      [](Host& h) {
        while (h.interfaces_size() <= static_cast<int>(paceline::Host::kMaxInterfaces)) h.add_interfaces();
      },
      "too many interfaces");
  refused(
      [](Host& h) {
        for (int n = 0; n < 65; ++n) h.mutable_interfaces(0)->add_programs("a program");
      },
      "too many programs");
  refused(
      [](Host& h) {
        for (int n = 0; n < 65; ++n) h.mutable_interfaces(0)->add_offloads("an offload");
      },
      "too many offloads");
}

}  // namespace
}  // namespace paceline::wire
