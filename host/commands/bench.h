/// bench.h -- how fast this machine runs the engine's own walk, printed as the peers print it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "run/backend.h"
#include "scenario/scenario.h"

namespace proofload {

struct BenchFigures {
  std::string mode;   ///< "log" or "path", or the name of a scenario
  std::string model;  ///< of the common work item
  std::uint64_t paths = 0;
  double seconds = 0.0;                  ///< simulation and quantiles; compiling the scenario is left out
  std::optional<double> kernel_seconds;  ///< of these, what a GPU was busy for (Backend::kernel_seconds)
  double asset_steps = 0.0;              ///< paths * steps * assets, of the common work item only
  std::vector<double> q999;  ///< per collateral: the smallest loss that a fraction 0.999 of paths does not exceed
  /// P(portfolio loss > its haircut), 10 % for the common work item; absent without a [portfolio]
  std::optional<double> p10;
  std::optional<double> p10fp;  ///< P(portfolio loss > its haircut at any grid date), where that is tallied
};

/// What `bench --model` offers for the common work item, the first being what the peers run.
inline constexpr const char* bench_models[] = {"gaussian",    "student_t", "merton", "gjr_garch",
                                               "gjr_garch_t", "bootstrap", "heston", "factors"};

/// The common work item GBM8x60: 8 correlated assets, 60 equal steps over 10 days, equal-weighted portfolio. Mode
/// "path" also looks at the book at every date; another model keeps volatilities, correlations and dates. Throws Error
/// for an unknown name.
Scenario common_work_item(const std::string& mode, const std::string& model);

/// Runs `paths` paths (0: what the scenario says) once to warm up with few, then timed. `common`: it is the common work
/// item.
BenchFigures bench(const Scenario&, Backend&, std::uint64_t paths, bool common);

/// One JSON line: the peers' for the common work item, with fields for paths where a scenario has no peer.
std::string bench_json(const BenchFigures&, const Backend&, int threads);

}  // namespace proofload
