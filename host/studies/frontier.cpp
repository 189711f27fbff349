#include "studies/frontier.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "answers/margin.h"
#include "base/error.h"
#include "base/version.h"
#include "input/toml_tree.h"
#include "plan/drawn.h"
#include "run/engine.h"
#include "scenario/reader.h"
#include "studies/blocks.h"

namespace proofload {
namespace {

constexpr const char* layer_name = "(crossing)";  // of the layer in every crossing: names address random numbers

const std::uint64_t* delays(const Results& r, std::size_t route) {
  return r.tally.counts.data() + r.tally.layout.delay(static_cast<int>(route));
}

struct Mean {
  double value, error;  // the standard error
};

/// Mean of a route's delays: bins of 1/32 octave by their midpoints, unresolved ones with the horizon.
Mean mean_delay(const Results& r, std::size_t route) {
  const std::uint64_t* count = delays(r, route);
  const double horizon = r.scenario.run.horizon, paths = static_cast<double>(r.tally.paths);
  const auto seconds = [&](int b) {
    if (b == delay_bins - 1) return horizon;
    return std::min(0.5 * (delay_edge(b) + delay_edge(b + 1)) / ticks_per_second, horizon);
  };
  double sum = 0.0, squares = 0.0;
  for (int b = 0; b < delay_bins; ++b) {
    if (count[b] != 0) sum += static_cast<double>(count[b]) * seconds(b);
  }
  const double mean = sum / paths;
  for (int b = 0; b < delay_bins; ++b) {
    if (count[b] != 0) squares += static_cast<double>(count[b]) * (seconds(b) - mean) * (seconds(b) - mean);
  }
  return {mean, std::sqrt(squares / paths / paths)};
}

/// Between which delays the p99 lies, by its ranks; an absent end is beyond the horizon.
std::pair<std::optional<double>, std::optional<double>> p99_interval(const Results& r, std::size_t route) {
  const std::uint64_t* count = delays(r, route);
  const auto [low, high] = quantile_ranks(r.tally.paths, 0.99, r.scenario.run.interval);
  /// Lower or upper edge of the bin of a rank.
  const auto edge = [&](std::uint64_t rank, int side) -> std::optional<double> {
    std::uint64_t sum = 0;
    for (int b = 0; b < delay_bins - 1; ++b) {
      if ((sum += count[b]) >= rank) return delay_edge(b + side) / ticks_per_second;
    }
    return std::nullopt;
  };
  return {low == 0 ? 0.0 : edge(low, 0), high > r.tally.paths ? std::nullopt : edge(high, 1)};
}

Choice choice(const MechanismSpec& mechanism, const Results& r, const Answers& all, std::size_t k, double capital) {
  const CollateralAnswer& c = all.collateral[k];
  const auto at = std::find_if(all.routes.begin(), all.routes.end(), [&](const auto& x) { return x.name == c.route; });
  Choice out;
  out.mechanism = mechanism;
  out.p50 = at->p50;
  out.p99 = at->p99;
  const auto route = static_cast<std::size_t>(at - all.routes.begin());
  std::tie(out.p99_low, out.p99_high) = p99_interval(r, route);
  const Mean delay = mean_delay(r, route);
  out.mean_delay = delay.value;
  out.p_failure = c.p_failure;
  out.failed = r.tally.counts[r.tally.layout.hit(static_cast<int>(k))];
  out.loss_given_failure = c.loss_given_failure;
  out.exposure_cap_per_loss_budget = c.exposure_cap_per_loss_budget;
  out.haircuts = c.haircuts;
  const double per_second = capital * r.scenario.margin.risk_free / seconds_per_year;
  out.lock_up_cost = per_second * (mechanism.lock_up + delay.value);
  out.lock_up_error = per_second * interval_score(r.scenario.run.interval) * delay.error;
  out.relaying_cost = mechanism.cost;
  return out;
}

double capital_of(const Scenario& s, const CollateralSpec& c, std::optional<double> given) {
  if (given) return *given;
  if (c.sale.size > 0.0) return c.sale.size;
  if (s.margin.liability > 0.0) return s.margin.liability;
  throw Error(
      fmt::format("{} has no size (lock-up and relaying cost depend on how much one liquidation moves) give --capital "
                  "1e6, say, or the collateral a sale, or the scenario a margin.liability",
                  in_quotes(c.name)));
}

/// "wrapped", or what its catalogue calls a variant of it: "wrapped-canonical".
bool is_wrapped(const Choice& c) { return c.mechanism.name.starts_with("wrapped"); }

// ---- dominance ------------------------------------------------------------------------------------------------------

/// By which choices are compared: less is better.
std::vector<Estimate> measures(const Choice& c, std::optional<std::size_t> confidence) {
  const Intervals one = intervals(c, confidence);
  std::vector<Estimate> all = {one.p_failure, one.cost, one.p99};
  if (one.haircut) all.push_back(*one.haircut);
  const double depth = c.mechanism.wrap_depth;  // a token of another issuer is not the same collateral
  all.push_back({depth, depth, depth});
  return all;
}

/// Nothing when `a` does not dominate `b`.
std::optional<Dominator> dominates(const Choice& a, const Choice& b, std::optional<std::size_t> confidence) {
  const auto x = measures(a, confidence), y = measures(b, confidence);
  bool better = false, clear = false;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i].estimate > y[i].estimate) return std::nullopt;
    better = better || x[i].estimate < y[i].estimate;
    clear = clear || below(x[i], y[i]);
  }
  if (!better) return std::nullopt;
  return Dominator{a.mechanism.name, clear};
}

}  // namespace

