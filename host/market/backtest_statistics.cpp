#include "market/backtest_statistics.h"

#include <algorithm>
#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

namespace proofload {
namespace {

/// n ln(q), and 0 when there is nothing to explain: 0^0 = 1 in a likelihood.
double log_power(double q, std::uint64_t n) { return n == 0 ? 0.0 : static_cast<double>(n) * std::log(q); }

double bernoulli(double p, std::uint64_t misses, std::uint64_t hits) {
  return log_power(1.0 - p, misses) + log_power(p, hits);
}

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// P(X <= x) of a binomial, by the incomplete beta function, so that windows need not be whole (an effective number).
double binomial_cdf(double x, double n, double p) {
  if (x < 0.0) return 0.0;
  if (x >= n) return 1.0;
  return boost::math::ibetac(x + 1.0, n - x, p);
}

/// Follows the gaps between hits instead of the windows: a million windows with a hundred hits cost a hundred draws.
/// `again`: probability of a hit right after one; p where it is absent.
HitCounts random_hits(std::uint64_t windows, double p, Draws& draws, std::optional<double> again = std::nullopt) {
  HitCounts c;
  c.windows = windows;
  const double scale = 1.0 / std::log1p(-p);
  std::uint64_t next = 0, after_hit = 0;  // after_hit: hits that are not in the last window
  bool first = false, before = false;
  for (;;) {
    const bool at_once = again && c.hits > 0 && draws.uniform() < *again;
    double gap = at_once ? 0.0 : std::floor(std::log(draws.uniform()) * scale);
    if (again && c.hits > 0 && !at_once) gap += 1.0;
    before = c.hits > 0 && gap == 0.0;
    if (gap >= static_cast<double>(windows - next)) break;
    next += static_cast<std::uint64_t>(gap);
    if (next == 0) first = true;
    ++c.hits;
    if (before) ++c.follows[1][1];
    ++next;
    after_hit += next < windows ? 1 : 0;
    if (next == windows) break;
  }
  c.follows[1][0] = after_hit - c.follows[1][1];
  c.follows[0][1] = c.hits - (first ? 1 : 0) - c.follows[1][1];
  c.follows[0][0] = windows - 1 - c.follows[1][0] - c.follows[0][1] - c.follows[1][1];
  return c;
}

boost::math::students_t student(double dof) { return boost::math::students_t(dof); }

}  // namespace

HitCounts count_hits(std::span<const char> hits) {
  HitCounts c;
  c.windows = hits.size();
  for (std::size_t i = 0; i < hits.size(); ++i) {
    c.hits += hits[i] != 0;
    if (i > 0) ++c.follows[hits[i - 1] != 0][hits[i] != 0];
  }
  return c;
}

double kupiec(std::uint64_t hits, std::uint64_t windows, double p) {
  const std::uint64_t misses = windows - hits;
  return std::max(0.0, 2.0 * (bernoulli(share(hits, windows), misses, hits) - bernoulli(p, misses, hits)));
}

double christoffersen_independence(const HitCounts& c) {
  const auto& n = c.follows;
  const double any = share(n[0][1] + n[1][1], n[0][0] + n[0][1] + n[1][0] + n[1][1]);
  const double after_none = share(n[0][1], n[0][0] + n[0][1]), after_hit = share(n[1][1], n[1][0] + n[1][1]);
  const double same = bernoulli(any, n[0][0] + n[1][0], n[0][1] + n[1][1]);
  return std::max(0.0, 2.0 * (bernoulli(after_none, n[0][0], n[0][1]) + bernoulli(after_hit, n[1][0], n[1][1]) - same));
}

double christoffersen(const HitCounts& c, double p) {
  return kupiec(c.hits, c.windows, p) + christoffersen_independence(c);
}

double chi_square_p(double ratio, int dof) {
  return boost::math::cdf(boost::math::complement(boost::math::chi_squared(dof), std::max(ratio, 0.0)));
}

NullRatios simulate_null_ratios(std::uint64_t windows, double p, std::size_t draws, std::uint64_t seed) {
  NullRatios null;
  Draws random{seed};
  for (std::size_t i = 0; i < draws && windows > 0; ++i) {
    const HitCounts c = random_hits(windows, p, random);
    null.coverage.push_back(kupiec(c.hits, c.windows, p));
    null.independence.push_back(christoffersen_independence(c));
    null.both.push_back(null.coverage.back() + null.independence.back());
  }
  for (auto* ratios : {&null.coverage, &null.independence, &null.both}) std::sort(ratios->begin(), ratios->end());
  return null;
}

double independence_power(std::uint64_t windows, double p, double ratio, double critical, std::size_t draws,
                          std::uint64_t seed) {
  const double again = std::min(0.99, ratio * p),
               anew = p * (1.0 - again) / (1.0 - p);  // hits have probability p still
  Draws random{seed};
  std::size_t rejected = 0;
  for (std::size_t i = 0; i < draws && windows > 0; ++i)
    rejected += christoffersen_independence(random_hits(windows, anew, random, again)) > critical;
  return static_cast<double>(rejected) / static_cast<double>(std::max<std::size_t>(draws, 1));
}

double monte_carlo_p(const std::vector<double>& ascending, double value) {
  // Ratios are sums of logarithms: ones that are equal by theory may differ in their last bits, and count as equal.
  const auto at = std::lower_bound(ascending.begin(), ascending.end(), value - 1e-9 * (1.0 + std::abs(value)));
  return (1.0 + static_cast<double>(ascending.end() - at)) / (1.0 + static_cast<double>(ascending.size()));
}

std::vector<double> holm(const std::vector<double>& p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size());
  double largest = 0.0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    largest = std::max(largest, std::min(1.0, static_cast<double>(order.size() - rank) * p_values[order[rank]]));
    adjusted[order[rank]] = largest;
  }
  return adjusted;
}

