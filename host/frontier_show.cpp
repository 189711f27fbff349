/// frontier_show.cpp -- a frontier for people (tables, and the trilemma in words), for programs (JSON) and for pictures (CSV).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "frontier.h"
#include "notes.h"
#include "table.h"

namespace proofload {
namespace {

using Json = nlohmann::ordered_json;

// ---- for people -------------------------------------------------------------------------------------------------------------

std::string percent(std::optional<double> fraction, int digits = 3) {
  return fraction ? fmt::format("{:.{}f}", 100.0 * *fraction, digits) : std::string("-");
}
std::string confidence_text(double confidence) { return fmt::format("{:.10g} %", 100.0 * confidence); }
std::string probability(double p) { return p == 0.0 ? std::string("0") : fmt::format("{:.3g}", p); }
std::string duration(std::optional<double> seconds) {
  return seconds ? rounded_duration(*seconds) : std::string("unresolved");
}

std::string trust_list(const Frontier& f) {
  std::string text = "\nWhat each relies on (wrap depth: issuers between the token and the native asset)\n";
  for (const Choice& c : f.choices) {
    const MechanismSpec& m = c.mechanism;
    text += wrapped(fmt::format("  {}: {}. Assets: {}. Wrap depth {:g}.", m.name,
                                m.trust.empty() ? "its trust is not described" : m.trust,
                                m.collateral.empty() ? "not said" : m.collateral, m.wrap_depth),
                    4);
  }
  return text;
}

std::string delay_table(const Frontier& f) {
  Table table({"mechanism", "at", "haircut", "low", "high", "of single", "p50", "p99", "P(layer fails)"});
  for (const Choice& c : f.choices) {
    for (std::size_t i = 0; i < c.haircuts.size(); ++i) {
      const HaircutAnswer& h = c.haircuts[i];
      const bool first = i == 0;
      table.row({first ? c.mechanism.name : "", confidence_text(h.confidence) + (h.beyond_cliff ? "*" : " "),
                 percent(h.value), percent(h.parameter_low ? h.parameter_low : h.low),
                 percent(h.parameter_high ? h.parameter_high : h.high), percent(h.efficiency, 1),
                 first ? duration(c.p50) : "", first ? duration(c.p99) : "",
                 first ? fmt::format("{} [{}, {}]", probability(c.p_failure.estimate), probability(c.p_failure.low),
                                     probability(c.p_failure.high))
                       : ""});
    }
  }
  return table.text();
}

/// The clear ones first, as many as fit; JSON has them all.
std::string dominators(const Choice& c) {
  constexpr std::size_t named = 2;
  std::vector<Dominator> all = c.dominated_by;
  std::stable_partition(all.begin(), all.end(), [](const Dominator& d) { return d.clear; });
  std::string text;
  for (std::size_t i = 0; i < std::min(named, all.size()); ++i)
    text += (i == 0 ? "" : ", ") + clipped(all[i].mechanism, 24) + (all[i].clear ? "" : "?");
  return all.size() > named ? text + fmt::format(", {} more", all.size() - named) : text;
}

std::string cost_table(const Frontier& f) {
  Table table({"mechanism", "lock-up USD", "relaying USD", "both, bp", "dominated by"});
  for (const Choice& c : f.choices) {
    const std::string by = dominators(c);
    table.row({c.mechanism.name, fmt::format("{:.2f}", c.lock_up_cost), fmt::format("{:.2f}", c.relaying_cost),
               fmt::format("{:.3g}", 1e4 * c.cost() / f.capital), by.empty() ? "-" : by});
  }
  return table.text();
}

/// The choices with the least of something, all that are equal.
template <class Value>
std::vector<std::string> least(const Frontier& f, Value value) {
  double best = std::numeric_limits<double>::infinity();
  for (const Choice& c : f.choices) best = std::min(best, value(c));
  std::vector<std::string> names;
  for (const Choice& c : f.choices) {
    if (value(c) == best) names.push_back(c.mechanism.name);
  }
  return names;
}

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// USD, to three digits.
std::string rough_dollars(double x) {
  constexpr std::pair<double, const char*> units[] = {{1e12, "T"}, {1e9, "bn"}, {1e6, "M"}, {1e3, "k"}};
  for (const auto& [unit, name] : units) {
    if (x >= 0.9995 * unit) return fmt::format("{:.3g}{}", x / unit, name);
  }
  return fmt::format("{:.3g}", x);
}

/// Where figures are losses given failure, and what to do instead: mechanisms that are so at the same confidences together.
std::string cliff_text(const Frontier& f) {
  struct Group {
    std::string at;
    std::vector<std::string> names, caps;
  };
  std::vector<Group> groups;
  for (const Choice& c : f.choices) {
    std::vector<std::string> beyond;
    for (const auto& h : c.haircuts) {
      if (h.beyond_cliff) beyond.push_back(confidence_text(h.confidence));
    }
    if (beyond.empty()) continue;
    const std::string at = fmt::format("{}", fmt::join(beyond, ", "));
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& one) { return one.at == at; });
    if (group == groups.end()) group = groups.insert(groups.end(), {at, {}, {}});
    group->names.push_back(c.mechanism.name);
    if (c.exposure_cap_per_loss_budget) group->caps.push_back(rough_dollars(*c.exposure_cap_per_loss_budget));
  }
  std::string text;
  for (const auto& [at, names, caps] : groups) {
    const bool several = names.size() > 1;
    text +=
        wrapped(fmt::format("* {} {} beyond the cliff at {}: the figure is the loss given failure, which no haircut "
                            "can price. Cap the exposure{}.",
                            fmt::join(names, ", "), several ? "are" : "is", at,
                            caps.empty() ? std::string()
                                         : fmt::format(": at most {} USD for each USD of expected loss per "
                                                       "liquidation",
                                                       fmt::join(caps, ", "))),
                2);
  }
  return text;
}

