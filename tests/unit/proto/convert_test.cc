// SPDX-License-Identifier: MIT
//
// What is sent comes back as it was; convert_refusals_test.cc has what is not taken.
#include "proto/convert.h"

#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/unit/proto/filled.h"

namespace paceline::wire {
namespace {

using namespace filled;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

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
  Counter counter;
  expect_round_trip<paceline::Host, Host>(host(counter));
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
  for (const auto metric :
       {paceline::Metric::delay, paceline::Metric::round_trip, paceline::Metric::ipdv, paceline::Metric::loss,
        paceline::Metric::throughput, paceline::Metric::jitter, paceline::Metric::lateness,
        paceline::Metric::retransmits, paceline::Metric::connect, paceline::Metric::exchange,
        paceline::Metric::failures, paceline::Metric::tx_user_rx_user, paceline::Metric::tx_due_rx_user,
        paceline::Metric::tx_user_rx_tc, paceline::Metric::rx_tc_rx_user}) {
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

}  // namespace
}  // namespace paceline::wire
