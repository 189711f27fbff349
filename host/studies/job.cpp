#include "studies/job.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <system_error>

#include "answers/notes.h"
#include "answers/result_file.h"
#include "base/error.h"
#include "base/tell.h"
#include "base/words.h"
#include "base/write_file.h"
#include "plan/compile.h"
#include "studies/blocks.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;

constexpr auto between_checkpoints = std::chrono::seconds(10);

/// Writes what a kill leaves behind, now and then; --resume takes it.
class Checkpoints {
 public:
  explicit Checkpoints(const fs::path& output) : part_(output.empty() ? fs::path() : part_of(output)) {}
  bool due() const { return !part_.empty() && std::chrono::steady_clock::now() - last_ >= between_checkpoints; }
  /// A disk that is full for a moment ends no run of hours.
  void write(const Results& so_far) {
    try {
      write_results(so_far, part_);
      failed_ = false;
    } catch (const Error& e) {
      if (!failed_)
        tell(fmt::format("{} (what a kill would leave is not up to date; the run goes on, and tries again)\n",
                         e.what()));
      failed_ = true;
    }
    last_ = std::chrono::steady_clock::now();
  }
  void remove() const {
    std::error_code ignored;
    if (!part_.empty()) fs::remove(part_, ignored);
  }

 private:
  fs::path part_;
  bool failed_ = false;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

/// The result that a file holds; nothing when it holds none that can be read. Throws Error when the machine cannot
/// tell.
std::optional<Results> result_in(const fs::path& file) {
  try {
    return read_results(file.string());
  } catch (const Error& e) {
    if (e.cause == Cause::machine) throw;
    return {};
  }
}

/// The result, where it was asked for or else wherever it can be kept.
void keep(const fs::path& output, const Checkpoints& checkpoints, JobOutcome& job) {
  if (output.empty()) return;
  const bool partial = job.partial_paths || job.partial_blocks || !job.blocks_failed.empty();
  bool beside = false;
  try {
    const std::optional<Results> there = partial ? result_in(output) : std::nullopt;
    beside = there && partial_text(*there).empty();
  } catch (const Error&) { beside = true; }  // it may be one
  if (beside) job.problem = fmt::format("{} holds a whole result (part of a run does not replace it)", output.string());
  try {
    job.written = beside ? part_of(output) : output;
    write_results(job.results, job.written);
    if (!beside) checkpoints.remove();
    return;
  } catch (const Error& e) { job.problem = e.what(); }
  job.written.clear();
  std::error_code error;
  const fs::path elsewhere =
      fs::temp_directory_path(error) / fmt::format("{}-{}.h5", output.stem().string(), static_cast<long>(::getpid()));
  try {
    if (error) return;
    write_results(job.results, elsewhere);
    job.written = elsewhere;
  } catch (const Error&) {
    // the table is all that is left
  }
}

bool stopped(const JobOptions& options) { return options.stop && options.stop(); }

/// The blocks of an [uncertainty], after all paths of the main run. Those that an interrupted run left are kept if they
/// are the same; a stop keeps those that are done.
void run_blocks_of(JobOutcome& job, Backend& backend, const std::optional<Results>& before, const JobOptions& options,
                   Checkpoints& checkpoints) {
  Results& results = job.results;
  const Scenario& scenario = results.scenario;
  BlockHaircuts earlier;
  if (before && before->blocks && same_blocks(before->scenario, *before->blocks, scenario)) earlier = *before->blocks;
  const auto start = std::chrono::steady_clock::now();
  const std::size_t kept = earlier.done;
  BlockOptions block_options;
  block_options.stop = options.stop;
  block_options.checkpoint = [&](const BlockHaircuts& so_far) {
    if (options.on_block) options.on_block(so_far.done, job.wanted_blocks);
    if (!checkpoints.due()) return;
    results.blocks = so_far;
    checkpoints.write(results);
  };
  results.blocks = run_blocks(scenario, backend, block_options, earlier);
  job.block_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (results.blocks->done == 0) {
    results.blocks.reset();
    job.blocks_too_small = !stopped(options);  // a stop before the first block says nothing of their size
  } else {
    job.new_blocks = results.blocks->done - kept;
  }
  const bool begun = results.blocks.has_value();
  job.partial_blocks = begun ? results.blocks->done < job.wanted_blocks : stopped(options);
}

}  // namespace

fs::path part_of(const fs::path& output) { return output.string() + ".part"; }

