/// in_force.h -- haircuts that stay set: what was in force at each window of a walk, how coverage depends on the time
/// since it was set, and what was risked while a haircut could not rise as fast as it should have.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "market/backtest.h"
#include "market/backtest_statistics.h"
#include "scenario/policy.h"

namespace proofload {

/// What the models of a walk would set anew at each window becomes what was in force then, under the policy, and is
/// kept as `target`. Reviews are `phase` seconds later than the policy's multiples since 1970 UTC.
void hold(std::vector<SubjectHistory>&, const HaircutPolicy&, std::int64_t phase = 0);

/// Coverage of the losses that came between `from` and `to` seconds after their haircut was set.
struct AgeCoverage {
  std::string model;
  double confidence = 0.0, from = 0.0, to = 0.0;
  bool all = false;  ///< of every age
  Coverage coverage;
};
inline constexpr int ages_of_force = 8;  ///< parts of the time in force that are told apart

/// Of haircuts that stay in force for so many seconds, over all times at which they may have been set: each loss is
/// judged against every haircut of the windows of the last `in_force` seconds, and counts once, so the figure does not
/// hang on the hour or the weekday of a reset. Per model and confidence: the ages that windows have, then all of them
/// together (a call at a random time). With `in_force` 0, as a policy leaves it open: of what was in force, by the time
/// since it last changed. `held`: after hold(). Blocks of dates of `block_days` on average.
std::vector<AgeCoverage> coverage_by_age(const std::vector<SubjectHistory>& held, const std::vector<double>& confidence,
                                         double in_force, double block_days, double level, std::uint64_t seed);

/// All phases of a backtest together (split_phases, each held): hits of every one by day, so that the interval knows
/// that they share their days.
struct PhaseCoverage {
  std::string model;
  double confidence = 0.0;
  std::size_t phases = 0;
  Coverage coverage;
  double least = 0.0, most = 0.0;  ///< ratios of single phases
  double pinball = 0.0;            ///< mean
};
std::vector<PhaseCoverage> coverage_of_phases(const std::vector<std::vector<SubjectHistory>>& held,
                                              const std::vector<double>& confidence, double block_days, double level,
                                              std::uint64_t seed);

/// A time in which the haircut in force was below what the model asked for.
struct Rise {
  std::string subject, model;
  double confidence = 0.0;
  std::int64_t from = 0, to = 0;  ///< of the first and the last window
  double held = 0.0, peak = 0.0;  ///< in force at first; the highest that was asked for
  std::size_t windows = 0, hits = 0;
  double expected = 0.0;        ///< hits, had the haircuts been what was asked for
  double worst = 0.0;           ///< the largest loss beyond the haircut in force, a fraction of the value
  double missing_margin = 0.0;  ///< what was asked for less what was in force, summed over windows: ranks the rises
};
/// The `most` rises of each model at the last confidence, by what was missing, largest first.
std::vector<Rise> rises(const std::vector<SubjectHistory>& held, const std::vector<double>& confidence,
                        std::size_t most);

}  // namespace proofload
