// SPDX-License-Identifier: MIT
#include "decoder/record_writer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "decoder/arrival_order.h"
#include "paceline/error.h"
#include "proto/convert.h"
#include "proto/record_columns.h"

namespace paceline::decoder {

namespace {

using std::chrono::steady_clock;

// The ring holds a quarter of a second of the flow's packets, as far as 4 MB go; the writer looks every 20 ms, and more
// often where that would be too many packets for the ring.
constexpr double kRingSeconds = 0.25;
constexpr std::uint64_t kMinRing = 4096;
constexpr std::uint64_t kMaxRing = std::uint64_t{1} << 16;
constexpr std::chrono::nanoseconds kPoll = std::chrono::milliseconds(20);
constexpr std::chrono::nanoseconds kShortPoll = std::chrono::milliseconds(4);
constexpr double kFast = 1e6;  // packets/s

// Records wait for the packet path, not the other way round.
constexpr int kNiceness = 10;

// Copies and forgeries are recorded, too, but strangers shall not fill the disk with them.
constexpr double kRecordsPerPacket = 4;
constexpr double kSparePackets = 1000;

// What the packet path hands over: a packet, or an event when `what` is not 0.
struct Entry {
  PacketObservation packet;  // an event's number in `sequence`, its time in `rx_user`
  std::uint8_t what = 0;
};
static_assert(std::is_trivially_copyable_v<Entry>, "entries lie in pages that no constructor touched");

// One producer, one consumer, a fixed number of entries in demand-zero pages: it costs memory as it fills.
class Ring {
 public:
  // Precondition: capacity is a power of 2. Throws std::bad_alloc.
  explicit Ring(std::uint64_t capacity) : mask_(capacity - 1) {
    void* pages = mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    (void)madvise(pages, bytes(), MADV_NOHUGEPAGE);
    entries_ = static_cast<Entry*>(pages);
  }
  ~Ring() { munmap(entries_, bytes()); }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  bool push(const Entry& entry) {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (head - seen_tail_ > mask_) {
      seen_tail_ = tail_.load(std::memory_order_acquire);
      if (head - seen_tail_ > mask_) return false;
    }
    std::construct_at(&entries_[head & mask_], entry);
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

  // Calls `use` with each entry that was there when it looked.
  template <class Use>
  void drain(Use&& use) {
    const std::uint64_t head = head_.load(std::memory_order_acquire);
    std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    while (tail != head) {
      use(entries_[tail & mask_]);
      tail_.store(++tail, std::memory_order_release);
    }
  }

 private:
  static constexpr std::size_t kCacheLine = 64;

  std::size_t bytes() const { return (mask_ + 1) * sizeof(Entry); }

  Entry* entries_ = nullptr;
  std::uint64_t mask_;
  alignas(kCacheLine) std::atomic<std::uint64_t> head_{0};
  std::uint64_t seen_tail_ = 0;  // the producer's last look at tail_
  alignas(kCacheLine) std::atomic<std::uint64_t> tail_{0};
};

std::uint64_t ring_size(const PacketFlowSpec& spec) {
  if (spec.rate_pps == 0) return kMaxRing;  // as fast as can be
  const double packets = std::min(spec.rate_pps * kRingSeconds, static_cast<double>(kMaxRing));
  return std::max(kMinRing, std::bit_ceil(static_cast<std::uint64_t>(std::ceil(packets))));
}

std::chrono::nanoseconds poll_of(const PacketFlowSpec& spec) {
  return spec.rate_pps == 0 || spec.rate_pps > kFast ? kShortPoll : kPoll;
}

std::uint64_t most_packet_records(const PacketFlowSpec& spec) {
  return static_cast<std::uint64_t>(kRecordsPerPacket * (most_packets(spec) + kSparePackets));
}

// A file that remembers its first error and ignores what comes after it.
class File {
 public:
  explicit File(RecordOutput output)
      : path_(std::move(output.name)), descriptor_(output.descriptor), allowance_(std::move(output.allowance)) {}
  ~File() { close(); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void write(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty() && error_.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written >= 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(written));
      } else if (errno != EINTR) {
        fail("write");
      }
    }
  }
  void close() {
    if (descriptor_ < 0) return;
    if (::close(descriptor_) != 0 && error_.empty()) fail("close");
    descriptor_ = -1;
  }
  const std::string& error() const { return error_; }

  // Whether it may grow by so many bytes; once it may not, it never may again.
  bool may_grow(std::uint64_t bytes) {
    if (!full() && allowance_ && !allowance_->take(bytes)) full_.store(true, std::memory_order_relaxed);
    return !full();
  }
  bool full() const { return full_.load(std::memory_order_relaxed); }

