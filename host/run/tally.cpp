#include "run/tally.h"
#include <algorithm>
#include <stdexcept>

#include "base/hash.h"

namespace proofload {
namespace {

bool same_layout(const TallyLayout& a, const TallyLayout& b) {
  return a.readings == b.readings && a.collaterals == b.collaterals && a.routes == b.routes && a.layers == b.layers &&
         a.portfolio == b.portfolio && a.breaches == b.breaches && a.lowest == b.lowest;
}

}  // namespace

Tally& Tally::operator+=(const Tally& other) {
  if (!same_layout(layout, other.layout)) throw std::logic_error("tallies of different layouts cannot be added");
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += other.sums[i];
  paths += other.paths;
  lowest_non_finite = std::min(lowest_non_finite, other.lowest_non_finite);
  return *this;
}

bool Tally::operator==(const Tally& other) const {
  return same_layout(layout, other.layout) && paths == other.paths && lowest_non_finite == other.lowest_non_finite &&
         counts == other.counts && sums == other.sums;
}

std::string Tally::hash() const { return Hash().feed({&paths, 1}).feed(counts).feed(sums).text(); }

}  // namespace proofload
