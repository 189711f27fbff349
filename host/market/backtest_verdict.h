/// backtest_verdict.h -- what a walk says about its models: coverage and its tests, sharpness, the worst misses,
/// procyclicality.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "market/backtest.h"
#include "market/backtest_statistics.h"
#include "market/in_force.h"

namespace proofload {

/// A model at one confidence for one collateral ("cell"). P-values are absent where too few hits are expected.
struct CellVerdict {
  std::string subject, model;
  double confidence = 0.0;
  std::uint64_t windows = 0, hits = 0;
  double ratio = 0.0;  ///< hits over expected hits
  double coverage_lr = 0.0, independence_lr = 0.0, both_lr = 0.0;
  std::optional<double> coverage_p, independence_p, both_p;  ///< Monte Carlo
  std::optional<double> coverage_holm, independence_holm;    ///< adjusted over both tests of all cells of the model
  TrafficLight light;
  double z2 = 0.0, z2_p = 1.0, z2_critical = 0.0;  ///< Acerbi-Szekely; critical at 5 %, simulated for `tail_dof`
  double tail_dof = 0.0;           ///< of the Student-t with the forecasts' shortfall over quantile (infinite: normal)
  double mean = 0.0, peak = 0.0;   ///< haircut
  double scale = 1.0;              ///< haircuts times this have ratio 1
  double pinball = 0.0;            ///< mean
  std::optional<double> relative;  ///< pinball over the baseline's
  DieboldMariano against;          ///< of the difference to the baseline's, by days
};

/// A model at one confidence over all collaterals.
struct PooledVerdict {
  std::string model;
  double confidence = 0.0;
  std::uint64_t windows = 0;
  Coverage coverage;
  std::size_t cells = 0, tested = 0,
              rejected = 0;             ///< cells; those with enough hits to test; those Holm rejects at 5 %
  std::array<std::size_t, 3> lights{};  ///< green, yellow, red
  std::size_t too_little = 0;           ///< cells with z2 below its critical value
  double mean = 0.0, peak = 0.0, scale = 1.0, pinball = 0.0;
  std::optional<double> relative;
  DieboldMariano against;
  /// Of the model confidence set: whether it may be the best of all by its pinball loss; absent where the history holds
  /// fewer than fewest_blocks_of_dates of them to resample.
  std::optional<double> best_p;
  /// Diebold-Mariano by days against each model in their order; itself: p 1. Below 0: this one loses less.
  std::vector<DieboldMariano> against_each;
};

inline constexpr double fewest_blocks_of_dates = 8.0;

struct Miss {
  std::string subject, model;
  double confidence = 0.0;
  std::int64_t start = 0;
  int bars = 0;
  double loss = 0.0, haircut = 0.0;
};

/// Anti-procyclicality, EMIR RTS 153/2013 Art. 28: what a rule does to the haircuts of a model. Only where every window
/// has its own: a policy is a rule itself.
struct RuleVerdict {
  std::string rule, model;
  double confidence = 0.0;
  double ratio = 0.0, mean = 0.0, peak = 0.0;
  double rise = 0.0;  ///< largest increase within five days
};

struct PowerRow {
  std::string what;
  double confidence = 0.0, windows = 0.0;  ///< windows: effective ones where days and assets depend on each other
  std::array<double, 4> power{};           ///< of Kupiec's test, for true ratios power_ratios
  /// Of Christoffersen's when a hit is so many times as likely right after one, and of Acerbi and Szekely's when losses
  /// are so many times as large as forecast; absent for models over all collaterals.
  std::optional<std::array<double, 2>> independence, shortfall;
};
inline constexpr std::array<double, 4> power_ratios = {0.5, 0.75, 1.5, 2.0};
inline constexpr std::array<double, 2> cluster_ratios = {5.0, 20.0}, loss_ratios = {1.1, 1.25};

struct VerdictOptions {
  std::string baseline = "gaussian";
  double level = 0.95;
  double block_days = 14.0;  ///< mean length of the blocks of dates
  std::size_t draws = 9999;
  std::uint64_t seed = 1;
  std::size_t misses = 10;  ///< per model, at the highest confidence
  /// Art. 28: share added in quiet times and used up when haircuts rise; weight of stressed observations; seconds of
  /// the trailing mean that tells quiet from rising.
  double buffer = 0.25, stressed_weight = 0.25, quiet = 90.0 * 86400.0;
  double in_force = 0.0;  ///< seconds that haircuts stay set, from any time on: coverage by age; 0: not looked at
  std::size_t rises = 3;  ///< per model, where a policy holds haircuts back
};

struct Verdict {
  VerdictOptions options;
  std::vector<CellVerdict> cells;
  std::vector<PooledVerdict> pooled;
  std::vector<Miss> misses;
  std::vector<PhaseCoverage> phases;
  std::vector<AgeCoverage> ages;
  std::vector<Rise> rises;
  std::vector<RuleVerdict> rules;
  std::vector<PowerRow> powers;
};

/// `phases`: all phases of the same backtest (split_phases), held as the subjects are. Where there are some, or
/// haircuts stay in force, what is said of all collaterals together is the coverage over all of them, or over all times
/// at which haircuts may have been set; all else, also what stands beside it, is of the subjects' windows.
Verdict judge(const std::vector<SubjectHistory>&, const std::vector<double>& confidence, const VerdictOptions&,
              const std::vector<std::vector<SubjectHistory>>& phases = {});

/// Haircuts under a rule: "none", "buffer", "stressed weight", "floor". Only the past of each window is used.
std::vector<double> under_rule(const std::string& rule, const SubjectHistory&, const ModelHistory&,
                               std::size_t confidence, const VerdictOptions&);

}  // namespace proofload
