/// delay.h -- from random words to values of laws, and from the stages of a route to the times of its messages (DESIGN 1.3).
#pragma once
#include "kernels/math.h"
#include "kernels/philox.h"
#include "kernels/plan.h"

namespace proofload {

/// v[w] for a w that is known at run time only: an indexed array would lie in a GPU's local memory.
template <class T>
PROOFLOAD_FN T pick_of(const T (&v)[4], unsigned w) {
  return w < 2 ? (w == 0 ? v[0] : v[1]) : (w == 2 ? v[2] : v[3]);
}

/// The value of a law at normal score z; `pick` chooses the component of a mixture and is read only if there are several.
/// A branch on the components' shapes is a branch on plan data: every lane takes it.
template <class F>
PROOFLOAD_FN F law_at(const Plan& plan, const float* tables, Law law, F z, typename lane<F>::U pick) {
  F value = broadcast<F>(0.0f), shape = broadcast<F>(0.0f);
  for (unsigned j = law.count; j-- > 0;) {  // from the last to the first, so that the first with until >= pick stands
    const Component& c = plan.component[law.first + j];
    const bool known = j + 1u < law.count && plan.component[law.first + j + 1].shape == c.shape &&
                       plan.component[law.first + j + 1].table == c.table;
    if (!known) {
      if (c.shape == Shape::constant) {
        shape = broadcast<F>(0.0f);
      } else if (c.shape == Shape::lognormal) {
        shape = exp(broadcast<F>(from_bits(c.table)) * z);
      } else {
        shape = table_at(tables + c.table * table_floats, z);
        if (c.shape == Shape::exp_table) shape = exp(shape);
      }
    }
    const F v = fma(broadcast<F>(c.scale), shape, broadcast<F>(c.offset));
    value = j + 1u == law.count ? v : select(less(broadcast_word<F>(c.until), pick), value, v);
  }
  return value;
}

/// A duration in ticks, rounded once: clamped to [0, horizon + 1], which is beyond every event.
template <class F>
PROOFLOAD_FN typename lane<F>::U to_ticks(F value, std::uint32_t horizon) {
  const F low = broadcast<F>(0.0f), high = broadcast<F>(to_float(horizon));
  value = value + broadcast<F>(0.5f);
  const auto beyond = less(high, value);
  value = select(less(value, low), low, select(beyond, low, value));
  return select(beyond, broadcast_word<F>(horizon + 1), truncate(value));
}

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

/// Per-path arrays with run-time sizes; Sizes says how many of each a plan needs. `time`: ticks, of messages, then readings, then
/// parts of messages, then the heartbeats of triggers; `late`: with the stall, failed paths only; `outage`: beginning and end of each.
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

/// The scores of a stage given the stress factor: a G + sqrt(1 - a^2) z, as they are (normal copula), or read as Student-t with one mixer
/// for all (Student copula: late together in the tail too). t goes to its normal score by a table over Wallace's (1959) transform
/// sign(t) sqrt(dof ln(1 + t^2 / dof)) (8 dof + 1) / (8 dof + 3), which is nearly that score already.
template <class F>
PROOFLOAD_FN void load_scores(const Plan& plan, const float* tables, const Workspace<F>& work, F (&z)[4]) {
  PROOFLOAD_UNROLL
  for (int i = 0; i < 4; ++i)  // NOLINT(modernize-loop-convert): unrolled
    z[i] = fma(broadcast<F>(plan.delay_loading), work.condition[stress_factor], broadcast<F>(plan.delay_own) * z[i]);
  if (plan.copula.count == 0) return;
  const F one = broadcast<F>(1.0f);
  PROOFLOAD_UNROLL
  for (int i = 0; i < 4; ++i) {  // NOLINT(modernize-loop-convert): unrolled
    const F t = z[i] * work.condition[copula_root], x = t * t * broadcast<F>(plan.copula_inverse_dof);
    // sqrt(ln(1 + x) / x) by its series near 0, where ln(1 + x) has lost digits; |t| sqrt(1 / x) = sqrt(dof)
    constexpr float c[] = {1.0f, -0.25f, 13.0f / 96, -35.0f / 384};
    const F size = from_bits(bits(t) & broadcast_word<F>(0x7fffffffu));
    const F near = size * broadcast<F>(plan.copula_inverse_root) * horner(x, c);
    const F far = sqrt(broadcast<F>(0.5f) * minus_two_log(reciprocal(one + x)));
    const F w = broadcast<F>(plan.copula_scale) * select(less(x, broadcast<F>(0.03125f)), near, far);
    z[i] = law_at(plan, tables, plan.copula, flip_sign(w, bits(t)), broadcast_word<F>(0));
  }
}

/// Draws every stage once and adds it to the messages, readings, parts and heartbeats that share it.
template <class F, class Sink>
PROOFLOAD_FN void delays(const Plan& plan, const float* tables, const Paths<F>& paths, const Workspace<F>& work,
                         Sink& sink) {
  using U = typename lane<F>::U;
  const auto& time = work.time;
  for (unsigned m = 0; m < plan.messages; ++m) time[m] = broadcast_word<F>(plan.message[m].fixed);
  for (unsigned p = 0; p < plan.readings; ++p) time[plan.messages + p] = broadcast_word<F>(plan.reading[p].fixed);
  const unsigned first_part = plan.messages + plan.readings;
  for (unsigned p = 0; p < plan.parts; ++p) time[first_part + p] = broadcast_word<F>(plan.part[p].fixed);
  for (unsigned o = 0; o < plan.triggers; ++o) time[first_part + plan.parts + o] = broadcast_word<F>(0);
  const bool loaded = plan.delay_loading != 0.0f || plan.copula.count != 0;
  const U late = broadcast_word<F>(plan.horizon + 1);
  for (unsigned b = 0; b < plan.blocks; ++b) {
    const Block& block = plan.block[b];
    const Stream<F> stream(paths, block.address);
    const F zero = broadcast<F>(0.0f);
    F z[4] = {zero, zero, zero, zero};
    const Words<F> words = stream.draw(block.rank);
    if (block.pairs == 3) {
      normals(words, broadcast<F>(1.0f), z);
    } else if (block.pairs == 1) {
      F half[2];
      normals(words, 0, half);
      z[0] = half[0];
      z[1] = half[1];
    } else {
      F half[2];
      normals(words, 1, half);
      z[2] = half[0];
      z[3] = half[1];
    }
    if (loaded) load_scores(plan, tables, work, z);
    F doubt = broadcast<F>(1.0f);
    if (plan.delay_error > 0.0f) {
      F error[2];
      normals(stream.draw(doubt_rank), 0, error);
      doubt = exp(broadcast<F>(plan.delay_error) * error[0]);
    }
    Words<F> pick{};
    if (block.picks != 0) pick = stream.draw(block.rank + 1u);
    for (unsigned i = block.first; i < unsigned(block.first) + block.count; ++i) {
      const Term& term = plan.term[i];
      F value = law_at(plan, tables, term.law, pick_of(z, term.word), pick_of(pick.word, term.word));
      if (plan.delay_error > 0.0f) value = value * doubt;
      const U ticks = to_ticks(value, plan.horizon);
      sink.stage(i, ticks);
      for (unsigned r = term.first; r < unsigned(term.first) + term.count; ++r) {
        const unsigned to = plan.references[r];
        time[to] = min(time[to] + ticks, late);  // both at most horizon + 1 < 2^31: the sum cannot wrap
      }
    }
  }
}

}  // namespace proofload
