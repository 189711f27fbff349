/// fit_systemic.h -- how far the stress factor G of a scenario moves delays and volatility, from messages that were
/// sent and the prices that they met. Used by `fit --latencies`.
///
/// The model is that of a run: the normal score of a delay is a G + sqrt(1 - a^2) e, log volatility has the term gamma
/// G, and G is one standard normal per liquidation. For the transfer sent at s, z is the expected normal score of its
/// delay, and x the log realised volatility of the bars that begin at s or after it, over a window, its mean over
/// assets; xo and xe are those of its odd and of its even bars. Noise in returns is independent between halves and of
/// delays, whatever its law, so that (classical test theory: Spearman 1910, Lord and Novick 1968; corrected for
/// attenuation: Spearman 1904)
///
///     gamma^2 = Cov(xo, xe)        reliability = gamma^2 / Var(x)        a = Cov(z, x) / (Var(z) gamma)
///
/// Dividing by Var(z) and not by its root is right for scores that are means over what is not known of them (ties;
/// messages that were not delivered, of which it is only known that they take longer than they were watched): Cov(E[z |
/// data], G) = a Var(E[z | data]) when that is independent of G given z. The ranks are those of Kaplan and Meier's law,
/// within each group.
///
/// Relative to a window before s, which ends there with volatility y: G is what y does not foretell, x - beta y with
/// beta = Cov(x, y) / Cov(yo, ye), for models whose variance is conditional already.
///
/// Errors and intervals: days are resampled in blocks of geometric length (stationary bootstrap, Politis and Romano
/// 1994), with all that was sent on them, ranks and all else made again; blocks are as long as Politis and White (2004,
/// corrected 2009) advise for a, gamma^2 and the volatility of days, whichever is longest. Windows that overlap,
/// clustering and days that resemble the one before are in it so. A trend over all the history is not.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "input/prices.h"
#include "market/transfers.h"

namespace proofload {

inline constexpr std::size_t fewest_systemic_transfers = 50, fewest_systemic_days = 20, fewest_window_bars = 4;
inline constexpr double largest_loading = 0.999, largest_volatility_loading = 5.0;  ///< what a scenario takes
inline constexpr double systemic_level = 0.95;                                      ///< of intervals

struct SystemicOptions {
  std::int64_t window = 0;    ///< seconds, a multiple of the bar; 0: usual_window
  std::int64_t trailing = 0;  ///< seconds, a multiple of the bar; 0: volatility is not relative to anything
  std::size_t draws = 999;    ///< of the bootstrap
  std::uint64_t seed = 1;
  int threads = 1;
};

/// An hour; a day; or eight bars where these are longer.
std::int64_t usual_window(std::int64_t bar);
std::int64_t usual_trailing_window(std::int64_t bar);

struct SystemicLoading {
  double value = 0.0, error = 0.0, low = 0.0, high = 0.0;
  bool held = false;  ///< the estimate was beyond what a scenario takes
};

struct SystemicFit {
  std::string file;
  std::size_t rows = 0, used = 0, undelivered = 0, days = 0;  ///< undelivered: of those used
  std::size_t groups = 1;
  std::int64_t first = 0, last = 0;  ///< when the first and the last that were used were sent
  std::int64_t window = 0, trailing = 0, bar = 0;
  SystemicLoading delays, volatility;
  double correlation = 0.0;  ///< of z and x: lower than `delays` by the noise of x
  double reliability = 0.0;  ///< share of Var(x) that is no noise
  double by_ranks =
      0.0;            ///< `delays` by Spearman's rank correlation, for comparison: it takes the noise of x for normal
  double beta = 0.0;  ///< how much of the trailing log volatility persists; 0 without
  double block_days = 1.0;  ///< mean length of a block
  std::vector<std::string> notes;
};

/// Throws Error when fewer than fewest_systemic_transfers, or those of fewer than fewest_systemic_days, met prices;
/// when delays are all equal; when volatility does not vary beyond its noise; when a window has fewer than
/// fewest_window_bars bars, or is no whole number.
SystemicFit fit_systemic(const PriceHistory&, const Transfers&, const SystemicOptions&);

/// A [systemic] table with what is known of its numbers in comments; a section of the report; for programs.
std::string systemic_fit_toml(const SystemicFit&);
std::string systemic_fit_text(const SystemicFit&);
nlohmann::ordered_json systemic_fit_json(const SystemicFit&);

// ---- parts that tests look at ---------------------------------------------------------------------------------------

/// Spearman's rank correlation; ties have their mean rank.
double spearman(std::span<const double> x, std::span<const double> y);
/// The correlation of a bivariate normal law whose rank correlation this is: 2 sin(pi rs / 6) (Pearson 1907).
double normal_correlation(double rank_correlation);
/// Expected normal scores given the data, each observation counted `weight` times (whole numbers); those with none are
/// left 0.
std::vector<double> normal_scores(std::span<const double> delay, const std::vector<bool>& delivered,
                                  std::span<const double> weight);
/// Mean block of the stationary bootstrap for the mean of a series: Politis and White (2004), Patton, Politis and White
/// (2009).
double bootstrap_block(std::span<const double> series);

}  // namespace proofload
