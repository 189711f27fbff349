/// cpu.h -- the CPU lanes as the host sees them: cpu.cpp is built once per ISA, each in its own namespace.
#pragma once
#include <cstdint>

#include "kernels/philox.h"
#include "kernels/tally.h"
#include "kernels/told.h"
#include "kernels/workspace.h"

namespace proofload {

/// Paths of a call to run(): at most this many, and never across a multiple of it.
inline constexpr std::uint32_t chunk_paths = 4096;

/// A path in full: the words that it tells (told.h), and its arrays when it is over. What the plan has no use for is 0.
struct Recording {
  std::uint32_t words[first_told(Told::told_ends)];
  Arrays<float> arrays;
};

/// Who hears the words of all paths that a worker runs.
struct Listener {
  std::uint64_t fingerprint;  ///< sum of their outcome_hash() (fingerprint.h)
  Recording* recording;       ///< of the last path, by scalar lanes only; null: not wanted
};

/// What one thread counts into; the host owns the memory. Zero everything before the first call.
struct Worker {
  std::uint32_t* counts;  ///< TallyLayout::counters()
  std::uint64_t* sums;    ///< TallyLayout::sums()
  std::uint32_t* buffer;  ///< TallyLayout::histograms() rows of buffer_row bins
  std::uint64_t* planes;  ///< collaterals rows of chunk_paths / 64 words
  std::uint64_t lowest_non_finite;
  Listener* listener;  ///< null: nobody
};
inline constexpr std::uint32_t buffer_row =
    chunk_paths + 48;  ///< not a multiple of 4 KiB, or the rows would alias in L1

struct Lanes {
  const char* name;
  int width;
  void (*run)(const Plan&, const Tables& tables, const Key&, std::uint64_t first, std::uint32_t count, Worker&);
  /// Ticks of each route's message on each of these paths, a row of Plan::routes after the other: standstills included,
  /// with a trigger at the latest, without stalls. Nothing else of the paths is simulated.
  void (*delays)(const Plan&, const Tables& tables, const Key&, std::uint64_t first, std::uint32_t count,
                 std::uint32_t* to);
};

namespace scalar {
extern const Lanes lanes;
}
namespace avx2 {
extern const Lanes lanes;
}
namespace avx512 {
extern const Lanes lanes;
}

}  // namespace proofload
