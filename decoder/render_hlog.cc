// SPDX-License-Identifier: MIT
#include "decoder/render_hlog.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "paceline/version.h"

namespace paceline::decoder {

namespace {

// HdrHistogram's cookies of version 2, with the bit that says that counts are of variable length.
constexpr std::uint32_t kCookie = 0x1c849303 | 0x10, kCompressedCookie = 0x1c849304 | 0x10;
constexpr std::uint32_t kSignificantDigits = 3;
constexpr std::int64_t kUsuallyHighest = 3'600'000'000'000;  // an hour; more where there is more

/// Bytes as they grow, numbers in network byte order.
class Bytes {
 public:
  void add32(std::uint32_t value) { add(value, 4); }
  void add64(std::uint64_t value) { add(value, 8); }
  // ZigZag and LEB128, of which the ninth byte has all 8 bits.
  void add_count(std::int64_t count) {
    std::uint64_t left = (static_cast<std::uint64_t>(count) << 1) ^ static_cast<std::uint64_t>(count >> 63);
    for (int i = 0; i < 8 && left > 0x7f; ++i, left >>= 7) text_ += static_cast<char>((left & 0x7f) | 0x80);
    text_ += static_cast<char>(left);
  }
  void add(const std::string& bytes) { text_ += bytes; }
  const std::string& text() const { return text_; }

 private:
  void add(std::uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text_ += static_cast<char>(value >> shift);
  }
  std::string text_;
};

// From index 0 to the last that has any: a run of empty ones is its length, negative.
std::string counts(const Distribution& values) {
  Bytes bytes;
  std::int32_t next = 0;
  for (const Distribution::Bucket& bucket : values.buckets) {
    if (bucket.index < 0) continue;
    if (bucket.index > next) bytes.add_count(next - bucket.index);
    bytes.add_count(static_cast<std::int64_t>(bucket.count));
    next = bucket.index + 1;
  }
  return bytes.text();
}

std::string compressed(const std::string& bytes) {
  uLongf size = compressBound(bytes.size());
  std::string packed(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()),
                bytes.size(), Z_DEFAULT_COMPRESSION) != Z_OK)
    throw std::bad_alloc();  // all else that it can complain of is ruled out
  packed.resize(size);
  return packed;
}

std::string base64(const std::string& bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < have ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k) text += k <= have ? kDigits[group >> (18 - 6 * k) & 0x3f] : '=';
  }
  return text;
}

double seconds(nanoseconds ns) { return std::chrono::duration<double>(ns).count(); }

}  // namespace

std::string encode_hdr(const Distribution& values) {
  const std::string payload = counts(values);
  Bytes plain;
  plain.add32(kCookie);
  plain.add32(static_cast<std::uint32_t>(payload.size()));
  plain.add32(0);  // offset of the indices
  plain.add32(kSignificantDigits);
  plain.add64(1);  // the lowest value that is told apart from 0
  plain.add64(static_cast<std::uint64_t>(std::max(kUsuallyHighest, values.max)));
  plain.add64(std::bit_cast<std::uint64_t>(1.0));  // integers are values
  plain.add(payload);
  const std::string packed = compressed(plain.text());
  Bytes whole;
  whole.add32(kCompressedCookie);
  whole.add32(static_cast<std::uint32_t>(packed.size()));
  whole.add(packed);
  return base64(whole.text());
}

std::string HistogramLog::header() const {
  const double since_epoch = std::chrono::duration<double>(begun_.time_since_epoch()).count();
  const std::string utc =
      fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(begun_)));
  return fmt::format(
      "#[Logged by Paceline {}; values are nanoseconds, maxima milliseconds]\n"
      "#[Histogram log format version 1.3]\n"
      "#[StartTime: {:.3f} (seconds since epoch), {}]\n"
      "#[BaseTime: {:.3f} (seconds since epoch)]\n"
      "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
      kVersion, since_epoch, utc, since_epoch);
}

struct HistogramLog::Span {
  std::size_t flow;
  nanoseconds start;
  nanoseconds end;
};

std::string HistogramLog::lines(std::size_t flow, nanoseconds delay, const PacketInterval& interval) {
  if (interval.omitted) return "";
  const Span span{flow, delay + interval.start, delay + interval.end};
  const char* meter = interval.meter == Meter::round_trip ? "round_trip." : "";
  std::string text;
  for (std::size_t i = 0; i < kSegmentCount; ++i) {
    const std::string what = fmt::format("{}{}-{}", meter, to_string(kSegments[i].from), to_string(kSegments[i].to));
    text += line(span, what, interval.statistics.segments[i]);
  }
  return text;
}

std::string HistogramLog::lines(std::size_t flow, nanoseconds delay, const TcpInterval& interval) {
  if (interval.omitted) return "";
  return line({flow, delay + interval.start, delay + interval.end}, "rx.tc-rx.user", interval.host_delay);
}

std::string HistogramLog::lines(std::size_t flow, nanoseconds delay, const ConnectionInterval& interval) {
  if (interval.omitted) return "";
  const Span span{flow, delay + interval.start, delay + interval.end};
  return line(span, "connect", interval.exchanges.connect) +
         line(span, "first_packet", interval.exchanges.first_packet) + line(span, "exchange", interval.exchanges.whole);
}

std::string HistogramLog::line(const Span& span, std::string_view what, const Distribution& values) {
  const std::uint64_t negative = values.negative();
  negative_ += negative;
  std::string text;
  if (negative > 0) {
    text = fmt::format("#[{}.{} from {:.3f} s on: {} of {} values are below 0, which such a histogram cannot hold]\n",
                       span.flow + 1, what, seconds(span.start), negative, values.count);
  }
  if (values.count == negative) return text;
  return text + fmt::format("Tag={}.{},{:.3f},{:.3f},{:.6f},{}\n", span.flow + 1, what, seconds(span.start),
                            seconds(span.end - span.start), static_cast<double>(values.max) / 1e6, encode_hdr(values));
}

}  // namespace paceline::decoder
