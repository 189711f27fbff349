/// pack.h -- lanes of 32 (AVX-512, two registers) or 8 (AVX2) paths, with the vocabulary of lane.h. Included by
/// translation units built for that ISA only; the types lie in the ISA's own namespace, so the linker can never mix the
/// ISAs' code.
#pragma once
#include <immintrin.h>

#include "kernels/lane.h"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)

namespace proofload {
/// Paths 0 .. 15 in v, 16 .. 31 in w: two independent chains of work, because one alone waits for its own latencies
/// half the time.
namespace avx512 {
struct F {
  __m512 v, w;
};
struct U {
  __m512i v, w;
};
struct M {
  __mmask16 v, w;
};
/// Words as the low halves of 64-bit lanes, even and odd paths apart: vpmuludq ignores the high halves, which hold
/// rubbish.
struct W {
  __m512i even, odd, even2, odd2;
};
}  // namespace avx512

template <>
struct lane<avx512::F> {
  using U = avx512::U;
  using M = avx512::M;
  using W = avx512::W;
  using P = avx512::W;
  static constexpr int width = 32;
};

namespace avx512 {
PROOFLOAD_FN F operator+(F a, F b) { return {_mm512_add_ps(a.v, b.v), _mm512_add_ps(a.w, b.w)}; }
PROOFLOAD_FN F operator-(F a, F b) { return {_mm512_sub_ps(a.v, b.v), _mm512_sub_ps(a.w, b.w)}; }
PROOFLOAD_FN F operator*(F a, F b) { return {_mm512_mul_ps(a.v, b.v), _mm512_mul_ps(a.w, b.w)}; }
PROOFLOAD_FN U operator+(U a, U b) { return {_mm512_add_epi32(a.v, b.v), _mm512_add_epi32(a.w, b.w)}; }
PROOFLOAD_FN U operator-(U a, U b) { return {_mm512_sub_epi32(a.v, b.v), _mm512_sub_epi32(a.w, b.w)}; }
PROOFLOAD_FN U operator&(U a, U b) { return {_mm512_and_si512(a.v, b.v), _mm512_and_si512(a.w, b.w)}; }
PROOFLOAD_FN U operator^(U a, U b) { return {_mm512_xor_si512(a.v, b.v), _mm512_xor_si512(a.w, b.w)}; }
PROOFLOAD_FN U operator<<(U a, int n) {
  return {_mm512_slli_epi32(a.v, static_cast<unsigned>(n)), _mm512_slli_epi32(a.w, static_cast<unsigned>(n))};
}
PROOFLOAD_FN U operator>>(U a, int n) {
  return {_mm512_srli_epi32(a.v, static_cast<unsigned>(n)), _mm512_srli_epi32(a.w, static_cast<unsigned>(n))};
}
PROOFLOAD_FN F fma(F a, F b, F c) { return {_mm512_fmadd_ps(a.v, b.v, c.v), _mm512_fmadd_ps(a.w, b.w, c.w)}; }
PROOFLOAD_FN F sqrt(F a) { return {_mm512_sqrt_ps(a.v), _mm512_sqrt_ps(a.w)}; }
PROOFLOAD_FN U bits(F a) { return {_mm512_castps_si512(a.v), _mm512_castps_si512(a.w)}; }
PROOFLOAD_FN F from_bits(U a) { return {_mm512_castsi512_ps(a.v), _mm512_castsi512_ps(a.w)}; }
PROOFLOAD_FN F to_float(U a) { return {_mm512_cvtepi32_ps(a.v), _mm512_cvtepi32_ps(a.w)}; }
PROOFLOAD_FN F fnma(F a, F b, F c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v), _mm512_fnmadd_ps(a.w, b.w, c.w)}; }
PROOFLOAD_FN F to_float_unsigned(U a) { return {_mm512_cvtepu32_ps(a.v), _mm512_cvtepu32_ps(a.w)}; }
PROOFLOAD_FN F one_to_two(U a) {
  const __m512i fraction = _mm512_set1_epi32(0x7fffff), one = _mm512_set1_epi32(0x3f800000);
  return {_mm512_castsi512_ps(_mm512_ternarylogic_epi32(a.v, fraction, one, 0xea)),
          _mm512_castsi512_ps(_mm512_ternarylogic_epi32(a.w, fraction, one, 0xea))};  // (a & b) | c
}
PROOFLOAD_FN F flip_sign(F a, U u) {
  const __m512i top = _mm512_set1_epi32(static_cast<int>(0x80000000u));
  return {_mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_castps_si512(a.v), u.v, top, 0x78)),
          _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_castps_si512(a.w), u.w, top, 0x78))};  // a ^ (b & c)
}
PROOFLOAD_FN U truncate(F a) { return {_mm512_cvttps_epi32(a.v), _mm512_cvttps_epi32(a.w)}; }
PROOFLOAD_FN F select(M m, F a, F b) {
  return {_mm512_mask_blend_ps(m.v, b.v, a.v), _mm512_mask_blend_ps(m.w, b.w, a.w)};
}
PROOFLOAD_FN U select(M m, U a, U b) {
  return {_mm512_mask_blend_epi32(m.v, b.v, a.v), _mm512_mask_blend_epi32(m.w, b.w, a.w)};
}
PROOFLOAD_FN M less(F a, F b) {
  return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), _mm512_cmp_ps_mask(a.w, b.w, _CMP_LT_OQ)};
}
PROOFLOAD_FN M less(U a, U b) { return {_mm512_cmplt_epu32_mask(a.v, b.v), _mm512_cmplt_epu32_mask(a.w, b.w)}; }
PROOFLOAD_FN M equal(U a, U b) { return {_mm512_cmpeq_epi32_mask(a.v, b.v), _mm512_cmpeq_epi32_mask(a.w, b.w)}; }
PROOFLOAD_FN M has_bit(U a, std::uint32_t bit) {
  return {_mm512_test_epi32_mask(a.v, _mm512_set1_epi32(static_cast<int>(bit))),
          _mm512_test_epi32_mask(a.w, _mm512_set1_epi32(static_cast<int>(bit)))};
}
PROOFLOAD_FN U min(U a, U b) { return {_mm512_min_epu32(a.v, b.v), _mm512_min_epu32(a.w, b.w)}; }
PROOFLOAD_FN M both(M a, M b) { return {static_cast<__mmask16>(a.v & b.v), static_cast<__mmask16>(a.w & b.w)}; }
PROOFLOAD_FN M either(M a, M b) { return {static_cast<__mmask16>(a.v | b.v), static_cast<__mmask16>(a.w | b.w)}; }
PROOFLOAD_FN M without(M a, M b) { return {static_cast<__mmask16>(a.v & ~b.v), static_cast<__mmask16>(a.w & ~b.w)}; }
PROOFLOAD_FN bool any(M m) { return (m.v | m.w) != 0; }
PROOFLOAD_FN std::uint32_t mask_bits(M m) { return m.v | (std::uint32_t(m.w) << 16); }
/// plane holds 64 floats, 64-byte aligned; i < 64.
PROOFLOAD_FN __m512 lookup1(const float* plane, __m512i i) {
  const __m512 low = _mm512_permutex2var_ps(_mm512_load_ps(plane), i, _mm512_load_ps(plane + 16));
  const __m512 high = _mm512_permutex2var_ps(_mm512_load_ps(plane + 32), i, _mm512_load_ps(plane + 48));
  return _mm512_mask_blend_ps(_mm512_test_epi32_mask(i, _mm512_set1_epi32(32)), low, high);
}
PROOFLOAD_FN F lookup(const float* plane, U i) { return {lookup1(plane, i.v), lookup1(plane, i.w)}; }
PROOFLOAD_FN F gather(const float* base, U i) {
  return {_mm512_i32gather_ps(i.v, base, 4), _mm512_i32gather_ps(i.w, base, 4)};
}
PROOFLOAD_FN void store(std::uint32_t* to, U a) {
  _mm512_storeu_si512(to, a.v);
  _mm512_storeu_si512(to + 16, a.w);
}
PROOFLOAD_FN float get(F a, int i) {
  alignas(64) float s[32];
  _mm512_store_ps(s, a.v);
  _mm512_store_ps(s + 16, a.w);
  return s[i];
}
PROOFLOAD_FN std::uint32_t get(U a, int i) {
  alignas(64) std::uint32_t s[32];
  _mm512_store_si512(s, a.v);
  _mm512_store_si512(s + 16, a.w);
  return s[i];
}
PROOFLOAD_FN W widen(U a) { return {a.v, _mm512_srli_epi64(a.v, 32), a.w, _mm512_srli_epi64(a.w, 32)}; }
PROOFLOAD_FN U narrow(W a) {
  return {_mm512_mask_shuffle_epi32(a.even, 0xaaaa, a.odd, _MM_PERM_CCAA),
          _mm512_mask_shuffle_epi32(a.even2, 0xaaaa, a.odd2, _MM_PERM_CCAA)};
}
PROOFLOAD_FN W product(W a, std::uint32_t b) {
  const __m512i m = _mm512_set1_epi32(static_cast<int>(b));
  return {_mm512_mul_epu32(a.even, m), _mm512_mul_epu32(a.odd, m), _mm512_mul_epu32(a.even2, m),
          _mm512_mul_epu32(a.odd2, m)};
}
PROOFLOAD_FN W high(W p) {
  return {_mm512_srli_epi64(p.even, 32), _mm512_shuffle_epi32(p.odd, _MM_PERM_DDBB), _mm512_srli_epi64(p.even2, 32),
          _mm512_shuffle_epi32(p.odd2, _MM_PERM_DDBB)};
}
PROOFLOAD_FN W low(W p) { return p; }
PROOFLOAD_FN W exclusive_or(W a, W b, std::uint32_t c) {
  const __m512i k = _mm512_set1_epi32(static_cast<int>(c));
  return {_mm512_ternarylogic_epi32(a.even, b.even, k, 0x96), _mm512_ternarylogic_epi32(a.odd, b.odd, k, 0x96),
          _mm512_ternarylogic_epi32(a.even2, b.even2, k, 0x96), _mm512_ternarylogic_epi32(a.odd2, b.odd2, k, 0x96)};
}
PROOFLOAD_FN W exclusive_or(W a, std::uint32_t b, std::uint32_t c) {
  const __m512i k = _mm512_set1_epi32(static_cast<int>(b ^ c));
  return {_mm512_xor_si512(a.even, k), _mm512_xor_si512(a.odd, k), _mm512_xor_si512(a.even2, k),
          _mm512_xor_si512(a.odd2, k)};
}
}  // namespace avx512

