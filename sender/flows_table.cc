// SPDX-License-Identifier: MIT
#include "sender/flows_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proto/suggest.h"

namespace paceline::sender {

namespace {

std::string key_name(std::string setting) {
  std::ranges::replace(setting, '-', '_');
  return setting;
}

std::string_view described(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "an array";
    case toml::node_type::string: return "a text";
    case toml::node_type::integer:
    case toml::node_type::floating_point: return "a number";
    case toml::node_type::boolean: return "true or false";
    default: return "a date or time";
  }
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  std::vector<std::string> keys;
  for (const std::string& name : known) keys.push_back(key_name(name));
  const std::string meant = closest(word, keys);
  if (!meant.empty()) return fmt::format("; did you mean '{}'?", meant);
  std::string all;
  for (const std::string& key : keys) all += (all.empty() ? "" : ", ") + key;
  return all.empty() ? "; there is none" : "; there are " + all;
}

}  // namespace

Given texts(const Entries& entries) {
  Given given;
  for (const auto& [name, entry] : entries) given.emplace(name, entry.text);
  return given;
}

Entries entries_of(const Given& given) {
  Entries entries;
  for (const auto& [name, text] : given) entries.emplace(name, Entry{text, {}});
  return entries;
}

std::string setting_name(std::string_view key) {
  std::string name(key);
  std::ranges::replace(name, '_', '-');
  return name;
}

toml::source_position place_of(const toml::node& node) { return node.source().begin; }

toml::table FlowsTable::parse(std::string_view text) const {
  try {
    return toml::parse(text, name_);
  } catch (const toml::parse_error& error) {
    refuse(error.source().begin, std::string(error.description()));
  }
}

const toml::table* FlowsTable::table(const toml::table& in, std::string_view name) const {
  const toml::node* node = in.get(name);
  if (!node) return nullptr;
  if (!node->is_table()) refuse(place_of(*node), fmt::format("{} is {}: it must be a table", name, described(*node)));
  return node->as_table();
}

std::vector<const toml::table*> FlowsTable::tables(const toml::table& in, std::string_view name) const {
  std::vector<const toml::table*> found;
  const toml::node* node = in.get(name);
  if (!node) return found;
  const toml::array* array = node->as_array();
  if (!array) refuse(place_of(*node), fmt::format("{} is {}: write [[{}]] above each", name, described(*node), name));
  for (const toml::node& one : *array) {
    if (!one.is_table()) refuse(place_of(one), fmt::format("this {} is {}: it must be a table", name, described(one)));
    found.push_back(one.as_table());
  }
  return found;
}

std::vector<Entry> FlowsTable::texts(const toml::table& in, std::string_view name) const {
  std::vector<Entry> found;
  const toml::node* node = in.get(name);
  if (!node) return found;
  const toml::array* array = node->as_array();
  if (!array)
    refuse(place_of(*node), fmt::format("{} is {}: it must be an array of texts, [\"...\"]", name, described(*node)));
  for (const toml::node& one : *array) {
    const auto text = one.value_exact<std::string>();
    if (!text) refuse(place_of(one), fmt::format("{} has {} in it: it must be texts, [\"...\"]", name, described(one)));
    found.push_back({*text, place_of(one)});
  }
  return found;
}

Entries FlowsTable::entries(const toml::table& in, const std::vector<std::string>& known,
                            const std::function<bool(const std::string&)>& is_switch) const {
  Entries found;
  for (auto&& [key, node] : in) {
    const std::string name = setting_name(key.str());
    if (std::ranges::find(known, name) == known.end()) continue;
    const bool switched = is_switch ? is_switch(name) : node.is_boolean();
    found.emplace(name, Entry{text_of(node, std::string(key.str()), switched), place_of(node)});
  }
  return found;
}

void FlowsTable::check_keys(const toml::table& in, const std::vector<std::string>& known,
                            std::string_view whose) const {
  for (auto&& [key, node] : in) {
    const bool with_dash = key.str().find('-') != std::string_view::npos;
    if (!with_dash && std::ranges::find(known, setting_name(key.str())) != known.end()) continue;
    refuse(key.source().begin, fmt::format("the {}key '{}' is not known{}", whose, key.str(),
                                           did_you_mean(key_name(std::string(key.str())), known)));
  }
}

void FlowsTable::placed(const toml::source_position& at, const std::function<void()>& what) const {
  try {
    what();
  } catch (const UsageError& error) {
    refuse(at, error.what());
  }
}

void FlowsTable::refuse(const toml::source_position& at, const std::string& why) const {
  throw UsageError(fmt::format("{}:{}:{}: {}", name_, at.line, at.column, why));
}

void FlowsTable::refuse(const Entries& given, const BadSetting& error) const {
  const auto entry = given.find(error.setting());
  const bool placed = entry != given.end() && entry->second.at;
  if (!placed) throw UsageError(fmt::format("--{}: {}", error.setting(), error.what()));
  refuse(entry->second.at, fmt::format("{}: {}", key_name(error.setting()), error.what()));
}

void FlowsTable::refuse_name(const Entry& entry, std::string_view what, const std::vector<std::string>& known) const {
  refuse(entry.at, fmt::format("there is no {} '{}'{}", what, entry.text, did_you_mean(entry.text, known)));
}

std::string FlowsTable::text_of(const toml::node& node, const std::string& key, bool is_switch) const {
  const auto must_be = [&](std::string_view what) {
    refuse(place_of(node), fmt::format("{} is {}: it must be {}", key, described(node), what));
  };
  const auto text = node.value_exact<std::string>();
  if (is_switch) {
    if (text == "true" || text == "false") return *text;  // what a template may leave
    if (!node.is_boolean()) must_be("true or false");
    return *node.value<bool>() ? "true" : "false";
  }
  if (text) return *text;
  if (const auto number = node.value_exact<std::int64_t>()) return std::to_string(*number);
  if (const auto number = node.value_exact<double>()) return fmt::format("{}", *number);
  must_be("a number, or a text as on the command line: \"1k\"");
  return {};
}

}  // namespace paceline::sender
