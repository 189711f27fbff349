/// correlation.h -- how the assets of a scenario move together: a correlation matrix, validated, the nearest good one
/// offered; or the loadings of a few factors.
#pragma once
#include "values.h"

namespace proofload::input {

using Matrix = std::vector<std::vector<double>>;

/// Reads market.correlation or market.correlation_file into `correlation`: symmetric, 1 on the diagonal, positive
/// definite; or market.factors into `factors`: [asset][factor], squares of a row summing to less than 1. One of the two
/// is filled. `at`: the list of the assets.
void read_correlation(const Table& market, const Place& at, std::size_t assets, Matrix& correlation, Matrix& factors);

}  // namespace proofload::input
