// SPDX-License-Identifier: MIT
#include "receiver/data_path.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "paceline/error.h"
#include "traffic/clock_exchange.h"
#include "traffic/clock_source.h"

namespace paceline::receiver {

namespace {

// Batches taken in a row before the mailbox and the timers get their turn under a flood.
constexpr int kBatchesInARow = 16;

ReceiverTime receiver_now() { return traffic::now<ReceiverClock>(); }

}  // namespace

DataPath::DataPath(traffic::DataSocket socket, const StampLadder& ladder, nanoseconds timens_offset)
    : socket_(std::move(socket)),
      buffer_bytes_(socket_.buffer_bytes()),
      ladder_(ladder),
      timens_offset_(timens_offset),
      bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!bell_) throw SetupError("eventfd: " + std::generic_category().message(errno));
  if (ladder_.hook() == Hook::netstamp) {
    socket_.enable_netstamp();
    netstamp_ = true;
  }
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

DataPath::~DataPath() {
  thread_.request_stop();
  eventfd_write(bell_.get(), 1);
}

void DataPath::add(std::unique_ptr<Flow> flow) {
  auto shared = std::make_shared<std::unique_ptr<Flow>>(std::move(flow));
  post([this, shared] {
    const std::uint32_t id = (*shared)->id();
    flows_.emplace(id, std::move(*shared));
  });
}

void DataPath::bind(std::uint32_t flow_id, const packet::Nonce& nonce, std::function<void(const Bound&)> told) {
  post([this, flow_id, nonce, told = std::move(told)] {
    Flow* flow = find(flow_id);
    if (flow == nullptr) return told({"the flow is gone", {}});
    const std::string refused = flow->bind(nonce, ladder_.tc_required());
    told({refused, refused.empty() ? flow->stamping() : Stamping{}});
  });
}

void DataPath::start(const decoder::FlowStart& start, std::unique_ptr<decoder::RecordWriter> writer,
                     std::function<void(const Started&)> told) {
  auto shared = std::make_shared<std::unique_ptr<decoder::RecordWriter>>(std::move(writer));
  post([this, start, shared, told = std::move(told)] {
    Flow* flow = find(start.flow_id);
    if (flow == nullptr) return;
    share_drops(receiver_now());  // those of before are not this flow's
    try {
      flow->start(start, std::move(*shared));
    } catch (const std::exception& error) {  // no memory for its statistics, say: the others go on
      return told({"the receiver could not start the flow: " + std::string(error.what()), 0});
    }
    ++running_;
    for (const auto& [id, other] : flows_) {
      if (other->started() && !other->finished()) other->shares_socket_with(running_);
    }
    next_tick_ = ReceiverTime::min();
    told({"", flow->duplicate_window()});
  });
}

void DataPath::done(std::uint32_t flow_id, std::uint64_t sent_packets) {
  post([this, flow_id, sent_packets] {
    Flow* flow = find(flow_id);
    if (flow == nullptr) return;
    const ReceiverTime now = receiver_now();
    share_drops(now);
    flow->done(sent_packets, now);
    next_tick_ = ReceiverTime::min();
  });
}

void DataPath::remove(std::uint32_t flow_id) {
  post([this, flow_id] {
    Flow* flow = find(flow_id);
    if (flow == nullptr) return;
    const ReceiverTime now = receiver_now();
    share_drops(now);
    flow->abandon(now);
    if (flow->started()) --running_;
    flows_.erase(flow_id);
  });
}

void DataPath::post(std::function<void()> task) {
  {
    const std::scoped_lock lock(mailbox_mutex_);
    mailbox_.push_back(std::move(task));
  }
  eventfd_write(bell_.get(), 1);
}

void DataPath::read_mailbox() {
  eventfd_t rings = 0;
  eventfd_read(bell_.get(), &rings);
  std::vector<std::function<void()>> tasks;
  {
    const std::scoped_lock lock(mailbox_mutex_);
    tasks.swap(mailbox_);
  }
  for (const auto& task : tasks) task();
}

