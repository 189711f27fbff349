/// bench.h -- how fast this machine runs the engine's own walk, printed as the peers print it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "backend.h"
#include "scenario.h"

namespace proofload {

struct BenchFigures {
  std::string mode;  ///< "log", or the name of a scenario
  std::uint64_t paths = 0;
  double seconds = 0.0;                  ///< simulation and quantiles; compiling the scenario is left out
  std::optional<double> kernel_seconds;  ///< of these, what a GPU was busy for (Backend::kernel_seconds)
  double asset_steps = 0.0;              ///< normals that the walk draws and uses, mode "log" only
  std::vector<double> q999;  ///< per collateral: the smallest loss that a fraction 0.999 of paths does not exceed
  std::optional<double>
      p10;  ///< P(portfolio loss > its haircut), 10 % for the common work item; absent without a [portfolio]
};

/// The common work item GBM8x60: 8 correlated assets, 60 equal steps over 10 days, equal-weighted portfolio. As a scenario file.
std::string common_work_item();

/// Runs `paths` paths (0: what the scenario says) once to warm up with few, then timed.
BenchFigures bench(const Scenario&, Backend&, std::uint64_t paths);

/// One JSON line: the peers' for the common work item, with fields for paths where a scenario has no peer.
std::string bench_json(const BenchFigures&, const Backend&, int threads);

}  // namespace proofload
