#include "bench.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine.h"

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

}  // namespace

std::string common_work_item() {
  std::string text = R"(schema = 1
name = "GBM8x60"
description = "Common work item: 8 correlated geometric Brownian motions, 60 equal steps over 10 days, equal weights"
[run]
paths = 4_000_000
horizon = "10d"
confidence = [0.999]
[portfolio]
haircut = 0.10
[chains.a]
block_time = "1s"
[routes.r]
from = "a"
to = "b"
stages = [ { name = "other", kind = "constant", value = "10d" } ]
[market]
grid = { steps = 60 }
)";
  std::string correlation, list;
  for (int i = 0; i < assets; ++i) {
    list += fmt::format("  {{ name = \"A{}\", price = 100.0, volatility = {:.2f}, drift = {:.2f} }},\n", i,
                        0.40 + 0.05 * i, 0.02 + 0.01 * i);
    correlation += "  [";
    for (int j = 0; j < assets; ++j)
      correlation += fmt::format("{:.17g}, ", i == j ? 1.0 : 0.3 + 0.7 * host_exp(-0.25 * std::abs(i - j)));
    correlation += "],\n";
  }
  text += "assets = [\n" + list + "]\ncorrelation = [\n" + correlation + "]\n";
  for (int i = 0; i < assets; ++i) {
    text += fmt::format("[[collateral]]\nname = \"A{0}\"\nasset = \"A{0}\"\nroute = \"r\"\nweight = 0.125\n", i);
  }
  return text;
}

BenchFigures bench(const Scenario& scenario, Backend& backend, std::uint64_t paths) {
  const Compiled compiled = compile(scenario);
  BenchFigures f;
  const bool common = scenario.source == common_work_item();
  f.mode = common ? "log" : scenario.name;
  f.paths = paths == 0 ? scenario.run.paths : paths;
  {
    Tally warm(layout_of(compiled.plan));
    backend.run(compiled, scenario.run.seed, {0, 65536}, warm);
  }
  const auto start = std::chrono::steady_clock::now();
  Tally tally(layout_of(compiled.plan));
  backend.run(compiled, scenario.run.seed, {0, f.paths}, tally);
  f.kernel_seconds = backend.kernel_seconds();
  for (int k = 0; k < int(tally.layout.collaterals); ++k)
    f.q999.push_back(upper_quantile(tally, tally.layout.latency(k), 0.999));
  f.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (scenario.portfolio)
    f.p10 = static_cast<double>(tally.counts[tally.layout.book_under()]) / static_cast<double>(f.paths);
  if (common) f.asset_steps = static_cast<double>(f.paths) * steps * assets;
  return f;
}

std::string bench_json(const BenchFigures& f, const Backend& backend, int threads) {
  nlohmann::ordered_json j;
  j["peer"] = "proofload " + backend.name();
  j["ver"] = engine_version();
  j["dtype"] = "float32";
  j["mode"] = f.mode;
  j["threads"] = threads;
  j["N"] = f.paths;
  j["seconds"] = f.seconds;
  j["q999"] = f.q999;
  j["p10"] = f.p10 ? nlohmann::ordered_json(*f.p10) : nlohmann::ordered_json(nullptr);
  j["p10fp"] = nullptr;
  j["asset_steps_per_s"] = f.mode == "log" ? nlohmann::ordered_json(f.asset_steps / f.seconds) : nullptr;
  j["paths_per_s"] = static_cast<double>(f.paths) / f.seconds;
  j["kernel_seconds"] = f.kernel_seconds ? nlohmann::ordered_json(*f.kernel_seconds) : nullptr;
  j["device"] = backend.device();
  return j.dump();
}

}  // namespace proofload
