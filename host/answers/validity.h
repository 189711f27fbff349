/// validity.h -- until when haircuts are good: they are made from prices up to a time, and for a time in force.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "scenario/scenario.h"

namespace proofload {

/// Times in seconds since 1970 UTC.
struct Validity {
  std::optional<std::int64_t> last_price;  ///< market.last_price; absent: no price file is behind the scenario
  /// The last price and the time in force later; of a GARCH forecast without one, a bar later, when the next
  /// forecast is due. Absent without a last price, and for other variances without a time in force.
  std::optional<std::int64_t> until;

  bool is_over(std::int64_t now) const { return until && now > *until; }
};
Validity validity_of(const Scenario&);

/// The same in words, with what it is worth at `now`.
std::string validity_text(const Scenario&, std::int64_t now);

/// This machine's clock.
std::int64_t seconds_now();

}  // namespace proofload
