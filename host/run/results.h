/// results.h -- a finished run: what was asked, who answered, and the tally; written to and read from HDF5 (results/README.md).
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "plan/drawn.h"
#include "run/backend.h"
#include "scenario/scenario.h"

namespace proofload {

struct Results {
  Scenario scenario;
  Compiled compiled;
  std::uint64_t seed = 0;
  PathRange range;                    ///< the paths that were run
  std::string engine;                 ///< "proofload X.Y.Z"
  std::string backend, device, date;  ///< date: ISO 8601, UTC
  double wall_seconds = 0.0;
  Tally tally;
  std::optional<BlockHaircuts>
      blocks;  ///< of a scenario with an [uncertainty]; fewer than it asks for when interrupted
};

/// Written to a temporary name in the same folder, synced, then renamed: the file is complete or absent. Throws Error.
void write_results(const Results&, const std::filesystem::path&);

/// Throws Error for a file that is not ours, truncated, or whose scenario no longer compiles to the stored plan hash.
Results read_results(const std::filesystem::path&);

}  // namespace proofload
