/// ticks.h -- Seconds and years in the plan's unit of time.
#pragma once
#include <cmath>
#include <cstdint>

#include "kernels/plan.h"

namespace proofload {

constexpr double ticks_per_year = seconds_per_year * ticks_per_second;

inline std::uint32_t ticks(double seconds) {
  return static_cast<std::uint32_t>(std::llround(seconds * ticks_per_second));
}

}  // namespace proofload
