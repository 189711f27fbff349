/// price_findings.h -- what looks odd in the prices of a history: gaps, repeated prices, prices that leave and return,
/// levels that change for good. All are kept as they are, and said.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "input/prices.h"

namespace proofload {

/// Adds a sentence to `repairs` for each finding in the prices of one asset. `whole` holds `part`, which was asked for:
/// a level that changes at its edge is known by what lies beyond.
void say_findings(const PriceHistory& part, const PriceHistory& whole, std::size_t asset,
                  std::vector<std::string>& repairs);

}  // namespace proofload
