/// workspace.h -- what a path keeps while it is simulated, and how much of it a plan needs.
#pragma once
#include "kernels/lane.h"
#include "kernels/plan.h"

namespace proofload {

/// What Workspace::condition holds (condition.h).
enum ConditionWord {
  stress_factor,
  copula_root,    ///< square root of the mixer of delay scores
  return_scale,   ///< of diffusive returns
  jump_scale,     ///< 1 / return_scale
  failure_scale,  ///< of times to failure
  outage_scale,   ///< of outage rates
  price_factor,   ///< G times the root of the shocks' mixer
  condition_words
};

/// Per-path arrays with run-time sizes; Sizes says how many of each a plan needs. `time`: ticks, of messages, then
/// readings, then parts of messages, then the heartbeats of triggers; `late`: with the stall, failed paths only;
/// `outage`: beginning and end of each.
template <class F>
struct Workspace {
  Slots<typename lane<F>::U> time, late, outage;
  Slots<F> failure;     ///< per layer
  Slots<F> price;       ///< per leg: driftless log price at its message's `time`
  Slots<F> late_price;  ///< per leg: at its message's `late`
  Slots<F> reading;     ///< per reading: driftless log price at its time, where readings are visits
  Slots<F> low;         ///< per leg: least log price, drift included, over the grid dates up to its `time`
  Slots<F> factor;  ///< factors.h: at the call and at each event the factors, then, if assets jump together, that sum
  Slots<typename lane<F>::U> visit;  ///< per event of factors.h: where in `factor` it lies
  Slots<typename lane<F>::U> order;  ///< the events' times in their order
  Slots<F> condition;
};

/// A Workspace's memory at the plan's limits, where a stack has room for it.
template <class F>
struct Arrays {
  using U = typename lane<F>::U;
  alignas(64) U time[limit::times], late[limit::messages], outage[2 * limit::outages];
  F failure[limit::layers], price[limit::legs], late_price[limit::legs], reading[limit::readings], low[limit::legs];
  static constexpr int events = 2 * limit::messages + limit::readings;
  F factor[(events + 1) * (limit::factors + 1)], condition[condition_words];
  U visit[events], order[events];
  Workspace<F> workspace() {
    return {{time},    {late}, {outage}, {failure}, {price}, {late_price},
            {reading}, {low},  {factor}, {visit},   {order}, {condition}};
  }
};

/// Words of Workspace::factor a visit: with_market's number of factors, and the jumps.
PROOFLOAD_FN unsigned factor_words(const Plan& plan) { return (plan.factors <= 4 ? 4u : 8u) + (plan.jumps & 1u); }

/// Elements of each member of a Workspace.
struct Sizes {
  unsigned time, late, outage, failure, price, late_price, reading, low, factor, visit, order, condition;
};
PROOFLOAD_FN Sizes sizes_of(const Plan& plan) {
  const bool stalls = plan.stalls != 0;
  const bool factors = plan.process == Process::factors;
  const unsigned events =
      factors ? plan.walked + (plan.bridged != 0 ? 0 : plan.readings) + (stalls ? plan.walked : 0) : 0;
  const bool loaded = plan.conditioned != 0 || plan.delay_loading != 0.0f || plan.copula.count != 0;
  return {plan.messages + plan.readings + plan.parts + plan.triggers,
          stalls ? plan.walked : 0,
          2 * plan.outages,
          plan.layers,
          plan.legs,
          stalls ? plan.legs : 0,
          plan.bridged != 0 ? 0 : plan.readings,
          plan.breaches != 0 ? plan.legs : 0,
          factors ? (events + 1) * factor_words(plan) : 0,
          events,
          events,
          loaded ? static_cast<unsigned>(condition_words) : 0};
}

}  // namespace proofload
