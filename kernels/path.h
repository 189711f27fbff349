/// path.h -- one liquidation, from the call to the sale, in the order of DESIGN 1.1. Start reading here.
///
/// simulate() runs the paths of one pack. It draws the delay of every message, finds the failed layers, walks the correlated prices
/// through the times at which somebody sells, and hands what each collateral brings to a sink that counts it (or prints, or hashes).
#pragma once
#include "failure.h"
#include "market.h"

namespace proofload {

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
    for (unsigned m = 0; m < plan.walked; ++m) gap = min(gap, work.time[m] - later);
    for (unsigned m = 0; stalled && m < plan.walked; ++m) gap = min(gap, work.late[m] - later);
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
        const unsigned m = plan.leg[l].message;
        work.price[l] = select(equal(now, work.time[m]), prices.x[a], work.price[l]);
        if (stalled) work.late_price[l] = select(equal(now, work.late[m]), prices.x[a], work.late_price[l]);
      }
    }
  }
}

/// Price ratio S(t) / S(0) of an asset from its driftless log price, 0 if unresolved; tells the sink of outcomes that are not finite.
template <class F, class Sink>
PROOFLOAD_FN F price_ratio(const Plan& plan, unsigned asset, F price, typename lane<F>::U time, Sink& sink) {
  const auto never = equal(time, broadcast_word<F>(absent));
  const F x = fma(broadcast<F>(plan.drift[asset]), to_float(time), price);
  const auto finite = less(x, broadcast<F>(88.0f));  // false for a NaN
  sink.broken(without(equal(time, time), either(never, finite)));
  return select(without(finite, never), exp(x), broadcast<F>(0.0f));
}

/// Times beyond the horizon become absent; the lanes on which a liquidation is unresolved.
template <class F>
PROOFLOAD_FN typename lane<F>::M give_up(const Plan& plan, const Workspace<F>& work, bool stalled) {
  const auto never = broadcast_word<F>(absent), horizon = broadcast_word<F>(plan.horizon);
  auto unresolved = less(never, never);
  for (unsigned m = 0; m < plan.walked; ++m) {
    const auto over = less(horizon, work.time[m]);
    work.time[m] = select(over, never, work.time[m]);
    unresolved = either(unresolved, over);
    if (!stalled) continue;
    work.late[m] = select(over, never, work.late[m]);
    unresolved = either(unresolved, equal(work.late[m], never));
  }
  return unresolved;
}

/// What a single-chain engine would see: each asset at oracle + one block, bridged into its path to the sale.
template <class F, class Sink>
PROOFLOAD_FN void read_price_layer(const Plan& plan, const Paths<F>& paths, const Workspace<F>& work, Sink& sink) {
  const auto never = broadcast_word<F>(absent), zero = broadcast_word<F>(0), horizon = broadcast_word<F>(plan.horizon);
  const Stream<F> stream(paths, static_cast<std::uint32_t>(Purpose::price_layer) << 16);
  F z[4] = {};
  std::uint32_t drawn = absent;
  for (unsigned p = 0; p < plan.readings; ++p) {
    const Reading& reading = plan.reading[p];
    const std::uint32_t rank = std::uint32_t(reading.ordinal) << 4 | reading.asset / 4u;
    if (rank != drawn) normals(stream.draw(rank), broadcast<F>(1.0f), z);
    drawn = rank;
    const auto at = min(work.time[plan.messages + p], horizon), time = work.time[plan.leg[reading.leg].message];
    const auto sold = select(equal(time, never), zero, time);  // unresolved: nothing is known but the call
    const F x = bridge(work.price[reading.leg], to_float(sold), to_float(at), plan.volatility[reading.asset],
                       pick_of(z, reading.asset % 4u));
    sink.price(p, price_ratio(plan, reading.asset, x, at, sink));
  }
}

/// What one unit of a collateral brings, before sale costs: without failures, as it is, and whether its layer failed.
template <class F>
struct Sale {
  F spared, actual;
  typename lane<F>::M hit;
};

template <class F, class Sink>
PROOFLOAD_FN Sale<F> sell(const Plan& plan, const float* tables, const Paths<F>& paths, const Workspace<F>& work,
                          const Collateral& c, bool failed, bool stalled, Sink& sink) {
  const auto zero = broadcast_word<F>(0), beyond = broadcast_word<F>(plan.horizon + 1);
  const unsigned m = plan.leg[c.leg].message, asset = plan.leg[c.leg].asset;
  const Message& message = plan.message[m];
  F basis = broadcast<F>(c.basis_constant);
  if (c.basis.count != 0) basis = draw_law(plan, tables, paths, Purpose::basis, c.basis_name, c.basis);
  Sale<F> sale;
  sale.spared = sale.actual = basis * price_ratio(plan, asset, work.price[c.leg], work.time[m], sink);
  sale.hit = less(zero, zero);
  if (!failed || message.layer == none) return sale;
  const Layer& layer = plan.layer[message.layer];
  F frozen = sale.spared;
  if (stalled) frozen = basis * price_ratio(plan, asset, work.late_price[c.leg], work.late[m], sink);
  const F recovered = draw_law(plan, tables, paths, Purpose::recovery, layer.name, layer.recovery);
  sale.hit = is_hit(message, work.failure[message.layer], min(work.time[m], beyond));
  sale.actual = select(sale.hit, recovered * frozen, sale.spared);
  return sale;
}

/// Runs the paths first .. first + width - 1 (first a multiple of the width).
template <int A, class F, class Sink>
PROOFLOAD_FN void simulate(const Plan& plan, const float* tables, const Key& key, std::uint64_t first,
                           const Workspace<F>& work, Sink& sink) {
  const Paths<F> paths(key, first);

  // How long each message takes; which layers fail meanwhile, whom that hits, and how long a failed layer stands still.
  delays(plan, tables, paths, work, sink);
  const bool failed = sink.any(failures(plan, paths, work)), stalled = failed && plan.stalls != 0;
  if (stalled) stalls(plan, tables, paths, work);
  if (failed) sink.layers_failed(work);
  for (unsigned r = 0; r < plan.routes; ++r) sink.delay(r, work.time[plan.route_message[r]]);
  sink.unresolved(work, give_up(plan, work, stalled), stalled);

  // Prices at the times of sale and, on the way there, at the price-layer times.
  walk<A>(plan, paths, work, stalled);
  read_price_layer(plan, paths, work, sink);

  // What each collateral brings, and the whole book after sale costs.
  F book = broadcast<F>(0.0f);
  for (unsigned k = 0; k < plan.collaterals; ++k) {
    const Collateral& c = plan.collateral[k];
    const Sale<F> sale = sell(plan, tables, paths, work, c, failed, stalled, sink);
    sink.proceeds(k, sale.spared, sale.actual, sale.hit, failed);
    if (plan.portfolio == 0) continue;
    const F net = fma(broadcast<F>(c.keep), sale.actual, broadcast<F>(-c.cost)), nothing = broadcast<F>(0.0f);
    book = fma(broadcast<F>(c.weight), select(less(net, nothing), nothing, net), book);
  }
  if (plan.portfolio != 0) sink.book(book);
  sink.done();
}

}  // namespace proofload
