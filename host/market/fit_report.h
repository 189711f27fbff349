/// fit_report.h -- what was fitted, and how people and programs read it: a [market] section in TOML and, with
/// transfers, a [systemic] one; tables; JSON.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "market/fit_market.h"
#include "market/fit_systemic.h"

namespace proofload {

/// One asset by itself. Volatilities are annual.
struct AssetFit {
  std::string name;
  double price = 0.0;  ///< the last of the history
  std::size_t returns = 0;
  std::int64_t first = 0, last = 0;  ///< times of the first and last price
  Parameter volatility;
  StudentFit student;
  GarchFit garch;  ///< with t residuals
  /// By Gaussian quasi-likelihood (Bollerslev and Wooldridge 1992), for resampled residuals: it gives them unit
  /// variance whatever their law, so that the model's long-run level is the history's. Under a t likelihood their
  /// variance may come out well above 1.
  GarchFit filter;
  double kappa = missing;  ///< mean of z^2 over losses, of its residual column; missing: there are no rows
  std::optional<HestonFit> heston;
  /// Of the returns, as those of `student` and `garch` are (fit_likelihood.h).
  double gaussian_likelihood = missing, merton_likelihood = missing;
  LjungBox raw, filtered;                                    ///< of the squared returns; of the squared residuals
  std::vector<double> return_quantiles, residual_quantiles;  ///< at `tail_probabilities`, in standard deviations
};

inline constexpr double tail_probabilities[] = {0.001, 0.01, 0.99, 0.999};

struct FittedMarket {
  std::string model;                                      ///< the one that is switched on
  std::vector<std::string> files;                         ///< names without folders
  std::int64_t start = 0, end = 0, bar = 0, horizon = 0;  ///< seconds; times of the first and last row
  std::int64_t last_price = 0;  ///< time of the last price of the asset whose prices end first
  std::int64_t in_force = 0;    ///< seconds for which the scenario's haircuts are to stay set; 0: not said
  bool opening = false;         ///< files have the times of openings; times here are those of prices
  std::size_t rows = 0;
  std::vector<std::string> repairs, notes;
  std::vector<AssetFit> assets;
  Correlations correlation, residual_correlation;  ///< of returns; of the filter's residuals
  std::optional<FactorFit> factors, residual_factors;
  TailFit tail, residual_tail;  ///< of returns over `horizon`; of residuals of `garch`
  JumpsFit jumps;
  GarchFit basket;  ///< of the index: its volatility now is sqrt(next), in the long run sqrt(long_run), per bar
  bool weighted = false;
  std::string residual_file;  ///< name without folder; empty: none was written
  std::size_t residual_rows = 0;
  /// Whether a scenario may start `filter` with these rows in its stationary law (warm_up_of).
  bool stationary_is_near = true;
  std::optional<SystemicFit> systemic;  ///< absent without transfers

  double bars_per_year() const { return 31536000.0 / static_cast<double>(bar); }
};

std::string market_toml(const FittedMarket&);
inline constexpr const char* section_mark = "# Fitted by proofload fit (";  ///< how that begins
std::string fit_text(const FittedMarket&);
nlohmann::ordered_json fit_json(const FittedMarket&);
/// A parameter as the section has it, to four digits.
double as_written(double);

}  // namespace proofload
