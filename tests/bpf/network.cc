// SPDX-License-Identifier: MIT
#include "tests/bpf/network.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "bpf/tc_hook.h"
#include "bpf/tc_program.h"

namespace paceline::bpf::test {
namespace {

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

UniqueFd own_namespace() { return UniqueFd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)); }

std::string read_all(int fd) {
  std::string text;
  std::array<char, 512> part{};
  for (ssize_t n = 0; (n = read(fd, part.data(), part.size())) > 0;)
    text.append(part.data(), static_cast<std::size_t>(n));
  return text;
}

}  // namespace

std::string missing_privilege() {
  try {
    TcProgram(1, {1});
    return "";
  } catch (const AttachError& error) {
    const std::string reason = error.what();
    if (reason.find(std::generic_category().message(EPERM)) == std::string::npos) throw;
    return reason;
  }
}

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(("{ " + command + "; } 2>&1").c_str(), "r"), pclose);
  if (!pipe) fail("popen");
  return read_all(fileno(pipe.get()));
}

void shell(const std::string& command) {
  const std::string output = output_of(command + " && echo done");
  if (output.find("done\n") == std::string::npos) throw std::runtime_error(command + ": " + output);
}

void NetworkTest::SetUp() {
  if (unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "no privilege to make a network namespace (CAP_SYS_ADMIN)";
  if (const std::string reason = missing_privilege(); !reason.empty()) GTEST_SKIP() << reason;

  std::thread([&] {
    if (unshare(CLONE_NEWNET) == 0) far_ = own_namespace();
  }).join();
  if (!far_) fail("a second namespace");
  shell(std::string("ip link set lo up && ip link add ") + kNear + " type veth peer name " + kFar);
  shell("ip link set " + std::string(kFar) + " netns /proc/" + std::to_string(getpid()) + "/fd/" +
        std::to_string(far_.get()));
  const auto configure = [](const std::string& name, const std::string& number) {
    shell("ip link set lo up && ip link set " + name + " up && ip addr add 10.77.0." + number + "/24 dev " + name +
          " && ip addr add fd77::" + number + "/64 dev " + name + " nodad");
  };
  configure(kNear, "1");
  in_far([&] { configure(kFar, "2"); });
}

void NetworkTest::in_far(const std::function<void()>& what) const {
  std::exception_ptr thrown;
  std::thread([&] {
    try {
      if (setns(far_.get(), CLONE_NEWNET) != 0) fail("entering the far namespace");
      what();
    } catch (...) {
      thrown = std::current_exception();
    }
  }).join();
  if (thrown) std::rethrow_exception(thrown);
}

Victim::Victim(const std::function<void()>& body) {
  std::array<int, 2> ready{};
  if (pipe2(ready.data(), O_CLOEXEC) != 0) fail("pipe2");
  pid_ = fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::string said = "ready";
    try {
      body();
    } catch (const std::exception& error) {
      said = error.what();
    }
    (void)!write(ready[1], said.data(), said.size());
    close(ready[1]);
    for (;;) pause();
  }
  close(ready[1]);
  const UniqueFd reading(ready[0]);
  const std::string said = read_all(reading.get());
  if (said != "ready") throw std::runtime_error("the victim: " + said);
}

Victim::~Victim() { kill(); }

void Victim::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string in_child(const std::function<std::string()>& body) {
  std::array<int, 2> answer{};
  if (pipe2(answer.data(), O_CLOEXEC) != 0) fail("pipe2");
  const int pid = fork();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    std::string said;
    try {
      said = body();
    } catch (const std::exception& error) {
      said = std::string("unexpected: ") + error.what();
    }
    (void)!write(answer[1], said.data(), said.size());
    _exit(0);
  }
  close(answer[1]);
  const UniqueFd reading(answer[0]);
  std::string said = read_all(reading.get());
  waitpid(pid, nullptr, 0);
  return said;
}

}  // namespace paceline::bpf::test
