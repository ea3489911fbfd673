// SPDX-License-Identifier: MIT
//
// What the TC program costs a packet: BPF_PROG_TEST_RUN of it less that of a program that does nothing, taken
// in turns. What the hook itself costs (TCX, clsact) comes on top. Needs CAP_BPF and CAP_NET_ADMIN.
#include "bpf/tc_program.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "bpf/unique_fd.h"
#include "tests/bpf/frame.h"

namespace {

using namespace paceline::bpf;
using namespace paceline::bpf::test;

constexpr std::uint16_t kPort = 8999;
constexpr std::uint32_t kFlow = 7;
constexpr std::uint32_t kFirst = 1;  // byte of the stream
constexpr int kRepeat = 300'000;     // packets a run
constexpr int kPairs = 15;

/// return TC_ACT_UNSPEC;
UniqueFd load_empty_program() {
  std::array<bpf_insn, 2> code{};
  code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  code[0].imm = -1;
  code[1].code = BPF_JMP | BPF_EXIT;
  UniqueFd program(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "empty", "Dual MIT/GPL", code.data(), code.size(), nullptr));
  if (!program) throw std::runtime_error("cannot load the empty program");
  return program;
}

/// ns per packet, the mean of one run as the kernel measured it.
double run(int program, const Bytes& frame, int repeat = kRepeat) {
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.data_in = frame.data();
  options.data_size_in = static_cast<__u32>(frame.size());
  options.repeat = repeat;
  if (bpf_prog_test_run_opts(program, &options) != 0) throw std::runtime_error("BPF_PROG_TEST_RUN failed");
  return options.duration;
}

struct Spread {
  double lowest, median, highest;
};

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values.front(), values[values.size() / 2], values.back()};
}

void measure(const char* packet, int program, int empty, const Bytes& frame) {
  run(program, frame), run(empty, frame);  // warm up
  std::vector<double> alone, difference;
  for (int pair = 0; pair < kPairs; ++pair) {
    const double ours = run(program, frame);
    const double none = run(empty, frame);
    alone.push_back(ours);
    difference.push_back(ours - none);
  }
  const Spread added = spread_of(difference);
  std::printf("%-38s %8.0f %8.0f   (%.0f to %.0f)\n", packet, added.median, spread_of(alone).median, added.lowest,
              added.highest);
}

}  // namespace

int main() try {
  TcProgram program(kPort, {kPort});
  const UniqueFd empty = load_empty_program();
  const int ether = program.fd(true);
  const int other = program.fd(false);

  std::printf("TC program, ns a packet: median of %d pairs of runs of %d packets\n", kPairs, kRepeat);
  std::printf("%-38s %8s %8s\n", "packet", "added", "in all");
  const Bytes v4 = ethernet(kIpv4), v6 = ethernet(kIpv6);
  measure("ours, UDP over IPv4", ether, empty.get(), v4 + ipv4(kUdp) + ports(kPort));
  measure("ours, UDP over IPv6", ether, empty.get(), v6 + ipv6(kUdp) + ports(kPort));
  measure("ours, UDP over IPv4, VLAN tag", ether, empty.get(),
          ethernet(kVlan) + vlan(kIpv4) + ipv4(kUdp) + ports(kPort));
  measure("ours, UDP over IPv4, general path", other, empty.get(), v4 + ipv4(kUdp) + ports(kPort));
  program.flows().add(kFlow);
  measure("ours, UDP, flows counted: this one", ether, empty.get(), v4 + ipv4(kUdp) + data_packet(kPort, kFlow));
  measure("ours, UDP, flows counted: another", ether, empty.get(), v4 + ipv4(kUdp) + data_packet(kPort, kFlow + 1));
  program.flows().remove(kFlow);

  // A connection from its SYN on. The repeated packet is, but for its first run, a retransmission, which costs what a
  // new one does or more: it is counted as such, and finds its granule's time there.
  const auto packet = [&](const Bytes& link, const Bytes& ip, std::size_t payload) {
    const Bytes head = tcp({.destination = kPort, .sequence = kFirst + 1000});
    return link + carrying(ip, head.size() + payload) + head;
  };
  for (const bool ipv6_packet : {false, true}) {
    const Bytes syn = tcp({.destination = kPort, .sequence = kFirst - 1, .syn = true});
    run(ether, (ipv6_packet ? v6 + carrying(ipv6(kTcp), syn.size()) : v4 + carrying(ipv4(kTcp), syn.size())) + syn, 1);
  }
  measure("ours, TCP over IPv4, no payload", ether, empty.get(), packet(v4, ipv4(kTcp), 0));
  measure("ours, TCP over IPv4, 1448 bytes", ether, empty.get(), packet(v4, ipv4(kTcp), 1448));
  measure("ours, TCP over IPv6, 1448 bytes", ether, empty.get(), packet(v6, ipv6(kTcp), 1448));
  measure("ours, TCP over IPv4, a granule's end", ether, empty.get(), packet(v4, ipv4(kTcp), 65'000));
  measure("ours, TCP over IPv6, a granule's end", ether, empty.get(), packet(v6, ipv6(kTcp), 65'000));
  measure("foreign, UDP over IPv4", ether, empty.get(), v4 + ipv4(kUdp) + ports(53));
  measure("foreign, ARP", ether, empty.get(), ethernet(kArp) + Bytes(46, 0));
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench_tc_program: %s\n", error.what());
  return 1;
}
