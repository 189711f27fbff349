#include "show.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "notes.h"
#include "statistics.h"
#include "table.h"

namespace proofload {
namespace {

using Json = nlohmann::ordered_json;

// ---- for people -----------------------------------------------------------------------------------------------------

std::string percent(std::optional<double> fraction, int digits = 3) {
  return fraction ? fmt::format("{:.{}f}", 100.0 * *fraction, digits) : std::string("-");
}

std::string probability(double p) { return p == 0.0 ? std::string("0") : fmt::format("{:.3g}", p); }
std::string probability(const Estimate& e) {
  return fmt::format("{} [{}, {}]", probability(e.estimate), probability(e.low), probability(e.high));
}

std::string duration(std::optional<double> seconds) {
  return seconds ? rounded_duration(*seconds) : std::string("unresolved");
}

/// 4000000 -> 4,000,000
std::string grouped(std::uint64_t n) {
  std::string text = std::to_string(n);
  for (std::ptrdiff_t at = std::ssize(text) - 3; at > 0; at -= 3) text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

/// 0.999 -> "99.9 %", without the noise of binary fractions.
std::string confidence_text(double confidence) { return fmt::format("{:.10g} %", 100.0 * confidence); }

constexpr std::size_t second_name = 32;  // columns

std::string heading(const Results& r) {
  std::string text = fmt::format("{}: {} liquidations, seed {}, {}\n", clipped(r.scenario.name, 50),
                                 grouped(r.tally.paths), r.seed, r.engine);
  text += fmt::format("{} ({}), {:.1f} s, {}\n", r.backend, r.device, r.wall_seconds, r.date);
  text += fmt::format("plan {}  tally {}\n", r.compiled.plan_hash, r.tally.hash());
  text += wrapped("Prices: " + market_text(r.scenario), 2);
  if (const std::string stress = stress_text(r.scenario); !stress.empty()) text += wrapped("Stressed: " + stress, 2);
  text += "\n";
  text += "All probabilities are per liquidation (given that a position has reached its threshold).\n";
  text += fmt::format(
      "Intervals ({:.4g} %, two-sided) hold the simulation error only, not that of the model or its data.\n",
      100.0 * r.scenario.run.interval);
  return text;
}

std::string haircut_table(const Answers& all) {
  Table table({"collateral", "at", "haircut", "low", "high", "shortfall", "no fail.", "price", "latency", "failure",
               "liquidity"});
  const auto add = [&](const CollateralAnswer& c, const std::string& name) {
    bool first = true;
    for (const auto& h : c.haircuts) {
      table.row({first ? name : "", confidence_text(h.confidence) + (h.beyond_cliff ? "*" : " "), percent(h.value),
                 percent(h.low), percent(h.high), percent(h.expected_shortfall), percent(h.given_no_failure),
                 percent(h.attribution.price), percent(h.attribution.latency), percent(h.attribution.failure),
                 percent(h.attribution.liquidity)});
      first = false;
    }
  };
  for (const auto& c : all.collateral) add(c, c.name);
  if (all.portfolio) add(*all.portfolio, "the book as one");
  std::string text =
      "\nHaircuts in % of value. shortfall: mean loss in the worst 1 - confidence; no fail.: if no layer fails;\n"
      "price + latency + failure + liquidity: what the haircut is made of\n";
  if (all.minimum) {
    CollateralAnswer worst;  // a row of the same columns, most of them empty
    worst.haircuts = all.minimum->quantiles;
    add(worst, "the book's worst date");
    text +=
        "the book's worst date: the loss of its price alone at the worst grid date up to the last sale, no failures or "
        "sale "
        "costs\n";
  }
  return text + table.text();
}

/// Without observers on a grid one table; with them there is one column more than fits, and failures get a table of their own.
std::string policy_table(const Answers& all) {
  const auto& collateral = all.collateral;
  const bool breaches = all.minimum || std::any_of(collateral.begin(), collateral.end(),
                                                   [](const auto& c) { return c.p_breach.has_value(); });
  using Row = std::vector<std::string>;
  const auto joined = [](Row row, const Row& more) { return row.insert(row.end(), more.begin(), more.end()), row; };
  const Row failure_columns = {"P(layer fails)", "loss then"};
  const auto policy_row = [&](const CollateralAnswer& c, const std::string& name,
                              const std::optional<Estimate>& breach) {
    const bool policy = c.policy_haircut.has_value();
    Row row = {name, policy ? percent(c.policy_haircut, 2) + " %" : "-", policy ? probability(c.p_under) : "-"};
    if (breaches) row.push_back(breach ? probability(*breach) : "-");
    row.push_back(policy ? fmt::format("{:.3g} bp", 1e4 * c.mean_shortfall) : "-");
    return row;
  };
  const auto failure_row = [](const CollateralAnswer& c) {
    return Row{probability(c.p_failure), c.loss_given_failure ? percent(c.loss_given_failure, 1) + " %" : "-"};
  };

  Row header = {"collateral", "in force", "P(loss > in force)"};
  if (breaches) header.push_back("P(breach)");
  header.push_back("shortfall");
  Table table(breaches ? header : joined(header, failure_columns)), failures(joined({"collateral"}, failure_columns));
  for (const auto& c : collateral) {
    const Row row = policy_row(c, c.name, c.p_breach);
    table.row(breaches ? row : joined(row, failure_row(c)));
    failures.row(joined({c.name}, failure_row(c)));
  }
  if (all.portfolio && all.portfolio->policy_haircut) {
    const Row row = policy_row(*all.portfolio, "the book as one",
                               all.minimum ? std::optional(all.minimum->p_breach) : std::nullopt);
    table.row(breaches ? row : joined(row, {"-", "-"}));
  }
  if (!breaches)
    return "\nHaircut in force; shortfall: mean loss beyond it; loss then: mean loss if the layer fails\n" +
           table.text();
  return "\nHaircut in force; shortfall: mean loss beyond it; P(breach): the price alone was down by more than it at a "
         "grid\n"
         "date up to the sale (of the book: up to its last sale), whether or not it was at the sale; sales before the "
         "first\n"
         "date have none to look at and count as 0\n" +
         table.text() + "\nFailures; loss then: mean loss if the layer fails\n" + failures.text();
}

std::string route_table(const Answers& all) {
  Table table({"route", "p50", "p90", "p99", "p99.9", "unresolved"});
  for (const auto& r : all.routes) {
    table.row({r.name, duration(r.p50), duration(r.p90), duration(r.p99), duration(r.p999), grouped(r.unresolved)});
  }
  return "\nDelays from the call to the sale (stalls of failed layers apart)\n" + table.text();
}

std::string layer_table(const Answers& all) {
  if (all.layers.empty()) return {};
  Table table({"layer", "P(fails)", "with another layer"});
  for (std::size_t i = 0; i < all.layers.size(); ++i) {
    double most = 0.0;
    std::string with = "-";
    for (std::size_t j = 0; j < all.layers.size(); ++j) {
      if (i == j || all.joint_failure[i][j] <= most) continue;
      most = all.joint_failure[i][j];
      with = fmt::format("{} with {}", probability(most), clipped(all.layers[j].name, second_name));
    }
    table.row({all.layers[i].name, probability(all.layers[i].p_failure), with});
  }
  return "\nMessaging layers\n" + table.text();
}

/// The pairs that are under-collateralised together most often, against what independence would give.
std::string joint_table(const Answers& all) {
  struct Pair {
    std::size_t i, j;
    double p, ratio;
  };
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < all.joint_under.size(); ++i) {
    for (std::size_t j = i + 1; j < all.joint_under.size(); ++j) {
      const auto both = all.joint_under[i][j];
      if (!both || *both == 0.0) continue;
      pairs.push_back({i, j, *both, *both / (*all.joint_under[i][i] * *all.joint_under[j][j])});
    }
  }
  if (pairs.empty()) return {};
  std::stable_sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) { return a.p > b.p; });
  if (pairs.size() > 5) pairs.resize(5);
  Table table({"under-collateralised together", "with", "P(both)", "times independence"});
  for (const auto& p : pairs) {
    table.row({all.collateral[p.i].name, clipped(all.collateral[p.j].name, second_name), probability(p.p),
               fmt::format("{:.3g}", p.ratio)});
  }
  return "\n" + table.text();
}

