/// count.h -- from outcomes to counters: which bin, which threshold, which sum. One sink for CPU lanes and GPU threads;
/// how a counter is bumped is the business of its `Counters` (buffers in cpu.cpp, atomics in cuda.cu).
#pragma once
#include "kernels/path.h"
#include "kernels/tally.h"
#include "kernels/told.h"

namespace proofload {

/// Bin of a loss (tally.h).
template <class F>
PROOFLOAD_FN typename lane<F>::U loss_bin(F loss) {
  const F base = broadcast<F>(1.0f + loss_gain_bins), zero = broadcast<F>(0.0f);
  const F rate = select(less(loss, zero), broadcast<F>(1000.0f), broadcast<F>(100'000.0f));
  const F bin = fma(loss, rate, base);
  return truncate(select(less(bin, zero), zero, bin));
}

/// Bin of a delay in ticks, at most `horizon`; later is unresolved.
template <class F>
PROOFLOAD_FN typename lane<F>::U delay_bin(typename lane<F>::U ticks, std::uint32_t horizon) {
  using U = typename lane<F>::U;
  const U octave_step = (bits(to_float(ticks)) >> 18) - broadcast_word<F>((127u << 5) - 1u);
  const U zero = broadcast_word<F>(0);
  const U bin = select(equal(ticks, zero), zero, octave_step);
  return select(less(broadcast_word<F>(horizon), ticks), broadcast_word<F>(delay_bins - 1), bin);
}

/// The sink of simulate(). `Counters` offers:
///   bin(where, bins) one count a lane in the histogram that starts at `where` (`order`: its place among the
///   histograms) scatter(where, bins, m) the same for the lanes of m only, rare count(where, m) as many as m has lanes,
///   rare under(k, m) collateral k is under-collateralised on these lanes; pairs are counted from these sum(where,
///   units, m) adds the lanes' units to a 64-bit sum, rare lowest(m) keeps the lowest path among these lanes, rare
///   raw(what, word) tells a word of the path (told.h), when somebody listens
/// and leaves out lanes outside the range of paths.
template <class F, class Counters>
struct Count {
  using U = typename lane<F>::U;
  using M = typename lane<F>::M;
  const Plan& plan;
  const TallyLayout layout;
  Counters& to;
  M wrong = less(broadcast_word<F>(0), broadcast_word<F>(0));  ///< nobody so far

  PROOFLOAD_FN Count(const Plan& p, Counters& c) : plan(p), layout(layout_of(p)), to(c) {}

  PROOFLOAD_FN bool any(M m) const { return to.any(m); }
  template <Counted what>
  PROOFLOAD_FN void bin(U bins, unsigned i = 0) {
    to.bin(layout.at<what>(int(i)), layout.order<what>(int(i)), bins);
  }
  PROOFLOAD_FN void stage(unsigned i, U ticks) { to.raw(told<Told::stage>(i), ticks); }
  PROOFLOAD_FN void delay(unsigned r, U ticks) {
    to.raw(told<Told::delay>(r), ticks);
    bin<Counted::delay>(delay_bin<F>(ticks, plan.horizon), r);
  }
  PROOFLOAD_FN void price(unsigned p, F ratio) {
    to.raw(told<Told::price>(p), bits(ratio));
    bin<Counted::price>(loss_bin(broadcast<F>(1.0f) - ratio), p);
  }
  /// The same of the token plan.based_at[i], with its basis.
  PROOFLOAD_FN void based(unsigned i, F ratio) {
    to.raw(told<Told::based>(i), bits(ratio));
    bin<Counted::basis>(loss_bin(broadcast<F>(1.0f) - ratio), i);
  }
  /// Lanes of m have an outcome that is not a finite number.
  PROOFLOAD_FN void broken(M m) { wrong = either(wrong, m); }
  /// The path is over: what is counted once a path.
  PROOFLOAD_FN void done() {
    if (!to.any(wrong)) return;
    to.count(layout.non_finite(), wrong);
    to.lowest(wrong);
    wrong = without(wrong, wrong);
  }
  /// Lanes of m have a message beyond the horizon, stall included.
  PROOFLOAD_FN void unresolved(const Workspace<F>& work, M m, bool stalled) {
    if (!to.any(m)) return;
    to.count(layout.unresolved(), m);
    const U never = broadcast_word<F>(absent);
    for (unsigned k = 0; k < plan.collaterals; ++k) {
      const unsigned message = plan.leg[plan.collateral[k].leg].message;
      to.count(layout.late(int(k)), equal(stalled ? work.late[message] : work.time[message], never));
    }
  }

  /// A layer has failed on a path when a message over it is hit.
  PROOFLOAD_FN void layers_failed(const Workspace<F>& work) {
    for (unsigned i = 0; i < plan.layers; ++i) {
      const M first = failed(work, i);
      if (!to.any(first)) continue;
      for (unsigned j = i; j < plan.layers; ++j) to.count(layout.failed(int(i), int(j)), both(first, failed(work, j)));
    }
  }
  PROOFLOAD_FN M failed(const Workspace<F>& work, unsigned layer) const {
    const U zero = broadcast_word<F>(0);
    M m = less(zero, zero);
    for (unsigned i = 0; i < plan.messages; ++i) {
      if (plan.message[i].layer == layer) m = either(m, is_hit(plan.message[i], work.failure[layer], work.time[i]));
    }
    return m;
  }

  /// Proceeds before sale costs, per unit of value at the call: without failures, and as they are.
  PROOFLOAD_FN void proceeds(unsigned k, F spared, F actual, M hit, bool failures) {
    to.raw(told<Told::spared>(k), bits(spared));
    to.raw(told<Told::actual>(k), bits(actual));
    to.raw(told<Told::hit>(k), select(hit, broadcast_word<F>(1), broadcast_word<F>(0)));
    const Collateral& c = plan.collateral[k];
    const F one = broadcast<F>(1.0f), threshold = broadcast<F>(c.threshold);
    const U without_failure = loss_bin(one - spared);
    bin<Counted::latency>(without_failure, k);
    const bool some = failures && to.any(hit);
    if (some) {
      to.count(layout.hit(int(k)), hit);
      to.scatter(layout.spared(int(k)), without_failure, hit);
      to.scatter(layout.struck(int(k)), loss_bin(one - actual), hit);
    }
    if (c.counted == 0) return;
    const M under = less(actual, threshold), under_spared = less(spared, threshold);
    to.under(k, under);
    if (to.any(under)) {
      to.sum(layout.shortfall(int(k)), units(c, actual), under);
      if (some) to.sum(layout.shortfall_struck(int(k)), units(c, actual), both(under, hit));
    }
    if (to.any(under_spared)) to.sum(layout.shortfall_spared(int(k)), units(c, spared), under_spared);
  }

  /// What the policy counts on less the proceeds after sale costs, in units of 2^-24: between 0 and 1 where it is used.
  PROOFLOAD_FN U units(const Collateral& c, F proceeds) const {
    const F zero = broadcast<F>(0.0f), net = fma(broadcast<F>(c.keep), proceeds, broadcast<F>(-c.cost));
    const F gap = broadcast<F>(c.covered) - select(less(net, zero), zero, net);
    return truncate(fma(select(less(gap, zero), zero, gap), broadcast<F>(16777216.0f), broadcast<F>(0.5f)));
  }

  /// A grid date up to the sale had a price loss beyond the policy haircut.
  PROOFLOAD_FN void breach(unsigned k, M m) {
    to.raw(told<Told::breach>(k), select(m, broadcast_word<F>(1), broadcast_word<F>(0)));
    if (to.any(m)) to.count(layout.breach(int(k)), m);
  }
  /// Least price of the weighted book over the grid dates, per unit of its value at the call.
  PROOFLOAD_FN void lowest(F price) {
    to.raw(told<Told::least>(), bits(price));
    bin<Counted::least>(loss_bin(broadcast<F>(1.0f) - price));
  }

  /// What the whole book brings after sale costs, per unit of its value at the call.
  PROOFLOAD_FN void book(F proceeds) {
    to.raw(told<Told::book>(), bits(proceeds));
    bin<Counted::book>(loss_bin(broadcast<F>(1.0f) - proceeds));
    const M under = less(proceeds, broadcast<F>(plan.portfolio_threshold));
    if (to.any(under)) to.count(layout.book_under(), under);
  }
};

}  // namespace proofload