/// Safe, fast, cheap: whether one of them is all three, and if not what each gives up.
std::string trilemma(const Frontier& f) {
  const auto safest = least(f, [](const Choice& c) { return c.p_failure.estimate; });
  const auto fastest =
      least(f, [](const Choice& c) { return c.p99.value_or(std::numeric_limits<double>::infinity()); });
  const auto cheapest = least(f, [](const Choice& c) { return c.cost(); });
  std::string text = wrapped(
      fmt::format("Safe, fast, cheap: {} fail{} least, {} {} fastest at p99, {} cost{} least a liquidation.",
                  fmt::join(safest, " and "), safest.size() == 1 ? "s" : "", fmt::join(fastest, " and "),
                  fastest.size() == 1 ? "is" : "are", fmt::join(cheapest, " and "), cheapest.size() == 1 ? "s" : ""),
      2);
  std::vector<std::string> all_three, left;
  for (const Choice& c : f.choices) {
    const std::string& name = c.mechanism.name;
    if (holds(safest, name) && holds(fastest, name) && holds(cheapest, name)) all_three.push_back(name);
    if (c.dominated_by.empty()) left.push_back(name);
  }
  if (!all_three.empty()) {
    text += wrapped(
        fmt::format("- {} {} all three: among these mechanisms nothing has to be given up (other assets may not have "
                    "that choice).",
                    fmt::join(all_three, " and "), all_three.size() == 1 ? "is" : "are"),
        2);
  } else {
    text += wrapped(
        fmt::format("- None is all three. Not dominated, so a matter of what to give up: {}.", fmt::join(left, ", ")),
        2);
    for (const Choice& c : f.choices) {
      const std::string& name = c.mechanism.name;
      if (!c.dominated_by.empty()) continue;
      std::vector<std::string> gives_up;
      if (!holds(safest, name))
        gives_up.push_back(fmt::format("safety (it fails {})", probability(c.p_failure.estimate)));
      if (!holds(fastest, name)) gives_up.push_back(fmt::format("speed (p99 {})", duration(c.p99)));
      if (!holds(cheapest, name)) gives_up.push_back(fmt::format("cost ({:.2f} USD)", c.cost()));
      text += wrapped(fmt::format("  {} gives up {}.", name, fmt::join(gives_up, ", ")), 4);
    }
  }
  return text + cliff_text(f);
}

// ---- for programs -----------------------------------------------------------------------------------------------------------

