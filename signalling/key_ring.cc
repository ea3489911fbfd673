// SPDX-License-Identifier: MIT
#include "signalling/key_ring.h"

#include <memory>

namespace paceline::signalling {

namespace {

/// "lab, old": no secret is told.
std::string names(const std::vector<Key>& keys) {
  std::string all;
  for (const Key& key : keys) all += (all.empty() ? "" : ", ") + key.name;
  return all;
}

}  // namespace

KeyRing make_key_ring(const std::vector<Key>& given, const std::optional<KeyFile>& file) {
  std::vector<std::filesystem::path> files;
  if (file) files.push_back(file->file);
  const auto read = [given, file] {
    auto keys = std::make_shared<std::vector<Key>>(given);
    if (!file) return keys;
    const std::vector<Key> more = read_keys(*file);
    keys->insert(keys->end(), more.begin(), more.end());
    return keys;
  };
  return KeyRing("the key file", files, read, names);
}

}  // namespace paceline::signalling
