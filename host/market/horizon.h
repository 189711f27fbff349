/// horizon.h -- how many bars it takes until the sale, and what was lost over them.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

namespace proofload {

/// The law of the number of bars until the sale: one number, or a delay law rounded up to bars.
struct Horizon {
  std::vector<int> bars;       ///< ascending, at least 1
  std::vector<double> weight;  ///< probabilities

  double mean() const;
  int at(double u) const;  ///< the number of bars at probability u
  /// The i-th of evenly spread probabilities (multiples of the golden section): every stretch of i has all horizons in
  /// their shares.
  static double spread(std::size_t i);
};

/// [i]: the log loss over the horizon from the start of bar i on, overlapping; NaN where a return on the way is unknown
/// or yet to come. `returns`: of each bar.
std::vector<double> losses_over(std::span<const double> returns, const Horizon&);

}  // namespace proofload