Crossing crossing(Scenario s, const std::string& mechanism, const std::string& only) {
  Crossing out;
  const auto found =
      std::find_if(s.mechanisms.begin(), s.mechanisms.end(), [&](const auto& m) { return m.name == mechanism; });
  const bool all_over_it = std::all_of(s.routes.begin(), s.routes.end(), [&](const RouteSpec& r) {
    return r.mechanism == mechanism && (r.layer.empty() || r.layer == mechanism);
  });
  if (found == s.mechanisms.end() || !all_over_it) {
    throw Error(
        fmt::format("not every route crosses by {} (a frontier compares one mechanism at a time) read the "
                    "scenario with that mechanism",
                    in_quotes(mechanism)));
  }
  out.mechanism = *found;
  const auto is_message = [](const StageSpec& stage) {
    return stage.name != StageName::oracle && stage.name != StageName::publication &&
           stage.name != StageName::destination_inclusion;
  };
  for (const RouteSpec& r : s.routes) {
    if (r.collateral_chain != r.liability_chain || std::none_of(r.stages.begin(), r.stages.end(), is_message)) continue;
    throw Error(
        fmt::format("routes.{} goes from {} to itself, and {} sends a message (there is nothing to cross, so the "
                    "comparison would mean nothing) name a scenario whose collateral is on another chain",
                    r.name, r.collateral_chain, in_quotes(mechanism)));
  }
  if (!only.empty()) {
    std::vector<std::string> names;
    for (const auto& c : s.collateral) names.push_back(c.name);
    std::erase_if(s.collateral, [&](const CollateralSpec& c) { return c.name != only; });
    if (s.collateral.empty()) {
      throw Error(fmt::format("--collateral {} (the scenario has none of that name) {}", in_quotes(only),
                              suggestion(only, names, "collateral")));
    }
  }
  s.portfolio.reset();  // the book as one is no part of a frontier
  for (auto& c : s.collateral) c.weight.reset();
  // layers that nobody crosses any more, and what is said of them
  const auto unused = [&](const std::string& layer) {
    return std::none_of(s.routes.begin(), s.routes.end(), [&](const RouteSpec& r) { return r.layer == layer; });
  };
  const auto gone = [&](const std::string& name) {
    const auto is = [&](const auto& x) { return x.name == name; };
    return unused(name) && std::any_of(s.layers.begin(), s.layers.end(), is) &&
           std::none_of(s.chains.begin(), s.chains.end(), is);
  };
  std::erase_if(s.state.running, gone);
  std::erase_if(s.state.paused, [&](const StateSpec::Down& d) { return unused(d.name); });
  std::erase_if(s.uncertainty.hazards, [&](const UncertaintySpec::Hazard& h) { return unused(h.layer); });
  std::erase_if(s.layers, [&](const LayerSpec& l) { return unused(l.name); });
  const auto rename = [&](std::string& name) {
    if (name == mechanism) name = layer_name;
  };
  for (auto& l : s.layers) rename(l.name);
  for (auto& r : s.routes) rename(r.layer);
  for (auto& h : s.uncertainty.hazards) rename(h.layer);
  for (auto& d : s.state.paused) rename(d.name);
  for (auto& name : s.state.running) rename(name);
  out.scenario = std::move(s);
  return out;
}

std::vector<Crossing> read_crossings(const std::filesystem::path& scenario, const std::vector<std::string>& mechanisms,
                                     const std::string& only, const Overrides& overrides) {
  std::vector<Crossing> all;
  for (std::size_t i = 0; i < mechanisms.size(); ++i) {
    if (mechanisms[i].empty())
      throw Error("--mechanisms holds an empty name (two commas, perhaps) write names with one comma between them");
    if (std::find(mechanisms.begin(), mechanisms.begin() + static_cast<std::ptrdiff_t>(i), mechanisms[i]) !=
        mechanisms.begin() + static_cast<std::ptrdiff_t>(i)) {
      throw Error(fmt::format("--mechanisms names {} twice (each is one line of the result) take one of them out",
                              in_quotes(mechanisms[i])));
    }
    Overrides one = overrides;
    one.mechanism = mechanisms[i];
    all.push_back(crossing(read_scenario(scenario, one), mechanisms[i], only));
  }
  return all;
}

