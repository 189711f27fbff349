/// fit_market.h -- what several assets share, estimated from their returns: correlation, factors, a common tail, common
/// jumps; Heston's parameters from realised variance; the Global Volatility Index; diagnostics. Used by `fit`.
///
/// Columns hold one value per bar and asset, NaN where there is none; all have the same length. Estimates of pairs use
/// the bars that both have. Standard errors come from sums over consecutive batches of the history (fit.h), or leave
/// one batch out (jackknife).
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "market/fit.h"

namespace proofload {

using Columns = std::vector<std::vector<double>>;  ///< [asset][bar]

/// Batches that columns have in common (batch_starts): each column has an equal share in their lengths, so that one
/// that is young, or has gaps, has its part of them. Fewer of them where returns overlap, so that few lie in two.
std::vector<std::size_t> batch_starts_of(const Columns&, std::size_t overlap = 1);

/// Standard deviation of the returns about zero, per bar.
Parameter fit_deviation(std::span<const double> returns);

struct CorrelationFit {
  Matrix matrix;                  ///< shrunk, positive definite, rounded to 4 decimals
  Matrix sample, error;           ///< before shrinking, and its standard errors
  Matrix weight;                  ///< that the target has in each pair
  double target = 0.0;            ///< toward which pairs are shrunk
  double shrinkage = 0.0;         ///< mean weight of the target
  bool forced = false;            ///< shrunk pairs contradicted each other: the nearest positive definite matrix
  std::size_t least_overlap = 0;  ///< bars of the pair that shares the fewest
  double effective = 0.0;         ///< of that with the fewest: (sum of weights)^2 / sum of squared weights
};
/// Pairs by what both have, each shrunk by its own error (shrink_correlation.h). Throws Error naming two assets that
/// share fewer than least_returns bars. `weights` of the bars; empty: equal.
CorrelationFit fit_correlation(const Columns&, const std::vector<std::string>& names,
                               const std::vector<double>& weights = {});

/// Days in which the weight of a return halves in correlations of the recent past, and what is written of those and of
/// the whole history's: the mean of both foretells the next quarter best (scripts/research/recent_correlation.py).
inline constexpr double recent_half_life = 60.0;
struct CorrelationKind {
  const char* name;
  double share;  ///< of the recent past
};
inline constexpr CorrelationKind correlation_kinds[] = {{"mixed", 0.5}, {"recent", 1.0}, {"whole", 0.0}};

/// How assets move together: over the whole history, of late, and as a section has it.
struct Correlations {
  CorrelationFit whole;
  std::optional<CorrelationFit> recent;  ///< absent where it has fewer than least_returns effective returns
  double share = 0.0;                    ///< of the recent past in `written`
  std::vector<double> weights;           ///< of the bars in the recent past
  Matrix written, error;                 ///< error: at most, as if those of both went together

  const char* kind() const;
};
/// `share`: asked for; what is written is of the whole history where there is no recent one, which is noted. `bar`:
/// seconds.
Correlations fit_correlations(const Columns&, const std::vector<std::string>& names, std::int64_t bar, double share);

struct FactorFit {
  Matrix loadings, error;  ///< [asset][factor]
  double residual = 0.0;   ///< largest |correlation - what the factors explain| off the diagonal
  bool bounded = false;    ///< an own variance was held at its least value (a Heywood case)
};
/// Maximum-likelihood factor analysis of the correlation matrix (Joreskog 1967), factors in order of what they explain,
/// the first with a positive sum. Throws Error when so many factors leave nothing to test: (n - k)^2 < n + k.
FactorFit fit_factors(const Columns&, const Correlations&, std::size_t factors);

/// Degrees of freedom common to all columns, each of unit variance after division by its deviation about zero: maximum
/// of the product of the marginal likelihoods. The error leaves one batch of all columns out: it counts that assets
/// move together, and what the error of the deviations does. Where volatility clusters over a large part of the
/// history it is too small all the same (by two fifths, of 6,000 bars with a persistence of 0.99), as no batch is long.
struct TailFit {
  Parameter dof;
  bool at_bound = false;
};
/// `overlap`: how many bars a return spans. `error`: it costs as many searches as there are batches.
TailFit fit_common_dof(const Columns&, std::size_t overlap = 1, bool error = true);

/// Whether an asset has another tail than the common one.
struct TailDifference {
  double statistic = 0.0;  ///< above 0: its own tail is fatter
  double p = 1.0;          ///< two-sided, of one column or more as far off, were all tails the same (Bonferroni)
};
/// A score test (Rao 1948) for each column: the derivative of its log-likelihood in 1 / dof at the common value, less
/// what the estimates take of it, over its deviation by batches; Student-t, a degree of freedom less than batches. Few
/// batches' sums are not normal: p < 0.001 stands for a level of 1 %. p is 1 with fewer than 8, or the common value at
/// its bound.
std::vector<TailDifference> tail_differences(const Columns&, const TailFit& common, std::size_t overlap = 1);

/// Jumps common to all assets, from the equal-weighted basket (Merton by maximum likelihood), and what is left per
/// asset.
struct JumpsFit {
  MertonFit basket;
  std::vector<Parameter> loadings;  ///< asset i moves by loadings[i] * J
  std::vector<MertonFit> own;       ///< of the returns less the expected common jumps
};
JumpsFit fit_jumps(const Columns&, double bars_per_year, int threads = 1);

/// Heston (1993) by the moments of daily realised variance (Bollerslev and Zhou 2002): per year. Robust, not efficient:
/// the lags of the autocovariance give speed and volatility of variance (in seven years some 15 % and 5 % too high on
/// average: a short history looks as if it forgot sooner), those of the covariance with the return give the
/// correlation. Jumps count as variance.
struct HestonFit {
  Parameter volatility, mean_reversion, vol_of_vol, correlation;
  double initial = 0.0;  ///< annualised volatility of the last week
  std::size_t days = 0;
  bool identified = true;  ///< false: the autocovariance is not positive or does not decay; the parameters mean nothing
  double feller() const {  ///< at least 1: variance never touches zero
    return 2.0 * mean_reversion.value * volatility.value * volatility.value / (vol_of_vol.value * vol_of_vol.value);
  }
};
HestonFit fit_heston(std::span<const double> returns, std::size_t bars_per_day);

/// Log returns of a basket that is rebalanced every bar, over the assets that have a return; empty weights: equal.
std::vector<double> basket_returns(const Columns& returns, const std::vector<double>& weights = {});

/// Ljung and Box (1978) on the squares of the values: small p means that volatility still clusters.
struct LjungBox {
  double statistic = 0.0, p = 1.0;
  int lags = 0;
};
LjungBox ljung_box_squares(std::span<const double> values, int lags);

/// Sample quantile (type 7) of the present values.
double quantile_of(std::span<const double> values, double p);
/// Quantile of a Student-t of unit variance; dof infinite: normal.
double unit_quantile(double dof, double p);

}  // namespace proofload