template <>
PROOFLOAD_FN avx512::F broadcast<avx512::F>(float a) {
  return {_mm512_set1_ps(a), _mm512_set1_ps(a)};
}
template <>
PROOFLOAD_FN avx512::U broadcast_word<avx512::F>(std::uint32_t a) {
  return {_mm512_set1_epi32(static_cast<int>(a)), _mm512_set1_epi32(static_cast<int>(a))};
}
template <>
PROOFLOAD_FN avx512::U lane_index<avx512::F>() {
  return {_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
          _mm512_setr_epi32(16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31)};
}
template <>
PROOFLOAD_FN avx512::F slot_at<avx512::F>(const Slots<avx512::F>& slots, avx512::U at, unsigned k) {
  const avx512::U first = (at + broadcast_word<avx512::F>(k)) << 5;  // 32 lanes
  return gather(reinterpret_cast<const float*>(slots.base), first + lane_index<avx512::F>());
}
template <>
PROOFLOAD_FN void put_at<avx512::U>(const Slots<avx512::U>& slots, avx512::U at, avx512::U a) {
  const avx512::U to = (at << 5) + lane_index<avx512::F>();  // 32 lanes
  _mm512_i32scatter_epi32(slots.base, to.v, a.v, 4);
  _mm512_i32scatter_epi32(slots.base, to.w, a.w, 4);
}
template <>
PROOFLOAD_FN avx512::M mask_from_bits<avx512::F>(std::uint32_t b) {
  return {static_cast<__mmask16>(b), static_cast<__mmask16>(b >> 16)};
}
}  // namespace proofload

