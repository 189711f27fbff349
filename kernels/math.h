/// math.h -- exp, log, normals from correctly rounded operations only, so that every lane, compiler and GPU gives the
/// same bits.
///
/// Coefficients: minimax fits by scripts/research/fit_coefficients (Sollya). Largest errors, measured in
/// tests/kernels/math_test.cpp against long double: exp 2 ulp, 1.6e-7 relative; minus_two_log 1.25e-6 relative, 1.25e-7
/// near q = 1; exponential 1.4e-6 relative, 4e-7 for v < 1/256; reciprocal 1.3e-7 relative; table_at 1e-6 in the score;
/// normals 1.2e-6 absolute, tails included, and below a radius of 0.03 another 6e-8 / radius (q is a float near 1),
/// 2.5e-4 at most.
#pragma once
#include "kernels/coefficients.h"
#include "kernels/philox.h"

namespace proofload {

/// c[0] + x (c[1] + x (c[2] + ...)), each step one fma; for M arguments in lockstep, so that their latencies overlap.
template <class F, int N, int M>
PROOFLOAD_FN void horner(const F (&x)[M], const float (&c)[N], F (&sum)[M]) {
  PROOFLOAD_UNROLL
  for (int m = 0; m < M; ++m) sum[m] = broadcast<F>(c[N - 1]);
  PROOFLOAD_UNROLL
  for (int i = N - 2; i >= 0; --i) {
    PROOFLOAD_UNROLL
    for (int m = 0; m < M; ++m) sum[m] = fma(sum[m], x[m], broadcast<F>(c[i]));
  }
}
template <class F, int N>
PROOFLOAD_FN F horner(F x, const float (&c)[N]) {
  const F argument[1] = {x};
  F sum[1];
  horner(argument, c, sum);
  return sum[0];
}

/// -2 ln q for q in (0, 1]. Never negative.
template <class F, int M>
PROOFLOAD_FN void minus_two_log(const F (&q)[M], F (&out)[M]) {
  constexpr float c[] = PROOFLOAD_MINUS_TWO_LOG;
  typename lane<F>::U exponent[M];
  F f[M], sum[M];
  PROOFLOAD_UNROLL
  for (int m = 0; m < M; ++m) {
    exponent[m] = (bits(q[m]) - broadcast_word<F>(0x3f2aaaabu)) & broadcast_word<F>(0xff800000u);
    f[m] = from_bits(bits(q[m]) - exponent[m]) - broadcast<F>(1.0f);  // q / 2^e - 1, in [-1/3, 1/3]
  }
  horner(f, c, sum);
  PROOFLOAD_UNROLL
  for (int m = 0; m < M; ++m) out[m] = fma(to_float(exponent[m]), broadcast<F>(-0x1.62e43p-23f), sum[m] * f[m]);
}
template <class F>
PROOFLOAD_FN F minus_two_log(F q) {
  const F argument[1] = {q};
  F out[1];
  minus_two_log(argument, out);
  return out[0];
}

/// M pairs of independent normals of variance `variance` (Box and Muller 1958). All 32 bits of a pair's first word make
/// its radius, so |z| reaches 6.76; the second gives two signs (its top bits) and an angle inside a quarter turn (its
/// low 23 bits).
template <class F, int M>
PROOFLOAD_FN void normal_pairs(const typename lane<F>::U (&first)[M], const typename lane<F>::U (&second)[M],
                               F variance, F (&z)[2 * M]) {
  constexpr float ss[] = PROOFLOAD_SIN_QUARTER, cc[] = PROOFLOAD_COS_QUARTER;
  F q[M], r[M], t[M], g[M], s[M], c[M];
  PROOFLOAD_UNROLL
  for (int m = 0; m < M; ++m) {
    q[m] = fma(to_float_unsigned(first[m]), broadcast<F>(0x1p-32f), broadcast<F>(0x1p-33f));  // (0, 1]
    t[m] = one_to_two(second[m]) - broadcast<F>(1.5f);  // quarter turns from the quadrant's middle
    g[m] = t[m] * t[m];
  }
  minus_two_log(q, r);
  horner(g, ss, s);  // sin / t and cos of the angle, over sqrt 2: the point is (c - s, c + s) of the radius
  horner(g, cc, c);
  PROOFLOAD_UNROLL
  for (int m = 0; m < M; ++m) {
    const F radius = sqrt(variance * r[m]), across = t[m] * radius, along = c[m] * radius;
    z[2 * m] = flip_sign(fnma(s[m], across, along), second[m]);
    z[2 * m + 1] = flip_sign(fma(s[m], across, along), second[m] << 1);
  }
}

/// The four normals of a Philox block.
template <class F>
PROOFLOAD_FN void normals(const Words<F>& words, F variance, F (&z)[4]) {
  const typename lane<F>::U first[2] = {words.word[0], words.word[2]}, second[2] = {words.word[1], words.word[3]};
  normal_pairs(first, second, variance, z);
}
/// The first two of them (pair 0) or the last two (pair 1), at half the cost.
template <class F>
PROOFLOAD_FN void normals(const Words<F>& words, int pair, F (&z)[2]) {
  const typename lane<F>::U first[1] = {words.word[2 * pair]}, second[1] = {words.word[2 * pair + 1]};
  normal_pairs(first, second, broadcast<F>(1.0f), z);
}

/// exp(x) for x < 88; 0 to single precision below -87. The caller tests x (a NaN has no meaning here).
template <class F>
PROOFLOAD_FN F exp(F x) {
  x = select(less(x, broadcast<F>(-87.0f)), broadcast<F>(-87.0f), x);
  const F magic = broadcast<F>(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  const F shifted = fma(x, broadcast<F>(0x1.715476p+0f), magic);
  const F n = shifted - magic;
  F r = fma(n, broadcast<F>(-0x1.62e4p-1f), x);
  r = fma(n, broadcast<F>(-0x1.7f7d1cp-20f), r);
  constexpr float c[] = PROOFLOAD_EXP;
  return from_bits(bits(horner(r, c)) + (bits(shifted) << 23));
}

/// (word + 1/2) / 2^32, rounded: in (0, 1].
template <class F>
PROOFLOAD_FN F uniform(typename lane<F>::U word) {
  return fma(to_float_unsigned(word), broadcast<F>(0x1p-32f), broadcast<F>(0x1p-33f));
}

/// -ln(1 - v), v = (word + 1/2) / 2^32: a standard exponential time, with full relative precision near 0 where hazards
/// live.
template <class F>
PROOFLOAD_FN F exponential(typename lane<F>::U word) {
  const F v = fma(to_float_unsigned(word), broadcast<F>(0x1p-32f), broadcast<F>(0x1p-33f));
  const auto complement = word ^ broadcast_word<F>(0xffffffffu);  // 1 - v, with full precision near v = 1 too
  const F q = fma(to_float_unsigned(complement), broadcast<F>(0x1p-32f), broadcast<F>(0x1p-33f));
  const F lost = v - (broadcast<F>(1.0f) - q);  // what rounding q dropped; 1 / q is 1 where it matters
  return fma(minus_two_log(q), broadcast<F>(0.5f), lost);
}

/// 1 / x to single precision for x > 0, without a division: Newton's iteration from a bit trick.
template <class F>
PROOFLOAD_FN F reciprocal(F x) {
  F y = from_bits(broadcast_word<F>(0x7ef311c7u) - bits(x));
  PROOFLOAD_UNROLL
  for (int i = 0; i < 3; ++i) y = y * fma(broadcast<F>(0.0f) - x, y, broadcast<F>(2.0f));
  return y;
}

/// 1 - exp(-y) for y in [0, 87], with full relative precision near 0 where short times live: Taylor's series below 1/4
/// (the remainder is below 4e-10 of the sum).
template <class F>
PROOFLOAD_FN F one_minus_exp(F y) {
  constexpr float c[] = {1.0f, -1.0f / 2, 1.0f / 6, -1.0f / 24, 1.0f / 120, -1.0f / 720, 1.0f / 5040};
  const F series = y * horner(y, c);
  const auto far = less(broadcast<F>(0.25f), y);
  if (!any(far)) return series;
  return select(far, broadcast<F>(1.0f) - exp(broadcast<F>(0.0f) - y), series);
}

/// Quantile table at normal score z; its range stands behind the planes (plan.h, table_scale and table_shift).
template <class F>
PROOFLOAD_FN F table_at(const float* table, F z) {
  F t = fma(z, broadcast<F>(table[256]), broadcast<F>(table[257]));
  t = select(less(t, broadcast<F>(0.0f)), broadcast<F>(0.0f), t);
  t = select(less(broadcast<F>(63.999996f), t), broadcast<F>(63.999996f), t);
  const auto i = truncate(t);
  const F f = t - to_float(i);
  return fma(fma(fma(lookup(table + 192, i), f, lookup(table + 128, i)), f, lookup(table + 64, i)), f,
             lookup(table, i));
}

}  // namespace proofload
