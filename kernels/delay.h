/// delay.h -- from the stages of a route to the times of its messages (DESIGN 1.3).
#pragma once
#include "kernels/law.h"
#include "kernels/philox.h"
#include "kernels/workspace.h"

namespace proofload {

/// The scores of a stage given the stress factor: a G + sqrt(1 - a^2) z, as they are (normal copula), or read as
/// Student-t with one mixer for all (Student copula: late together in the tail too). t goes to its normal score by a
/// table over Wallace's (1959) transform sign(t) sqrt(dof ln(1 + t^2 / dof)) (8 dof + 1) / (8 dof + 3), which is nearly
/// that score already.
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
    z[i] = law_at(plan, tables, plan.copula, flip_sign(w, bits(t)));
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
    for (unsigned i = block.first; i < unsigned(block.first) + block.count; ++i) {
      const Term& term = plan.term[i];
      F value = law_at(plan, tables, term.law, pick_of(z, term.word));
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
