#include "studies/job.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <system_error>

#include "answers/result_file.h"
#include "base/error.h"
#include "studies/blocks.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;

constexpr auto between_checkpoints = std::chrono::seconds(10);

/// Writes what a kill leaves behind, now and then; --resume takes it.
class Checkpoints {
 public:
  explicit Checkpoints(const fs::path& output)
      : part_(output.empty() ? fs::path() : fs::path(output.string() + ".part")) {}
  bool due() const { return !part_.empty() && std::chrono::steady_clock::now() - last_ >= between_checkpoints; }
  void write(const Results& so_far) {
    write_results(so_far, part_);
    last_ = std::chrono::steady_clock::now();
  }
  void remove() const {
    std::error_code ignored;
    if (!part_.empty()) fs::remove(part_, ignored);
  }

 private:
  fs::path part_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

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

fs::path checked_output(const std::string& output, const std::string& scenario_file, bool several) {
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
  if (fs::is_regular_file(file, error) && fs::file_size(file, error) > 0) {
    char head[8] = {};
    std::ifstream(file, std::ios::binary).read(head, sizeof head);
    if (std::memcmp(head, "\x89HDF\r\n\x1a\n", sizeof head) != 0) {
      throw Error(fmt::format(
          "{} exists (and is not a result, so it may be something that you need) choose another name", file.string()));
    }
  }
  if (access(folder.c_str(), W_OK) != 0) {
    throw Error(fmt::format("cannot write {} (the folder {} may not be written) choose another folder", file.string(),
                            folder.string()));
  }
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
    } catch (const Error&) {
      // parameters that cannot be drawn do not cost the main run
      if (!job.output.empty()) write_results(outcome.results, job.output);
      throw;
    }
  }
  if (!job.output.empty()) {
    write_results(outcome.results, job.output);
    checkpoints.remove();
  }
  return outcome;
}

}  // namespace proofload