#elif defined(__AVX2__) && defined(__FMA__)

namespace proofload {
namespace avx2 {
struct F {
  __m256 v;
};
struct U {
  __m256i v;
};
struct M {
  __m256i v;  ///< all ones or all zeros by lane
};
/// Words as the low halves of 64-bit lanes, even and odd paths apart: vpmuludq ignores the high halves, which hold
/// rubbish.
struct W {
  __m256i even, odd;
};
}  // namespace avx2

template <>
struct lane<avx2::F> {
  using U = avx2::U;
  using M = avx2::M;
  using W = avx2::W;
  using P = avx2::W;
  static constexpr int width = 8;
};

namespace avx2 {
PROOFLOAD_FN F operator+(F a, F b) { return {_mm256_add_ps(a.v, b.v)}; }
PROOFLOAD_FN F operator-(F a, F b) { return {_mm256_sub_ps(a.v, b.v)}; }
PROOFLOAD_FN F operator*(F a, F b) { return {_mm256_mul_ps(a.v, b.v)}; }
PROOFLOAD_FN U operator+(U a, U b) { return {_mm256_add_epi32(a.v, b.v)}; }
PROOFLOAD_FN U operator-(U a, U b) { return {_mm256_sub_epi32(a.v, b.v)}; }
PROOFLOAD_FN U operator&(U a, U b) { return {_mm256_and_si256(a.v, b.v)}; }
PROOFLOAD_FN U operator^(U a, U b) { return {_mm256_xor_si256(a.v, b.v)}; }
PROOFLOAD_FN U operator<<(U a, int n) { return {_mm256_slli_epi32(a.v, n)}; }
PROOFLOAD_FN U operator>>(U a, int n) { return {_mm256_srli_epi32(a.v, n)}; }
PROOFLOAD_FN F fma(F a, F b, F c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
PROOFLOAD_FN F sqrt(F a) { return {_mm256_sqrt_ps(a.v)}; }
PROOFLOAD_FN U bits(F a) { return {_mm256_castps_si256(a.v)}; }
PROOFLOAD_FN F from_bits(U a) { return {_mm256_castsi256_ps(a.v)}; }
PROOFLOAD_FN F to_float(U a) { return {_mm256_cvtepi32_ps(a.v)}; }
PROOFLOAD_FN F fnma(F a, F b, F c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }
PROOFLOAD_FN F to_float_unsigned(U a) {  // two exact halves, rounded once by the fma
  const F upper = to_float(a >> 16), lower = to_float(U{_mm256_and_si256(a.v, _mm256_set1_epi32(0xffff))});
  return fma(upper, F{_mm256_set1_ps(65536.0f)}, lower);
}
PROOFLOAD_FN F one_to_two(U a) {
  const __m256i fraction = _mm256_and_si256(a.v, _mm256_set1_epi32(0x7fffff));
  return {_mm256_castsi256_ps(_mm256_or_si256(fraction, _mm256_set1_epi32(0x3f800000)))};
}
PROOFLOAD_FN F flip_sign(F a, U u) {
  const __m256i top = _mm256_and_si256(u.v, _mm256_set1_epi32(static_cast<int>(0x80000000u)));
  return {_mm256_xor_ps(a.v, _mm256_castsi256_ps(top))};
}
PROOFLOAD_FN U truncate(F a) { return {_mm256_cvttps_epi32(a.v)}; }
PROOFLOAD_FN F select(M m, F a, F b) { return {_mm256_blendv_ps(b.v, a.v, _mm256_castsi256_ps(m.v))}; }
PROOFLOAD_FN U select(M m, U a, U b) { return {_mm256_blendv_epi8(b.v, a.v, m.v)}; }
PROOFLOAD_FN M less(F a, F b) { return {_mm256_castps_si256(_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ))}; }
PROOFLOAD_FN M less(U a, U b) {
  const __m256i top = _mm256_set1_epi32(static_cast<int>(0x80000000u));
  return {_mm256_cmpgt_epi32(_mm256_xor_si256(b.v, top), _mm256_xor_si256(a.v, top))};
}
PROOFLOAD_FN M equal(U a, U b) { return {_mm256_cmpeq_epi32(a.v, b.v)}; }
PROOFLOAD_FN M has_bit(U a, std::uint32_t bit) {
  const __m256i b = _mm256_set1_epi32(static_cast<int>(bit));
  return {_mm256_cmpeq_epi32(_mm256_and_si256(a.v, b), b)};
}
PROOFLOAD_FN U min(U a, U b) { return {_mm256_min_epu32(a.v, b.v)}; }
PROOFLOAD_FN M both(M a, M b) { return {_mm256_and_si256(a.v, b.v)}; }
PROOFLOAD_FN M either(M a, M b) { return {_mm256_or_si256(a.v, b.v)}; }
PROOFLOAD_FN M without(M a, M b) { return {_mm256_andnot_si256(b.v, a.v)}; }
PROOFLOAD_FN std::uint32_t mask_bits(M m) {
  return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(m.v)));
}
PROOFLOAD_FN bool any(M m) { return _mm256_testz_si256(m.v, m.v) == 0; }
PROOFLOAD_FN F lookup(const float* plane, U i) { return {_mm256_i32gather_ps(plane, i.v, 4)}; }
PROOFLOAD_FN F gather(const float* base, U i) { return lookup(base, i); }
PROOFLOAD_FN void store(std::uint32_t* to, U a) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), a.v); }
PROOFLOAD_FN float get(F a, int i) {
  alignas(32) float s[8];
  _mm256_store_ps(s, a.v);
  return s[i];
}
PROOFLOAD_FN std::uint32_t get(U a, int i) {
  alignas(32) std::uint32_t s[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(s), a.v);
  return s[i];
}
PROOFLOAD_FN W widen(U a) { return {a.v, _mm256_srli_epi64(a.v, 32)}; }
PROOFLOAD_FN U narrow(W a) { return {_mm256_blend_epi32(a.even, _mm256_slli_epi64(a.odd, 32), 0xaa)}; }
PROOFLOAD_FN W product(W a, std::uint32_t b) {
  const __m256i m = _mm256_set1_epi32(static_cast<int>(b));
  return {_mm256_mul_epu32(a.even, m), _mm256_mul_epu32(a.odd, m)};
}
PROOFLOAD_FN W high(W p) { return {_mm256_srli_epi64(p.even, 32), _mm256_srli_epi64(p.odd, 32)}; }
PROOFLOAD_FN W low(W p) { return p; }
PROOFLOAD_FN W exclusive_or(W a, std::uint32_t b, std::uint32_t c) {
  const __m256i k = _mm256_set1_epi32(static_cast<int>(b ^ c));
  return {_mm256_xor_si256(a.even, k), _mm256_xor_si256(a.odd, k)};
}
PROOFLOAD_FN W exclusive_or(W a, W b, std::uint32_t c) {
  return exclusive_or(W{_mm256_xor_si256(a.even, b.even), _mm256_xor_si256(a.odd, b.odd)}, c, 0u);
}
}  // namespace avx2

