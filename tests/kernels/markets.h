/// markets.h -- a small book with everything that a plan can hold, under every kind of market that kernels are compiled for: what must
/// have the same bits on every lane type, thread and backend.
#pragma once
#include <cmath>
#include <map>
#include <string>

#include "scenario/reader.h"
#include "scenario/scenario.h"

namespace proofload {

/// A book in which a tenth of the paths see a failed layer, most of those a stall, and everything else that a plan can hold.
inline Scenario stormy() {
  return parse_scenario(R"(
schema = 1
name = "stormy"
run = { paths = 4096, seed = 7 }
portfolio = { haircut = 0.1 }
[market]
assets = [ { name = "ETH", price = 3000, volatility = 0.8 }, { name = "BTC", price = 90000, volatility = 0.6 } ]
correlation = [[1.0, 0.7], [0.7, 1.0]]
grid = { step = "7m" }
[layers.bridge]
hazard = 3.0
exposure = "5d"
recovery = { kind = "mixture", of = [ { weight = 0.3, kind = "constant", value = 1.0 }, { weight = 0.7, kind = "beta", mean = 0.4, stdev = 0.2 } ] }
stall = { kind = "lognormal", median = "10h", p99 = "60d" }
network = "net"
common_hazard = 2.0
[layers.other]
hazard = 4.0
exposure = "5d"
network = "net"
common_hazard = 2.0
[routes.slow]
from = "a"
to = "b"
layer = "bridge"
stages = [ { name = "oracle", kind = "uniform", min = "0s", max = "60s" }, { name = "finality", kind = "gamma", shape = 3, mean = "20m" },
           { name = "relay", kind = "mixture", of = [ { weight = 0.9, kind = "exponential", mean = "30s" }, { weight = 0.1, kind = "pareto", min = "10m", alpha = 1.2, cap = "5d" } ] } ]
[routes.fast]
from = "a"
to = "b"
layer = "other"
stages = [ { name = "relay", kind = "weibull", shape = 0.7, scale = "50s" }, { name = "other", kind = "constant", value = "3s" } ]
[[collateral]]
name = "eth"
asset = "ETH"
route = "slow"
haircut = 0.02
sale = { size = 1e6, depth = 2e7, exponent = 0.5, cap = 0.2, cost = 40.0, bonus = 0.05 }
[[collateral]]
name = "btc"
asset = "BTC"
route = "slow"
haircut = 0.02
basis = { kind = "uniform", min = 0.97, max = 1.0 }
[[collateral]]
name = "eth fast"
asset = "ETH"
route = "fast"
)",
                        "stormy");
}

/// The stormy book of twenty assets and six factors, an oracle each, and a route that nobody uses: more assets than a Philox block has
/// words, more messages than sales.
inline Scenario crowded() {
  Scenario s = stormy();
  s.market.grid = {};
  s.market.correlation.clear();
  s.market.assets.resize(20, s.market.assets[0]);
  const CollateralSpec owned = s.collateral[0];
  s.collateral.clear();
  for (int i = 0; i < 20; ++i) {
    AssetSpec& asset = s.market.assets[std::size_t(i)];
    asset.name = "A" + std::to_string(i);
    asset.volatility = 0.5 + 0.02 * i;
    std::vector<double>& loadings = s.market.factors.emplace_back();
    for (int k = 0; k < 6; ++k) loadings.push_back(0.35 * std::cos(i + 2.0 * k));
    if (i % 2 != 0) continue;
    s.collateral.push_back(owned);
    s.collateral.back().name = s.collateral.back().asset = asset.name;
    s.collateral.back().route = i % 4 == 0 ? "slow" : "fast";
  }
  s.routes.push_back(s.routes[0]);
  s.routes.back().name = "unused";
  return s;
}

/// Chains and layers that stand still, shared verifiers, bonds, the stress factor, and parameters that are not known for certain.
inline void disturb(Scenario& s) {
  const auto law = [](LawKind kind, double LawSpec::*key, double value) {
    LawSpec spec;
    spec.kind = kind;
    spec.*key = value;
    return spec;
  };
  LawSpec hours = law(LawKind::lognormal, &LawSpec::median, 3900.0);
  hours.sigma = 1.0;
  for (ChainSpec& chain : s.chains)
    chain.outages = {{"sequencer", 300.0, hours}, {"halt", 40.0, law(LawKind::exponential, &LawSpec::mean, 26640.0)}};
  s.chains[0].forced_inclusion = 7200.0;
  StageSpec inclusion;
  inclusion.name = StageName::destination_inclusion;
  inclusion.law = law(LawKind::constant, &LawSpec::value, 12.0);
  s.routes[0].stages.push_back(inclusion);
  s.layers[0].outages = {{"pause", 100.0, law(LawKind::constant, &LawSpec::value, 30000.0)}};
  for (LayerSpec& layer : s.layers) {
    layer.verifiers = "set";
    layer.verifier_hazard = 1.0;
  }
  s.layers[0].bond = 1e7;
  s.layers[0].secured = 1e8;
  s.layers[0].queue_above = 5e5;
  s.layers[0].queue_delay = 86400.0;
  s.systemic.delays = 0.5;
  s.systemic.volatility = 0.3;
  s.systemic.hazards = 0.8;
  s.systemic.outages = 1.1;
  s.uncertainty.given = true;
  s.uncertainty.volatility = 0.1;
  s.uncertainty.delays = 0.2;
  if (s.market.innovation.kind == InnovationKind::student_t) s.uncertainty.dof = 0.4;
  s.uncertainty.hazards = {{s.layers[1].name, "", 1.0, 0.5}};
}

