/// frontier_show.cpp -- a frontier for people (tables, and the trilemma in words), for programs (JSON) and for pictures
/// (CSV).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "answers/notes.h"
#include "base/json_number.h"
#include "base/table.h"
#include "base/words.h"
#include "studies/frontier.h"

namespace proofload {
namespace {

using Json = nlohmann::ordered_json;

// ---- for people -----------------------------------------------------------------------------------------------------

std::string trust_list(const Frontier& f) {
  std::string text =
      "\n" + wrapped("What each relies on (wrap depth: issuers between the token and the native asset)", 2);
  for (const Choice& c : f.choices) {
    const MechanismSpec& m = c.mechanism;
    text += wrapped(fmt::format("  {}: {}. Assets: {}. Wrap depth {:g}.", m.name,
                                m.trust.empty() ? "its trust is not described" : m.trust,
                                m.collateral.empty() ? "not said" : m.collateral, m.wrap_depth),
                    4);
  }
  return text;
}

std::string mechanism_haircuts(const Frontier& f) {
  Table table({"mechanism", "at", "haircut", "low", "high", "of single"}, 2);
  for (const Choice& c : f.choices) {
    for (std::size_t i = 0; i < c.haircuts.size(); ++i) {
      const HaircutAnswer& h = c.haircuts[i];
      table.row({i == 0 ? c.mechanism.name : "", confidence_text(h.confidence) + (h.beyond_cliff ? "*" : " "),
                 percent(h.value), percent(h.parameter_low ? h.parameter_low : h.low),
                 percent(h.parameter_high ? h.parameter_high : h.high), percent(h.efficiency, 1)});
    }
  }
  return table.text();
}

std::string mechanism_delays(const Frontier& f) {
  Table table({"mechanism", "delay p50", "p99", "P(layer fails)"});
  for (const Choice& c : f.choices)
    table.row({c.mechanism.name, resolved_duration(c.p50), resolved_duration(c.p99), probability(c.p_failure)});
  return "\n" + table.text();
}

/// The clear ones first, as many as fit; JSON has them all.
std::string dominators(const Choice& c) {
  const std::size_t named = screen_width() < 100 ? 1 : 2;
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
    table.row({c.mechanism.name, grouped(c.lock_up_cost, 2), grouped(c.relaying_cost, 2),
               fmt::format("{:.3g}", 1e4 * c.cost() / f.capital), by.empty() ? "-" : by});
  }
  return table.text();
}

/// Where figures are losses given failure, and what to do instead: mechanisms that are so at the same confidences
/// together. Where the interval of P(layer fails) does not say on which side of the cliff a confidence is, neither does
/// the text.
std::string cliff_text(const Frontier& f) {
  struct Group {
    std::string at;
    bool told;
    std::vector<std::string> names, caps;
  };
  std::vector<Group> groups;
  for (const Choice& c : f.choices) {
    bool capped = false;
    for (const bool told : {true, false}) {
      std::vector<std::string> beyond;
      for (const auto& h : c.haircuts) {
        if (h.beyond_cliff && (1.0 - h.confidence < c.p_failure.low) == told)
          beyond.push_back(confidence_text(h.confidence));
      }
      if (beyond.empty()) continue;
      const std::string at = fmt::format("{}", fmt::join(beyond, ", "));
      auto group =
          std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.at == at && g.told == told; });
      if (group == groups.end()) group = groups.insert(groups.end(), {at, told, {}, {}});
      group->names.push_back(c.mechanism.name);
      if (c.exposure_cap_per_loss_budget && !std::exchange(capped, true))
        group->caps.push_back(rough_dollars(*c.exposure_cap_per_loss_budget));
    }
  }
  std::string text;
  for (const auto& [at, told, names, caps] : groups) {
    const char* is = !told ? "may be" : names.size() > 1 ? "are" : "is";
    text +=
        wrapped(fmt::format("* {} {} beyond the cliff at {}{} the figure is the loss given failure, which no haircut "
                            "can price. Cap the exposure{}.",
                            fmt::join(names, ", "), is, at, told ? ":" : " (these paths do not tell); if so,",
                            caps.empty() ? std::string()
                                         : fmt::format(": at most {} USD for each USD of expected loss per "
                                                       "liquidation",
                                                       fmt::join(caps, ", "))),
                2);
  }
  return text;
}

