/// philox.h -- Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011), addressed rather than consumed: nothing is stored,
/// skipped or shared.
///
/// Counter words: (rank, purpose << 16 | name id, path low, path high); key: seed. Equal to Random123's and to cuRAND's
/// stream (tests/kernels/philox_test.cpp). A pack works on the words as halves of 64-bit products; what does not depend
/// on the draw is done once: the first round's product by the path once per pack, the second round's by the address
/// once per Stream. Ten rounds cost eight.
#pragma once
#include "kernels/lane.h"

namespace proofload {

inline constexpr std::uint32_t philox_m0 = 0xd2511f53u, philox_m1 = 0xcd9e8d57u;

/// The seed's key schedule, so that a kernel reads each round's key from uniform memory.
struct Key {
  std::uint32_t a[10], b[10];
};

constexpr Key make_key(std::uint64_t seed) {
  Key key{};
  for (std::uint32_t r = 0; r < 10; ++r) {
    key.a[r] = static_cast<std::uint32_t>(seed) + r * 0x9e3779b9u;
    key.b[r] = static_cast<std::uint32_t>(seed >> 32) + r * 0xbb67ae85u;
  }
  return key;
}

/// The paths of a pack: consecutive, and not across a multiple of 2^32.
template <class F>
struct Paths {
  using W = typename lane<F>::W;
  W high1, low1;  ///< of philox_m1 * path low
  std::uint32_t path_high;
  const Key* key;

  PROOFLOAD_FN Paths(const Key& k, std::uint64_t first) : path_high(static_cast<std::uint32_t>(first >> 32)), key(&k) {
    const auto path = broadcast_word<F>(static_cast<std::uint32_t>(first)) + lane_index<F>();
    const auto p = product(widen(path), philox_m1);
    high1 = high(p);
    low1 = low(p);
  }
};

/// Four uniform words per lane.
template <class F>
struct Words {
  typename lane<F>::U word[4];
};

/// All draws of one address (purpose << 16 | name id).
template <class F>
struct Stream {
  using W = typename lane<F>::W;
  W low1, high0, low0;
  std::uint32_t path_high;
  const Key* key;

  PROOFLOAD_FN Stream(const Paths<F>& paths, std::uint32_t address)
      : low1(paths.low1), path_high(paths.path_high), key(paths.key) {
    const auto p = product(exclusive_or(paths.high1, address, key->a[0]), philox_m0);
    high0 = high(p);
    low0 = low(p);
  }

  PROOFLOAD_FN Words<F> draw(std::uint32_t rank) const {
    const std::uint64_t s = product(rank, philox_m0);
    const std::uint64_t t = product(high(s) ^ path_high ^ key->b[0], philox_m1);
    auto p0 = product(exclusive_or(low1, high(t), key->a[1]), philox_m0);
    auto p1 = product(exclusive_or(high0, low(s), key->b[1]), philox_m1);
    W c0 = exclusive_or(high(p1), low(t), key->a[2]), c1 = low(p1);
    W c2 = exclusive_or(high(p0), low0, key->b[2]), c3 = low(p0);
    PROOFLOAD_UNROLL
    for (int r = 3; r < 10; ++r) {
      p0 = product(c0, philox_m0);
      p1 = product(c2, philox_m1);
      c0 = exclusive_or(high(p1), c1, key->a[r]);
      c2 = exclusive_or(high(p0), c3, key->b[r]);
      c1 = low(p1);
      c3 = low(p0);
    }
    return {{narrow(c0), narrow(c1), narrow(c2), narrow(c3)}};
  }
};

}  // namespace proofload
