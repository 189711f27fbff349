/// law_reader.h -- a probability law as a scenario writes it, { kind = "...", ... }, read and validated.
#pragma once
#include "input/values.h"
#include "scenario/scenario.h"

namespace proofload::input {

/// What a law is of: the range of its values, and what they mean.
struct Measure {
  Quantity range;
  /// values above the range mean nothing, so laws without an upper end are refused
  bool bounded;
};
inline constexpr Measure durations{{0.0, century, Open::neither, "a duration", "45s", true}, false};
inline constexpr Measure recoveries{{0.0, 1.0, Open::neither, "a recovered fraction", "0.5"}, true};
inline constexpr Measure bases{{0.0, 10.0, Open::neither, "a basis, a fraction of the native price", "0.5"}, false};

/// What a law is part of: of nothing, of a mixture, or of a retry or a window.
enum class LawPlace { alone, mixture, inner };

/// Reads a law; keys in `besides` belong to whoever holds it (name, scope, weight).
LawSpec read_law(Report&, const Node&, const std::string& path, const Measure&,
                 const std::vector<std::string>& besides = {}, LawPlace = LawPlace::alone);

}  // namespace proofload::input
