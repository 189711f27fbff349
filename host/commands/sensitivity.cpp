// `proofload sensitivity`.
#include "commands/commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/json_number.h"
#include "base/tell.h"
#include "base/write_file.h"
#include "commands/options.h"
#include "scenario/reader.h"
#include "studies/sensitivity.h"

namespace proofload {
namespace {

struct SensitivityArguments {
  std::string scenario, json;
  Overrides overrides;
  BackendOptions backend;
  SensitivityOptions options;
  bool systemic = false, force = false;
};

void sensitivity(const SensitivityArguments& a) {
  check_output_name("--json", a.json, ".json");
  require_ours(a.json, a.force, {json_mark});
  const Scenario scenario = read_scenario(a.scenario, a.overrides);
  const auto backend = make_backend(a.backend);
  const auto all = sensitivities(scenario, *backend, a.options);
  auto json = sensitivity_json(scenario, all, a.options);
  std::string text = sensitivity_table(scenario, all, a.options);
  if (a.systemic) {
    const SystemicAnswer loadings = systemic_sensitivities(scenario, *backend);
    json["systemic"] = systemic_json(scenario, loadings);
    text += systemic_table(scenario, loadings);
  }
  if (!a.json.empty()) write_file(a.json, json_text(json) + "\n", "the sensitivities");
  print(text);
  if (!a.json.empty()) tell(fmt::format("wrote {}\n", a.json));
}

}  // namespace

void add_sensitivity(CLI::App& app, int&) {
  auto a = std::make_shared<SensitivityArguments>();
  app.add_option("SCENARIO", a->scenario, "scenario file (TOML)")->required();
  app.add_option("--json", a->json, "write everything to this file too")->check(named())->type_name("FILE");
  app.add_option("--paths", a->overrides.paths, "paths instead of the scenario's, for each of 10 runs")
      ->check(digits());
  add_seed(app, a->overrides);
  app.add_option("--bump", a->options.bump, "how far parameters are moved: a share of them (0.05)");
  app.add_option("--hazard-bump", a->options.hazard_bump, "the same for hazards (0.2)");
  app.add_flag("--systemic", a->systemic, "haircuts at none, half, all of each stress loading");
  add_force(app, a->force);
  add_prices(app, a->overrides);
  add_backend(app, a->backend);
  app.callback([a] { sensitivity(*a); });
}

}  // namespace proofload
