/// compile_market.h -- the [market] and [stress] tables to the market part of a Plan (kernels/market.h says what it
/// means).
#pragma once
#include <cstdint>
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

/// Whether the variance at a call hangs on how long ago the forecast was made (Compiled::ages): a Heston model, and
/// GJR-GARCH from a forecast.
bool ages_differ(const MarketSpec&);

/// GJR-GARCH that starts in its stationary law: bars that run before the call, from the long-run variance on, until the
/// start is forgotten.
struct WarmUp {
  std::uint32_t bars = 0;
  double left = 0.0;     ///< share of the way to the stationary law that is left after them
  double slowest = 0.0;  ///< that is left of it after a bar
  /// compile_market() refuses it otherwise.
  bool is_near() const { return left <= 0.05; }
};
/// No bars for a forecast.
WarmUp warm_up_of(const VarianceSpec&, const InnovationSpec&);

}  // namespace proofload
