/// engine.h -- a run: batches of paths through a backend into one tally, with progress, and a stop that loses nothing
/// done.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>

#include "run/backend.h"
#include "run/results.h"
#include "scenario/scenario.h"

namespace proofload {

struct Progress {
  std::uint64_t started = 0, done = 0, wanted = 0;  ///< paths; `started`: those of an earlier part of the run
  double seconds = 0.0;                             ///< since this part of the run began
};

struct RunOptions {
  std::uint64_t batch = 0;                         ///< paths between two looks at `stop`; 0: half a second of them
  std::function<void(const Progress&)> progress;   ///< called after every batch; may be empty
  std::function<void(const Results&)> checkpoint;  ///< called after every batch but the last; may be empty
  std::function<bool()> stop;                      ///< asked after every batch; may be empty
};

/// Adds the paths of a range to a tally, batch by batch. `go_on` hears after each how many are done; its `false` ends
/// it. Without a size of batches the first is small, since nobody knows what a path costs, and the next ones take half
/// a second at the rate so far. `ages`: as in AgedPaths. Answers how many paths were run.
std::uint64_t run_in_batches(const Compiled&, Backend&, std::uint64_t seed, PathRange, std::uint64_t batch, Tally&,
                             const std::function<bool(std::uint64_t done)>& go_on, AgeLosses* ages = nullptr);

/// Runs the scenario's paths, or goes on from an earlier part of the same run (`before`: same plan hash and seed, from
/// path 0). The result holds fewer paths than the scenario asks for when `stop` said so. Throws Error naming the path
/// when an outcome is not finite.
Results run_scenario(const Scenario&, Backend&, const RunOptions& = {}, const std::optional<Results>& before = {});

}  // namespace proofload
