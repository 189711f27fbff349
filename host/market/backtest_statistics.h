/// backtest_statistics.h -- tests of quantile forecasts against what happened. Pure functions, deterministic: the
/// simulated ones take a seed.
///
/// A hit is a loss beyond its forecast; `p` is the probability that a hit should have, 1 - confidence. Formulas and the
/// published values that the tests compare with: Kupiec (1995), Christoffersen (1998), Basel Committee (1996), Acerbi
/// and Szekely (2014), Diebold and Mariano (1995), Newey and West (1987), Holm (1979), Politis and Romano (1994),
/// Hansen, Lunde and Nason (2011).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace proofload {

/// SplitMix64 (Steele, Lea, Flood 2014): one 64-bit state, equal seeds give equal draws everywhere.
struct Draws {
  std::uint64_t state = 0;

  std::uint64_t word() {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  /// In (0, 1): never either end.
  double uniform() { return (static_cast<double>(word() >> 12) + 0.5) * 0x1p-52; }
  /// In 0 .. n - 1, n > 0 below 2^32.
  std::uint64_t below(std::uint64_t n) { return ((word() >> 32) * n) >> 32; }
};

/// What the likelihood ratios need of a sequence of hits: its length, its hits, and who follows whom.
struct HitCounts {
  std::uint64_t windows = 0, hits = 0;
  /// follows[i][j]: a window of kind i (1: hit) and then one of kind j
  std::array<std::array<std::uint64_t, 2>, 2> follows{};
};
HitCounts count_hits(std::span<const char> hits);

/// Kupiec's likelihood ratio that hits have probability p ("proportion of failures"), chi-square with 1 degree of
/// freedom.
double kupiec(std::uint64_t hits, std::uint64_t windows, double p);
/// Christoffersen's likelihood ratio that a hit is as likely after a hit as after none, chi-square(1).
double christoffersen_independence(const HitCounts&);
/// Conditional coverage: the sum of the two, chi-square(2).
double christoffersen(const HitCounts&, double p);
/// P(chi-square(dof) >= ratio).
double chi_square_p(double ratio, int dof);

/// Chi-square is wrong for few hits: Monte Carlo p-values (Dufour 2006) need no such limit. The three ratios of `draws`
/// sequences of independent hits, each ascending.
struct NullRatios {
  std::vector<double> coverage, independence, both;
};
NullRatios simulate_null_ratios(std::uint64_t windows, double p, std::size_t draws, std::uint64_t seed);
/// (1 + how many are at least `value`) / (1 + how many there are); `ascending` is sorted.
double monte_carlo_p(const std::vector<double>& ascending, double value);
/// The tests are used where windows * p is at least this: with fewer expected hits they reject next to nothing.
inline constexpr double fewest_expected_hits = 10.0;

/// Holm's adjusted p-values, in the order given: reject what is at most the level.
std::vector<double> holm(const std::vector<double>& p_values);

/// Basel's zones carried over to any number of windows and any p: yellow where P(hits <= x) reaches 95 %, red at 99.99
/// %.
enum class Light { green, yellow, red };
struct TrafficLight {
  Light light = Light::green;
  double cumulative = 0.0;  ///< P(hits <= x) when p is right
};
TrafficLight traffic_light(std::uint64_t hits, std::uint64_t windows, double p);
const char* light_text(Light);

/// Probability that Kupiec's chi-square test at `level` rejects when hits have probability p * ratio.
double kupiec_power(double windows, double p, double ratio, double level = 0.05);

/// Probability that Christoffersen's test of independence rejects, its ratio being above `critical`, when hits have
/// probability p, and right after a hit `ratio` times that: by simulation.
double independence_power(std::uint64_t windows, double p, double ratio, double critical, std::size_t draws,
                          std::uint64_t seed);

/// Acerbi and Szekely's second statistic: 1 - sum over hits of loss / shortfall / (windows * p). 0 is expected,
/// negative is too little; `shortfall`: the forecast expected shortfall at the same confidence.
double acerbi_szekely(std::span<const double> loss, std::span<const double> quantile, std::span<const double> shortfall,
                      double p);
/// Its law when losses are independent Student-t with `dof` (infinite: normal) and the forecasts are right, or `larger`
/// times too small: ascending.
std::vector<double> simulate_acerbi_szekely(std::uint64_t windows, double p, double dof, std::size_t draws,
                                            std::uint64_t seed, double larger = 1.0);
/// Share of `ascending` at or below `value`, as (1 + count) / (1 + size): the one-sided p-value of too little.
double lower_p(const std::vector<double>& ascending, double value);

/// Upper p-quantile of a standard Student-t (infinite dof: normal), its expected shortfall, and the dof (in [1.05,
/// infinity]) at which shortfall / quantile is `ratio`: the tail that a forecast implies, whatever model made it.
double student_quantile(double dof, double p);
double student_beyond(double dof, double x);  ///< P(T > x), what that is the inverse of
double student_shortfall(double dof, double p);
double dof_of_tail(double ratio, double p);

/// Koenker and Bassett's loss of forecasting the quantile `q` at `confidence` when `loss` happens: lowest in
/// expectation at the true one.
double pinball(double loss, double q, double confidence);

/// Diebold-Mariano: is the mean of loss differences zero? Newey-West error with `lag` autocovariances (negative: 4
/// (n/100)^(2/9)).
struct DieboldMariano {
  double mean = 0.0, error = 0.0, statistic = 0.0, p = 1.0;  ///< p two-sided, Student-t(n - 1)
};
DieboldMariano diebold_mariano(std::span<const double> difference, int lag = -1);

/// The model confidence set (Hansen, Lunde and Nason 2011; t-statistics of each model against the mean of all, T_max,
/// stationary bootstrap): p-value of each model, in the order given; those of at least a level are the set that holds
/// the best model with probability 1 - level. `losses`: [model][day]; models whose losses are all the same as another's
/// have its p-value.
std::vector<double> model_confidence_set(const std::vector<std::vector<double>>& losses, double mean_block_days,
                                         std::size_t draws, std::uint64_t seed);

/// Hits over expected hits, with an interval that lets days and assets depend on each other: days are resampled in
/// blocks of geometric length (stationary bootstrap), whole, with everything that happened on them.
struct Coverage {
  double hits = 0.0, expected = 0.0;
  double ratio = 0.0, low = 0.0, high = 0.0;
  double design_effect = 1.0;  ///< variance of the hits over that of independent ones
};
/// Per day: hits, and windows. Never narrower than Clopper-Pearson of independent windows, which is all there is when
/// hits are few.
Coverage coverage_by_days(std::span<const double> hits, std::span<const double> windows, double p,
                          double mean_block_days, double level, std::size_t draws, std::uint64_t seed);

/// The same from sums by day (days since 1970); days between them had no windows. At least one day.
using Days = std::map<std::int64_t, double>;
Coverage coverage_by_days(const Days& hits, const Days& windows, double p, double mean_block_days, double level,
                          std::size_t draws, std::uint64_t seed);

}  // namespace proofload
