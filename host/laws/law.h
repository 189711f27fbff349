/// law.h -- what a probability law is: its kinds, their words and parameters, a value with the parameters set.
///
/// Durations are in seconds, fractions as numbers. A new law is an enumerator, a row of law_rows and rows of
/// law_parameters here, and its quantile function: simple_part() in parts.cpp, with a Family of standard_law.h where
/// none of them has its shape.
#pragma once
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/quantity.h"
#include "base/rows.h"

namespace proofload {

enum class LawKind {
  constant,
  uniform,
  exponential,
  lognormal,
  gamma,
  weibull,
  pareto,
  beta,
  mixture,
  empirical,
  geometric,  ///< blocks until a transaction is included: (K + U) block_time, P(K = k) = p (1 - p)^k, U uniform
  retry,      ///< attempts until one is not dropped, with back-off between them
  window      ///< a law that is cut at the end of a window, after which `late` is added: automatic, then by hand
};

/// What a law can be of, and what it can be part of.
enum class LawUse {
  anything,   ///< bounded by its parameters
  endless,    ///< no upper end: not of fractions
  fractions,  ///< of fractions only
  mixed,      ///< not inside another law
  composed    ///< of durations only, and not inside a retry or a window
};

struct LawRow {
  LawKind kind;
  const char* name;
  LawUse use;
  const char* keys;     ///< as one would look them up; the numbers among them are rows of law_parameters
  const char* meaning;  ///< what the keys do not say; may be empty
};
inline constexpr LawRow law_rows[] = {
    {LawKind::constant, "constant", LawUse::anything, "value", "an atom"},
    {LawKind::uniform, "uniform", LawUse::anything, "min, max", "min below max"},
    {LawKind::exponential, "exponential", LawUse::endless, "mean", ""},
    {LawKind::lognormal, "lognormal", LawUse::endless, "median, p99 or sigma", "sigma: of the logarithm"},
    {LawKind::gamma, "gamma", LawUse::endless, "shape, mean", ""},
    {LawKind::weibull, "weibull", LawUse::endless, "shape, scale", "P(X > x) = exp(-(x/scale)^shape)"},
    {LawKind::pareto, "pareto", LawUse::anything, "min, alpha, cap", "P(X > x) falls as x^-alpha; truncated at cap"},
    {LawKind::beta, "beta", LawUse::fractions, "mean, stdev", "fractions only"},
    {LawKind::mixture, "mixture", LawUse::mixed, "of = [ { weight, kind, ... }, ... ]",
     "one of them happens; weights sum to 1"},
    {LawKind::empirical, "empirical", LawUse::mixed,
     "quantiles, or file and column (status, tail), or quantile_file (where, quantiles_in)",
     "measured: straight lines between quantiles, an exponential or a generalised Pareto tail; what was not delivered "
     "(status) is right-censored"},
    {LawKind::geometric, "geometric", LawUse::composed, "probability, block_time",
     "blocks until a transaction is in one: (K + U) block_time, P(K = k) = p (1 - p)^k, U uniform on [0, 1]"},
    {LawKind::retry, "retry", LawUse::composed, "of, drop, wait, backoff, longest, attempts",
     "attempts until one is not lost: waits of wait, wait backoff, ... up to longest; the last one arrives"},
    {LawKind::window, "window", LawUse::composed, "within, end, late",
     "X by the law within if X <= end, else end and late: automatic, then by hand"},
};
static_assert(rows_follow(law_rows, &LawRow::kind, LawKind::window));
constexpr const char* law_name(LawKind kind) { return row_of(law_rows, kind).name; }

/// A probability law of a duration (seconds) or of a fraction. Only the parameters of its kind are set; the others are
/// NaN.
struct LawSpec {
  static constexpr double unset = std::numeric_limits<double>::quiet_NaN();
  LawKind kind = LawKind::constant;
  double value = unset, min = unset, max = unset, mean = unset, median = unset, p99 = unset, sigma = unset;
  double shape = unset, scale = unset, alpha = unset, cap = unset, stdev = unset;
  double probability = unset, block_time = unset;  ///< geometric: of inclusion per block; seconds
  double drop = unset, wait = unset, backoff = unset, longest = unset,
         attempts =
             /// retry: probability that an attempt is lost; seconds to the second attempt, each further wait `backoff`
         /// times as long up to `longest`; after `attempts` the last one is delivered
         unset;
  double end = unset;   ///< window: seconds
  double weight = 1.0;  ///< inside a mixture
  /// mixture: its components; retry: the law of an attempt that is delivered; window: [0] the law inside it, [1] what
  /// follows.
  std::vector<LawSpec> of;
  /// empirical: (p, value), both ascending; samples are reduced to these when read
  std::vector<std::pair<double, double>> quantiles;
  std::string file, column;      ///< empirical: where samples came from ("" when quantiles were written out)
  std::size_t samples = 0;       ///< empirical: how many there were
  double reduction_error = 0.0;  ///< empirical: largest |reduced - sample quantile| / max(Q(p), Q(0.01))
  std::string status;            ///< empirical: the column that says which samples were delivered ("": all were)
  std::size_t censored = 0;      ///< empirical: how many were not
  /// empirical, with a `tail`: the generalised Pareto law of what is beyond `threshold`, with standard errors.
  struct Tail {
    static constexpr double least_shape = -0.5, greatest_shape = 3.0;
    double threshold = 0.0, share = 0.0;  ///< the quantile of order 1 - share
    double shape = 0.0, scale = 0.0, shape_error = 0.0, scale_error = 0.0;
  };
  std::optional<Tail> tail;

