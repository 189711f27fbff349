/// loss_histogram.h -- losses of one layer of one collateral, counted in bins (kernels/tally.h): their quantiles, with
/// intervals, and the means beyond them. answer.h says what binning does to them.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "answers/answer.h"

namespace proofload {

/// A loss that stands for a bin in means.
inline double midpoint(int bin) {
  if (bin == 0) return -1.0;
  if (bin == loss_bins - 1) return 1.0;
  return 0.5 * (loss_edge(bin) + loss_edge(bin + 1));
}

struct LossHistogram {
  std::vector<std::uint64_t> count, cumulative;

  explicit LossHistogram(std::vector<std::uint64_t> counts) : count(std::move(counts)), cumulative(count.size()) {
    std::uint64_t sum = 0;
    for (std::size_t b = 0; b < count.size(); ++b) cumulative[b] = sum += count[b];
  }
  std::uint64_t total() const { return cumulative.back(); }
  /// The bin of an order statistic, rank from 1 to total().
  int bin(std::uint64_t rank) const {
    return static_cast<int>(std::lower_bound(cumulative.begin(), cumulative.end(), rank) - cumulative.begin());
  }
  /// Upper edge of the bin of the quantile of order p.
  std::optional<double> quantile(double p) const {
    if (total() == 0) return std::nullopt;
    return loss_edge(bin(rank_of(total(), p)) + 1);
  }
  /// Mean after the sale.
  std::optional<double> mean(const Sale& sale) const {
    if (total() == 0) return std::nullopt;
    double sum = 0.0;
    for (int b = 0; b < loss_bins; ++b) {
      if (count[b] != 0) sum += static_cast<double>(count[b]) * sale.loss(midpoint(b));
    }
    return sum / static_cast<double>(total());
  }
};

/// What a proportion of paths is taken from when a normal interval is drawn around a mean.
inline constexpr std::uint64_t few = 10;

/// How much more than what was seen one path may weigh that was not seen: what few paths say of a heavy tail.
inline constexpr double beyond_largest = 1.5;

/// What is known of failures where losses are counted: how many paths they hit, and the losses of these.
struct Hits {
  bool possible = false;
  std::uint64_t paths = 0;
  const LossHistogram* losses = nullptr;  ///< null: not known apart
};

/// Ranks are the same for every collateral: each pair is searched for once.
using Ranks = std::map<double, std::pair<std::uint64_t, std::uint64_t>>;

/// The haircut at a confidence, its interval at `level`, and the expected shortfall with its own.
HaircutAnswer haircut(const LossHistogram&, double confidence, const Sale&, double level, Ranks&, const Hits&);

/// Of fewer paths than 1 / (1 - confidence) the order statistic is the largest loss that was seen, which is no
/// quantile: the truth lies above it as often as below, or more. What is known is that the haircut is not below `low`.
void leave_out_largest(std::uint64_t paths, HaircutAnswer&);

/// Of a function of the loss over counted paths.
struct Moments {
  double mean = 0.0, variance = 0.0;
  double first = 0.0, second = 0.0, largest = 0.0;  ///< sums over paths, and the most on one
  std::uint64_t positive = 0;                       ///< paths on which it is positive
  double error(double paths) const { return std::sqrt(variance / paths); }
};
template <class Function>
Moments moments(const LossHistogram& losses, const Function& f) {
  Moments m;
  const double n = static_cast<double>(losses.total());
  if (losses.total() == 0) return m;
  for (int b = 0; b < loss_bins; ++b) {
    if (losses.count[b] == 0) continue;
    const double x = f(midpoint(b)), count = static_cast<double>(losses.count[b]);
    if (x > 0.0) m.positive += losses.count[b];
    m.first += count * x;
    m.second += count * x * x;
    m.largest = std::max(m.largest, x);
  }
  m.mean = m.first / n;
  m.variance = std::max(0.0, m.second / n - m.mean * m.mean);
  return m;
}

}  // namespace proofload
