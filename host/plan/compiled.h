/// compiled.h -- a scenario made ready to run: what compile() (compile.h) gives, and all that a backend needs.
#pragma once
#include <string>
#include <vector>

#include "kernels/plan.h"
#include "laws/laws.h"

namespace proofload {

/// Parts of the time in force: a haircut's ages are 0, 1/8, ... 1 of it, in whole steps; fewer where it has fewer
/// steps.
inline constexpr int age_parts = 8;

/// The measured error of one law of the scenario, for `validate`, the results file and tests.
struct LawReport {
  std::string where;  ///< "routes.eth-to-arb.relay", "layers.axelar.recovery", ...
  double error = 0.0, tail_share = 0.0;
};

/// A scenario made ready to run. Collaterals, routes and layers keep the scenario's order.
struct Compiled {
  Plan plan{};
  TableSet tables;
  std::vector<float> rows;    ///< Tables::rows: shocks, limit::walked_assets floats a row
  std::vector<float> column;  ///< the same for CPU lanes, where a bar model has one asset: a float a row; else empty
  /// Of each age of a haircut in force, plan.warm_up: all have equal shares of the paths (run/ages.h). Empty: no age
  /// differs from another. The plan itself is that of the last.
  std::vector<std::uint32_t> ages;
  std::vector<int> reading_of;  ///< per collateral: the price-layer reading that attributes its haircut
  std::vector<LawReport> laws;
  std::vector<std::string> outages;  ///< "chains.base.outages.sequencer", in the plan's order
  std::string plan_hash;             ///< 32 hex digits: the problem, without seed and number of paths

  /// Tables::rows of CPU lanes.
  const float* lane_rows() const { return column.empty() ? rows.data() : column.data(); }
};

}  // namespace proofload
