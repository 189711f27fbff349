/// fingerprint.h -- a sink that hashes every raw delay and proceeds: histograms hide a difference of one ulp, this does not.
#pragma once
#include "path.h"

namespace proofload {

/// SplitMix64's finaliser (Steele, Lea, Flood 2014).
PROOFLOAD_FN std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

/// Sums mix(path, what, bits) over paths and outcomes: the same for every order, split and lane width.
template <class F>
struct Fingerprint {
  using U = typename lane<F>::U;
  using M = typename lane<F>::M;
  std::uint64_t first;   ///< path of lane 0
  std::uint32_t active;  ///< one bit per lane that is in the range
  std::uint64_t sum = 0;

  PROOFLOAD_FN Fingerprint(std::uint64_t path, std::uint32_t lanes) : first(path), active(lanes) {}

  PROOFLOAD_FN void take(std::uint32_t what, U word) {
    for (int i = 0; i < lane<F>::width; ++i) {
      const std::uint64_t path = first + static_cast<std::uint64_t>(i);
      if ((active >> i & 1u) != 0) sum += mix(mix(path) ^ (static_cast<std::uint64_t>(what) << 32 | get(word, i)));
    }
  }
  PROOFLOAD_FN bool any(M m) const { return (mask_bits(m) & active) != 0; }
  PROOFLOAD_FN void stage(unsigned i, U ticks) { take(0x10000u + i, ticks); }
  PROOFLOAD_FN void delay(unsigned r, U ticks) { take(0x20000u + r, ticks); }
  PROOFLOAD_FN void price(unsigned p, F ratio) { take(0x30000u + p, bits(ratio)); }
  PROOFLOAD_FN void broken(M) {}
  PROOFLOAD_FN void done() {}
  PROOFLOAD_FN void unresolved(const Workspace<F>&, M, bool) {}
  PROOFLOAD_FN void layers_failed(const Workspace<F>&) {}
  PROOFLOAD_FN void proceeds(unsigned k, F spared, F actual, M, bool) {
    take(0x40000u + k, bits(spared));
    take(0x50000u + k, bits(actual));
  }
  PROOFLOAD_FN void book(F proceeds) { take(0x60000u, bits(proceeds)); }
};

}  // namespace proofload
