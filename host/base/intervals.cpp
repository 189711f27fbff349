#include "base/intervals.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace proofload {

std::uint64_t rank_of(std::uint64_t n, double p) {
  const double product = p * static_cast<double>(n), whole = std::round(product);
  const double rounding = 4.0 * std::numeric_limits<double>::epsilon() * product;
  const double rank = std::abs(product - whole) <= rounding ? whole : std::ceil(product);
  return std::clamp<std::uint64_t>(static_cast<std::uint64_t>(rank), 1, n);
}

double interval_score(double level) {
  return boost::math::quantile(boost::math::complement(boost::math::normal(), 0.5 * (1.0 - level)));
}

Estimate proportion(std::uint64_t successes, std::uint64_t trials, double level) {
  if (trials == 0 || successes > trials)
    throw std::invalid_argument("a proportion needs trials, and no more successes than those");
  const double x = static_cast<double>(successes), n = static_cast<double>(trials), tail = 0.5 * (1.0 - level);
  Estimate e{x / n, 0.0, 1.0};
  if (successes > 0) e.low = boost::math::ibeta_inv(x, n - x + 1.0, tail);
  if (successes < trials) e.high = boost::math::ibetac_inv(x + 1.0, n - x, tail);
  return e;
}

Estimate bounded_mean(double mean, double variance, std::uint64_t n, double level) {
  if (n == 0) throw std::invalid_argument("a mean needs draws");
  const double draws = static_cast<double>(n), tail = 0.5 * (1.0 - level);
  const auto end = [&](double extreme, bool upper) {
    const double m = (draws * mean + extreme) / (draws + 1.0);
    const double apart = mean - extreme;  // the variance of draws with one more, over draws + 2 for the random weights
    const double v = (draws * variance + draws / (draws + 1.0) * apart * apart) / ((draws + 1.0) * (draws + 2.0));
    const double rest = m * (1.0 - m);
    if (!(rest > 0.0) || !(v > 0.0)) return m;
    const double size = std::max(rest / v - 1.0, 1.0), a = m * size, b = (1.0 - m) * size;
    return upper ? boost::math::ibetac_inv(a, b, tail) : boost::math::ibeta_inv(a, b, tail);
  };
  return {mean, std::min(mean, end(0.0, false)), std::max(mean, end(1.0, true))};
}

std::pair<std::uint64_t, std::uint64_t> quantile_ranks(std::uint64_t n, double p, double level) {
  // Of n paths B ~ Bin(n, p) lie below the quantile. X_(r) is above it with probability P(B <= r - 1), X_(s) below it
  // with P(B >= s); each is to be at most `tail` (David and Nagaraja, Order Statistics, 7.1). Both are monotone in the
  // rank, so bisection finds them.
  const double tail = 0.5 * (1.0 - level), trials = static_cast<double>(n);
  const auto at_least = [&](std::uint64_t s) {  // P(B >= s), 1 <= s <= n
    const double k = static_cast<double>(s);
    return boost::math::ibeta(k, trials - k + 1.0, p);
  };
  const auto below = [&](std::uint64_t r) {  // P(B <= r - 1), 1 <= r <= n
    const double k = static_cast<double>(r);
    return boost::math::ibetac(k, trials - k + 1.0, p);
  };
  std::uint64_t low = 0, above_low = n + 1;  // below(low) <= tail < below(above_low)
  while (above_low - low > 1) {
    const std::uint64_t r = low + (above_low - low) / 2;
    (below(r) <= tail ? low : above_low) = r;
  }
  std::uint64_t below_high = 0, high = n + 1;  // at_least(high) <= tail < at_least(below_high)
  while (high - below_high > 1) {
    const std::uint64_t s = below_high + (high - below_high) / 2;
    (at_least(s) <= tail ? high : below_high) = s;
  }
  return {low, high};
}

}  // namespace proofload
