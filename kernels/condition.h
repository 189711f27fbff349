/// condition.h -- the state of the world on a path: the stress factor G of DESIGN 1.5, and what is not known for
/// certain of volatilities.
///
/// One standard normal G a path; each of its effects keeps the mean it acts on. What it makes of the plan's numbers is
/// kept in Workspace::condition, because everything on the path reads it and nothing changes it.
#pragma once
#include "kernels/market.h"

namespace proofload {

/// Draws G and what depends on it. Only for plans that are `conditioned`, or whose delays load on G.
template <class F>
PROOFLOAD_FN void conditions(const Plan& plan, const Tables& tables, const Paths<F>& paths, const Workspace<F>& work) {
  if (sizes_of(plan).condition == 0) return;
  const F one = broadcast<F>(1.0f), zero = broadcast<F>(0.0f);
  const Stream<F> stream(paths, address(Purpose::systemic));
  F z[2];
  normals(stream.draw(0), 0, z);
  const F g = z[0];
  work.condition[stress_factor] = g;
  work.condition[copula_root] = one;
  if (plan.copula.count != 0) {
    normals(stream.draw(1), 0, z);
    work.condition[copula_root] = sqrt(law_at(plan, tables.floats, plan.copula_mixer, z[0]));
  }
  F log_scale = fma(broadcast<F>(plan.volatility_loading), g, broadcast<F>(plan.volatility_shift));
  if (plan.volatility_error > 0.0f) {
    normals(Stream<F>(paths, address(Purpose::uncertainty)).draw(0), 0, z);
    log_scale = fma(broadcast<F>(plan.volatility_error), z[0], log_scale);
  }
  work.condition[return_scale] = exp(log_scale);
  work.condition[jump_scale] = exp(zero - log_scale);
  work.condition[failure_scale] = exp(fma(broadcast<F>(-plan.hazard_loading), g, broadcast<F>(plan.hazard_shift)));
  work.condition[outage_scale] = exp(fma(broadcast<F>(plan.outage_loading), g, broadcast<F>(plan.outage_shift)));
  // Under Student-t shocks G shares their mixer, so that an asset's law at a fixed time stays what it was.
  if (plan.price_loaded != 0) work.condition[price_factor] = g * sqrt(mixing_variance(plan, tables, paths, 0, 0));
}

}  // namespace proofload
