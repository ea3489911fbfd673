// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "traffic/tcp_granules.h"
#include "traffic/tcp_worker.h"

namespace paceline::traffic {

/// Reads streams to their end.
class TcpSink : public TcpWorker {
 public:
  /// `arrivals`: of each of the streams, null where there is none; `granules` may be null if all are.
  TcpSink(TcpRun& run, std::size_t index, std::vector<TcpStreamState> streams,
          std::vector<std::optional<StreamGranules>> arrivals, std::unique_ptr<GranuleSink> granules);

 private:
  std::size_t size() const override { return streams_.size(); }
  TcpStreamState& stream(std::size_t index) override { return streams_[index]; }
  void ready(std::size_t index, nanoseconds now) override;
  nanoseconds due(nanoseconds now) override;
  void cut(TcpInterval& row) override;
  std::uint64_t& bytes_of(StreamInterval& interval) const override { return interval.received; }

  std::string given_up(const TcpStreamState& stream, nanoseconds now) const;

  std::vector<TcpStreamState> streams_;
  std::vector<std::optional<StreamGranules>> arrivals_;
  std::unique_ptr<GranuleSink> granules_;
  std::vector<std::byte> buffer_;  // empty: bytes are discarded in the kernel
  bool watching_ = false;
  nanoseconds next_sweep_{0};  // for peers that do not end
};

}  // namespace paceline::traffic