TrafficLight traffic_light(std::uint64_t hits, std::uint64_t windows, double p) {
  TrafficLight t;
  t.cumulative = binomial_cdf(static_cast<double>(hits), static_cast<double>(windows), p);
  t.light = t.cumulative >= 0.9999 ? Light::red : t.cumulative >= 0.95 ? Light::yellow : Light::green;
  if (windows == 0) t.light = Light::green;
  return t;
}

const char* light_text(Light light) {
  return light == Light::green ? "green" : light == Light::yellow ? "yellow" : "red";
}

double kupiec_power(double windows, double p, double ratio, double level) {
  const double critical = boost::math::quantile(boost::math::complement(boost::math::chi_squared(1), level));
  const auto total = static_cast<std::uint64_t>(std::llround(windows));
  const auto accepted = [&](std::uint64_t x) { return kupiec(x, total, p) <= critical; };
  // the ratio falls to 0 at windows * p and rises again: the accepted counts are one interval around it
  const auto middle = static_cast<std::uint64_t>(std::floor(static_cast<double>(total) * p));
  std::uint64_t first = middle, last = middle;
  if (!accepted(middle) && middle < total) first = last = middle + 1;
  if (!accepted(first)) return 1.0;
  while (first > 0 && accepted(first - 1)) --first;
  while (last < total && accepted(last + 1)) ++last;
  const double n = static_cast<double>(total), truth = std::min(p * ratio, 1.0);
  return 1.0 -
         (binomial_cdf(static_cast<double>(last), n, truth) - binomial_cdf(static_cast<double>(first) - 1.0, n, truth));
}

double acerbi_szekely(std::span<const double> loss, std::span<const double> quantile, std::span<const double> shortfall,
                      double p) {
  double sum = 0.0;
  for (std::size_t i = 0; i < loss.size(); ++i) {
    if (loss[i] > quantile[i]) sum += loss[i] / shortfall[i];
  }
  return loss.empty() ? 0.0 : 1.0 - sum / (p * static_cast<double>(loss.size()));
}

std::vector<double> simulate_acerbi_szekely(std::uint64_t windows, double p, double dof, std::size_t draws,
                                            std::uint64_t seed, double larger) {
  // Only the tail beyond the quantile counts: its quantile function as a table over ln(u / p), exact at the nodes, so
  // that a draw costs a logarithm. Nodes reach to u = p * e^-20, about 1e-11 of the windows at 99 %.
  constexpr int nodes = 2000;
  constexpr double deepest = 20.0;
  std::vector<double> tail(nodes + 1);
  const double shortfall = student_shortfall(dof, p);
  const double hit = larger == 1.0 ? p : student_beyond(dof, student_quantile(dof, p) / larger);
  for (int i = 0; i <= nodes; ++i)
    tail[i] = larger * student_quantile(dof, hit * std::exp(-deepest * i / nodes)) / shortfall;
  std::vector<double> z(draws);
  Draws random{seed};
  const double scale = 1.0 / std::log1p(-hit), expected = p * static_cast<double>(windows);
  for (double& value : z) {
    double sum = 0.0, at = 0.0;
    for (;;) {
      at += std::floor(std::log(random.uniform()) * scale) + 1.0;
      if (at > static_cast<double>(windows)) break;
      const double depth = std::min(-std::log(random.uniform()) / deepest, 0.999999) * nodes;
      const auto node = static_cast<std::size_t>(depth);
      sum += tail[node] + (depth - static_cast<double>(node)) * (tail[node + 1] - tail[node]);
    }
    value = 1.0 - sum / expected;
  }
  std::sort(z.begin(), z.end());
  return z;
}