/// What the figures do not say by themselves.
std::string warnings(const Results& r, const Answers& all) {
  std::string text;
  for (const auto& c : all.collateral) {
    std::string beyond;
    for (const auto& h : c.haircuts) {
      if (h.beyond_cliff) beyond += (beyond.empty() ? "" : ", ") + confidence_text(h.confidence);
    }
    if (beyond.empty()) continue;
    text += fmt::format("* {} is beyond the cliff at {}: its layer fails with probability {}, more than such a\n",
                        c.name, beyond, probability(c.p_failure.estimate));
    text += "  haircut may leave, so the figure is the loss given failure, which no haircut can price.\n";
    if (c.exposure_cap_per_loss_budget) {
      text +=
          fmt::format("  Cap the exposure instead: at most {:.3g} USD for each USD of expected loss per liquidation.\n",
                      *c.exposure_cap_per_loss_budget);
    }
  }
  const bool unbounded = std::any_of(all.collateral.begin(), all.collateral.end(), [](const auto& c) {
    return std::any_of(c.haircuts.begin(), c.haircuts.end(), [](const auto& h) { return !h.high; });
  });
  if (unbounded) {
    text += fmt::format(
        "- {} paths are too few to bound some haircuts (\"-\"); such haircuts cannot be exported. Run more paths.\n",
        grouped(r.tally.paths));
  }
  if (all.unresolved > 0) {
    text += fmt::format(
        "- On {} paths a message, or a stalled layer, took longer than {}: unresolved, counted as a total loss.\n",
        grouped(all.unresolved), duration(r.scenario.run.horizon));
  }
  if (const std::string note = tail_note(r, all); !note.empty()) text += wrapped("- " + note, 2);
  return text.empty() ? text : "\n" + text;
}

