// SPDX-License-Identifier: MIT
#include "proto/convert.h"

#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>

namespace paceline::wire {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Numbers that differ from field to field, so that two that were swapped show.
class Counter {
 public:
  std::uint32_t next() { return ++value_; }
  nanoseconds time() { return nanoseconds{next()}; }
  std::string text() { return "text " + std::to_string(next()); }

 private:
  std::uint32_t value_ = 1000;
};

paceline::Distribution distribution(Counter& counter) {
  paceline::Distribution values;
  values.min = -std::int64_t{counter.next()} * 1'000'000'000'000;
  values.max = std::int64_t{counter.next()} * 1'000'000;
  const auto many = std::uint64_t{counter.next()} << 40;
  values.buckets = {
      {buckets::index_of(values.min), counter.next()}, {0, many}, {buckets::index_of(values.max), counter.next()}};
  for (const auto& bucket : values.buckets) values.count += bucket.count;
  values.sum = static_cast<uint128>(-int128{counter.next()});
  values.sum_squares = uint128{counter.next()} << 64 | counter.next();
  return values;
}

paceline::Received received(Counter& counter) {
  return {counter.next(), counter.next(), -std::int64_t{counter.next()},
          counter.next(), counter.next(), counter.next(),
          counter.next(), counter.next(), counter.next(),
          counter.next(), counter.next()};
}

paceline::Statistics statistics(Counter& counter) {
  paceline::Statistics all;
  for (auto& segment : all.segments) segment = distribution(counter);
  all.ipdv = distribution(counter);
  all.jitter = distribution(counter);
  return all;
}

paceline::PacketInterval interval(Counter& counter) {
  paceline::PacketInterval row;
  row.index = counter.next();
  row.start = counter.time();
  row.end = counter.time();
  row.received = received(counter);
  row.corrections = {{1, -2}, {3, -4}};
  row.statistics = statistics(counter);
  row.smoothed_jitter = counter.time();
  row.first_arrival = -counter.time();
  row.last_arrival = counter.time();
  row.last = true;
  row.omitted = true;
  row.meter = paceline::Meter::round_trip;
  return row;
}

paceline::SocketSpec socket_spec(Counter& counter) {
  paceline::SocketSpec socket;
  socket.dscp = 46;
  socket.ecn = 2;
  socket.hop_limit = 7;
  socket.fragments = paceline::Fragments::never;
  socket.interface = "eth7";
  socket.source = "192.0.2." + std::to_string(counter.next() % 256);
  socket.source_port = static_cast<std::uint16_t>(counter.next());
  return socket;
}

// As sockets of streams may have it.
paceline::SocketSpec stream_socket_spec(Counter& counter) {
  paceline::SocketSpec socket = socket_spec(counter);
  socket.ecn = 0;
  socket.fragments = paceline::Fragments::above_mtu;
  return socket;
}

paceline::TrafficModel traffic_model() {
  paceline::TrafficModel model;
  model.idt = parse_model("mixture:0.6@(exponential:mean=1ms),0.4@(pareto:shape=2.5,scale=3ms)", Quantity::time);
  model.size = parse_model("normal:mean=512,stddev=64,min=40", Quantity::bytes);
  model.segment = 1201;
  model.overhead = 12;
  model.jitter = parse_model("normal:mean=2ms,stddev=1ms,min=0,max=9ms", Quantity::time);
  model.bursts = {parse_model("exponential:mean=350ms", Quantity::time), parse_model("650ms", Quantity::time)};
  return model;
}

paceline::CpuTime cpu_time(Counter& counter) { return {counter.time(), counter.time(), counter.time()}; }

paceline::PathResult path_result(Counter& counter) {
  return {counter.text(),
          counter.text(),
          counter.text(),
          counter.text(),
          true,
          true,
          counter.next(),
          counter.time(),
          {{counter.text(), counter.text(), counter.next(), counter.text()},
           {counter.text(), counter.text(), counter.next(), counter.text()}}};
}

paceline::ClockResult clock_result(Counter& counter) {
  return {paceline::ClockVerdict::synchronized,
          -counter.time(),
          counter.time(),
          -counter.time(),
          counter.next(),
          counter.next(),
          counter.time()};
}

paceline::PacketFlowResult flow_result(Counter& counter) {
  paceline::PacketFlowResult flow;
  flow.flow_id = 0xFEDCBA98;
  flow.spec.rate_pps = counter.next() + 0.5;
  flow.spec.size = counter.next();
  flow.spec.duration = counter.time();
  flow.spec.interval = std::chrono::seconds(counter.next());
  flow.spec.omit = 2 * flow.spec.interval;
  flow.spec.pacing = paceline::Pacing::busy;
  flow.spec.late = paceline::LatePolicy::skip;
  flow.spec.batching = paceline::Batching::several;
  flow.spec.batch = 77;
  flow.spec.name = "the name";
  flow.spec.meter = paceline::Meter::round_trip;
  flow.spec.model = traffic_model();
  flow.spec.seed = std::uint64_t{counter.next()} << 40;
  flow.spec.delay = counter.time();
  flow.spec.packets = counter.next();
  flow.spec.bytes = counter.next();
  flow.spec.socket = socket_spec(counter);
  flow.spec.payload = paceline::Payload::file;
  flow.spec.payload_file = counter.text();
  flow.path = path_result(counter);
  flow.complete = true;
  flow.incomplete_reason = counter.text();
  flow.sent.packets = counter.next();
  flow.sent.bytes = counter.next();
  flow.sent.span = counter.time();
  flow.sent.due_span = counter.time();
  flow.sent.drawn = {counter.next(), counter.next(),        counter.next(),
                     counter.next(), counter.next() + 0.25, counter.next() + 0.5};
  flow.sent.omitted = counter.next();
  flow.sent.sends = counter.next();
  flow.sent.missed_slots = counter.next();
  flow.sent.send_retries = counter.next();
  flow.sent.send_errors = counter.next();
  flow.sent.lateness = distribution(counter);
  flow.sent.pacing = paceline::Pacing::sleep;
  flow.sent.batching = paceline::Batching::offload;
  flow.sent.batch = 78;
  flow.received = received(counter);
  flow.first_arrival = -counter.time();
  flow.last_arrival = counter.time();
  flow.statistics = statistics(counter);
  flow.smoothed_jitter = counter.time();
  flow.intervals = counter.next();
  flow.duplicate_window = counter.next();
  flow.socket_flows = counter.next();
  flow.stamping = {paceline::Hook::clsact, counter.text(), counter.text()};
  flow.clock = clock_result(counter);
  flow.arrivals = {counter.next(), counter.next(), true};
  flow.sender_cpu = cpu_time(counter);
  flow.receiver_cpu = cpu_time(counter);
  flow.echoes_unsent = counter.next();
  flow.round_trip = {received(counter), -counter.time(), counter.time(),          statistics(counter),
                     counter.time(),    counter.next(),  paceline::Hook::netstamp};
  return flow;
}

// What excludes what flow_result() has.
paceline::PacketFlowSpec records_of_a_trace(Counter& counter) {
  paceline::PacketFlowSpec spec;
  spec.transport = paceline::Transport::sctp;
  spec.no_delay = false;
  spec.sctp_streams = static_cast<std::uint16_t>(counter.next());
  spec.trace = {counter.text(), counter.next() + 0.5, counter.next() + 0.25, true};
  spec.rate_pps = counter.next();
  return spec;
}

paceline::TcpInfo tcp_info(Counter& counter) {
  return {counter.next(), counter.next(),       counter.time(),        counter.time(), counter.time(), counter.next(),
          counter.next(), counter.next() + 0.5, counter.next() + 0.25, counter.time(), counter.time(), counter.time()};
}

paceline::WireCounts wire_counts(Counter& counter) {
  return {counter.next(), counter.next(), counter.next(), counter.next(), counter.next(), counter.next()};
}

paceline::TcpInterval tcp_interval(Counter& counter) {
  paceline::TcpInterval row;
  row.index = counter.next();
  row.start = counter.time();
  row.end = counter.time();
  row.last = true;
  row.omitted = true;
  row.one_sided = true;
  for (int i = 0; i < 2; ++i)
    row.streams.push_back({counter.next(), counter.next(), tcp_info(counter), wire_counts(counter), counter.next()});
  row.host_delay = distribution(counter);
  row.arrival_gap = distribution(counter);
  return row;
}

paceline::TcpFlowSpec tcp_spec(Counter& counter) {
  paceline::TcpFlowSpec spec;
  spec.streams = 3;
  spec.bitrate_bps = counter.next() + 0.5;
  spec.bytes = counter.next();
  spec.duration = counter.time();
  spec.interval = std::chrono::seconds(counter.next());
  spec.omit = 3 * spec.interval;
  spec.direction = paceline::Direction::reverse;
  spec.congestion = "bbr";
  spec.mss = counter.next();
  spec.socket_buffer = 4096 + counter.next();
  spec.no_delay = true;
  spec.send = paceline::SendMode::zero_copy;
  spec.receive = paceline::ReceiveMode::copy;
  spec.name = "streams";
  spec.delay = counter.time();
  spec.socket = stream_socket_spec(counter);
  return spec;
}

paceline::TcpFlowResult tcp_flow_result(Counter& counter) {
  paceline::TcpFlowResult flow;
  flow.flow_id = 0xFEDCBA98;
  flow.spec = tcp_spec(counter);
  flow.path = path_result(counter);
  flow.complete = true;
  flow.incomplete_reason = counter.text();
  flow.congestion = counter.text();
  for (int i = 0; i < 2; ++i) {
    paceline::StreamResult stream;
    stream.sent_from = counter.text();
    stream.connect = counter.time();
    stream.written = counter.next();
    stream.received = counter.next();
    stream.first_arrival = -counter.time();
    stream.last_arrival = counter.time();
    stream.goodput = distribution(counter);
    stream.info = tcp_info(counter);
    stream.retransmits = counter.next();
    stream.wire = wire_counts(counter);
    stream.ended = counter.text();
    flow.streams.push_back(stream);
  }
  flow.written = counter.next();
  flow.received = counter.next();
  flow.omitted_bytes = counter.next();
  flow.first_arrival = -counter.time();
  flow.last_arrival = counter.time();
  flow.goodput = distribution(counter);
  flow.host_delay = distribution(counter);
  flow.arrival_gap = distribution(counter);
  flow.wire = wire_counts(counter);
  flow.intervals = counter.next();
  flow.stamping = {paceline::Hook::clsact, counter.text(), counter.text()};
  flow.clock = clock_result(counter);
  flow.sender_cpu = cpu_time(counter);
  flow.receiver_cpu = cpu_time(counter);
  return flow;
}

paceline::ConnectionFlowSpec connection_spec(Counter& counter) {
  paceline::ConnectionFlowSpec spec;
  spec.transport = paceline::Transport::udp;
  spec.rate = counter.next() + 0.5;
  spec.concurrency = counter.next();
  spec.timeout = std::chrono::milliseconds(counter.next());
  spec.duration = counter.time();
  spec.interval = std::chrono::seconds(counter.next());
  spec.omit = 4 * spec.interval;
  spec.name = "connections";
  spec.delay = counter.time();
  spec.socket = stream_socket_spec(counter);
  return spec;
}

paceline::Exchanges exchanges(Counter& counter) {
  paceline::Exchanges all;
  all.started = counter.next();
  all.completed = counter.next();
  for (auto& failed : all.failed) failed = counter.next();
  all.missed_slots = counter.next();
  all.connect = distribution(counter);
  all.first_packet = distribution(counter);
  all.whole = distribution(counter);
  all.lateness = distribution(counter);
  return all;
}

paceline::ConnectionInterval connection_interval(Counter& counter) {
  return {counter.next(), counter.time(), counter.time(), true, true, exchanges(counter)};
}

paceline::ConnectionFlowResult connection_flow_result(Counter& counter) {
  return {0xFEDCBA98,     connection_spec(counter), path_result(counter), true,
          counter.text(), exchanges(counter),       counter.next(),       counter.time(),
          counter.next(), counter.next(),           cpu_time(counter),    cpu_time(counter)};
}

paceline::SliceResult slice_result(Counter& counter) {
  paceline::SliceResult slice;
  slice.spec.name = "the slice";
  slice.spec.flows = {2, 1};
  slice.spec.objectives = {
      {paceline::Metric::round_trip, paceline::Statistic::percentile, 99.9, true, counter.next() + 0.5},
      {paceline::Metric::loss, paceline::Statistic::percentile, 50, true, counter.next() + 0.25}};
  for (const auto& objective : slice.spec.objectives)
    slice.objectives.push_back({objective, true, counter.next() + 0.5, true, -0.125, counter.text()});
  return slice;
}

paceline::RunResult run_result(Counter& counter) {
  paceline::RunResult run;
  run.version = counter.text();
  run.title = counter.text();
  run.started_at = counter.text();
  run.sender = {"6.1.0", "a CPU", 3, "tsc"};
  run.receiver = {"6.2.0", "another CPU", 4, "kvm-clock"};
  run.slices = {slice_result(counter)};
  run.flows = {flow_result(counter), tcp_flow_result(counter), connection_flow_result(counter)};
  return run;
}

// What no specification has beside the others; see records_of_a_trace().
const std::set<std::string> kExclusive{"paceline.wire.PacketFlowSpec.trace", "paceline.wire.PacketFlowSpec.nagle"};

// A field that the model gained and the test does not know is at its default here.
void expect_every_field_set(const Message& message) {
  const auto* descriptor = message.GetDescriptor();
  const auto* reflection = message.GetReflection();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (kExclusive.contains(field->full_name())) continue;
    if (const auto* choice = field->real_containing_oneof(); choice && !reflection->HasField(message, field)) {
      EXPECT_TRUE(reflection->HasOneof(message, choice)) << choice->full_name();
      continue;
    }
    // What streams cannot ask of their sockets.
    if (field->containing_type()->name() == "SocketSpec" && (field->name() == "ecn" || field->name() == "fragments"))
      continue;
    if (field->is_repeated()) {
      EXPECT_GT(reflection->FieldSize(message, field), 0) << field->full_name();
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
      for (int at = 0; at < reflection->FieldSize(message, field); ++at)
        expect_every_field_set(reflection->GetRepeatedMessage(message, field, at));
    } else {
      EXPECT_TRUE(reflection->HasField(message, field)) << field->full_name();
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
        expect_every_field_set(reflection->GetMessage(message, field));
    }
  }
}

