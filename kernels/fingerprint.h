/// fingerprint.h -- a hash of every raw delay and proceeds: histograms hide a difference of one ulp, this does not.
///
/// The fingerprint of a range is the sum of its outcomes' hashes: the same for every order, split and lane width.
#pragma once
#include "kernels/lane.h"

namespace proofload {

/// SplitMix64's finaliser (Steele, Lea, Flood 2014).
PROOFLOAD_FN std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

/// Of one outcome of one path; `what` tells outcomes apart (told.h).
PROOFLOAD_FN std::uint64_t outcome_hash(std::uint64_t path, std::uint32_t what, std::uint32_t word) {
  return mix(mix(path) ^ (static_cast<std::uint64_t>(what) << 32 | word));
}

}  // namespace proofload