fs::path checked_output(const std::string& output, const std::string& scenario_file, bool several, bool force) {
  if (output.empty()) return {};
  fs::path file = output;
  std::error_code error;
  if (fs::is_directory(file, error)) {
    file /= fs::path(scenario_file).stem().string() + ".h5";
  } else if (several) {
    throw Error(fmt::format(
        "-o {} (there are several scenarios, so it must be a folder that exists) create it, or run them one by one",
        output));
  }
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  if (!fs::is_directory(folder, error)) {
    throw Error(
        fmt::format("cannot write {} (there is no folder {}) create the folder first", file.string(), folder.string()));
  }
  if (same_file(file, scenario_file))
    throw Error(
        fmt::format("-o {} is the scenario (the result would write over it) choose another name", file.string()));
  require_ours(file, force, {"\x89HDF\r\n\x1a\n"});
  require_writable(file, "the result");
  return file;
}

void require_distinct_outputs(const std::vector<Job>& jobs) {
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!jobs[i].output.empty() && jobs[i].output == jobs[j].output) {
        throw Error(fmt::format("two scenarios would write {} (their files have the same name) run them one by one",
                                jobs[i].output.string()));
      }
    }
  }
}

void require_free_place(const Job& job, const fs::path& resumed) {
  if (job.output.empty() || job.force) return;
  const fs::path part = part_of(job.output);
  std::error_code ignored;
  const bool has_part = fs::exists(fs::symlink_status(part, ignored)) && !same_file(part, resumed);
  const bool has_result =
      fs::exists(job.output, ignored) && fs::file_size(job.output, ignored) > 0 && !same_file(job.output, resumed);
  if (!has_part && !has_result) return;
  const std::string plan_hash = compile(job.scenario).plan_hash;
  if (has_part) {
    const auto left = fs::is_symlink(fs::symlink_status(part, ignored)) ? std::nullopt : result_in(part);
    const std::string name = part.string();
    if (!left)
      throw Error(
          fmt::format("{} is in the way (runs keep what a kill leaves there, and this is none of theirs) choose "
                      "another -o, or replace it with --force",
                      name));
    if (left->compiled.plan_hash != plan_hash || left->seed != job.scenario.run.seed)
      throw Error(
          fmt::format("{} holds {} of another run, of \"{}\" (it was killed, or is running) choose another "
                      "-o, or replace it with --force",
                      name, counted(left->range.count, "path"), left->scenario.name));
    throw Error(
        fmt::format("{} holds {} of this run (it was killed, or is running) go on from there with "
                    "--resume, or start anew with --force",
                    name, counted(left->range.count, "path")));
  }
  const auto there = result_in(job.output);
  if (!there)
    throw Error(
        fmt::format("{} exists (and cannot be read as a result, so it may be something that you need) choose "
                    "another -o, or replace it with --force",
                    job.output.string()));
  if (there->compiled.plan_hash != plan_hash)
    throw Error(
        fmt::format("{} is the result of another problem, \"{}\" (its plan_hash is {} and not {}) choose another "
                    "-o, or replace it with --force",
                    job.output.string(), there->scenario.name, there->compiled.plan_hash, plan_hash));
  if (there->scenario.name != job.scenario.name)
    throw Error(
        fmt::format("{} is the result of another scenario, \"{}\" (which this one, \"{}\", may not replace unasked) "
                    "choose another -o, or replace it with --force",
                    job.output.string(), there->scenario.name, job.scenario.name));
  if (there->range.count > job.scenario.run.paths)
    throw Error(
        fmt::format("{} holds {} paths (and this run would put {} in their place) choose another -o, or replace it "
                    "with --force",
                    job.output.string(), there->range.count, job.scenario.run.paths));
}

JobOutcome run_job(const Job& job, Backend& backend, const std::optional<Results>& before, const JobOptions& options) {
  const Scenario& scenario = job.scenario;
  Checkpoints checkpoints(job.output);
  RunOptions run_options{options.batch, options.progress, {}, options.stop};
  run_options.checkpoint = [&](const Results& so_far) {
    if (checkpoints.due()) checkpoints.write(so_far);
  };
  JobOutcome outcome;
  outcome.results = run_scenario(scenario, backend, run_options, before);
  outcome.partial_paths = outcome.results.range.count < scenario.run.paths;
  if (scenario.uncertainty.given) {
    outcome.wanted_blocks = static_cast<std::size_t>(std::max(0, scenario.uncertainty.blocks));
    outcome.paths_of_block = paths_of_block(scenario);
    try {
      if (!outcome.partial_paths) run_blocks_of(outcome, backend, before, options, checkpoints);
    } catch (const Error& e) { outcome.blocks_failed = e.what(); }  // which do not cost the main run
  }
  keep(job.output, checkpoints, outcome);
  return outcome;
}

}  // namespace proofload
