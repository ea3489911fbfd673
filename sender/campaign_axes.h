// SPDX-License-Identifier: MIT
//
// The axes of a campaign file, and what they change of its flows: templates, settings, `when`.
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/runs.h"
#include "proto/toml.h"
#include "sender/flows_in_table.h"
#include "sender/flows_table.h"

namespace paceline::sender {

struct AxisValue {
  Entry value;
  Entries sets;  ///< settings that it makes
};

struct WrittenAxis {
  std::string name;
  toml::source_position at;
  std::vector<AxisValue> values;
  bool sets_by_value = false;  ///< its values are tables of settings
};

/// A value of each axis, by its index.
using Cell = std::vector<std::size_t>;

class CampaignAxes {
 public:
  /// From [axes]; `flows` is the rest of the file, where they are used. Throws UsageError, with the place.
  CampaignAxes(const FlowsTable& file, const toml::table* axes, toml::table& flows);

  const std::vector<WrittenAxis>& all() const { return axes_; }
  /// All combinations, the first axis changing slowest.
  std::vector<Cell> cells() const;
  Scenario scenario(const Cell& cell) const;
  /// The axes that change a setting, with their values: "rate=1k, size=64"; empty if none does.
  std::string effects(const Cell& cell) const;
  /// Refuses axes that nothing in the file uses.
  void refuse_unused() const;
  /// Refuses settings of these names that an axis makes.
  void refuse_settings(const Given& elsewhere) const;

  /// Fills in the templates and takes out what is not `when` the cell is. `flows` is a fresh copy of the constructor's.
  void apply(const Cell& cell, toml::table& flows) const;
  /// The settings that the axes make in the cell.
  Replacements settings(const Cell& cell) const;

 private:
  void read(const toml::key& key, const toml::node& node);
  void add(WrittenAxis& axis, Entry value, Entries sets) const;
  Entries read_sets(const toml::node& node, const std::string& axis) const;
  const WrittenAxis* find_axis(std::string_view name) const;
  std::vector<std::string> names() const;
  void check_when(const toml::table& when);
  bool is_when(const toml::table& when, const Cell& cell) const;
  using ValueOf = std::function<std::string(const WrittenAxis&)>;
  const std::string& value_in(const Cell& cell, const WrittenAxis& axis) const;
  std::string filled(std::string_view text, const toml::source_position& at, const ValueOf& value_of) const;

  const FlowsTable& file_;
  std::vector<WrittenAxis> axes_;
  std::set<std::string> in_templates_;
  std::set<std::string> in_when_;
};

}  // namespace paceline::sender
