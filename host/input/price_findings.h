/// price_findings.h -- what looks odd in the prices of a history: gaps, repeated prices, prices that leave and return,
/// levels that change for good. All are kept as they are, and said.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "input/prices.h"

namespace proofload {

/// Adds a sentence to `repairs` for each finding in the prices of one asset.
void say_findings(const PriceHistory&, std::size_t asset, std::vector<std::string>& repairs);

}  // namespace proofload
