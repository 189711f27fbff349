/// machine.h -- what translated PTX runs on: arithmetic as the PTX manual has it, memory with checks, barriers.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s16 = std::int16_t;
using s32 = std::int32_t;
using s64 = std::int64_t;

/// What threads of a block have done to a word of shared memory since the last barrier.
struct Shadow {
  u32 epoch;           ///< barriers passed by then
  u16 writer, reader;  ///< 1 + thread; 0: nobody; `several`
  bool written, atomic;
};
constexpr u16 several = 0xffff;

/// One thread of a launch.
struct Ctx {
  u64 param;  ///< the launch's parameters, as the driver lays them out
  u32 param_size, tid, ntid, ctaid, nctaid;
  u8* shared;  ///< host address of shared address 0
  u32 shared_end, epoch;
  Shadow* shadow;
  const char* kernel;
  u64 generic(u64 offset) const { return reinterpret_cast<u64>(shared) + offset; }
};
/// Where the dynamic part of shared memory begins on sm_90.
constexpr u32 SHARED_BASE = 1024;

struct Range {
  u64 first, last;
};
/// A translated kernel: each is a library of its own, and this its one symbol.
struct Kernel {
  const char* name;  ///< given to it when it is loaded
  void (*run)(Ctx&);
  u32 param_size;
  int max_threads, min_blocks, params;
  struct {
    u32 at, size;
  } param[16];
  u32 blocks;
  const unsigned* counts;  ///< instructions of each basic block
  const unsigned* lines;   ///< where each begins
  u64* covered;            ///< how often each was run
};
extern std::vector<Range> device_memory;
/// Notes what a sanitizer on a GPU would report.
[[gnu::cold, gnu::noinline]] void violation(const Ctx& c, const char* what, u64 address, int line);
/// Until all threads of the block have come here.
void barrier(Ctx& c, int line);

#define COVER(i) ++covered[i]

// ---- arithmetic

inline float F(u32 u) { return __builtin_bit_cast(float, u); }
inline u32 U(float f) { return __builtin_bit_cast(u32, f); }
/// NVIDIA GPUs have one NaN as the result of arithmetic.
inline float one_nan(float f) { return __builtin_expect(f != f, 0) ? F(0x7fffffffu) : f; }
inline float add_(float a, float b) { return one_nan(a + b); }
inline float sub_(float a, float b) { return one_nan(a - b); }
inline float mul_(float a, float b) { return one_nan(a * b); }
inline float fma_(float a, float b, float c) { return one_nan(__builtin_fmaf(a, b, c)); }
inline float sqrt_(float a) { return one_nan(__builtin_sqrtf(a)); }
inline float neg_(float a) { return F(U(a) ^ 0x80000000u); }
inline float abs_(float a) { return F(U(a) & 0x7fffffffu); }
/// The other one where one is a NaN; +0 above -0.
inline float max_(float a, float b) {
  if (a != a) return one_nan(b);
  if (b != b) return a;
  if (a == b) return F(U(a) & U(b));
  return a > b ? a : b;
}
/// Towards zero; a NaN is 0, what is out of range the nearest that is in range.
inline s32 rzi_(float a) {
  if (a != a) return 0;
  if (a >= 2147483648.0f) return 2147483647;
  if (a < -2147483648.0f) return -2147483647 - 1;
  return static_cast<s32>(a);
}
inline u64 bfi_(u64 a, u64 b, u32 at, u32 n) {
  const u64 mask = (n >= 64 ? ~u64{0} : (u64{1} << n) - 1) << at;
  return (b & ~mask) | ((a << at) & mask);
}

// ---- planted faults

[[gnu::noinline]] inline float rounded(float a) {
  asm volatile("" : "+x"(a));
  return a;
}
inline float mul_add_(float a, float b, float c) { return one_nan(rounded(a * b) + c); }
inline float sqrt_ulp_(float a) { return F(U(__builtin_sqrtf(a)) + 1); }
inline s32 rni_(float a) { return static_cast<s32>(std::nearbyint(a)); }

// ---- memory