// ---- the trilemma: it says no more than the intervals ----

/// Fewer failures than this are worth a word: with 20 the relative standard error is 1 / sqrt(20), 22 %.
constexpr std::uint64_t few_failures = 20;

bool holds(const Least& least, std::size_t choice) {
  return std::find(least.choices.begin(), least.choices.end(), choice) != least.choices.end();
}

std::string names(const Frontier& f, const Least& least, const char* between) {
  std::vector<std::string> all;
  for (const std::size_t i : least.choices) all.push_back(f.choices[i].mechanism.name);
  return fmt::format("{}", fmt::join(all, between));
}

std::string safest_text(const Frontier& f, const Least& least, std::uint64_t paths) {
  const Choice& first = f.choices[least.choices[0]];
  if (least.told && least.choices.size() == 1) return names(f, least, "") + " fails least";
  if (least.told) return names(f, least, " and ") + " cannot fail";
  std::vector<std::string> failed;
  bool equal = true;
  for (const std::size_t i : least.choices) {
    failed.push_back(grouped(f.choices[i].failed));
    equal = equal && f.choices[i].failed == first.failed;
  }
  // Random numbers are common: equal hazards fail on the same paths, however many there are.
  return fmt::format("these paths do not tell apart which of {} fails least ({} failed paths of {}; run more paths{})",
                     names(f, least, ", "), fmt::join(failed, ", "), grouped(paths),
                     equal && first.failed >= few_failures ? ", unless their hazards are equal" : "");
}

std::string fastest_text(const Frontier& f, const Least& least) {
  if (least.told && least.choices.size() == 1) return names(f, least, "") + " is fastest at p99";
  if (least.told) return names(f, least, " and ") + " are all unresolved at p99";
  return "these paths do not tell apart which of " + names(f, least, ", ") + " is fastest at p99";
}

std::string cheapest_text(const Frontier& f, const Least& least) {
  if (least.told && least.choices.size() == 1) return names(f, least, "") + " costs least a liquidation";
  if (least.told) return names(f, least, " and ") + " cost nothing a liquidation";
  return fmt::format("the costs of a liquidation by {} do not differ by more than intervals and bins explain",
                     names(f, least, ", "));
}

/// What a choice that is safe, fast and cheap is not for.
std::vector<std::string> reservations(const Frontier& f, const Choice& c) {
  std::vector<std::string> all;
  if (c.mechanism.wrap_depth > 0.0)
    all.push_back(fmt::format("it is another asset, an issuer's promise (wrap depth {:g})", c.mechanism.wrap_depth));
  if (c.mechanism.lock_up > 0.0)
    all.push_back(fmt::format("it locks capital up for {}", rounded_duration(c.mechanism.lock_up)));
  for (std::size_t i = c.haircuts.size(); i-- > 0;) {
    if (c.haircuts[i].confidence != f.compared_at) continue;
    const auto own = intervals(c, i).haircut;
    std::vector<std::string> lower;
    for (const Choice& other : f.choices) {
      const auto its = intervals(other, i).haircut;
      if (own && its && below(*its, *own)) lower.push_back(other.mechanism.name);
    }
    if (!lower.empty()) {
      all.push_back(fmt::format("its haircut at {} is above that of {}", confidence_text(c.haircuts[i].confidence),
                                fmt::join(lower, ", ")));
    }
  }
  return all;
}

