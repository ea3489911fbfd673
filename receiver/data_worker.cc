// SPDX-License-Identifier: MIT
#include "receiver/data_worker.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "paceline/error.h"
#include "traffic/clock_exchange.h"
#include "traffic/clock_source.h"

namespace paceline::receiver {

namespace {

// Batches taken in a row before the mailbox and the alarms get their turn under a flood.
constexpr int kBatchesInARow = 16;

ReceiverTime receiver_now() { return traffic::now<ReceiverClock>(); }

// Of a counter that only this thread writes: no locked instruction.
void add(std::atomic<std::uint64_t>& counter, std::uint64_t more) {
  counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

}  // namespace

DataWorker::DataWorker(traffic::DataSocket plain, traffic::DataSocket coalescing, const StampLadder& ladder,
                       nanoseconds timens_offset, const traffic::WorkerOptions& options, std::size_t index)
    : plain_(std::move(plain)),
      coalescing_(std::move(coalescing)),
      ladder_(ladder),
      timens_offset_(timens_offset),
      bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!bell_) throw SetupError("eventfd: " + std::generic_category().message(errno));
  if (ladder_.hook() == Hook::netstamp) enable_netstamp();
  thread_ = std::jthread([this, options, index](const std::stop_token& stop) {
    become_.set_value(traffic::become_worker(options, index));
    run(stop);
  });
}

DataWorker::~DataWorker() {
  thread_.request_stop();
  eventfd_write(bell_.get(), 1);
}

DataWorker::Counts DataWorker::counts() const {
  return {probes_answered_.load(std::memory_order_relaxed), socket_drops_.load(std::memory_order_relaxed),
          strays_.load(std::memory_order_relaxed)};
}

std::size_t DataWorker::flows() const {
  const std::scoped_lock lock(mailbox_mutex_);
  return ids_.size();
}

bool DataWorker::holds(std::uint32_t flow_id) const {
  const std::scoped_lock lock(mailbox_mutex_);
  return ids_.contains(flow_id);
}

void DataWorker::add(std::unique_ptr<Flow> flow) {
  {
    const std::scoped_lock lock(mailbox_mutex_);
    ids_.insert(flow->id());
  }
  auto shared = std::make_shared<std::unique_ptr<Flow>>(std::move(flow));
  post([this, shared] {
    const std::uint32_t id = (*shared)->id();
    flows_.try_emplace(id, Held{std::move(*shared), id % 2 == 0 ? plain_ : coalescing_});
  });
}

void DataWorker::bind(std::uint32_t flow_id, const packet::Nonce& nonce, std::function<void(const Bound&)> told) {
  post([this, flow_id, nonce, told = std::move(told)] {
    Held* held = find(flow_id);
    if (held == nullptr) return told({"the flow is gone", {}});
    const std::string refused = held->flow->bind(nonce, ladder_.tc_required());
    told({refused, refused.empty() ? held->flow->stamping() : Stamping{}});
  });
}

void DataWorker::start(FlowIntake intake, std::function<void(const Started&)> told) {
  auto shared = std::make_shared<FlowIntake>(std::move(intake));
  post([this, shared, told = std::move(told)] {
    Held* held = find(shared->start.flow_id);
    if (held == nullptr) return;
    Socket& socket = held->socket;
    share_drops(socket, receiver_now());  // those of before are not this flow's
    shared->coalesced = socket.socket.coalesces();
    if (shared->coalesced) count_at_hook(*shared);
    held->flow->start(std::move(*shared));
    ++socket.running;
    if (held->flow->echoes()) ++socket.echoing;
    for (auto& [id, other] : flows_) {
      if (&other.socket == &socket && other.flow->started()) other.flow->shares_socket_with(socket.running);
    }
    set_alarm(*held);
    told({"", held->flow->duplicate_window()});
  });
}

// What the socket drops is super-packets, of whatever flow; the hook, where this flow passes it, tells in datagrams.
void DataWorker::count_at_hook(FlowIntake& intake) const {
  const std::uint32_t id = intake.start.flow_id;
  if (intake.start.hook != Hook::tcx && intake.start.hook != Hook::clsact) return;
  ladder_.count_flow(id);
  if (ladder_.flow_count(id)) intake.at_hook = [&ladder = ladder_, id] { return ladder.flow_count(id); };
}

void DataWorker::done(std::uint32_t flow_id, std::uint64_t sent_packets) {
  post([this, flow_id, sent_packets] {
    Held* held = find(flow_id);
    if (held == nullptr) return;
    const ReceiverTime now = receiver_now();
    share_drops(held->socket, now);
    held->flow->done(sent_packets, now);
    if (held->flow->finished()) return forget(flow_id);
    set_alarm(*held);
  });
}

