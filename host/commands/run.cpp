// `proofload run`.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "answers/answer.h"
#include "answers/notes.h"
#include "answers/result_file.h"
#include "answers/show.h"
#include "base/error.h"
#include "base/words.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "scenario/reader.h"
#include "studies/job.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;

volatile std::sig_atomic_t interrupted = 0;
extern "C" void on_interrupt(int signal) {
  interrupted = 1;
  std::signal(signal, SIG_DFL);  // who asks twice does not want to wait for the batch
}

/// "12.3 M of 40.0 M paths, 3.1 M/s, 9 s left", on a terminal only.
void show_progress(const Progress& p) {
  const double rate = static_cast<double>(p.done - p.started) / std::max(p.seconds, 1e-9);
  const double left = static_cast<double>(p.wanted - p.done) / std::max(rate, 1e-9);
  fmt::print(stderr, "\r{:.1f} M of {:.1f} M paths, {:.2f} M/s, {:.0f} s left   ", double(p.done) / 1e6,
             double(p.wanted) / 1e6, rate / 1e6, left);
  if (p.done == p.wanted || interrupted != 0) fmt::print(stderr, "\r{:70}\r", "");
  std::fflush(stderr);
}

struct RunArguments {
  std::vector<std::string> scenarios;
  std::string output, resume;
  Overrides overrides;
  BackendOptions backend;
  std::optional<std::uint64_t> batch;
  bool json = false;
};

/// Says which files a resumed run goes on without.
void tell_of_missing_files(const Scenario& scenario, const std::string& result) {
  std::error_code ignored;
  const std::string replayed = scenario.stress.replay ? scenario.stress.replay->file : "";
  for (const auto& file : {scenario.market.innovation.file, replayed}) {
    if (!file.empty() && !fs::exists(file, ignored))
      fmt::print(stderr, "{} is not there: its rows are taken from {}\n", file, result);
  }
}

void tell_of_blocks(const JobOutcome& job) {
  const Scenario& scenario = job.results.scenario;
  if (job.blocks_too_small) {
    fmt::print(stderr,
               "{} paths make {} blocks of {} (too few to bound a haircut at any confidence): no interval contains "
               "parameter error; run more paths or fewer uncertainty.blocks\n",
               scenario.run.paths, job.wanted_blocks, job.paths_of_block);
  } else if (job.new_blocks > 0) {
    fmt::print(stderr, "{} blocks of {} paths with drawn parameters in {:.2f} s\n", job.new_blocks,
               job.results.blocks->paths, job.block_seconds);
  }
}

void print_results(const Results& results, bool json) {
  if (json) return print(show_json(results).dump(2));
  const double paths = static_cast<double>(std::max<std::uint64_t>(1, results.range.count));
  print(show_table(results));
  print(fmt::format("{:.2f} s, {:.3f} us per path on {}", results.wall_seconds, results.wall_seconds / paths * 1e6,
                    results.device));
}

/// What was left out when somebody interrupted, and how to go on.
void tell_of_rest(const RunArguments& a, const std::string& name, const JobOutcome& job, const fs::path& file) {
  const Results& results = job.results;
  if (job.partial_paths) {
    fmt::print(stderr, "stopped after {} of {} paths\n", results.range.count, results.scenario.run.paths);
  } else {
    fmt::print(stderr, "stopped after {} of {} blocks of [uncertainty]\n", results.blocks ? results.blocks->done : 0,
               job.wanted_blocks);
  }
  if (file.empty()) return;
  const fs::path& prices = a.overrides.prices;
  fmt::print(stderr, "resume with: proofload run {} --paths {} --seed {}{} --resume {} -o {}\n", shell_quoted(name),
             results.scenario.run.paths, results.seed,
             prices.empty() ? "" : " --prices " + shell_quoted(prices.string()), shell_quoted(file.string()),
             shell_quoted(file.string()));
}

int run(const RunArguments& a) {
  if (!a.resume.empty() && a.scenarios.size() != 1) throw Error("--resume (it continues one run) name one scenario");
  std::optional<Results> before;
  std::optional<Recorded> recorded;  // a run goes on without the files that it was started with
  if (!a.resume.empty()) before = read_results(a.resume);
  if (before) recorded = recorded_in(before->scenario);
  std::vector<Job> jobs;  // every mistake shows before the first path
  for (const auto& name : a.scenarios)
    jobs.push_back({read_scenario(name, a.overrides, recorded ? &*recorded : nullptr),
                    checked_output(a.output, name, a.scenarios.size() > 1)});
  if (recorded) tell_of_missing_files(jobs[0].scenario, a.resume);
  for (const Job& job : jobs) {
    const auto& replay = job.scenario.stress.replay;
    if (!replay) continue;
    for (const auto& repair : replay->repairs)
      fmt::print(stderr, "{}: {}\n", fs::path(replay->file).filename().string(), repair);
  }
  require_distinct_outputs(jobs);
  if (a.batch && *a.batch == 0) throw Error("--batch 0 (no path would ever be run) leave it out");
  const auto backend = make_backend(a.backend);
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
  JobOptions options{a.batch.value_or(0), {}, {}, [] { return interrupted != 0; }};
  const bool terminal = isatty(STDERR_FILENO) != 0;
  if (terminal) {
    options.progress = show_progress;
    options.on_block = [](std::size_t done, std::size_t wanted) {
      fmt::print(stderr, "\r{} of {} blocks with drawn parameters   ", done, wanted);
      std::fflush(stderr);
    };
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const JobOutcome job = run_job(jobs[i], *backend, before, options);
    if (terminal && job.wanted_blocks > 0) fmt::print(stderr, "\r{:70}\r", "");
    tell_of_blocks(job);
    if (const std::string note = tail_note(job.results, answer(job.results)); !note.empty())
      fmt::print(stderr, "{}\n", note);
    print_results(job.results, a.json);
    const fs::path& file = jobs[i].output;
    if (!file.empty()) {
      fmt::print(stderr, "wrote {}\n", file.string());
    } else if (!a.json) {
      fmt::print(stderr, "not saved: add -o FILE.h5 to compare or export it later\n");
    }
    if (job.partial_paths || job.partial_blocks) {
      tell_of_rest(a, a.scenarios[i], job, file);
      return 2;
    }
  }
  return 0;
}

}  // namespace

void add_run(CLI::App& app, int& status) {
  auto a = std::make_shared<RunArguments>();
  app.add_option("SCENARIO", a->scenarios, "scenario files (TOML)")->required();
  app.add_option("-o,--output", a->output, "result file (HDF5), or a folder for several");
  app.add_option("--paths", a->overrides.paths, "number of paths instead of the scenario's")->check(digits());
  add_seed(app, a->overrides);
  add_prices(app, a->overrides);
  add_backend(app, a->backend);
  app.add_option("--resume", a->resume, "go on from a result that an interrupt saved");
  app.add_option("--batch", a->batch, "paths between two looks at the clock and at Ctrl-C")->check(digits());
  app.add_flag("--json", a->json, "print what `show --json` prints");
  app.callback([a, &status] { status = run(*a); });
}

}  // namespace proofload
