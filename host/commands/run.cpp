// `proofload run`.
#include <fmt/format.h>
#include <fmt/ranges.h>
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
#include "base/json_number.h"
#include "base/tell.h"
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
  interrupted = signal;
  std::signal(signal, SIG_DFL);  // who asks twice does not want to wait for the batch
}

/// Signals that end a run save what is done; those that the caller ignores (nohup) stay ignored. A reader of our output
/// that goes away is an error of printing, not the end of the paths.
void catch_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    if (std::signal(signal, on_interrupt) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
  std::signal(SIGPIPE, SIG_IGN);
}

/// "12.3 M of 40.0 M paths, 3.1 M/s, 9 s left", on a terminal only.
void show_progress(const Progress& p) {
  const double rate = static_cast<double>(p.done - p.started) / std::max(p.seconds, 1e-9);
  const double left = static_cast<double>(p.wanted - p.done) / std::max(rate, 1e-9);
  tell(fmt::format("\r{:.1f} M of {:.1f} M paths, {:.2f} M/s, {:.0f} s left   ", double(p.done) / 1e6,
                   double(p.wanted) / 1e6, rate / 1e6, left));
  if (p.done == p.wanted || interrupted != 0) tell(fmt::format("\r{:70}\r", ""));
}

struct RunArguments {
  std::vector<std::string> scenarios;
  std::string output, resume;
  Overrides overrides;
  BackendOptions backend;
  std::optional<std::uint64_t> batch;
  bool all = false, json = false, resumes = false, force = false;
};

/// Says which files a resumed run goes on without.
void tell_of_missing_files(const Scenario& scenario, const std::string& result) {
  std::error_code ignored;
  const std::string replayed = scenario.stress.replay ? scenario.stress.replay->file : "";
  for (const auto& file : {scenario.market.innovation.file, replayed}) {
    if (!file.empty() && !fs::exists(file, ignored))
      tell(fmt::format("{} is not there: its rows are taken from {}\n", file, result));
  }
}

void tell_of_blocks(const JobOutcome& job) {
  const Scenario& scenario = job.results.scenario;
  if (job.blocks_too_small) {
    tell(
        fmt::format("{} make {} of {} (too few to bound a haircut at any confidence): no interval contains "
                    "parameter error; run more paths or fewer uncertainty.blocks\n",
                    counted(scenario.run.paths, "path"), counted(job.wanted_blocks, "block"), job.paths_of_block));
  } else if (job.new_blocks > 0) {
    tell(fmt::format("{} of {} with drawn parameters in {:.2f} s\n", counted(job.new_blocks, "block"),
                     counted(job.results.blocks->paths, "path"), job.block_seconds));
  }
}

void print_results(const Results& results, const RunArguments& a) {
  print(a.json ? json_text(show_json(results)) : show_table(results, a.all ? Detail::all : Detail::first));
}

/// What may be done with a result that was written.
void tell_what_next(const std::string& file, bool all) {
  const std::string name = shell_quoted(file);
  if (!all) tell(fmt::format("next: proofload show {} --all\n", name));
  tell(fmt::format("{} proofload export {} --venue generic -o haircuts.json\n", all ? "next:" : "  or:", name));
}

/// What was left out when somebody interrupted, and how to go on.
void tell_of_rest(const RunArguments& a, const std::string& name, const JobOutcome& job, const fs::path& output) {
  const Results& results = job.results;
  if (job.partial_paths) {
    tell(fmt::format("stopped after {} of {} paths\n", results.range.count, results.scenario.run.paths));
  } else {
    tell(fmt::format("stopped after {} of {} blocks of [uncertainty]\n", results.blocks ? results.blocks->done : 0,
                     job.wanted_blocks));
  }
  if (job.written.empty()) return;
  const fs::path& prices = a.overrides.prices;
  tell(fmt::format("resume with: proofload run {} --paths {} --seed {}{} --resume {} -o {}\n", shell_quoted(name),
                   results.scenario.run.paths, results.seed,
                   prices.empty() ? "" : " --prices " + shell_quoted(prices.string()),
                   shell_quoted(job.written.string()), shell_quoted(output.string())));
}

/// The file to go on from: what was named, else what a kill left of the output, else the output; nothing where there is
/// neither, and the run then starts with its first path.
fs::path file_to_resume(const RunArguments& a, const fs::path& output) {
  if (!a.resumes || !a.resume.empty()) return a.resume;
  if (output.empty())
    throw Error("--resume without a file (it then goes on from what is left of -o) add -o FILE.h5, or name the file");
  std::error_code ignored;
  for (const fs::path& file : {part_of(output), output}) {
    if (fs::is_regular_file(fs::symlink_status(file, ignored))) return file;
  }
  tell(fmt::format("nothing to resume: there is no {}\n", part_of(output).string()));
  return {};
}