  // Out of line: each file that holds one would compile them again.
  LawSpec();
  LawSpec(const LawSpec&);
  LawSpec(LawSpec&&) noexcept;
  LawSpec& operator=(const LawSpec&);
  LawSpec& operator=(LawSpec&&) noexcept;
  ~LawSpec();
};

/// In the unit of what the law is of: from 0, or from far below a tick where a logarithm or a ratio needs it; or a
/// number with a range of its own.
enum class ParameterKind { measured, positive, plain };

struct LawParameter {
  LawKind law;
  const char* key;
  double LawSpec::*value;
  ParameterKind kind = ParameterKind::measured;
  Quantity range{};  ///< of a plain number
  bool optional = false;
};

inline constexpr Quantity sigma_range{0.0, 8.0, Open::low, "the standard deviation of the logarithm", "0.5"};
inline constexpr Quantity gamma_shape{0.05, 1e4, Open::neither, "the shape of a gamma law; 1 is exponential", "2.0"};
inline constexpr Quantity weibull_shape{0.1, 100.0, Open::neither, "the shape of a Weibull law; 1 is exponential",
                                        "1.5"};
inline constexpr Quantity tail_index{0.01, 100.0, Open::neither, "the tail index of a Pareto law", "1.5"};

inline constexpr Quantity inclusion_range{1e-4, 1.0, Open::neither, "the probability of inclusion in a block", "0.9"};
inline constexpr Quantity drop_range{0.0, 1.0, Open::high, "the probability that an attempt is lost", "0.05"};
inline constexpr Quantity backoff_range{1.0, 1e3, Open::neither, "how many times as long each further wait is", "2.0"};
inline constexpr Quantity attempts_range{1.0, 64.0, Open::neither,
                                         "a number of attempts, the last of which is delivered", "8"};

/// Every number of a law that has parameters, in the order in which they are written.
inline constexpr LawParameter law_parameters[] = {
    {LawKind::constant, "value", &LawSpec::value},
    {LawKind::uniform, "min", &LawSpec::min},
    {LawKind::uniform, "max", &LawSpec::max},
    {LawKind::exponential, "mean", &LawSpec::mean, ParameterKind::positive},
    {LawKind::lognormal, "median", &LawSpec::median, ParameterKind::positive},
    {LawKind::lognormal, "p99", &LawSpec::p99, ParameterKind::positive, {}, true},
    {LawKind::lognormal, "sigma", &LawSpec::sigma, ParameterKind::plain, sigma_range, true},
    {LawKind::gamma, "shape", &LawSpec::shape, ParameterKind::plain, gamma_shape},
    {LawKind::gamma, "mean", &LawSpec::mean, ParameterKind::positive},
    {LawKind::weibull, "shape", &LawSpec::shape, ParameterKind::plain, weibull_shape},
    {LawKind::weibull, "scale", &LawSpec::scale, ParameterKind::positive},
    {LawKind::pareto, "min", &LawSpec::min, ParameterKind::positive},
    {LawKind::pareto, "alpha", &LawSpec::alpha, ParameterKind::plain, tail_index},
    {LawKind::pareto, "cap", &LawSpec::cap},
    {LawKind::beta, "mean", &LawSpec::mean, ParameterKind::positive},
    {LawKind::beta, "stdev", &LawSpec::stdev, ParameterKind::positive},
    {LawKind::geometric, "probability", &LawSpec::probability, ParameterKind::plain, inclusion_range},
    {LawKind::geometric, "block_time", &LawSpec::block_time, ParameterKind::positive},
    {LawKind::retry, "drop", &LawSpec::drop, ParameterKind::plain, drop_range},
    {LawKind::retry, "wait", &LawSpec::wait},
    {LawKind::retry, "backoff", &LawSpec::backoff, ParameterKind::plain, backoff_range, true},
    {LawKind::retry, "longest", &LawSpec::longest, ParameterKind::measured, {}, true},
    {LawKind::retry, "attempts", &LawSpec::attempts, ParameterKind::plain, attempts_range, true},
    {LawKind::window, "end", &LawSpec::end},
};

}  // namespace proofload
