// `proofload frontier`.
#include "commands/commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json_number.h"
#include "base/tell.h"
#include "base/write_file.h"
#include "commands/options.h"
#include "scenario/mechanism_reader.h"
#include "scenario/reader.h"
#include "studies/frontier.h"

namespace proofload {
namespace {

struct FrontierArguments {
  std::string scenario, collateral, json, csv;
  std::vector<std::string> mechanisms;
  Overrides overrides;
  BackendOptions backend;
  std::optional<double> capital;
  bool force = false;
};

void frontier(const FrontierArguments& a) {
  if (a.capital && !(*a.capital > 0.0 && *a.capital <= 1e15)) {
    throw Error(
        fmt::format("--capital {} (it is the USD that one liquidation moves) give a number above 0 and up to "
                    "1e15, such as 1e6",
                    *a.capital));
  }
  check_output_name("--json", a.json, ".json");
  check_output_name("--csv", a.csv, ".csv");
  require_ours(a.json, a.force, {json_mark});
  require_ours(a.csv, a.force, {"collateral,asset,mechanism,confidence,"});
  std::vector<std::string> mechanisms = a.mechanisms;
  if (mechanisms.empty()) {
    for (const auto& entry : input::read_catalogue({a.scenario}).mechanisms) {
      if (entry.spec.name != "native")
        mechanisms.push_back(entry.spec.name);  // no way across: efficiency compares with it
    }
    if (mechanisms.empty()) {
      throw Error(fmt::format(
          "{} has no [mechanisms] (a frontier compares those of a catalogue) include presets/mechanisms.toml in it",
          a.scenario));
    }
  }
  // every mistake of the scenario shows before the first path
  const auto crossings = read_crossings(a.scenario, mechanisms, a.collateral, a.overrides);
  const auto backend = make_backend(a.backend);
  const FrontierRun run = run_frontier(crossings, *backend, a.capital);
  if (!a.json.empty()) write_file(a.json, json_text(frontier_json(run)) + "\n", "the frontier");
  if (!a.csv.empty()) write_file(a.csv, frontier_csv(run), "the frontier");
  print(frontier_table(run));
  for (const auto& file : {a.json, a.csv}) {
    if (!file.empty()) tell(fmt::format("wrote {}\n", file));
  }
}

}  // namespace

void add_frontier(CLI::App& app, int&) {
  auto a = std::make_shared<FrontierArguments>();
  constexpr const char* nameless = "a name is empty";
  app.add_option("SCENARIO", a->scenario, "scenario with a catalogue (presets/mechanisms.toml)")->required();
  app.add_option("--mechanisms", a->mechanisms,
                 "of the catalogue, ccip,htlc say (default: all but native): each\n"
                 "takes the place of every route's mechanism, layer and stages, except\n"
                 "how its oracle notices")
      ->delimiter(',')
      ->type_name("NAME,...");
  app.add_option("--collateral", a->collateral, "only this one (default: all of the scenario's)")
      ->check(named(nameless))
      ->type_name("NAME");
  app.add_option("--capital", a->capital,
                 "USD that one liquidation moves (default: sale.size of the\ncollateral, else margin.liability)");
  app.add_option("--paths", a->overrides.paths, "paths of each run, instead of the scenario's")->check(digits());
  add_seed(app, a->overrides);
  add_backend(app, a->backend);
  add_force(app, a->force);
  app.add_option("--json", a->json, "write everything to this file too")->check(named(nameless))->type_name("FILE");
  app.add_option("--csv", a->csv, "a line for each mechanism and confidence")
      ->check(named(nameless))
      ->type_name("FILE");
  app.callback([a] { frontier(*a); });
}

}  // namespace proofload
