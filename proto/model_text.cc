// SPDX-License-Identifier: MIT
#include <cmath>

#include "paceline/model.h"
#include "proto/model_fields.h"
#include "proto/quantity_text.h"

namespace paceline {

namespace {

std::string in_parentheses(const Model& part, Quantity quantity) { return '(' + to_string(part, quantity) + ')'; }

/// As it is where nothing in it could end it, else in quotes; only printable ASCII, so that it fits everywhere.
std::string path_text(const std::string& path) {
  const auto plain = [](char c) {
    return c > ' ' && c < 0x7f && std::string_view(",()\"\\").find(c) == std::string_view::npos;
  };
  bool quoted = path.empty();
  std::string text;
  for (const char c : path) {
    quoted = quoted || !plain(c);
    if (c == '"' || c == '\\') {
      text += {'\\', c};
    } else if (c >= ' ' && c < 0x7f) {
      text += c;
    } else {
      constexpr std::string_view kHex = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(c);
      text += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return quoted ? '"' + text + '"' : text;
}

class Writer {
 public:
  explicit Writer(Quantity quantity) : quantity_(quantity) {}

  std::string operator()(const model::Constant& m) const { return to_string(m.value, quantity_); }

  std::string operator()(const model::Discrete& m) const {
    return weighted(m.weights, [&](std::size_t i) { return to_string(m.values[i], quantity_); });
  }

  std::string operator()(const model::Empirical& m) const { return "file=" + path_text(m.file); }

  std::string operator()(const model::Mixture& m) const {
    return weighted(m.weights, [&](std::size_t i) { return in_parentheses(m.parts[i], quantity_); });
  }

  template <class Numbers>
  std::string operator()(Numbers m) const {
    std::string text;
    for (const Field& field : fields(m)) {
      if (!field.required && field.allowed == Allowed::positive && *field.value == 0) continue;
      if (!text.empty()) text += ',';
      text += field.name;
      text += '=';
      text += field.kind == Kind::quantity ? to_string(*field.value, quantity_) : number_text(*field.value);
    }
    return text;
  }

 private:
  template <class Item>
  std::string weighted(const std::vector<double>& weights, Item item) const {
    std::string text;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (i > 0) text += ',';
      text += number_text(weights[i]) + '@' + item(i);
    }
    return text;
  }

  Quantity quantity_;
};

}  // namespace

std::string to_string(const Model& model, Quantity quantity) {
  std::string text(kFamilyNames[model.family.index()]);
  text += ':' + std::visit(Writer(quantity), model.family);
  const auto bound = [&](std::string_view name, double value, double none) {
    if (value != none) text += ',' + std::string(name) + '=' + to_string(value, quantity);
  };
  constexpr double kNone = std::numeric_limits<double>::infinity();
  bound(bound_names(model.family).least, model.least, -kNone);
  bound(bound_names(model.family).most, model.most, kNone);
  return text;
}

}  // namespace paceline
