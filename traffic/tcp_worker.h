// SPDX-License-Identifier: MIT
//
// A thread that moves some of a TCP flow's streams: waits for sockets and times, and cuts its rows.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "paceline/result.h"
#include "traffic/cpu_time.h"
#include "traffic/file_descriptor.h"
#include "traffic/tcp_payload.h"
#include "traffic/tcp_rows.h"
#include "traffic/tcp_transfer.h"

namespace paceline::traffic {

/// What a transfer's workers share; none of it is written to on the data path.
struct TcpRun {
  static constexpr nanoseconds kNever = nanoseconds::max();

  TcpRun(const TcpTransferSpec& spec, std::size_t streams, std::size_t workers, TcpTransferListener& listener);

  const TcpTransferSpec spec;
  const RowGrid grid;
  TcpRows rows;
  std::vector<TcpStreamOutcome> outcomes;  ///< each is its stream's worker's
  FileDescriptor wake;                     ///< eventfd: written to, it wakes all workers
  std::atomic<nanoseconds> stop{kNever};   ///< when stop() was called first; times are since the flow's start
  std::atomic<std::size_t> busy;           ///< workers with streams that are not over
  std::atomic<nanoseconds> ended{kNever};  ///< when the last stream was over, or all were broken off
  MeasuredCpu cpu;                         ///< the first worker's

  nanoseconds now() const;  ///< since the flow's start
  void wake_all() const;
  void end();
  /// Everything ends by then, however a peer behaves.
  nanoseconds deadline() const { return grid.total() + 12 * spec.patience; }
};

/// One stream at this end.
struct TcpStreamState {
  FileDescriptor socket;
  std::size_t number = 0;    ///< in the flow
  std::uint64_t in_row = 0;  ///< bytes written or read since the last cut
  std::uint64_t bytes = 0;   ///< since the flow's start
  nanoseconds moved_at{0};   ///< when bytes were last written or read
  bool over = false;
};

class TcpWorker {
 public:
  /// Throws SetupError.
  TcpWorker(TcpRun& run, std::size_t index);
  virtual ~TcpWorker() = default;
  TcpWorker(const TcpWorker&) = delete;
  TcpWorker& operator=(const TcpWorker&) = delete;

  /// Until all streams of the transfer are over.
  void run();

 protected:
  virtual std::size_t size() const = 0;
  virtual TcpStreamState& stream(std::size_t index) = 0;
  /// Its socket is ready for what was asked for with watch(), or broken.
  virtual void ready(std::size_t index, nanoseconds now) = 0;
  /// Does what is due; returns when to be called again at the latest.
  virtual nanoseconds due(nanoseconds now) = 0;
  /// Adds to a row what this end knows beyond bytes; clears it for the next.
  virtual void cut(TcpInterval& row) = 0;
  /// Bytes of this end in a row.
  virtual std::uint64_t& bytes_of(StreamInterval& stream) const = 0;

  /// What to wait for at a stream's socket (EPOLL*; an error is always waited for).
  void watch(std::size_t index, std::uint32_t events);
  /// `bytes` more went through at `now`.
  void moved(TcpStreamState& stream, std::uint64_t bytes, nanoseconds now);
  /// The stream is over; `why` if before its time. A stream that broke is reset, so that the peer knows.
  void end(std::size_t index, const std::string& why);
  nanoseconds row_end() const { return run_.grid.end(row_); }
  /// Whether the row under way is of the measured part.
  bool measured() const { return run_.grid.start(row_) >= run_.grid.omit(); }
  TcpStreamOutcome& outcome(const TcpStreamState& stream) { return run_.outcomes[stream.number]; }

  TcpRun& run_;

 private:
  void add_streams();
  void work(nanoseconds now);
  void cut_until(nanoseconds now);
  void fill(TcpInterval& row);
  void wait(nanoseconds until);

  FileDescriptor epoll_;
  FileDescriptor timer_;
  nanoseconds timer_set_to_{TcpRun::kNever};
  std::uint64_t row_ = 0;  // the one under way
  std::size_t left_ = 0;   // streams that are not over
  bool first_;             // of the transfer's workers: takes the CPU time
  bool busy_ = true;       // counted in run_.busy
};

/// How the C library names an error, in the middle of a sentence.
std::string error_text(int error);

/// "5 s", "200 ms".
std::string in_words(nanoseconds time);

}  // namespace paceline::traffic