Intervals intervals(const Choice& c, std::optional<std::size_t> confidence) {
  constexpr double never = std::numeric_limits<double>::infinity(), half_bin = 0.02;
  Intervals out;
  out.p_failure = c.p_failure;
  const double p99 = c.p99.value_or(never), cost = c.cost();
  out.p99 = {p99, std::min(p99 * (1.0 - half_bin), c.p99_low.value_or(never)),
             std::max(p99 * (1.0 + half_bin), c.p99_high.value_or(never))};
  out.cost = {cost, std::max(0.0, cost * (1.0 - half_bin) - c.lock_up_error),
              cost * (1.0 + half_bin) + c.lock_up_error};
  if (confidence) {
    const HaircutAnswer& h = c.haircuts[*confidence];
    if (h.value && h.high) out.haircut = Estimate{*h.value, h.low.value_or(-never), *h.high};
  }
  return out;
}

bool below(const Estimate& a, const Estimate& b) {
  return a.high < b.low || (a.low == 0.0 && a.high == 0.0 && b.low >= 0.0 && b.high > 0.0);
}

Least least(const std::vector<Estimate>& all) {
  Least out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (std::none_of(all.begin(), all.end(), [&](const Estimate& other) { return below(other, all[i]); }))
      out.choices.push_back(i);
  }
  out.told = out.choices.size() == 1 || std::all_of(out.choices.begin(), out.choices.end(),
                                                    [&](std::size_t i) { return all[i].low == all[i].high; });
  return out;
}

Trilemma trilemma(const Frontier& f) {
  const auto of = [&](Estimate Intervals::*measure) {
    std::vector<Estimate> all;
    for (const Choice& c : f.choices) all.push_back(intervals(c, {}).*measure);
    return least(all);
  };
  return {of(&Intervals::p_failure), of(&Intervals::p99), of(&Intervals::cost)};
}

void find_dominated(Frontier& f) {
  std::optional<std::size_t> confidence;
  const std::size_t levels = f.choices.empty() ? 0 : f.choices[0].haircuts.size();
  for (std::size_t i = 0; i < levels; ++i) {
    const auto bounded = [&](const Choice& c) { return c.haircuts[i].value && c.haircuts[i].high; };
    if (std::all_of(f.choices.begin(), f.choices.end(), bounded)) confidence = i;  // ascending: the last is the highest
  }
  f.compared_at.reset();
  if (confidence) f.compared_at = f.choices[0].haircuts[*confidence].confidence;
  for (Choice& c : f.choices) {
    c.dominated_by.clear();
    for (const Choice& other : f.choices) {
      if (&other == &c) continue;
      if (auto d = dominates(other, c, confidence)) c.dominated_by.push_back(std::move(*d));
    }
  }
}

FrontierRun run_frontier(const std::vector<Crossing>& crossings, Backend& backend, std::optional<double> capital) {
  if (crossings.empty()) throw Error("no mechanism is named (there is nothing to compare) give --mechanisms ccip,htlc");
  const Scenario& first = crossings[0].scenario;
  FrontierRun run;
  run.scenario = first.name;
  run.engine = engine_version();
  run.backend = backend.name();
  run.device = backend.device();
  run.seed = first.run.seed;
  run.interval = first.run.interval;
  run.risk_free = first.margin.risk_free;
  run.horizon = first.run.horizon;
  run.parameters_uncertain = first.uncertainty.given;
  for (const CollateralSpec& c : first.collateral) {
    run.frontiers.push_back({c.name, c.asset, c.route, capital_of(first, c, capital), {}, {}});
  }
  for (const Crossing& one : crossings) {
    Results r = run_scenario(one.scenario, backend);
    if (one.scenario.uncertainty.given) r.blocks = run_blocks(one.scenario, backend);
    const Answers all = answer(r);
    run.paths = r.tally.paths;
    run.plan_hashes.push_back(r.compiled.plan_hash);
    run.tally_hashes.push_back(r.tally.hash());
    for (std::size_t k = 0; k < run.frontiers.size(); ++k) {
      Frontier& f = run.frontiers[k];
      f.choices.push_back(choice(one.mechanism, r, all, k, f.capital));
    }
  }
  for (Frontier& f : run.frontiers) {
    const auto wrapped = std::find_if(f.choices.begin(), f.choices.end(), is_wrapped);
    for (Choice& c : f.choices) {
      for (std::size_t i = 0; i < c.haircuts.size(); ++i) {
        c.against_wrapped.push_back(
            wrapped == f.choices.end() ? std::nullopt : ratio_kept(c.haircuts[i].value, wrapped->haircuts[i].value));
      }
    }
    find_dominated(f);
  }
  return run;
}

}  // namespace proofload
