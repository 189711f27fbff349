/// pooled_losses.h -- what all assets of a history lost over a delay, each loss divided by the deviation that was known
/// when its haircut was set: the tail that a haircut needs for as long as it is in force.
///
/// A 99.9 % quantile of one asset's last months rests on a handful of losses, and of losses right after a forecast it
/// knows nothing of haircuts that are a week old. Here losses of all assets and of the whole past are one sample, and
/// each is divided by what was known at several ages of its haircut, evenly spread over the time in force.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "input/prices.h"
#include "market/forecast.h"

namespace proofload {

/// What is asked of a history. `horizon` and `in_force` in bars; refit in seconds, counted from 1970 UTC.
struct PoolSettings {
  Horizon horizon;
  std::size_t in_force = 0;
  std::int64_t refit = 86400;
  std::vector<double> confidence;
  /// Bars of an asset after its first price in which its deviation is not yet one: nothing is divided by it.
  std::size_t burn_in = 0;
};
inline constexpr double longest_burn_in = 30.0 * 86400.0;  ///< seconds

/// Made once from a history and read by the forecasts of all its assets; what it says at a row is of rows up to then.
/// Deviations are of long memories (memories.h), falls counting 1.3 times and rises 0.7 times; the shortest memory is
/// the mean horizon h times (1 + in_force / h)^(1/4): the longer a haircut stays, the less today says of it.
class PooledLosses {
 public:
  PooledLosses(const PriceHistory&, PoolSettings);

  std::size_t row_of(std::int64_t time) const { return static_cast<std::size_t>((time - start_) / bar_); }
  /// Forecast deviation of the asset's log return over the mean horizon, known at `row`; 0 before its first return.
  double deviation(std::size_t asset, std::size_t row) const { return deviation_[asset][row]; }
  /// Of losses divided by their deviation, as they were known at the last multiple of `refit` up to `row`, or first.
  /// Quantiles are those of a sample that is smaller by the losses that say nothing new, because they overlap or share
  /// their time: of N losses the one with (1 - c) N - c k others above, k the bars of a delay times the ages of a loss.
  /// Empty without a loss.
  const TailForecast& tail(std::size_t row) const { return tails_[epoch_[row]]; }

 private:
  std::int64_t start_, bar_;
  std::vector<std::vector<double>> deviation_;
  std::vector<std::size_t> epoch_;  ///< [row]: of tails_
  std::vector<TailForecast> tails_;
};

}  // namespace proofload