/// Runs one job and says what came of it; answers the exit status that it alone would have.
int run_and_tell(const RunArguments& a, const std::string& name, const Job& job, Backend& backend,
                 const std::optional<Results>& before, const JobOptions& options) {
  const JobOutcome outcome = run_job(job, backend, before, options);
  if (options.progress && outcome.wanted_blocks > 0) tell(fmt::format("\r{:70}\r", ""));
  tell_of_blocks(outcome);
  if (const std::string note = tail_note(outcome.results, answer(outcome.results)); !note.empty()) tell(note + "\n");
  std::string unprinted;
  try {
    print_results(outcome.results, a);
  } catch (const Error& e) { unprinted = e.what(); }
  if (!outcome.problem.empty()) tell(outcome.problem + "\n");
  if (!outcome.written.empty()) {
    tell(fmt::format("wrote {}\n", outcome.written.string()));
  } else if (job.output.empty() && !a.json) {
    tell("not saved: add -o FILE.h5 to see all of it, compare or export it later\n");
  }
  if (!unprinted.empty()) tell(unprinted + "\n");
  if (outcome.partial_paths || outcome.partial_blocks) {
    tell_of_rest(a, name, outcome, job.output);
    return 128 + interrupted;
  }
  if (!outcome.blocks_failed.empty()) {
    tell(outcome.blocks_failed + "\n");
    return exit_input;
  }
  if (!outcome.written.empty() && !a.json) tell_what_next(outcome.written.string(), a.all);
  return outcome.problem.empty() && unprinted.empty() ? 0 : exit_machine;
}

int run(const RunArguments& a) {
  if (a.resumes && a.scenarios.size() != 1) throw Error("--resume (it continues one run) name one scenario");
  std::vector<fs::path> outputs;
  for (const auto& name : a.scenarios)
    outputs.push_back(checked_output(a.output, name, a.scenarios.size() > 1, a.force));
  const fs::path resumed = file_to_resume(a, outputs[0]);
  std::optional<Results> before;
  std::optional<Recorded> recorded;  // a run goes on without the files that it was started with
  if (!resumed.empty()) before = read_results(resumed.string());
  if (before) tell_of_checksum(*before, resumed.string());
  if (before) recorded = recorded_in(before->scenario);
  std::vector<Job> jobs;  // every mistake shows before the first path
  for (std::size_t i = 0; i < outputs.size(); ++i)
    jobs.push_back({read_scenario(a.scenarios[i], a.overrides, recorded ? &*recorded : nullptr), outputs[i], a.force});
  if (recorded) tell_of_missing_files(jobs[0].scenario, resumed.string());
  for (const Job& job : jobs) {
    const auto& replay = job.scenario.stress.replay;
    if (!replay) continue;
    for (const auto& repair : replay->repairs)
      tell(fmt::format("{}: {}\n", fs::path(replay->file).filename().string(), repair));
  }
  require_distinct_outputs(jobs);
  for (const Job& job : jobs) require_free_place(job, resumed);
  if (a.batch && *a.batch == 0) throw Error("--batch 0 (no path would ever be run) leave it out");
  const auto backend = make_backend(a.backend);
  catch_signals();
  JobOptions options{a.batch.value_or(0), {}, {}, [] { return interrupted != 0; }};
  if (isatty(STDERR_FILENO) != 0) {
    options.progress = show_progress;
    options.on_block = [](std::size_t done, std::size_t wanted) {
      tell(fmt::format("\r{} of {} blocks with drawn parameters   ", done, wanted));
    };
  }
  std::vector<std::string> failed;
  int status = 0;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    try {
      status = run_and_tell(a, a.scenarios[i], jobs[i], *backend, before, options);
    } catch (...) { status = tell_exception(jobs.size() > 1 ? a.scenarios[i] : ""); }
    if (interrupted != 0 && i + 1 < jobs.size()) {
      tell(fmt::format("not run: {}\n",
                       fmt::join(a.scenarios.begin() + std::ptrdiff_t(i) + 1, a.scenarios.end(), ", ")));
      return 128 + interrupted;
    }
    if (status > 128) return status;  // the last one, of which a part was run
    if (status != 0) failed.push_back(a.scenarios[i]);
  }
  if (failed.empty() || jobs.size() == 1) return status;
  tell(fmt::format("{} of {} scenarios failed: {}\n", failed.size(), jobs.size(), fmt::join(failed, ", ")));
  return exit_some_failed;
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
  CLI::Option* resume = app.add_option("--resume", a->resume, "go on from part of a run (default: that of -o)");
  resume->expected(0, 1)->type_name("[FILE]");
  add_force(app, a->force);
  app.add_option("--batch", a->batch, "paths between two looks at the clock and at Ctrl-C")->check(digits());
  add_all(app, a->all);
  app.add_flag("--json", a->json, "print what `show --json` prints");
  app.callback([a, resume, &status] {
    a->resumes = resume->count() > 0;
    status = run(*a);
  });
}

}  // namespace proofload