 private:
  void fail(const char* action) { error_ = std::string(action) + " " + path_ + ": " + std::strerror(errno); }

  std::string path_;
  int descriptor_ = -1;
  std::shared_ptr<RecordAllowance> allowance_;
  std::atomic<bool> full_{false};
  std::string error_;
};

std::vector<std::uint8_t> head_of(const FlowStart& start) {
  wire::RecordHead head;
  head.set_flow_id(start.flow_id);
  wire::to_wire(start.spec, *head.mutable_spec());
  head.set_clock_offset(start.map.offset.count());
  head.set_start(start.start.time_since_epoch().count());
  head.set_hook(wire::to_wire(start.hook));
  head.set_created(nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count());
  return record::encode_head(head.SerializeAsString());
}

record::Order to_order(const ArrivalOrder::Checkpoint& state) {
  return {state.any, state.next_expected, state.previous_sequence, state.previous_transit, state.scaled_jitter};
}

record::Packet to_record(const PacketObservation& packet) {
  const bool stamped = packet.rx_tc != PacketObservation::kNoStamp;
  return {packet.sequence,
          packet.tx_user.time_since_epoch().count(),
          packet.lateness,
          stamped ? packet.rx_tc.time_since_epoch().count() : 0,
          packet.rx_user.time_since_epoch().count(),
          packet.size,
          stamped};
}

// Adds up events of one interval, for one record of each kind.
class Events {
 public:
  explicit Events(const FlowStart& start)
      : origin_(difference(start.start.time_since_epoch().count(), difference(0, start.map.offset.count()))),
        length_(start.spec.interval.count()) {}

  bool pending() const { return pending_; }
  bool in_interval_of(std::int64_t time) const { return interval(time) == interval_; }
  // Precondition: none is pending, or in_interval_of(time).
  void add(std::uint8_t what, std::uint64_t number, std::int64_t time) {
    counted_[what].number += number;
    counted_[what].time = time;
    interval_ = interval(time);
    pending_ = true;
  }
  // Calls `use` with a record for each kind.
  template <class Use>
  void take(Use&& use) {
    pending_ = false;
    for (std::size_t what = 0; what < counted_.size(); ++what) {
      const auto [number, time] = std::exchange(counted_[what], {});
      if (number > 0) use(record::Event{static_cast<std::uint8_t>(what), number, time});
    }
  }

 private:
  static constexpr std::size_t kKinds = static_cast<std::size_t>(Counted::lost_in_socket) + 1;
  struct Sum {
    std::uint64_t number = 0;
    std::int64_t time = 0;  // of the latest
  };

  // The decoder's intervals, but that its first and last also hold what came before the start and after the duration,
  // which may be several here: then less is added up.
  std::int64_t interval(std::int64_t time) const { return difference(time, origin_) / length_; }

  std::int64_t origin_;
  std::int64_t length_;
  std::array<Sum, kKinds> counted_{};
  std::int64_t interval_ = 0;
  bool pending_ = false;
};

}  // namespace

struct RecordWriter::State {
  State(RecordOutput output, const FlowStart& start, const RecordLimits& record_limits)
      : ring(record_limits.waiting > 0 ? record_limits.waiting : ring_size(start.spec)),
        limits(record_limits),
        poll(poll_of(start.spec)),
        file(std::move(output)),
        packets_left(most_packet_records(start.spec)),
        events(start),
        order(start.spec) {
    const std::vector<std::uint8_t> head = head_of(start);
    mark = record::file_mark(head);
    file.write(head);
    if (!file.error().empty()) throw FileError(file.error());
    encoder.start({});
    thread = std::thread([this] { run(); });
  }
  ~State() { stop(); }

  void hand_over(const Entry& entry) {
    if (!ring.push(entry)) lost.fetch_add(1, std::memory_order_relaxed);
  }
  void stop();

  // On the writer's thread, and after it ended on that which ended it.
  void run();
  void drain();
  void append(const Entry& entry);
  void put(const record::Packet& packet);
  void put_events();
  void flush();

  Ring ring;
  std::atomic<std::uint64_t> lost{0};
  std::mutex mutex;  // of `stopping`, which the packet path does not know
  std::condition_variable wake;
  bool stopping = false;

  RecordLimits limits;
  std::chrono::nanoseconds poll;
  File file;
  std::uint32_t mark = 0;  // of the file's blocks
  record::BlockEncoder encoder;
  std::uint64_t packets_left;  // that may still be recorded
  Events events;               // of this drain()
  ArrivalOrder order;
  std::uint32_t blocks = 0;
  steady_clock::time_point block_began{};