template <class Model, class Wire>
void expect_round_trip(const Model& model) {
  Wire message;
  to_wire(model, message);
  expect_every_field_set(message);
  Wire parsed;
  ASSERT_TRUE(parsed.ParseFromString(message.SerializeAsString()));
  EXPECT_EQ(from_wire(parsed), model);
}

TEST(Convert, EveryFieldOfAFlowResultComesBack) {
  Counter counter;
  expect_round_trip<paceline::PacketFlowResult, PacketFlowResult>(flow_result(counter));
}

TEST(Convert, EveryFieldOfAnIntervalComesBack) {
  Counter counter;
  expect_round_trip<paceline::PacketInterval, PacketInterval>(interval(counter));
}

TEST(Convert, EveryFieldOfATcpFlowResultComesBack) {
  Counter counter;
  expect_round_trip<paceline::TcpFlowResult, TcpFlowResult>(tcp_flow_result(counter));
}

TEST(Convert, EveryFieldOfATcpIntervalComesBack) {
  Counter counter;
  expect_round_trip<paceline::TcpInterval, TcpInterval>(tcp_interval(counter));
}

TEST(Convert, EveryFieldOfAConnectionFlowComesBack) {
  Counter counter;
  expect_round_trip<paceline::ConnectionFlowSpec, ConnectionFlowSpec>(connection_spec(counter));
}

