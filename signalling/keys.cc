// SPDX-License-Identifier: MIT
#include <openssl/evp.h>

#include <algorithm>

#include "paceline/error.h"
#include "paceline/key.h"
#include "signalling/private_file.h"

namespace paceline {

namespace {

constexpr std::string_view kBlanks = " \t\r";

bool is_name(std::string_view text) {
  const auto fits = [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
           c == '-';
  };
  return !text.empty() && text.size() <= Key::kMaxName && std::ranges::all_of(text, fits);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_hex(std::string_view text) {
  return text.size() % 2 == 0 && std::ranges::all_of(text, [](char c) { return hex_digit(c) >= 0; });
}

std::string decode_hex(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<char>(hex_digit(text[i]) * 16 + hex_digit(text[i + 1])));
  return bytes;
}

/// Padded or not. Empty if it is none.
std::string decode_base64(std::string text) {
  if (text.size() % 4 == 0) text.resize(std::min(text.find_last_not_of('=') + 1, text.size()));
  const std::size_t filling = (4 - text.size() % 4) % 4;
  if (text.empty() || filling > 2 || text.find('=') != std::string::npos) return {};
  text.append(filling, '=');
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return {};
  bytes.resize(bytes.size() - filling);  // which was decoded, too
  return bytes;
}

/// The line's next word, which is taken off.
std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlanks));
  line.remove_prefix(word.size());
  return word;
}

Key parse_key(std::string_view line) {
  Key key;
  key.name = take_word(line);
  const std::string_view secret = take_word(line);
  if (!is_name(key.name)) throw UsageError("a key's name has 1 to 64 letters, digits, '.', '_', '-'");
  if (secret.empty()) throw UsageError("key '" + key.name + "' has no secret: write NAME SECRET");
  if (!take_word(line).empty()) throw UsageError("key '" + key.name + "': more than NAME SECRET");
  key.secret = is_hex(secret) ? decode_hex(secret) : decode_base64(std::string(secret));
  if (key.secret.empty()) throw UsageError("the secret of key '" + key.name + "' is neither hexadecimal nor base64");
  if (key.secret.size() < Key::kMinSecret || key.secret.size() > Key::kMaxSecret)
    throw UsageError("the secret of key '" + key.name + "' has " + std::to_string(key.secret.size()) +
                     " bytes: it must have 16 to 1024 (make one with: openssl rand -base64 32)");
  return key;
}

}  // namespace

std::vector<Key> parse_keys(std::string_view text, std::string_view file) {
  std::vector<Key> keys;
  const auto bad = [&](std::size_t line, const std::string& why) {
    return UsageError(std::string(file) + ":" + std::to_string(line) + ": " + why);
  };
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
    if (line.empty() || line.front() == '#') continue;
    Key key;
    try {
      key = parse_key(line);
    } catch (const UsageError& error) {
      throw bad(number, error.what());
    }
    if (std::ranges::any_of(keys, [&](const Key& other) { return other.name == key.name; }))
      throw bad(number, "a second key '" + key.name + "'");
    if (keys.size() == Key::kMaxKeys) throw bad(number, "more than 1024 keys");
    keys.push_back(std::move(key));
  }
  if (keys.empty()) throw UsageError(std::string(file) + ": no key in it: write a line NAME SECRET");
  return keys;
}

std::vector<Key> read_key_file(const std::filesystem::path& file) {
  return parse_keys(signalling::read_private_file(file, "key file"), file.string());
}

Key choose_key(const std::vector<Key>& keys, std::string_view name) {
  for (const Key& key : keys) {
    if (name.empty() || key.name == name) return key;
  }
  std::string known;
  for (const Key& key : keys) known += (known.empty() ? "" : ", ") + key.name;
  throw UsageError("no key '" + std::string(name) + "'; there are: " + known);
}

std::vector<Key> read_keys(const KeyFile& file) {
  std::vector<Key> keys = read_key_file(file.file);
  if (file.name.empty()) return keys;
  return {choose_key(keys, file.name)};
}

}  // namespace paceline
