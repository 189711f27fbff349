#include "commands/commands.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <hdf5.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "answers/answer.h"
#include "answers/compare.h"
#include "answers/notes.h"
#include "answers/result_file.h"
#include "answers/show.h"
#include "base/error.h"
#include "base/json_number.h"
#include "base/rows.h"
#include "base/suggestion.h"
#include "base/tell.h"
#include "base/version.h"
#include "base/words.h"
#include "base/write_file.h"
#include "commands/manual.h"
#include "commands/options.h"
#include "feed/export.h"
#include "plan/compile.h"
#include "run/cuda_backend.h"
#include "run/engine.h"
#include "run/explain.h"
#include "scenario/effective.h"
#include "scenario/heston_step.h"
#include "scenario/reader.h"

namespace proofload {
namespace {

#if defined(__clang__)
constexpr const char* compiler = "clang";
#else
constexpr const char* compiler = "g++";
#endif

// ---- show, compare, export ------------------------------------------------------------------------------------------

void add_show(CLI::App& app, int&) {
  auto file = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false), all = std::make_shared<bool>(false);
  auto as_of = std::make_shared<std::string>();
  app.add_option("RESULT", *file, "result file (HDF5)")->required();
  add_all(app, *all);
  app.add_flag("--json", *json, "for programs");
  add_as_of(app, *as_of);
  app.callback([file, json, all, as_of] {
    const std::int64_t now = time_of_use(*as_of);
    const Results results = read_results(*file);
    print(*json ? json_text(show_json(results)) : show_table(results, *all ? Detail::all : Detail::first, now));
  });
}

void add_compare(CLI::App& app, int& status) {
  auto files = std::make_shared<std::vector<std::string>>();
  auto json = std::make_shared<bool>(false);
  app.add_option("RESULT", *files, "result files; all are compared with the first")
      ->required()
      ->expected(2, 64)
      ->type_name("...");
  app.add_flag("--json", *json, "for programs");
  app.callback([files, json, &status] {
    std::vector<Results> results;
    for (const auto& f : *files) {
      results.push_back(read_results(f));
      tell_of_checksum(results.back(), f);
    }
    const Comparison comparison = compare(results, *files);
    print(*json ? json_text(compare_json(comparison)) : compare_table(comparison));
    status = differs(comparison) ? 1 : 0;
  });
}

void add_export(CLI::App& app, int&) {
  auto file = std::make_shared<std::string>();
  auto venue = std::make_shared<std::string>("generic");
  auto output = std::make_shared<std::string>();
  auto as_of = std::make_shared<std::string>();
  auto force = std::make_shared<bool>(false), expired = std::make_shared<bool>(false);
  app.add_option("RESULT", *file, "result file (HDF5)")->required();
  app.add_option("--venue", *venue, fmt::format("whose units: {}", fmt::join(names_of(venues), ", ")));
  app.add_option("-o,--output", *output, "haircuts.json or haircuts.csv")->required();
  add_force(app, *force);
  add_as_of(app, *as_of);
  app.add_flag("--expired", *expired, "also a result that is past its validity");
  app.callback([file, venue, output, force, as_of, expired] {
    const std::int64_t now = time_of_use(*as_of);
    require_ours(*output, *force, {json_mark, "collateral,asset,route,confidence,"});
    const Results results = read_results(*file);
    tell_of_checksum(results, *file);
    if (!*expired) require_valid(results, now);
    export_haircuts(results, *venue, *output);
    tell(fmt::format("wrote {}\n", *output));
  });
}

// ---- validate, explain ----------------------------------------------------------------------------------------------

void add_validate(CLI::App& app, int&) {
  auto file = std::make_shared<std::string>();
  auto overrides = std::make_shared<Overrides>();
  app.add_option("SCENARIO", *file, "scenario file (TOML)")->required();
  add_prices(app, *overrides);
  app.callback([file, overrides] {
    const Scenario scenario = read_scenario(*file, *overrides);
    const Compiled compiled = compile(scenario);
    print(effective_toml(scenario));
    const auto comment = [](const std::string& text) { print(wrapped(text, 2, "# ")); };
    const Plan& plan = compiled.plan;
    comment(fmt::format("plan {}: {}, {}, {}, {}", compiled.plan_hash, counted(plan.assets, "asset"),
                        counted(plan.legs, "leg"), counted(plan.terms, "random stage"),
                        counted(compiled.tables.floats.size() / table_floats, "table")));
    if (scenario.market.variance.kind == VarianceKind::heston && !scenario.stress.replay) {
      const double step = grid_step(scenario), enough = heston_step(scenario);
      std::string line = fmt::format("heston: {:.0f} steps of {} up to run.horizon", steps_to_horizon(scenario, step),
                                     duration_text(step));
      if (step > enough)
        line += fmt::format(", biased by more than 1 % perhaps (up to {} is not)", duration_text(enough));
      comment(line);
    }
    if (scenario.run.in_force > 0.0) comment(in_force_text(scenario, compiled));
    for (const LawReport& law : compiled.laws) {
      std::string line = fmt::format("law {}: measured error {:.1e}", law.where, law.error);
      if (law.tail_share > 0.0)
        line += fmt::format(", {:.2g} of paths beyond its last quantile (in its tail)", law.tail_share);
      if (law.error > 1e-4) line += ", above the goal of 1e-4";
      comment(line);
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

// ---- doctor --------------------------------------------------------------------------------------------------------

void add_doctor(CLI::App& app, int&) {
  app.callback([] {
    std::string lanes;
    for (const auto& l : usable_lanes()) lanes += (lanes.empty() ? "" : ", ") + l;
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    const auto row = [](const char* label, const std::string& text) {
      print(wrapped(fmt::format("{:<13}{}", label, text), 13));
    };
    print(wrapped(fmt::format("{} (commit {}), kernel revision {}", engine_version(), engine_commit(), kernel_revision),
                  2));
    row("built with", fmt::format("{} {}, C++ {}", compiler, __VERSION__, __cplusplus));
    row("CPU lanes", lanes + " (the last is used)");
    row("threads", std::to_string(usable_threads()));
    const CudaDevices gpus = cuda_devices();
    for (const auto& name : gpus.names) row("GPU", name);
    row("CUDA", gpus.note);
    row("HDF5", fmt::format("{}.{}.{}", major, minor, release));
  });
}

// ---- the table ------------------------------------------------------------------------------------------------------

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
    {"fit", "[market] from prices, and [systemic] from transfers, with errors",
     "proofload fit prices.csv --assets BTC,ETH --horizon 1h -o market.toml", add_fit},
    {"backtest", "models against a price history: did their haircuts hold?",
     "proofload backtest scenarios/gmp.toml prices.csv --delta 1h", add_backtest},
    {"sensitivity", "what moves the haircuts: derivatives, elasticities, loadings",
     "proofload sensitivity scenarios/gmp.toml --paths 4000000 --systemic", add_sensitivity},
    {"frontier", "the same collateral over many mechanisms: what each takes",
     "proofload frontier scenarios/phase-2-trusted-relayer.toml --csv f.csv", add_frontier},
    {"list", "mechanisms, chains, laws and stages: figures, units and sources", "proofload list mechanisms", add_list},
    {"doctor", "what this machine can do", "proofload doctor", add_doctor},
    {"bench", "how fast this machine simulates", "proofload bench --mode log --threads 1 --json", add_bench},
    {"help", "what a command does and which options it takes", "proofload help run", add_help},
};

/// A standard stream that is closed would give its number to the next file that is opened, and messages would land in
/// that file: such a stream becomes one that nothing can be read from or written to.
void hold_standard_streams() {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(number, F_GETFD) == -1 && errno == EBADF) {
      if (::open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY) != number) return;
    }
  }
}

/// What is wrong with a command line, and what may have been meant; of an empty one the help.
std::string misunderstood(const CLI::App& app, int argc, char** argv, const char* why) {
  if (argc <= 1) return app.help();
  std::string name;
  for (int i = 1; i < argc && name.empty(); ++i) {
    if (argv[i][0] != '-') name = argv[i];
  }
  const auto same = [&](const Command& c) { return name == c.name; };
  const auto advice = [](const std::string& given, const std::vector<std::string>& valid, const std::string& help) {
    const std::string text = meant(given, valid);
    return text.empty() ? fmt::format("see proofload {}--help", help) : text;
  };
  const bool known = std::any_of(std::begin(commands), std::end(commands), same);
  if (!known && !name.empty()) {
    return fmt::format("{} (proofload has no such command) {}\n", in_quotes(name),
                       advice(name, names_of(commands), ""));
  }
  const CLI::App& of = known ? *app.get_subcommand(name) : app;
  const std::string help = known ? name + " " : name;
  for (const std::string& rest : app.remaining(true)) {
    if (!rest.starts_with("-")) continue;
    const std::string option = rest.substr(0, rest.find('='));
    return fmt::format("{} (proofload {}has no such option) {}\n", printable(option), help,
                       advice(option, flags_of(of), help));
  }
  return fmt::format("{} (the command line cannot be understood) see proofload {}--help\n", why, help);
}

}  // namespace

