/// bar_forecast.h -- the loss over several bars of a GJR-GARCH variance whose innovations are drawn from residuals: a
/// scenario of one asset for the engine, whose kernels (market.h, Bars) walk the paths.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "market/forecast.h"
#include "run/backend.h"

namespace proofload {

/// Per bar: h' = omega + (alpha + gamma 1[e < 0]) e^2 + beta h, e = sqrt(h) z. A persistence of 1 and more is allowed.
struct BarModel {
  double omega = 0.0, alpha = 0.0, gamma = 0.0, beta = 0.0;
  std::span<const double> residuals;  ///< z, taken as they are; in blocks of mean length `block` bars (1: independent)
  double block = 1.0;
};

/// At most `most` lengths, 4 or more: the shortest half stays, neighbours among the others are merged, each group of
/// about equal lengths to its mean in whole bars.
Horizon merged(const Horizon&, std::size_t most);

/// Compiled once for a model and asked once a bar. What a tally tells is a histogram of the simple loss: an order
/// statistic is placed within its bin (1e-5 wide) by its rank, and a price that vanished counts as what the last bin
/// can hold, so every figure is finite.
class BarForecast {
 public:
  /// `in_force`: bars within which the sale begins, at any time (run/ages.h); 0: at once. Throws Error when there are
  /// no residuals or a horizon is longer than a plan holds (a million bars).
  BarForecast(const BarModel&, const Horizon&, std::size_t in_force, std::vector<double> confidence);
  /// `variance`: of the first bar. Deterministic in the seed.
  TailForecast operator()(double variance, std::size_t paths, std::uint64_t seed);

 private:
  std::vector<Compiled> compiled_;  ///< of each age
  std::vector<double> confidence_;
  std::unique_ptr<Backend> backend_;
  Tally tally_;  ///< its histogram of losses is empty between two calls, and no other counter is read
};

}  // namespace proofload