/// The stormy book under every kind of market that kernels are compiled for.
inline std::map<std::string, Scenario> markets() {
  std::map<std::string, Scenario> all;
  const auto make = [&](const std::string& name) -> MarketSpec& {
    Scenario& s = all.emplace(name, stormy()).first->second;
    return s.market;
  };
  const auto rows = [] {
    std::vector<std::vector<double>> list;
    for (int r = 0; r < 300; ++r) list.push_back({std::sin(r * 1.7) * 1.4, std::cos(r * 0.9) * 1.4});
    return list;
  };
  const auto student = [](MarketSpec& m) {
    m.innovation.kind = InnovationKind::student_t;
    m.innovation.dof = 3.5;
  };
  const auto garch = [](MarketSpec& m) {
    m.variance.kind = VarianceKind::gjr_garch;
    m.variance.bar = 420.0;
    m.variance.alpha = {0.05, 0.08};
    m.variance.gamma = {0.06, 0.0};
    m.variance.beta = {0.90, 0.80};
  };
  const auto jumps = [](MarketSpec& m) {
    m.jumps = JumpsSpec{{9000.0, -0.02, 0.03}, {1.0, 0.7}, {{5000.0, 0.01, 0.02}, {0.0, 0.0, 0.0}}};
  };
  const auto heston = [](MarketSpec& m) {
    m.variance.kind = VarianceKind::heston;
    m.variance.mean_reversion = {4.0, 200.0};
    m.variance.vol_of_vol = {1.0, 25.0};
    m.variance.correlation = {-0.5, 0.3};
    m.variance.initial = {0.9, 0.1};
  };
  const auto bootstrap = [&](MarketSpec& m) {
    m.innovation.kind = InnovationKind::bootstrap;
    m.innovation.bar = 420.0;
    m.innovation.block = 4200.0;
    m.innovation.rows = rows();
  };
  student(make("student_t"));
  make("no grid").grid = {};
  MarketSpec& bare = make("student_t without a grid");
  bare.grid = {};
  student(bare);
  jumps(make("merton"));
  heston(make("heston"));
  MarketSpec& wild = make("heston, student_t, merton");
  heston(wild), student(wild), jumps(wild);
  garch(make("gjr_garch"));
  MarketSpec& forecast = make("gjr_garch from a forecast, student_t, merton");
  garch(forecast), student(forecast), jumps(forecast);
  forecast.variance.forecast = {1.2, 0.4};
  bootstrap(make("bootstrap"));
  MarketSpec& filtered = make("gjr_garch, bootstrap");
  garch(filtered), bootstrap(filtered);
  MarketSpec& few = make("factors");
  few.grid = {};
  few.factors = {{0.8, 0.1}, {0.7, -0.4}};
  MarketSpec& many = make("factors, student_t, merton");
  many.grid = {};
  many.factors = {{0.3, 0.1, 0.2, 0.3, 0.4}, {0.1, -0.4, 0.2, 0.2, 0.5}};
  student(many), jumps(many);
  for (const bool random : {false, true}) {
    MarketSpec& m = make(random ? "replay from anywhere" : "replay");
    m.grid = {};
    ReplaySpec replay;
    replay.bar = 900.0;
    replay.random = random;
    replay.returns = rows();
    for (auto& row : replay.returns) row[0] *= 0.01, row[1] *= 0.02;
    replay.calls = random ? 200 : 1;
    all.at(random ? "replay from anywhere" : "replay").stress.replay = replay;
  }
  for (const auto* name :
       {"no grid", "student_t", "merton", "heston, student_t, merton", "gjr_garch", "factors, student_t, merton"}) {
    Scenario s = all.at(name);
    disturb(s);
    // The stress factor's part of the path is known for constant variance and a full correlation only.
    if (s.market.variance.kind == VarianceKind::constant && s.market.factors.empty()) s.systemic.prices = {0.3, 0.5};
    if (!s.market.grid.step) s.systemic.copula_dof = 3.0;
    all.emplace(std::string("disturbed, ") + name, s);
  }
  for (const auto* name : {"student_t", "merton", "gjr_garch from a forecast, student_t, merton"}) {
    Scenario s = all.at(name);
    disturb(s);
    StageSpec& oracle = s.routes[0].stages[0];
    oracle.trigger = {3600.0, 0.004};
    all.emplace(std::string("oracle with a deviation, ") + name, s);
  }
  all.emplace("crowded", crowded());
  Scenario crowd = crowded();
  disturb(crowd);
  all.emplace("disturbed, crowded", crowd);
  MarketSpec& stressed = make("stress");
  student(stressed);
  all.at("stress").stress = {1.5, 0.5, -1.0, 4.0, 3.0, 2.0, {{"ETH", 1200.0, -0.2}}, {}};
  return all;
}

}  // namespace proofload
