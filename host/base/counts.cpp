#include "base/counts.h"

#include <algorithm>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <stdexcept>

namespace proofload {

double fisher_p(std::uint64_t successes, std::uint64_t trials, std::uint64_t other_successes,
                std::uint64_t other_trials, double seen) {
  if (successes > trials || other_successes > other_trials)
    throw std::invalid_argument("a sample has no more successes than trials");
  using Real = long double;  // logarithms of factorials of 2^40 leave few digits of a double
  const Real n = static_cast<Real>(trials), m = static_cast<Real>(other_trials);
  const Real x = static_cast<Real>(successes), all = x + static_cast<Real>(other_successes);
  const auto choose = [](Real a, Real b) { return std::lgamma(a + 1) - std::lgamma(b + 1) - std::lgamma(a - b + 1); };
  // Given `all` successes, those of the first sample are hypergeometric: from what was seen on to the end that is
  // farther from the mean, each term from the one before.
  const bool few = x * m < (all - x) * n;
  Real term = std::exp(choose(n, x) + choose(m, all - x) - choose(n + m, all)),
       sum = (static_cast<Real>(seen) - 1) * term;
  for (Real k = x; term > 0;) {
    sum += term;
    if (term < 1e-12L * sum) break;
    if (few) {
      if (k <= std::max<Real>(0, all - m)) break;
      term *= k * (m - all + k) / ((n - k + 1) * (all - k + 1));
      --k;
    } else {
      if (k >= std::min(n, all)) break;
      term *= (n - k) * (all - k) / ((k + 1) * (m - all + k + 1));
      ++k;
    }
  }
  return static_cast<double>(std::min<Real>(1, 2 * sum));
}

Estimate weighted_count(double first, double second, double largest, double level) {
  if (first < 0.0 || second < 0.0 || !(largest >= 0.0))
    throw std::invalid_argument("a weighted count needs weights that are not negative");
  // A gamma law of this mean and variance.
  const double tail = 0.5 * (1.0 - level);
  Estimate e{first, 0.0, 0.0};
  if (first > 0.0) e.low = second / first * boost::math::gamma_p_inv(first * first / second, tail);
  const double mean = first + largest, variance = second + largest * largest;
  if (mean > 0.0) e.high = variance / mean * boost::math::gamma_q_inv(mean * mean / variance, tail);
  return e;
}

}  // namespace proofload