// ---- for programs ---------------------------------------------------------------------------------------------------

Json number(std::optional<double> x) { return x && std::isfinite(*x) ? Json(*x) : Json(nullptr); }

Json estimate(const Estimate& e) {
  return {{"estimate", number(e.estimate)}, {"low", number(e.low)}, {"high", number(e.high)}};
}

Json under(const CollateralAnswer& c) {
  if (!c.policy_haircut) return nullptr;
  Json out = {{"haircut", number(c.policy_haircut)}};
  out.update(estimate(c.p_under));
  out["mean_shortfall"] = number(c.mean_shortfall);
  return out;
}

Json haircut(const HaircutAnswer& h) {
  return {{"confidence", h.confidence},
          {"value", number(h.value)},
          {"low", number(h.low)},
          {"high", number(h.high)},
          {"expected_shortfall", number(h.expected_shortfall)},
          {"expected_shortfall_low", number(h.expected_shortfall_low)},
          {"expected_shortfall_high", number(h.expected_shortfall_high)}};
}

Json collateral(const CollateralAnswer& c) {
  Json haircuts = Json::array();
  for (const auto& h : c.haircuts) {
    Json one = haircut(h);
    one["given_no_failure"] = number(h.given_no_failure);
    one["beyond_cliff"] = h.beyond_cliff;
    one["attribution"] = {{"price", number(h.attribution.price)},
                          {"latency", number(h.attribution.latency)},
                          {"failure", number(h.attribution.failure)},
                          {"liquidity", number(h.attribution.liquidity)}};
    haircuts.push_back(std::move(one));
  }
  return {{"name", c.name},
          {"asset", c.asset},
          {"route", c.route},
          {"p_under", under(c)},
          {"p_failure", estimate(c.p_failure)},
          {"haircuts", std::move(haircuts)},
          {"loss_given_failure", number(c.loss_given_failure)},
          {"exposure_cap_per_loss_budget", number(c.exposure_cap_per_loss_budget)},
          {"unresolved", c.unresolved},
          {"p_breach", c.p_breach ? estimate(*c.p_breach) : Json(nullptr)}};
}