double lower_p(const std::vector<double>& ascending, double value) {
  const auto at = std::upper_bound(ascending.begin(), ascending.end(), value);
  return (1.0 + static_cast<double>(at - ascending.begin())) / (1.0 + static_cast<double>(ascending.size()));
}

double student_beyond(double dof, double x) {
  if (!std::isfinite(dof)) return boost::math::cdf(boost::math::complement(boost::math::normal(), x));
  return boost::math::cdf(boost::math::complement(student(dof), x));
}

double student_quantile(double dof, double p) {
  if (!std::isfinite(dof)) return boost::math::quantile(boost::math::complement(boost::math::normal(), p));
  return boost::math::quantile(boost::math::complement(student(dof), p));
}

double student_shortfall(double dof, double p) {
  const double q = student_quantile(dof, p);
  if (!std::isfinite(dof)) return boost::math::pdf(boost::math::normal(), q) / p;
  return boost::math::pdf(student(dof), q) / p * (dof + q * q) / (dof - 1.0);
}

double dof_of_tail(double ratio, double p) {
  const auto tail = [p](double dof) { return student_shortfall(dof, p) / student_quantile(dof, p); };
  constexpr double most = 1e3, least = 1.05;
  if (!(ratio > tail(most))) return INFINITY;
  if (ratio >= tail(least)) return least;
  double low = std::log(least), high = std::log(most);  // the ratio falls as dof grows
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (tail(std::exp(middle)) > ratio ? low : high) = middle;
  }
  return std::exp(0.5 * (low + high));
}

double pinball(double loss, double q, double confidence) {
  return loss > q ? confidence * (loss - q) : (1.0 - confidence) * (q - loss);
}

DieboldMariano diebold_mariano(std::span<const double> difference, int lag) {
  DieboldMariano dm;
  const auto n = difference.size();
  if (n < 2) return dm;
  const double count = static_cast<double>(n);
  dm.mean = std::accumulate(difference.begin(), difference.end(), 0.0) / count;
  if (lag < 0) lag = static_cast<int>(4.0 * std::pow(count / 100.0, 2.0 / 9.0));
  lag = std::min(lag, static_cast<int>(n) - 1);
  double variance = 0.0;
  for (int k = 0; k <= lag; ++k) {
    double covariance = 0.0;
    for (std::size_t i = static_cast<std::size_t>(k); i < n; ++i) {
      covariance += (difference[i] - dm.mean) * (difference[i - static_cast<std::size_t>(k)] - dm.mean);
    }
    variance += (k == 0 ? 1.0 : 2.0 * (1.0 - k / (lag + 1.0))) * covariance / count;
  }
  dm.error = std::sqrt(variance / count);
  if (!(dm.error > 0.0)) {
    dm.p = dm.mean == 0.0 ? 1.0 : 0.0;
    return dm;
  }
  dm.statistic = dm.mean / dm.error;
  dm.p = 2.0 * boost::math::cdf(boost::math::complement(boost::math::students_t(count - 1.0), std::abs(dm.statistic)));
  return dm;
}

