/// quantity.h -- what a number of a file may be, and what it means.
#pragma once
#include <cstdint>

namespace proofload {

inline constexpr std::int64_t seconds_per_day = 86400;

/// Ends of a range that are not allowed themselves.
enum class Open { neither, low, high, both };

/// What a number or a duration may be and what it means. `example` is a value as one would write it in the file.
struct Quantity {
  double low = 0.0, high = 1.0;  ///< seconds for a duration
  Open open = Open::neither;
  const char *meaning = "", *example = "";
  bool duration = false;

  constexpr bool open_low() const { return open == Open::low || open == Open::both; }
  constexpr bool open_high() const { return open == Open::high || open == Open::both; }
};

}  // namespace proofload