/// The book's price at its worst grid date.
Json minimum(const Answers& all) {
  if (!all.minimum) return nullptr;
  Json breach = {{"haircut", number(all.portfolio->policy_haircut)}}, quantiles = Json::array();
  breach.update(estimate(all.minimum->p_breach));
  for (const auto& h : all.minimum->quantiles) quantiles.push_back(haircut(h));
  return {{"p_breach", std::move(breach)}, {"quantiles", std::move(quantiles)}};
}

Json matrix(const auto& rows) {
  Json out = Json::array();
  for (const auto& row : rows) {
    Json line = Json::array();
    for (const auto& x : row) line.push_back(number(x));
    out.push_back(std::move(line));
  }
  return out;
}

}  // namespace

std::string show_table(const Results& r) {
  const Answers all = answer(r);
  return heading(r) + haircut_table(all) + policy_table(all) + route_table(all) + layer_table(all) + joint_table(all) +
         warnings(r, all);
}

Json show_json(const Results& r) {
  const Answers all = answer(r);
  Json out = {{"scenario", r.scenario.name},
              {"schema", 1},
              {"engine", r.engine},
              {"backend", r.backend},
              {"seed", r.seed},
              {"paths", r.tally.paths},
              {"interval", r.scenario.run.interval},
              {"plan_hash", r.compiled.plan_hash},
              {"tally_hash", r.tally.hash()},
              {"unresolved", all.unresolved},
              {"collateral", Json::array()},
              {"routes", Json::array()}};
  for (const auto& c : all.collateral) out["collateral"].push_back(collateral(c));
  for (const auto& route : all.routes) {
    out["routes"].push_back({{"name", route.name},
                             {"delay_seconds",
                              {{"p50", number(route.p50)},
                               {"p90", number(route.p90)},
                               {"p99", number(route.p99)},
                               {"p999", number(route.p999)}}},
                             {"unresolved", route.unresolved}});
  }
  out["joint_under"] = matrix(all.joint_under);
  // Additions to the contract.
  out["layers"] = Json::array();
  for (const auto& layer : all.layers)
    out["layers"].push_back({{"name", layer.name}, {"p_failure", estimate(layer.p_failure)}});
  out["joint_failure"] = matrix(all.joint_failure);
  out["portfolio"] = nullptr;
  if (all.portfolio) {
    Json haircuts = Json::array();
    for (const auto& h : all.portfolio->haircuts) haircuts.push_back(haircut(h));
    out["portfolio"] = {
        {"p_under", under(*all.portfolio)}, {"haircuts", std::move(haircuts)}, {"minimum", minimum(all)}};
  }
  out["laws"] = Json::array();
  for (const auto& law : r.compiled.laws) {
    out["laws"].push_back({{"where", law.where}, {"error", number(law.error)}, {"tail_share", number(law.tail_share)}});
  }
  out["first_path"] = r.range.first;
  out["device"] = r.device;
  out["date"] = r.date;
  out["wall_seconds"] = number(r.wall_seconds);
  const std::string stress = stress_text(r.scenario), tails = tail_note(r, all);
  out["prices"] = market_text(r.scenario);
  out["stress"] = stress.empty() ? Json(nullptr) : Json(stress);
  out["notes"] = Json::array();
  if (!tails.empty()) out["notes"].push_back(tails);
  return out;
}

}  // namespace proofload
