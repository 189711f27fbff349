/// compile.h -- Scenario to Plan: units, Cholesky, thresholds, name ids. Nowhere else are units converted.
#pragma once
#include "plan/compiled.h"
#include "scenario/scenario.h"

namespace proofload {

/// What a layer's own hazard is multiplied by because it secures more than its corruption costs; 1 where nobody says.
double corruption_factor(const LayerSpec&);

/// Throws Error when the scenario is too large for a plan or two names share an id.
Compiled compile(const Scenario&);

}  // namespace proofload
