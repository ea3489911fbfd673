// SPDX-License-Identifier: MIT
#include "sender/campaign_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "paceline/units.h"
#include "sender/campaign_axes.h"
#include "sender/flows_in_table.h"
#include "sender/flows_table.h"
#include "sender/settings.h"
#include "sender/values.h"
#include "signalling/hash.h"

namespace paceline::sender {

namespace {

constexpr const char* kTables[] = {"campaign", "axes", "hooks"};
const std::vector<std::string> kOfCampaign{"name", "repetitions", "order",       "seed",
                                           "gap",  "retries",     "retry-pause", "run-limit"};
const std::vector<std::string> kOfHooks{"before-scenario", "before-run", "after-run", "after-scenario", "limit"};
constexpr std::uint32_t kMaxRetries = 1000;

CampaignOrder parse_order(const std::string& text) {
  return one_of<CampaignOrder>({{"interleaved", CampaignOrder::interleaved},
                                {"random", CampaignOrder::random},
                                {"sequential", CampaignOrder::sequential}})(text);
}

std::string hash_of(std::string_view text) {
  constexpr std::size_t kBytes = 8;
  const signalling::Digest digest = signalling::Hmac("paceline campaign").of(text);
  std::string hex;
  for (std::size_t i = 0; i < kBytes; ++i) hex += fmt::format("{:02x}", static_cast<unsigned char>(digest[i]));
  return hex;
}

// The same for what means the same: without comments and blanks, keys in one order.
std::string canonical(const toml::table& table) {
  std::ostringstream text;
  text << toml::json_formatter(table);
  return text.str();
}

bool has_setting(const FlowSpec& flow, const std::string& name) {
  return std::visit([&](const auto& spec) { return find(settings_of(spec), name) != nullptr; }, flow);
}

class CampaignFile {
 public:
  CampaignFile(std::string_view text, std::string_view name, const Instead& instead)
      : file_(name),
        text_(text),
        name_(name),
        root_(file_.parse(text)),
        flows_(parse_flows()),
        axes_(file_, file_.table(root_, "axes"), flows_),
        instead_(instead) {}

  CampaignSpec read() {
    spec_.folder = name_.parent_path();
    spec_.name = name_.stem();
    if (const toml::table* campaign = file_.table(root_, "campaign")) read_campaign(*campaign);
    if (const toml::table* hooks = file_.table(root_, "hooks")) read_hooks(*hooks);
    const bool hooked = spec_.before_scenario || spec_.before_run || spec_.after_run || spec_.after_scenario;
    if (!hooked) axes_.refuse_unused();
    axes_.refuse_settings(instead_.run);
    axes_.refuse_settings(instead_.flows);
    for (const WrittenAxis& axis : axes_.all()) {
      auto& [axis_name, values] = spec_.axes.emplace_back(axis.name, std::vector<std::string>{});
      for (const AxisValue& value : axis.values) values.push_back(value.value.text);
    }
    for (const Cell& cell : axes_.cells()) spec_.cells.push_back({axes_.scenario(cell), read_run(cell)});
    refuse_settings_of_no_flow();
    spec_.fingerprint = fingerprint();
    return std::move(spec_);
  }

 private:
  // Afresh each time: a copy of a table would not know its places.
  toml::table parse_flows() const {
    toml::table root = file_.parse(text_);
    for (const char* table : kTables) root.erase(table);
    return root;
  }

  void read_campaign(const toml::table& table) {
    file_.check_keys(table, kOfCampaign, "[campaign] ");
    const std::map<std::string, std::function<void(const std::string&)>> keys{
        {"name", [this](const std::string& text) { spec_.name = text; }},
        {"repetitions",
         [this](const std::string& text) {
           spec_.repetitions = units::parse_count(text, "repetitions", CampaignSpec::kMaxRepetitions);
           if (spec_.repetitions == 0) throw UsageError("repetitions is 0: it must be 1 or more");
         }},
        {"order", [this](const std::string& text) { spec_.order = parse_order(text); }},
        {"seed", [this](const std::string& text) { spec_.seed = parse_seed(text); }},
        {"gap", [this](const std::string& text) { spec_.gap = units::parse_duration(text); }},
        {"retries",
         [this](const std::string& text) { spec_.retries = units::parse_count(text, "retries", kMaxRetries); }},
        {"retry-pause", [this](const std::string& text) { spec_.retry_pause = units::parse_duration(text); }},
        {"run-limit", [this](const std::string& text) { spec_.run_limit = units::parse_duration(text); }}};
    for (const auto& [name, entry] : file_.entries(table, kOfCampaign))
      file_.placed(entry.at, [&, &name = name, &entry = entry] { keys.at(name)(entry.text); });
  }

