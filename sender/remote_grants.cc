// SPDX-License-Identifier: MIT
#include "sender/remote_grants.h"

#include <algorithm>
#include <asio/ip/address.hpp>
#include <cstdio>
#include <functional>
#include <system_error>

#include "paceline/error.h"
#include "sender/sessions.h"

namespace paceline::sender {

namespace {

namespace fs = std::filesystem;
namespace ip = asio::ip;
using EditFile = std::function<void(std::string& file)>;

std::string seconds_text(nanoseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%g s", std::chrono::duration<double>(time).count());
  return text;
}

void edit_files(Model& model, const EditFile& edit) {
  if (auto* empirical = std::get_if<model::Empirical>(&model.family)) edit(empirical->file);
  if (auto* mixture = std::get_if<model::Mixture>(&model.family)) {
    for (Model& part : mixture->parts) edit_files(part, edit);
  }
}

/// Every file that a flow names.
void edit_files(FlowSpec& flow, const EditFile& edit) {
  auto* packets = std::get_if<PacketFlowSpec>(&flow);
  if (packets == nullptr) return;
  if (packets->trace) edit(packets->trace->file);
  if (!packets->payload_file.empty()) edit(packets->payload_file);
  if (!packets->model) return;
  edit_files(packets->model->idt, edit);
  edit_files(packets->model->size, edit);
  if (packets->model->jitter) edit_files(*packets->model->jitter, edit);
  if (!packets->model->bursts) return;
  edit_files(packets->model->bursts->on, edit);
  edit_files(packets->model->bursts->off, edit);
}

/// A numeric address of either family, as which it counts: an IPv4-mapped one is IPv4. Nothing for a name.
std::optional<ip::address> numeric(const std::string& host) {
  asio::error_code error;
  ip::address address = ip::make_address(host, error);
  if (error) return std::nullopt;
  if (address.is_v6() && address.to_v6().is_v4_mapped()) address = ip::make_address_v4(ip::v4_mapped, address.to_v6());
  return address;
}

bool contains(const ip::network_v4& network, const ip::address& address) {
  return address.is_v4() && ip::network_v4(address.to_v4(), network.prefix_length()).canonical() == network.canonical();
}

bool contains(const ip::network_v6& network, const ip::address& address) {
  if (!address.is_v6()) return false;
  ip::address_v6 plain = address.to_v6();
  plain.scope_id(0);
  return ip::network_v6(plain, network.prefix_length()).canonical() == network.canonical();
}

}  // namespace

RemoteGrants::RemoteGrants(const RemoteSpec& spec) : spec_(spec) {
  if (spec.keys.empty() && !spec.key_file)
    throw UsageError("no key: a sender that others make run must know who they are (--key-file)");
  if (spec.max_runs == 0) throw UsageError("0 runs at once: it must be at least 1");
  if (spec.max_duration <= nanoseconds{0}) throw UsageError("a longest duration of 0 would refuse every run");
  for (const std::string& text : spec.receivers) allowed_.push_back(parse_allowed(text));
  if (!spec.files) return;
  std::error_code error;
  files_ = fs::canonical(*spec.files, error);
  if (error || !fs::is_directory(*files_))
    throw UsageError("--files " + spec.files->string() + ": " + (error ? error.message() : "it is no folder"));
}

RemoteGrants::Allowed RemoteGrants::parse_allowed(const std::string& text) {
  if (const auto address = numeric(text)) {
    if (address->is_v4()) return ip::network_v4(address->to_v4(), 32);
    return ip::network_v6(address->to_v6(), 128);
  }
  if (text.find('/') == std::string::npos && !text.empty()) return text;
  asio::error_code error;
  const auto v4 = ip::make_network_v4(text, error);
  if (!error) return v4;
  const auto v6 = ip::make_network_v6(text, error);
  if (!error) return v6;
  throw UsageError("'" + text + "' is no address, no network (192.0.2.0/24, 2001:db8::/32) and no name");
}

RunSpec RemoteGrants::granted(RunSpec run, const std::vector<Key>& keys) const {
  check_receivers(run);
  check_times(run);
  for (FlowSpec& flow : run.flows) edit_files(flow, [this](std::string& file) { file = place_of(file); });
  if (run.key) {
    const auto key = std::ranges::find(keys, run.key->name, &Key::name);
    if (key == keys.end()) throw SetupError("no key '" + run.key->name + "' is in this sender's key file");
    run.key = *key;
  }
  return run;
}

void RemoteGrants::check_receivers(const RunSpec& run) const {
  if (allowed_.empty()) return;
  if (run.listen) throw SetupError("runs go to the receivers of --allow-receiver alone, not to whoever dials in");
  for (std::size_t flow = 0; flow < run.flows.size(); ++flow) {
    const std::string host = target_of(run, flow).receiver.host;
    if (!is_allowed(host))
      throw SetupError("receiver '" + host + "' is none of those that runs may go to (--allow-receiver" +
                       (numeric(host) ? ")" : "; a name must be allowed as it is: or give its address)"));
  }
}

bool RemoteGrants::is_allowed(const std::string& host) const {
  const auto address = numeric(host);
  return std::ranges::any_of(allowed_, [&](const Allowed& allowed) {
    if (const auto* name = std::get_if<std::string>(&allowed)) return *name == host;
    if (!address) return false;
    if (const auto* v4 = std::get_if<ip::network_v4>(&allowed)) return contains(*v4, *address);
    return contains(std::get<ip::network_v6>(allowed), *address);
  });
}

void RemoteGrants::check_times(const RunSpec& run) const {
  const auto check = [&](nanoseconds time, const std::string& what) {
    if (time > spec_.max_duration)
      throw SetupError(what + " takes " + seconds_text(time) + ": at most " + seconds_text(spec_.max_duration) +
                       " are granted (--max-duration)");
  };
  for (std::size_t flow = 0; flow < run.flows.size(); ++flow)
    check(std::visit([](const auto& spec) { return spec.delay + spec.omit + spec.duration; }, run.flows[flow]),
          "flow " + std::to_string(flow + 1));
  if (run.listen) check(run.dial_limit, "the wait for a receiver that dials in");
}

std::string RemoteGrants::place_of(const std::string& file) const {
  if (!files_) throw SetupError("file '" + file + "': runs may name no files of this machine (--files)");
  std::error_code error;
  const fs::path place = fs::canonical(*files_ / file, error);  // an absolute path stays what it is
  const auto [end, ignored] = std::mismatch(files_->begin(), files_->end(), place.begin(), place.end());
  // Whether it is there is told of files below the folder alone.
  if (!error && end != files_->end()) error = std::make_error_code(std::errc::no_such_file_or_directory);
  if (!error && !fs::is_regular_file(place)) error = std::make_error_code(std::errc::no_such_file_or_directory);
  if (error) throw SetupError("file '" + file + "' is none below the folder that runs may read (--files)");
  return place.string();
}

}  // namespace paceline::sender
