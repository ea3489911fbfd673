// SPDX-License-Identifier: MIT
#include "proto/quantity_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <system_error>

namespace paceline {

namespace {

constexpr const char* kNoNumber = "?";  // what no text gives
constexpr int kFarExponent = 100'000;   // beyond any double's

/// A number times 10^exponent times factor. Powers of ten move the decimal point, so they cost no precision.
struct Unit {
  std::string_view name;
  int exponent = 0;
  double factor = 1;
};

constexpr std::array kTimes = {Unit{"", 0},    Unit{"s", 0},     Unit{"ms", -3},     Unit{"us", -6},
                               Unit{"ns", -9}, Unit{"m", 0, 60}, Unit{"min", 0, 60}, Unit{"h", 0, 3600}};
constexpr std::array kSizes = {Unit{"", 0},
                               Unit{"B", 0},
                               Unit{"k", 3},
                               Unit{"K", 3},
                               Unit{"M", 6},
                               Unit{"G", 9},
                               Unit{"KiB", 0, 1024},
                               Unit{"MiB", 0, 1024.0 * 1024},
                               Unit{"GiB", 0, 1024.0 * 1024 * 1024}};

std::span<const Unit> units_of(Quantity quantity) {
  return quantity == Quantity::time ? std::span<const Unit>(kTimes) : std::span<const Unit>(kSizes);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// A decimal number's parts, and what is behind it.
struct Decimal {
  std::string_view mantissa;
  int exponent = 0;
  std::string_view rest;
};

std::size_t count_digits(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
}

std::optional<Decimal> split(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const std::size_t whole = count_digits(text.substr(at));
  at += whole;
  std::size_t fraction = 0;
  if (at < text.size() && text[at] == '.') {
    fraction = count_digits(text.substr(at + 1));
    at += 1 + fraction;
  }
  if (whole + fraction == 0) return std::nullopt;
  Decimal decimal{text.substr(0, at), 0, text.substr(at)};
  if (!decimal.rest.starts_with('e') && !decimal.rest.starts_with('E')) return decimal;
  const std::string_view behind = decimal.rest.substr(1);
  const std::size_t sign = behind.starts_with('-') || behind.starts_with('+') ? 1 : 0;
  const std::size_t digits = count_digits(behind.substr(sign));
  if (digits == 0) return decimal;  // a unit may begin with an e
  for (const char digit : behind.substr(sign, digits))
    decimal.exponent = std::min(kFarExponent, decimal.exponent * 10 + (digit - '0'));
  if (behind.starts_with('-')) decimal.exponent = -decimal.exponent;
  decimal.rest = behind.substr(sign + digits);
  return decimal;
}

std::optional<double> value_of(std::string_view mantissa, int exponent) {
  const std::string text = std::string(mantissa) + 'e' + std::to_string(exponent);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

/// 0.d1d2d3... * 10^point, the shortest digits that make the number.
struct Digits {
  bool negative = false;
  std::string digits;
  int point = 0;
};

Digits digits_of(double value) {
  char text[40];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
  const std::string_view written(text, static_cast<std::size_t>(end - text));
  const std::size_t e = written.find('e');
  Digits result;
  result.negative = written.starts_with('-');
  for (const char c : written.substr(0, e)) {
    if (is_digit(c)) result.digits += c;
  }
  const char* exponent = written.data() + e + 1;
  if (*exponent == '+') ++exponent;
  std::from_chars(exponent, end, result.point);
  ++result.point;
  return result;
}

/// These digits times 10^-shift, without an exponent where that stays readable.
std::string written(const Digits& number, int shift) {
  const int point = number.point - shift;
  const int count = static_cast<int>(number.digits.size());
  const auto zeros = [](int how_many) { return std::string(static_cast<std::size_t>(how_many), '0'); };
  std::string text = number.negative ? "-" : "";
  const auto put = [&](std::string_view whole, std::string_view fraction) {
    text += whole;
    if (fraction.empty()) return;
    text += '.';
    text += fraction;
  };
  const std::string_view digits = number.digits;
  if (point < -3 || point > 16) {
    put(digits.substr(0, 1), digits.substr(1));
    return text + 'e' + std::to_string(point - 1);
  }
  if (point <= 0)
    put("0", zeros(-point) + number.digits);
  else if (point >= count)
    put(number.digits + zeros(point - count), "");
  else
    put(digits.substr(0, static_cast<std::size_t>(point)), digits.substr(static_cast<std::size_t>(point)));
  return text;
}

/// The largest of s, ms, us, ns in which the number is at least 1.
std::string time_text(const Digits& number) {
  if (number.point > 0 || number.point < -8) return written(number, 0) + "s";
  if (number.point > -3) return written(number, -3) + "ms";
  if (number.point > -6) return written(number, -6) + "us";
  return written(number, -9) + "ns";
}

/// From a million on, the largest of G, M, k in which the number is whole.
std::string size_text(const Digits& number) {
  const int zeros = number.point - static_cast<int>(number.digits.size());
  if (number.point <= 6 || zeros < 3) return written(number, 0);
  if (zeros >= 9) return written(number, 9) + "G";
  return zeros >= 6 ? written(number, 6) + "M" : written(number, 3) + "k";
}

}  // namespace

std::optional<double> parse_quantity(std::string_view text, Quantity quantity) {
  const auto decimal = split(text);
  if (!decimal) return std::nullopt;
  for (const Unit& unit : units_of(quantity)) {
    if (unit.name != decimal->rest) continue;
    const auto number = value_of(decimal->mantissa, decimal->exponent + unit.exponent);
    if (!number || !std::isfinite(*number * unit.factor)) return std::nullopt;
    return *number * unit.factor;
  }
  return std::nullopt;
}

std::optional<double> parse_number(std::string_view text) {
  const auto decimal = split(text);
  if (!decimal || !decimal->rest.empty()) return std::nullopt;
  return value_of(decimal->mantissa, decimal->exponent);
}

std::string to_string(double value, Quantity quantity) {
  if (!std::isfinite(value)) return kNoNumber;
  const Digits number = digits_of(value);
  const bool zero = number.digits == "0";
  if (quantity == Quantity::time) return zero ? written(number, 0) + "s" : time_text(number);
  return zero ? written(number, 0) : size_text(number);
}

std::string number_text(double value) { return std::isfinite(value) ? written(digits_of(value), 0) : kNoNumber; }

std::string_view description(Quantity quantity) {
  return quantity == Quantity::time ? "a time: a number and one of s, ms, us, ns, m, min, h (or nothing: seconds)"
                                    : "a size: a number and one of B, k, M, G, KiB, MiB, GiB (or nothing: bytes)";
}

}  // namespace paceline
