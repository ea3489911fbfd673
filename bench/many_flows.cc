// SPDX-License-Identifier: MIT
//
// What a packet costs its sender when it is one of many flows':
//   bench_many_flows [FLOWS [RATE_OF_ALL [SECONDS]]]
// sends RATE_OF_ALL packets/s first in one flow, then in FLOWS flows whose packets are due one after the other, over
// loopback to a process that reads and forgets them. Prints CPU time per packet, of the sending process alone with what
// the kernel does in its name, and the ratio.
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <latch>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "traffic/clock_source.h"
#include "traffic/cpu_time.h"
#include "traffic/file_descriptor.h"
#include "traffic/udp_sender.h"

namespace {

using namespace std::chrono_literals;
using paceline::nanoseconds;
using paceline::traffic::FileDescriptor;

constexpr std::uint32_t kSize = 64;

int check(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

/// A process that reads what comes to a port of loopback.
class Drain {
 public:
  Drain() : fd_(check(socket(AF_INET, SOCK_DGRAM, 0), "socket")) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    const int buffer = 8 << 20;
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    check(bind(fd_.get(), reinterpret_cast<sockaddr*>(&address_), size), "bind");
    check(getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address_), &size), "getsockname");
    process_ = check(fork(), "fork");
    if (process_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::array<std::uint8_t, kSize> bytes;
    for (;;) recv(fd_.get(), bytes.data(), bytes.size(), 0);
  }
  ~Drain() {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;

  FileDescriptor connected() const {
    FileDescriptor fd(check(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), "socket"));
    check(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_), "connect");
    return fd;
  }

 private:
  FileDescriptor fd_;
  sockaddr_in address_{};
  pid_t process_ = 0;
};

/// Nanoseconds of CPU time per packet.
double cost(const Drain& drain, std::size_t flows, double rate, nanoseconds duration) {
  std::vector<FileDescriptor> sockets;
  std::vector<paceline::traffic::UdpFlow> all(flows);
  const auto start = paceline::traffic::now<paceline::SenderClock>() + 50ms;
  for (std::size_t i = 0; i < flows; ++i) {
    sockets.push_back(drain.connected());
    all[i].socket = sockets.back().get();
    all[i].flow_id = static_cast<std::uint32_t>(i);
    all[i].spec.rate_pps = rate / static_cast<double>(flows);
    all[i].spec.size = kSize;
    all[i].spec.duration = duration;
    all[i].spec.pacing = paceline::Pacing::sleep;
    all[i].start = start + nanoseconds{static_cast<std::int64_t>(static_cast<double>(i) * 1e9 / rate)};
  }
  std::latch ended(static_cast<std::ptrdiff_t>(flows));
  std::mutex mutex;
  std::uint64_t packets = 0;
  std::string error;
  const auto before = paceline::traffic::cpu_time();
  paceline::traffic::UdpSender sender(std::move(all), {}, [&](std::size_t, auto&& outcome) {
    const std::scoped_lock lock(mutex);
    packets += outcome.sent.packets;
    if (!outcome.error.empty()) error = outcome.error;
    ended.count_down();
  });
  ended.wait();
  const auto after = paceline::traffic::cpu_time();
  if (!error.empty()) throw std::runtime_error(error);
  const nanoseconds used = after.user - before.user + after.system - before.system;
  return static_cast<double>(used.count()) / static_cast<double>(packets);
}

}  // namespace

int main(int argc, char** argv) try {
  const int flows = argc > 1 ? std::atoi(argv[1]) : 1000;
  const double rate = argc > 2 ? std::atof(argv[2]) : 100'000;
  const double seconds = argc > 3 ? std::atof(argv[3]) : 2;
  if (argc > 4 || flows <= 0 || rate <= 0 || seconds <= 0) {
    std::fputs("see the head of bench/many_flows.cc\n", stderr);
    return 2;
  }
  const Drain drain;
  const nanoseconds duration{static_cast<std::int64_t>(seconds * 1e9)};
  const double one = cost(drain, 1, rate, duration);
  const double many = cost(drain, static_cast<std::size_t>(flows), rate, duration);
  std::printf("{\"one_flow_ns\":%.0f,\"many_flows_ns\":%.0f,\"ratio\":%.3f}\n", one, many, many / one);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench_many_flows: %s\n", error.what());
  return 1;
}