std::string few_text(const Frontier& f) {
  std::vector<std::string> few;
  for (const Choice& c : f.choices) {
    if (c.p_failure.high > 0.0 && c.failed < few_failures)
      few.push_back(fmt::format("{} ({})", c.mechanism.name, c.failed));
  }
  if (few.empty()) return "";
  return wrapped(
      fmt::format("- Fewer than {} failures were seen of {}: P(layer fails), and what depends on it, is known "
                  "only roughly. Run more paths.",
                  few_failures, fmt::join(few, ", ")),
      2);
}

/// What each choice that may be wanted gives up, a line each; those of `except` apart.
std::string given_up(const Frontier& f, const Trilemma& v, const std::vector<std::size_t>& except) {
  std::string text;
  for (std::size_t i = 0; i < f.choices.size(); ++i) {
    const Choice& c = f.choices[i];
    const bool dominated =
        std::any_of(c.dominated_by.begin(), c.dominated_by.end(), [](const Dominator& d) { return d.clear; });
    if (dominated || std::find(except.begin(), except.end(), i) != except.end()) continue;
    std::vector<std::string> list;
    if (!holds(v.p_failure, i)) list.push_back(fmt::format("safety (it fails {})", probability(c.p_failure.estimate)));
    if (!holds(v.p99, i)) list.push_back(fmt::format("speed (p99 {})", resolved_duration(c.p99)));
    if (!holds(v.cost, i)) list.push_back(fmt::format("cost ({} USD)", grouped(c.cost(), 2)));
    const auto besides = reservations(f, c);
    text += wrapped(fmt::format("  {} gives up {}{}{}.", c.mechanism.name, fmt::join(list, ", "),
                                besides.empty() ? "" : "; ", fmt::join(besides, ", ")),
                    4);
  }
  return text;
}

/// Safe, fast, cheap: whether one of them is all three, and if not what each gives up.
std::string trilemma(const Frontier& f, std::uint64_t paths) {
  const Trilemma v = trilemma(f);
  std::string text = wrapped(fmt::format("Safe, fast, cheap: {}; {}; {}.", safest_text(f, v.p_failure, paths),
                                         fastest_text(f, v.p99), cheapest_text(f, v.cost)),
                             2);
  std::vector<std::size_t> all_three;
  std::vector<std::string> left;
  for (std::size_t i = 0; i < f.choices.size(); ++i) {
    const Choice& c = f.choices[i];
    if (holds(v.p_failure, i) && holds(v.p99, i) && holds(v.cost, i)) all_three.push_back(i);
    const bool clear =
        std::any_of(c.dominated_by.begin(), c.dominated_by.end(), [](const Dominator& d) { return d.clear; });
    if (!clear) left.push_back(c.mechanism.name + (c.dominated_by.empty() ? "" : "?"));
  }
  const bool told = v.p_failure.told && v.p99.told && v.cost.told;
  for (const std::size_t i : all_three) {
    const Choice& c = f.choices[i];
    const auto but = reservations(f, c);
    const std::string price = but.empty() ? std::string() : fmt::format("{}", fmt::join(but, ", and "));
    if (told) {
      text += wrapped(
          fmt::format("- {} is all three{}", c.mechanism.name,
                      price.empty() ? ": among these mechanisms nothing has to be given up (other assets may not have "
                                      "that choice)."
                                    : ", but not for nothing: " + price + " (other assets may not have that choice)."),
          2);
    } else {
      std::vector<std::string> open;
      if (!v.p_failure.told) open.emplace_back("fails least");
      if (!v.p99.told) open.emplace_back("is fastest");
      if (!v.cost.told) open.emplace_back("costs least");
      text += wrapped(fmt::format("- {} may be all three: these paths do not tell whether it {}{}{}.", c.mechanism.name,
                                  fmt::join(open, ", "), price.empty() ? "" : ". It is not for nothing: ", price),
                      2);
    }
  }
  if (all_three.empty()) {
    const bool doubtful =
        std::any_of(left.begin(), left.end(), [](const std::string& name) { return name.back() == '?'; });
    text += wrapped(fmt::format("- None is all three. Not dominated{}, so a matter of what to give up: {}.",
                                doubtful ? " (?: or not clearly)" : "", fmt::join(left, ", ")),
                    2);
    text += given_up(f, v, {});
  } else if (!told) {
    text += given_up(f, v, all_three);
  }
  return text + few_text(f) + cliff_text(f);
}

