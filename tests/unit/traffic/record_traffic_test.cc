// SPDX-License-Identifier: MIT
//
// RecordSender against RecordReader over a loopback connection, and against peers that misbehave.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "traffic/clock_source.h"
#include "traffic/record_reader.h"
#include "traffic/record_sender.h"
#include "traffic/record_stream.h"

namespace paceline::traffic {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kFlow = 0xF10A;

using Socket = std::shared_ptr<const FileDescriptor>;

/// A TCP connection over loopback, both ends non-blocking.
std::pair<Socket, Socket> connection() {
  const FileDescriptor listening(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  EXPECT_EQ(bind(listening.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_EQ(listen(listening.get(), 1), 0);
  getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &length);
  FileDescriptor one(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(connect(one.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  FileDescriptor other(accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
  return {std::make_shared<const FileDescriptor>(std::move(one)),
          std::make_shared<const FileDescriptor>(std::move(other))};
}

/// What a sink was told; waits for it.
struct Told {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> records;  // sequence and size
  std::vector<std::uint16_t> lateness;
  std::optional<std::string> ended;

  template <class Condition>
  bool wait_until(Condition holds) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 20s, holds);
  }
};

class Listening : public RecordSink {
 public:
  explicit Listening(Told& told) : told_(told) {}
  void record(const packet::Header& header, std::uint32_t size, nanoseconds) override {
    note([&] { told_.records.emplace_back(header.sequence, size), told_.lateness.push_back(header.lateness); });
  }
  nanoseconds tick(nanoseconds) override { return nanoseconds::max(); }
  void ended(const std::string& why, nanoseconds) override {
    note([&] { told_.ended = why; });
  }

 private:
  void note(const std::function<void()>& change) {
    const std::scoped_lock lock(told_.mutex);
    change();
    told_.changed.notify_all();
  }
  Told& told_;
};

RecordConnection reading(Socket socket, std::uint32_t least, std::uint32_t largest) {
  RecordConnection connection;
  connection.socket = std::move(socket);
  connection.flow_id = kFlow;
  connection.least = least;
  connection.largest = largest;
  return connection;
}

RecordFlow flow_on(const Socket& socket, const PacketFlowSpec& spec) {
  RecordFlow flow;
  flow.socket = socket->get();
  flow.flow_id = kFlow;
  flow.plan = PacketPlan::of(spec);
  flow.start = now<SenderClock>() + 5ms;
  return flow;
}

PacketFlowSpec records(double rate, std::uint32_t size, nanoseconds duration) {
  PacketFlowSpec spec;
  spec.transport = Transport::tcp;
  spec.rate_pps = rate;
  spec.size = size;
  spec.duration = duration;
  spec.pacing = Pacing::sleep;
  return spec;
}

/// Runs flows to their ends.
std::vector<RecordFlowOutcome> send_all(std::vector<RecordFlow> flows,
                                        const std::function<void(RecordSender&)>& meanwhile = {}) {
  std::vector<RecordFlowOutcome> outcomes(flows.size());
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t left = flows.size();
  RecordSender sender(std::move(flows), {}, [&](std::size_t flow, RecordFlowOutcome&& outcome) {
    const std::scoped_lock lock(mutex);
    outcomes[flow] = std::move(outcome);
    --left;
    changed.notify_all();
  });
  if (meanwhile) meanwhile(sender);
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, 30s, [&] { return left == 0; }));
  return outcomes;
}

void write_all(const Socket& socket, std::span<const std::uint8_t> bytes) {
  ASSERT_EQ(send(socket->get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
}

std::vector<std::uint8_t> record_of(packet::Type type, std::uint32_t flow_id, std::uint32_t size) {
  std::vector<std::uint8_t> record(kRecordLengthSize + size);
  write_record_length(size, record);
  packet::Header header;
  header.type = type;
  header.flow_id = flow_id;
  packet::encode(header, std::span(record).subspan(kRecordLengthSize));
  return record;
}

TEST(RecordTrafficTest, EveryRecordArrivesOnceAndInOrder) {
  const auto [near, far] = connection();
  Told told;
  RecordReader reader({});
  reader.add(reading(far, 200, 200), std::make_unique<Listening>(told));
  const auto outcome = send_all({flow_on(near, records(2000, 200, 250ms))}).front();
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.sequences, 500u);
  EXPECT_EQ(outcome.sent.packets, 500u);
  EXPECT_EQ(outcome.sent.bytes, 100'000u);
  EXPECT_EQ(outcome.sent.missed_slots, 0u);
  EXPECT_EQ(outcome.sent.due_span, 249'500us);
  ASSERT_TRUE(told.wait_until([&] { return told.records.size() == 500; }));
  for (std::uint32_t i = 0; i < 500; ++i) EXPECT_EQ(told.records[i], std::pair(i, 200u));
}

TEST(RecordTrafficTest, SizesAndNumberAreTheModels) {
  const auto [near, far] = connection();
  Told told;
  RecordReader reader({});
  reader.add(reading(far, PacketFlowSpec::kMinSize, 900), std::make_unique<Listening>(told));
  PacketFlowSpec spec = records(0, 0, 300ms);
  spec.model.emplace();
  spec.model->idt = parse_model("exponential:mean=1ms", Quantity::time);
  spec.model->size = parse_model("uniform:min=18,max=900", Quantity::bytes);
  spec.seed = 5;
  RecordFlow flow = flow_on(near, spec);
  std::vector<std::uint32_t> sizes;
  const auto source = flow.plan.source();
  for (Slot slot; source->next(slot) && slot.due < spec.duration;) sizes.push_back(slot.size);

  const auto outcome = send_all({flow}).front();
  EXPECT_EQ(outcome.sent.packets, sizes.size());
  ASSERT_TRUE(outcome.sent.drawn);
  ASSERT_TRUE(told.wait_until([&] { return told.records.size() == sizes.size(); }));
  for (std::size_t i = 0; i < sizes.size(); ++i) EXPECT_EQ(told.records[i].second, sizes[i]);
}

TEST(RecordTrafficTest, EndsByPacketsByBytesAndWithoutARate) {
  for (const bool by_bytes : {false, true}) {
    const auto [near, far] = connection();
    Told told;
    RecordReader reader({});
    reader.add(reading(far, 1000, 1000), std::make_unique<Listening>(told));
    PacketFlowSpec spec = records(0, 1000, 20s);
    (by_bytes ? spec.bytes : spec.packets) = by_bytes ? 5'000'000 : 5000;
    const auto outcome = send_all({flow_on(near, spec)}).front();
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.sent.packets, 5000u);
    EXPECT_TRUE(told.wait_until([&] { return told.records.size() == 5000; }));
  }
}

TEST(RecordTrafficTest, WarmUpIsCountedApart) {
  const auto [near, far] = connection();
  Told told;
  RecordReader reader({});
  reader.add(reading(far, 100, 100), std::make_unique<Listening>(told));
  PacketFlowSpec spec = records(1000, 100, 100ms);
  spec.omit = 50ms;
  const auto outcome = send_all({flow_on(near, spec)}).front();
  EXPECT_EQ(outcome.sent.omitted, 50u);
  EXPECT_EQ(outcome.sent.packets, 100u);
  EXPECT_EQ(outcome.sequences, 150u);
}

TEST(RecordTrafficTest, APeerThatReadsLateMakesRecordsLateAndLosesNone) {
  const auto [near, far] = connection();
  Told told;
  RecordReader reader({});
  PacketFlowSpec spec = records(2000, 60'000, 200ms);  // 24 MB: more than the sockets hold
  RecordFlow flow = flow_on(near, spec);
  flow.overtime = 20s;
  const auto outcome = send_all({flow}, [&](RecordSender&) {
    // Nobody reads until the sender is past its last due time for sure.
    while (now<SenderClock>() < flow.start + spec.duration) std::this_thread::yield();
    reader.add(reading(far, 60'000, 60'000), std::make_unique<Listening>(told));
  });
  EXPECT_EQ(outcome.front().error, "");
  EXPECT_EQ(outcome.front().sent.packets, 400u);
  EXPECT_GT(outcome.front().sent.send_retries, 0u);
  ASSERT_TRUE(told.wait_until([&] { return told.records.size() == 400; }));
  const std::int64_t latest = packet::decode_lateness(*std::ranges::max_element(told.lateness));
  EXPECT_GT(latest, nanoseconds(10ms).count());
}

TEST(RecordTrafficTest, SkippedSlotsAreMissed) {
  const auto [near, far] = connection();
  Told told;
  RecordReader reader({});
  PacketFlowSpec spec = records(2000, 60'000, 200ms);
  spec.late = LatePolicy::skip;
  RecordFlow flow = flow_on(near, spec);
  const auto outcome = send_all({flow}, [&](RecordSender&) {
    while (now<SenderClock>() < flow.start + spec.duration) std::this_thread::yield();
    reader.add(reading(far, 60'000, 60'000), std::make_unique<Listening>(told));
  });
  const Sent& sent = outcome.front().sent;
  EXPECT_GT(sent.missed_slots, 0u);
  EXPECT_EQ(sent.packets + sent.missed_slots, 400u);
}

TEST(RecordTrafficTest, APeerThatTakesNothingEndsTheFlow) {
  const auto [near, far] = connection();
  RecordFlow flow = flow_on(near, records(0, 60'000, 20s));
  flow.patience = 50ms;
  EXPECT_EQ(send_all({flow}).front().error, "the receiver took nothing for 50 ms");
}

TEST(RecordTrafficTest, WhatIsLeftWhenTheOvertimeEndsIsMissed) {
  const auto [near, far] = connection();
  RecordFlow flow = flow_on(near, records(2000, 60'000, 200ms));
  flow.overtime = 10ms;
  const Sent sent = send_all({flow}).front().sent;
  EXPECT_GT(sent.missed_slots, 0u);
  EXPECT_EQ(sent.packets + sent.missed_slots, 400u);
}

TEST(RecordTrafficTest, ABrokenConnectionEndsItsFlowAlone) {
  auto [near, far] = connection();
  const auto [near2, far2] = connection();
  const linger reset{1, 0};
  setsockopt(far->get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  far.reset();
  const auto outcomes = send_all({flow_on(near, records(1000, 100, 200ms)), flow_on(near2, records(1000, 100, 200ms))});
  EXPECT_EQ(outcomes[0].error.substr(0, 22), "the connection broke: ");
  EXPECT_EQ(outcomes[1].error, "");
  EXPECT_EQ(outcomes[1].sent.packets, 200u);
}

TEST(RecordTrafficTest, AStoppedFlowEndsSoon) {
  const auto [near, far] = connection();
  const auto began = now<SenderClock>();
  const auto outcome = send_all({flow_on(near, records(10, 100, 60s))}, [](RecordSender& sender) { sender.stop(0); });
  EXPECT_EQ(outcome.front().error, "");
  EXPECT_LT(now<SenderClock>() - began, 20s);
}

TEST(RecordTrafficTest, WhatIsNoRecordOfTheFlowEndsItsConnectionAlone) {
  using packet::Type;
  const std::vector<std::pair<std::vector<std::uint8_t>, std::string>> wrong{
      {std::vector<std::uint8_t>(100, 0xFF), "a length"},
      {record_of(Type::data, kFlow + 1, 100), "another flow"},
      {record_of(Type::echo, kFlow, 100), "a type"},
      {record_of(Type::data, kFlow, 99), "smaller"},
      {[] {
         auto record = record_of(packet::Type::data, kFlow, 100);
         record[kRecordLengthSize] = 0x42;
         return record;
       }(),
       "no packet"}};
  RecordReader reader({});
  const auto [well, well_far] = connection();
  Told unharmed;
  reader.add(reading(well_far, 100, 100), std::make_unique<Listening>(unharmed));
  for (const auto& [bytes, why] : wrong) {
    const auto [near, far] = connection();
    Told told;
    const auto number = reader.add(reading(far, 100, 100), std::make_unique<Listening>(told));
    write_all(near, record_of(Type::data, kFlow, 100));
    write_all(near, bytes);
    ASSERT_TRUE(told.wait_until([&] { return told.ended.has_value(); })) << why;
    EXPECT_NE(told.ended->find(why), std::string::npos) << *told.ended;
    EXPECT_EQ(told.records.size(), 1u);
    reader.remove(number);
  }
  write_all(well, record_of(Type::data, kFlow, 100));
  EXPECT_TRUE(unharmed.wait_until([&] { return unharmed.records.size() == 1; }));
}

TEST(RecordTrafficTest, TheOtherEndMayCloseBetweenRecordsOnly) {
  for (const std::size_t cut : {0u, 5u}) {
    auto [near, far] = connection();
    Told told;
    RecordReader reader({});
    reader.add(reading(far, 100, 100), std::make_unique<Listening>(told));
    const auto record = record_of(packet::Type::data, kFlow, 100);
    write_all(near, record);
    write_all(near, std::span(record).first(cut));
    near.reset();
    ASSERT_TRUE(told.wait_until([&] { return told.ended.has_value(); }));
    EXPECT_EQ(*told.ended, cut == 0 ? "" : "the connection was closed in the middle of a record");
    EXPECT_EQ(told.records.size(), 1u);
  }
}

TEST(RecordTrafficTest, EchoesComeBackWholeAndInOrder) {
  const auto [near, far] = connection();
  Told there, back;
  RecordReader reader({});
  RecordConnection served = reading(far, 500, 500);
  served.echo = true;
  reader.add(served, std::make_unique<Listening>(there));
  RecordConnection echoed = reading(near, 500, 500);
  echoed.type = packet::Type::echo;
  reader.add(echoed, std::make_unique<Listening>(back));
  const auto outcome = send_all({flow_on(near, records(4000, 500, 250ms))}).front();
  EXPECT_EQ(outcome.sent.packets, 1000u);
  ASSERT_TRUE(back.wait_until([&] { return back.records.size() == 1000; }));
  EXPECT_EQ(back.records, there.records);
}

TEST(RecordTrafficTest, WhoDoesNotTakeItsEchoesIsNotReadFrom) {
  const auto [near, far] = connection();
  Told told, back;
  RecordReader reader({});
  RecordConnection served = reading(far, 60'000, 60'000);
  served.echo = true;
  reader.add(served, std::make_unique<Listening>(told));
  RecordFlow flow = flow_on(near, records(0, 60'000, 20s));
  flow.patience = 300ms;
  // Both directions fill up, and then nothing moves: the sender is told so.
  EXPECT_EQ(send_all({flow}).front().error, "the receiver took nothing for 300 ms");
  RecordConnection echoed = reading(near, 60'000, 60'000);
  echoed.type = packet::Type::echo;
  reader.add(echoed, std::make_unique<Listening>(back));
  // Once they are taken it goes on, and none is missing.
  const auto whole = [&] {
    const std::scoped_lock lock(told.mutex);
    return told.records.size();
  };
  EXPECT_TRUE(back.wait_until([&] { return back.records.size() > 0 && back.records.size() == whole(); }));
}

}  // namespace
}  // namespace paceline::traffic
