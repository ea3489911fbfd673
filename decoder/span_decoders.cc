// SPDX-License-Identifier: MIT
#include "decoder/span_decoders.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "decoder/flow_decoder.h"

namespace paceline::decoder {

SpanDecoders::SpanDecoders(std::size_t threads, std::function<std::unique_ptr<SpanDecoder>()> make)
    : threads_(threads > 0 ? threads : std::max(1U, std::thread::hardware_concurrency())),
      make_(std::move(make)),
      decoders_(threads_) {}

SpanDecoders::~SpanDecoders() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting_.clear();
  }
  work_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void SpanDecoders::run(const std::function<bool(Span&)>& read, const std::function<void(Span&)>& take) {
  const std::size_t most = 2 * threads_;
  for (bool more = true; more || !tasks_.empty();) {
    if (more && tasks_.size() < most) {
      auto task = blank();
      more = read(task->span);
      if (!more) continue;
      if (tasks_.size() == 1) start_helpers();
      tasks_.push_back(std::move(task));
      {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(tasks_.back().get());
      }
      work_.notify_one();
      continue;
    }
    Task* mine = nullptr;
    {
      std::unique_lock lock(mutex_);
      if (!tasks_.front()->done && waiting_.empty()) finished_.wait(lock, [this] { return tasks_.front()->done; });
      if (!tasks_.front()->done) {
        mine = waiting_.front();
        waiting_.pop_front();
      }
    }
    if (mine != nullptr) {
      decode(*mine, decoders_.front());
      continue;
    }
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    if (task->span.error) std::rethrow_exception(task->span.error);
    take(task->span);
    spare_.push_back(std::move(task));
  }
}

std::unique_ptr<SpanDecoders::Task> SpanDecoders::blank() {
  if (spare_.empty()) return std::make_unique<Task>();
  auto task = std::move(spare_.back());
  spare_.pop_back();
  task->done = false;
  return task;
}

// A small file is done before they would be there.
void SpanDecoders::start_helpers() {
  if (!helpers_.empty()) return;
  for (std::size_t i = 1; i < threads_; ++i) {
    helpers_.emplace_back([this, i] {
      std::unique_lock lock(mutex_);
      while (true) {
        work_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
        if (stopping_) return;
        Task* const task = waiting_.front();
        waiting_.pop_front();
        lock.unlock();
        decode(*task, decoders_[i]);
        lock.lock();
      }
    });
  }
}

void SpanDecoders::decode(Task& task, std::unique_ptr<SpanDecoder>& decoder) {
  try {
    if (!decoder) decoder = make_();
    decoder->decode(task.span);
  } catch (...) {
    task.span.error = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    task.done = true;
  }
  finished_.notify_one();
}

Statistics SpanDecoders::take_total() {
  Statistics total;
  for (const auto& decoder : decoders_) {
    if (decoder) add(total, decoder->take_total());
  }
  return total;
}

}  // namespace paceline::decoder
