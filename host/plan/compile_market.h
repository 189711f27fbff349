/// compile_market.h -- the [market] and [stress] tables to the market part of a Plan (kernels/market.h says what it
/// means).
#pragma once
#include <functional>
#include <vector>

#include "plan/compile.h"

namespace proofload {

/// Adds components to the plan and says where they lie.
using AddLaw = std::function<Law(const CompiledLaw&, const char* where)>;

/// Fills Plan's process, drift, Cholesky factor, grid, mixer, jumps, shocks and the parameters and rows behind its
/// offsets. `weights`: share of the book per asset, empty without a [portfolio]. Throws Error for combinations that no
/// kernel has.
void compile_market(const Scenario&, const std::vector<double>& weights, const AddLaw&, Compiled&);

}  // namespace proofload
