/// factors.h -- prices of a factor model (DESIGN 1.2), without a grid: K independent factors through all events, and
/// each asset's own noise at its own events only. The same law as stepping every asset, at K normals an event instead
/// of one per asset.
///
/// An event is a time at which prices are wanted: a sale, a reading that is a visit, a stalled sale that is later than
/// it would have been. Each path has an order of its own. The events are ranked once, by comparing every pair, so that
/// the walk itself neither looks for what comes next nor for whom it was.
#pragma once
#include "kernels/jump.h"

namespace proofload {

/// Where kinds of events begin, in Workspace::visit and ::order: sales, then readings, then stalled sales.
struct Events {
  unsigned readings, stalled, count;
};
PROOFLOAD_FN Events events_of(const Plan& plan, bool stalled) {
  const unsigned after = plan.walked + (plan.bridged != 0 ? 0u : plan.readings);
  return {plan.walked, after, after + (stalled ? plan.walked : 0u)};
}

/// A sale that stalls for no time is one event, so that other paths of the pack, which stall, do not move its draws.
template <class F>
PROOFLOAD_FN typename lane<F>::U event_time(const Plan& plan, const Workspace<F>& work, const Events& events,
                                            unsigned e) {
  if (e < events.readings) return work.time[e];
  if (e < events.stalled) return work.time[plan.messages + e - events.readings];
  const auto late = work.late[e - events.stalled];
  return select(equal(late, work.time[e - events.stalled]), broadcast_word<F>(absent), late);
}

/// Sorts the events' times into Workspace::order, and keeps in Workspace::visit where the factors of an event will lie
/// (absent ones: at the call). Equal times are visits of their own, with no time between them. Four events at a time,
/// to read the others less often.
template <int K, class F>
PROOFLOAD_FN void rank_events(const Plan& plan, const Workspace<F>& work, const Events& events) {
  using U = typename lane<F>::U;
  const U one = broadcast_word<F>(1), never = broadcast_word<F>(absent);
  for (unsigned first = 0; first < events.count; first += 4) {
    U time[4], rank[4];  // at first as if they came after all events before them
    PROOFLOAD_UNROLL
    for (unsigned i = 0; i < 4; ++i) {
      time[i] = first + i < events.count ? event_time(plan, work, events, first + i) : never;
      rank[i] = broadcast_word<F>(first + i);
    }
    PROOFLOAD_UNROLL
    for (unsigned i = 1; i < 4; ++i) {
      PROOFLOAD_UNROLL
      for (unsigned j = 0; j < i; ++j) {
        const auto before = less(time[i], time[j]);
        rank[i] = select(before, rank[i] - one, rank[i]);
        rank[j] = select(before, rank[j] + one, rank[j]);
      }
    }
    for (unsigned e = 0; e < first; ++e) {
      const U other = event_time(plan, work, events, e);
      U others = work.visit[e];
      PROOFLOAD_UNROLL
      for (unsigned i = 0; i < 4; ++i) {
        const auto before = less(time[i], other);
        rank[i] = select(before, rank[i] - one, rank[i]);
        others = select(before, others + one, others);
      }
      work.visit[e] = others;
    }
    PROOFLOAD_UNROLL
    for (unsigned i = 0; i < 4; ++i) {
      if (first + i < events.count) work.visit[first + i] = rank[i];
    }
  }
  for (unsigned e = 0; e < events.count; ++e) {
    const U time = event_time(plan, work, events, e), rank = work.visit[e];
    put_at(work.order, rank, time);
    U at = (rank + one) << (K == 4 ? 2 : 3);
    if (plan.jumps & 1u) at = at + rank + one;
    work.visit[e] = select(equal(time, never), broadcast_word<F>(0), at);
  }
  for (unsigned e = events.stalled; e < events.count; ++e) {
    const unsigned m = e - events.stalled;
    work.visit[e] = select(equal(work.late[m], work.time[m]), work.visit[m], work.visit[e]);
  }
}

/// Steps the factors, and the sum of common jumps, from event to event and keeps them at each, and at the call before
/// the first.
template <int K, class F>
PROOFLOAD_FN void walk_factors(const Plan& plan, const Tables& tables, const Paths<F>& paths, const Workspace<F>& work,
                               const Events& events) {
  using U = typename lane<F>::U;
  const Stream<F> stream(paths, address(Purpose::price));
  const F mixer = mixing_variance(plan, tables, paths, 0, 0);
  const U zero = broadcast_word<F>(0), never = broadcast_word<F>(absent);
  F f[K], jump = broadcast<F>(0.0f);
  U now = zero;
  PROOFLOAD_UNROLL
  for (int k = 0; k < K; ++k) work.factor[k] = f[k] = broadcast<F>(0.0f);
  if (plan.jumps & 1u) work.factor[K] = jump;
  unsigned at = factor_words(plan);
  for (unsigned rank = 0; rank < events.count; ++rank, at += factor_words(plan)) {
    const U next = work.order[rank];
    const auto alive = less(next, never);
    if (!any(alive)) break;
    const F dt = to_float(select(alive, next - now, zero));  // a finished lane stands still
    now = next;
    const F variance = plan.mixer.count == 0 ? dt : dt * mixer;
    PROOFLOAD_UNROLL
    for (int q = 0; q < K / 4; ++q) {
      F z[4];
      normals(stream.draw(rank << 4 | static_cast<std::uint32_t>(q)), variance, z);
      PROOFLOAD_UNROLL
      for (int j = 0; j < 4; ++j) work.factor[at + 4 * q + j] = f[4 * q + j] = f[4 * q + j] + z[j];
    }
    if (!(plan.jumps & 1u)) continue;
    jump = jump + unscaled(plan, work, common_jumps(plan, paths, rank, dt));
    work.factor[at + K] = jump;
  }
}

/// A leg's log price so far: what the factors at the visit of `event` mean for its asset.
template <int K, class F>
PROOFLOAD_FN F from_factors(const Plan& plan, const Tables& tables, const Workspace<F>& work, unsigned event,
                            unsigned asset) {
  const auto at = work.visit[event];
  F x = broadcast<F>(0.0f);
  PROOFLOAD_UNROLL
  for (int k = 0; k < K; ++k) {
    const F factor = slot_at(work.factor, at, unsigned(k));
    x = fma(planar<F>(tables, plan.loadings, limit::factors, int(asset), k), factor, x);
  }
  if (!(plan.jumps & 1u)) return x;
  return fma(jump_parameter<F>(plan, tables, 0, int(asset)), slot_at(work.factor, at, unsigned(K)), x);
}

/// After the factors have walked: each asset's own noise (and own jumps) from one of its own events to the next.
template <int K, class F>
PROOFLOAD_FN void own_noise(const Plan& plan, const Tables& tables, const Paths<F>& paths, const Workspace<F>& work,
                            const Events& events, bool stalled) {
  using U = typename lane<F>::U;
  const U zero = broadcast_word<F>(0), one = broadcast_word<F>(1), past = broadcast_word<F>(0x80000000u);
  const F mixer = mixing_variance(plan, tables, paths, 0, 0);
  const Stream<F> stream(paths, address(Purpose::own));
  for (unsigned q = 0; 4 * q < plan.assets; ++q) {
    unsigned rounds = 0;  // as many as the asset with most events of its own needs
    for (unsigned a = 4 * q; a < 4 * q + 4 && a < plan.assets; ++a) {
      const unsigned sales = (plan.first_leg[a + 1] - plan.first_leg[a]) * (stalled ? 2u : 1u);
      const unsigned all = sales + (plan.bridged != 0 ? 0u : plan.first_reading[a + 1] - plan.first_reading[a]);
      rounds = all > rounds ? all : rounds;
    }
    U now[4] = {zero, zero, zero, zero};
    F x[4] = {broadcast<F>(0.0f), broadcast<F>(0.0f), broadcast<F>(0.0f), broadcast<F>(0.0f)};
    for (unsigned round = 0; round < rounds; ++round) {
      F dt[4], z[4], jump[4] = {broadcast<F>(0.0f), broadcast<F>(0.0f), broadcast<F>(0.0f), broadcast<F>(0.0f)};
      PROOFLOAD_UNROLL
      for (unsigned j = 0; j < 4; ++j) {
        const unsigned a = 4 * q + j;
        const U later = now[j] + one;
        U gap = broadcast_word<F>(absent);
        for (unsigned l = plan.first_leg[a]; l < plan.first_leg[a + 1]; ++l) {
          gap = min(gap, work.time[plan.leg[l].message] - later);
          if (stalled) gap = min(gap, work.late[plan.leg[l].message] - later);
        }
        for (unsigned p = plan.first_reading[a]; plan.bridged == 0 && p < plan.first_reading[a + 1]; ++p)
          gap = min(gap, work.time[plan.messages + p] - later);
        const U step = select(less(gap, past), gap + one, zero);
        dt[j] = to_float(step);
        now[j] = now[j] + step;
      }
      normals(stream.draw(round << 4 | q), mixer, z);
      if (plan.jumps & 2u) {
        own_jumps(plan, tables, paths, round, int(q), dt, jump);
        PROOFLOAD_UNROLL
        for (unsigned j = 0; j < 4; ++j)  // NOLINT(modernize-loop-convert): unrolled
          jump[j] = unscaled(plan, work, jump[j]);
      }
      PROOFLOAD_UNROLL
      for (unsigned j = 0; j < 4; ++j) {
        const unsigned a = 4 * q + j;
        const F own = planar<F>(tables, plan.loadings, limit::assets * limit::factors, 1, int(a));
        x[j] = fma(own * sqrt(dt[j]), z[j], x[j]) + jump[j];
        for (unsigned l = plan.first_leg[a]; l < plan.first_leg[a + 1]; ++l) {
          const unsigned m = plan.leg[l].message;
          const F price = from_factors<K>(plan, tables, work, m, a) + x[j];
          work.price[l] = select(equal(now[j], work.time[m]), price, work.price[l]);
          if (!stalled) continue;
          const F waited = from_factors<K>(plan, tables, work, events.stalled + m, a) + x[j];
          work.late_price[l] = select(equal(now[j], work.late[m]), waited, work.late_price[l]);
        }
        for (unsigned p = plan.first_reading[a]; plan.bridged == 0 && p < plan.first_reading[a + 1]; ++p) {
          const F price = from_factors<K>(plan, tables, work, events.readings + p, a) + x[j];
          work.reading[p] = select(equal(now[j], work.time[plan.messages + p]), price, work.reading[p]);
        }
      }
    }
  }
}

/// The driftless log prices at all events of a path.
template <int K, class F>
PROOFLOAD_FN void factor_prices(const Plan& plan, const Tables& tables, const Paths<F>& paths, const Workspace<F>& work,
                                bool stalled) {
  const Events events = events_of(plan, stalled);
  rank_events<K>(plan, work, events);
  walk_factors<K>(plan, tables, paths, work, events);
  own_noise<K>(plan, tables, paths, work, events, stalled);
}

}  // namespace proofload
