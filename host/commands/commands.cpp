#include "commands/commands.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <hdf5.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <new>
#include <string>
#include <vector>

#include "answers/answer.h"
#include "answers/compare.h"
#include "answers/notes.h"
#include "answers/show.h"
#include "commands/backtest.h"
#include "commands/bench.h"
#include "commands/fit.h"
#include "commands/frontier.h"
#include "commands/list.h"
#include "commands/options.h"
#include "commands/sensitivity.h"
#include "feed/export.h"
#include "plan/drawn.h"
#include "run/cuda_backend.h"
#include "run/engine.h"
#include "run/explain.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;

#if defined(__clang__)
constexpr const char* compiler = "clang";
#else
constexpr const char* compiler = "g++";
#endif

volatile std::sig_atomic_t interrupted = 0;
extern "C" void on_interrupt(int signal) {
  interrupted = 1;
  std::signal(signal, SIG_DFL);  // who asks twice does not want to wait for the batch
}

/// A file name as a shell takes it.
std::string quoted(const std::string& name) {
  if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+=:,@%") ==
      std::string::npos)
    return name;
  std::string text = "'";
  for (const char c : name) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

/// "12.3 M of 40.0 M paths, 3.1 M/s, 9 s left", on a terminal only.
std::function<void(const Progress&)> progress_line() {
  if (isatty(STDERR_FILENO) == 0) return {};
  return [](const Progress& p) {
    const double rate = static_cast<double>(p.done - p.started) / std::max(p.seconds, 1e-9);
    const double left = static_cast<double>(p.wanted - p.done) / std::max(rate, 1e-9);
    fmt::print(stderr, "\r{:.1f} M of {:.1f} M paths, {:.2f} M/s, {:.0f} s left   ", double(p.done) / 1e6,
               double(p.wanted) / 1e6, rate / 1e6, left);
    if (p.done == p.wanted || interrupted != 0) fmt::print(stderr, "\r{:70}\r", "");
    std::fflush(stderr);
  };
}

// ---- run ------------------------------------------------------------------------------------------------------------------

struct RunArguments {
  std::vector<std::string> scenarios;
  std::string output, resume;
  Overrides overrides;
  BackendOptions backend;
  std::optional<std::uint64_t> batch;
  bool json = false;
};

