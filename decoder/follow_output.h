// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <ostream>
#include <set>
#include <string>

#include "decoder/live_view.h"
#include "decoder/terminal_picture.h"
#include "paceline/follow.h"

namespace paceline::decoder {

enum class FollowFormat { live, text, json, ndjson };

/// Renders what is followed as it comes. Flows are numbered in the order in which they came, from 0 in JSON and from 1
/// in text. Live, what runs is a picture on the terminal of standard output, with a summary above it of each flow that
/// has ended. All but JSON, whose document keeps all flows, are done with a flow when it has ended.
class FollowOutput : public FollowObserver {
 public:
  /// Results go to `out`, progress to `progress`. `gone`: is called when `out` takes no more.
  FollowOutput(FollowFormat format, std::ostream& out, std::ostream& progress, std::function<void()> gone);

  void connected(const std::string& address, const Host& receiver, const std::string& version) override;
  void following(std::uint32_t flows) override;
  void started(const FlowResult& flow) override;
  void interval(std::uint32_t flow_id, const PacketInterval& interval) override;
  void interval(std::uint32_t flow_id, const TcpInterval& interval) override;
  void finished(const FlowResult& result) override;
  void gone(std::uint32_t flow_id, const std::string& why) override;

  /// The last call: what still runs is shown as far as it came, partial. `why`: nothing more is heard of it.
  void end(const std::string& why);

  /// Flows that came, and those of them that have no complete result.
  std::size_t flows() const { return numbers_; }
  std::size_t partial() const { return partial_; }

 private:
  struct Running {
    std::size_t number;
    FlowResult result;  // as far as it was heard of
  };

  template <class Result, class Interval>
  void row(std::uint32_t flow_id, const Interval& interval);
  void text_row(std::size_t number, const FlowSpec& spec, const std::string& text);
  void show(std::size_t number, const FlowResult& result);
  void line(const std::string& text);
  /// Progress, from here on below the summaries.
  void say(const std::string& text);
  void draw(std::size_t renewed);

  FollowFormat format_;
  std::ostream& out_;
  std::ostream& progress_;
  std::function<void()> gone_;
  std::map<std::uint32_t, Running> running_;
  std::size_t numbers_ = 0;
  std::size_t partial_ = 0;
  std::set<std::string> heads_;  // that were shown
  LiveView view_;                // live, as are the next two
  std::optional<TerminalPicture> picture_;
  std::set<std::size_t> renewed_;            // flows that have come by something new since it was drawn
  std::map<std::size_t, FlowResult> ended_;  // JSON: by number
  RunResult run_;                            // JSON: all but its flows
};

}  // namespace paceline::decoder