TEST(Convert, RecordsOfATraceComeBack) {
  Counter counter;
  const paceline::PacketFlowSpec spec = records_of_a_trace(counter);
  PacketFlowSpec message;
  to_wire(spec, message);
  expect_every_field_set(message.trace());
  EXPECT_TRUE(message.nagle());
  EXPECT_EQ(from_wire(message), spec);
}

TEST(Convert, EveryFieldOfAConnectionFlowResultComesBack) {
  Counter counter;
  expect_round_trip<paceline::ConnectionFlowResult, ConnectionFlowResult>(connection_flow_result(counter));
}

TEST(Convert, EveryFieldOfAConnectionIntervalComesBack) {
  Counter counter;
  expect_round_trip<paceline::ConnectionInterval, ConnectionInterval>(connection_interval(counter));
}

TEST(Convert, EveryFieldOfARunComesBack) {
  Counter counter;
  expect_round_trip<paceline::RunResult, RunResult>(run_result(counter));
}

TEST(Convert, AMarginWithoutBoundComesBack) {
  Counter counter;
  paceline::SliceResult slice = slice_result(counter);
  slice.objectives[0].margin = -std::numeric_limits<double>::infinity();
  expect_round_trip<paceline::SliceResult, SliceResult>(slice);
}

TEST(Convert, EveryFieldOfAHostComesBack) {
  expect_round_trip<paceline::Host, Host>(paceline::Host{"6.1.0", "a CPU", 3, "tsc"});
}