Json number(std::optional<double> x) { return x && std::isfinite(*x) ? Json(*x) : Json(nullptr); }

Json choice_json(const Frontier& f, const Choice& c) {
  const MechanismSpec& m = c.mechanism;
  Json haircuts = Json::array(), dominators = Json::array();
  for (std::size_t i = 0; i < c.haircuts.size(); ++i) {
    const HaircutAnswer& h = c.haircuts[i];
    haircuts.push_back({{"confidence", h.confidence},
                        {"value", number(h.value)},
                        {"low", number(h.low)},
                        {"high", number(h.high)},
                        {"parameter_low", number(h.parameter_low)},
                        {"parameter_high", number(h.parameter_high)},
                        {"given_no_failure", number(h.given_no_failure)},
                        {"beyond_cliff", h.beyond_cliff},
                        {"single_chain", number(h.attribution.price)},
                        {"efficiency", number(h.efficiency)},
                        {"efficiency_against_wrapped", number(c.against_wrapped[i])}});
  }
  for (const Dominator& d : c.dominated_by) dominators.push_back({{"mechanism", d.mechanism}, {"clear", d.clear}});
  return {{"mechanism", m.name},
          {"description", m.description},
          {"trust", m.trust},
          {"assets", m.collateral},
          {"source", m.source},
          {"wrap_depth", m.wrap_depth},
          {"delay_seconds", {{"p50", number(c.p50)}, {"p99", number(c.p99)}, {"mean", number(c.mean_delay)}}},
          {"p_failure",
           {{"estimate", number(c.p_failure.estimate)},
            {"low", number(c.p_failure.low)},
            {"high", number(c.p_failure.high)}}},
          {"loss_given_failure", number(c.loss_given_failure)},
          {"exposure_cap_per_loss_budget", number(c.exposure_cap_per_loss_budget)},
          {"haircuts", std::move(haircuts)},
          {"lock_up_seconds", number(m.lock_up)},
          {"cost_usd",
           {{"lock_up", number(c.lock_up_cost)},
            {"relaying", number(c.relaying_cost)},
            {"total", number(c.cost())},
            {"of_capital", number(c.cost() / f.capital)}}},
          {"dominated_by", std::move(dominators)}};
}

/// A cell of a CSV file: quoted where it must be.
std::string cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}
/// Shortest digits that read back as the same number; an absent one is an empty cell.
std::string cell(std::optional<double> x) { return x && std::isfinite(*x) ? fmt::format("{}", *x) : std::string(); }

}  // namespace

std::string frontier_table(const FrontierRun& run) {
  std::string text = fmt::format("{}: {} mechanisms, {} liquidations each, seed {}, {}\n", clipped(run.scenario, 50),
                                 run.plan_hashes.size(), run.paths, run.seed, run.engine);
  text += fmt::format("{} ({})\n\n", run.backend, run.device);
  text +=
      "All probabilities are per liquidation (given that a position has reached its threshold). Random numbers are\n"
      "common to all mechanisms: differences between them are known better than the figures.\n";
  text += fmt::format("Intervals ({:.4g} %, two-sided) hold the simulation error only{}.\n", 100.0 * run.interval,
                      run.parameters_uncertain ? "; those of haircuts that of the scenario's [uncertainty] too"
                                               : ", not that of the model or its data");
  if (run.risk_free == 0.0)
    text += "margin.risk_free is not given: capital costs nothing here, so locking it up does not either.\n";
  if (!run.frontiers.empty()) text += trust_list(run.frontiers[0]);  // all have the same mechanisms
  for (const Frontier& f : run.frontiers) {
    const std::string at = f.compared_at ? confidence_text(*f.compared_at) : std::string();
    text += fmt::format("\n==== {} ({}, over {}) ====\n", f.collateral, f.asset, f.route);
    text += fmt::format(
        "\nHaircuts in % of value{}\nof single: 1 - haircut, in % of 1 - what a single-chain engine takes (the price "
        "until oracle and one block)\n",
        run.parameters_uncertain ? "; low and high hold parameter error where there are blocks enough" : "");
    text += delay_table(f);
    text += fmt::format(
        "\nCost of a liquidation of {:.10g} USD: lock-up is its capital x {:g} % a year x (lock-up + mean delay).\n"
        "Dominated: another is at least as good by {}P(layer fails), cost, p99 and wrap depth, and better\n"
        "by one (?: by no more than intervals and bins explain)\n",
        f.capital, 100.0 * run.risk_free, at.empty() ? "" : "haircut at " + at + ", ");
    text += cost_table(f);
    if (at.empty())
      text += "- Too few paths to bound any haircut: they are not compared. Run more paths.\n";
    else if (at != confidence_text(f.choices[0].haircuts.back().confidence))
      text += fmt::format("- Too few paths to bound haircuts beyond {}. Run more paths.\n", at);
    text += "\n" + trilemma(f);
  }
  return text;
}

