/// lane.h -- the lane type F that every kernel is a template on: `float` (a GPU thread, the scalar reference) or a pack
/// of 8 or 32 floats (pack.h). A branch on path data is a select(); a branch on plan data is a plain if.
///
/// Only operations that give the same bits everywhere: + - * fma sqrt correctly rounded, integers, compares, selects
/// (DESIGN 3).
#pragma once
#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#define PROOFLOAD_FN __host__ __device__ __forceinline__
#define PROOFLOAD_ONCE PROOFLOAD_FN
#if defined(__CUDA_ARCH__)
#define PROOFLOAD_UNROLL _Pragma("unroll")
#else
#define PROOFLOAD_UNROLL  // nvcc's host pass only parses the kernels
#endif
#else
#define PROOFLOAD_FN inline __attribute__((always_inline))
#define PROOFLOAD_ONCE __attribute__((noinline))  // what no market is in: compiled once for all of them
#if defined(__clang__)
#define PROOFLOAD_UNROLL _Pragma("clang loop unroll(full)")
#else
#define PROOFLOAD_UNROLL _Pragma("GCC unroll 16")
#endif
#endif

namespace proofload {

/// For a lane type F: its unsigned words U, its masks M, words laid out for 32 x 32 -> 64 bit products W and those
/// products P.
template <class F>
struct lane;

template <>
struct lane<float> {
  using U = std::uint32_t;
  using M = bool;
  using W = std::uint32_t;
  using P = std::uint64_t;
  static constexpr int width = 1;
};

namespace scalar {
using F = float;
}

/// Per-path arrays whose size is known at run time only: packs in L1 on a CPU; on a GPU shared memory, one column a
/// thread.
template <class T>
struct Slots {
  T* base;
#if defined(__CUDA_ARCH__)
  PROOFLOAD_FN T& operator[](unsigned i) const { return base[i * blockDim.x]; }
#else
  PROOFLOAD_FN T& operator[](unsigned i) const { return base[i]; }
#endif
};

/// slots[at + k] with an index that lanes do not share.
template <class F>
PROOFLOAD_FN F slot_at(const Slots<F>& slots, typename lane<F>::U at, unsigned k);
/// slots[at] = a, likewise.
template <class U>
PROOFLOAD_FN void put_at(const Slots<U>& slots, U at, U a);

// ---- float ----------------------------------------------------------------------------------------------------------

PROOFLOAD_FN float fma(float a, float b, float c) {
#if defined(__CUDA_ARCH__)
  return __fmaf_rn(a, b, c);
#else
  return __builtin_fmaf(a, b, c);
#endif
}
/// c - a b, rounded once.
PROOFLOAD_FN float fnma(float a, float b, float c) { return fma(-a, b, c); }
PROOFLOAD_FN float sqrt(float a) {
#if defined(__CUDA_ARCH__)
  return __fsqrt_rn(a);
#else
  return __builtin_sqrtf(a);
#endif
}
PROOFLOAD_FN std::uint32_t bits(float a) {
#if defined(__CUDA_ARCH__)
  return __float_as_uint(a);
#else
  std::uint32_t u;
  std::memcpy(&u, &a, 4);
  return u;
#endif
}
PROOFLOAD_FN float from_bits(std::uint32_t u) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(u);
#else
  float a;
  std::memcpy(&a, &u, 4);
  return a;
#endif
}
/// The word as a signed integer, rounded to float.
PROOFLOAD_FN float to_float(std::uint32_t u) { return static_cast<float>(static_cast<std::int32_t>(u)); }
/// The word as an unsigned integer, rounded to float.
PROOFLOAD_FN float to_float_unsigned(std::uint32_t u) { return static_cast<float>(u); }
/// 1 + (low 23 bits) / 2^23.
PROOFLOAD_FN float one_to_two(std::uint32_t u) { return from_bits((u & 0x7fffffu) | 0x3f800000u); }
/// -a where the top bit of u is set.
PROOFLOAD_FN float flip_sign(float a, std::uint32_t u) { return from_bits(bits(a) ^ (u & 0x80000000u)); }
/// Towards zero; a must lie in [0, 2^31).
PROOFLOAD_FN std::uint32_t truncate(float a) { return static_cast<std::uint32_t>(static_cast<std::int32_t>(a)); }
PROOFLOAD_FN float select(bool m, float a, float b) { return m ? a : b; }
PROOFLOAD_FN std::uint32_t select(bool m, std::uint32_t a, std::uint32_t b) { return m ? a : b; }
PROOFLOAD_FN bool less(float a, float b) { return a < b; }
PROOFLOAD_FN bool less(std::uint32_t a, std::uint32_t b) { return a < b; }
PROOFLOAD_FN bool equal(std::uint32_t a, std::uint32_t b) { return a == b; }
PROOFLOAD_FN bool has_bit(std::uint32_t a, std::uint32_t bit) { return (a & bit) != 0; }
PROOFLOAD_FN std::uint32_t min(std::uint32_t a, std::uint32_t b) { return a < b ? a : b; }
PROOFLOAD_FN bool both(bool a, bool b) { return a && b; }
PROOFLOAD_FN bool either(bool a, bool b) { return a || b; }
PROOFLOAD_FN bool without(bool a, bool b) { return a && !b; }
PROOFLOAD_FN bool any(bool m) { return m; }
/// One bit per lane, lane 0 lowest.
PROOFLOAD_FN std::uint32_t mask_bits(bool m) { return m ? 1u : 0u; }
PROOFLOAD_FN float lookup(const float* plane, std::uint32_t i) { return plane[i]; }
/// base[i], from anywhere in memory.
PROOFLOAD_FN float gather(const float* base, std::uint32_t i) { return base[i]; }
PROOFLOAD_FN void store(std::uint32_t* to, std::uint32_t a) { *to = a; }
PROOFLOAD_FN float get(float a, int) { return a; }
PROOFLOAD_FN std::uint32_t get(std::uint32_t a, int) { return a; }

