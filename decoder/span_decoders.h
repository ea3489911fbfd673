// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "decoder/span_decoder.h"

namespace paceline::decoder {

/// Several threads that decode spans, the caller's among them: it reads, helps, and takes the results in order.
class SpanDecoders {
 public:
  /// `threads`: 0 is one a CPU that the process may use. Each makes its decoder when it first needs one.
  SpanDecoders(std::size_t threads, std::function<std::unique_ptr<SpanDecoder>()> make);
  ~SpanDecoders();
  SpanDecoders(const SpanDecoders&) = delete;
  SpanDecoders& operator=(const SpanDecoders&) = delete;

  /// Decodes what `read` gives until it is false; `take` gets the spans in the order in which they were read. Both are
  /// called on this thread. Throws what they or a decoder throw.
  void run(const std::function<bool(Span&)>& read, const std::function<void(Span&)>& take);

  /// See SpanDecoder; of all of them. After run().
  Statistics take_total();

 private:
  struct Task {
    Span span;
    bool done = false;
  };
  void start_helpers();
  void decode(Task& task, std::unique_ptr<SpanDecoder>& decoder);
  std::unique_ptr<Task> blank();

  std::size_t threads_;
  std::function<std::unique_ptr<SpanDecoder>()> make_;
  std::vector<std::unique_ptr<SpanDecoder>> decoders_;  // the caller's first
  std::vector<std::thread> helpers_;

  std::deque<std::unique_ptr<Task>> tasks_;  // in order; the caller's alone
  std::vector<std::unique_ptr<Task>> spare_;

  std::mutex mutex_;  // of the following, and of Task::done
  std::condition_variable work_, finished_;
  std::deque<Task*> waiting_;
  bool stopping_ = false;
};

}  // namespace paceline::decoder
