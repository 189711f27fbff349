/// answer.h -- what the counts say: quantiles, expected shortfalls, probabilities, each with its interval. Pure
/// functions.
///
/// The definitions are those of DESIGN 1.1. What binning (kernels/tally.h) does to them: a haircut is the upper edge of
/// its bin, so it is at most one bin (1e-5, below zero 1e-3) above the order statistic and never below it; its interval
/// runs from the lower edge of the lower rank's bin to the upper edge of the upper one's, and so over-covers slightly.
/// Means over bins (expected shortfall, loss given failure) take midpoints, exact to half a bin; the last bin is the
/// single point 1, and gains beyond 100 % count as 100 %. Histograms hold losses before sale costs. Those turn proceeds
/// y into max(0, keep y - cost), monotone, so quantiles map exactly.
#pragma once
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/intervals.h"
#include "run/results.h"
#include "scenario/scenario.h"

namespace proofload {

/// What selling costs: proceeds y before become max(0, keep y - cost).
struct Sale {
  double keep = 1.0, cost = 0.0;
  double loss(double before) const {
    if (keep == 1.0 && cost == 0.0) return before;  // a free sale changes no digit
    return 1.0 - std::max(0.0, keep * (1.0 - before) - cost);
  }
};
/// As a plan has it.
inline Sale sale_of(const Collateral& planned) { return {planned.keep, planned.cost}; }

/// The haircut of calls that come so many seconds after it was set. Absent: as in HaircutAnswer.
struct AgeHaircut {
  double age = 0.0;
  std::optional<double> value, low, high;
};

/// A haircut at one confidence, with everything the contract shows of it (DESIGN 4.2). Absent: not estimable from these
/// paths (bounds: no such rank; expected shortfall: no path lies beyond the quantile, and its interval: the haircut has
/// no upper bound).
struct HaircutAnswer {
  double confidence = 0.0;
  std::optional<double> value, low, high;
  std::optional<double> expected_shortfall, expected_shortfall_low, expected_shortfall_high;
  std::optional<double> given_no_failure;
  /// Where it may lie for what is not known of the parameters, from blocks of paths (studies/blocks.h); absent without
  /// an [uncertainty], or with too few blocks or paths in them.
  std::optional<double> parameter_low, parameter_high;
  /// With run.in_force, where ages differ: `value` is then that of a call at any time of it. Of a book as one: empty.
  std::vector<AgeHaircut> by_age;
  /// The largest of them, which holds at every age; of several estimates the largest is a little high by chance. Null
  /// where there are none, or the paths of an age are too few.
  const AgeHaircut* worst_age() const;
  /// The largest upper end over all ages: every age's haircut lies below it; absent where one has none.
  std::optional<double> highest_of_ages() const;
  bool beyond_cliff = false;  ///< 1 - confidence < p_failure: the haircut prices the loss given failure
  /// Differences of consecutive quantiles, which sum to the haircut. `basis`: absent where a random one was not counted
  /// (results of revision 4 and before), and `latency` holds it.
  struct {
    std::optional<double> price, basis, latency, failure, liquidity;
    /// Had an engine on one chain sold the same token, after the oracle and one block.
    std::optional<double> single_chain() const {
      return price ? std::optional(*price + basis.value_or(0.0)) : std::nullopt;
    }
  } attribution;
  /// USD of collateral at the call for the scenario's liability; low and high from those of the haircut. Absent without
  /// a liability, or where the haircut takes everything. Closed form: at the route's median delay, margin.h.
  std::optional<double> margin, margin_low, margin_high, margin_closed_form;
  /// (1 - haircut) / (1 - what price and basis alone take): what is left of a single-chain engine's lending value; and
  /// the same against the wrapped alternative's haircut.
  std::optional<double> efficiency, efficiency_wrapped;
};

/// The latency-adjusted risk rate of DESIGN 1.1 for the haircut in force: per year, of the value that it counts on. A
/// physical-measure expected loss, not an arbitrage price. Both means are of exact sums, their errors from the bins;
/// what the two means have in common on failed paths is not counted, so `error` takes the most that it can be (Cauchy
/// and Schwarz).
struct RiskRate {
  double hazard = 0.0;     ///< lambda
  double risk_free = 0.0;  ///< r_f
  double calls = 0.0;      ///< nu E[(1 - h - Y0)+] / (1 - h)
  /// lambda E[(1 - h - Y)+ | failed] / (1 - h); absent: the layer can fail, and did on no path.
  std::optional<double> failures;
  /// Standard errors; absent where fewer than 10 paths fell short (or failed).
  std::optional<double> calls_error, failures_error;
  std::optional<double> value, error;
  /// Of the calls by weighted_count, of the failures by Student's law. Where there is no standard error they hold all
  /// that is possible: losses up to everything.
  double low = 0.0, high = 0.0;
};

struct CollateralAnswer {
  std::string name, asset, route;
  std::optional<double> policy_haircut;
  Estimate p_under;             ///< meaningful when policy_haircut is set
  double mean_shortfall = 0.0;  ///< E[(1 - h - Y)+]
  /// P(the price alone lost more than the haircut at a grid date up to the sale); absent without a haircut or a grid.
  std::optional<Estimate> p_breach;
  Estimate p_failure;
  std::optional<double> loss_given_failure;                               ///< E[L | failure], after sale costs
  std::optional<double> loss_given_failure_low, loss_given_failure_high;  ///< its interval (bounded_mean)
  std::optional<double> exposure_cap_per_loss_budget;                     ///< 1 / (p_failure * E[L | failure])
  /// Its interval, from that of what all failures together cost (weighted_count of counts.h, in which one more that was
  /// not seen may cost everything). The upper end is absent where no failure was seen. All absent: the layer cannot
  /// fail.
  std::optional<double> exposure_cap_per_loss_budget_low, exposure_cap_per_loss_budget_high;
  std::optional<double> exposure_cap, exposure_cap_low, exposure_cap_high;  ///< USD; absent without margin.loss_budget
  /// 1 - the upper end of p_failure: haircuts at higher confidences may price the loss given failure. Absent: it cannot
  /// fail.
  std::optional<double> highest_priced_confidence;
  std::optional<RiskRate> risk_rate;   ///< absent without a policy haircut or margin.calls_per_year
  std::optional<std::string> wrapped;  ///< the collateral that efficiency_wrapped is measured against
  std::uint64_t unresolved = 0;        ///< paths on which it is unresolved, stalls included
  std::vector<HaircutAnswer> haircuts;
};

/// The weighted book's price at its worst grid date, up to the last sale: before failures and sale costs, never a gain.
struct MinimumAnswer {
  /// P(its loss > the book's haircut), from the bins: at most one bin (1e-5) of losses too many is counted.
  Estimate p_breach;
  std::vector<HaircutAnswer> quantiles;  ///< of its loss: value and expected shortfall with their intervals
};

/// One stage by itself, from its law and not from the paths. Seconds, stress included.
struct StageAnswer {
  std::string name, scope;
  double p50 = 0.0, p90 = 0.0, p99 = 0.0, p999 = 0.0;
  std::optional<TriggerSpec> trigger;  ///< the law is the publication's: the wait for the price comes on top
};

struct RouteAnswer {
  std::string name;
  std::optional<double> p50, p90, p99, p999;  ///< seconds; absent beyond the horizon
  std::uint64_t unresolved = 0;  ///< messages that take longer than the horizon (stalls of failed layers apart)
  std::vector<StageAnswer> stages;
};

/// What holds messages up besides their stages: from the scenario, not from the paths (a stress factor on outages
/// apart).
struct OutageAnswer {
  std::string owner, name;  ///< owner: a chain or a layer that a route goes over
  bool chain = true;
  double rate = 0.0;            ///< per year, while it runs
  double p50 = 0.0, p99 = 0.0;  ///< of how long it lasts, seconds
  double under_way = 0.0;       ///< probability at the call; 1 or 0 where the state is known
};

struct LayerAnswer {
  std::string name;
  Estimate p_failure;
};

struct Answers {
  std::vector<CollateralAnswer> collateral;
  std::vector<RouteAnswer> routes;
  std::vector<LayerAnswer> layers;
  std::vector<OutageAnswer> outages;
  std::uint64_t unresolved = 0;                    ///< paths on which any collateral is unresolved, stalls included
  std::vector<std::vector<double>> joint_failure;  ///< P(layers i and j both fail)
  /// [i][j]; absent where one has no policy haircut, and for pairs when they were not counted.
  std::vector<std::vector<std::optional<double>>> joint_under;
  bool joint_counted = true;
  std::size_t blocks = 0;                     ///< of paths, from which parameter intervals are
  std::optional<CollateralAnswer> portfolio;  ///< the weighted book; no asset, route, failure or attribution
  std::optional<MinimumAnswer> minimum;       ///< absent without a book or a grid
};

struct ParameterInterval {
  double low = 0.0, high = 0.0;
};

/// [collateral][confidence]; absent where blocks are too few or have too few paths.
std::vector<std::vector<std::optional<ParameterInterval>>> parameter_intervals(const BlockHaircuts&, double level);

/// Throws Error when there are no paths, or when one had a non-finite outcome.
Answers answer(const Results&);

}  // namespace proofload
