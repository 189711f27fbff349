/// statistics.h -- what the counts say: quantiles, expected shortfalls, probabilities, each with its interval. Pure
/// functions.
///
/// The definitions are those of DESIGN 1.1. What binning (kernels/tally.h) does to them: a haircut is the upper edge of
/// its bin, so it is at most one bin (1e-5, below zero 1e-3) above the order statistic and never below it; its interval
/// runs from the lower edge of the lower rank's bin to the upper edge of the upper one's, and so over-covers slightly.
/// Means over bins (expected shortfall, loss given failure) take midpoints, exact to half a bin; the last bin is the
/// single point 1, and gains beyond 100 % count as 100 %. Histograms hold losses before sale costs. Those turn proceeds
/// y into max(0, keep y - cost), monotone, so quantiles map exactly.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "results.h"

namespace proofload {

struct Estimate {
  double estimate = 0.0, low = 0.0, high = 0.0;
};

/// Clopper-Pearson (1934) interval of a binomial probability at two-sided `level`.
Estimate proportion(std::uint64_t successes, std::uint64_t trials, double level);

/// Ranks (1-based) between which the quantile of order `p` lies with at least `level`; n + 1 or 0 when there is no such
/// rank.
std::pair<std::uint64_t, std::uint64_t> quantile_ranks(std::uint64_t n, double p, double level);

/// The normal score that leaves (1 - level) / 2 in each tail: 1.96 for 0.95.
double interval_score(double level);

/// A haircut at one confidence, with everything the contract shows of it (DESIGN 4.2). Absent: not estimable from these
/// paths (bounds: no such rank; expected shortfall: no path lies beyond the quantile, and its interval: the haircut has
/// no upper bound).
struct HaircutAnswer {
  double confidence = 0.0;
  std::optional<double> value, low, high;
  std::optional<double> expected_shortfall, expected_shortfall_low, expected_shortfall_high;
  std::optional<double> given_no_failure;
  bool beyond_cliff = false;  ///< 1 - confidence < p_failure: the haircut prices the loss given failure
  struct {
    std::optional<double> price, latency, failure, liquidity;
  } attribution;
};

struct CollateralAnswer {
  std::string name, asset, route;
  std::optional<double> policy_haircut;
  Estimate p_under;             ///< meaningful when policy_haircut is set
  double mean_shortfall = 0.0;  ///< E[(1 - h - Y)+]
  /// P(the price alone lost more than the haircut at a grid date up to the sale); absent without a haircut or a grid.
  std::optional<Estimate> p_breach;
  Estimate p_failure;
  std::optional<double> loss_given_failure;            ///< E[L | failure], after sale costs
  std::optional<double> exposure_cap_per_loss_budget;  ///< 1 / (p_failure * E[L | failure])
  std::uint64_t unresolved = 0;                        ///< paths on which it is unresolved, stalls included
  std::vector<HaircutAnswer> haircuts;
};

/// The weighted book's price at its worst grid date, up to the last sale: before failures and sale costs, never a gain.
struct MinimumAnswer {
  /// P(its loss > the book's haircut), from the bins: at most one bin (1e-5) of losses too many is counted.
  Estimate p_breach;
  std::vector<HaircutAnswer> quantiles;  ///< of its loss: value and expected shortfall with their intervals
};

struct RouteAnswer {
  std::string name;
  std::optional<double> p50, p90, p99, p999;  ///< seconds; absent beyond the horizon
  std::uint64_t unresolved = 0;  ///< messages that take longer than the horizon (stalls of failed layers apart)
};

struct LayerAnswer {
  std::string name;
  Estimate p_failure;
};

struct Answers {
  std::vector<CollateralAnswer> collateral;
  std::vector<RouteAnswer> routes;
  std::vector<LayerAnswer> layers;
  std::uint64_t unresolved = 0;                    ///< paths on which any collateral is unresolved, stalls included
  std::vector<std::vector<double>> joint_failure;  ///< P(layers i and j both fail)
  /// [i][j]; absent where one has no policy haircut.
  std::vector<std::vector<std::optional<double>>> joint_under;
  std::optional<CollateralAnswer> portfolio;  ///< the weighted book; no asset, route, failure or attribution
  std::optional<MinimumAnswer> minimum;       ///< absent without a book or a grid
};

/// Throws Error when there are no paths, or when one had a non-finite outcome.
Answers answer(const Results&);

}  // namespace proofload
