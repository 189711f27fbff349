/// compile.h -- Scenario to Plan: units, Cholesky, thresholds, name ids. Nowhere else are units converted.
#pragma once
#include <string>
#include <vector>

#include "kernels/plan.h"
#include "laws/laws.h"
#include "scenario/scenario.h"

namespace proofload {

/// The measured error of one law of the scenario, for `validate`, the results file and tests.
struct LawReport {
  std::string where;  ///< "routes.eth-to-arb.relay", "layers.axelar.recovery", ...
  double error = 0.0, tail_share = 0.0;
};

/// A scenario made ready to run. Collaterals, routes and layers keep the scenario's order.
struct Compiled {
  Plan plan{};
  TableSet tables;
  std::vector<float> rows;      ///< Tables::rows: shocks, limit::walked_assets floats a row
  std::vector<int> reading_of;  ///< per collateral: the price-layer reading that attributes its haircut
  std::vector<LawReport> laws;
  std::vector<std::string> outages;  ///< "chains.base.outages.sequencer", in the plan's order
  std::string plan_hash;             ///< 32 hex digits: the problem, without seed and number of paths
};

/// The contract's name of a stage.
const char* stage_text(StageName);

/// What a layer's own hazard is multiplied by because it secures more than its corruption costs; 1 where nobody says.
double corruption_factor(const LayerSpec&);

/// Throws Error when the scenario is too large for a plan or two names share an id.
Compiled compile(const Scenario&);

}  // namespace proofload
