// SPDX-License-Identifier: MIT
#include "sender/hook_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <limits>
#include <optional>

#include "paceline/units.h"
#include "sender/duration_text.h"
#include "traffic/file_descriptor.h"

namespace paceline::sender {

namespace {

using traffic::FileDescriptor;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kGrace(2);  // between SIGTERM and SIGKILL

struct Pipe {
  FileDescriptor out;
  FileDescriptor in;
};

// Throws nothing: without a pipe both ends are empty.
Pipe make_pipe(int flags) {
  int ends[2];
  if (pipe2(ends, flags) != 0) return {};
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

/// Strings as exec takes them.
class Words {
 public:
  explicit Words(std::vector<std::string> words) : words_(std::move(words)) {
    for (std::string& word : words_) pointers_.push_back(word.data());
    pointers_.push_back(nullptr);
  }
  char** get() { return pointers_.data(); }

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

std::vector<std::string> with_environment(const Environment& added) {
  std::vector<std::string> all;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view name = std::string_view(*entry).substr(0, std::string_view(*entry).find('='));
    if (std::ranges::none_of(added, [&](const auto& one) { return one.first == name; })) all.emplace_back(*entry);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

// In the child: only what is safe after fork() in a process of several threads. Returns when it could not.
void become(char** command, char** environment, const char* folder, int output, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(nothing, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  if (*folder != '\0' && chdir(folder) != 0) return;
  execvpe(command[0], command, environment);
}

/// A started command: its leader is not waited for before end(), so its group's number stays its own until then.
class Group {
 public:
  explicit Group(pid_t leader) : leader_(leader), ended_(static_cast<int>(syscall(SYS_pidfd_open, leader, 0))) {}
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() { end(); }

  int readable_when_ended() const { return ended_.get(); }
  void signal(int number) const { kill(-leader_, number); }

  /// Waits for the leader; its status.
  int end() {
    while (!status_) {
      int status = 0;
      const pid_t pid = waitpid(leader_, &status, 0);
      if (pid == leader_ || (pid < 0 && errno != EINTR)) status_ = status;
    }
    return *status_;
  }

 private:
  pid_t leader_;
  FileDescriptor ended_;
  std::optional<int> status_;
};

/// What is left of a pipe's bytes: the last ones.
class Tail {
 public:
  explicit Tail(int pipe) : pipe_(pipe) {}

  /// Reads what is there. False when nothing will come any more.
  bool read() {
    std::array<char, 4096> part{};
    for (;;) {
      const ssize_t size = ::read(pipe_, part.data(), part.size());
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return size < 0 && errno == EAGAIN;
      text_.append(part.data(), static_cast<std::size_t>(size));
      if (text_.size() > 2 * CommandEnd::kMost) text_.erase(0, text_.size() - CommandEnd::kMost);
    }
  }

  std::string take() {
    if (text_.size() > CommandEnd::kMost) text_.erase(0, text_.size() - CommandEnd::kMost);
    return std::move(text_);
  }

 private:
  int pipe_;
  std::string text_;
};

int milliseconds_until(Clock::time_point time) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, std::numeric_limits<int>::max()));
}

std::string failure_of(int status) {
  if (WIFSIGNALED(status))
    return fmt::format("was ended by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return WEXITSTATUS(status) == 0 ? "" : fmt::format("ended with exit code {}", WEXITSTATUS(status));
}

/// Waits for the command's end, and sees to it: the limit, the stop request.
std::string wait_for(Group& group, Tail& tail, int output, nanoseconds limit, const std::stop_token& stop) {
  const FileDescriptor stopped(eventfd(0, EFD_CLOEXEC));
  const std::stop_callback on_stop(stop, [&] { eventfd_write(stopped.get(), 1); });
  std::string why_ended;
  auto deadline = Clock::now() + std::min<nanoseconds>(limit, std::chrono::hours(24 * 365));
  bool more = true;
  for (;;) {
    const bool asked = !why_ended.empty();
    std::array<pollfd, 3> sources{{{group.readable_when_ended(), POLLIN, 0},
                                   {more ? output : -1, POLLIN, 0},
                                   {asked ? -1 : stopped.get(), POLLIN, 0}}};
    const int ready = poll(sources.data(), sources.size(), milliseconds_until(deadline));
    if (ready < 0 && errno != EINTR) why_ended = fmt::format("could not be waited for: {}", std::strerror(errno));
    if (ready < 0) {
      if (errno == EINTR) continue;
      break;
    }
    if (sources[1].revents != 0) more = tail.read();
    if (sources[0].revents != 0) break;
    if (ready == 0 && asked) break;
    if (ready == 0 || sources[2].revents != 0) {
      why_ended = ready == 0 ? fmt::format("was ended: it took longer than {}", duration_text(limit))
                             : "was ended: a stop was requested";
      group.signal(SIGTERM);
      deadline = Clock::now() + kGrace;
    }
  }
  if (!why_ended.empty()) group.signal(SIGKILL);
  const std::string failure = failure_of(group.end());
  tail.read();
  return why_ended.empty() ? failure : why_ended;
}

}  // namespace

CommandEnd run_command(const std::vector<std::string>& command, const Environment& environment,
                       const std::filesystem::path& folder, nanoseconds limit, const std::stop_token& stop) {
  const auto cannot = [](const char* what, int error) {
    return CommandEnd{fmt::format("{}: {}", what, std::strerror(error)), {}};
  };
  Pipe output = make_pipe(O_CLOEXEC | O_NONBLOCK);
  Pipe refusal = make_pipe(O_CLOEXEC);
  if (!output.in || !refusal.in) return cannot("could not be started", errno);
  fcntl(output.in.get(), F_SETFL, 0);  // the command's end blocks, as programs expect
  Words words(command);
  Words variables(with_environment(environment));

  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return cannot("could not be started", errno);
  if (child == 0) {
    become(words.get(), variables.get(), folder.c_str(), output.in.get(), parent);
    const int error = errno;
    [[maybe_unused]] const ssize_t told = write(refusal.in.get(), &error, sizeof error);
    _exit(127);
  }
  setpgid(child, child);
  Group group(child);
  output.in = FileDescriptor();
  refusal.in = FileDescriptor();

  int error = 0;
  if (read(refusal.out.get(), &error, sizeof error) == sizeof error) return cannot("could not be started", error);
  Tail tail(output.out.get());
  std::string failure = wait_for(group, tail, output.out.get(), limit, stop);
  return {std::move(failure), tail.take()};
}

}  // namespace paceline::sender
