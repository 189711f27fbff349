/// delay.h -- from random words to values of laws, and from the stages of a route to the times of its messages (DESIGN 1.3).
#pragma once
#include "math.h"
#include "philox.h"
#include "plan.h"

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

/// Per-path arrays with run-time sizes; Sizes says how many of each a plan needs. `time`: ticks, messages then readings; `late`: with
/// the stall, failed paths only.
template <class F>
struct Workspace {
  Slots<typename lane<F>::U> time, late;
  Slots<F> failure;     ///< per layer
  Slots<F> price;       ///< per leg: driftless log price at its message's `time`
  Slots<F> late_price;  ///< per leg: at its message's `late`
  Slots<F> reading;     ///< per reading: driftless log price at its time, where readings are visits
  Slots<F> low;         ///< per leg: least log price, drift included, over the grid dates up to its `time`
  Slots<F> factor,
      late_factor;  ///< Process::factors: per message (and reading) the factors, then the sum of common jumps
};

/// Elements of each member of a Workspace.
struct Sizes {
  unsigned time, late, failure, price, late_price, reading, low, factor, late_factor;
};
PROOFLOAD_FN Sizes sizes_of(const Plan& plan) {
  const bool stalls = plan.stalls != 0;
  const unsigned padded = plan.process != Process::factors ? 0
                          : plan.factors <= 4              ? 5
                                                           : 9;  // with_market's sizes, and the jumps
  const unsigned events = plan.messages + (plan.bridged != 0 ? 0 : plan.readings);
  return {plan.messages + plan.readings,
          stalls ? plan.messages : 0,
          plan.layers,
          plan.legs,
          stalls ? plan.legs : 0,
          plan.bridged != 0 ? 0 : plan.readings,
          plan.breaches != 0 ? plan.legs : 0,
          events * padded,
          stalls ? plan.messages * padded : 0};
}

/// Draws every stage once and adds it to the messages and readings that share it.
template <class F, class Sink>
PROOFLOAD_FN void delays(const Plan& plan, const float* tables, const Paths<F>& paths, const Workspace<F>& work,
                         Sink& sink) {
  using U = typename lane<F>::U;
  const auto& time = work.time;
  for (unsigned m = 0; m < plan.messages; ++m) time[m] = broadcast_word<F>(plan.message[m].fixed);
  for (unsigned p = 0; p < plan.readings; ++p) time[plan.messages + p] = broadcast_word<F>(plan.reading[p].fixed);
  const U late = broadcast_word<F>(plan.horizon + 1);
  for (unsigned b = 0; b < plan.blocks; ++b) {
    const Block& block = plan.block[b];
    const Stream<F> stream(paths, block.address);
    F z[4];
    normals(stream.draw(block.rank), broadcast<F>(1.0f), z);
    Words<F> pick{};
    if (block.picks != 0) pick = stream.draw(block.rank + 1u);
    for (unsigned i = block.first; i < unsigned(block.first) + block.count; ++i) {
      const Term& term = plan.term[i];
      const U ticks =
          to_ticks(law_at(plan, tables, term.law, pick_of(z, term.word), pick_of(pick.word, term.word)), plan.horizon);
      sink.stage(i, ticks);
      for (unsigned r = term.first; r < unsigned(term.first) + term.count; ++r) {
        const unsigned to = plan.references[r];
        time[to] = min(time[to] + ticks, late);  // both at most horizon + 1 < 2^31: the sum cannot wrap
      }
    }
  }
}

/// One value of a law for a named object (a layer's recovery or stall, a token's basis).
template <class F>
PROOFLOAD_FN F draw_law(const Plan& plan, const float* tables, const Paths<F>& paths, Purpose purpose,
                        std::uint32_t name, Law law) {
  const Stream<F> stream(paths, static_cast<std::uint32_t>(purpose) << 16 | name);
  F z[4];
  normals(stream.draw(0), broadcast<F>(1.0f), z);
  const auto pick = stream.draw(1).word[0];
  return law_at(plan, tables, law, z[0], pick);
}

}  // namespace proofload
