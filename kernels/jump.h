/// jump.h -- Merton's jumps (1976): over dt ticks a Poisson number of them, whose normal log sizes are added up. Exact
/// for any dt.
#pragma once
#include "kernels/market.h"

namespace proofload {

/// Number of events of a Poisson law with this mean (at most 50: host/scenario/market_reader.cpp refuses more), as a
/// float. Inversion from above: N >= n iff v < P(N >= n), v = (word + 1/2) / 2^32, so that rare events keep their
/// relative precision.
template <class F>
PROOFLOAD_FN F poisson(typename lane<F>::U word, F mean) {
  const F v = fma(to_float_unsigned(word), broadcast<F>(0x1p-32f), broadcast<F>(0x1p-33f));
  // P(N >= n + 1) and P(N = n), each with its own relative precision: at a mean of 50 nobody's number is 0, and it must
  // not be rounding's.
  F tail = one_minus_exp(mean), chance = exp(broadcast<F>(0.0f) - mean), count = broadcast<F>(0.0f);
  for (std::uint32_t n = 1; n < 160; ++n) {
    const auto more = less(v, tail);
    if (!any(more)) break;
    count = select(more, to_float(broadcast_word<F>(n)), count);
    const F part = mean * reciprocal(to_float(broadcast_word<F>(n)));
    chance = chance * part;
    tail = tail - chance;
    // Where the mean is far below n the tail is less than its first term: what rounding left over must not become a
    // jump.
    tail = select(both(less(part, broadcast<F>(0.5f)), less(chance, tail)), chance, tail);
  }
  return count;
}

/// Sum of `count` independent N(mean, deviation^2).
template <class F>
PROOFLOAD_FN F jump_sum(F count, F mean, F deviation, F z) {
  return fma(deviation * sqrt(count), z, mean * count);
}

template <class F>
PROOFLOAD_FN F common_jumps(const Plan& plan, const Paths<F>& paths, std::uint32_t rank, F dt) {
  const Stream<F> stream(paths, address(Purpose::common_jump));
  const F none_yet = broadcast<F>(0.0f);
  const F count = poisson<F>(stream.draw(rank << 1).word[0], dt * broadcast<F>(plan.common_jump[0]));
  if (!any(less(none_yet, count))) return none_yet;
  F z[4];
  normals(stream.draw(rank << 1 | 1u), broadcast<F>(1.0f), z);
  return jump_sum(count, broadcast<F>(plan.common_jump[1]), broadcast<F>(plan.common_jump[2]), z[0]);
}

/// A parameter of jumps: 0 loading of the common jump, 1 own intensity per tick, 2 own mean, 3 own deviation.
template <class F>
PROOFLOAD_FN F jump_parameter(const Plan& plan, const Tables& tables, int plane, int asset) {
  return planar<F>(tables, plan.jump_at, limit::assets, plane, asset);
}

/// Own jumps of assets 4q .. 4q + 3 over dt[j] ticks each.
template <class F>
PROOFLOAD_FN void own_jumps(const Plan& plan, const Tables& tables, const Paths<F>& paths, std::uint32_t rank, int q,
                            const F (&dt)[4], F (&total)[4]) {
  const Stream<F> stream(paths, address(Purpose::own_jump));
  const std::uint32_t at = rank << 5 | static_cast<std::uint32_t>(q) << 1;
  const Words<F> words = stream.draw(at);
  const F zero = broadcast<F>(0.0f);
  F most = zero;
  PROOFLOAD_UNROLL
  for (int j = 0; j < 4; ++j) {
    total[j] = poisson<F>(words.word[j], dt[j] * jump_parameter<F>(plan, tables, 1, 4 * q + j));
    most = most + total[j];
  }
  if (!any(less(zero, most))) return;
  F z[4];
  normals(stream.draw(at | 1u), broadcast<F>(1.0f), z);
  PROOFLOAD_UNROLL
  for (int j = 0; j < 4; ++j) {
    total[j] = jump_sum(total[j], jump_parameter<F>(plan, tables, 2, 4 * q + j),
                        jump_parameter<F>(plan, tables, 3, 4 * q + j), z[j]);
  }
}

/// A jump as it is added to diffusive returns, which are scaled when they are read: jumps are not.
template <class F>
PROOFLOAD_FN F unscaled(const Plan& plan, const Workspace<F>& work, F jump) {
  return plan.conditioned != 0 ? jump * work.condition[jump_scale] : jump;
}

/// Adds what jumped over the last dt ticks.
template <class Market, class F>
PROOFLOAD_FN void jumps(const Plan& plan, const Tables& tables, const Paths<F>& paths, const Workspace<F>& work,
                        std::uint32_t rank, F dt, Market& market) {
  if (plan.jumps & 1u) {
    const F common = unscaled(plan, work, common_jumps(plan, paths, rank, dt));
    PROOFLOAD_UNROLL
    for (int i = 0; i < Market::assets; ++i) market.add(i, jump_parameter<F>(plan, tables, 0, i) * common);
  }
  if (!(plan.jumps & 2u)) return;
  PROOFLOAD_UNROLL
  for (int q = 0; q < (Market::assets + 3) / 4; ++q) {
    const F steps[4] = {dt, dt, dt, dt};
    F own[4];
    own_jumps(plan, tables, paths, rank, q, steps, own);
    PROOFLOAD_UNROLL
    for (int j = 0; j < 4; ++j) {
      if (4 * q + j < Market::assets) market.add(4 * q + j, unscaled(plan, work, own[j]));
    }
  }
}

}  // namespace proofload
