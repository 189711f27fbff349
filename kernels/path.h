/// path.h -- one liquidation, from the call to the sale, in the order of DESIGN 1.1. Start reading here.
///
/// simulate() runs the paths of one pack. It draws the delay of every message, finds the failed layers, walks the
/// correlated prices through the times at which somebody sells, and hands what each collateral brings to a sink that
/// counts it (count.h).
#pragma once
#include "kernels/condition.h"
#include "kernels/failure.h"
#include "kernels/regime.h"
#include "kernels/walk.h"

namespace proofload {

/// Price ratio S(t) / S(0) of an asset from its driftless log price, 0 if unresolved; tells the sink of outcomes that
/// are not finite.
template <class F, class Sink>
PROOFLOAD_FN F price_ratio(const Plan& plan, const Tables& tables, const Workspace<F>& work, unsigned asset, F price,
                           typename lane<F>::U time, Sink& sink) {
  const auto never = equal(time, broadcast_word<F>(absent));
  const F x = log_price(plan, tables, work, asset, price, time);
  const auto finite = less(x, broadcast<F>(88.0f));  // false for a NaN
  sink.broken(without(equal(time, time), either(never, finite)));
  return select(without(finite, never), exp(x), broadcast<F>(0.0f));
}

/// Times beyond the horizon become absent (price-layer times: the horizon); the lanes on which a liquidation is
/// unresolved.
template <class F>
PROOFLOAD_FN typename lane<F>::M give_up(const Plan& plan, const Workspace<F>& work, bool stalled) {
  const auto never = broadcast_word<F>(absent), horizon = broadcast_word<F>(plan.horizon);
  auto unresolved = less(never, never);
  for (unsigned p = 0; p < plan.readings; ++p)
    work.time[plan.messages + p] = min(work.time[plan.messages + p], horizon);
  for (unsigned m = 0; m < plan.walked; ++m) {
    const auto over = less(horizon, work.time[m]);
    work.time[m] = select(over, never, work.time[m]);
    unresolved = either(unresolved, over);
    if (!stalled) continue;
    work.late[m] = select(either(over, less(horizon, work.late[m])), never, work.late[m]);
    unresolved = either(unresolved, equal(work.late[m], never));
  }
  return unresolved;
}

/// Messages and readings that wait for a trigger: at the latest for its heartbeat. At most 2 (horizon + 1) < 2^32.
template <class F>
PROOFLOAD_FN void heartbeats(const Plan& plan, const Workspace<F>& work) {
  const unsigned first = plan.messages + plan.readings + plan.parts;
  for (unsigned o = 0; o < plan.triggers; ++o) {
    const Trigger& trigger = plan.trigger[o];
    for (unsigned r = trigger.first; r < unsigned(trigger.first) + trigger.count; ++r)
      work.time[plan.references[r]] = work.time[plan.references[r]] + work.time[first + o];
  }
}

/// The state of the world, and how long each message takes, standstills included: with a trigger at the latest.
template <class F, class Sink>
PROOFLOAD_ONCE void arrivals(const Plan& plan, const Tables& tables, const Paths<F>& paths, const Workspace<F>& work,
                             Sink& sink) {
  conditions(plan, tables, paths, work);
  delays(plan, tables.floats, paths, work, sink);
  regimes(plan, tables.floats, paths, work, sink);
  heartbeats(plan, work);
}

/// Tells the sink of failures and delays, which are certain now, and gives up what takes too long.
template <class F, class Sink>
PROOFLOAD_ONCE typename lane<F>::M settle(const Plan& plan, const Workspace<F>& work, bool failed, bool stalled,
                                          Sink& sink) {
  if (failed) sink.layers_failed(work);
  for (unsigned r = 0; r < plan.routes; ++r) sink.delay(r, work.time[plan.route_message[r]]);
  const auto unresolved = give_up(plan, work, stalled);
  sink.unresolved(work, unresolved, stalled);
  return unresolved;
}

/// The resting basis of a wrapped token against the native one.
template <class F>
PROOFLOAD_FN F basis_of(const Plan& plan, const Tables& tables, const Paths<F>& paths, const Collateral& c) {
  return draw_law(plan, tables.floats, paths, Purpose::basis, c.basis_name, c.basis);
}

/// What a single-chain engine would see: each asset at oracle + one block, a visit of the walk or bridged into its path
/// to the sale; and what it would of a token whose basis is random.
template <class F, class Sink>
PROOFLOAD_ONCE void read_price_layer(const Plan& plan, const Tables& tables, const Paths<F>& paths,
                                     const Workspace<F>& work, Sink& sink) {
  const auto never = broadcast_word<F>(absent), zero = broadcast_word<F>(0);
  const Stream<F> stream(paths, address(Purpose::price_layer));
  const F mixer = mixing_variance(plan, tables, paths, 0, 0);
  F z[4] = {};
  std::uint32_t drawn = absent;
  unsigned based = 0;
  for (unsigned p = 0; p < plan.readings; ++p) {
    const Reading& reading = plan.reading[p];
    const auto at = work.time[plan.messages + p];
    F x;
    if (plan.bridged != 0) {
      const std::uint32_t rank = std::uint32_t(reading.ordinal) << 4 | reading.asset / 4u;
      if (rank != drawn) normals(stream.draw(rank), mixer, z);
      drawn = rank;
      const auto time = work.time[plan.leg[reading.leg].message];
      const auto sold = select(equal(time, never), zero, time);  // unresolved: nothing is known but the call
      x = bridge(work.price[reading.leg], to_float(sold), to_float(at), broadcast<F>(plan.volatility[reading.asset]),
                 pick_of(z, reading.asset % 4u));
    } else {
      x = work.reading[p];
    }
    const F ratio = price_ratio(plan, tables, work, reading.asset, x, at, sink);
    sink.price(p, ratio);
    for (; based < plan.based && plan.based_at[based].reading == p; ++based)
      sink.based(based, ratio * basis_of(plan, tables, paths, plan.collateral[plan.based_at[based].collateral]));
  }
}

/// What one unit of a collateral brings, before sale costs: without failures, as it is, and whether its layer failed.
template <class F>
struct Sale {
  F spared, actual;
  typename lane<F>::M hit;
};

template <class F, class Sink>
PROOFLOAD_ONCE Sale<F> sell(const Plan& plan, const Tables& tables, const Paths<F>& paths, const Workspace<F>& work,
                            const Collateral& c, bool failed, bool stalled, Sink& sink) {
  const auto zero = broadcast_word<F>(0), beyond = broadcast_word<F>(plan.horizon + 1);
  const unsigned m = plan.leg[c.leg].message, asset = plan.leg[c.leg].asset;
  const Message& message = plan.message[m];
  F basis = broadcast<F>(c.basis_constant);
  if (c.basis.count != 0) basis = basis_of(plan, tables, paths, c);
  Sale<F> sale;
  sale.spared = sale.actual = basis * price_ratio(plan, tables, work, asset, work.price[c.leg], work.time[m], sink);
  sale.hit = less(zero, zero);
  if (!failed || message.layer == none) return sale;
  const Layer& layer = plan.layer[message.layer];
  F frozen = sale.spared;
  if (stalled) frozen = basis * price_ratio(plan, tables, work, asset, work.late_price[c.leg], work.late[m], sink);
  F recovered = draw_law(plan, tables.floats, paths, Purpose::recovery, layer.name, layer.recovery);
  if (layer.bond > 0.0f) {
    const F whole = broadcast<F>(1.0f), refilled = recovered + broadcast<F>(layer.bond);
    recovered = select(less(whole, refilled), select(less(whole, recovered), recovered, whole), refilled);
  }
  sale.hit = is_hit(message, work.failure[message.layer], min(work.time[m], beyond));
  sale.actual = select(sale.hit, recovered * frozen, sale.spared);
  return sale;
}

/// Runs the paths first .. first + width - 1 (first a multiple of the width).
template <Process process, int N, class F, class Sink>
PROOFLOAD_FN void simulate(const Plan& plan, const Tables& tables, const Key& key, std::uint64_t first,
                           const Workspace<F>& work, Sink& sink) {
  const Paths<F> paths(key, first);

  // How long each message takes; which layers fail meanwhile, whom that hits, and how long a failed layer stands still.
  // With a trigger the prices have a say in it.
  arrivals(plan, tables, paths, work, sink);
  const bool failed = sink.any(failures(plan, tables.floats, paths, work)), stalled = failed && plan.stalls != 0;
  if (stalled) stalls(plan, tables.floats, paths, work);
  auto unresolved = less(broadcast_word<F>(0), broadcast_word<F>(0));
  if (plan.triggers == 0) unresolved = settle(plan, work, failed, stalled, sink);

  // Prices at the times of sale and, on the way there, at the price-layer times.
  const F lowest = prices<process, N>(plan, tables, paths, work, stalled, unresolved);
  if (plan.triggers != 0) settle(plan, work, failed, stalled, sink);
  if (plan.lowest != 0) sink.lowest(lowest);
  read_price_layer(plan, tables, paths, work, sink);

  // What each collateral brings, and the whole book after sale costs.
  F book = broadcast<F>(0.0f);
  for (unsigned k = 0; k < plan.collaterals; ++k) {
    const Collateral& c = plan.collateral[k];
    const Sale<F> sale = sell(plan, tables, paths, work, c, failed, stalled, sink);
    sink.proceeds(k, sale.spared, sale.actual, sale.hit, failed);
    if (plan.breaches != 0 && c.counted != 0) sink.breach(k, less(work.low[c.leg], broadcast<F>(c.breach)));
    if (plan.portfolio == 0) continue;
    const F net = fma(broadcast<F>(c.keep), sale.actual, broadcast<F>(-c.cost)), nothing = broadcast<F>(0.0f);
    book = fma(broadcast<F>(c.weight), select(less(net, nothing), nothing, net), book);
  }
  if (plan.portfolio != 0) sink.book(book);
  sink.done();
}

}  // namespace proofload
