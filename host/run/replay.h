/// replay.h -- single paths in full, by the scalar lane that all others equal bit for bit: what `explain` prints and
/// tests look at.
#pragma once
#include <bit>
#include <cstdint>
#include <vector>

#include "kernels/cpu.h"
#include "plan/compile.h"
#include "run/backend.h"
#include "run/worker_memory.h"

namespace proofload {

struct PathRecord {
  Recording recording{};
  bool finite = true;  ///< false: an outcome is not a finite number

  /// What the path told (kernels/told.h); 0 where it told nothing.
  std::uint32_t word(Told what, unsigned i = 0) const { return recording.words[first_told(what) + i]; }
  float real(Told what, unsigned i = 0) const { return std::bit_cast<float>(word(what, i)); }
};

/// Runs one path after the other.
class Replay {
 public:
  /// The Compiled must outlive it.
  Replay(const Compiled& compiled, std::uint64_t seed);
  /// Good until the next one.
  const PathRecord& path(std::uint64_t path);

 private:
  const Compiled& compiled_;
  Key key_;
  WorkerMemory memory_;
  PathRecord record_;
};

PathRecord replay(const Compiled&, std::uint64_t seed, std::uint64_t path);

/// Ticks of each route's message on each path, routes of one path together: standstills included, with a trigger at the
/// latest, without stalls.
std::vector<std::uint32_t> route_delays(const Compiled&, std::uint64_t seed, PathRange);

}  // namespace proofload