// ---- for programs ---------------------------------------------------------------------------------------------------

Json choice_json(const Frontier& f, const Choice& c) {
  const MechanismSpec& m = c.mechanism;
  Json haircuts = Json::array(), dominators = Json::array();
  for (std::size_t i = 0; i < c.haircuts.size(); ++i) {
    const HaircutAnswer& h = c.haircuts[i];
    haircuts.push_back({{"confidence", h.confidence},
                        {"value", json_number(h.value)},
                        {"low", json_number(h.low)},
                        {"high", json_number(h.high)},
                        {"parameter_low", json_number(h.parameter_low)},
                        {"parameter_high", json_number(h.parameter_high)},
                        {"given_no_failure", json_number(h.given_no_failure)},
                        {"beyond_cliff", h.beyond_cliff},
                        {"single_chain", json_number(h.attribution.single_chain())},
                        {"efficiency", json_number(h.efficiency)},
                        {"efficiency_against_wrapped", json_number(c.against_wrapped[i])}});
  }
  for (const Dominator& d : c.dominated_by) dominators.push_back({{"mechanism", d.mechanism}, {"clear", d.clear}});
  return {{"mechanism", m.name},
          {"description", m.description},
          {"trust", m.trust},
          {"assets", m.collateral},
          {"source", m.source},
          {"wrap_depth", m.wrap_depth},
          {"delay_seconds",
           {{"p50", json_number(c.p50)},
            {"p99", json_number(c.p99)},
            {"p99_low", json_number(c.p99_low)},
            {"p99_high", json_number(c.p99_high)},
            {"mean", json_number(c.mean_delay)}}},
          {"p_failure",
           {{"estimate", json_number(c.p_failure.estimate)},
            {"low", json_number(c.p_failure.low)},
            {"high", json_number(c.p_failure.high)},
            {"failed_paths", c.failed}}},
          {"loss_given_failure", json_number(c.loss_given_failure)},
          {"exposure_cap_per_loss_budget", json_number(c.exposure_cap_per_loss_budget)},
          {"haircuts", std::move(haircuts)},
          {"lock_up_seconds", json_number(m.lock_up)},
          {"cost_usd",
           {{"lock_up", json_number(c.lock_up_cost)},
            {"lock_up_error", json_number(c.lock_up_error)},
            {"relaying", json_number(c.relaying_cost)},
            {"total", json_number(c.cost())},
            {"of_capital", json_number(c.cost() / f.capital)}}},
          {"dominated_by", std::move(dominators)}};
}

/// Who is least: one name, or those that these paths do not tell apart.
Json least_json(const Frontier& f, const Least& least) {
  Json names = Json::array();
  for (const std::size_t i : least.choices) names.push_back(f.choices[i].mechanism.name);
  return {{"choices", std::move(names)}, {"told", least.told}};
}

std::string cell(const std::string& text) { return csv_cell(text); }
/// Shortest digits that read back as the same number; an absent one is an empty cell.
std::string cell(std::optional<double> x) { return x && std::isfinite(*x) ? fmt::format("{}", *x) : std::string(); }

}  // namespace