void DataWorker::remove(std::uint32_t flow_id, std::function<void(std::uint64_t answered)> told) {
  post([this, flow_id, told = std::move(told)] {
    std::uint64_t answered = 0;
    if (Held* held = find(flow_id)) {
      const ReceiverTime now = receiver_now();
      share_drops(held->socket, now);
      held->flow->abandon(now);
      answered = held->flow->answered();
      forget(flow_id);
    }
    if (told) told(answered);
  });
}

void DataWorker::knock(const packet::Knock& knock, const traffic::Address& to) {
  post([this, knock, to] {
    if (Held* held = find(knock.flow_id)) held->socket.socket.send(packet::encode(knock), to);
  });
}

void DataWorker::post(std::function<void()> task) {
  {
    const std::scoped_lock lock(mailbox_mutex_);
    mailbox_.push_back(std::move(task));
  }
  eventfd_write(bell_.get(), 1);
}

void DataWorker::read_mailbox() {
  eventfd_t rings = 0;
  eventfd_read(bell_.get(), &rings);
  std::vector<std::function<void()>> tasks;
  {
    const std::scoped_lock lock(mailbox_mutex_);
    tasks.swap(mailbox_);
  }
  for (const auto& task : tasks) task();
}

void DataWorker::run(const std::stop_token& stop) {
  std::array<pollfd, 3> watched{
      {{plain_.socket.fd(), POLLIN, 0}, {coalescing_.socket.fd(), POLLIN, 0}, {bell_.get(), POLLIN, 0}}};
  while (!stop.stop_requested()) {
    const ReceiverTime now = receiver_now();
    timespec wait{};
    if (alarms_.empty() || alarms_.top().time > now) {
      const nanoseconds left = std::min<nanoseconds>(alarms_.empty() ? nanoseconds::max() : alarms_.top().time - now,
                                                     std::chrono::seconds(1));
      wait = {left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    }
    ppoll(watched.data(), watched.size(), &wait, nullptr);
    if (watched[2].revents != 0) read_mailbox();
    bool plain = watched[0].revents != 0, coalescing = watched[1].revents != 0;
    for (int i = 0; i < kBatchesInARow && (plain || coalescing); ++i) {
      plain = plain && take_batch(plain_);
      coalescing = coalescing && take_batch(coalescing_);
    }
    const ReceiverTime after = receiver_now();
    if (!alarms_.empty() && after >= alarms_.top().time) ring_alarms(after);
  }
  read_mailbox();
}

// Says whether there may be more.
bool DataWorker::take_batch(Socket& socket) {
  const auto batch = socket.socket.receive();
  if (batch.empty()) return false;
  // The whole batch came into the application's hands at once.
  const ReceiverTime now = receiver_now();
  if (netstamp_) realtime_offset_ = traffic::realtime_offset();
  if (socket.echoing > 0) send_back(socket, batch);  // first, so that the round trip holds little of this end
  for (const traffic::Datagram& arrived : batch) take(socket, arrived, now);
  return batch.size() == socket.socket.batch();
}

void DataWorker::send_back(Socket& socket, std::span<const traffic::Datagram> batch) {
  std::size_t queued = 0;
  for (const traffic::Datagram& arrived : batch) {
    const auto header = packet::decode_header(arrived.bytes);
    if (!header || header->type != packet::Type::data) continue;
    Held* held = find(header->flow_id);
    if (held == nullptr || &held->socket != &socket || !held->flow->echoes(arrived)) continue;
    socket.socket.queue_echo(arrived);
    echoed_[queued++] = held->flow.get();
  }
  for (const std::size_t refused : socket.socket.send_echoes()) echoed_[refused]->count_unsent_echo();
}

void DataWorker::take(Socket& socket, const traffic::Datagram& arrived, ReceiverTime now) {
  traffic::Datagram rest = arrived;
  const Flow* counted = nullptr;  // for which flow the packet buffer was
  while (!rest.bytes.empty()) {
    const std::size_t size = std::min(rest.segment, rest.bytes.size());
    const auto header = packet::decode_header(rest.bytes.first(size));
    std::size_t taken = 1;
    if (!header) {
      receiver::add(strays_, 1);  // it has no flow to be counted for
    } else if (header->type == packet::Type::data) {
      taken = take_data(*header, rest, counted, now);
    } else if (header->type == packet::Type::probe) {
      traffic::Datagram probe = rest;
      probe.bytes = rest.bytes.first(size);
      take_probe(socket, probe, now);
    }
    rest.bytes = rest.bytes.subspan(std::min(taken * rest.segment, rest.bytes.size()));
  }
}

std::size_t DataWorker::take_data(const packet::Header& header, const traffic::Datagram& arrived, const Flow*& counted,
                                  ReceiverTime now) {
  Held* held = find(header.flow_id);
  if (held == nullptr) receiver::add(strays_, 1);
  if (held == nullptr || !held->flow->started()) return 1;
  Flow& flow = *held->flow;
  if (std::exchange(counted, &flow) != &flow) flow.count_buffer();
  const std::size_t taken = flow.data(header, arrived, receive_stamp(flow.stamping().hook, arrived.stamp), now);
  if (flow.finished()) {
    forget(header.flow_id);
    counted = nullptr;
  }
  return taken;
}

void DataWorker::take_probe(Socket& socket, const traffic::Datagram& datagram, ReceiverTime now) {
  const auto probe = packet::decode_probe(datagram.bytes);
  Held* held = probe ? find(probe->flow_id) : nullptr;
  if (held == nullptr || !held->flow->knows(*probe)) return receiver::add(strays_, 1);
  const bool exchange = held->flow->is_exchange(*probe, datagram.from);
  const Stamping stamping = exchange ? Stamping{} : ladder_.judge(datagram);  // it asks the kernel for names
  // This path passes no TC hook of ours: the kernel is to stamp it, whether or not others made it begin already.
  const bool hooked = stamping.hook == Hook::tcx || stamping.hook == Hook::clsact;
  if (!exchange && !hooked && ladder_.netstamp_allowed()) enable_netstamp();
  auto reply = held->flow->probe(*probe, datagram, stamping, now);
  if (!reply) return;
  reply->received = static_cast<std::uint64_t>(now.time_since_epoch().count());
  reply->replied = static_cast<std::uint64_t>(receiver_now().time_since_epoch().count());
  socket.socket.reply(packet::encode(*reply), datagram);
  receiver::add(probes_answered_, 1);
}

void DataWorker::enable_netstamp() {
  if (std::exchange(netstamp_, true)) return;
  realtime_offset_ = traffic::realtime_offset();
  plain_.socket.enable_netstamp();
  coalescing_.socket.enable_netstamp();
}

ReceiverTime DataWorker::receive_stamp(Hook hook, const traffic::KernelStamp& stamp) const {
  const nanoseconds raw{stamp.raw};
  if (hook == Hook::netstamp) {
    // The kernel stamps by CLOCK_REALTIME; the two clocks' difference is taken now, as close to the stamp as can be.
    return stamp.by_kernel() ? ReceiverTime{raw - realtime_offset_} : decoder::PacketObservation::kNoStamp;
  }
  const bool hooked = hook == Hook::tcx || hook == Hook::clsact;
  return hooked && stamp.by_tc_program() ? ReceiverTime{raw + timens_offset_} : decoder::PacketObservation::kNoStamp;
}

void DataWorker::ring_alarms(ReceiverTime now) {
  if (plain_.running > 0) share_drops(plain_, now);
  if (coalescing_.running > 0) share_drops(coalescing_, now);
  while (!alarms_.empty() && alarms_.top().time <= now) {
    const Alarm alarm = alarms_.top();
    alarms_.pop();
    Held* held = find(alarm.flow_id);
    if (held == nullptr || held->alarm != alarm.time) continue;
    held->alarm = ReceiverTime::max();
    held->flow->tick(now);
    if (held->flow->finished()) {
      forget(alarm.flow_id);
    } else {
      set_alarm(*held);
    }
  }
}

void DataWorker::set_alarm(Held& held) {
  const ReceiverTime time = held.flow->next_tick();
  if (time == held.alarm || time == ReceiverTime::max()) return;
  held.alarm = time;
  alarms_.push({time, held.flow->id()});
}

void DataWorker::share_drops(Socket& socket, ReceiverTime now) {
  const std::uint64_t drops = socket.socket.drops();
  const std::uint64_t more = drops - std::exchange(socket.drops, drops);
  if (more == 0) return;
  receiver::add(socket_drops_, more);
  for (auto& [id, held] : flows_) {
    if (&held.socket == &socket) held.flow->lost_in_socket(more, now);
  }
}

DataWorker::Held* DataWorker::find(std::uint32_t flow_id) {
  const auto found = flows_.find(flow_id);
  return found == flows_.end() ? nullptr : &found->second;
}

void DataWorker::forget(std::uint32_t flow_id) {
  const auto found = flows_.find(flow_id);
  Socket& socket = found->second.socket;
  if (found->second.flow->started()) {
    --socket.running;
    if (found->second.flow->echoes()) --socket.echoing;
  }
  if (&socket == &coalescing_) ladder_.forget_flow(flow_id);
  flows_.erase(found);
  const std::scoped_lock lock(mailbox_mutex_);
  ids_.erase(flow_id);
}

}  // namespace paceline::receiver