PROOFLOAD_FN std::uint32_t widen(std::uint32_t a) { return a; }
PROOFLOAD_FN std::uint32_t narrow(std::uint32_t a) { return a; }
PROOFLOAD_FN std::uint64_t product(std::uint32_t a, std::uint32_t b) { return static_cast<std::uint64_t>(a) * b; }
PROOFLOAD_FN std::uint32_t high(std::uint64_t p) { return static_cast<std::uint32_t>(p >> 32); }
PROOFLOAD_FN std::uint32_t low(std::uint64_t p) { return static_cast<std::uint32_t>(p); }
PROOFLOAD_FN std::uint32_t exclusive_or(std::uint32_t a, std::uint32_t b, std::uint32_t c) { return a ^ b ^ c; }

template <>
PROOFLOAD_FN float slot_at<float>(const Slots<float>& slots, std::uint32_t at, unsigned k) {
  return slots[at + k];
}
template <>
PROOFLOAD_FN void put_at<std::uint32_t>(const Slots<std::uint32_t>& slots, std::uint32_t at, std::uint32_t a) {
  slots[at] = a;
}
template <class F>
PROOFLOAD_FN F broadcast(float a);
template <>
PROOFLOAD_FN float broadcast<float>(float a) {
  return a;
}
template <class F>
PROOFLOAD_FN typename lane<F>::U broadcast_word(std::uint32_t a);
template <>
PROOFLOAD_FN std::uint32_t broadcast_word<float>(std::uint32_t a) {
  return a;
}
/// 0, 1, 2 ... by lane.
template <class F>
PROOFLOAD_FN typename lane<F>::U lane_index();
template <>
PROOFLOAD_FN std::uint32_t lane_index<float>() {
  return 0;
}
/// The lanes whose bit is set.
template <class F>
PROOFLOAD_FN typename lane<F>::M mask_from_bits(std::uint32_t b);
template <>
PROOFLOAD_FN bool mask_from_bits<float>(std::uint32_t b) {
  return (b & 1u) != 0;
}

}  // namespace proofload
