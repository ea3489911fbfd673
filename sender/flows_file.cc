// SPDX-License-Identifier: MIT
#include "sender/flows_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "paceline/endpoint.h"
#include "paceline/profile.h"
#include "paceline/units.h"
#include "paceline/validate.h"
#include "sender/flows_in_table.h"
#include "sender/flows_table.h"
#include "sender/settings.h"

namespace paceline::sender {

namespace {

constexpr std::uint16_t kSignallingPort = 9000;
constexpr std::streamoff kMaxFile = 16 << 20;

// Keys that are no settings.
const std::vector<std::string> kTables{"defaults", "flow", "profile", "slice"};
const std::vector<std::string> kOfCampaign{"campaign", "axes", "hooks"};
const std::vector<std::string> kOfFlow{"kind", "profile", "count", "receiver", "data-port", "slice"};
const std::vector<std::string> kOfDefaults{"receiver", "data-port"};
const std::vector<std::string> kOfProfile{"kind", "profile"};
const std::vector<std::string> kOfSlice{"name", "dscp", "flows", "objectives"};

template <class Target>
std::vector<std::string> names_of(const std::vector<Setting<Target>>& settings) {
  std::vector<std::string> names;
  for (const auto& setting : settings) names.push_back(setting.name);
  return names;
}

std::vector<std::string> operator+(std::vector<std::string> left, const std::vector<std::string>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

std::vector<std::string> settings_named(const FlowSpec& flow) {
  return std::visit([](const auto& spec) { return names_of(settings_of(spec)); }, flow);
}

bool is_switch(const FlowSpec& flow, const std::string& name) {
  return std::visit(
      [&](const auto& spec) {
        const auto* setting = find(settings_of(spec), name);
        return setting && setting->is_switch();
      },
      flow);
}

// How a flow's plan calls what it refuses, and the key's name.
constexpr std::pair<std::string_view, const char*> kPlanWords[] = {{"the time between packets ", "idt"},
                                                                   {"the packet size ", "size"},
                                                                   {"the jitter ", "jitter"},
                                                                   {"the on period ", "on"},
                                                                   {"the off period ", "off"}};

// The entry that a complaint about a whole flow is about: the one that it begins with, or whose file it is about.
std::optional<toml::source_position> place_in(const Entries& given, std::string_view complaint) {
  for (const auto& [name, entry] : given) {
    std::string words = name;
    std::ranges::replace(words, '-', ' ');
    if (entry.at && complaint.starts_with(words + " ")) return entry.at;
  }
  for (const auto& [words, name] : kPlanWords) {
    if (complaint.starts_with(words) && given.contains(name)) return given.at(name).at;
  }
  for (const auto& [name, entry] : given) {
    const auto file = entry.text.find("file=");
    const std::string_view whole = entry.text;
    const auto sought =
        file == std::string::npos ? whole : whole.substr(file + 5, whole.find_first_of(",)", file) - file - 5);
    const bool names_file = name == "trace" || name == "payload" || file != std::string::npos;
    if (names_file && entry.at && complaint.find(sought) != std::string_view::npos) return entry.at;
  }
  return std::nullopt;
}

/// A slice as it is written, and its flows by their names.
struct WrittenSlice {
  SliceSpec spec;
  std::optional<Entry> dscp;
  std::vector<Entry> flows;
};

/// What a flow is made of: a profile's or a kind's flow, and what is given on top.
struct Written {
  FlowSpec flow = PacketFlowSpec{};
  bool of_profile = false;  // a profile of the library's, which settles the traffic
  Entries given;
};

class FlowsFile {
 public:
  FlowsFile(toml::table root, std::string_view name, const Replacements& instead)
      : file_(name), root_(std::move(root)), folder_(std::filesystem::path(name).parent_path()), instead_(instead) {}

  RunSpec read() {
    read_run();
    if (const toml::table* defaults = file_.table(root_, "defaults")) read_defaults(*defaults);
    if (const toml::table* profiles = file_.table(root_, "profile")) profiles_ = profiles;
    for (const toml::table* slice : file_.tables(root_, "slice")) read_slice(*slice);
    const auto flows = file_.tables(root_, "flow");
    if (flows.empty()) file_.refuse({1, 1}, "there is no [[flow]] in it: a run has one at least");
    for (const toml::table* flow : flows) read_flow(*flow);
    fill_slices();
    return std::move(run_);
  }

 private:
  void read_run() {
    run_.flows.clear();
    file_.check_keys(root_, names_of(run_settings()) + kTables + kOfCampaign, "");
    Entries given = file_.entries(root_, names_of(run_settings()));
    overlay(given, instead_.run);
    try {
      apply(run_settings(), texts(given), run_);
    } catch (const BadSetting& error) {
      file_.refuse(given, error);
    }
  }

  void read_defaults(const toml::table& table) {
    auto known = kOfDefaults;
    for (const FlowSpec& kind : kinds()) known = known + settings_named(kind);
    std::erase(known, "name");
    file_.check_keys(table, known, "[defaults] ");
    defaults_ = file_.entries(table, known);
  }

  void read_slice(const toml::table& table) {
    file_.check_keys(table, kOfSlice, "[[slice]] ");
    WrittenSlice slice;
    Entries given = file_.entries(table, {"name", "dscp"});
    if (!given.contains("name")) file_.refuse(place_of(table), "the slice has no name");
    slice.spec.name = given["name"].text;
    if (slices_.contains(slice.spec.name))
      file_.refuse(given["name"].at, fmt::format("there is a slice '{}' already", slice.spec.name));
    if (given.contains("dscp")) slice.dscp = given["dscp"];
    slice.flows = file_.texts(table, "flows");
    for (const Entry& objective : file_.texts(table, "objectives")) {
      file_.placed(objective.at, [&] { slice.spec.objectives.push_back(parse_objective(objective.text)); });
    }
    order_.push_back(slice.spec.name);
    slices_.emplace(slice.spec.name, std::move(slice));
  }

  void read_flow(const toml::table& table) {
    const Written written = resolve(table, kOfFlow, {});
    Entries own = file_.entries(table, {"name", "count", "receiver", "data-port", "slice"});
    const std::uint32_t count = own.contains("count") ? parse_flow_count(own["count"]) : 1;
    if (run_.flows.size() + count > RunSpec::kMaxFlows)
      file_.refuse(own.contains("count") ? own["count"].at : place_of(table),
                   fmt::format("with this there are more than the {} flows that a run may have", RunSpec::kMaxFlows));
    const std::vector<std::string> slices = slices_with(own);

    Entries given = given_for(written, slices);
    const FlowSpec flow = make(table, written.flow, given);
    const std::size_t first = run_.flows.size();
    file_.placed(place_of(table), [&] {
      for (FlowSpec& one : alike(flow, count)) {
        validate(one);
        run_.flows.push_back(std::move(one));
      }
    });
    remember(own, slices, first);
    send_elsewhere(own, first);
  }

  // A flow's or profile's table on top of the profile that it names.
  Written resolve(const toml::table& table, const std::vector<std::string>& special, std::set<std::string> above) {
    Entries own = file_.entries(table, {"kind", "profile"});
    Written written;
    if (own.contains("profile")) {
      written = profile(own["profile"], std::move(above));
      if (own.contains("kind") && parse_kind(own["kind"]).index() != written.flow.index())
        file_.refuse(own["kind"].at,
                     fmt::format("the profile '{}' is of kind '{}'", own["profile"].text, kind_of(written.flow)));
    } else if (own.contains("kind")) {
      written.flow = parse_kind(own["kind"]);
    }
    refuse_other_kinds(table, special, written.flow);
    overlay(written.given, file_.entries(table, settings_named(written.flow),
                                         [&](const std::string& name) { return is_switch(written.flow, name); }));
    return written;
  }

  Written profile(const Entry& name, std::set<std::string> above) {
    const toml::table* own = profiles_ ? file_.table(*profiles_, name.text) : nullptr;
    if (own) {
      if (!above.insert(name.text).second)
        file_.refuse(name.at, fmt::format("the profile '{}' is made of itself", name.text));
      return resolve(*own, kOfProfile, std::move(above));
    }
    Written written;
    written.of_profile = true;
    file_.placed(name.at, [&] { written.flow = make_profile(name.text); });
    return written;
  }

  // Keys of other kinds of flow are told apart from keys that nobody knows.
  void refuse_other_kinds(const toml::table& table, const std::vector<std::string>& special, const FlowSpec& flow) {
    const auto known = settings_named(flow) + special;
    for (auto&& [key, node] : table) {
      const std::string name = setting_name(key.str());
      if (std::ranges::find(known, name) != known.end()) continue;
      for (const FlowSpec& kind : kinds()) {
        const auto others = settings_named(kind);
        if (std::ranges::find(others, name) != others.end())
          file_.refuse(key.source().begin, fmt::format("{} is a key of kind = \"{}\"; this flow's kind is \"{}\"",
                                                       key.str(), kind_of(kind), kind_of(flow)));
      }
    }
    file_.check_keys(table, known, "");
  }

  // From the weakest on: defaults, the slice's DSCP, the profile's and the flow's own, the command line.
  Entries given_for(const Written& written, const std::vector<std::string>& slices) {
    Entries given;
    const auto known = settings_named(written.flow);
    for (const auto& [name, entry] : defaults_) {
      const bool has_it = std::ranges::find(known, name) != known.end();
      if (has_it && !(written.of_profile && is_traffic(name))) given.emplace(name, entry);
    }
    const Entry* dscp = nullptr;
    for (const std::string& slice : slices) {
      const auto& of_slice = slices_.at(slice).dscp;
      if (of_slice && dscp && dscp->text != of_slice->text && !written.given.contains("dscp"))
        file_.refuse(of_slice->at, "a flow is in two slices with a DSCP each: give it one of its own");
      if (of_slice) dscp = &*of_slice;
    }
    if (dscp) given["dscp"] = *dscp;
    overlay(given, written.given);
    overlay(given, instead_.flows);
    return given;
  }

  FlowSpec make(const toml::table& table, const FlowSpec& base, const Entries& given) {
    FlowSpec flow = base;
    try {
      flow = with(base, texts(given));
      seek_files_in(folder_, flow);
      validate(flow);
      expect_rate(flow);
    } catch (const BadSetting& error) {
      file_.refuse(given, error);
    } catch (const UsageError& error) {
      file_.refuse(place_in(given, error.what()).value_or(place_of(table)), error.what());
    }
    return flow;
  }

  std::vector<std::string> slices_with(const Entries& own) {
    std::vector<std::string> names;
    if (const auto slice = own.find("slice"); slice != own.end()) {
      if (!slices_.contains(slice->second.text)) file_.refuse_name(slice->second, "slice", order_);
      names.push_back(slice->second.text);
    }
    const auto name = own.find("name");
    if (name == own.end()) return names;
    for (const auto& [slice_name, slice] : slices_) {
      const bool has_it =
          std::ranges::any_of(slice.flows, [&](const Entry& flow) { return flow.text == name->second.text; });
      if (has_it && std::ranges::find(names, slice_name) == names.end()) names.push_back(slice_name);
    }
    return names;
  }

  void remember(const Entries& own, const std::vector<std::string>& slices, std::size_t first) {
    if (const auto name = own.find("name"); name != own.end() && !names_.insert(name->second.text).second)
      file_.refuse(name->second.at, fmt::format("there is a flow '{}' already", name->second.text));
    for (const std::string& slice : slices) {
      for (std::size_t i = first; i < run_.flows.size(); ++i) slices_.at(slice).spec.flows.push_back(i);
    }
  }

  void send_elsewhere(Entries own, std::size_t first) {
    for (const char* name : {"receiver", "data-port"}) {
      if (!own.contains(name) && defaults_.contains(name)) own[name] = defaults_[name];
    }
    if (!own.contains("receiver") && !own.contains("data-port")) return;
    const Entry& why = own.contains("receiver") ? own["receiver"] : own["data-port"];
    if (run_.listen) file_.refuse(why.at, "with listen there is one receiver: the one that dials in");
    Target target{.receiver = run_.receiver, .data_port = std::nullopt};
    if (own.contains("receiver"))
      file_.placed(own["receiver"].at,
                   [&] { target.receiver = parse_endpoint(own["receiver"].text, kSignallingPort); });
    if (own.contains("data-port"))
      file_.placed(own["data-port"].at, [&] { target.data_port = parse_port(own["data-port"].text); });
    for (std::size_t i = first; i < run_.flows.size(); ++i) run_.elsewhere.emplace(i, target);
  }

  void fill_slices() {
    const std::vector<std::string> names(names_.begin(), names_.end());
    for (const std::string& name : order_) {
      WrittenSlice& slice = slices_.at(name);
      for (const Entry& flow : slice.flows) {
        if (!names_.contains(flow.text)) file_.refuse_name(flow, "flow", names);
      }
      if (slice.spec.flows.empty())
        file_.refuse({1, 1}, fmt::format("the slice '{}' has no flows: name them in its flows = [...], or give flows "
                                         "slice = \"{}\"",
                                         name, name));
      run_.slices.push_back(std::move(slice.spec));
    }
  }

  std::uint32_t parse_flow_count(const Entry& entry) {
    std::uint32_t count = 0;
    file_.placed(entry.at, [&] { count = units::parse_count(entry.text, "count", RunSpec::kMaxFlows); });
    if (count == 0) file_.refuse(entry.at, fmt::format("count is 0: it must be 1 to {}", RunSpec::kMaxFlows));
    return count;
  }

  FlowSpec parse_kind(const Entry& entry) {
    std::vector<std::string> names;
    for (const FlowSpec& kind : kinds()) {
      if (kind_of(kind) == entry.text) return kind;
      names.emplace_back(kind_of(kind));
    }
    file_.refuse_name(entry, "kind", names);
  }

  static const std::vector<FlowSpec>& kinds() {
    static const std::vector<FlowSpec> all{PacketFlowSpec{}, TcpFlowSpec{}, ConnectionFlowSpec{}};
    return all;
  }

  static void overlay(Entries& given, const Entries& over) {
    Given names = texts(given);
    make_way(names, texts(over));
    std::erase_if(given, [&](const auto& one) { return !names.contains(one.first); });
    given.insert(over.begin(), over.end());
  }

  FlowsTable file_;
  toml::table root_;
  std::filesystem::path folder_;
  const Replacements& instead_;
  RunSpec run_;
  Entries defaults_;
  const toml::table* profiles_ = nullptr;
  std::map<std::string, WrittenSlice> slices_;
  std::vector<std::string> order_;  // of the slices
  std::set<std::string> names_;     // of the flows
};

}  // namespace

RunSpec read_flows_file(const std::filesystem::path& file, const Instead& instead) {
  return parse_flows(read_toml(file), file.string(), instead);
}

RunSpec parse_flows(std::string_view toml, std::string_view name, const Instead& instead) {
  return read_flows(FlowsTable(name).parse(toml), name, {entries_of(instead.run), entries_of(instead.flows)});
}

RunSpec read_flows(toml::table root, std::string_view name, const Replacements& instead) {
  return FlowsFile(std::move(root), name, instead).read();
}

std::string read_toml(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  const auto refuse = [&](const std::string& why) { throw UsageError("cannot read " + file.string() + ": " + why); };
  if (!in || std::filesystem::is_directory(file)) refuse(in ? "it is a folder" : std::strerror(errno));
  if (in.tellg() > kMaxFile) refuse("it is longer than 16 MiB, so it is hardly a flows file");
  in.seekg(0);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace paceline::sender
