/// tally.h -- the answer of a run, in integers: merged, compared, named.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/tally.h"

namespace proofload {

struct PathRange {
  std::uint64_t first = 0, count = 0;
};

/// The answer, in integers (kernels/tally.h says what each counter is). Equal problems give equal tallies on every
/// machine.
struct Tally {
  TallyLayout layout{};
  std::vector<std::uint64_t> counts, sums;
  std::uint64_t paths = 0;
  std::uint64_t lowest_non_finite = ~std::uint64_t{0};  ///< lowest path with a non-finite outcome

  explicit Tally(const TallyLayout& l = {}) : layout(l), counts(l.counters()), sums(l.sums()) {}
  Tally& operator+=(const Tally& other);
  bool operator==(const Tally& other) const = default;
  std::string hash() const;  ///< 32 hex digits over paths, counts, sums
};

/// Paths on which collateral k has a loss in this bin, failures included: the failed ones leave `latency` where they
/// would have been and enter it where they came to be.
inline std::uint64_t count_with_failures(const Tally& tally, int k, std::size_t bin) {
  const TallyLayout& at = tally.layout;
  return tally.counts[at.latency(k) + bin] + tally.counts[at.struck(k) + bin] - tally.counts[at.spared(k) + bin];
}

}  // namespace proofload