Json frontier_json(const FrontierRun& run) {
  Json out = {{"scenario", run.scenario},
              {"schema", 1},
              {"engine", run.engine},
              {"backend", run.backend},
              {"device", run.device},
              {"seed", run.seed},
              {"paths", run.paths},
              {"interval", run.interval},
              {"parameters_uncertain", run.parameters_uncertain},
              {"risk_free", run.risk_free},
              {"horizon_seconds", run.horizon},
              {"runs", Json::array()},
              {"collateral", Json::array()}};
  for (std::size_t i = 0; i < run.plan_hashes.size(); ++i) {
    out["runs"].push_back({{"mechanism", run.frontiers[0].choices[i].mechanism.name},
                           {"plan_hash", run.plan_hashes[i]},
                           {"tally_hash", run.tally_hashes[i]}});
  }
  for (const Frontier& f : run.frontiers) {
    Json choices = Json::array();
    for (const Choice& c : f.choices) choices.push_back(choice_json(f, c));
    out["collateral"].push_back({{"name", f.collateral},
                                 {"asset", f.asset},
                                 {"route", f.route},
                                 {"capital_usd", f.capital},
                                 {"compared_at", number(f.compared_at)},
                                 {"choices", std::move(choices)}});
  }
  return out;
}

std::string frontier_csv(const FrontierRun& run) {
  std::string text =
      "collateral,asset,mechanism,confidence,haircut,haircut_low,haircut_high,parameter_low,parameter_high,given_no_"
      "failure,beyond_cliff,single_"
      "chain,"
      "efficiency,efficiency_against_wrapped,p50_seconds,p99_seconds,mean_delay_seconds,p_failure,p_failure_low,"
      "p_failure_high,trust,assets,wrap_depth,capital_usd,lock_up_usd,relaying_usd,total_usd,dominated_by\n";
  for (const Frontier& f : run.frontiers) {
    for (const Choice& c : f.choices) {
      std::string by;
      for (const Dominator& d : c.dominated_by) by += (by.empty() ? "" : " ") + d.mechanism;
      for (std::size_t i = 0; i < c.haircuts.size(); ++i) {
        const HaircutAnswer& h = c.haircuts[i];
        const std::string cells[] = {cell(f.collateral),
                                     cell(f.asset),
                                     cell(c.mechanism.name),
                                     cell(h.confidence),
                                     cell(h.value),
                                     cell(h.low),
                                     cell(h.high),
                                     cell(h.parameter_low),
                                     cell(h.parameter_high),
                                     cell(h.given_no_failure),
                                     h.beyond_cliff ? "1" : "0",
                                     cell(h.attribution.price),
                                     cell(h.efficiency),
                                     cell(c.against_wrapped[i]),
                                     cell(c.p50),
                                     cell(c.p99),
                                     cell(c.mean_delay),
                                     cell(c.p_failure.estimate),
                                     cell(c.p_failure.low),
                                     cell(c.p_failure.high),
                                     cell(c.mechanism.trust),
                                     cell(c.mechanism.collateral),
                                     cell(c.mechanism.wrap_depth),
                                     cell(f.capital),
                                     cell(c.lock_up_cost),
                                     cell(c.relaying_cost),
                                     cell(c.cost()),
                                     cell(by)};
        text += fmt::format("{}\n", fmt::join(cells, ","));
      }
    }
  }
  return text;
}

}  // namespace proofload