/// Where the result of a scenario goes; empty: nowhere. Checked before the first path is run.
fs::path output_of(const RunArguments& a, const std::string& scenario) {
  if (a.output.empty()) return {};
  fs::path file = a.output;
  std::error_code error;
  if (fs::is_directory(file, error)) {
    file /= fs::path(scenario).stem().string() + ".h5";
  } else if (a.scenarios.size() > 1) {
    throw Error(fmt::format(
        "-o {} (there are several scenarios, so it must be a folder that exists) create it, or run them one by one",
        a.output));
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

/// Says which files a resumed run goes on without.
void tell_of_missing_files(const Scenario& scenario, const std::string& result) {
  std::error_code ignored;
  const std::string replayed = scenario.stress.replay ? scenario.stress.replay->file : "";
  for (const auto& file : {scenario.market.innovation.file, replayed}) {
    if (!file.empty() && !fs::exists(file, ignored))
      fmt::print(stderr, "{} is not there: its rows are taken from {}\n", file, result);
  }
}

std::size_t blocks_wanted(const Scenario& scenario) {
  return static_cast<std::size_t>(std::max(0, scenario.uncertainty.blocks));
}

/// The blocks of an [uncertainty], after all paths of the main run. Those that an interrupted run left are kept if they are the same;
/// an interrupt keeps those that are done. `part`: what a kill leaves behind.
void run_blocks_of(Results& results, Backend& backend, const std::optional<Results>& before, const fs::path& part) {
  const Scenario& scenario = results.scenario;
  BlockHaircuts earlier;
  if (before && before->blocks && same_blocks(before->scenario, *before->blocks, scenario)) earlier = *before->blocks;
  const auto start = std::chrono::steady_clock::now();
  const std::size_t kept = earlier.done;
  const bool terminal = isatty(STDERR_FILENO) != 0;
  BlockOptions options;
  options.stop = [] { return interrupted != 0; };
  options.checkpoint = [&, last = start](const BlockHaircuts& so_far) mutable {
    if (terminal) {
      fmt::print(stderr, "\r{} of {} blocks with drawn parameters   ", so_far.done, blocks_wanted(scenario));
      std::fflush(stderr);
    }
    if (part == ".part" || std::chrono::steady_clock::now() - last < std::chrono::seconds(10)) return;
    results.blocks = so_far;
    write_results(results, part);
    last = std::chrono::steady_clock::now();
  };
  results.blocks = run_blocks(scenario, backend, options, earlier);
  if (terminal) fmt::print(stderr, "\r{:70}\r", "");
  if (results.blocks->done == 0) {
    results.blocks.reset();
    if (interrupted != 0) return;  // before the first block: not too few paths
    fmt::print(stderr,
               "{} paths make {} blocks of {} (too few to bound a haircut at any confidence): no interval contains "
               "parameter error; run more paths or fewer uncertainty.blocks\n",
               scenario.run.paths, blocks_wanted(scenario), paths_of_block(scenario));
  } else if (results.blocks->done > kept) {
    fmt::print(stderr, "{} blocks of {} paths with drawn parameters in {:.2f} s\n", results.blocks->done - kept,
               results.blocks->paths, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
}

int run(const RunArguments& a) {
  if (!a.resume.empty() && a.scenarios.size() != 1) throw Error("--resume (it continues one run) name one scenario");
  std::optional<Results> before;
  std::optional<Recorded> recorded;  // a run goes on without the files that it was started with
  if (!a.resume.empty()) before = read_results(a.resume);
  if (before) recorded = recorded_in(before->scenario);
  std::vector<std::pair<Scenario, fs::path>> jobs;  // every mistake shows before the first path
  for (const auto& name : a.scenarios)
    jobs.emplace_back(read_scenario(name, a.overrides, recorded ? &*recorded : nullptr), output_of(a, name));
  if (recorded) tell_of_missing_files(jobs[0].first, a.resume);
  for (const auto& [scenario, output] : jobs) {
    if (!scenario.stress.replay) continue;
    for (const auto& repair : scenario.stress.replay->repairs)
      fmt::print(stderr, "{}: {}\n", fs::path(scenario.stress.replay->file).filename().string(), repair);
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!jobs[i].second.empty() && jobs[i].second == jobs[j].second) {
        throw Error(fmt::format("two scenarios would write {} (their files have the same name) run them one by one",
                                jobs[i].second.string()));
      }
    }
  }
  if (a.batch && *a.batch == 0) throw Error("--batch 0 (no path would ever be run) leave it out");
  const auto backend = make_backend(a.backend);
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto& [scenario, file] = jobs[i];
    RunOptions options{a.batch.value_or(0), progress_line(), {}, [] { return interrupted != 0; }};
    const fs::path part = file.string() + ".part";
    if (!file.empty())
      options.checkpoint = [part, last = std::chrono::steady_clock::now()](const Results& so_far) mutable {
        if (std::chrono::steady_clock::now() - last < std::chrono::seconds(10)) return;
        write_results(so_far, part);  // what a kill leaves behind; --resume takes it
        last = std::chrono::steady_clock::now();
      };
    Results results = run_scenario(scenario, *backend, options, before);
    const bool partial_paths = results.range.count < scenario.run.paths;
    if (scenario.uncertainty.given && !partial_paths) {
      try {
        run_blocks_of(results, *backend, before, part);
      } catch (const Error&) {
        if (!file.empty()) write_results(results, file);  // parameters that cannot be drawn do not cost the main run
        throw;
      }
    }
    const bool begun = results.blocks && results.blocks->done > 0;
    const bool partial_blocks =
        begun ? results.blocks->done < blocks_wanted(scenario) : scenario.uncertainty.given && interrupted != 0;
    const bool partial = partial_paths || partial_blocks;
    if (const std::string note = tail_note(results, answer(results)); !note.empty()) fmt::print(stderr, "{}\n", note);
    if (!file.empty()) {
      write_results(results, file);
      std::error_code ignored;
      fs::remove(part, ignored);
    }
    if (a.json) {
      print(show_json(results).dump(2));
    } else {
      print(show_table(results));
      print(
          fmt::format("{:.2f} s, {:.3f} us per path on {}", results.wall_seconds,
                      results.wall_seconds / static_cast<double>(std::max<std::uint64_t>(1, results.range.count)) * 1e6,
                      results.device));
    }
    if (!file.empty()) {
      fmt::print(stderr, "wrote {}\n", file.string());
    } else if (!a.json) {
      fmt::print(stderr, "not saved: add -o FILE.h5 to compare or export it later\n");
    }
    if (partial) {
      if (partial_paths) {
        fmt::print(stderr, "stopped after {} of {} paths\n", results.range.count, scenario.run.paths);
      } else {
        fmt::print(stderr, "stopped after {} of {} blocks of [uncertainty]\n", begun ? results.blocks->done : 0,
                   blocks_wanted(scenario));
      }
      if (!file.empty()) {
        const fs::path& prices = a.overrides.prices;
        fmt::print(stderr, "resume with: proofload run {} --paths {} --seed {}{} --resume {} -o {}\n",
                   quoted(a.scenarios[i]), scenario.run.paths, results.seed,
                   prices.empty() ? "" : " --prices " + quoted(prices.string()), quoted(file.string()),
                   quoted(file.string()));
      }
      return 2;
    }
  }
  return 0;
}

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

// ---- show, compare, export ------------------------------------------------------------------------------------------------

void add_show(CLI::App& app, int&) {
  auto file = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  app.add_option("RESULT", *file, "result file (HDF5)")->required();
  app.add_flag("--json", *json, "for programs");
  app.callback([file, json] {
    const Results results = read_results(*file);
    print(*json ? show_json(results).dump(2) : show_table(results));
  });
}

void add_compare(CLI::App& app, int& status) {
  auto files = std::make_shared<std::vector<std::string>>();
  auto json = std::make_shared<bool>(false);
  app.add_option("RESULT", *files, "two or more result files; all are compared with the first")
      ->required()
      ->expected(2, 64)
      ->type_name("...");
  app.add_flag("--json", *json, "for programs");
  app.callback([files, json, &status] {
    std::vector<Results> results;
    for (const auto& f : *files) results.push_back(read_results(f));
    const Comparison comparison = compare(results, *files);
    print(*json ? compare_json(comparison).dump(2) : compare_table(comparison));
    status = differs(comparison) ? 1 : 0;
  });
}

void add_export(CLI::App& app, int&) {
  auto file = std::make_shared<std::string>();
  auto venue = std::make_shared<std::string>("generic");
  auto output = std::make_shared<std::string>();
  app.add_option("RESULT", *file, "result file (HDF5)")->required();
  app.add_option("--venue", *venue, "whose units: generic (basis points)");
  app.add_option("-o,--output", *output, "haircuts.json or haircuts.csv")->required();
  app.callback([file, venue, output] {
    export_haircuts(read_results(*file), *venue, *output);
    fmt::print(stderr, "wrote {}\n", *output);
  });
}

// ---- validate, explain ----------------------------------------------------------------------------------------------------

void add_validate(CLI::App& app, int&) {
  auto file = std::make_shared<std::string>();
  auto overrides = std::make_shared<Overrides>();
  app.add_option("SCENARIO", *file, "scenario file (TOML)")->required();
  add_prices(app, *overrides);
  app.callback([file, overrides] {
    const Scenario scenario = read_scenario(*file, *overrides);
    const Compiled compiled = compile(scenario);
    print(effective_toml(scenario));
    print(fmt::format("# plan {}: {} assets, {} legs, {} random stages, {} tables", compiled.plan_hash,
                      compiled.plan.assets, compiled.plan.legs, compiled.plan.terms,
                      compiled.tables.floats.size() / table_floats));
    for (const LawReport& law : compiled.laws) {
      std::string line = fmt::format("# law {}: measured error {:.1e}", law.where, law.error);
      if (law.tail_share > 0.0)
        line += fmt::format(", {:.2g} of paths beyond its last quantile (in its tail)", law.tail_share);
      if (law.error > 1e-4) line += ", above the goal of 1e-4";
      print(line);
    }
  });
}

void add_explain(CLI::App& app, int&) {
  auto file = std::make_shared<std::string>();
  auto path = std::make_shared<std::uint64_t>(0);
  auto overrides = std::make_shared<Overrides>();
  app.add_option("SCENARIO", *file, "scenario file (TOML)")->required();
  app.add_option("--path", *path, "number of the path, from 0")->required()->check(digits());
  add_seed(app, *overrides);
  add_prices(app, *overrides);
  app.callback([file, path, overrides] {
    const Scenario scenario = read_scenario(*file, *overrides);
    print(explain(scenario, scenario.run.seed, *path));
  });
}

// ---- doctor, bench --------------------------------------------------------------------------------------------------------

void add_doctor(CLI::App& app, int&) {
  app.callback([] {
    std::string lanes;
    for (const auto& l : usable_lanes()) lanes += (lanes.empty() ? "" : ", ") + l;
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    print(fmt::format("{} (commit {}), kernel revision {}", engine_version(), PROOFLOAD_COMMIT, kernel_revision));
    print(fmt::format("built with   {} {}, C++ {}", compiler, __VERSION__, __cplusplus));
    print(fmt::format("CPU lanes    {} (the last is used)", lanes));
    print(fmt::format("threads      {}", usable_threads()));
    const CudaDevices gpus = cuda_devices();
    for (const auto& name : gpus.names) print("GPU          " + name);
    print("CUDA         " + gpus.note);
    print(fmt::format("HDF5         {}.{}.{}", major, minor, release));
  });
}

struct BenchArguments {
  std::string mode = "log", model = "gaussian", scenario;
  std::uint64_t paths = 0;
  BackendOptions backend;
  bool json = false;
};

void run_bench(const BenchArguments& a) {
  const auto backend = make_backend(a.backend);
  const int asked = a.backend.threads, threads = backend->name() != "cpu" ? 1 : asked == 0 ? usable_threads() : asked;
  if (!a.scenario.empty()) {
    const BenchFigures f = bench(read_scenario(a.scenario), *backend, a.paths, false);
    if (a.json) return print(bench_json(f, *backend, threads));
    print(fmt::format("{}: {} paths in {:.3f} s on {}: {:.4f} us per path, {:.4f} us per path and core, {:.4g} paths/s",
                      f.mode, f.paths, f.seconds, backend->device(), f.seconds / double(f.paths) * 1e6,
                      f.seconds * threads / double(f.paths) * 1e6, double(f.paths) / f.seconds));
    return;
  }
  BenchFigures f = bench(common_work_item(a.mode, a.model), *backend, a.paths, true);
  f.model = a.model;
  if (a.json) return print(bench_json(f, *backend, threads));
  print(fmt::format("GBM8x60, mode {}, {}: {} paths in {:.3f} s on {}: {:.4g} asset-steps/s", f.mode, f.model, f.paths,
                    f.seconds, backend->device(), f.asset_steps / f.seconds));
}

void add_bench(CLI::App& app, int&) {
  auto a = std::make_shared<BenchArguments>();
  app.add_option("--mode", a->mode, "log: one exp per asset and path; path: one per date too, for the book's minimum");
  app.add_option("--model", a->model, "gaussian (default), student_t, merton, gjr_garch, gjr_garch_t, bootstrap, ...");
  app.add_option("--scenario", a->scenario, "time this scenario instead of the common work item");
  app.add_option("--paths", a->paths, "number of paths (default: 4 million, or the scenario's)")->check(digits());
  add_backend(app, a->backend);
  app.add_flag("--json", a->json, "one line for programs, as the peers print it");
  app.callback([a] { run_bench(*a); });
}

// ---- the table ------------------------------------------------------------------------------------------------------------

struct Command {
  const char* name;
  const char* summary;
  const char* example;
  void (*add)(CLI::App&, int& status);
};

constexpr Command commands[] = {
    {"run", "simulate scenarios: haircuts, probabilities, a result file",
     "proofload run scenarios/gmp.toml --paths 1000000 -o gmp.h5", add_run},
    {"show", "print a result", "proofload show gmp.h5 --json", add_show},
    {"compare", "what differs between results, and whether it could be chance", "proofload compare gmp.h5 stressed.h5",
     add_compare},
    {"export", "haircuts for a production margin engine, with provenance",
     "proofload export gmp.h5 --venue generic -o haircuts.json", add_export},
    {"validate", "check a scenario and print it with every default filled in", "proofload validate scenarios/gmp.toml",
     add_validate},
    {"explain", "one path, step by step", "proofload explain scenarios/gmp.toml --path 7", add_explain},
    {"fit", "[market] from price files, and [systemic] from transfers too, with errors",
     "proofload fit prices.csv --assets BTC,ETH --horizon 1h -o market.toml", add_fit},
    {"backtest", "models against a price history: did their haircuts hold?",
     "proofload backtest scenarios/multi-chain-book.toml prices.csv --delta 1h", add_backtest},
    {"sensitivity", "what moves the haircuts: derivatives, elasticities, stress loadings",
     "proofload sensitivity scenarios/gmp.toml --paths 4000000 --systemic", add_sensitivity},
    {"frontier", "the same collateral over many mechanisms: what each takes, which are dominated",
     "proofload frontier scenarios/phase-2-trusted-relayer.toml --mechanisms ccip,htlc,shared-proof", add_frontier},
    {"list", "mechanisms, chains, laws and stages: figures, units and sources", "proofload list mechanisms", add_list},
    {"doctor", "what this machine can do", "proofload doctor", add_doctor},
    {"bench", "how fast this machine simulates", "proofload bench --mode log --threads 1 --json", add_bench},
};

}  // namespace