  void read_hooks(const toml::table& table) {
    file_.check_keys(table, kOfHooks, "[hooks] ");
    spec_.before_scenario = read_hook(table, "before_scenario");
    spec_.before_run = read_hook(table, "before_run");
    spec_.after_run = read_hook(table, "after_run");
    spec_.after_scenario = read_hook(table, "after_scenario");
    for (const auto& [name, entry] : file_.entries(table, {"limit"}))
      file_.placed(entry.at, [&, &entry = entry] { spec_.hook_limit = units::parse_duration(entry.text); });
    if (spec_.hook_limit <= nanoseconds{0}) file_.refuse(place_of(table), "[hooks] limit is 0: it must be above");
  }

  CampaignHook read_hook(const toml::table& table, std::string_view name) {
    const toml::node* node = table.get(name);
    if (!node) return {};
    CampaignHook hook;
    if (const auto line = node->value_exact<std::string>()) {
      hook.command = {"/bin/sh", "-c", *line};
    } else if (node->is_array()) {
      for (const Entry& word : file_.texts(table, name)) hook.command.push_back(word.text);
    } else {
      file_.refuse(place_of(*node), fmt::format("{} must be a line for the shell, \"./setup\", or a program and its "
                                                "arguments, [\"./setup\", \"--fast\"]",
                                                name));
    }
    if (hook.command.empty() || hook.command.back().empty())
      file_.refuse(place_of(*node), fmt::format("{} is empty: leave it out, or name a command", name));
    return hook;
  }

  RunSpec read_run(const Cell& cell) const {
    toml::table flows = parse_flows();
    axes_.apply(cell, flows);
    Replacements instead = axes_.settings(cell);
    instead.run.merge(entries_of(instead_.run));
    instead.flows.merge(entries_of(instead_.flows));
    const std::string effects = axes_.effects(cell);
    try {
      const auto* all = flows.get_as<toml::array>("flow");
      if (all && all->empty()) file_.refuse({1, 1}, "no [[flow]] is left here: each has a `when` that is not met");
      return read_flows(std::move(flows), name_.string(), instead);
    } catch (const UsageError& error) {
      throw UsageError(effects.empty() ? error.what() : fmt::format("{} (with {})", error.what(), effects));
    }
  }

  // An axis that makes a setting which no flow has would measure the same again and again.
  void refuse_settings_of_no_flow() const {
    for (const WrittenAxis& axis : axes_.all()) {
      for (const AxisValue& value : axis.values) {
        for (const auto& [name, entry] : value.sets) {
          if (find(run_settings(), name)) continue;
          const auto has_it = [&, &name = name](const CampaignCell& cell) {
            return std::ranges::any_of(cell.run.flows, [&](const FlowSpec& flow) { return has_setting(flow, name); });
          };
          if (std::ranges::none_of(spec_.cells, has_it))
            file_.refuse(entry.at, fmt::format("the axis '{}' makes the setting {}, which no flow here has: it is of "
                                               "another kind of flow",
                                               axis.name, name));
        }
      }
    }
  }

  // What is measured follows from the axes, in their order, the settings and the hooks; the rest says how often, and
  // in which order.
  std::string fingerprint() const {
    std::string axes, settings = canonical(flows_), hooks;
    for (const auto& [axis, values] : spec_.axes) axes += axis + '\n';
    if (const toml::table* table = file_.table(root_, "axes")) axes += canonical(*table);
    for (const Given* given : {&instead_.run, &instead_.flows}) {
      for (const auto& [name, text] : *given) settings += '\n' + name + '=' + text;
    }
    for (const CampaignHook* hook :
         {&spec_.before_scenario, &spec_.before_run, &spec_.after_run, &spec_.after_scenario}) {
      for (const std::string& word : hook->command) hooks += word + '\0';
      hooks += '\n';
    }
    return fmt::format("axes:{} settings:{} hooks:{}", hash_of(axes), hash_of(settings), hash_of(hooks));
  }

  FlowsTable file_;
  std::string_view text_;
  std::filesystem::path name_;
  toml::table root_;
  toml::table flows_;  // what all scenarios share
  CampaignAxes axes_;
  const Instead& instead_;
  CampaignSpec spec_;
};

}  // namespace

bool is_campaign(std::string_view toml, std::string_view name) {
  const toml::table root = FlowsTable(name).parse(toml);
  return std::ranges::any_of(kTables, [&](const char* table) { return root.contains(table); });
}

CampaignSpec parse_campaign(std::string_view toml, std::string_view name, const Instead& instead) {
  return CampaignFile(toml, name, instead).read();
}

}  // namespace paceline::sender

namespace paceline {

CampaignSpec read_campaign(const std::filesystem::path& file) {
  return sender::parse_campaign(sender::read_toml(file), file.string());
}

}  // namespace paceline
