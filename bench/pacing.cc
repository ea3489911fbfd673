// SPDX-License-Identifier: MIT
//
// What bench/pacing runs at the two ends of a path:
//   bench_pacing send sleep|hybrid|busy|spin ADDRESS PORT RATE SIZE SECONDS
//   bench_pacing capture INTERFACE PORT SIZE GAP_NS [sink]
// "spin" is the yardstick: a loop that reads the clock until a packet is due, sends it, and nothing else.
// capture runs until its standard input closes; with "sink" it also keeps the port open, so that no ICMP
// error answers the packets.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <future>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "paceline/flow.h"
#include "paceline/result.h"
#include "paceline/validate.h"
#include "traffic/clock_source.h"
#include "traffic/pacer.h"
#include "traffic/udp_sender.h"

namespace {

using namespace std::chrono_literals;
using paceline::nanoseconds;
using paceline::SenderClock;
using paceline::SenderTime;

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

int check(int result, const char* what) {
  if (result < 0) fail(what);
  return result;
}

double number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    throw std::invalid_argument("no number: " + std::string(text));
  return value;
}

/// Every value, so that percentiles are exact; its memory is touched before the first.
class Values {
 public:
  explicit Values(std::size_t most) : values_(most) {}

  void add(std::int64_t value) {
    if (count_ < values_.size()) values_[count_++] = value;
  }

  /// `"NAME":{"p50":...}` by nearest rank.
  std::string json(const char* name) {
    const std::span<std::int64_t> seen(values_.data(), count_);
    std::sort(seen.begin(), seen.end());
    const auto at = [&](double q) {
      if (seen.empty()) return std::int64_t{0};
      const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(seen.size())));
      return seen[std::max<std::size_t>(rank, 1) - 1];
    };
    char text[256];
    std::snprintf(text, sizeof text, "\"%s\":{\"p50\":%jd,\"p90\":%jd,\"p99\":%jd,\"p999\":%jd,\"max\":%jd}", name,
                  std::intmax_t{at(.5)}, std::intmax_t{at(.9)}, std::intmax_t{at(.99)}, std::intmax_t{at(.999)},
                  std::intmax_t{at(1)});
    return text;
  }

 private:
  std::vector<std::int64_t> values_;
  std::size_t count_ = 0;
};

// --- send ---

struct Sent {
  std::uint64_t packets = 0;
  nanoseconds span{0};
};

int connected_socket(const char* host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) throw std::invalid_argument("no IPv4 address");
  const int fd = check(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), "socket");
  check(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), "connect");
  return fd;
}

Sent spin(int fd, const paceline::PacketFlowSpec& spec, SenderTime start, Values& lateness) {
  const std::vector<char> payload(spec.size);
  const double gap = 1e9 / spec.rate_pps;
  const auto packets = static_cast<std::uint64_t>(spec.rate_pps * std::chrono::duration<double>(spec.duration).count());
  SenderTime first{}, now{};
  for (std::uint64_t k = 0; k < packets; ++k) {
    const SenderTime due = start + nanoseconds{static_cast<std::int64_t>(static_cast<double>(k) * gap)};
    do {
      now = paceline::traffic::now<SenderClock>();
    } while (now < due);
    send(fd, payload.data(), payload.size(), 0);
    lateness.add((now - due).count());
    if (k == 0) first = now;
  }
  return {packets, now - first};
}

