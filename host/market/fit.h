/// fit.h -- models of one price history estimated by maximum likelihood. Used by `fit` and `backtest`; fit_market.h has
/// what several assets share.
///
/// Returns are log returns of consecutive bars; a return across a gap is left out (NaN), and filters carry their
/// variance over it: it reverts to its mean by one bar per missing bar. Units: per bar unless said otherwise;
/// `annualised` = standard deviation per bar * sqrt(bars per 365 days). All throw Error when there are fewer than
/// `least_returns` returns, or when they are all zero.
///
/// Standard errors are those of a misspecified model (Huber 1967: sandwich), with the variance of the score from sums
/// over consecutive batches of the history, so that the clustering of volatility is in them. Batches have equally many
/// returns, however long the gaps among them.
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/matrix.h"
#include "input/prices.h"

namespace proofload {

inline constexpr std::size_t least_returns = 50;
/// Bounds of the degrees of freedom: below, the variance is infinite; above, no history can tell the law from a normal
/// one.
inline constexpr double least_dof = 2.02, most_dof = 200.0;

/// A return or a figure that is not known.
inline constexpr double missing = std::numeric_limits<double>::quiet_NaN();

/// A parameter and its standard error (`missing` where it has none, such as at a bound).
struct Parameter {
  double value = 0.0, error = missing;
};

/// Student-t scaled to a standard deviation: log return = location + stdev * sqrt((dof - 2) / dof) * T(dof).
struct StudentFit {
  Parameter stdev, dof, location;
  double log_likelihood = 0.0;
  bool converged = true;
};
StudentFit fit_student(std::span<const double> returns);

/// GJR-GARCH(1,1) (Glosten, Jagannathan, Runkle 1993): h' = omega + (alpha + gamma 1[e < 0]) e^2 + beta h; z Student-t
/// of unit variance (or normal). e is the return itself: over a bar its mean is far below its noise. alpha >= 0, alpha
/// + gamma >= 0, beta >= 0, persistence below 1.
struct GarchFit {
  Parameter omega, alpha, gamma, beta, dof;  ///< dof infinite for normal residuals
  double long_run = 0.0;                     ///< unconditional variance per bar, omega / (1 - alpha - gamma / 2 - beta)
  double next = 0.0;                         ///< variance of the bar after the last return
  double log_likelihood = 0.0;
  bool converged = true;

  double persistence() const { return alpha.value + 0.5 * gamma.value + beta.value; }
};
struct GarchOptions {
  bool student = true;
  bool target_variance =
      true;  ///< omega from the sample variance (Francq, Horvath, Zakoian 2011): robust for short windows
  std::optional<GarchFit> start;  ///< a previous fit, for rolling windows
  bool standard_errors = true;    ///< costs a Hessian
};
GarchFit fit_garch(std::span<const double> returns, const GarchOptions& = {});

/// Conditional variances h[t] of returns[t] given the past under a fit; the element after the last is the forecast.
/// `residuals` (when not null) receives e / sqrt(h), NaN at gaps.
std::vector<double> filter_garch(std::span<const double> returns, const GarchFit&,
                                 std::vector<double>* residuals = nullptr);

/// Merton (1976) jump diffusion by maximum likelihood on bar returns: per year. The number of jumps in a bar is
/// Poisson.
struct MertonFit {
  Parameter volatility, intensity, mean, stdev;  ///< of the diffusion; per year; of one jump's log price
  double location = 0.0;                         ///< mean of the diffusive return, per bar
  double bars_per_year = 0.0;
  double log_likelihood = 0.0;
  bool converged = true;
};
MertonFit fit_merton(std::span<const double> returns, double bars_per_year);

/// What a fit believes about one bar: the probability that it held a jump, and the expected sum of its jumps.
struct JumpBelief {
  double probability = 0.0, jump = 0.0;
};
JumpBelief jump_belief(const MertonFit&, double bar_return);

// ---- parts that fit_market.cpp shares -------------------------------------------------------------------------------

/// Into how many consecutive batches a history of n returns is cut for standard errors: at most 50, each at least as
/// long as their number.
std::size_t batches_of(std::size_t n);
/// Where each batch begins, and the end: batch b is the bars from [b] on, before [b + 1]. Each holds the same share of
/// the weights (of one per bar, none negative), to within a bar's.
std::vector<std::size_t> batch_starts(std::span<const double> weights, std::size_t batches);
/// Batches of a history's returns, as many as batches_of() has.
std::vector<std::size_t> batch_starts(std::span<const double> returns);
/// Scores summed over each batch, [batch][parameter], at the given parameters.
using BatchScores = std::function<Matrix(const std::vector<double>& parameters)>;
/// Covariance of an estimate that sets the sum of the scores to zero; parameters that are not free (at a bound) get
/// NaN.
Matrix sandwich(const BatchScores&, const std::vector<double>& estimate, const std::vector<bool>& free);
/// How many values are not NaN.
std::size_t count_present(std::span<const double> values);

/// log density of a Student-t of unit variance, less the part that depends on the value: the density is
/// exp(constant) * (1 + x^2 / (dof - 2))^(-(dof + 1) / 2). `slope` is its derivative in dof.
struct StudentConstant {
  double value = 0.0, slope = 0.0;
};
StudentConstant student_constant(double dof);

/// Unbounded coordinate of 1 / dof between its bounds, the way back, and the derivative of 1 / dof in it.
double dof_coordinate(double dof);
double inverse_dof(double coordinate);
double inverse_dof_slope(double coordinate);

/// Sum of logarithms at the cost of products.
class LogSum {
 public:
  void add(double x) {
    product_ *= x;
    if (!(product_ > 1e-140 && product_ < 1e140)) flush();
  }
  double sum() {
    flush();
    return sum_;
  }

 private:
  void flush();
  double product_ = 1.0, sum_ = 0.0;
};

}  // namespace proofload