int run_command_line(int argc, char** argv) {
  CLI::App app("Monte Carlo stress engine for cross-chain margin: calibrated haircuts with confidence intervals",
               "proofload");
  app.set_version_flag("--version", engine_version());
  app.require_subcommand(1);
  app.footer(
      "Example: proofload run scenarios/multi-chain-book.toml -o results/multi-chain-book.h5\n"
      "Exit status: 0 ok, 1 a finding (a comparison differs), 2 an error");
  std::signal(SIGXFSZ, SIG_IGN);  // a file that grows too large is an error of its write, not an end without clean-up
  int status = 0;
  for (const Command& command : commands) {
    CLI::App* sub = app.add_subcommand(command.name, command.summary);
    sub->footer(std::string("Example: ") + command.example);
    command.add(*sub, status);
  }
  try {
    app.parse(argc, argv);
    std::fflush(stdout);
    return status;
  } catch (const CLI::CallForHelp& e) { return app.exit(e); } catch (const CLI::CallForVersion& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    std::string command;
    for (int i = 1; i < argc && command.empty(); ++i) {
      if (argv[i][0] != '-') command = argv[i];
    }
    const auto same = [&](const Command& c) { return command == c.name; };
    if (std::none_of(std::begin(commands), std::end(commands), same)) {
      fmt::print(stderr, "'{}' (proofload has no such command) see proofload --help\n", command);
    } else {
      fmt::print(stderr, "{} (the command line cannot be understood) see proofload {} --help\n", e.what(), command);
    }
    return 2;
  } catch (const Error& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 2;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "out of memory (the scenario's counters do not fit) use fewer threads or collaterals\n");
    return 2;
  } catch (const std::exception& e) {
    fmt::print(
        stderr,
        "unexpected failure: {} (this is a mistake of ours) please report it with the command and the scenario\n",
        e.what());
    return 2;
  }
}

}  // namespace proofload