template <class T>
T read(u64 a) {
  T value;
  std::memcpy(&value, reinterpret_cast<const void*>(a), sizeof(T));
  return value;
}
template <class T>
void write(u64 a, T value) {
  std::memcpy(reinterpret_cast<void*>(a), &value, sizeof(T));
}
template <class T>
T ld_param(const Ctx& c, u64 a, int line) {
  if (a < c.param || a + sizeof(T) > c.param + c.param_size || a % sizeof(T) != 0)
    violation(c, "parameter read outside", a - c.param, line);
  return read<T>(a);
}
template <class T>
bool in_global(u64 a) {
  for (const Range& r : device_memory) {
    if (a >= r.first && a + sizeof(T) <= r.last) return a % sizeof(T) == 0;
  }
  return false;
}
template <class T>
T ld_global(const Ctx& c, u64 a, int line) {
  if (!in_global<T>(a)) {
    violation(c, "global read outside of what was allocated", a, line);
    return {};
  }
  return read<T>(a);
}
template <class T>
void st_global(const Ctx& c, u64 a, T value, int line) {
  if (!in_global<T>(a)) return violation(c, "global write outside of what was allocated", a, line);
  write(a, value);
}
/// The word's record, with what was before the last barrier forgotten.
template <class T>
Shadow* shadow_of(const Ctx& c, u32 a, int line) {
  static_assert(sizeof(T) == 4);
  if (a < SHARED_BASE || a + 4 > c.shared_end || a % 4 != 0) {
    violation(c, "shared access outside or not aligned", a, line);
    return nullptr;
  }
  Shadow* s = c.shadow + (a - SHARED_BASE) / 4;
  if (s->epoch != c.epoch) *s = {c.epoch, 0, 0, s->written, false};
  return s;
}
template <class T>
T ld_shared(const Ctx& c, u32 a, int line) {
  Shadow* s = shadow_of<T>(c, a, line);
  if (s == nullptr) return {};
  const u16 me = static_cast<u16>(c.tid + 1);
  if (!s->written) violation(c, "shared read of what nobody wrote", a, line);
  if (s->writer != 0 && s->writer != me) violation(c, "shared race: read after another thread's write", a, line);
  if (s->reader != me) s->reader = s->reader == 0 ? me : several;
  return read<T>(c.generic(a));
}
template <class T>
void st_shared(const Ctx& c, u32 a, T value, int line) {
  Shadow* s = shadow_of<T>(c, a, line);
  if (s == nullptr) return;
  const u16 me = static_cast<u16>(c.tid + 1);
  if ((s->writer != 0 && s->writer != me) || (s->reader != 0 && s->reader != me))
    violation(c, "shared race: write after another thread's access", a, line);
  s->writer = me;
  s->written = true;
  s->atomic = false;
  write(c.generic(a), value);
}
template <class T>
T ld_generic(const Ctx& c, u64 a, int line) {
  const u64 begin = reinterpret_cast<u64>(c.shared);
  if (a >= begin && a < begin + c.shared_end) return ld_shared<T>(c, static_cast<u32>(a - begin), line);
  return ld_global<T>(c, a, line);
}
template <class T, class Change>
T atom_shared(const Ctx& c, u32 a, int line, Change change) {
  Shadow* s = shadow_of<T>(c, a, line);
  if (s == nullptr) return {};
  const u16 me = static_cast<u16>(c.tid + 1);
  if (!s->written) violation(c, "shared atomic on what nobody wrote", a, line);
  if (!s->atomic && ((s->writer != 0 && s->writer != me) || (s->reader != 0 && s->reader != me)))
    violation(c, "shared race: atomic after another thread's access", a, line);
  s->writer = s->writer == 0 || s->writer == me ? me : several;
  s->atomic = true;
  const T before = read<T>(c.generic(a));
  write(c.generic(a), change(before));
  return before;
}
template <class T, class Change>
T atom_global(const Ctx& c, u64 a, int line, Change change) {
  if (!in_global<T>(a)) {
    violation(c, "global atomic outside of what was allocated", a, line);
    return {};
  }
  const T before = read<T>(a);
  write(a, change(before));
  return before;
}
template <class T>
T atom_add_shared(const Ctx& c, u32 a, T b, int line) {
  return atom_shared<T>(c, a, line, [=](T x) { return static_cast<T>(x + b); });
}
template <class T>
T atom_add_global(const Ctx& c, u64 a, T b, int line) {
  return atom_global<T>(c, a, line, [=](T x) { return static_cast<T>(x + b); });
}
template <class T>
T atom_sub_global(const Ctx& c, u64 a, T b, int line) {  // a planted fault
  return atom_global<T>(c, a, line, [=](T x) { return static_cast<T>(x - b); });
}
template <class T>
T atom_min_global(const Ctx& c, u64 a, T b, int line) {
  return atom_global<T>(c, a, line, [=](T x) { return x < b ? x : b; });
}
