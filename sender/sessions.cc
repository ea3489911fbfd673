// SPDX-License-Identifier: MIT
#include "sender/sessions.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <variant>

#include "sender/in_parallel.h"

namespace paceline::sender {

namespace {

constexpr std::size_t kOpenedAtOnce = 64;

}  // namespace

bool needs_receiver(const FlowSpec& flow) {
  const auto* packets = std::get_if<PacketFlowSpec>(&flow);
  return packets == nullptr || packets->transport != Transport::icmp;
}

Target target_of(const RunSpec& run, std::size_t flow) {
  const auto found = run.elsewhere.find(flow);
  return found != run.elsewhere.end() ? found->second : Target{run.receiver, run.data_port};
}

Sessions::Sessions(asio::io_context& io, const RunSpec& run)
    : io_(io),
      run_(run),
      security_{run.key, run.tls ? signalling::tls_client(*run.tls) : nullptr},
      entry_of_(run.flows.size()) {
  for (std::size_t flow = 0; flow < run.flows.size(); ++flow) {
    if (!needs_receiver(run.flows[flow])) continue;
    const Target target = target_of(run, flow);
    auto entry = std::ranges::find(entries_, target, &Entry::target);
    if (entry == entries_.end())
      entry = entries_.insert(entry, Entry{target, std::make_unique<Session>(io, security_)});
    entry_of_[flow] = static_cast<std::size_t>(entry - entries_.begin());
  }
}

asio::awaitable<void> Sessions::open(RunObserver& observer) {
  if (run_.listen && !entries_.empty()) {
    dial_in_ = std::make_unique<DialIn>(io_, run_, security_);
    observer.waiting(dial_in_->port());
    entries_.front().session = co_await dial_in_->session(run_.dial_limit);
  } else {
    co_await in_parallel(io_.get_executor(), entries_.size(), kOpenedAtOnce, [this](std::size_t i) {
      return entries_[i].session->open(entries_[i].target.receiver, run_.family, run_.source);
    });
  }
  for (const Entry& entry : entries_) observer.connected(entry.session->address());
}

void Sessions::read() {
  for (const Entry& entry : entries_) asio::co_spawn(io_, entry.session->read(), asio::detached);
}

Host Sessions::first_host() const {
  const auto first = std::ranges::find_if(entry_of_, [](const auto& entry) { return entry.has_value(); });
  return first != entry_of_.end() ? entries_[**first].session->receiver_host() : Host{};
}

nanoseconds Sessions::round_trip() const {
  nanoseconds longest{0};
  for (const Entry& entry : entries_) longest = std::max(longest, entry.session->round_trip());
  return longest;
}

asio::awaitable<void> Sessions::flush_and_close() {
  for (const Entry& entry : entries_) co_await entry.session->flush_and_close();
}

}  // namespace paceline::sender
