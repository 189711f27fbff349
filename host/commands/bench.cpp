#include "commands/bench.h"

#include <CLI/CLI.hpp>

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/suggestion.h"
#include "base/version.h"
#include "base/words.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "plan/compile.h"
#include "run/ages.h"
#include "run/engine.h"
#include "scenario/reader.h"

namespace proofload {
namespace {

constexpr int assets = 8, steps = 60;

double upper_quantile(const Tally& tally, std::size_t where, double p) {
  const auto rank = static_cast<std::uint64_t>(std::ceil(p * static_cast<double>(tally.paths)));
  std::uint64_t below = 0;
  for (int b = 0; b < loss_bins; ++b) {
    below += tally.counts[where + static_cast<std::size_t>(b)];
    if (below >= rank) return loss_edge(b + 1);
  }
  return 1.0;
}

void choose_model(MarketSpec& market, const std::string& model, double bar) {
  const auto each = [](double value) { return std::vector<double>(assets, value); };
  const bool garch = model == "gjr_garch" || model == "gjr_garch_t";
  if (model == "student_t" || model == "gjr_garch_t") {
    market.innovation.kind = InnovationKind::student_t;
    market.innovation.dof = 4.0;
  } else if (model == "merton") {
    market.jumps = JumpsSpec{{12.0, -0.10, 0.12}, each(1.0), std::vector<JumpSpec>(assets)};
  } else if (model == "heston") {
    market.variance.kind = VarianceKind::heston;
    market.variance.mean_reversion = each(4.0);
    market.variance.vol_of_vol = each(1.0);
    market.variance.correlation = each(-0.5);
    for (const AssetSpec& a : market.assets) market.variance.initial.push_back(a.volatility);
  } else if (model == "bootstrap") {
    market.innovation.kind = InnovationKind::bootstrap;
    market.innovation.bar = bar;
    market.innovation.block = 6.0 * bar;
    for (int r = 0; r < 8192; ++r) {  // a year of hourly rows; what they hold does not matter here
      market.innovation.rows.emplace_back();
      for (int i = 0; i < assets; ++i) market.innovation.rows.back().push_back((r * 7 + i) % 2 == 0 ? 1.0 : -1.0);
    }
  } else if (model == "factors") {
    market.grid = {};  // events only: a grid would step every asset
    for (int i = 0; i < assets; ++i) market.factors.push_back({0.8, 0.1});
  } else if (!garch && model != "gaussian") {
    throw Error(fmt::format("--model {} (there is no such model) {}", model,
                            suggestion(model, {std::begin(bench_models), std::end(bench_models)}, "model")));
  }
  if (!garch) return;
  market.variance.kind = VarianceKind::gjr_garch;
  market.variance.bar = bar;
  market.variance.alpha = market.variance.gamma = each(0.05);
  market.variance.beta = each(0.90);
  for (const AssetSpec& a : market.assets) market.variance.forecast.push_back(a.volatility);
}

}  // namespace

Scenario common_work_item(const std::string& mode, const std::string& model) {
  if (mode != "log" && mode != "path")
    throw Error(fmt::format("--mode {} (there is no such work item) use log or path", mode));
  std::string correlation, list, collateral;
  for (int i = 0; i < assets; ++i) {
    list += fmt::format("  {{ name = \"A{}\", price = 100.0, volatility = {:.2f}, drift = {:.2f} }},\n", i,
                        0.40 + 0.05 * i, 0.02 + 0.01 * i);
    correlation += "  [";
    for (int j = 0; j < assets; ++j)
      correlation += fmt::format("{:.17g}, ", i == j ? 1.0 : 0.3 + 0.7 * host_exp(-0.25 * std::abs(i - j)));
    correlation += "],\n";
    collateral += fmt::format("[[collateral]]\nname = \"A{0}\"\nasset = \"A{0}\"\nroute = \"r\"\nweight = 0.125\n", i);
  }
  Scenario s = parse_scenario(fmt::format(R"(schema = 1
name = "GBM8x60"
description = "Common work item: 8 correlated geometric Brownian motions, 60 equal steps over 10 days, equal weights"
[run]
paths = 4_000_000
horizon = "10d"
confidence = [0.999]
[portfolio]
haircut = 0.10
minimum = {}
[chains.a]
block_time = "1s"
[routes.r]
collateral_chain = "a"
liability_chain = "b"
stages = [ {{ name = "other", kind = "constant", value = "10d" }} ]
[market]
grid = {{ steps = {} }}
assets = [
{}]
correlation = [
{}]
{})",
                                          mode == "path", steps, list, correlation, collateral),
                              "GBM8x60");
  choose_model(s.market, model, s.run.horizon / steps);
  return s;
}