template <>
PROOFLOAD_FN avx2::F broadcast<avx2::F>(float a) {
  return {_mm256_set1_ps(a)};
}
template <>
PROOFLOAD_FN avx2::U broadcast_word<avx2::F>(std::uint32_t a) {
  return {_mm256_set1_epi32(static_cast<int>(a))};
}
template <>
PROOFLOAD_FN avx2::U lane_index<avx2::F>() {
  return {_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)};
}
template <>
PROOFLOAD_FN avx2::F slot_at<avx2::F>(const Slots<avx2::F>& slots, avx2::U at, unsigned k) {
  const avx2::U first = (at + broadcast_word<avx2::F>(k)) << 3;  // 8 lanes
  return gather(reinterpret_cast<const float*>(slots.base), first + lane_index<avx2::F>());
}
template <>
PROOFLOAD_FN void put_at<avx2::U>(const Slots<avx2::U>& slots, avx2::U at, avx2::U a) {
  alignas(32) std::uint32_t where[8], what[8];
  store(where, (at << 3) + lane_index<avx2::F>());  // 8 lanes
  store(what, a);
  for (int i = 0; i < 8; ++i) std::memcpy(reinterpret_cast<std::uint32_t*>(slots.base) + where[i], what + i, 4);
}
template <>
PROOFLOAD_FN avx2::M mask_from_bits<avx2::F>(std::uint32_t b) {
  const __m256i each = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  return {_mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(static_cast<int>(b)), each), each)};
}
}  // namespace proofload

#endif