std::string frontier_table(const FrontierRun& run) {
  std::string text = wrapped(fmt::format("{}: {}, {} each, seed {}, {}", clipped(run.scenario, 50),
                                         counted(run.plan_hashes.size(), "mechanism"),
                                         counted(run.paths, "liquidation"), run.seed, run.engine),
                             2);
  text += wrapped(fmt::format("{} ({})", run.backend, run.device), 2) + "\n";
  text += wrapped(
      "All probabilities are per liquidation (given that a position has reached its threshold). Random numbers are "
      "common to all mechanisms: differences between them are known better than the figures.",
      0);
  text +=
      wrapped(fmt::format("Intervals ({}, two-sided) hold the simulation error only{}.", share_text(run.interval, 4),
                          run.parameters_uncertain ? "; those of haircuts that of the scenario's [uncertainty] too"
                                                   : ", not that of the model or its data"),
              0);
  if (run.risk_free == 0.0) {
    text += wrapped("margin.risk_free is not given: capital costs nothing here, so locking it up does not either.", 0);
  }
  if (!run.frontiers.empty()) text += trust_list(run.frontiers[0]);  // all have the same mechanisms
  for (const Frontier& f : run.frontiers) {
    const std::string at = f.compared_at ? confidence_text(*f.compared_at) : std::string();
    text += "\n" + wrapped(fmt::format("==== {} ({}, over {}) ====", f.collateral, f.asset, f.route), 2);
    text += "\n" + wrapped(fmt::format("Haircuts in % of value{}", run.parameters_uncertain
                                                                       ? "; low and high hold parameter error where "
                                                                         "there are blocks enough"
                                                                       : ""),
                           2);
    text += wrapped(
        "of single: 1 - haircut, in % of 1 - what a single-chain engine takes (the price until oracle and one block)",
        2);
    text += mechanism_haircuts(f) + mechanism_delays(f);
    text +=
        "\n" + wrapped(fmt::format("Cost of a liquidation of {} USD: lock-up is its capital x {:g} % a year x (lock-up "
                                   "+ mean delay).",
                                   exact_dollars(f.capital), 100.0 * run.risk_free),
                       2);
    text +=
        wrapped(fmt::format("Dominated: another is at least as good by {}P(layer fails), cost, p99 and wrap depth, and "
                            "better by one (?: by no more than intervals and bins explain)",
                            at.empty() ? "" : "haircut at " + at + ", "),
                2);
    text += cost_table(f);
    if (at.empty())
      text += wrapped("- Too few paths to bound any haircut: they are not compared. Run more paths.", 2);
    else if (at != confidence_text(f.choices[0].haircuts.back().confidence))
      text += wrapped(fmt::format("- Too few paths to bound haircuts beyond {}. Run more paths.", at), 2);
    text += "\n" + trilemma(f, run.paths);
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
    const Trilemma found = trilemma(f);
    for (const Choice& c : f.choices) choices.push_back(choice_json(f, c));
    out["collateral"].push_back({{"name", f.collateral},
                                 {"asset", f.asset},
                                 {"route", f.route},
                                 {"capital_usd", f.capital},
                                 {"compared_at", json_number(f.compared_at)},
                                 {"choices", std::move(choices)},
                                 {"least",
                                  {{"p_failure", least_json(f, found.p_failure)},
                                   {"p99", least_json(f, found.p99)},
                                   {"cost", least_json(f, found.cost)}}}});
  }
  return out;
}

std::string frontier_csv(const FrontierRun& run) {
  std::string text =
      "collateral,asset,mechanism,confidence,haircut,haircut_low,haircut_high,parameter_low,parameter_high,given_no_"
      "failure,beyond_cliff,single_"
      "chain,"
      "efficiency,efficiency_against_wrapped,p50_seconds,p99_seconds,mean_delay_seconds,p_failure,p_failure_low,"
      "p_failure_high,trust,assets,wrap_depth,capital_usd,lock_up_usd,relaying_usd,total_usd,dominated_by,failed_paths,"
      "p99_low_seconds,p99_high_seconds\n";
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
                                     cell(h.attribution.single_chain()),
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
                                     cell(by),
                                     std::to_string(c.failed),
                                     cell(c.p99_low),
                                     cell(c.p99_high)};
        text += fmt::format("{}\n", fmt::join(cells, ","));
      }
    }
  }
  return text;
}

}  // namespace proofload
