// SPDX-License-Identifier: MIT
#include "receiver/option_sources.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string_view>

#include "paceline/error.h"
#include "proto/suggest.h"
#include "proto/toml.h"

namespace paceline::receiver {

namespace {

constexpr std::string_view kPrefix = "PACELINE_";
constexpr std::uintmax_t kLargestFile = 1'000'000;

bool is_setting(const CLI::Option& option) {
  const std::string name = option.get_single_name();
  return name != "help" && name != "version";
}

bool is_list(const CLI::Option& option) { return option.get_items_expected_max() > 1; }

/// "data-port" as "data_port".
std::string key_of(const CLI::Option& option) {
  std::string key = option.get_single_name();
  std::ranges::replace(key, '-', '_');
  return key;
}

/// "data-port" as "PACELINE_DATA_PORT".
std::string variable_of(const CLI::Option& option) {
  std::string name = key_of(option);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return std::string(kPrefix) + name;
}

std::vector<CLI::Option*> settings_of(CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return is_setting(*option); });
}

/// As the command line would have given it. Throws UsageError with the place in front.
void give(CLI::Option& option, const std::vector<std::string>& values, const std::string& place) {
  if (option.count() > 0) return;
  try {
    for (const std::string& value : values) option.add_result(value);
    option.run_callback();
  } catch (const CLI::Error& error) {
    throw UsageError(place + ": " + error.what());
  }
}

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream rest(text);
  for (std::string part; std::getline(rest, part, ',');) parts.push_back(part);
  return parts;
}

/// What Kubernetes puts into a pod's environment for each Service: PACELINE_PORT=tcp://10.96.0.7:9000 for one that is
/// called paceline.
bool is_service_link(std::string_view value) {
  return value.starts_with("tcp://") || value.starts_with("udp://") || value.starts_with("sctp://");
}

/// Variables that were probably meant for an option.
std::vector<std::string> near_misses(const std::vector<std::string>& known) {
  std::vector<std::string> notes;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view entry(*variable);
    const std::string name(entry.substr(0, entry.find('=')));
    if (!name.starts_with(kPrefix) || std::ranges::find(known, name) != known.end()) continue;
    const auto meant = std::ranges::min_element(known, {}, [&](const std::string& word) { return edits(name, word); });
    if (edits(name, *meant) <= 1)
      notes.push_back(fmt::format("the environment's {} is no option's; is {} meant?", name, *meant));
  }
  return notes;
}

/// A value's text as the command line would have it.
std::string text_of(const toml::node& node, const std::string& place) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* yes = node.as_boolean()) return yes->get() ? "true" : "false";
  throw UsageError(place + ": a text, a number, true or false is expected");
}

std::vector<std::string> texts_of(const toml::node& node, const CLI::Option& option, const std::string& place) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return {text_of(node, place)};
  if (!is_list(option)) throw UsageError(place + ": it takes one value, not a list");
  std::vector<std::string> texts;
  for (const toml::node& value : *list) texts.push_back(text_of(value, place));
  return texts;
}

toml::table read_table(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw FileError("cannot read " + path.string() + " (--config): is there such a file?");
  std::ostringstream text;
  text << file.rdbuf();
  if (file.bad() || text.tellp() < 0) throw FileError("cannot read " + path.string() + " (--config)");
  if (static_cast<std::uintmax_t>(text.tellp()) > kLargestFile)
    throw UsageError(path.string() + ": more than 1 MB are no options");
  try {
    return toml::parse(text.str());
  } catch (const toml::parse_error& error) {
    throw UsageError(fmt::format("{}:{}:{}: {}", path.string(), error.source().begin.line, error.source().begin.column,
                                 error.description()));
  }
}

}  // namespace

std::vector<std::string> take_from_environment(CLI::App& app) {
  std::vector<std::string> names;
  std::vector<std::string> notes;
  for (CLI::Option* option : settings_of(app)) {
    const std::string& name = names.emplace_back(variable_of(*option));
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') continue;
    if (is_service_link(value)) {
      notes.push_back(
          fmt::format("the environment's {}={} is Kubernetes' link to a Service: it is left out "
                      "(enableServiceLinks: false in the pod avoids it)",
                      name, value));
      continue;
    }
    give(*option, is_list(*option) ? split_at_commas(value) : std::vector<std::string>{value}, name);
  }
  for (std::string& note : near_misses(names)) notes.push_back(std::move(note));
  return notes;
}

void take_from_file(CLI::App& app, const std::filesystem::path& path) {
  const toml::table table = read_table(path);
  std::vector<std::string> known;
  for (const CLI::Option* option : settings_of(app)) known.push_back(key_of(*option));
  std::erase(known, "config");
  for (auto&& [key, node] : table) {
    const toml::source_position at = key.source().begin;
    const std::string place = fmt::format("{}:{}:{}: {}", path.string(), at.line, at.column, key.str());
    std::string name(key.str());
    std::ranges::replace(name, '-', '_');
    if (std::ranges::find(known, name) == known.end()) {
      const std::string meant = closest(name, known);
      throw UsageError(place + ": there is no such option" + (meant.empty() ? "" : "; is " + meant + " meant?"));
    }
    std::ranges::replace(name, '_', '-');
    CLI::Option& option = *app.get_option("--" + name);
    give(option, texts_of(node, option, place), place);
  }
}

}  // namespace paceline::receiver
