// SPDX-License-Identifier: MIT
#include "sender/campaign_axes.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

#include "paceline/campaign.h"
#include "sender/campaign_hooks.h"
#include "sender/settings.h"

namespace paceline::sender {

namespace {

constexpr const char* kGroups[] = {"flow", "slice"};  // what may have a `when`

bool is_run_setting(const std::string& name) { return find(run_settings(), name) != nullptr; }

bool is_flow_setting(const std::string& name) {
  return find(packet_settings(), name) || find(throughput_settings(), name) || find(connection_settings(), name);
}

std::vector<std::string> all_settings() {
  std::set<std::string> names;
  for (const auto& setting : run_settings()) names.insert(setting.name);
  for (const auto& setting : packet_settings()) names.insert(setting.name);
  for (const auto& setting : throughput_settings()) names.insert(setting.name);
  for (const auto& setting : connection_settings()) names.insert(setting.name);
  names.erase("name");
  return {names.begin(), names.end()};
}

bool is_name(std::string_view text) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  return !text.empty() && text.find_first_not_of(kLetters) == std::string_view::npos;
}

bool is_before(const toml::source_position& one, const toml::source_position& other) {
  return std::tie(one.line, one.column) < std::tie(other.line, other.column);
}

/// A table's keys and values in the order in which they were written; toml++ sorts them.
std::vector<std::pair<const toml::key*, const toml::node*>> as_written(const toml::table& table) {
  std::vector<std::pair<const toml::key*, const toml::node*>> rows;
  for (auto&& [key, node] : table) rows.emplace_back(&key, &node);
  std::ranges::sort(rows, is_before, [](const auto& row) { return row.first->source().begin; });
  return rows;
}

/// Calls change(text, place) for every text in the node, those in tables and arrays too.
template <class Change>
void for_each_text(toml::node& node, const Change& change) {
  if (toml::table* table = node.as_table()) {
    for (auto&& [key, value] : *table) for_each_text(value, change);
  } else if (toml::array* array = node.as_array()) {
    for (toml::node& value : *array) for_each_text(value, change);
  } else if (auto* text = node.as_string()) {
    change(text->get(), place_of(node));
  }
}

toml::table* when_of(toml::node& one) {
  toml::table* table = one.as_table();
  toml::node* when = table ? table->get("when") : nullptr;
  return when ? when->as_table() : nullptr;
}

// What a `when` asks of an axis: one value or several.
std::vector<Entry> wanted(const FlowsTable& file, const std::string& axis, const toml::node& node) {
  std::vector<Entry> values;
  if (const toml::array* array = node.as_array()) {
    for (const toml::node& value : *array)
      values.push_back({file.text_of(value, axis, value.is_boolean()), place_of(value)});
  } else {
    values.push_back({file.text_of(node, axis, node.is_boolean()), place_of(node)});
  }
  return values;
}

}  // namespace

CampaignAxes::CampaignAxes(const FlowsTable& file, const toml::table* axes, toml::table& flows) : file_(file) {
  if (axes) {
    for (const auto& [key, node] : as_written(*axes)) read(*key, *node);
  }
  for_each_text(flows, [this](const std::string& text, const auto& at) {
    filled(text, at, [this](const WrittenAxis& axis) { return *in_templates_.insert(axis.name).first; });
  });
  for (const char* group : kGroups) {
    toml::array* all = flows.get_as<toml::array>(group);
    if (!all) continue;
    for (toml::node& one : *all) {
      toml::table* table = one.as_table();
      toml::node* when = table ? table->get("when") : nullptr;
      if (!when) continue;
      if (!when->is_table())
        file_.refuse(place_of(*when), "when must be a table of axes and values: when = { measurement = \"latency\" }");
      check_when(*when->as_table());
    }
  }
  // An axis of a setting's name makes that setting, unless the file says where its values go.
  for (WrittenAxis& axis : axes_) {
    const std::string name = setting_name(axis.name);
    if (axis.sets_by_value || in_templates_.contains(axis.name) || !(is_run_setting(name) || is_flow_setting(name)))
      continue;
    for (AxisValue& value : axis.values) value.sets.emplace(name, value.value);
  }
}