int run_command_line(int argc, char** argv) {
  hold_standard_streams();
  CLI::App app("Monte Carlo stress engine for cross-chain margin: calibrated haircuts with confidence intervals",
               "proofload");
  app.set_version_flag("-V,--version", engine_version());
  app.require_subcommand(1);
  app.footer(
      "Example: proofload run scenarios/multi-chain-book.toml -o book.h5\n"
      "Exit status: 0 ok, 1 a finding (a comparison differs), 2 the input, 3 some of\n"
      "several scenarios failed, 4 the machine (disk, memory, device), 129, 130, 143\n"
      "ended by a signal (what was done is saved)");
  app.formatter(help_formatter(16));
  std::signal(SIGXFSZ, SIG_IGN);  // a file that grows too large is an error of its write, not an end without clean-up
  int status = 0;
  for (const Command& command : commands) {
    CLI::App* sub = app.add_subcommand(command.name, command.summary);
    sub->footer(std::string("Example: ") + command.example);
    sub->formatter(help_formatter(28));
    command.add(*sub, status);
    for (CLI::Option* option : sub->get_options())  // a variable that a script has not set, say
      if (option->get_items_expected_max() > 0) option->check(named("no value is given"));
  }
  try {
    app.parse(argc, argv);
    std::fflush(stdout);
    return status;
  } catch (const CLI::Success& e) {  // help, or the version
    std::ostringstream said;
    app.exit(e, said, said);
    try {
      print(said.str());
      return status;
    } catch (...) { return tell_exception(); }
  } catch (const CLI::ParseError& e) {
    tell(misunderstood(app, argc, argv, e.what()));
    return exit_input;
  } catch (...) { return tell_exception(); }
}

}  // namespace proofload
