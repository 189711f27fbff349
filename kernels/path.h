/// path.h -- one liquidation, from the call to the sale, in the order of DESIGN 1.1. Start reading here.
///
/// simulate() runs the paths of one pack. It draws the delays of every leg, finds the failed layers, walks the correlated prices
/// through the times at which somebody sells, and hands what each collateral brings to a sink that counts it (or prints, or hashes).
#pragma once
#include "failure.h"
#include "market.h"

namespace proofload {

/// Per-path arrays with run-time sizes. `time`: ticks, legs then readings; `late`: with the stall, failed paths only.
template <class F>
struct Workspace {
  Slots<typename lane<F>::U> time, late;
  Slots<F> failure;     ///< per layer
  Slots<F> price;       ///< per leg: driftless log price at `time`
  Slots<F> late_price;  ///< per leg: at `late`
};

/// Steps the prices from event to event (merged with the grid, if there is one) and reads each leg's asset when its time comes.
/// The next visit is the earliest event later than now, so equal times are one visit and nothing needs sorting.
template <int A, class F>
PROOFLOAD_FN void walk(const Plan& plan, const Paths<F>& paths, const Workspace<F>& work, bool stalled) {
  using U = typename lane<F>::U;
  using M = typename lane<F>::M;
  const Stream<F> stream(paths, static_cast<std::uint32_t>(Purpose::price) << 16);
  Prices<A, F> prices;
  PROOFLOAD_UNROLL
  for (int i = 0; i < A; ++i) prices.x[i] = broadcast<F>(0.0f);
  for (unsigned l = 0; l < plan.legs; ++l) work.price[l] = work.late_price[l] = broadcast<F>(0.0f);
  const U zero = broadcast_word<F>(0), one = broadcast_word<F>(1), past = broadcast_word<F>(0x80000000u);
  U now = zero, grid = broadcast_word<F>(plan.grid);
  for (std::uint32_t rank = 0;; ++rank) {
    // Unsigned distance to the next event less one: what is past, or absent, wraps to 2^31 and beyond.
    const U later = now + one;
    U gap = broadcast_word<F>(absent);
    for (unsigned l = 0; l < plan.legs; ++l) gap = min(gap, work.time[l] - later);
    for (unsigned l = 0; stalled && l < plan.legs; ++l) gap = min(gap, work.late[l] - later);
    const M alive = less(gap, past);
    if (!any(alive)) break;
    M arrived = alive;
    if (plan.grid != 0) {
      const U to_grid = grid - later;
      arrived = without(alive, less(to_grid, gap));
      gap = min(gap, to_grid);
    }
    const U dt = select(alive, gap + one, zero);  // a finished lane stands still
    step(plan, stream, rank, to_float(dt), prices);
    now = now + dt;
    if (plan.grid != 0) {
      grid = select(equal(now, grid), grid + broadcast_word<F>(plan.grid), grid);
      if (!any(arrived)) continue;
    }
    PROOFLOAD_UNROLL
    for (int a = 0; a < A; ++a) {
      for (unsigned l = plan.first_leg[a]; l < plan.first_leg[a + 1]; ++l) {
        work.price[l] = select(equal(now, work.time[l]), prices.x[a], work.price[l]);
        if (stalled) work.late_price[l] = select(equal(now, work.late[l]), prices.x[a], work.late_price[l]);
      }
    }
  }
}

/// Price ratio S(t) / S(0) of an asset from its driftless log price, 0 if unresolved; tells the sink of outcomes that are not finite.
template <class F, class Sink>
PROOFLOAD_FN F price_ratio(const Plan& plan, unsigned asset, F price, typename lane<F>::U time, Sink& sink) {
  const auto never = equal(time, broadcast_word<F>(absent));
  const F x = fma(broadcast<F>(plan.drift[asset]), to_float(time), price);
  sink.finite(either(never, less(x, broadcast<F>(88.0f))));  // false for a NaN
  return select(never, broadcast<F>(0.0f), exp(x));
}

/// Runs the paths first .. first + width - 1 (first a multiple of the width).
template <int A, class F, class Sink>
PROOFLOAD_FN void simulate(const Plan& plan, const float* tables, const Key& key, std::uint64_t first,
                           const Workspace<F>& work, Sink& sink) {
  using U = typename lane<F>::U;
  using M = typename lane<F>::M;
  const Paths<F> paths(key, first);
  const U never = broadcast_word<F>(absent), horizon = broadcast_word<F>(plan.horizon);
  const U late = broadcast_word<F>(plan.horizon + 1);
  const M nobody = less(never, never);

  // How long each message takes.
  delays(plan, tables, paths, work.time, sink);

  // Which layers fail, whom that hits, and how long a failed layer stands still.
  M struck = nobody;
  for (unsigned i = 0; i < plan.layers; ++i) work.failure[i] = failure_time(plan, i, paths);
  for (unsigned l = 0; l < plan.legs; ++l) {
    const Leg& leg = plan.leg[l];
    if (leg.layer != none) struck = either(struck, is_hit(leg, work.failure[leg.layer], work.time[l]));
  }
  const bool failures = sink.any(struck), stalled = failures && plan.stalls != 0;
  for (unsigned l = 0; stalled && l < plan.legs; ++l) {
    const Leg& leg = plan.leg[l];
    work.late[l] = work.time[l];
    if (leg.layer == none || plan.layer[leg.layer].stall.count == 0) continue;
    const Layer& layer = plan.layer[leg.layer];
    const M hit = is_hit(leg, work.failure[leg.layer], work.time[l]);
    const U stall = to_ticks(draw_law(plan, tables, paths, Purpose::stall, layer.name, layer.stall), plan.horizon);
    const U sold = work.time[l] + stall;
    work.late[l] = select(hit, select(less(horizon, sold), never, sold), work.time[l]);
  }
  if (failures) sink.layers_failed(work);
  for (unsigned r = 0; r < plan.routes; ++r) sink.delay(r, work.time[plan.route_leg[r]]);
  M unresolved = nobody;
  for (unsigned l = 0; l < plan.legs; ++l) {
    const M over = less(horizon, work.time[l]);
    work.time[l] = select(over, never, work.time[l]);
    if (stalled) {
      work.late[l] = select(over, never, work.late[l]);
      unresolved = either(unresolved, equal(work.late[l], never));
    }
    unresolved = either(unresolved, over);
  }
  sink.unresolved(work, unresolved, stalled);

  // Prices at the times of sale, and, on the way there, at the price-layer times.
  walk<A>(plan, paths, work, stalled);
  const Stream<F> bridges(paths, static_cast<std::uint32_t>(Purpose::price_layer) << 16);
  F z[4] = {};
  std::uint32_t drawn = absent;
  for (unsigned p = 0; p < plan.readings; ++p) {
    const Reading& reading = plan.reading[p];
    const std::uint32_t rank = std::uint32_t(reading.ordinal) << 4 | reading.asset / 4u;
    if (rank != drawn) normals(bridges.draw(rank), broadcast<F>(1.0f), z);
    drawn = rank;
    const unsigned w = reading.asset % 4u;
    const F score = w < 2 ? (w == 0 ? z[0] : z[1]) : (w == 2 ? z[2] : z[3]);
    const U at = min(work.time[plan.legs + p], horizon);
    const U sold = select(equal(work.time[reading.leg], never), never + broadcast_word<F>(1), work.time[reading.leg]);  // or 0
    const F x = bridge(work.price[reading.leg], to_float(sold), to_float(at), plan.volatility[reading.asset], score);
    sink.price(p, price_ratio(plan, reading.asset, x, at, sink));
  }

  // What each collateral brings, before sale costs: without failures (the latency layer), and with them.
  F book = broadcast<F>(0.0f);
  for (unsigned k = 0; k < plan.collaterals; ++k) {
    const Collateral& c = plan.collateral[k];
    const Leg& leg = plan.leg[c.leg];
    F basis = broadcast<F>(c.basis_constant);
    if (c.basis.count != 0) basis = draw_law(plan, tables, paths, Purpose::basis, c.basis_name, c.basis);
    const F spared = basis * price_ratio(plan, leg.asset, work.price[c.leg], work.time[c.leg], sink);
    F proceeds = spared;
    M hit = nobody;
    if (failures && leg.layer != none) {
      const Layer& layer = plan.layer[leg.layer];
      hit = is_hit(leg, work.failure[leg.layer], min(work.time[c.leg], late));
      F frozen = spared;
      if (stalled) frozen = basis * price_ratio(plan, leg.asset, work.late_price[c.leg], work.late[c.leg], sink);
      const F recovered = draw_law(plan, tables, paths, Purpose::recovery, layer.name, layer.recovery);
      proceeds = select(hit, recovered * frozen, spared);
    }
    sink.proceeds(k, spared, proceeds, hit, failures);
    if (plan.portfolio != 0) {
      const F net = fma(broadcast<F>(c.keep), proceeds, broadcast<F>(-c.cost));
      book = fma(broadcast<F>(c.weight), select(less(net, broadcast<F>(0.0f)), broadcast<F>(0.0f), net), book);
    }
  }
  if (plan.portfolio != 0) sink.book(book);
}

}  // namespace proofload
