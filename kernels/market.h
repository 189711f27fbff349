/// market.h -- how log prices move between two visited times. DESIGN 1.2 composes innovation x variance x jumps; this file has the
/// Gaussian innovation with constant variance: increments over dt are N(0, Sigma dt), exact in law for any dt.
#pragma once
#include "math.h"
#include "philox.h"
#include "plan.h"

namespace proofload {

/// Driftless log prices of A assets (a multiple of 4; assets beyond the plan's have zero rows and stay 0).
template <int A, class F>
struct Prices {
  F x[A];
};

/// Moves all prices by dt ticks. Draws are addressed by the rank of the visit: one Philox block gives the normals of assets
/// 4q .. 4q + 3, the variance dt goes in under the square root of Box and Muller, and every x[i] adds in ascending k.
template <int A, class F>
PROOFLOAD_FN void step(const Plan& plan, const Stream<F>& stream, std::uint32_t rank, F dt, Prices<A, F>& prices) {
  PROOFLOAD_UNROLL
  for (int q = 0; q < A / 4; ++q) {
    F z[4];
    normals(stream.draw(rank << 4 | static_cast<std::uint32_t>(q)), dt, z);
    PROOFLOAD_UNROLL
    for (int i = 4 * q; i < A; ++i) {
      PROOFLOAD_UNROLL
      for (int k = 0; k < 4; ++k) {
        if (4 * q + k <= i)
          prices.x[i] = fma(broadcast<F>(plan.cholesky[i * (i + 1) / 2 + 4 * q + k]), z[k], prices.x[i]);
      }
    }
  }
}

/// The price of one asset at time s, given driftless log price x at time t > 0 (Brownian bridge; beyond t the path goes on).
/// `volatility` per square root of a tick, z a standard normal of its own. Exact for the law of this asset's pair of times.
template <class F>
PROOFLOAD_FN F bridge(F x, F t, F s, float volatility, F z) {
  const F one = broadcast<F>(1.0f), zero = broadcast<F>(0.0f);
  const auto inside = less(s, t);
  const F ratio = select(inside, s * reciprocal(t), one);  // weight of x
  const F variance = select(inside, s * (one - ratio), s - t);
  const F safe = select(less(variance, zero), zero, variance);
  return fma(broadcast<F>(volatility) * sqrt(safe), z, ratio * x);
}

}  // namespace proofload
