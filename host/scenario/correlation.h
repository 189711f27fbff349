/// correlation.h -- how the assets of a scenario move together: a correlation matrix, validated, the nearest good one
/// offered; or the loadings of a few factors.
#pragma once
#include "base/matrix.h"
#include "input/values.h"
#include "scenario/scenario.h"

namespace proofload::input {

/// Reads market.correlation or market.correlation_file into `correlation`: symmetric, 1 on the diagonal, positive
/// definite; or market.factors into `factors`: [asset][factor], squares of a row summing to less than 1. One of the two
/// is filled. `at`: the list of the assets.
void read_correlation(const Table& market, const Place& at, std::size_t assets, Matrix& correlation, Matrix& factors);

/// The overlay w of stress.correlation: (1 - w) R + w 11'.
Matrix pulled_together(Matrix, double overlay);
/// Of the assets' Brownian motions: `correlation`, or what `factors` make of it, with the overlay.
Matrix correlation_of(const MarketSpec&, double overlay);

/// By how much loadings b on one more factor may be multiplied so that R - b b' is still a covariance: 1 / sqrt(b' R^-1
/// b).
double room_for(const std::vector<double>& loadings, const Matrix& correlation);

}  // namespace proofload::input