TEST(Convert, DefaultsComeBack) {
  PacketFlowResult message;
  to_wire(paceline::PacketFlowResult{}, message);
  EXPECT_EQ(from_wire(message), paceline::PacketFlowResult{});
  PacketInterval row;
  to_wire(paceline::PacketInterval{}, row);
  EXPECT_EQ(from_wire(row), paceline::PacketInterval{});
  TcpFlowResult tcp;
  to_wire(paceline::TcpFlowResult{}, tcp);
  EXPECT_EQ(from_wire(tcp), paceline::TcpFlowResult{});
  TcpInterval tcp_row;
  to_wire(paceline::TcpInterval{}, tcp_row);
  EXPECT_EQ(from_wire(tcp_row), paceline::TcpInterval{});
  ConnectionFlowSpec connections;
  to_wire(paceline::ConnectionFlowSpec{}, connections);
  EXPECT_EQ(from_wire(connections), paceline::ConnectionFlowSpec{});
}

TEST(Convert, WhatWasWrittenBeforeBatchingWasSentOneByOne) {
  PacketFlowResult message;
  to_wire(paceline::PacketFlowResult{}, message);
  message.mutable_sent()->clear_batching();
  message.mutable_sent()->clear_batch();
  message.mutable_spec()->clear_batching();
  EXPECT_EQ(from_wire(message), paceline::PacketFlowResult{});
}