  std::thread thread;
};

void RecordWriter::State::run() {
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNiceness);
  std::unique_lock lock(mutex);
  for (bool done = false; !done;) {
    done = wake.wait_for(lock, poll, [this] { return stopping; });
    drain();
    if (done || steady_clock::now() - block_began >= limits.age) flush();
  }
}

void RecordWriter::State::stop() {
  if (!thread.joinable()) return;
  {
    const std::lock_guard lock(mutex);
    stopping = true;
  }
  wake.notify_one();
  thread.join();
}

void RecordWriter::State::drain() {
  ring.drain([this](const Entry& entry) { append(entry); });
  put_events();
}

void RecordWriter::State::append(const Entry& entry) {
  if (!file.error().empty() || file.full()) {
    lost.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const std::int64_t time = entry.packet.rx_user.time_since_epoch().count();
  if (events.pending() && !events.in_interval_of(time)) put_events();
  if (entry.what != 0) {
    events.add(entry.what, entry.packet.sequence, time);
  } else if (packets_left > 0) {
    --packets_left;
    put(to_record(entry.packet));
  } else {
    lost.fetch_add(1, std::memory_order_relaxed);
  }
}

void RecordWriter::State::put(const record::Packet& packet) {
  if (encoder.empty()) block_began = steady_clock::now();
  encoder.add(packet);
  const auto kind = order.arrive(packet.sequence);
  if (kind == ArrivalOrder::Kind::in_order || kind == ArrivalOrder::Kind::reordered)
    order.vary(packet.sequence, difference(packet.rx_user, packet.tx_user));
  if (encoder.full() || encoder.packets() >= limits.packets) flush();
}

void RecordWriter::State::put_events() {
  events.take([this](const record::Event& event) {
    if (encoder.empty()) block_began = steady_clock::now();
    encoder.add(event);
    if (encoder.full()) flush();
  });
}

void RecordWriter::State::flush() {
  if (!encoder.empty()) {
    const auto [header, payload] = encoder.pack(blocks, mark);
    if (file.may_grow(record::kBlockHeaderSize + payload.size())) {
      ++blocks;
      file.write(record::encode(header, payload));
      file.write(payload);
    }
    if (file.full() || !file.error().empty()) lost.fetch_add(header.records(), std::memory_order_relaxed);
  }
  encoder.start(to_order(order.checkpoint()));
}

RecordOutput create_record_file(const std::filesystem::path& path) {
  const int descriptor = open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644);
  if (descriptor < 0) throw FileError("create record file " + path.string() + ": " + std::strerror(errno));
  return {descriptor, path.string()};
}

RecordWriter::RecordWriter(const std::filesystem::path& file, const FlowStart& start, const RecordLimits& limits)
    : RecordWriter(create_record_file(file), start, limits) {}

RecordWriter::RecordWriter(RecordOutput output, const FlowStart& start, const RecordLimits& limits)
    : state_(std::make_unique<State>(std::move(output), start, limits)) {}

RecordWriter::~RecordWriter() = default;

void RecordWriter::packet(const PacketObservation& packet) { state_->hand_over({packet, 0}); }

void RecordWriter::count(Counted what, std::uint64_t number, ReceiverTime now) {
  Entry entry;
  entry.packet.sequence = number;
  entry.packet.rx_user = now;
  entry.what = static_cast<std::uint8_t>(what);
  state_->hand_over(entry);
}

std::string RecordWriter::finish(const PacketFlowResult& result, ReceiverTime finished) {
  state_->stop();

  wire::RecordTail tail;
  PacketFlowResult without_statistics = result;
  without_statistics.statistics = {};
  wire::to_wire(without_statistics, *tail.mutable_result());
  tail.set_finished(finished.time_since_epoch().count());
  tail.set_lost_records(lost_records());
  const std::string text = tail.SerializeAsString();

  const auto* data = reinterpret_cast<const std::uint8_t*>(text.data());
  const record::Bytes payload(data, std::min(text.size(), record::kMaxPayload));
  const auto size = static_cast<std::uint32_t>(payload.size());
  state_->file.write(record::encode({record::Kind::tail, size, 0, 0, state_->blocks, state_->mark, {}}, payload));
  state_->file.write(payload);
  state_->file.close();
  return state_->file.error();
}

std::uint64_t RecordWriter::lost_records() const { return state_->lost.load(std::memory_order_relaxed); }

bool RecordWriter::cut_short() const { return state_->file.full(); }

}  // namespace paceline::decoder
