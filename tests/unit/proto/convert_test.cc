// SPDX-License-Identifier: MIT
#include "proto/convert.h"

#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <limits>
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

paceline::Interval interval(Counter& counter) {
  paceline::Interval row;
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
  return row;
}

paceline::FlowResult flow_result(Counter& counter) {
  paceline::FlowResult flow;
  flow.flow_id = 0xFEDCBA98;
  flow.spec = {counter.next() + 0.5,   counter.next(),
               counter.time(),         std::chrono::seconds(counter.next()),
               paceline::Pacing::busy, paceline::LatePolicy::skip};
  flow.path = {counter.text(),
               counter.text(),
               counter.text(),
               counter.text(),
               true,
               true,
               counter.next(),
               counter.time(),
               {{counter.text(), counter.text(), counter.next(), counter.text()},
                {counter.text(), counter.text(), counter.next(), counter.text()}}};
  flow.complete = true;
  flow.incomplete_reason = counter.text();
  flow.sent = {counter.next(), counter.next(), counter.time(),        counter.next(),
               counter.next(), counter.next(), distribution(counter), paceline::Pacing::sleep};
  flow.received = received(counter);
  flow.first_arrival = -counter.time();
  flow.last_arrival = counter.time();
  flow.statistics = statistics(counter);
  flow.smoothed_jitter = counter.time();
  flow.intervals = counter.next();
  flow.duplicate_window = counter.next();
  flow.socket_flows = counter.next();
  flow.stamping = {paceline::Hook::clsact, counter.text(), counter.text()};
  flow.clock = {paceline::ClockVerdict::synchronized,
                -counter.time(),
                counter.time(),
                -counter.time(),
                counter.next(),
                counter.next(),
                counter.time()};
  return flow;
}

// A field that the model gained and the test does not know is at its default here.
void expect_every_field_set(const Message& message) {
  const auto* descriptor = message.GetDescriptor();
  const auto* reflection = message.GetReflection();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
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
  expect_round_trip<paceline::FlowResult, FlowResult>(flow_result(counter));
}

TEST(Convert, EveryFieldOfAnIntervalComesBack) {
  Counter counter;
  expect_round_trip<paceline::Interval, Interval>(interval(counter));
}

TEST(Convert, EveryFieldOfAHostComesBack) {
  expect_round_trip<paceline::Host, Host>(paceline::Host{"6.1.0", "a CPU", 3, "tsc"});
}

TEST(Convert, DefaultsComeBack) {
  FlowResult message;
  to_wire(paceline::FlowResult{}, message);
  EXPECT_EQ(from_wire(message), paceline::FlowResult{});
  Interval row;
  to_wire(paceline::Interval{}, row);
  EXPECT_EQ(from_wire(row), paceline::Interval{});
}

TEST(Convert, EveryEnumeratorComesBack) {
  for (const auto hook : {paceline::Hook::tcx, paceline::Hook::clsact, paceline::Hook::netstamp, paceline::Hook::none})
    EXPECT_EQ(from_wire(to_wire(hook)), hook);
  for (const auto pacing : {paceline::Pacing::sleep, paceline::Pacing::hybrid, paceline::Pacing::busy}) {
    for (const auto late : {paceline::LatePolicy::send, paceline::LatePolicy::skip}) {
      paceline::FlowSpec spec;
      spec.pacing = pacing;
      spec.late = late;
      FlowSpec message;
      to_wire(spec, message);
      EXPECT_EQ(from_wire(message), spec);
    }
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
  const auto refused = [&](auto change, const char* what) { expect_refused<Interval>(good, change, what); };
  refused([](Interval& i) { i.set_end(i.start() - 1); }, "ends before it starts");
  refused([](Interval& i) { i.set_start(-1); }, "starts before the flow");
  refused([](Interval& i) { i.set_smoothed_jitter(-1); }, "negative jitter");
  refused([](Interval& i) { i.mutable_corrections(0)->set_interval(i.index()); }, "corrects itself");
  refused(
      [](Interval& i) {
        for (int n = 0; n < 64; ++n) i.add_corrections();
      },
      "too many corrections");
  refused([](Interval& i) { i.mutable_statistics()->mutable_segments()->RemoveLast(); }, "a segment is missing");
  refused([](Interval& i) { i.mutable_statistics()->add_segments(); }, "a segment too many");
  refused([](Interval& i) { i.clear_statistics(); }, "no statistics");
}

TEST(Convert, ResultsThatMakeNoSenseAreRefused) {
  Counter counter;
  const auto good = flow_result(counter);
  const auto refused = [&](auto change, const char* what) { expect_refused<FlowResult>(good, change, what); };
  refused([](FlowResult& f) { f.clear_spec(); }, "no specification");
  refused([](FlowResult& f) { f.mutable_spec()->set_rate_pps(std::numeric_limits<double>::quiet_NaN()); }, "NaN rate");
  refused([](FlowResult& f) { f.mutable_spec()->set_rate_pps(1e9); }, "rate too high");
  refused([](FlowResult& f) { f.mutable_spec()->set_size(3); }, "size too small");
  refused([](FlowResult& f) { f.mutable_spec()->set_duration(-1); }, "negative duration");
  refused([](FlowResult& f) { f.mutable_spec()->set_interval(1); }, "tiny interval");
  refused([](FlowResult& f) { f.mutable_spec()->set_pacing(PACING_UNSPECIFIED); }, "no pacing");
  refused([](FlowResult& f) { f.mutable_spec()->set_pacing(static_cast<Pacing>(77)); }, "unknown pacing");
  refused([](FlowResult& f) { f.mutable_spec()->set_late(static_cast<LatePolicy>(77)); }, "unknown policy");
  refused([](FlowResult& f) { f.mutable_sent()->set_span(-1); }, "negative span");
  refused([](FlowResult& f) { f.mutable_path()->set_first_packet(-1); }, "negative round trip");
  refused([](FlowResult& f) { f.mutable_stamping()->set_hook(static_cast<Hook>(77)); }, "unknown hook");
  refused([](FlowResult& f) { f.mutable_clock()->set_verdict(CLOCK_VERDICT_UNSPECIFIED); }, "no verdict");
  refused([](FlowResult& f) { f.mutable_clock()->set_error_bound(-1); }, "negative bound");
  refused([](FlowResult& f) { f.set_smoothed_jitter(-1); }, "negative jitter");
}

}  // namespace
}  // namespace paceline::wire
