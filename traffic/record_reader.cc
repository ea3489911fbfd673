// SPDX-License-Identifier: MIT
#include "traffic/record_reader.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>

#include "paceline/error.h"
#include "traffic/clock_source.h"
#include "traffic/echo_queue.h"
#include "traffic/record_stream.h"
#include "traffic/sctp.h"
#include "traffic/tcp_worker.h"

namespace paceline::traffic {

namespace {

constexpr std::uint64_t kBell = ~std::uint64_t{0};
constexpr std::size_t kRead = 256 * 1024;
constexpr std::size_t kEchoedRead = 64 * 1024;  // smaller: what it brings must fit into the way back
constexpr nanoseconds kNever = nanoseconds::max();

nanoseconds clock_now() { return now<SenderClock>().time_since_epoch(); }

int pending_error(int socket) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

}  // namespace

class RecordReader::Worker {
 public:
  Worker() : epoll_(epoll_create1(EPOLL_CLOEXEC)), bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!epoll_ || !bell_) throw SetupError("reading records (epoll): " + error_text(errno));
    control(EPOLL_CTL_ADD, bell_.get(), kBell, EPOLLIN);
  }
  ~Worker() {
    thread_.request_stop();
    eventfd_write(bell_.get(), 1);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start(const WorkerOptions& options, std::size_t index) {
    if (thread_.joinable()) return;
    thread_ = std::jthread([this, options, index](const std::stop_token& stop) {
      become_worker(options, index);  // what it lacks others tell
      run(stop);
    });
  }

  void post(std::function<void()> task) {
    {
      const std::scoped_lock lock(mutex_);
      mailbox_.push_back(std::move(task));
    }
    eventfd_write(bell_.get(), 1);
  }

  // On the worker's thread from here on.
  void take_in(std::uint64_t number, const RecordConnection& told, std::unique_ptr<RecordSink> sink) {
    Held& held = held_.try_emplace(number, number, told, std::move(sink)).first->second;
    control(EPOLL_CTL_ADD, held.fd(), number, EPOLLIN);
    tick(held, clock_now());
  }

  void call(std::uint64_t number, const std::function<void(RecordSink&, nanoseconds)>& what) {
    const auto found = held_.find(number);
    if (found == held_.end()) return;
    const nanoseconds now = clock_now();
    what(*found->second.sink, now);
    tick(found->second, now);
  }

  void forget(std::uint64_t number) {
    const auto found = held_.find(number);
    if (found == held_.end()) return;
    if (!found->second.over) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.fd(), nullptr);
    held_.erase(found);
  }

 private:
  struct Held {
    Held(std::uint64_t of, const RecordConnection& told, std::unique_ptr<RecordSink> to)
        : number(of), connection(told), splitter(told.largest), sink(std::move(to)) {
      if (!told.echo) return;
      const std::uint16_t streams = told.sctp ? sctp_streams_out(fd()) : std::uint16_t{0};
      echoes.emplace(kEchoedRead + kRecordLengthSize + told.largest, streams);
    }
    int fd() const { return connection.socket->get(); }

    std::uint64_t number;
    RecordConnection connection;
    RecordSplitter splitter;
    std::optional<EchoQueue> echoes;
    std::unique_ptr<RecordSink> sink;
    nanoseconds alarm = kNever;
    bool blocked = false;  // its echoes wait for room
    bool over = false;
  };

  void run(const std::stop_token& stop) {
    std::array<epoll_event, 64> events;
    while (!stop.stop_requested()) {
      const int count = epoll_wait(epoll_.get(), events.data(), events.size(), milliseconds_to_alarm());
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        const auto found = held_.find(event.data.u64);
        if (event.data.u64 == kBell)
          read_mailbox();
        else if (found != held_.end() && !found->second.over)
          serve(found->second, event.events);
      }
      ring_alarms();
    }
  }

  void read_mailbox() {
    eventfd_t rings = 0;
    eventfd_read(bell_.get(), &rings);
    std::vector<std::function<void()>> tasks;
    {
      const std::scoped_lock lock(mutex_);
      tasks.swap(mailbox_);
    }
    for (const auto& task : tasks) task();
  }

  void serve(Held& held, std::uint32_t events) {
    if ((events & EPOLLERR) != 0) {
      if (const int error = pending_error(held.fd()); error != 0) return end(held, error_text(error));
    }
    if (held.blocked && (events & (std::uint32_t{EPOLLOUT} | EPOLLHUP)) != 0) return send_back(held);
    if (!held.blocked) read(held);
  }

  void read(Held& held) {
    const ssize_t count = recv(held.fd(), buffer_.data(), held.echoes ? kEchoedRead : kRead, MSG_DONTWAIT);
    const nanoseconds now = clock_now();
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count < 0) return end(held, error_text(errno));
    if (count == 0)
      return end(held, held.splitter.between_records() ? "" : "the connection was closed in the middle of a record");
    const char* wrong = nullptr;
    const auto bytes = std::span<const std::uint8_t>(buffer_).first(static_cast<std::size_t>(count));
    const auto outcome = held.splitter.feed(bytes, [&](std::span<const std::uint8_t> packet) {
      wrong = take(held, packet, now);
      return wrong == nullptr;
    });
    if (outcome == RecordSplitter::Outcome::length) wrong = "a length that no record of the flow has";
    if (wrong != nullptr) return end(held, std::string("the other end sent ") + wrong);
    if (held.echoes) send_back(held);
  }

  /// Returns what it is if it is no record of the flow.
  static const char* take(Held& held, std::span<const std::uint8_t> packet, nanoseconds now) {
    const RecordConnection& flow = held.connection;
    const auto header = packet::decode_header(packet);
    if (!header) return "a record that is no packet";
    if (header->flow_id != flow.flow_id) return "a record of another flow";
    if (header->type != flow.type) return "a record of a type that has no place here";
    if (packet.size() < flow.least) return "a record that is smaller than was agreed";
    held.sink->record(*header, static_cast<std::uint32_t>(packet.size()), now);
    if (held.echoes) held.echoes->add(packet);
    return nullptr;
  }

  void send_back(Held& held) {
    if (const int error = held.echoes->flush(held.fd()); error != 0) return end(held, error_text(error));
    const bool blocked = !held.echoes->empty();
    if (blocked == std::exchange(held.blocked, blocked)) return;
    control(EPOLL_CTL_MOD, held.fd(), held.number, blocked ? std::uint32_t{EPOLLOUT} : std::uint32_t{EPOLLIN});
  }

  void end(Held& held, const std::string& why) {
    held.over = true;
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, held.fd(), nullptr);
    held.connection.socket.reset();  // unless others write to it, the other end learns at once
    const nanoseconds now = clock_now();
    held.sink->ended(why, now);
    tick(held, now);
  }

  void tick(Held& held, nanoseconds now) {
    held.alarm = held.sink->tick(now);
    next_alarm_ = std::min(next_alarm_, held.alarm);
  }

  void ring_alarms() {
    const nanoseconds now = clock_now();
    if (now < next_alarm_) return;
    next_alarm_ = kNever;
    for (auto& [number, held] : held_) {
      if (now >= held.alarm) held.alarm = held.sink->tick(now);
      next_alarm_ = std::min(next_alarm_, held.alarm);
    }
  }

  int milliseconds_to_alarm() const {
    if (next_alarm_ == kNever) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_alarm_ - clock_now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
  }

  void control(int what, int fd, std::uint64_t number, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.u64 = number;
    epoll_ctl(epoll_.get(), what, fd, &event);
  }

  FileDescriptor epoll_;
  FileDescriptor bell_;
  std::mutex mutex_;
  std::vector<std::function<void()>> mailbox_;
  std::unordered_map<std::uint64_t, Held> held_;
  nanoseconds next_alarm_ = kNever;
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(kRead);
  std::jthread thread_;
};

