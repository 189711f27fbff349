#include "run/tally.h"

#include <algorithm>
#include <stdexcept>

#include "base/hash.h"

namespace proofload {
Tally& Tally::operator+=(const Tally& other) {
  if (layout != other.layout) throw std::logic_error("tallies of different layouts cannot be added");
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += other.sums[i];
  paths += other.paths;
  lowest_non_finite = std::min(lowest_non_finite, other.lowest_non_finite);
  return *this;
}

std::string Tally::hash() const { return Hash().feed({&paths, 1}).feed(counts).feed(sums).text(); }

}  // namespace proofload
