// SPDX-License-Identifier: MIT
#include "receiver/tcp_door.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

#include "paceline/endpoint.h"
#include "paceline/error.h"
#include "receiver/door_lobby.h"
#include "receiver/door_worker.h"
#include "traffic/sctp.h"

namespace paceline::receiver {

namespace {

using traffic::Address;
using traffic::FileDescriptor;

constexpr int kBacklog = 4096;

std::string error_text(int error) { return std::generic_category().message(error); }

bool switch_option(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

const char* name_of(int protocol) { return protocol == IPPROTO_SCTP ? "sctp" : "tcp"; }

/// One socket for both families where the host has IPv6, else IPv4 alone.
std::pair<FileDescriptor, int> open_socket(const std::optional<Address>& bind, int protocol) {
  const std::string what = std::string("opening a socket for ") + name_of(protocol);
  const bool want_v6 = !bind || !bind->is_v4();
  if (want_v6) {
    FileDescriptor fd(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
    if (fd && (bind || switch_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0))) return {std::move(fd), AF_INET6};
    if (bind) throw SetupError(what + " over IPv6: " + error_text(errno));
  }
  FileDescriptor fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!fd) throw SetupError(what + ": " + error_text(errno));
  return {std::move(fd), AF_INET};
}

FileDescriptor listen_on(const std::string& bind_to, std::uint16_t port, int protocol) {
  std::optional<Address> wanted;
  if (!bind_to.empty()) wanted = Address::parse(bind_to, port);
  auto [fd, family] = open_socket(wanted, protocol);
  if (protocol == IPPROTO_SCTP) traffic::configure_sctp_listener(fd.get());
  // Lets a new receiver begin while connections of an earlier one linger; two that listen still exclude each other.
  switch_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);

  in6_addr any{};
  if (family == AF_INET) any.s6_addr[10] = any.s6_addr[11] = 0xFF;
  sockaddr_storage address;
  const socklen_t length = wanted.value_or(Address(any, port)).to_sockaddr(address, family);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 || listen(fd.get(), kBacklog) != 0) {
    const int error = errno;
    throw SetupError("data port " + to_string(Endpoint{bind_to.empty() ? "*" : bind_to, port}) + "/" +
                     name_of(protocol) + ": " + error_text(error) +
                     (error == EADDRINUSE ? "; is another receiver running? Choose another with --data-port" : ""));
  }
  return std::move(fd);
}

}  // namespace

class TcpDoor::Impl {
 public:
  Impl(const std::string& bind, std::uint16_t port, traffic::WorkerOptions options)
      : options_(std::move(options)),
        listening_(listen_on(bind, port, IPPROTO_TCP)),
        sctp_refusal_(traffic::sctp_refusal()) {
    std::vector<int> sockets{listening_.get()};
    if (sctp_refusal_.empty()) {
      listening_for_sctp_ = listen_on(bind, this->port(), IPPROTO_SCTP);
      sockets.push_back(listening_for_sctp_.get());
    }
    const std::size_t count = traffic::worker_count(options_, std::numeric_limits<std::size_t>::max());
    for (std::size_t i = 0; i < count; ++i) workers_.push_back(std::make_unique<DoorWorker>(sockets, lobby_));
  }

  void open(const StampLadder& ladder) {
    for (std::size_t i = 0; i < workers_.size(); ++i) workers_[i]->start(ladder, options_, i);
  }

  void adopt(FileDescriptor connection) {
    const int flags = fcntl(connection.get(), F_GETFL);
    if (flags < 0 || fcntl(connection.get(), F_SETFL, flags | O_NONBLOCK) != 0) return;
    workers_[next_.fetch_add(1, std::memory_order_relaxed) % workers_.size()]->adopt(std::move(connection));
  }

  std::uint16_t port() const {
    sockaddr_storage bound{};
    socklen_t length = sizeof bound;
    getsockname(listening_.get(), reinterpret_cast<sockaddr*>(&bound), &length);
    return Address::from(bound).port();
  }

  const std::string& sctp_refusal() const { return sctp_refusal_; }
  Lobby& lobby() { return lobby_; }

  std::uint64_t probes_answered() const {
    std::uint64_t all = 0;
    for (const auto& worker : workers_) all += worker->answered();
    return all;
  }

 private:
  traffic::WorkerOptions options_;
  FileDescriptor listening_;
  std::string sctp_refusal_;
  FileDescriptor listening_for_sctp_;
  Lobby lobby_;
  std::vector<std::unique_ptr<DoorWorker>> workers_;
  std::atomic<std::size_t> next_{0};  // to adopt
};

TcpDoor::TcpDoor(const std::string& bind, std::uint16_t port, const traffic::WorkerOptions& workers)
    : impl_(std::make_unique<Impl>(bind, port, workers)) {}

TcpDoor::~TcpDoor() = default;

std::uint16_t TcpDoor::port() const { return impl_->port(); }

const std::string& TcpDoor::sctp_refusal() const { return impl_->sctp_refusal(); }

void TcpDoor::open(const StampLadder& ladder) { impl_->open(ladder); }

void TcpDoor::adopt(FileDescriptor connection) { impl_->adopt(std::move(connection)); }

void TcpDoor::add(std::uint32_t flow_id, const packet::Secret& secret, DoorPolicy policy, std::size_t most,
                  std::shared_ptr<TcpDoorListener> listener) {
  auto flow = std::make_shared<DoorFlow>();
  flow->id = flow_id;
  flow->secret = secret;
  flow->policy = policy;
  flow->most = most;
  flow->listener = std::move(listener);
  impl_->lobby().add(std::move(flow));
}

std::vector<traffic::TcpStream> TcpDoor::claim(std::uint32_t flow_id, const std::vector<std::uint32_t>& attempts) {
  return impl_->lobby().claim(flow_id, attempts);
}

std::uint64_t TcpDoor::remove(std::uint32_t flow_id) { return impl_->lobby().remove(flow_id); }

std::uint64_t TcpDoor::answered(std::uint32_t flow_id) const { return impl_->lobby().answered(flow_id); }

std::uint64_t TcpDoor::probes_answered() const { return impl_->probes_answered(); }

}  // namespace paceline::receiver