void CampaignAxes::read(const toml::key& key, const toml::node& node) {
  WrittenAxis axis{.name = std::string(key.str()), .at = key.source().begin, .values = {}};
  if (!is_name(axis.name))
    file_.refuse(axis.at, fmt::format("'{}' is no name for an axis: letters, digits, _ and - only", axis.name));
  for (const WrittenAxis& other : axes_) {
    if (axis_variable(other.name) == axis_variable(axis.name))
      file_.refuse(axis.at, fmt::format("the axes '{}' and '{}' are both {} in a hook's environment: rename one",
                                        other.name, axis.name, axis_variable(axis.name)));
  }
  if (const toml::table* table = node.as_table()) {
    axis.sets_by_value = true;
    for (const auto& [value, sets] : as_written(*table))
      add(axis, {std::string(value->str()), value->source().begin}, read_sets(*sets, axis.name));
  } else if (const toml::array* array = node.as_array()) {
    for (const toml::node& value : *array)
      add(axis, {file_.text_of(value, axis.name, value.is_boolean()), place_of(value)}, {});
  } else {
    file_.refuse(place_of(node),
                 fmt::format("the axis '{}' must be an array of values, [1, 1000], or a table of values "
                             "and the settings that each makes",
                             axis.name));
  }
  if (axis.values.empty()) file_.refuse(axis.at, fmt::format("the axis '{}' is empty: give it values", axis.name));
  axes_.push_back(std::move(axis));
}

void CampaignAxes::add(WrittenAxis& axis, Entry value, Entries sets) const {
  const auto same = std::ranges::find(axis.values, value.text, [](const AxisValue& one) { return one.value.text; });
  if (same != axis.values.end())
    file_.refuse(value.at, fmt::format("the axis '{}' has the value '{}' twice", axis.name, value.text));
  axis.values.push_back({std::move(value), std::move(sets)});
}

Entries CampaignAxes::read_sets(const toml::node& node, const std::string& axis) const {
  const toml::table* table = node.as_table();
  if (!table)
    file_.refuse(place_of(node), fmt::format("[axes.{}]: each value must be a table of the settings that it makes: "
                                             "{{ receiver = \"192.0.2.7\" }}",
                                             axis));
  file_.check_keys(*table, all_settings(), fmt::format("[axes.{}] ", axis));
  return file_.entries(*table, all_settings());
}

std::vector<Cell> CampaignAxes::cells() const {
  std::size_t count = 1;
  for (const WrittenAxis& axis : axes_) {
    count *= axis.values.size();
    if (count > CampaignSpec::kMaxCells)
      file_.refuse(axis.at, fmt::format("with this axis there are more than {} scenarios", CampaignSpec::kMaxCells));
  }
  std::vector<Cell> cells(count, Cell(axes_.size()));
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t rest = i;
    for (std::size_t axis = axes_.size(); axis-- > 0;) {
      cells[i][axis] = rest % axes_[axis].values.size();
      rest /= axes_[axis].values.size();
    }
  }
  return cells;
}

Scenario CampaignAxes::scenario(const Cell& cell) const {
  Scenario scenario;
  for (std::size_t i = 0; i < axes_.size(); ++i)
    scenario.emplace_back(axes_[i].name, axes_[i].values[cell[i]].value.text);
  return scenario;
}

std::string CampaignAxes::effects(const Cell& cell) const {
  std::string text;
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    const AxisValue& value = axes_[i].values[cell[i]];
    const bool has_one =
        !value.sets.empty() || in_templates_.contains(axes_[i].name) || in_when_.contains(axes_[i].name);
    if (has_one) text += fmt::format("{}{}={}", text.empty() ? "" : ", ", axes_[i].name, value.value.text);
  }
  return text;
}

void CampaignAxes::refuse_unused() const {
  for (const WrittenAxis& axis : axes_) {
    const bool sets = std::ranges::any_of(axis.values, [](const AxisValue& value) { return !value.sets.empty(); });
    if (sets || in_templates_.contains(axis.name) || in_when_.contains(axis.name)) continue;
    file_.refuse(axis.at, fmt::format("the axis '{0}' changes nothing: no setting has its name, no text has {{{0}}} in "
                                      "it, no flow a `when` with it, and there are no hooks",
                                      axis.name));
  }
}