std::vector<double> model_confidence_set(const std::vector<std::vector<double>>& losses, double mean_block_days,
                                         std::size_t draws, std::uint64_t seed) {
  std::vector<std::size_t> like(losses.size()), in;  // one of several equal models stands for them
  for (std::size_t m = 0; m < losses.size(); ++m) {
    like[m] = static_cast<std::size_t>(std::find(losses.begin(), losses.end(), losses[m]) - losses.begin());
    if (like[m] == m) in.push_back(m);
  }
  std::vector<double> p(losses.size(), 1.0), mean(losses.size(), 0.0);
  const std::size_t days = losses.empty() ? 0 : losses.front().size();
  if (days == 0) return p;
  for (const std::size_t m : in)
    mean[m] = std::accumulate(losses[m].begin(), losses[m].end(), 0.0) / static_cast<double>(days);
  // [draw][model]: means of a resampled history less those of the real one
  std::vector<std::vector<double>> drawn(draws, std::vector<double>(losses.size(), 0.0));
  Draws random{seed};
  const double leave = 1.0 / std::max(mean_block_days, 1.0);
  for (auto& of : drawn) {
    std::size_t day = 0;
    for (std::size_t i = 0; i < days; ++i) {
      day = i == 0 || random.uniform() < leave ? random.below(days) : (day + 1) % days;
      for (const std::size_t m : in) of[m] += losses[m][day];
    }
    for (const std::size_t m : in) of[m] = of[m] / static_cast<double>(days) - mean[m];
  }
  double largest = 0.0;  // p-values never fall from one elimination to the next
  while (in.size() > 1) {
    const double many = static_cast<double>(in.size());
    std::vector<double> squares(losses.size(), 0.0), all(draws, 0.0);
    double middle = 0.0;
    for (const std::size_t m : in) middle += mean[m] / many;
    for (std::size_t b = 0; b < draws; ++b) {
      for (const std::size_t m : in) all[b] += drawn[b][m] / many;
      for (const std::size_t m : in) squares[m] += (drawn[b][m] - all[b]) * (drawn[b][m] - all[b]);
    }
    const auto error = [&](std::size_t m) { return std::sqrt(squares[m] / static_cast<double>(draws)); };
    // a difference without an error is as large as can be
    const auto t_of = [&](double difference, double of) {
      if (of > 0.0) return difference / of;
      return difference == 0.0 ? 0.0 : std::copysign(std::numeric_limits<double>::infinity(), difference);
    };
    std::size_t worst = in.front();
    double most = -std::numeric_limits<double>::infinity();
    for (const std::size_t m : in) {
      const double t = t_of(mean[m] - middle, error(m));
      if (t > most) worst = m, most = t;
    }
    std::size_t beyond = 0;
    for (std::size_t b = 0; b < draws; ++b) {
      double at = -std::numeric_limits<double>::infinity();
      for (const std::size_t m : in) at = std::max(at, t_of(drawn[b][m] - all[b], error(m)));
      beyond += at > most;
    }
    largest = std::max(largest, static_cast<double>(beyond) / static_cast<double>(draws));
    p[worst] = largest;
    std::erase(in, worst);
  }
  for (std::size_t m = 0; m < p.size(); ++m) p[m] = p[like[m]];
  return p;
}

Coverage coverage_by_days(std::span<const double> hits, std::span<const double> windows, double p,
                          double mean_block_days, double level, std::size_t draws, std::uint64_t seed) {
  Coverage c;
  const std::size_t days = hits.size();
  const double total = std::accumulate(windows.begin(), windows.end(), 0.0);
  c.hits = std::accumulate(hits.begin(), hits.end(), 0.0);
  c.expected = p * total;
  if (days == 0 || total == 0.0) return c;
  c.ratio = c.hits / c.expected;
  std::vector<double> ratios(draws);
  Draws random{seed};
  const double leave = 1.0 / std::max(mean_block_days, 1.0);
  double sum = 0.0, squares = 0.0;
  for (double& ratio : ratios) {
    double x = 0.0, n = 0.0;
    std::size_t day = 0;
    for (std::size_t i = 0; i < days; ++i) {
      day = i == 0 || random.uniform() < leave ? random.below(days) : (day + 1) % days;
      x += hits[day];
      n += windows[day];
    }
    ratio = n > 0.0 ? x / (p * n) : c.ratio;
    sum += ratio;
    squares += ratio * ratio;
  }
  std::sort(ratios.begin(), ratios.end());
  const double tail = 0.5 * (1.0 - level), count = static_cast<double>(draws);
  const auto order = [&](double q) {
    return ratios[static_cast<std::size_t>(std::clamp(q * count, 0.0, count - 1.0))];
  };
  const double variance = std::max(0.0, squares / count - (sum / count) * (sum / count));
  // of hits with the probability that they were seen to have
  const double independent = c.ratio * (1.0 - std::min(0.999, c.ratio * p)) / c.expected;
  c.design_effect = independent > 0.0 ? variance / independent : 1.0;
  using boost::math::beta_distribution;
  const double least =
      c.hits > 0.0 ? boost::math::quantile(beta_distribution<>(c.hits, total - c.hits + 1.0), tail) : 0.0;
  const double most =
      c.hits < total ? boost::math::quantile(beta_distribution<>(c.hits + 1.0, total - c.hits), 1.0 - tail) : 1.0;
  c.low = std::min(order(tail), least / p);
  c.high = std::max(order(1.0 - tail), most / p);
  return c;
}

Coverage coverage_by_days(const Days& hits, const Days& windows, double p, double mean_block_days, double level,
                          std::size_t draws, std::uint64_t seed) {
  const auto first = windows.begin()->first;
  // one entry per calendar day, so that blocks of dates are blocks of time
  std::vector<double> x(static_cast<std::size_t>(windows.rbegin()->first - first + 1), 0.0), n(x.size(), 0.0);
  for (const auto& [day, many] : windows) n[static_cast<std::size_t>(day - first)] = many;
  for (const auto& [day, many] : hits) x[static_cast<std::size_t>(day - first)] = many;
  return coverage_by_days(std::span<const double>(x), n, p, mean_block_days, level, draws, seed);
}

}  // namespace proofload
