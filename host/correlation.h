/// correlation.h -- the correlation matrix of a scenario: read, validated, and the nearest good one offered.
#pragma once
#include "values.h"

namespace proofload::input {

using Matrix = std::vector<std::vector<double>>;

/// Reads market.correlation or market.correlation_file, whichever there is, into `out`: symmetric, 1 on the diagonal,
/// positive definite. `at`: the list of the assets.
void read_correlation(const Table& market, const Place& at, std::size_t assets, Matrix& out);

}  // namespace proofload::input