void CampaignAxes::refuse_settings(const Given& elsewhere) const {
  for (const WrittenAxis& axis : axes_) {
    for (const AxisValue& value : axis.values) {
      for (const auto& [name, entry] : value.sets) {
        if (elsewhere.contains(name))
          file_.refuse(entry.at, fmt::format("the axis '{}' makes the setting {}, and so does the command line: leave "
                                             "out one",
                                             axis.name, name));
      }
    }
  }
}

void CampaignAxes::apply(const Cell& cell, toml::table& flows) const {
  for (const char* group : kGroups) {
    toml::array* all = flows.get_as<toml::array>(group);
    if (!all) continue;
    for (auto one = all->begin(); one != all->end();) {
      const toml::table* when = when_of(*one);
      const bool stays = !when || is_when(*when, cell);
      if (stays && when) one->as_table()->erase("when");
      one = stays ? one + 1 : all->erase(one);
    }
  }
  for_each_text(flows, [&](std::string& text, const auto& at) {
    text = filled(text, at, [&](const WrittenAxis& axis) { return value_in(cell, axis); });
  });
}

Replacements CampaignAxes::settings(const Cell& cell) const {
  Replacements made;
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    for (const auto& [name, entry] : axes_[i].values[cell[i]].sets) {
      const auto [other, first] = (is_run_setting(name) ? made.run : made.flows).emplace(name, entry);
      if (!first)
        file_.refuse(entry.at,
                     fmt::format("two axes make the setting {}: the other at line {}", name, other->second.at.line));
    }
  }
  return made;
}

const WrittenAxis* CampaignAxes::find_axis(std::string_view name) const {
  const auto found = std::ranges::find(axes_, name, &WrittenAxis::name);
  return found == axes_.end() ? nullptr : &*found;
}

std::vector<std::string> CampaignAxes::names() const {
  std::vector<std::string> names;
  for (const WrittenAxis& axis : axes_) names.push_back(axis.name);
  return names;
}

void CampaignAxes::check_when(const toml::table& when) {
  for (auto&& [key, node] : when) {
    const std::string name(key.str());
    const WrittenAxis* axis = find_axis(name);
    if (!axis) file_.refuse_name({name, key.source().begin}, "axis", names());
    in_when_.insert(name);
    std::vector<std::string> known;
    for (const AxisValue& value : axis->values) known.push_back(value.value.text);
    for (const Entry& value : wanted(file_, name, node)) {
      if (std::ranges::find(known, value.text) == known.end())
        file_.refuse_name(value, fmt::format("value of the axis '{}'", name), known);
    }
  }
}

bool CampaignAxes::is_when(const toml::table& when, const Cell& cell) const {
  return std::ranges::all_of(when, [&](const auto& row) {
    const std::string name(row.first.str());
    const std::string& here = value_in(cell, *find_axis(name));
    return std::ranges::any_of(wanted(file_, name, row.second), [&](const Entry& one) { return one.text == here; });
  });
}

const std::string& CampaignAxes::value_in(const Cell& cell, const WrittenAxis& axis) const {
  return axis.values[cell[static_cast<std::size_t>(&axis - axes_.data())]].value.text;
}

// {AXIS} is its value, {{ and }} are braces.
std::string CampaignAxes::filled(std::string_view text, const toml::source_position& at,
                                 const ValueOf& value_of) const {
  std::string made;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool twice = i + 1 < text.size() && text[i + 1] == text[i];
    if (text[i] == '}' && twice) ++i;
    if (text[i] != '{' || twice) {
      if (text[i] == '{') ++i;
      made += text[i];
      continue;
    }
    const std::size_t end = text.find('}', i);
    const std::string name(text.substr(i + 1, end == std::string_view::npos ? end : end - i - 1));
    if (end == std::string_view::npos || !is_name(name))
      file_.refuse(at, fmt::format("'{{' begins the name of an axis, {{rate}}; write '{{{{' for a brace: {}", text));
    const WrittenAxis* axis = find_axis(name);
    if (!axis) file_.refuse_name({name, at}, "axis", names());
    made += value_of(*axis);
    i = end;
  }
  return made;
}

}  // namespace paceline::sender
