// SPDX-License-Identifier: MIT
#include "tests/unit/proto/filled.h"

#include <chrono>

namespace paceline::wire::filled {

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

paceline::CpuTime cpu_time(Counter& counter) {
  return {counter.time(), counter.time(), counter.time(), counter.time()};
}

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

paceline::Host host(Counter& counter) {
  paceline::Host host{"6.1.0", "a CPU", counter.next(), "tsc", {}};
  for (const char* name : {"eth0", "eth1"})
    host.interfaces.push_back(
        {name, "veth", counter.next(), "fq", {"rx-gro", counter.text()}, {"tcx " + counter.text()}});
  return host;
}

paceline::RunResult run_result(Counter& counter) {
  paceline::RunResult run;
  run.version = counter.text();
  run.title = counter.text();
  run.started_at = counter.text();
  run.sender = host(counter);
  run.receiver = host(counter);
  run.slices = {slice_result(counter)};
  run.flows = {flow_result(counter), tcp_flow_result(counter), connection_flow_result(counter)};
  return run;
}

}  // namespace paceline::wire::filled
