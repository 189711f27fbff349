/// law.h -- from random words to values of laws: components, their tables, and durations in ticks.
#pragma once
#include "kernels/math.h"
#include "kernels/plan.h"

namespace proofload {

/// v[w] for a w that is known at run time only: an indexed array would lie in a GPU's local memory.
template <class T>
PROOFLOAD_FN T pick_of(const T (&v)[4], unsigned w) {
  return w < 2 ? (w == 0 ? v[0] : v[1]) : (w == 2 ? v[2] : v[3]);
}

/// The value of a law at normal score z, in the piece in which the score `place` lies. A branch on the pieces' shapes
/// is a branch on plan data: every lane takes it.
template <class F>
PROOFLOAD_FN F law_at(const Plan& plan, const float* tables, Law law, F z, F place) {
  F value = broadcast<F>(0.0f), shape = broadcast<F>(0.0f);
  for (unsigned j = law.count; j-- > 0;) {  // from the last to the first, so that the first with until > place stands
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
    value = j + 1u == law.count ? v : select(less(place, broadcast<F>(c.until)), v, value);
  }
  return value;
}
template <class F>
PROOFLOAD_FN F law_at(const Plan& plan, const float* tables, Law law, F z) {
  return law_at(plan, tables, law, z, z);
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

}  // namespace proofload
