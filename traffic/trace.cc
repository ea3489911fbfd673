// SPDX-License-Identifier: MIT
#include "traffic/trace.h"

#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include "paceline/error.h"
#include "proto/quantity_text.h"
#include "traffic/captured_packet.h"
#include "traffic/elapsed.h"
#include "traffic/text_lines.h"

namespace paceline::traffic {

namespace {

using Closing = std::unique_ptr<pcap_t, decltype(&pcap_close)>;

bool is_capture(const std::string& path) {
  using Magic = std::array<unsigned char, 4>;
  constexpr std::array<Magic, 5> kMagics = {{{0xA1, 0xB2, 0xC3, 0xD4},
                                             {0xD4, 0xC3, 0xB2, 0xA1},
                                             {0xA1, 0xB2, 0x3C, 0x4D},
                                             {0x4D, 0x3C, 0xB2, 0xA1},
                                             {0x0A, 0x0D, 0x0D, 0x0A}}};
  std::ifstream file(path, std::ios::binary);
  Magic magic{};
  file.read(reinterpret_cast<char*>(magic.data()), magic.size());
  return file.gcount() == std::streamsize{magic.size()} && std::ranges::find(kMagics, magic) != kMagics.end();
}

std::optional<Link> link_of(int type) {
  switch (type) {
    case DLT_EN10MB: return Link::ethernet;
    case DLT_LINUX_SLL: return Link::cooked;
    case DLT_LINUX_SLL2: return Link::cooked_v2;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6: return Link::raw_ip;
    default: return std::nullopt;
  }
}

void add(Trace& trace, std::int64_t at, std::uint32_t payload, const std::string& path) {
  if (trace.packets.size() == Trace::kMostPackets)
    throw UsageError(path + ": has more than " + std::to_string(Trace::kMostPackets) + " packets");
  trace.packets.push_back({at, payload});
  trace.end = std::max(trace.end, at);
}

/// `first_gap` is what a repetition begins with; 0: the mean gap.
void set_period(Trace& trace, std::int64_t first_gap) {
  const auto gaps = static_cast<std::int64_t>(trace.packets.size()) - 1;
  const std::int64_t mean = gaps > 0 ? (trace.end - trace.packets.front().at) / gaps : 0;
  trace.period = first_gap > 0 ? trace.end : trace.end + mean;
}

/// In ns since the first packet, which sets `origin`; nullopt for what no clock shows.
std::optional<std::int64_t> time_of(const pcap_pkthdr& header, std::optional<std::int64_t>& origin) {
  constexpr std::int64_t kLatest = Elapsed::kFar / 1'000'000'000;
  const std::int64_t seconds = header.ts.tv_sec, fraction = header.ts.tv_usec;  // ns, as asked of libpcap
  if (seconds < 0 || seconds >= kLatest || fraction < 0 || fraction >= 1'000'000'000) return std::nullopt;
  const std::int64_t time = seconds * 1'000'000'000 + fraction;
  if (!origin) origin = time;
  return time - *origin;
}

Trace read_capture(const std::string& path) {
  std::array<char, PCAP_ERRBUF_SIZE> why{};
  const Closing capture(pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, why.data()),
                        &pcap_close);
  if (!capture) throw UsageError(path + ": cannot be read as a capture: " + why.data());
  const int type = pcap_datalink(capture.get());
  const auto link = link_of(type);
  if (!link) {
    const char* name = pcap_datalink_val_to_name(type);
    throw UsageError(path + ": captured on a link of type " + (name != nullptr ? name : std::to_string(type)) +
                     ": Ethernet, Linux cooked (v1, v2) and raw IP can be read");
  }
  Trace trace;
  std::optional<std::int64_t> origin;
  std::uint64_t number = 0;
  pcap_pkthdr* header = nullptr;
  const std::uint8_t* bytes = nullptr;
  int result = 0;
  while ((result = pcap_next_ex(capture.get(), &header, &bytes)) == 1) {
    ++number;
    const auto payload = payload_of({bytes, header->caplen}, *link, header->len);
    if (!payload) continue;
    const auto at = time_of(*header, origin);
    if (!at) throw UsageError(path + ": packet " + std::to_string(number) + " has an impossible time");
    add(trace, *at, *payload, path);
  }
  if (result != PCAP_ERROR_BREAK)
    throw UsageError(path + ": after packet " + std::to_string(number) + ": " + pcap_geterr(capture.get()));
  if (trace.packets.empty())
    throw UsageError(path + ": none of its " + std::to_string(number) + " packets has UDP or TCP payload");
  set_period(trace, 0);
  return trace;
}

bool is_header(const std::vector<Word>& words) {
  const char first = words.front().text.front();
  return (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || first == '"';
}

void check_header(const TextLines& lines, const std::vector<Word>& words) {
  std::string names;
  for (const Word& word : words) names += std::string(word.text) + ' ';
  std::ranges::transform(names, names.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  std::erase(names, '"');
  const bool gap = names.starts_with("gap") || names.starts_with("idt");
  const std::string_view second = std::string_view(names).substr(names.find(' ') + 1);
  if (words.size() != 2 || !gap || !(second.starts_with("size") || second.starts_with("payload")))
    lines.fail(words.front(), "the header must be gap,size");
}

Trace read_csv(const std::string& path) {
  TextLines lines(path);
  Trace trace;
  Elapsed at;
  bool header_allowed = true;
  while (const auto words = lines.next()) {
    if (header_allowed && is_header(*words)) {
      check_header(lines, *words);
      header_allowed = false;
      continue;
    }
    header_allowed = false;
    if (words->size() != 2) lines.fail(words->front(), "a line is GAP,SIZE: seconds and bytes of payload");
    const Word& first = words->front();
    const Word& second = words->back();
    const auto gap = parse_quantity(first.text, Quantity::time);
    const auto size = parse_quantity(second.text, Quantity::bytes);
    if (!gap || *gap < 0)
      lines.fail(first, first.quoted() + " is no gap: a time that is not negative, like 0.001 or 1ms");
    if (!size || *size < 0 || *size > std::numeric_limits<std::uint32_t>::max() || *size != std::floor(*size))
      lines.fail(second, second.quoted() + " is no size: a whole number of bytes");
    at.add(*gap);
    add(trace, at.ns(), static_cast<std::uint32_t>(*size), path);
  }
  if (trace.packets.empty()) throw UsageError(path + ": holds no packets");
  set_period(trace, trace.packets.front().at);
  return trace;
}

}  // namespace

std::shared_ptr<const Trace> read_trace(const std::string& file) {
  return std::make_shared<const Trace>(is_capture(file) ? read_capture(file) : read_csv(file));
}

}  // namespace paceline::traffic
