// SPDX-License-Identifier: MIT
//
// The TCP engine alone: a source and a sink in two processes, joined by one or more connections, over loopback or, with
// --to, --source-netns and --sink-netns, between two network namespaces. Prints what was written and received and what
// each process spent.
#include "traffic/tcp_transfer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <future>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "traffic/address.h"
#include "traffic/clock_source.h"

namespace {

using namespace paceline;
using namespace std::chrono_literals;
using traffic::FileDescriptor;

struct Options {
  TcpFlowSpec flow;
  traffic::WorkerOptions source_workers;
  traffic::WorkerOptions sink_workers;
  std::string to = "127.0.0.1";
  nanoseconds start{0};  // of both ends: one machine, one clock
  std::string source_netns;
  std::string sink_netns;
};

constexpr const char* kUsage =
    "usage: bench_tcp_transfer [--to ADDR] [--source-netns NAME] [--sink-netns NAME] [--streams N] [--bitrate BPS]\n"
    "         [--bytes N] [--seconds S] [--omit S] [--interval MS] [--congestion NAME] [--mss N] [--buffer N]\n"
    "         [--zero-copy 0|1] [--copy 0|1] [--source-cpu N] [--sink-cpu N]\n";

Options parse(int count, char** words) {
  Options options;
  options.flow.duration = 2s;
  const std::map<std::string, std::function<void(const std::string&)>> known{
      {"--to", [&](const std::string& word) { options.to = word; }},
      {"--source-netns", [&](const std::string& word) { options.source_netns = word; }},
      {"--sink-netns", [&](const std::string& word) { options.sink_netns = word; }},
      {"--streams",
       [&](const std::string& word) { options.flow.streams = static_cast<std::uint32_t>(std::stoul(word)); }},
      {"--bitrate", [&](const std::string& word) { options.flow.bitrate_bps = std::stod(word); }},
      {"--bytes", [&](const std::string& word) { options.flow.bytes = std::stoull(word); }},
      {"--seconds", [&](const std::string& word) { options.flow.duration = std::stol(word) * 1s; }},
      {"--omit", [&](const std::string& word) { options.flow.omit = std::stol(word) * 1s; }},
      {"--interval", [&](const std::string& word) { options.flow.interval = std::stol(word) * 1ms; }},
      {"--congestion", [&](const std::string& word) { options.flow.congestion = word; }},
      {"--mss", [&](const std::string& word) { options.flow.mss = static_cast<std::uint32_t>(std::stoul(word)); }},
      {"--buffer", [&](const std::string& word) { options.flow.socket_buffer = std::stoull(word); }},
      {"--zero-copy",
       [&](const std::string& word) { options.flow.send = word == "1" ? SendMode::zero_copy : SendMode::copy; }},
      {"--copy",
       [&](const std::string& word) { options.flow.receive = word == "1" ? ReceiveMode::copy : ReceiveMode::discard; }},
      {"--source-cpu",
       [&](const std::string& word) { options.source_workers.cpus = {static_cast<std::uint32_t>(std::stoul(word))}; }},
      {"--sink-cpu",
       [&](const std::string& word) { options.sink_workers.cpus = {static_cast<std::uint32_t>(std::stoul(word))}; }},
  };
  for (int i = 1; i < count; i += 2) {
    const auto option = known.find(words[i]);
    if (option == known.end() || i + 1 == count) throw std::runtime_error(kUsage);
    option->second(words[i + 1]);
  }
  return options;
}

void check(bool fine, const char* what) {
  if (!fine) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

void enter(const std::string& netns) {
  if (netns.empty()) return;
  const FileDescriptor file(open(("/run/netns/" + netns).c_str(), O_RDONLY | O_CLOEXEC));
  check(static_cast<bool>(file) && setns(file.get(), CLONE_NEWNET) == 0, netns.c_str());
}

struct End : traffic::TcpTransferListener {
  std::promise<traffic::TcpTransferOutcome>* outcome;
  std::uint64_t* counted;
  explicit End(std::promise<traffic::TcpTransferOutcome>* to, std::uint64_t* count) : outcome(to), counted(count) {}
  void interval(TcpInterval&& row) override {
    if (row.omitted) return;
    for (const StreamInterval& stream : row.streams) *counted += stream.written + stream.received;
  }
  void finished(traffic::TcpTransferOutcome&& told) override { outcome->set_value(std::move(told)); }
};

void run(const char* name, const Options& options, std::vector<FileDescriptor> sockets, bool source) {
  traffic::TcpTransferSpec spec;
  spec.flow = options.flow;
  spec.source = source;
  spec.workers = source ? options.source_workers : options.sink_workers;
  spec.start = options.start;
  std::vector<traffic::TcpStream> streams;
  for (FileDescriptor& socket : sockets) {
    traffic::TcpStream stream;
    stream.socket = std::move(socket);
    streams.push_back(std::move(stream));
  }
  std::promise<traffic::TcpTransferOutcome> promise;
  std::uint64_t bytes = 0;
  traffic::TcpTransfer transfer(spec, std::move(streams), std::make_unique<End>(&promise, &bytes));
  const traffic::TcpTransferOutcome outcome = promise.get_future().get();

  nanoseconds last{0};
  std::string ended;
  std::uint64_t retransmits = 0;
  for (const traffic::TcpStreamOutcome& stream : outcome.streams) {
    last = std::max(last, stream.last);
    retransmits += stream.info.retransmits;
    if (!stream.ended.empty()) ended = "; " + stream.ended;
  }
  for (const std::string& warning : outcome.warnings) ended += "; " + warning;
  const double cpu = static_cast<double>((outcome.cpu.user + outcome.cpu.system).count()) / 1e9;
  std::printf("%s %.4f Gbit/s, %.3f CPUs (user %.3f, system %.3f), %.4f CPU s/GB, retransmits %llu%s\n", name,
              8.0 * static_cast<double>(bytes) / static_cast<double>((last - spec.flow.omit).count()),
              cpu * 1e9 / static_cast<double>(outcome.cpu.elapsed.count()),
              static_cast<double>(outcome.cpu.user.count()) / 1e9,
              static_cast<double>(outcome.cpu.system.count()) / 1e9, cpu / (static_cast<double>(bytes) / 1e9),
              static_cast<unsigned long long>(retransmits), ended.c_str());
  std::fflush(stdout);
}

// The child listens in its namespace and tells the port through the pipe.
int sink(const Options& options, int port_to) {
  enter(options.sink_netns);
  const traffic::Address address = traffic::Address::parse(options.to, 0);
  const int family = address.is_v4() ? AF_INET : AF_INET6;
  sockaddr_storage raw{};
  socklen_t length = address.to_sockaddr(raw, family);
  const FileDescriptor listener(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  traffic::configure_tcp(listener.get(), options.flow, false);
  check(bind(listener.get(), reinterpret_cast<sockaddr*>(&raw), length) == 0, "bind");
  check(listen(listener.get(), 1024) == 0, "listen");
  length = sizeof raw;
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&raw), &length);
  const std::uint16_t port = traffic::Address::from(raw).port();
  check(::write(port_to, &port, sizeof port) == sizeof port, "pipe");
  std::vector<FileDescriptor> sockets;
  while (sockets.size() < options.flow.streams)
    sockets.emplace_back(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  run("sink  ", options, std::move(sockets), false);
  return 0;
}

void source(const Options& options, int port_from) {
  enter(options.source_netns);
  std::uint16_t port = 0;
  check(::read(port_from, &port, sizeof port) == sizeof port, "pipe");
  const traffic::Address address = traffic::Address::parse(options.to, port);
  const int family = address.is_v4() ? AF_INET : AF_INET6;
  sockaddr_storage raw{};
  const socklen_t length = address.to_sockaddr(raw, family);
  std::vector<FileDescriptor> sockets;
  while (sockets.size() < options.flow.streams) {
    FileDescriptor connection(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    traffic::configure_tcp(connection.get(), options.flow, true);
    check(connect(connection.get(), reinterpret_cast<sockaddr*>(&raw), length) == 0, "connect");
    fcntl(connection.get(), F_SETFL, O_NONBLOCK);
    sockets.push_back(std::move(connection));
  }
  run("source", options, std::move(sockets), true);
}

}  // namespace

int main(int count, char** words) try {
  Options options = parse(count, words);
  options.start = traffic::now<SenderClock>().time_since_epoch() + 500ms;  // by then all is connected
  std::array<int, 2> pipe_ends{};
  check(pipe(pipe_ends.data()) == 0, "pipe");
  const pid_t child = fork();
  check(child >= 0, "fork");
  if (child == 0) return sink(options, pipe_ends[1]);
  source(options, pipe_ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