BenchFigures bench(const Scenario& scenario, Backend& backend, std::uint64_t paths, bool common) {
  const Compiled compiled = compile(scenario);
  BenchFigures f;
  f.mode = !common ? scenario.name : compiled.plan.lowest != 0 ? "path" : "log";
  f.paths = paths == 0 ? scenario.run.paths : paths;
  AgedPaths walk(compiled);
  {
    Tally warm(layout_of(compiled.plan));
    walk.run(backend, scenario.run.seed, {0, 65536}, warm);
  }
  const auto start = std::chrono::steady_clock::now();
  Tally tally(layout_of(compiled.plan));
  walk.run(backend, scenario.run.seed, {0, f.paths}, tally);
  f.kernel_seconds = backend.kernel_seconds();
  for (int k = 0; k < int(tally.layout.collaterals); ++k)
    f.q999.push_back(upper_quantile(tally, tally.layout.latency(k), 0.999));
  f.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (scenario.portfolio)
    f.p10 = static_cast<double>(tally.counts[tally.layout.book_under()]) / static_cast<double>(f.paths);
  if (tally.layout.lowest != 0) {
    std::uint64_t above = 0;  // whole bins: 10 % is an edge
    for (int b = 0; b < loss_bins; ++b) {
      if (loss_edge(b) >= scenario.portfolio->haircut)
        above += tally.counts[tally.layout.least() + static_cast<std::size_t>(b)];
    }
    f.p10fp = static_cast<double>(above) / static_cast<double>(f.paths);
  }
  if (common && compiled.plan.grid != 0) f.asset_steps = static_cast<double>(f.paths) * steps * assets;
  return f;
}

std::string bench_json(const BenchFigures& f, const Backend& backend, int threads) {
  nlohmann::ordered_json j;
  j["peer"] = "proofload " + backend.name();
  j["ver"] = engine_version();
  j["dtype"] = "float32";
  j["mode"] = f.mode;
  if (!f.model.empty()) j["model"] = f.model;
  j["threads"] = threads;
  j["N"] = f.paths;
  j["seconds"] = f.seconds;
  j["q999"] = f.q999;
  j["p10"] = f.p10 ? nlohmann::ordered_json(*f.p10) : nlohmann::ordered_json(nullptr);
  j["p10fp"] = f.p10fp ? nlohmann::ordered_json(*f.p10fp) : nlohmann::ordered_json(nullptr);
  j["asset_steps_per_s"] = f.asset_steps > 0.0 ? nlohmann::ordered_json(f.asset_steps / f.seconds) : nullptr;
  j["paths_per_s"] = static_cast<double>(f.paths) / f.seconds;
  j["kernel_seconds"] = f.kernel_seconds ? nlohmann::ordered_json(*f.kernel_seconds) : nullptr;
  j["device"] = backend.device();
  return j.dump();
}

namespace {

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
    print(wrapped(
        fmt::format("{}: {} in {:.3f} s on {}: {:.4f} us per path, {:.4f} us per path and core, {:.4g} paths/s", f.mode,
                    counted(f.paths, "path"), f.seconds, backend->device(), f.seconds / double(f.paths) * 1e6,
                    f.seconds * threads / double(f.paths) * 1e6, double(f.paths) / f.seconds),
        2));
    return;
  }
  BenchFigures f = bench(common_work_item(a.mode, a.model), *backend, a.paths, true);
  f.model = a.model;
  if (a.json) return print(bench_json(f, *backend, threads));
  print(wrapped(fmt::format("GBM8x60, mode {}, {}: {} in {:.3f} s on {}: {:.4g} asset-steps/s", f.mode, f.model,
                            counted(f.paths, "path"), f.seconds, backend->device(), f.asset_steps / f.seconds),
                2));
}

}  // namespace

void add_bench(CLI::App& app, int&) {
  auto a = std::make_shared<BenchArguments>();
  app.add_option("--mode", a->mode, "log: one exp per path and asset; path: one per date");
  app.add_option("--model", a->model, "gaussian (default), student_t, merton, gjr_garch, gjr_garch_t, bootstrap, ...");
  app.add_option("--scenario", a->scenario, "time this scenario instead of the common work item");
  app.add_option("--paths", a->paths, "paths (default: 4 million, or the scenario's)")->check(digits());
  add_backend(app, a->backend);
  app.add_flag("--json", a->json, "one line for programs, as the peers print it");
  app.callback([a] { run_bench(*a); });
}

}  // namespace proofload
