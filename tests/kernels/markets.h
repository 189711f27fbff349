/// markets.h -- a small book with everything that a plan can hold, and larger ones, under every kind of market that
/// kernels are compiled for: what must have the same bits on every lane type, thread and backend.
#pragma once
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <string>

#include "scenario/reader.h"
#include "scenario/scenario.h"

namespace proofload {

/// A book in which a tenth of the paths see a failed layer, most of those a stall, and everything else that a plan can
/// hold.
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
collateral_chain = "a"
liability_chain = "b"
layer = "bridge"
stages = [ { name = "oracle", kind = "uniform", min = "0s", max = "60s" }, { name = "finality", scope = "collateral_chain", kind = "gamma", shape = 3, mean = "20m" },
           { name = "relay", kind = "mixture", of = [ { weight = 0.9, kind = "exponential", mean = "30s" }, { weight = 0.1, kind = "pareto", min = "10m", alpha = 1.2, cap = "5d" } ] } ]
[routes.fast]
collateral_chain = "a"
liability_chain = "b"
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

/// The stormy book of twenty assets and six factors, an oracle each, and a route that nobody uses: more assets than a
/// Philox block has words, more messages than sales.
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

/// Chains and layers that stand still, shared verifiers, bonds, the stress factor, and parameters that are not known
/// for certain.
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
  for (const char* name : {"heston", "gjr_garch"}) {  // as they are when haircuts have been in force for a while
    const std::string later = std::string(name) + ", in force";
    MarketSpec& m = make(later);
    if (later[0] == 'h') heston(m);
    if (later[0] == 'g') garch(m), m.variance.forecast = {1.2, 0.4};
    all.at(later).run.in_force = 8400.0;
  }
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

/// A market of two assets with n of them: what is per asset is repeated, and each further asset is sold by a route of
/// its own choice.
inline Scenario widened(Scenario s, std::size_t n) {
  MarketSpec& m = s.market;
  const auto repeat = [n](auto& list) {
    for (std::size_t i = list.size(); !list.empty() && i < n; ++i) {
      const auto same = list[i - 2];
      list.push_back(same);
    }
  };
  repeat(m.assets);
  for (std::size_t i = 2; i < n; ++i) {
    m.assets[i].name = fmt::format("A{}", i);
    m.assets[i].volatility += 0.01 * double(i);
    CollateralSpec sold = s.collateral[i % 3];
    sold.name = sold.asset = m.assets[i].name;
    sold.route = i % 2 == 0 ? "slow" : "fast";
    s.collateral.push_back(sold);
  }
  m.correlation.assign(n, std::vector<double>(n, 1.0));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j)
      if (i != j) m.correlation[i][j] = 0.4 + 0.3 / (1.0 + std::abs(double(i) - double(j)));
  }
  VarianceSpec& v = m.variance;
  for (auto* list : {&v.mean_reversion, &v.vol_of_vol, &v.correlation, &v.initial, &v.alpha, &v.gamma, &v.beta,
                     &v.forecast, &s.systemic.prices})
    repeat(*list);
  if (m.jumps) repeat(m.jumps->loadings), repeat(m.jumps->own);
  const auto widen = [n](std::vector<std::vector<double>>& rows) {
    for (std::size_t r = 0; r < rows.size(); ++r) {
      for (std::size_t i = 2; i < n; ++i) rows[r].push_back(rows[r][i - 2] * (r % 3 == i % 3 ? -1.0 : 1.0));
    }
  };
  widen(m.innovation.rows);
  if (s.stress.replay) widen(s.stress.replay->returns);
  return s;
}

/// A market of two assets with the first alone, and what sells it.
inline Scenario narrowed(Scenario s) {
  MarketSpec& m = s.market;
  m.assets.resize(1);
  m.correlation.clear();
  std::erase_if(s.collateral, [&](const CollateralSpec& c) { return c.asset != m.assets[0].name; });
  VarianceSpec& v = m.variance;
  for (auto* list : {&v.mean_reversion, &v.vol_of_vol, &v.correlation, &v.initial, &v.alpha, &v.gamma, &v.beta,
                     &v.forecast, &s.systemic.prices}) {
    if (!list->empty()) list->resize(1);
  }
  if (m.jumps) m.jumps->loadings.resize(1), m.jumps->own.resize(1);
  for (auto& row : m.innovation.rows) row.resize(1);
  if (s.stress.replay) {
    for (auto& row : s.stress.replay->returns) row.resize(1);
  }
  return s;
}

