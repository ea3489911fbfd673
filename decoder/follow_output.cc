// SPDX-License-Identifier: MIT
#include "decoder/follow_output.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <utility>
#include <variant>

#include "decoder/flow_decoder.h"
#include "decoder/json.h"
#include "decoder/text.h"
#include "decoder/totals.h"
#include "paceline/decoder.h"
#include "paceline/version.h"

namespace paceline::decoder {

namespace {

std::uint32_t id_of(const FlowResult& flow) {
  return std::visit([](const auto& result) { return result.flow_id; }, flow);
}
const PathResult& path_of(const FlowResult& flow) {
  return std::visit([](const auto& result) -> const PathResult& { return result.path; }, flow);
}
std::string name_of(const FlowResult& flow) {
  return std::visit([](const auto& result) { return result.spec.name; }, flow);
}

FlowSpec spec_of(const FlowResult& flow) {
  return std::visit([](const auto& result) -> FlowSpec { return result.spec; }, flow);
}

std::string numbered(std::size_t number, const FlowResult& flow) {
  const std::string name = text::shown(name_of(flow));
  return fmt::format("Flow {} ({:08x}{}{})", number + 1, id_of(flow), name.empty() ? "" : ", ", name);
}

// Puts a label into the blanks before a row.
std::string labelled(const std::string& label, const std::string& row) {
  const auto blanks = row.find_first_not_of(' ');
  const bool fits = blanks != std::string::npos && blanks > label.size();
  return fits ? label + row.substr(label.size()) : fmt::format("{} {}", label, row);
}

std::string now() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

Json to_json(const FlowResult& flow) {
  return std::visit([](const auto& kind) { return decoder::to_json(kind); }, flow);
}

}  // namespace

FollowOutput::FollowOutput(FollowFormat format, std::ostream& out, std::ostream& progress, std::function<void()> gone)
    : format_(format), out_(out), progress_(progress), gone_(std::move(gone)) {
  if (format == FollowFormat::live) picture_.emplace(wants_colour());
}

void FollowOutput::connected(const std::string& address, const Host& receiver, const std::string& version) {
  run_.version = std::string(kVersion);
  run_.started_at = now();
  run_.receiver = receiver;
  say(fmt::format("connected to {}, version {}", address, text::shown(version)));
}

void FollowOutput::following(std::uint32_t flows) {
  say(fmt::format("following; {} flow{} running", flows, flows == 1 ? " is" : "s are"));
}

void FollowOutput::started(const FlowResult& flow) {
  const std::size_t number = numbers_++;
  running_.insert_or_assign(id_of(flow), Running{number, flow});
  const PathResult& path = path_of(flow);
  say(fmt::format("{}: path: {} arrives at {} from {}", numbered(number, flow), text::shown(path.dialled),
                  text::shown(path.arrived_at), text::shown(path.seen_from)));
  if (picture_) view_.add(number, spec_of(flow));
  if (format_ != FollowFormat::ndjson) return;
  Json whole = to_json(flow);
  line(dump({{"type", "started"},
             {"flow", number},
             {"flow_id", fmt::format("{:08x}", id_of(flow))},
             {"specification", std::move(whole["flow"])},
             {"path", std::move(whole["path"])}},
            -1));
}

void FollowOutput::interval(std::uint32_t flow_id, const PacketInterval& interval) {
  row<PacketFlowResult>(flow_id, interval);
}

void FollowOutput::interval(std::uint32_t flow_id, const TcpInterval& interval) {
  row<TcpFlowResult>(flow_id, interval);
}

template <class Result, class Interval>
void FollowOutput::row(std::uint32_t flow_id, const Interval& interval) {
  const auto found = running_.find(flow_id);
  if (found == running_.end()) return;
  auto& [number, flow] = found->second;
  auto& result = std::get<Result>(flow);
  accumulate(result, interval);
  if (format_ == FollowFormat::ndjson) line(render_ndjson(number, interval));
  if (format_ == FollowFormat::text) text_row(number, result.spec, render_text_row(interval, result.spec));
  if (!picture_) return;
  view_.interval(number, interval);
  draw(number);
}

// When each flow has something new to show, or some have and it is time.
void FollowOutput::draw(std::size_t renewed) {
  renewed_.insert(renewed);
  if (renewed_.size() < running_.size() && !picture_->due()) return;
  renewed_.clear();
  Screen screen = picture_->screen();
  screen.headline = fmt::format("{} flow{}, {} ended; Ctrl-C ends it", running_.size(),
                                running_.size() == 1 ? " runs" : "s run", numbers_ - running_.size());
  picture_->draw(view_.frame(screen));
}

void FollowOutput::text_row(std::size_t number, const FlowSpec& spec, const std::string& text) {
  const std::string head = render_text_header(spec);
  const char* kinds[] = {"packets", "tcp", "new"};
  if (heads_.insert(head).second) line(labelled(kinds[spec.index()], head));
  line(labelled(fmt::format("#{}", number + 1), text));
}

void FollowOutput::finished(const FlowResult& result) {
  const auto found = running_.find(id_of(result));
  if (found == running_.end()) return;
  const std::size_t number = found->second.number;
  running_.erase(found);
  show(number, result);
}

void FollowOutput::gone(std::uint32_t flow_id, const std::string& why) {
  const auto found = running_.find(flow_id);
  if (found == running_.end()) return;
  auto [number, flow] = std::move(found->second);
  running_.erase(found);
  std::visit(
      [&](auto& result) {
        result.complete = false;
        result.incomplete_reason = why;
      },
      flow);
  show(number, flow);
}

void FollowOutput::end(const std::string& why) {
  while (!running_.empty()) gone(running_.begin()->first, why);
  if (format_ == FollowFormat::json) {
    for (auto& [number, flow] : ended_) run_.flows.push_back(std::move(flow));
    out_ << render_json(run_) << '\n';
  }
  out_.flush();
}

void FollowOutput::show(std::size_t number, const FlowResult& result) {
  if (!is_complete(result)) ++partial_;
  switch (format_) {
    case FollowFormat::json: ended_.emplace(number, result); break;
    case FollowFormat::ndjson:
      line(dump({{"type", "finished"}, {"flow", number}, {"result", to_json(result)}}, -1));
      break;
    case FollowFormat::live:
      picture_->erase();
      view_.remove(number);
      renewed_.erase(number);
      [[fallthrough]];
    case FollowFormat::text:
      heads_.clear();  // what is next begins anew
      out_ << '\n'
           << std::visit(
                  [&](const auto& kind) {
                    return text::render(numbered(number, result), kind, {.colour = picture_ && wants_colour()});
                  },
                  result);
      line("");
      break;
  }
}

void FollowOutput::say(const std::string& text) {
  if (picture_) picture_->erase();
  progress_ << text << std::endl;
}

void FollowOutput::line(const std::string& text) {
  out_ << text << std::endl;
  if (!out_) gone_();
}

}  // namespace paceline::decoder
