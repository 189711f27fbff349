/// walk.h -- the walk of DESIGN 1.2: prices go from event to event, merged with the grid, and are read at events, never
/// re-scaled.
#pragma once
#include "kernels/factors.h"
#include "kernels/regime.h"

namespace proofload {

/// Log price from the driftless one: the stress factor's part of the path, its scale, the drift and, once its time has
/// come, the overlay's shock.
template <class F>
PROOFLOAD_FN F log_price(const Plan& plan, const Tables& tables, const Workspace<F>& work, unsigned asset, F x,
                         typename lane<F>::U time) {
  if (plan.conditioned != 0) {
    if (plan.price_loaded != 0) {
      const F loading = planar<F>(tables, plan.price_loadings, limit::assets, 0, int(asset)) * sqrt(to_float(time));
      x = fnma(loading, work.condition[price_factor], x);
    }
    x = x * work.condition[return_scale];
  }
  x = fma(broadcast<F>(plan.drift[asset]), to_float(time), x);
  if (plan.shocked == 0) return x;
  const float* shock = tables.floats + plan.shocks + asset;
  const auto before = less(time, broadcast_word<F>(bits(shock[0])));
  return x + select(before, broadcast<F>(0.0f), broadcast<F>(shock[limit::assets]));
}

/// Observers at a grid date: the least log price of each leg up to its sale, and the least price of the weighted book.
template <class Market, class F>
PROOFLOAD_FN void observe(const Plan& plan, const Tables& tables, const Workspace<F>& work, bool stalled,
                          const Market& market, typename lane<F>::U now, typename lane<F>::M dated, F& lowest) {
  F book = broadcast<F>(0.0f);
  PROOFLOAD_UNROLL
  for (int a = 0; a < Market::assets; ++a) {
    const F x = log_price(plan, tables, work, static_cast<unsigned>(a), market.x[a], now);
    for (unsigned l = plan.first_leg[a]; plan.breaches != 0 && l < plan.first_leg[a + 1]; ++l) {
      const unsigned m = plan.leg[l].message;
      const auto sold = less(stalled ? work.late[m] : work.time[m], now), lower = both(dated, less(x, work.low[l]));
      work.low[l] = select(without(lower, sold), x, work.low[l]);
    }
    if (plan.lowest != 0) book = fma(planar<F>(tables, plan.weights, limit::walked_assets, 0, a), exp(x), book);
  }
  if (plan.lowest != 0) lowest = select(both(dated, less(book, lowest)), book, lowest);
}

/// Oracles that are pushed at this visit: the price has moved by the deviation before the heartbeat came. What waits
/// for them comes forward by as much.
template <class Market, class F>
PROOFLOAD_FN void fire(const Plan& plan, const Tables& tables, const Workspace<F>& work, bool stalled,
                       const Market& market, typename lane<F>::U now) {
  const auto never = broadcast_word<F>(absent);
  const unsigned heartbeats = plan.messages + plan.readings + plan.parts;
  for (unsigned o = 0; o < plan.triggers; ++o) {
    const Trigger& trigger = plan.trigger[o];
    F x = broadcast<F>(0.0f);
    PROOFLOAD_UNROLL
    for (int a = 0; a < Market::assets; ++a) {  // an indexed array would lie in a GPU's local memory
      if (trigger.asset == a) x = market.x[a];
    }
    x = log_price(plan, tables, work, trigger.asset, x, now);
    const auto moved = either(less(x, broadcast<F>(trigger.down)), less(broadcast<F>(trigger.up), x));
    const auto due = work.time[heartbeats + o];
    const auto pushed = both(less(now, due), moved);
    if (!any(pushed)) continue;
    const auto forward = select(pushed, due - now, broadcast_word<F>(0));
    work.time[heartbeats + o] = due - forward;
    for (unsigned r = trigger.first; r < unsigned(trigger.first) + trigger.count; ++r) {
      const unsigned to = plan.references[r];
      work.time[to] = work.time[to] - forward;
      if (stalled && to < plan.walked)
        work.late[to] = select(equal(work.late[to], never), never, work.late[to] - forward);
    }
    if (plan.parts == 0) continue;
    // Messages that outages hold up: the end of an outage does not come forward.
    for (unsigned m = 0; stalled && m < plan.walked; ++m)
      work.late[m] = select(equal(work.late[m], never), never, work.late[m] - work.time[m]);
    pass_parts(plan, work, true);
    for (unsigned m = 0; stalled && m < plan.walked; ++m)
      work.late[m] = select(equal(work.late[m], never), never, work.late[m] + work.time[m]);
  }
}

/// Steps the prices from event to event and keeps what each event needs. The next visit is the earliest event later
/// than now, so equal times are one visit and nothing needs sorting. Where a sale is unresolved, observers look up to
/// the horizon. Returns the least price of the book over the grid dates. `extras`: with jumps and observers; without
/// them the loop keeps all prices in registers.
template <class Market, bool extras, class F>
PROOFLOAD_FN F walk(const Plan& plan, const Tables& tables, const Paths<F>& paths, const Workspace<F>& work,
                    bool stalled, typename lane<F>::M unresolved) {
  using U = typename lane<F>::U;
  using M = typename lane<F>::M;
  Market market(plan, tables, paths);
  const U zero = broadcast_word<F>(0), one = broadcast_word<F>(1), past = broadcast_word<F>(0x80000000u);
  U now = zero, grid = broadcast_word<F>(plan.grid);
  const U end = select(unresolved, broadcast_word<F>(plan.horizon), zero);
  U last = end;  // the last sale, up to which the book is looked at
  for (unsigned m = 0; extras && m < plan.walked; ++m) {
    const U sold = stalled ? work.late[m] : work.time[m];
    last = select(without(less(last, sold), equal(sold, broadcast_word<F>(absent))), sold, last);
  }
  F lowest = broadcast<F>(1.0f);
  for (std::uint32_t rank = 0;; ++rank) {
    // Unsigned distance to the next event less one: what is past, or absent, wraps to 2^31 and beyond.
    const U later = now + one;
    U gap = broadcast_word<F>(absent);
    for (unsigned m = 0; m < plan.walked; ++m) gap = min(gap, work.time[m] - later);
    for (unsigned m = 0; stalled && m < plan.walked; ++m) gap = min(gap, work.late[m] - later);
    for (unsigned p = 0; plan.bridged == 0 && p < plan.readings; ++p)
      gap = min(gap, work.time[plan.messages + p] - later);
    if constexpr (extras) {
      // A message of a route that nobody uses waits for its oracle too, which looks at visits.
      for (unsigned m = plan.walked; plan.triggers != 0 && m < plan.messages; ++m) gap = min(gap, work.time[m] - later);
      if ((plan.breaches | plan.lowest) != 0) gap = min(gap, end - later);
    }
    const M alive = less(gap, past);
    if (!any(alive)) break;
    M arrived = alive;
    U left = one;  // ticks to the next grid date
    if (plan.grid != 0) {
      left = grid - now;
      arrived = without(alive, less(left - one, gap));
      gap = min(gap, left - one);
    }
    const U dt = select(alive, gap + one, zero);  // a finished lane stands still
    market.move(rank, to_float(dt), to_float(left));
    now = now + dt;
    if constexpr (extras) {
      if (plan.jumps != 0) jumps(plan, tables, paths, work, rank, to_float(dt), market);
    }
    if constexpr (extras) {
      if (plan.triggers != 0) fire(plan, tables, work, stalled, market, now);
    }
    if (plan.grid != 0) {
      const M dated = equal(now, grid);
      market.close(dated);
      if constexpr (extras) {
        if ((plan.breaches | plan.lowest) != 0) observe(plan, tables, work, stalled, market, now, dated, lowest);
      }
      grid = select(dated, grid + broadcast_word<F>(plan.grid), grid);
      if (plan.triggers == 0 && !any(arrived)) continue;
    }
    market.capture(work, now, stalled);
  }
  return lowest;
}

/// All prices of a path. Returns the least price of the book over the grid dates (1: none was below the start).
template <Process process, int N, class F>
PROOFLOAD_FN F prices(const Plan& plan, const Tables& tables, const Paths<F>& paths, const Workspace<F>& work,
                      bool stalled, typename lane<F>::M unresolved) {
  const Sizes sizes = sizes_of(plan);
  for (unsigned l = 0; l < plan.legs; ++l) work.price[l] = broadcast<F>(0.0f);
  for (unsigned l = 0; stalled && l < plan.legs; ++l) work.late_price[l] = broadcast<F>(0.0f);
  for (unsigned p = 0; p < sizes.reading; ++p) work.reading[p] = broadcast<F>(0.0f);
  for (unsigned l = 0; l < sizes.low; ++l) work.low[l] = broadcast<F>(3.0e38f);
  if constexpr (process == Process::heston)
    return walk<Heston<N, F>, true>(plan, tables, paths, work, stalled, unresolved);
  if constexpr (process == Process::bars) return walk<Bars<N, F>, true>(plan, tables, paths, work, stalled, unresolved);
  if constexpr (process == Process::observed)
    return walk<Diffusion<N, F>, true>(plan, tables, paths, work, stalled, unresolved);
  if constexpr (process == Process::factors) {
    factor_prices<N>(plan, tables, paths, work, stalled);
    return broadcast<F>(1.0f);
  }
  return walk<Diffusion<N, F>, false>(plan, tables, paths, work, stalled, unresolved);
}

}  // namespace proofload
