/// forecast.h -- models that say today how much a price may fall until a sale: the tail of the loss over a horizon of
/// one or more bars.
///
/// A forecaster sees log returns up to now and nothing else, so it cannot look ahead. It fits itself anew every `refit`
/// bars on the last `window` bars, and follows every bar in between.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "market/horizon.h"

namespace proofload {

class PooledLosses;
class SharedParts;

struct ForecastSettings {
  Horizon horizon;
  std::vector<double> confidence = {0.99, 0.999};
  std::size_t window = 0, refit = 0;  ///< bars
  std::int64_t bar = 0;               ///< seconds
  std::int64_t first = 0;             ///< time at which the first return ends, seconds since 1970 UTC
  std::uint64_t seed = 1;
  std::size_t paths = 20000;           ///< of a forecast that must be simulated
  std::size_t in_force = 0;            ///< bars for which what is forecast stays set; a sale begins at any time of it
  std::size_t asset = 0;               ///< column of `pool`
  const PooledLosses* pool = nullptr;  ///< of all assets; for the models that say `pooled`
  SharedParts* shared = nullptr;       ///< make_forecasters() sets it
};

/// Of the log loss -ln(S(t + delay) / S(t)): a loss of 1 - exp(-quantile) of the value is the haircut.
struct TailForecast {
  double stdev = 0.0;                       ///< of the log return over the horizon
  std::vector<double> quantile, shortfall;  ///< per confidence; shortfall: expected log loss beyond the quantile
};

/// `past`: the log return of every bar up to now, NaN where it is unknown. To be called with ever longer histories of
/// one asset.
using Forecaster = std::function<TailForecast(std::span<const double> past)>;

struct ForecastModel {
  const char* name;
  const char* summary;  ///< one line, for tables
  Forecaster (*make)(const ForecastSettings&);
  bool pooled = false;  ///< it looks at the losses of all assets
};
/// The first is the Gaussian baseline.
std::span<const ForecastModel> forecast_models();
/// What to use where nothing speaks for another: chosen by backtests on 2017 to 2023, so years after these are its
/// test.
inline constexpr const char* recommended_model = "pooled_memory";
/// "recommended" is one of them by another name. Throws Error naming the models there are.
const ForecastModel& forecast_model(const std::string& name);

/// Models of one walk, to be called bar by bar with the same histories: what several of them need (a fit of GARCH, fhs
/// as a part of combined) is done once a bar. They say what each would say by itself.
std::vector<Forecaster> make_forecasters(const std::vector<std::string>& names, ForecastSettings);

/// Quantiles and shortfalls of a sample of `of` losses that `highest` holds the highest of, as many as the least
/// confidence needs (all, or as far as its rank); reorders them. Order statistic confidence * (of + 1), which the next
/// draw exceeds with probability 1 - confidence, between its neighbours; the largest where the sample is too small for
/// that. No deviation.
TailForecast empirical_tail(std::vector<double>& highest, const std::vector<double>& confidence, std::size_t of);

}  // namespace proofload
