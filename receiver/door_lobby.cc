// SPDX-License-Identifier: MIT
#include "receiver/door_lobby.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

namespace paceline::receiver {

namespace {

void close_guest(Guest& guest) {
  const std::scoped_lock lock(guest.mutex);
  guest.socket = {};
}

}  // namespace

ProbeReader::Outcome ProbeReader::read(int socket) {
  const auto room = std::span(bytes_).subspan(have_);
  const ssize_t count = recv(socket, room.data(), room.size(), MSG_DONTWAIT);
  if (count == 0) return Outcome::over;
  if (count < 0) return errno == EAGAIN || errno == EINTR ? Outcome::waiting : Outcome::over;
  have_ += static_cast<std::size_t>(count);
  total_ += static_cast<std::uint64_t>(count);
  return whole() ? Outcome::whole : Outcome::waiting;
}

std::optional<packet::Probe> ProbeReader::take() {
  have_ = 0;
  return packet::decode_probe(bytes_);
}

void Lobby::add(std::shared_ptr<DoorFlow> flow) {
  const std::scoped_lock lock(mutex_);
  const std::uint32_t id = flow->id;
  flows_.insert_or_assign(id, Entry{std::move(flow), {}});
}

std::shared_ptr<DoorFlow> Lobby::find(const packet::Probe& probe) const {
  std::shared_ptr<DoorFlow> flow;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = flows_.find(probe.flow_id);
    if (found == flows_.end()) return nullptr;
    flow = found->second.flow;
  }
  return packet::equal(probe.secret, flow->secret) ? flow : nullptr;
}

std::uint64_t Lobby::answered(std::uint32_t flow_id) const {
  const std::scoped_lock lock(mutex_);
  const auto found = flows_.find(flow_id);
  return found == flows_.end() ? 0 : found->second.flow->answered.load();
}

std::vector<traffic::TcpStream> Lobby::claim(std::uint32_t flow_id, const std::vector<std::uint32_t>& attempts) {
  std::vector<std::shared_ptr<Guest>> wanted;
  decltype(Entry::by_attempt) others;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = flows_.find(flow_id);
    if (found == flows_.end()) return {};
    auto& by_attempt = found->second.by_attempt;
    for (const std::uint32_t attempt : attempts) {
      const auto guest = by_attempt.find(attempt);
      if (guest == by_attempt.end()) return {};
      wanted.push_back(guest->second);
    }
    for (const auto& [attempt, guest] : by_attempt) seated_.erase(guest->number);
    others.swap(by_attempt);
  }
  std::vector<traffic::TcpStream> streams;
  for (const auto& guest : wanted) {
    const std::scoped_lock lock(guest->mutex);
    if (!guest->socket) break;  // ended meanwhile
    epoll_ctl(guest->epoll, EPOLL_CTL_DEL, guest->socket.get(), nullptr);
    streams.push_back({std::exchange(guest->socket, {}), guest->reader.total(), std::move(guest->arrivals)});
  }
  for (const auto& [attempt, guest] : others) close_guest(*guest);  // an empty one's was handed out
  if (streams.size() != attempts.size()) streams.clear();
  return streams;
}

std::uint64_t Lobby::remove(std::uint32_t flow_id) {
  Entry entry;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = flows_.find(flow_id);
    if (found == flows_.end()) return 0;
    entry = std::move(found->second);
    flows_.erase(found);
    for (const auto& [attempt, guest] : entry.by_attempt) seated_.erase(guest->number);
  }
  for (const auto& [attempt, guest] : entry.by_attempt) close_guest(*guest);
  return entry.flow->answered.load();
}

void Lobby::enter(const std::shared_ptr<Guest>& guest) {
  std::shared_ptr<Guest> oldest;
  {
    const std::scoped_lock lock(mutex_);
    if (strangers_.size() >= TcpDoor::kMostStrangers) {
      oldest = std::move(strangers_.begin()->second);
      strangers_.erase(strangers_.begin());
    }
    strangers_.emplace(guest->number, guest);
  }
  if (oldest) close_guest(*oldest);
}

bool Lobby::seat(const std::shared_ptr<Guest>& guest) {
  const std::scoped_lock lock(mutex_);
  const auto found = flows_.find(guest->flow->id);
  if (found == flows_.end() || found->second.flow != guest->flow) return false;
  auto& by_attempt = found->second.by_attempt;
  if (by_attempt.size() >= guest->flow->most || by_attempt.contains(guest->attempt)) return false;
  if (strangers_.erase(guest->number) == 0) return false;  // it is being closed to make room
  by_attempt.emplace(guest->attempt, guest);
  seated_.emplace(guest->number, guest);
  return true;
}

std::shared_ptr<Guest> Lobby::find(std::uint64_t number) const {
  const std::scoped_lock lock(mutex_);
  for (const Guests* guests : {&strangers_, &seated_}) {
    if (const auto found = guests->find(number); found != guests->end()) return found->second;
  }
  return nullptr;
}

void Lobby::leave(const Guest& guest) {
  const std::scoped_lock lock(mutex_);
  strangers_.erase(guest.number);
  if (seated_.erase(guest.number) == 0) return;
  const auto found = flows_.find(guest.flow->id);
  if (found == flows_.end()) return;
  auto& by_attempt = found->second.by_attempt;
  const auto mine = by_attempt.find(guest.attempt);
  if (mine != by_attempt.end() && mine->second.get() == &guest) by_attempt.erase(mine);
}

ReceiverTime Lobby::expire(ReceiverTime now) {
  std::vector<std::shared_ptr<Guest>> late;
  ReceiverTime next = ReceiverTime::max();
  {
    const std::scoped_lock lock(mutex_);
    const auto sweep = [&](const Guests& guests, nanoseconds time) {
      for (const auto& [number, guest] : guests) {
        if (guest->arrived + time > now) {
          next = std::min(next, guest->arrived + time);
          break;
        }
        late.push_back(guest);
      }
    };
    sweep(strangers_, TcpDoor::kProbeTime);
    sweep(seated_, TcpDoor::kUnclaimed);
  }
  for (const auto& guest : late) {
    const std::scoped_lock lock(guest->mutex);
    guest->socket = {};
    leave(*guest);
  }
  return next;
}

bool Lobby::close_oldest_stranger() {
  std::shared_ptr<Guest> oldest;
  {
    const std::scoped_lock lock(mutex_);
    if (strangers_.empty()) return false;
    oldest = std::move(strangers_.begin()->second);
    strangers_.erase(strangers_.begin());
  }
  close_guest(*oldest);
  return true;
}

}  // namespace paceline::receiver