TEST(Convert, WhatWasWrittenBeforeModelsIsAPlainFlow) {
  PacketFlowSpec message;
  to_wire(paceline::PacketFlowSpec{}, message);
  message.clear_transport();
  message.clear_socket();
  message.clear_sctp_streams();
  EXPECT_EQ(from_wire(message), paceline::PacketFlowSpec{});
}

TEST(Convert, EveryEnumeratorComesBack) {
  for (const auto fragments :
       {paceline::Fragments::above_mtu, paceline::Fragments::never, paceline::Fragments::allowed}) {
    paceline::PacketFlowSpec spec;
    spec.socket.fragments = fragments;
    PacketFlowSpec message;
    to_wire(spec, message);
    EXPECT_EQ(from_wire(message), spec);
  }
  for (const auto transport :
       {paceline::Transport::udp, paceline::Transport::tcp, paceline::Transport::sctp, paceline::Transport::icmp}) {
    paceline::PacketFlowSpec spec;
    spec.transport = transport;
    spec.meter = paceline::Meter::round_trip;
    PacketFlowSpec message;
    to_wire(spec, message);
    EXPECT_EQ(from_wire(message), spec);
  }
  for (const auto payload : {paceline::Payload::zeros, paceline::Payload::random, paceline::Payload::file}) {
    paceline::PacketFlowSpec spec;
    spec.payload = payload;
    if (payload == paceline::Payload::file) spec.payload_file = "f";
    PacketFlowSpec message;
    to_wire(spec, message);
    EXPECT_EQ(from_wire(message), spec);
  }
  for (const auto metric : {paceline::Metric::delay, paceline::Metric::round_trip, paceline::Metric::ipdv,
                            paceline::Metric::loss, paceline::Metric::throughput}) {
    for (const auto statistic : {paceline::Statistic::value, paceline::Statistic::mean, paceline::Statistic::stddev,
                                 paceline::Statistic::min, paceline::Statistic::max, paceline::Statistic::percentile}) {
      paceline::SliceResult slice;
      slice.spec.objectives = {{metric, statistic, 0, false, 1}};
      slice.objectives = {{slice.spec.objectives[0], false, 0, false, 0, ""}};
      SliceResult message;
      to_wire(slice, message);
      EXPECT_EQ(from_wire(message), slice);
    }
  }
  for (const auto hook : {paceline::Hook::tcx, paceline::Hook::clsact, paceline::Hook::netstamp, paceline::Hook::none})
    EXPECT_EQ(from_wire(to_wire(hook)), hook);
  for (const auto pacing : {paceline::Pacing::sleep, paceline::Pacing::hybrid, paceline::Pacing::busy}) {
    for (const auto late : {paceline::LatePolicy::send, paceline::LatePolicy::skip}) {
      paceline::PacketFlowSpec spec;
      spec.pacing = pacing;
      spec.late = late;
      PacketFlowSpec message;
      to_wire(spec, message);
      EXPECT_EQ(from_wire(message), spec);
    }
  }
  for (const auto batching : {paceline::Batching::single, paceline::Batching::several, paceline::Batching::offload}) {
    paceline::PacketFlowSpec spec;
    spec.batching = batching;
    PacketFlowSpec message;
    to_wire(spec, message);
    EXPECT_EQ(from_wire(message), spec);
  }
  for (const auto direction : {paceline::Direction::forward, paceline::Direction::reverse}) {
    for (const auto send : {paceline::SendMode::copy, paceline::SendMode::zero_copy}) {
      for (const auto receive : {paceline::ReceiveMode::discard, paceline::ReceiveMode::copy}) {
        paceline::TcpFlowSpec spec;
        spec.direction = direction;
        spec.send = send;
        spec.receive = receive;
        TcpFlowSpec message;
        to_wire(spec, message);
        EXPECT_EQ(from_wire(message), spec);
      }
    }
  }
  for (const auto transport : {paceline::Transport::udp, paceline::Transport::tcp}) {
    paceline::ConnectionFlowSpec spec;
    spec.transport = transport;
    ConnectionFlowSpec message;
    to_wire(spec, message);
    EXPECT_EQ(from_wire(message), spec);
  }
  using paceline::ClockVerdict;
  for (const auto verdict :
       {ClockVerdict::unknown, ClockVerdict::estimated, ClockVerdict::same_host, ClockVerdict::synchronized}) {
    paceline::ClockResult clock;
    clock.verdict = verdict;
    ClockResult message;
    to_wire(clock, message);
    EXPECT_EQ(from_wire(message).verdict, verdict);
  }
}

// A good message, changed in one way that must be refused.
template <class Wire, class Model, class Change>
void expect_refused(const Model& model, Change change, const char* what) {
  Wire message;
  to_wire(model, message);
  ASSERT_NO_THROW(from_wire(message)) << what;
  change(message);
  EXPECT_THROW(from_wire(message), WireError) << what;
}

TEST(Convert, DistributionsThatContradictThemselvesAreRefused) {
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

TEST(Convert, IntervalsThatMakeNoSenseAreRefused) {
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

TEST(Convert, ResultsThatMakeNoSenseAreRefused) {
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

TEST(Convert, TcpIntervalsThatMakeNoSenseAreRefused) {
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

TEST(Convert, TcpResultsThatMakeNoSenseAreRefused) {
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

TEST(Convert, ConnectionFlowsThatMakeNoSenseAreRefused) {
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

TEST(Convert, RunsThatMakeNoSenseAreRefused) {
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

}  // namespace
}  // namespace paceline::wire