/// With 18 routes more, each with a stage of its own, to four chains more, and two collaterals on each.
inline Scenario enlarged(Scenario s) {
  for (int c = 0; c < 4; ++c) {
    ChainSpec chain = s.chains[1];
    chain.name = fmt::format("c{}", c);
    s.chains.push_back(chain);
  }
  const std::vector<AssetSpec>& assets = s.market.assets;
  for (std::size_t r = 0; r < 18; ++r) {
    RouteSpec route = s.routes[r % 2];
    route.name = fmt::format("r{}", r);
    route.liability_chain = fmt::format("c{}", r % 4);
    StageSpec stage;
    stage.name = StageName::proof;
    stage.law.kind = LawKind::exponential;
    stage.law.mean = 60.0 * double(r + 1);
    route.stages.push_back(stage);
    s.routes.push_back(route);
    for (std::size_t k = 0; k < 2; ++k) {
      CollateralSpec sold = s.collateral[(r + k) % 3];
      sold.route = route.name;
      sold.asset = assets[(r + 3 * k + (assets.size() == 2 ? k : 0)) % assets.size()].name;
      sold.name = fmt::format("{} on {}, {}", sold.asset, sold.route, k);
      s.collateral.push_back(sold);
    }
  }
  return s;
}

/// The markets with more assets, and with more routes, so that every size of every kernel is run.
inline std::map<std::string, Scenario> larger_books() {
  const std::map<std::string, Scenario> small = markets();
  std::map<std::string, Scenario> all;
  const auto wide = [&all](std::size_t n, const std::string& name, const Scenario& s) {
    all.emplace(fmt::format("{} assets: {}", n, name), widened(s, n));
  };
  const auto large = [&all](std::size_t n, const std::string& name, const Scenario& s) {
    all.emplace(fmt::format("21 routes, {} assets: {}", n, name), enlarged(widened(s, n)));
  };
  for (const auto& [name, s] : small) {
    if (s.market.assets.size() != 2 || !s.market.factors.empty()) continue;
    for (const std::size_t n : {7, 13}) wide(n, name, s);
  }
  for (const auto* name : {"no grid", "disturbed, no grid", "student_t without a grid"}) {
    wide(11, name, small.at(name));
    for (const std::size_t n : {2, 7, 11, 13}) large(n, name, small.at(name));
  }
  for (const auto* name :
       {"disturbed, merton", "oracle with a deviation, merton", "disturbed, heston, student_t, merton",
        "disturbed, gjr_garch", "oracle with a deviation, gjr_garch from a forecast, student_t, merton",
        "gjr_garch, bootstrap"}) {
    for (const std::size_t n : {2, 7, 13}) large(n, name, small.at(name));
  }
  // Prices load on the stress factor, and share the mixer with it.
  Scenario loaded = small.at("student_t without a grid");
  disturb(loaded);
  loaded.systemic.prices = {0.3, 0.5};
  loaded.systemic.copula_dof = 3.0;
  for (const std::size_t n : {2, 7, 11, 13}) {
    wide(n, "disturbed, student_t without a grid", loaded);
    large(n, "disturbed, student_t without a grid", loaded);
  }
  for (const auto* name : {"disturbed, merton", "disturbed, heston, student_t, merton", "disturbed, gjr_garch"}) {
    Scenario copula = small.at(name);
    copula.systemic.copula_dof = 3.0;
    for (const std::size_t n : {2, 7, 13}) wide(n, std::string("Student copula, ") + name, copula);
  }
  Scenario few = small.at("disturbed, factors, student_t, merton");
  few.market.factors = {{0.3, 0.5, 0.2}, {0.4, -0.3, 0.6}};
  all.emplace("disturbed, 3 factors", few);
  all.emplace("21 routes: disturbed, 3 factors", enlarged(few));
  for (const auto* name : {"factors", "disturbed, factors, student_t, merton", "disturbed, crowded"})
    all.emplace(std::string("21 routes: ") + name, enlarged(small.at(name)));
  return all;
}

}  // namespace proofload