Sent paceline_flow(int fd, const paceline::PacketFlowSpec& spec, SenderTime start, Values& lateness) {
  struct Sink : paceline::traffic::SentSink {
    explicit Sink(Values& into) : values(into) {}
    void sent(std::uint64_t, std::int64_t lateness_ns) override { values.add(lateness_ns); }
    Values& values;
  } sink(lateness);
  paceline::traffic::UdpFlow flow;
  flow.socket = fd;
  flow.spec = spec;
  flow.start = start;
  flow.sink = &sink;
  std::promise<paceline::traffic::UdpFlowOutcome> ended;
  paceline::traffic::UdpSender sender({flow}, {}, [&](std::size_t, auto&& outcome) { ended.set_value(outcome); });
  const auto outcome = ended.get_future().get();
  if (!outcome.error.empty()) throw std::runtime_error(outcome.error);
  if (outcome.sent.pacing != spec.pacing) throw std::runtime_error("too few CPUs for this pacing");
  return {outcome.sent.packets, outcome.sent.span};
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int send_main(std::span<char*> args) {
  const std::string_view mode = args[0];
  paceline::PacketFlowSpec spec;
  spec.rate_pps = number(args[3]);
  spec.size = static_cast<std::uint32_t>(number(args[4]));
  spec.duration = nanoseconds{std::llround(number(args[5]) * 1e9)};
  for (const auto pacing : {paceline::Pacing::sleep, paceline::Pacing::hybrid, paceline::Pacing::busy}) {
    if (mode == to_string(pacing)) spec.pacing = pacing;
  }
  validate(spec);
  const int fd = connected_socket(args[1], static_cast<std::uint16_t>(number(args[2])));
  Values lateness(static_cast<std::size_t>(spec.rate_pps * std::chrono::duration<double>(spec.duration).count()) + 1);
  const double cpu = cpu_seconds();
  const SenderTime start = paceline::traffic::now<SenderClock>() + 10ms;
  const Sent sent = mode == "spin" ? spin(fd, spec, start, lateness) : paceline_flow(fd, spec, start, lateness);
  const double busy = (cpu_seconds() - cpu) / std::chrono::duration<double>(spec.duration).count();
  std::printf("{\"packets\":%ju,\"rate_pps\":%.6f,%s,\"cpu\":%.4f}\n", std::uintmax_t{sent.packets},
              paceline::rate_pps(sent.packets, sent.span), lateness.json("lateness_ns").c_str(), busy);
  return 0;
}

// --- capture ---

constexpr std::uint32_t kBlockSize = 1 << 20;
constexpr std::uint32_t kBlocks = 32;

/// An AF_PACKET ring: nothing runs for a packet but the kernel's copy, so watching hardly disturbs the
/// sender.
class Ring {
 public:
  explicit Ring(const char* interface) : fd_(check(socket(AF_PACKET, SOCK_DGRAM, 0), "packet socket")) {
    const int version = TPACKET_V3;
    check(setsockopt(fd_, SOL_PACKET, PACKET_VERSION, &version, sizeof version), "PACKET_VERSION");
    tpacket_req3 request{};
    request.tp_block_size = kBlockSize;
    request.tp_block_nr = kBlocks;
    request.tp_frame_size = 2048;
    request.tp_frame_nr = kBlockSize / request.tp_frame_size * kBlocks;
    request.tp_retire_blk_tov = 100;  // ms
    check(setsockopt(fd_, SOL_PACKET, PACKET_RX_RING, &request, sizeof request), "PACKET_RX_RING");
    void* memory =
        mmap(nullptr, std::size_t{kBlockSize} * kBlocks, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, 0);
    if (memory == MAP_FAILED) fail("mmap of the ring");
    memory_ = static_cast<std::uint8_t*>(memory);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_IP);
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface));
    check(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind to the interface");
  }

  int fd() const { return fd_; }

  /// Calls `packet(stamp_ns, bytes)` for what is in the next block; false when it is not full yet.
  template <class Callback>
  bool take_block(Callback packet) {
    auto* block = reinterpret_cast<tpacket_block_desc*>(memory_ + std::size_t{kBlockSize} * next_);
    if ((__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0) return false;
    auto* frame = reinterpret_cast<std::uint8_t*>(block) + block->hdr.bh1.offset_to_first_pkt;
    for (std::uint32_t i = 0; i < block->hdr.bh1.num_pkts; ++i) {
      const auto* header = reinterpret_cast<const tpacket3_hdr*>(frame);
      packet(std::int64_t{header->tp_sec} * 1'000'000'000 + header->tp_nsec,
             std::span<const std::uint8_t>(frame + header->tp_net, header->tp_snaplen));
      frame += header->tp_next_offset;
    }
    __atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    next_ = (next_ + 1) % kBlocks;
    return true;
  }

  std::uint32_t dropped() const {
    tpacket_stats_v3 statistics{};
    socklen_t size = sizeof statistics;
    getsockopt(fd_, SOL_PACKET, PACKET_STATISTICS, &statistics, &size);
    return statistics.tp_drops;
  }

 private:
  int fd_;
  std::uint8_t* memory_ = nullptr;
  std::uint32_t next_ = 0;
};

/// IPv4, UDP to this port, with this much payload.
bool is_wanted(std::span<const std::uint8_t> bytes, std::uint16_t port, std::uint32_t size) {
  if (bytes.size() < sizeof(iphdr) + sizeof(udphdr)) return false;
  iphdr ip;
  std::memcpy(&ip, bytes.data(), sizeof ip);
  const std::size_t head = std::size_t{ip.ihl} * 4;
  if (ip.protocol != IPPROTO_UDP || bytes.size() < head + sizeof(udphdr)) return false;
  udphdr udp;
  std::memcpy(&udp, bytes.data() + head, sizeof udp);
  return ntohs(udp.dest) == port && ntohs(udp.len) == size + sizeof udp;
}

void keep_open(std::uint16_t port) {
  const int fd = check(socket(AF_INET, SOCK_DGRAM, 0), "socket");
  const int small = 1;  // the buffer fills and stays full: a packet costs no more than being dropped
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  check(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
}

int capture_main(std::span<char*> args) {
  const auto port = static_cast<std::uint16_t>(number(args[1]));
  const auto size = static_cast<std::uint32_t>(number(args[2]));
  const auto gap = static_cast<std::int64_t>(number(args[3]));
  if (args.size() > 4) keep_open(port);
  Ring ring(args[0]);
  Values errors(20'000'000);
  std::uint64_t packets = 0;
  std::int64_t first = 0, last = 0;
  const auto packet = [&](std::int64_t stamp, std::span<const std::uint8_t> bytes) {
    if (!is_wanted(bytes, port, size)) return;
    if (packets++ == 0)
      first = stamp;
    else
      errors.add(std::abs(stamp - last - gap));
    last = stamp;
  };
  std::puts("ready");
  std::fflush(stdout);
  pollfd waits[2] = {{ring.fd(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
  while (waits[1].revents == 0) {
    poll(waits, 2, -1);
    while (ring.take_block(packet)) {
    }
  }
  usleep(300'000);  // the last block is handed over after its timeout
  while (ring.take_block(packet)) {
  }
  std::printf("{\"packets\":%ju,\"rate_pps\":%.6f,%s,\"dropped\":%u}\n", std::uintmax_t{packets},
              paceline::rate_pps(packets, nanoseconds{last - first}), errors.json("gap_error_ns").c_str(),
              ring.dropped());
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::span<char*> args(argv, static_cast<std::size_t>(argc));
  if (args.size() == 8 && std::string_view(args[1]) == "send") return send_main(args.subspan(2));
  if ((args.size() == 6 || args.size() == 7) && std::string_view(args[1]) == "capture")
    return capture_main(args.subspan(2));
  std::fputs("see the head of bench/pacing.cc\n", stderr);
  return 2;
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench_pacing: %s\n", error.what());
  return 1;
}
