// SPDX-License-Identifier: MIT
//
// What bench/decode.sh needs beside the programs that it compares:
//   bench_decode record FILE PACKETS          writes a record file with the real writer
//   bench_decode repeat LOG FILE PACKETS      repeats a D-ITG log until it holds so many packets
//   bench_decode time PROGRAM ARGUMENTS...    runs it quietly; prints seconds and its peak resident set in KiB
//   bench_decode live PACKETS                 prints the receiver's cost of decoding, ns a packet
//   bench_decode runs PACKETS                 the same for packets that come in super-packets of 128, headers included
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "decoder/flow_decoder.h"
#include "decoder/record_writer.h"
#include "proto/packet.h"
#include "proto/packet_run.h"

namespace {

using namespace paceline;
using namespace paceline::decoder;
using std::chrono::steady_clock;

constexpr double kRate = 100'000;
constexpr std::int64_t kGap = 10'000;
constexpr std::int64_t kBegin = 1'000'000'000'000;
constexpr std::int64_t kOffset = 77'000'000'000;

FlowStart flow_of(std::uint64_t packets) {
  FlowStart start;
  start.flow_id = 1;
  start.spec.rate_pps = kRate;
  start.spec.size = 64;
  start.spec.duration = nanoseconds{static_cast<std::int64_t>(packets) * kGap};
  start.map.offset = nanoseconds{kOffset};
  start.start = SenderTime{nanoseconds{kBegin}};
  start.hook = Hook::tcx;
  return start;
}

// Packets as a virtual network delivers them: some tens of microseconds, now and then more; 1 in 1000 is
// lost.
class Packets {
 public:
  PacketObservation next() {
    if (random_() % 1000 == 0) ++sequence_;
    PacketObservation packet;
    packet.sequence = sequence_++;
    packet.lateness = static_cast<std::int64_t>(lateness_(random_));
    packet.tx_user =
        SenderTime{nanoseconds{kBegin + static_cast<std::int64_t>(packet.sequence) * kGap + packet.lateness}};
    const auto delay = 20'000 + static_cast<std::int64_t>(delay_(random_));
    const std::int64_t arrival = packet.tx_user.time_since_epoch().count() + kOffset + delay;
    latest_ = std::max(latest_ + 200, arrival);  // in order
    packet.rx_user = ReceiverTime{nanoseconds{latest_}};
    packet.rx_tc = packet.rx_user - nanoseconds{2'000 + static_cast<std::int64_t>(delay_(random_)) / 4};
    packet.size = 64;
    return packet;
  }

 private:
  std::mt19937_64 random_{1};
  std::exponential_distribution<double> lateness_{1.0 / 500};
  std::exponential_distribution<double> delay_{1.0 / 12'000};
  std::uint64_t sequence_ = 0;
  std::int64_t latest_ = 0;
};

void record(const char* file, std::uint64_t number) {
  const FlowStart start = flow_of(number + number / 500);
  PacketFlowResult result;
  FlowDecoder decoder(start, [&](PacketInterval&& interval) { accumulate(result, interval); });
  RecordWriter writer(file, start, {.waiting = std::bit_ceil(number)});
  Packets packets;
  PacketObservation packet;
  for (std::uint64_t i = 0; i < number; ++i) {
    packet = packets.next();
    decoder.packet(packet);
    writer.packet(packet);
  }
  decoder.finish(packet.sequence + 1, packet.rx_user);
  result.complete = true;
  result.spec = start.spec;
  result.sent.packets = packet.sequence + 1;
  result.sent.bytes = result.sent.packets * start.spec.size;
  result.sent.span = nanoseconds{static_cast<std::int64_t>(packet.sequence) * kGap};
  result.stamping.hook = start.hook;
  const std::string error = writer.finish(result, packet.rx_user);
  if (!error.empty()) throw std::runtime_error(error);
  if (writer.lost_records() > 0) throw std::runtime_error("the writer could not keep up: nothing to compare");
}

void live(std::uint64_t number) {
  std::vector<PacketObservation> observed;
  observed.reserve(number);
  for (Packets packets; observed.size() < number;) observed.push_back(packets.next());
  PacketFlowResult result;
  FlowDecoder decoder(flow_of(number + number / 500), [&](PacketInterval&& interval) { accumulate(result, interval); });
  const auto begin = steady_clock::now();
  for (const PacketObservation& packet : observed) decoder.packet(packet);
  decoder.finish(std::nullopt, observed.back().rx_user);
  const std::chrono::duration<double, std::nano> took = steady_clock::now() - begin;
  if (result.received.packets != number) throw std::runtime_error("not all packets were decoded");
  std::printf("%.1f\n", took.count() / static_cast<double>(number));
}

nanoseconds thread_cpu_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

// A batch of the receiver's: super-packets of 10M packets a second, each packet with a lateness of its own.
class SuperPackets {
 public:
  static constexpr std::size_t kMessages = 16, kPackets = 128, kSize = 64;

  void fill(std::uint64_t first_sequence) {
    for (std::size_t i = 0; i < kMessages * kPackets; ++i) {
      const std::uint64_t sequence = first_sequence + i;
      const auto lateness = packet::encode_lateness(static_cast<std::int64_t>(100 * (kPackets - i % kPackets)));
      packet::encode(
          {packet::Type::data, 1, static_cast<std::uint32_t>(sequence), sent(sequence - i % kPackets), lateness},
          std::span(bytes_).subspan(i * kSize, kSize));
    }
  }
  static std::uint64_t sent(std::uint64_t sequence) { return static_cast<std::uint64_t>(kBegin) + sequence * 100; }
  std::span<const std::uint8_t> message(std::size_t i) const {
    return std::span(bytes_).subspan(i * kPackets * kSize, kPackets * kSize);
  }

 private:
  std::vector<std::uint8_t> bytes_ = std::vector<std::uint8_t>(kMessages * kPackets * kSize);
};

// As receiver::Flow takes them.
void decode(std::span<const std::uint8_t> message, std::uint64_t sequence, FlowDecoder& decoder) {
  std::array<std::uint16_t, SuperPackets::kPackets> encoded;
  std::array<std::int64_t, SuperPackets::kPackets> lateness;
  const std::size_t length = packet::run_length(message, SuperPackets::kSize, encoded);
  for (std::size_t i = 0; i < length; ++i) lateness[i] = packet::decode_lateness(encoded[i]);
  PacketObservation first;
  first.sequence = sequence;
  first.size = SuperPackets::kSize;
  first.tx_user = SenderTime{nanoseconds{static_cast<std::int64_t>(SuperPackets::sent(sequence))}};
  first.rx_user = ReceiverTime{first.tx_user.time_since_epoch() + nanoseconds{kOffset + 25'000}};
  first.rx_tc = first.rx_user - nanoseconds{4'000 + static_cast<std::int64_t>(sequence % 977)};
  decoder.run(first, std::span(lateness).first(length));
}

void runs(std::uint64_t number) {
  PacketFlowResult result;
  FlowStart start = flow_of(number);
  start.spec.rate_pps = 0;
  FlowDecoder decoder(start, [&](PacketInterval&& interval) { accumulate(result, interval); });
  SuperPackets batch;
  nanoseconds took{0};
  std::uint64_t sequence = 0;
  while (sequence < number) {
    batch.fill(sequence);
    const nanoseconds begin = thread_cpu_time();
    for (std::size_t i = 0; i < SuperPackets::kMessages; ++i, sequence += SuperPackets::kPackets)
      decode(batch.message(i), sequence, decoder);
    took += thread_cpu_time() - begin;
  }
  decoder.finish(sequence, ReceiverTime{start.start.time_since_epoch() + start.map.offset + start.spec.duration});
  if (result.received.packets != sequence) throw std::runtime_error("not all packets were decoded");
  std::printf("%.1f\n", static_cast<double>(took.count()) / static_cast<double>(sequence));
}

// D-ITG's log is records of 144 bytes: the sequence number at 4; the hours, minutes and seconds (a double) of
// sending at 16, 20 and 128, of arrival at 24, 28 and 136. Each pass continues where the one before ended.
void repeat(const char* log, const char* file, std::uint64_t number) {
  constexpr std::size_t kRecord = 144;
  std::ifstream in(log, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  const std::size_t records = text.size() / kRecord;
  if (records < 2) throw std::runtime_error(std::string(log) + " is no log");
  const auto read = [&](std::size_t at, auto& value) { std::memcpy(&value, text.data() + at, sizeof value); };
  const auto seconds = [&](std::size_t record) {
    std::uint32_t hours = 0, minutes = 0;
    double rest = 0;
    read(record * kRecord + 24, hours);
    read(record * kRecord + 28, minutes);
    read(record * kRecord + 136, rest);
    return hours * 3600 + minutes * 60 + rest;
  };
  const double span =
      (seconds(records - 1) - seconds(0)) * static_cast<double>(records) / static_cast<double>(records - 1);
  std::uint32_t last_sequence = 0;
  read((records - 1) * kRecord + 4, last_sequence);

  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  for (std::uint64_t i = 0; i < number; ++i) {
    std::string record = text.substr(i % records * kRecord, kRecord);
    const std::uint64_t pass = i / records;
    const auto change = [&](std::size_t at, auto value, auto edit) {
      std::memcpy(&value, record.data() + at, sizeof value);
      value = edit(value);
      std::memcpy(record.data() + at, &value, sizeof value);
    };
    change(4, std::uint32_t{},
           [&](std::uint32_t sequence) { return static_cast<std::uint32_t>(sequence + pass * last_sequence); });
    for (const std::size_t at : {std::size_t{128}, std::size_t{136}}) {
      std::uint32_t minutes = 0;  // that the seconds overflow into; hours follow from them
      change(at, double{}, [&](double value) {
        value += static_cast<double>(pass) * span;
        minutes = static_cast<std::uint32_t>(value / 60);
        return value - minutes * 60;
      });
      const std::size_t clock = at == 128 ? 16 : 24;
      std::uint32_t hours = 0;
      change(clock + 4, std::uint32_t{}, [&](std::uint32_t value) {
        hours = (value + minutes) / 60;
        return (value + minutes) % 60;
      });
      change(clock, std::uint32_t{}, [&](std::uint32_t value) { return value + hours; });
    }
    out << record;
  }
  if (!out.flush()) throw std::runtime_error(std::string("write ") + file);
}

void time_program(char** arguments) {
  const auto begin = steady_clock::now();
  const pid_t child = fork();
  if (child == 0) {
    const int quiet = open("/dev/null", O_WRONLY);
    dup2(quiet, STDOUT_FILENO);
    dup2(quiet, STDERR_FILENO);
    execvp(arguments[0], arguments);
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  wait4(child, &status, 0, &usage);
  const std::chrono::duration<double> took = steady_clock::now() - begin;
  if (status != 0) throw std::runtime_error(std::string(arguments[0]) + " failed");
  std::printf("%.4f %ld\n", took.count(), usage.ru_maxrss);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string what = argc > 2 ? argv[1] : "";
    if (what == "record" && argc == 4) {
      record(argv[2], std::stoull(argv[3]));
    } else if (what == "repeat" && argc == 5) {
      repeat(argv[2], argv[3], std::stoull(argv[4]));
    } else if (what == "time") {
      time_program(argv + 2);
    } else if (what == "live") {
      live(std::stoull(argv[2]));
    } else if (what == "runs") {
      runs(std::stoull(argv[2]));
    } else {
      std::fprintf(stderr, "bench/decode.sh runs this; see the head of bench/decode.cc\n");
      return 2;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_decode: %s\n", error.what());
    return 1;
  }
}
