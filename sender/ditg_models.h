// SPDX-License-Identifier: MIT
//
// ITGSend's distributions, as its 2.8.1 draws them.
#pragma once

#include <optional>

#include "paceline/model.h"
#include "sender/ditg_words.h"

namespace paceline::sender {

/// What a distribution is of, which settles its parameters' units.
enum class DitgUse {
  gap,     ///< -C, -U, -E and -O are told rates, in packets/s, the others milliseconds
  size,    ///< bytes
  period,  ///< of -B: milliseconds
};

/// The distribution that a letter (capital) stands for, with its parameters taken from the line; nullopt for another
/// letter.
std::optional<Model> ditg_model(char letter, DitgUse use, const DitgWord& option, DitgWords& words, DitgNotes& notes);

/// -Ft and -Fs: a value a line, in milliseconds or bytes.
Model ditg_file(DitgUse use, const DitgWord& option, DitgWords& words, DitgNotes& notes);

}  // namespace paceline::sender
