// SPDX-License-Identifier: MIT
#include "receiver/data_path.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "traffic/random.h"

namespace paceline::receiver {

namespace {

using Taking = traffic::DataSocket::Taking;

}  // namespace

DataPath::DataPath(const std::string& bind, std::uint16_t port, traffic::WorkerOptions options)
    : options_(std::move(options)) {
  const std::size_t count = traffic::worker_count(options_, std::numeric_limits<std::size_t>::max());
  // In the order in which the kernel counts them: each worker's plain socket, then its coalescing one.
  for (std::size_t i = 0; i < 2 * count; ++i) {
    unread_.emplace_back(bind, unread_.empty() ? port : unread_.front().port(),
                         i % 2 == 0 ? Taking::single : Taking::coalesced);
  }
  unread_.front().steer_by_flow(static_cast<std::uint32_t>(unread_.size()));
  port_ = unread_.front().port();
  buffer_bytes_ = unread_.front().buffer_bytes();
}

void DataPath::open(const StampLadder& ladder, nanoseconds timens_offset) {
  std::vector<traffic::DataSocket> sockets = std::exchange(unread_, {});
  for (std::size_t i = 0; i < sockets.size() / 2; ++i) {
    workers_.push_back(std::make_unique<DataWorker>(std::move(sockets[2 * i]), std::move(sockets[2 * i + 1]), ladder,
                                                    timens_offset, options_, i));
  }
  for (const auto& worker : workers_) {
    std::string warning = worker->warning();
    if (!warning.empty() && std::ranges::find(warnings_, warning) == warnings_.end())
      warnings_.push_back(std::move(warning));
  }
}

DataPath::~DataPath() = default;

DataWorker::Counts DataPath::counts() const {
  DataWorker::Counts all;
  for (const auto& worker : workers_) {
    const DataWorker::Counts counts = worker->counts();
    all.probes_answered += counts.probes_answered;
    all.socket_drops += counts.socket_drops;
    all.strays += counts.strays;
  }
  return all;
}

std::uint32_t DataPath::choose_id(bool coalesce) {
  const auto least = std::ranges::min_element(workers_, {}, [](const auto& worker) { return worker->flows(); });
  const auto slot = static_cast<std::uint32_t>(2 * (least - workers_.begin()) + (coalesce ? 1 : 0));
  while (true) {
    const auto random = traffic::random_value<std::uint32_t>();
    const std::uint32_t id = random - random % sockets() + slot;
    if (id >= slot && id != 0 && !(*least)->holds(id)) return id;
  }
}

void DataPath::add(std::unique_ptr<Flow> flow) {
  DataWorker& worker = worker_of(flow->id());
  worker.add(std::move(flow));
}

void DataPath::bind(std::uint32_t flow_id, const packet::Nonce& nonce, std::function<void(const Bound&)> told) {
  worker_of(flow_id).bind(flow_id, nonce, std::move(told));
}

void DataPath::start(const decoder::FlowStart& start, std::unique_ptr<decoder::RecordWriter> writer,
                     std::function<void(const Started&)> told) {
  FlowIntake intake{start, nullptr, std::move(writer), false, {}};
  try {
    intake.decoder = std::make_unique<decoder::FlowDecoder>(start);
  } catch (const std::exception& error) {  // no memory for its statistics, say: the others go on
    return told({"the receiver could not start the flow: " + std::string(error.what()), 0});
  }
  worker_of(start.flow_id).start(std::move(intake), std::move(told));
}

void DataPath::knock(const packet::Knock& knock, const traffic::Address& to) {
  worker_of(knock.flow_id).knock(knock, to);
}

void DataPath::done(std::uint32_t flow_id, std::uint64_t sent_packets) {
  worker_of(flow_id).done(flow_id, sent_packets);
}

void DataPath::remove(std::uint32_t flow_id, std::function<void(std::uint64_t answered)> told) {
  worker_of(flow_id).remove(flow_id, std::move(told));
}

}  // namespace paceline::receiver
