/// job.h -- a run as people start it: a scenario to a result file, with what a kill leaves behind and how it goes on.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "run/engine.h"

namespace proofload {

struct Job {
  Scenario scenario;
  std::filesystem::path output;  ///< empty: nowhere
  bool force = false;            ///< what is in the way may be replaced
};

/// Where what a kill leaves behind of a run to `output` lies.
std::filesystem::path part_of(const std::filesystem::path& output);

/// The file for the result of a scenario file: `output` itself, or a name in it where it is a folder, as it must be for
/// `several` scenarios; with `force` it may be something else than a result. Empty for an empty `output`. Throws Error
/// for what could not be written, before the first path is run.
std::filesystem::path checked_output(const std::string& output, const std::string& scenario_file, bool several,
                                     bool force);

/// Throws Error when two jobs would write one file.
void require_distinct_outputs(const std::vector<Job>&);

/// Throws Error, before the first path, for what stands where the job is to write and is not its own to replace: the
/// result of another problem, what a killed run left (part_of), or a part that nobody knows. `resumed` is the file that
/// the job goes on from, and is no obstacle.
void require_free_place(const Job&, const std::filesystem::path& resumed);

struct JobOptions {
  std::uint64_t batch = 0;                                             ///< as in RunOptions
  std::function<void(const Progress&)> progress;                       ///< may be empty
  std::function<void(std::size_t done, std::size_t wanted)> on_block;  ///< of [uncertainty]; may be empty
  std::function<bool()> stop;                                          ///< may be empty
};

/// What became of a job, in words of its own for the one that started it.
struct JobOutcome {
  Results results;
  bool partial_paths = false;     ///< `stop` came before all paths
  bool partial_blocks = false;    ///< `stop` came before all blocks of [uncertainty]
  bool blocks_too_small = false;  ///< no block can bound a haircut at any confidence
  std::size_t new_blocks = 0;     ///< run now, besides those of `before`
  std::size_t wanted_blocks = 0;  ///< 0 without an [uncertainty]
  std::uint64_t paths_of_block = 0;
  double block_seconds = 0.0;
  std::filesystem::path written;  ///< where the result is: the job's output, or wherever it could be kept; or nowhere
  std::string problem;            ///< why it is not the job's output; empty where it is
  std::string blocks_failed;  ///< why blocks of [uncertainty] could not be run; empty where they were, or not wanted
};

/// Runs paths, then the blocks of an [uncertainty], and writes the output; or goes on from `before`, an earlier part of
/// the same run. Every ten seconds what there is goes to part_of(output), which resuming takes and a whole result
/// removes; one that cannot be written is said and tried again. Part of a run replaces no whole result, but stays in
/// part_of(output); a result that cannot be written is kept in the folder for temporary files. Throws Error
/// when paths fail; paths that were run are kept when blocks fail.
JobOutcome run_job(const Job&, Backend&, const std::optional<Results>& before, const JobOptions&);

}  // namespace proofload
