#include "sensitivity_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "output_name.h"
#include "sensitivity.h"
#include "write_file.h"

namespace proofload {
namespace {

struct Arguments {
  std::string scenario, json;
  Overrides overrides;
  BackendOptions backend;
  SensitivityOptions options;
  bool systemic = false;
};

void print_out(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw Error(fmt::format("cannot write to standard output ({}) send it elsewhere", std::strerror(errno)));
  }
}

void sensitivity(const Arguments& a) {
  check_output_name("--json", a.json, ".json");
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
  if (!a.json.empty()) write_file(a.json, json.dump(2) + "\n", "the sensitivities");
  print_out(text);
  if (!a.json.empty()) fmt::print(stderr, "wrote {}\n", a.json);
}

}  // namespace

void add_sensitivity(CLI::App& app, int&) {
  auto a = std::make_shared<Arguments>();
  const CLI::Validator digits(
      [](std::string& text) {
        const bool fine =
            !text.empty() && text.size() < 20 && text.find_first_not_of("0123456789") == std::string::npos;
        return fine ? std::string() : fmt::format("'{}' is not a whole number", text);
      },
      "", "digits");
  const CLI::Validator named([](std::string& name) { return std::string(name.empty() ? "no file is named" : ""); }, "");
  app.add_option("SCENARIO", a->scenario, "scenario file (TOML)")->required();
  app.add_option("--json", a->json, "write everything to this file too")->check(named)->type_name("FILE");
  app.add_option("--paths", a->overrides.paths, "paths instead of the scenario's, for each of 10 runs")->check(digits);
  app.add_option("--seed", a->overrides.seed, "seed instead of the scenario's")->check(digits);
  app.add_option("--bump", a->options.bump, "how far parameters are moved, as a share of them (0.05)");
  app.add_option("--hazard-bump", a->options.hazard_bump, "the same for hazards (0.2)");
  app.add_flag("--systemic", a->systemic, "also haircuts at none, half and all of each loading of the stress factor");
  app.add_option_function<std::string>(
         "--prices", [a](const std::string& name) { a->overrides.prices = name; },
         "price file (CSV) for the scenario's replay, instead of its own")
      ->check(named)
      ->type_name("FILE");
  app.add_option("--backend", a->backend.backend, "auto, cpu or cuda (auto: a GPU if there is one)");
  app.add_option("--threads", a->backend.threads, "CPU threads (default: every core this process may use)");
  app.add_option("--lanes", a->backend.lanes, "auto, scalar, avx2 or avx512: the same bits, other speeds");
  app.callback([a] { sensitivity(*a); });
}

}  // namespace proofload