RecordReader::RecordReader(WorkerOptions options) : options_(std::move(options)) {
  const std::size_t count = worker_count(options_, std::numeric_limits<std::size_t>::max());
  for (std::size_t i = 0; i < count; ++i) workers_.push_back(std::make_unique<Worker>());
}

RecordReader::~RecordReader() = default;

std::uint64_t RecordReader::add(RecordConnection connection, std::unique_ptr<RecordSink> sink) {
  const std::uint64_t number = next_++;
  Worker& worker = worker_of(number);
  try {
    worker.start(options_, number % workers_.size());
  } catch (const std::exception& error) {
    throw SetupError(std::string("a thread to read records: ") + error.what());
  }
  // A std::function wants what can be copied.
  auto shared = std::make_shared<std::unique_ptr<RecordSink>>(std::move(sink));
  worker.post([&worker, number, connection = std::move(connection), shared] {
    worker.take_in(number, connection, std::move(*shared));
  });
  return number;
}

void RecordReader::post(std::uint64_t number, std::function<void(RecordSink& sink, nanoseconds now)> what) {
  Worker& worker = worker_of(number);
  worker.post([&worker, number, what = std::move(what)] { worker.call(number, what); });
}

void RecordReader::remove(std::uint64_t number) {
  Worker& worker = worker_of(number);
  worker.post([&worker, number] { worker.forget(number); });
}

}  // namespace paceline::traffic
