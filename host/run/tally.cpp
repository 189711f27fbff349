// Merging, comparing and naming tallies (declared in backend.h).
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <stdexcept>

#include "run/backend.h"

namespace proofload {
namespace {

struct FreeHash {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};

/// Feeds the numbers as little-endian bytes, so that a hash means the same on every machine.
void feed(XXH3_state_t* state, const std::uint64_t* numbers, std::size_t count) {
  std::array<unsigned char, 8192> bytes;
  for (std::size_t done = 0; done < count;) {
    const std::size_t part = std::min(count - done, bytes.size() / 8);
    for (std::size_t i = 0; i < part; ++i) {
      for (std::size_t b = 0; b < 8; ++b) bytes[8 * i + b] = static_cast<unsigned char>(numbers[done + i] >> (8 * b));
    }
    XXH3_128bits_update(state, bytes.data(), 8 * part);
    done += part;
  }
}

}  // namespace

Tally& Tally::operator+=(const Tally& other) {
  if (layout != other.layout) throw std::logic_error("tallies of different layouts cannot be added");
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += other.sums[i];
  paths += other.paths;
  lowest_non_finite = std::min(lowest_non_finite, other.lowest_non_finite);
  return *this;
}

std::string Tally::hash() const {
  const std::unique_ptr<XXH3_state_t, FreeHash> state(XXH3_createState());
  if (!state) throw std::bad_alloc();
  XXH3_128bits_reset(state.get());
  feed(state.get(), &paths, 1);
  feed(state.get(), counts.data(), counts.size());
  feed(state.get(), sums.data(), sums.size());
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state.get()));
  std::string text;
  for (const unsigned char byte : canonical.digest) {
    constexpr char digits[] = "0123456789abcdef";
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

}  // namespace proofload