void DataPath::run(const std::stop_token& stop) {
  std::array<pollfd, 2> watched{{{socket_.fd(), POLLIN, 0}, {bell_.get(), POLLIN, 0}}};
  while (!stop.stop_requested()) {
    const ReceiverTime now = receiver_now();
    timespec wait{};
    if (next_tick_ > now) {
      const nanoseconds left = std::min<nanoseconds>(
          next_tick_ == ReceiverTime::max() ? nanoseconds::max() : next_tick_ - now, std::chrono::seconds(1));
      wait = {left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    }
    ppoll(watched.data(), watched.size(), &wait, nullptr);
    if (watched[1].revents != 0) read_mailbox();
    if (watched[0].revents != 0) {
      for (int i = 0; i < kBatchesInARow; ++i) {
        const auto batch = socket_.receive();
        if (batch.empty()) break;
        take(batch);
        if (batch.size() < traffic::DataSocket::kBatch) break;
      }
    }
    const ReceiverTime after = receiver_now();
    if (after >= next_tick_) tick(after);
  }
  read_mailbox();
}

void DataPath::take(std::span<const traffic::Datagram> batch) {
  // The whole batch came into the application's hands at once.
  const ReceiverTime now = receiver_now();
  if (netstamp_) realtime_offset_ = traffic::realtime_offset();
  for (const traffic::Datagram& datagram : batch) {
    const auto header = packet::decode_header(datagram.bytes);
    if (!header) continue;  // nobody's: it has no flow to be counted for
    if (header->type == packet::Type::data) {
      take_data(*header, datagram, now);
    } else if (header->type == packet::Type::probe) {
      take_probe(datagram, now);
    }
  }
}

void DataPath::take_data(const packet::Header& header, const traffic::Datagram& datagram, ReceiverTime now) {
  Flow* flow = find(header.flow_id);
  if (flow == nullptr || !flow->started()) return;
  flow->data(header, datagram, receive_stamp(flow->stamping().hook, datagram.stamp), now);
  if (flow->finished()) next_tick_ = ReceiverTime::min();
}

void DataPath::take_probe(const traffic::Datagram& datagram, ReceiverTime now) {
  const auto probe = packet::decode_probe(datagram.bytes);
  if (!probe) return;
  Flow* flow = find(probe->flow_id);
  if (flow == nullptr || !flow->knows(*probe)) return;
  const Stamping stamping = ladder_.judge(datagram);
  if (stamping.hook == Hook::none && ladder_.netstamp_allowed() && !netstamp_) {
    // This path passes no TC hook of ours: from the next packet on the kernel stamps it.
    socket_.enable_netstamp();
    netstamp_ = true;
  }
  auto reply = flow->probe(*probe, datagram, stamping, now);
  if (!reply) return;
  reply->received = static_cast<std::uint64_t>(now.time_since_epoch().count());
  reply->replied = static_cast<std::uint64_t>(receiver_now().time_since_epoch().count());
  socket_.reply(packet::encode(*reply), datagram);
}

ReceiverTime DataPath::receive_stamp(Hook hook, const traffic::KernelStamp& stamp) const {
  const nanoseconds raw{stamp.raw};
  if (hook == Hook::netstamp) {
    // The kernel stamps by CLOCK_REALTIME; the two clocks' difference is taken now, as close to the stamp as can be.
    return stamp.by_kernel() ? ReceiverTime{raw - realtime_offset_} : decoder::PacketObservation::kNoStamp;
  }
  const bool hooked = hook == Hook::tcx || hook == Hook::clsact;
  return hooked && stamp.by_tc_program() ? ReceiverTime{raw + timens_offset_} : decoder::PacketObservation::kNoStamp;
}

void DataPath::tick(ReceiverTime now) {
  if (running_ > 0) share_drops(now);
  next_tick_ = ReceiverTime::max();
  for (auto entry = flows_.begin(); entry != flows_.end();) {
    Flow& flow = *entry->second;
    flow.tick(now);
    if (flow.finished()) {
      --running_;
      entry = flows_.erase(entry);
      continue;
    }
    next_tick_ = std::min(next_tick_, flow.next_tick());
    ++entry;
  }
}

void DataPath::share_drops(ReceiverTime now) {
  const std::uint64_t drops = socket_.drops();
  if (drops == drops_) return;
  for (const auto& [id, flow] : flows_) flow->lost_in_socket(drops - drops_, now);
  drops_ = drops;
}

Flow* DataPath::find(std::uint32_t flow_id) {
  const auto found = flows_.find(flow_id);
  return found == flows_.end() ? nullptr : found->second.get();
}

}  // namespace paceline::receiver
