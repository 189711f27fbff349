/// backtest.h -- a walk through a price history: what each model would have said at each time, and what happened then.
///
/// Time is cut into windows that do not overlap, each as long as the sale takes. At a window's start every model
/// forecasts the loss from what was known; at its end the loss is known: 1 - S(end) / S(start), of the price alone.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "input/prices.h"
#include "market/forecast.h"
#include "scenario/scenario.h"

namespace proofload {

/// The delay of one route, or one given for all.
struct DelayTrack {
  std::string name;  ///< "20m", or the route
  Horizon horizon;   ///< in bars, rounded up
};

/// One collateral: whose price, over which delay.
struct BacktestSubject {
  std::string name, asset;
  std::size_t track = 0;
};

struct BacktestOptions {
  std::vector<std::string> models;
  std::vector<double> confidence = {0.99, 0.999};
  double window = 90.0 * 86400.0, refit = 86400.0;  ///< seconds
  double look_back = 10.0 * 365.0 * 86400.0;        ///< of the long-run volatility, seconds
  std::uint64_t seed = 1;
  std::size_t paths = 20000;  ///< of a forecast that must be simulated
  int threads = 2;
  double in_force = 0.0;     ///< seconds that haircuts stay set, for the models that are made for it
  bool every_phase = false;  ///< windows of one given length begin at every bar, and overlap: split_phases()
  double phase = 0.0;  ///< else windows of one given length begin this many seconds after multiples of it since 1970
  /// Only windows with from <= start < to are tested, seconds since 1970 UTC; what lies before `from` still serves to
  /// fit.
  std::int64_t from = std::numeric_limits<std::int64_t>::min(), to = std::numeric_limits<std::int64_t>::max();
};

/// What a model said, in parallel to the windows; [confidence][window]. What was in force, where haircuts stay set
/// (in_force.h).
struct ModelHistory {
  std::string model;
  std::vector<double> stdev;                             ///< of the log return
  std::vector<std::vector<double>> haircut;              ///< of the simple loss
  std::vector<std::vector<double>> quantile, shortfall;  ///< of the log loss
  std::vector<std::vector<double>> target;  ///< the haircut that it would set anew; empty: that is in force
  std::vector<std::vector<double>> age;     ///< seconds since it was set, under a policy since it changed; empty: none
};

/// One collateral's windows with both prices, in order.
struct SubjectHistory {
  BacktestSubject subject;
  std::vector<std::int64_t> start;  ///< seconds since 1970 UTC
  std::vector<int> bars;
  std::vector<double> loss;  ///< 1 - S(end) / S(start)
  /// standard deviation of the log return over the look-back up to then, scaled to the horizon
  std::vector<double> long_run;
  /// [confidence]: haircut from the most volatile stretch of `window` up to then
  std::vector<std::vector<double>> stressed;
  std::vector<ModelHistory> models;
  std::size_t missing = 0;  ///< windows left out because a price is missing
  std::size_t warm_up = 0;  ///< windows left out because there is too little history before them
  std::size_t sparse = 0;   ///< windows left out because too many bars of their history have no price
  std::size_t still = 0;    ///< windows left out because the price hardly moved in all their history
};

/// A given delay, in bars rounded up.
Horizon fixed_horizon(double seconds, std::int64_t bar);
/// The law of each route's delay, from the first `paths` paths that the kernels would draw. Stalls of failed layers
/// apart; what is unresolved counts with the scenario's horizon.
std::vector<DelayTrack> delay_tracks(const Scenario&, std::int64_t bar, std::uint64_t paths, std::uint64_t seed);

/// Windows of a track over the whole history from row `first` on: row of the start, bars. Drawn from the horizon with
/// the seed.
struct Window {
  std::size_t row = 0;
  int bars = 0;
};
std::vector<Window> cut_windows(std::size_t rows, const Horizon&, std::uint64_t seed, std::size_t first = 0);

/// A subject is ready when its window has passed since its first price and at least this share of its bars is known.
inline constexpr double least_known = 0.75;
/// A price that moved in fewer bars of its window (or in fewer than a third of a short one) has no law of its moves: a
/// stablecoin in four decimals. A Student-t's likelihood would grow without bound there, its scale going to 0.
inline constexpr std::size_t least_moves = 10;

/// A subject without a window says why by what was left out. Throws Error when no subject has one.
std::vector<SubjectHistory> walk(const PriceHistory&, const std::vector<DelayTrack>&,
                                 const std::vector<BacktestSubject>&, const BacktestOptions&);

/// Windows that begin at every bar, taken apart into histories whose windows do not overlap: [phase][subject], a phase
/// for each bar of `bars`, of windows that begin so many bars after multiples of their length since 1970.
std::vector<std::vector<SubjectHistory>> split_phases(const std::vector<SubjectHistory>&, int bars, std::int64_t bar);

}  // namespace proofload
