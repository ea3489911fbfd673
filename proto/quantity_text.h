// SPDX-License-Identifier: MIT
//
// Times and sizes as text, exactly: what is written is read as the same double again.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "paceline/model.h"

namespace paceline {

/// A decimal number (`-0.5`, `1e-3`) and a unit of the quantity, in its base unit: seconds or bytes. nullopt for
/// anything else, and for what no finite double holds.
std::optional<double> parse_quantity(std::string_view text, Quantity quantity);

/// A plain decimal number.
std::optional<double> parse_number(std::string_view text);

/// The shortest decimal that parse_quantity() reads as this number, in a readable unit: `1.5ms`, `512`, `2M`.
/// No quantity for what is not finite.
std::string to_string(double value, Quantity quantity);

/// The shortest decimal that parse_number() reads as this number; likewise.
std::string number_text(double value);

/// What a quantity may look like, for error messages.
std::string_view description(Quantity quantity);

}  // namespace paceline
