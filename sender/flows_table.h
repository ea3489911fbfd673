// SPDX-License-Identifier: MIT
//
// TOML with places: what is taken from a table knows its line and column, and so do all complaints.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "paceline/error.h"
#include "proto/toml.h"
#include "sender/setting.h"

namespace paceline::sender {

/// A value's text, as the command line would have it, and where it stands.
struct Entry {
  std::string text;
  toml::source_position at;
};

/// By the setting's name.
using Entries = std::map<std::string, Entry>;

Given texts(const Entries& entries);
/// Of texts that stand nowhere in a file.
Entries entries_of(const Given& given);

/// A key's name as a setting's: - for _.
std::string setting_name(std::string_view key);

toml::source_position place_of(const toml::node& node);

/// A file's tables. All throw UsageError: "FILE:LINE:COLUMN: why".
class FlowsTable {
 public:
  explicit FlowsTable(std::string_view name) : name_(name) {}

  toml::table parse(std::string_view text) const;

  /// Null where there is none of the name.
  const toml::table* table(const toml::table& in, std::string_view name) const;
  /// Those of [[name]], in their order.
  std::vector<const toml::table*> tables(const toml::table& in, std::string_view name) const;
  /// An array of texts; empty where there is none.
  std::vector<Entry> texts(const toml::table& in, std::string_view name) const;
  /// The values of those keys that `known` has.
  Entries entries(const toml::table& in, const std::vector<std::string>& known,
                  const std::function<bool(const std::string&)>& is_switch = {}) const;

  /// Refuses keys that are not among the known ones. `whose` stands before the key: "[defaults] ".
  void check_keys(const toml::table& in, const std::vector<std::string>& known, std::string_view whose) const;

  /// A number's, a text's or a switch's text. `key` is for complaints.
  std::string text_of(const toml::node& node, const std::string& key, bool is_switch = false) const;

  /// Does it, and puts the place before what it throws.
  void placed(const toml::source_position& at, const std::function<void()>& what) const;

  [[noreturn]] void refuse(const toml::source_position& at, const std::string& why) const;
  /// A setting that was refused, at its place.
  [[noreturn]] void refuse(const Entries& given, const BadSetting& error) const;
  /// A name that there is none of.
  [[noreturn]] void refuse_name(const Entry& entry, std::string_view what, const std::vector<std::string>& known) const;

 private:
  std::string name_;
};

}  // namespace paceline::sender
