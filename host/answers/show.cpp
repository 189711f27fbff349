#include "answers/show.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "answers/answer.h"
#include "answers/figures.h"
#include "answers/notes.h"
#include "answers/validity.h"
#include "base/table.h"
#include "base/words.h"
#include "run/ages.h"

namespace proofload {
namespace {

constexpr std::size_t second_name = 32;  // columns

std::string heading(const Results& r, const Answers& all, Detail detail, std::int64_t now) {
  std::string text = wrapped(fmt::format("{}: {}, seed {}, {}", clipped(r.scenario.name, 50),
                                         counted(r.tally.paths, "liquidation"), r.seed, r.engine),
                             2);
  const double paths = static_cast<double>(std::max<std::uint64_t>(1, r.range.count));
  text += wrapped(fmt::format("{}{}, {:.2f} s ({:.3g} us per path), {}", r.backend,
                              detail == Detail::all ? " (" + r.device + ")" : "", r.wall_seconds,
                              r.wall_seconds / paths * 1e6, r.date),
                  2);
  text += wrapped(fmt::format("plan {}  tally {}", r.compiled.plan_hash, r.tally.hash()), 2);
  const auto line = [&](const char* label, const std::string& words) {
    if (!words.empty()) text += wrapped(label + words, 2);
  };
  line("Part of a run that was stopped: ", partial_text(r));
  line("Checksum of the file: ", checksum_text(r));
  line("Prices: ", market_text(r.scenario));
  line("Stressed: ", stress_text(r.scenario));
  line("Systemic: ", systemic_text(r.scenario));
  line("Now: ", state_text(r.scenario));
  line("Validity: ", validity_text(r.scenario, now));
  text += "\n";
  text += wrapped("All probabilities are per liquidation (given that a position has reached its threshold). " +
                      interval_text(r, all),
                  0);
  if (detail == Detail::first)
    text += wrapped("--all: shortfalls, what haircuts are made of, failures, delays, outages, pairs.", 0);
  return text;
}

/// One row for each confidence, the name before the first.
void add_rows(Table& table, const CollateralAnswer& c, const std::string& name, const auto& cells) {
  bool first = true;
  for (const auto& h : c.haircuts) {
    std::vector<std::string> row = {first ? name : "", confidence_text(h.confidence) + (h.beyond_cliff ? "*" : " ")};
    for (auto& cell : cells(h)) row.push_back(std::move(cell));
    table.row(std::move(row));
    first = false;
  }
}

std::string haircut_table(const Answers& all) {
  const bool parameters = std::any_of(all.collateral.begin(), all.collateral.end(), [](const auto& c) {
    return std::any_of(c.haircuts.begin(), c.haircuts.end(), [](const auto& h) { return h.parameter_low.has_value(); });
  });
  std::vector<std::string> header = {"collateral", "at", "haircut", "low", "high"};
  if (parameters) header.insert(header.end(), {"par. low", "par. high"});
  header.insert(header.end(), {"shortfall", "no fail."});
  Table table(header, 2);
  const auto add = [&](const CollateralAnswer& c, const std::string& name) {
    add_rows(table, c, name, [&](const HaircutAnswer& h) {
      std::vector<std::string> cells = {percent(h.value), percent(h.low), percent(h.high)};
      if (parameters) cells.insert(cells.end(), {percent(h.parameter_low), percent(h.parameter_high)});
      cells.insert(cells.end(), {percent(h.expected_shortfall), percent(h.given_no_failure)});
      return cells;
    });
  };
  for (const auto& c : all.collateral) add(c, c.name);
  if (all.portfolio) add(*all.portfolio, "the book as one");
  std::string text = "\n" + wrapped(
                                "Haircuts in % of value. shortfall: mean loss in the worst 1 - confidence; no fail.: "
                                "if no layer fails",
                                2);
  if (parameters) {
    const bool open = std::any_of(all.collateral.begin(), all.collateral.end(), [](const auto& c) {
      return std::any_of(c.haircuts.begin(), c.haircuts.end(), [](const auto& h) { return !h.parameter_low; });
    });
    text +=
        wrapped(std::string("par. low, par. high: where the haircut may lie for what is not known of the parameters") +
                    (open ? "; -: the paths of a block are too few, run more paths" : ""),
                2);
  }
  if (all.minimum) {
    CollateralAnswer worst;  // a row of the same columns, most of them empty
    worst.haircuts = all.minimum->quantiles;
    add(worst, "the book's worst date");
    text += wrapped(
        "the book's worst date: the loss of its price alone at the worst grid date up to the last sale, no failures or "
        "sale costs",
        2);
  }
  return text + table.text();
}

std::string margin_table(const Results& r, const Answers& all) {
  const MarginSpec& margin = r.scenario.margin;
  if (margin.liability <= 0.0) return {};
  Table table({"collateral", "at", "margin", "low", "high", "closed form", "margin / closed"}, 2);
  const auto cells = [](const HaircutAnswer& h) {
    const bool both = h.margin && h.margin_closed_form;
    return std::vector{dollars(h.margin), dollars(h.margin_low), dollars(h.margin_high), dollars(h.margin_closed_form),
                       both ? fmt::format("{:.4f}", *h.margin / *h.margin_closed_form) : std::string("-")};
  };
  for (const auto& c : all.collateral) add_rows(table, c, c.name, cells);
  if (all.portfolio) add_rows(table, *all.portfolio, "the book as one", cells);
  return "\n" +
         wrapped(
             fmt::format("Required margin in USD: what collateral must be worth at the call so that {} of its worth "
                         "at the sale covers a liability of {} USD. closed form: Gaussian prices, the median delay, "
                         "no failure, a free sale; -: no margin is enough, or the paths do not say",
                         confidence_text(margin.liquidation_threshold), dollars(margin.liability)),
             2) +
         table.text();
}

/// A row of the columns of such a table for each of these; `meanings`: of columns that are not always there.
Table figure_table(FigureTable which, Detail detail, const std::vector<const CollateralAnswer*>& of,
                   std::string& meanings) {
  std::vector<std::string> header = {"collateral"};
  std::vector<std::vector<std::string>> rows;
  for (const CollateralAnswer* c : of) rows.push_back({c->name});
  for (const CollateralFigure& f : collateral_figures()) {
    if (f.table != which) continue;
    std::vector<std::string> cells;
    for (const CollateralAnswer* c : of) cells.push_back(f.text(*c));
    if (f.meaning != nullptr) {
      const bool any = std::any_of(cells.begin(), cells.end(), [](const std::string& cell) { return cell != "-"; });
      if (detail != Detail::all || !any) continue;
      meanings += wrapped(f.meaning, 2);
    }
    header.emplace_back(f.heading);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].push_back(std::move(cells[i]));
  }
  Table table(std::move(header));
  for (auto& row : rows) table.row(std::move(row));
  return table;
}

std::string policy_table(const Answers& all, Detail detail) {
  std::vector<const CollateralAnswer*> rows;
  for (const auto& c : all.collateral) rows.push_back(&c);
  CollateralAnswer book;
  if (all.portfolio && all.portfolio->policy_haircut) {
    book = *all.portfolio;
    book.name = "the book as one";
    if (all.minimum) book.p_breach = all.minimum->p_breach;
    rows.push_back(&book);
  }
  if (std::none_of(rows.begin(), rows.end(), [](const auto* c) { return c->policy_haircut.has_value(); })) return {};
  std::string meanings;
  const Table table = figure_table(FigureTable::policies, detail, rows, meanings);
  return "\nHaircut in force; shortfall: mean loss beyond it\n" + meanings + table.text();
}

constexpr std::size_t most_policies = 8;  // rows of a first look, so that it fits a screen

/// What the haircuts in force would lose: a table, or of many the range.
std::string policies_first(const Answers& all) {
  std::vector<const CollateralAnswer*> given;
  for (const auto& c : all.collateral) {
    if (c.policy_haircut) given.push_back(&c);
  }
  if (given.size() <= most_policies) return policy_table(all, Detail::first);
  const auto less = [](const CollateralAnswer* a, const CollateralAnswer* b) {
    return a->p_under.estimate < b->p_under.estimate;
  };
  const auto [least, most] = std::minmax_element(given.begin(), given.end(), less);
  const auto named = [](const CollateralAnswer& c) {
    return fmt::format("{} ({}, {} %)", probability(c.p_under.estimate), clipped(c.name, second_name),
                       percent(c.policy_haircut, 2));
  };
  return "\n" + wrapped(fmt::format("The haircuts in force are exceeded with probability {} to {}; --all has each.",
                                    named(**least), named(**most)),
                        2);
}

/// Of a haircut, in tables.
std::string age_text(double seconds) { return seconds > 0.0 ? rounded_duration(seconds, 1) : "0"; }

/// Haircuts that hold at every age, below those of a call at any time.
std::string worst_ages(const Answers& all) {
  std::vector<std::string> header = {"collateral"};
  for (const auto& h : all.collateral[0].haircuts) header.push_back(confidence_text(h.confidence));
  Table table(header);
  for (const auto& c : all.collateral) {
    std::vector<std::string> row = {c.name};
    for (const auto& h : c.haircuts) {
      const AgeHaircut* worst = h.worst_age();
      row.push_back(worst == nullptr
                        ? std::string("-")
                        : fmt::format("{} [{}, {}] after {}", percent(worst->value, 2), percent(worst->low, 2),
                                      percent(worst->high, 2), age_text(worst->age)));
    }
    table.row(std::move(row));
  }
  return "\n" +
         wrapped("The largest over the time in force, which export uses, and when it is that [simulation error]", 2) +
         table.text();
}

/// Haircuts by how long they had been set; empty where no age differs from another.
std::string age_table(const Results& r, const Answers& all) {
  if (r.ages.paths.empty()) return {};
  std::vector<std::string> header = {"collateral", "at"};
  for (const double age : seconds_of_ages(r.compiled)) header.push_back(age_text(age));
  Table table(header, 2);
  for (const auto& c : all.collateral) {
    add_rows(table, c, c.name, [](const HaircutAnswer& h) {
      std::vector<std::string> cells;
      for (const AgeHaircut& one : h.by_age) cells.push_back(percent(one.value, 2));
      return cells;
    });
  }
  return "\n" + wrapped("Haircuts in % of value, by the time from setting them to the call", 2) + table.text();
}

/// What a person came for: every haircut with its interval, a row for each collateral.
std::string haircuts_first(const Results& r, const Answers& all) {
  std::vector<std::string> header = {"collateral"};
  for (const auto& h : all.collateral[0].haircuts) header.push_back(confidence_text(h.confidence));
  Table table(header);
  bool parameters = false, cliff = false;
  const auto add = [&](const std::vector<HaircutAnswer>& haircuts, const std::string& name) {
    std::vector<std::string> row = {name};
    for (const auto& h : haircuts) {
      const bool both = h.parameter_low && h.parameter_high;
      parameters |= both;
      cliff |= h.beyond_cliff;
      row.push_back(!h.value ? std::string("-")
                             : fmt::format("{}{} [{}, {}]", percent(h.value, 2), h.beyond_cliff ? "*" : "",
                                           percent(both ? h.parameter_low : h.low, 2),
                                           percent(both ? h.parameter_high : h.high, 2)));
    }
    table.row(std::move(row));
  };
  for (const auto& c : all.collateral) add(c.haircuts, c.name);
  if (all.portfolio) add(all.portfolio->haircuts, "the book as one");
  if (all.minimum) add(all.minimum->quantiles, "the book's worst date");
  const bool aged = !r.ages.paths.empty();
  return "\n" +
         wrapped(
             fmt::format(
                 "Haircuts in % of value [{} interval{}], by confidence{}{}", share_text(r.scenario.run.interval, 4),
                 parameters ? ", with what is not known of the parameters" : "",
                 aged ? fmt::format(", for a call at any time of {} in force", duration_text(r.scenario.run.in_force))
                      : "",
                 cliff ? "; *: beyond the cliff" : ""),
             2) +
         table.text() + (aged ? worst_ages(all) : "");
}

/// The margin that the scenario asks for, a row for each collateral.
std::string margins_first(const Results& r, const Answers& all) {
  const MarginSpec& margin = r.scenario.margin;
  if (margin.liability <= 0.0) return {};
  std::vector<std::string> header = {"collateral"};
  for (const auto& h : all.collateral[0].haircuts) header.push_back(confidence_text(h.confidence));
  Table table(header);
  const auto add = [&](const CollateralAnswer& c, const std::string& name) {
    std::vector<std::string> row = {name};
    for (const auto& h : c.haircuts) row.push_back(dollars(h.margin));
    table.row(std::move(row));
  };
  for (const auto& c : all.collateral) add(c, c.name);
  if (all.portfolio) add(*all.portfolio, "the book as one");
  return "\n" +
         wrapped(
             fmt::format("Required margin in USD at the call, for a liability of {} USD", dollars(margin.liability)),
             2) +
         table.text();
}

std::string failure_table(const Results& r, const Answers& all) {
  const bool any = std::any_of(all.collateral.begin(), all.collateral.end(),
                               [](const auto& c) { return c.highest_priced_confidence.has_value(); });
  if (!any) return {};
  std::vector<const CollateralAnswer*> rows;
  for (const auto& c : all.collateral) rows.push_back(&c);
  std::string meanings;
  const Table table = figure_table(FigureTable::failures, Detail::all, rows, meanings);
  const double budget = r.scenario.margin.loss_budget;
  const std::string cap = budget > 0.0
                              ? fmt::format("USD for an expected loss of {} USD per liquidation", dollars(budget))
                              : "USD for each USD of expected loss per liquidation";
  return "\n" +
         wrapped(
             "Failures; loss then: mean loss if the layer fails; exposure cap: " + cap +
                 "; priced up to: haircuts at higher confidences may be the loss given failure, which none can price",
             2) +
         meanings + table.text();
}

std::string rate_table(const Results& r, const Answers& all) {
  const MarginSpec& margin = r.scenario.margin;
  if (margin.calls_per_year <= 0.0) return {};
  Table table({"collateral", "rate", "low", "high", "calls", "failures", "hazard a year"});
  bool any = false, open = false;
  const auto fine = [](std::optional<double> x) { return percent(x, 4); };
  for (const auto& c : all.collateral) {
    if (!c.risk_rate) continue;
    const RiskRate& rate = *c.risk_rate;
    any = true;
    open |= !rate.error;
    table.row({c.name, fine(rate.value), fine(rate.low), fine(rate.high), fine(rate.calls), fine(rate.failures),
               fmt::format("{:.3g}", rate.hazard)});
  }
  if (!any) return {};
  std::string text =
      "\n" + wrapped(fmt::format("Latency-adjusted risk rate in % a year of what the haircut in force counts "
                                 "on: {:.4g} risk-free, {:.4g} calls a year, failures; an expected loss, "
                                 "not an arbitrage price",
                                 100.0 * margin.risk_free, margin.calls_per_year),
                     2);
  if (open) {
    text += wrapped(
        "where fewer than 10 paths fell short or failed, low and high hold all that is possible, and no "
        "standard error can be had",
        2);
  }
  return text + table.text();
}

/// The second part: why haircuts are what they are, and what they leave to lend on.
std::string attribution_table(const Answers& all) {
  const bool wrapping =
      std::any_of(all.collateral.begin(), all.collateral.end(), [](const auto& c) { return c.wrapped.has_value(); });
  const bool based = std::any_of(all.collateral.begin(), all.collateral.end(), [](const auto& c) {
    return std::any_of(c.haircuts.begin(), c.haircuts.end(), [](const auto& h) { return h.attribution.basis != 0.0; });
  });
  std::vector<std::string> header = {"collateral", "at", "price", "latency", "failure", "liquidity", "of single"};
  if (based) header.insert(header.begin() + 3, "basis");
  if (wrapping) header.emplace_back("of wrapped");
  Table table(header, 2);
  std::string against;
  for (const auto& c : all.collateral) {
    add_rows(table, c, c.name, [&](const HaircutAnswer& h) {
      std::vector<std::string> cells = {percent(h.attribution.price), percent(h.attribution.latency),
                                        percent(h.attribution.failure), percent(h.attribution.liquidity),
                                        percent(h.efficiency, 2)};
      if (based) cells.insert(cells.begin() + 1, percent(h.attribution.basis));
      if (wrapping) cells.push_back(percent(h.efficiency_wrapped, 2));
      return cells;
    });
    if (c.wrapped)
      against += fmt::format("{}{} against {}", against.empty() ? "" : ", ", clipped(c.name, second_name),
                             clipped(*c.wrapped, second_name));
  }
  std::string text =
      "\n" +
      wrapped(fmt::format("What haircuts are made of, in % of value: price + {}latency + failure + liquidity",
                          based ? "basis + " : ""),
              2) +
      wrapped(
          fmt::format("of single: capital efficiency, 1 - haircut in % of what an engine leaves that sells after the "
                      "oracle and one block (price{})",
                      based ? " and basis" : ""),
          2);
  if (wrapping) text += wrapped("of wrapped: the same of what the wrapped token's haircut leaves: " + against, 2);
  return text + table.text();
}

constexpr std::size_t most_stages = 80;  // rows; a book of many routes has its stages in JSON

std::string route_table(const Answers& all) {
  Table table({"route", "p50", "p90", "p99", "p99.9", "unresolved"});
  std::size_t stages = 0;
  for (const auto& r : all.routes) stages += r.stages.size();
  for (const auto& r : all.routes) {
    table.row({r.name, resolved_duration(r.p50), resolved_duration(r.p90), resolved_duration(r.p99),
               resolved_duration(r.p999), grouped(r.unresolved)});
    const auto constant = [](const StageAnswer& stage) { return stage.p50 == stage.p999; };
    const bool told = r.stages.size() == 1 && !r.stages[0].trigger && constant(r.stages[0]) && r.p50 == r.p999;
    if (stages > most_stages || told) continue;
    for (const auto& stage : r.stages) {
      std::string name = "  " + stage.name;
      if (stage.trigger) {
        table.row({fmt::format("{}: {} or {:g} %", name, rounded_duration(stage.trigger->heartbeat),
                               100.0 * stage.trigger->deviation)});
        name = "  and its publication";
      }
      if (constant(stage))
        table.row({name, resolved_duration(stage.p50)});
      else
        table.row({name, resolved_duration(stage.p50), resolved_duration(stage.p90), resolved_duration(stage.p99),
                   resolved_duration(stage.p999)});
    }
  }
  return "\n" +
         wrapped(
             stages > most_stages
                 ? "Delays from the call to the sale (stalls of failed layers apart); show --json has the stages"
                 : "Delays from the call to the sale (stalls of failed layers apart), as simulated; below each route "
                   "its stages by themselves, whose quantiles do not add up, without outages (one figure: the same at "
                   "all)",
             2) +
         table.text();
}

std::string outage_table(const Answers& all) {
  if (all.outages.empty() || all.outages.size() > most_stages) return {};
  Table table({"outage", "of", "a year", "median", "p99", "P(under way)"}, 2);
  for (const auto& o : all.outages) {
    table.row({o.name, clipped(o.owner, second_name), fmt::format("{:.3g}", o.rate), resolved_duration(o.p50),
               resolved_duration(o.p99), probability(o.under_way)});
  }
  return "\nOutages, which delays hold already; P(under way): at the call\n" + table.text();
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
  if (!all.joint_counted) return {};
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
  Table table({"collateral", "with", "P(both)", "times independence"}, 2);
  for (const auto& p : pairs) {
    table.row({all.collateral[p.i].name, clipped(all.collateral[p.j].name, second_name), probability(p.p),
               fmt::format("{:.3g}", p.ratio)});
  }
  return "\nMost often under-collateralised together\n" + table.text();
}

constexpr double refunded_below = 0.2;  ///< losses given failure that a haircut may well cover

/// Where the failure probability is more than a confidence leaves: what the haircut is there, and what to do instead.
/// One paragraph for all collateral of which the same is to be said, that is of one layer and window.
std::string cliff_text(const Results& r, const Answers& all) {
  struct Group {
    std::string beyond, why;
    std::vector<const CollateralAnswer*> members;
  };
  std::vector<Group> groups;
  for (const auto& c : all.collateral) {
    std::string beyond, priced;
    for (const auto& h : c.haircuts) {
      if (!h.beyond_cliff) continue;
      const std::string at = confidence_text(h.confidence);
      beyond += (beyond.empty() ? "" : ", ") + at;
      const double share = std::max(0.0, 1.0 - (1.0 - h.confidence) / c.p_failure.estimate);
      priced += fmt::format("{}at {} what {} of failures take at most", priced.empty() ? "" : ", ", at,
                            share_text(share, share > 0.999 ? 6 : 3));
    }
    if (beyond.empty()) continue;
    // A layer that pays back, if late, leaves a loss that a haircut covers.
    const bool refunds = std::all_of(c.haircuts.begin(), c.haircuts.end(), [](const HaircutAnswer& h) {
      return !h.beyond_cliff || (h.high && *h.high < refunded_below);
    });
    std::string why = fmt::format(
        "layer fails with probability {}, more than such a haircut may leave, so the figure there is a loss given "
        "failure ({}), {}. The highest confidence that is priced {} is {}.",
        probability(c.p_failure.estimate), priced,
        refunds ? "which is small because the layer pays back: the haircut covers it, if what the scenario says of its "
                  "recovery holds"
                : "which no haircut can price",
        refunds ? "whatever it pays back" : "for certain", rounded_down(*c.highest_priced_confidence));
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& one) { return one.why == why; });
    if (group == groups.end()) group = groups.insert(groups.end(), {beyond, why, {}});
    group->members.push_back(&c);
  }
  std::string text;
  for (const Group& group : groups) {
    const bool several = group.members.size() > 1;
    const char* per = r.scenario.margin.loss_budget > 0.0 ? "" : " for each USD of expected loss per liquidation";
    std::vector<std::string> names, caps;
    for (const CollateralAnswer* c : group.members) {
      names.push_back(several ? clipped(c->name, second_name) : c->name);
      const bool budget = c->exposure_cap.has_value();
      const auto& cap = budget ? c->exposure_cap : c->exposure_cap_per_loss_budget;
      const auto& certain = budget ? c->exposure_cap_low : c->exposure_cap_per_loss_budget_low;
      if (!cap) continue;
      caps.push_back(several
                         ? fmt::format("{} USD{} of {} (for certain {})", rough_dollars(cap), per, names.back(),
                                       rough_dollars(certain))
                         : fmt::format("{} USD{} (for certain {})", rough_dollars(cap), per, rough_dollars(certain)));
    }
    std::string one = fmt::format("* {} {} beyond the cliff at {}: {} {}", fmt::join(names, ", "),
                                  several ? "are" : "is", group.beyond, several ? "their" : "its", group.why);
    if (!caps.empty()) { one += fmt::format(" Cap the exposure instead: at most {}.", fmt::join(caps, ", ")); }
    text += wrapped(one, 2);
  }
  return text;
}

/// What the figures do not say by themselves.
std::string warnings(const Results& r, const Answers& all) {
  std::string text = cliff_text(r, all);
  if (!r.ages.paths.empty())
    text += wrapped(
        "- All figures but those of ages are of a call at any time of the time in force; the book as one has no ages.",
        2);
  const bool unbounded = std::any_of(all.collateral.begin(), all.collateral.end(), [](const auto& c) {
    return std::any_of(c.haircuts.begin(), c.haircuts.end(), [](const auto& h) { return !h.high; });
  });
  if (unbounded) {
    text += wrapped(fmt::format("- {} {} too few to bound some haircuts (\"-\"); such haircuts cannot be exported. Run "
                                "more paths.",
                                counted(r.tally.paths, "path"), r.tally.paths == 1 ? "is" : "are"),
                    2);
  }
  if (all.unresolved > 0) {
    text += wrapped(
        fmt::format("- On {} a message, or a stalled layer, took longer than {}: unresolved, counted as a total loss.",
                    counted(all.unresolved, "path"), resolved_duration(r.scenario.run.horizon)),
        2);
  }
  if (const std::string note = tail_note(r, all); !note.empty()) text += wrapped("- " + note, 2);
  return text.empty() ? text : "\n" + text;
}

}  // namespace

std::string show_table(const Results& r, Detail detail, std::optional<std::int64_t> now) {
  const Answers all = answer(r);
  std::string text = heading(r, all, detail, now.value_or(seconds_now()));
  if (detail == Detail::all) {
    text += haircut_table(all) + age_table(r, all) + margin_table(r, all) + policy_table(all, detail) +
            failure_table(r, all) + rate_table(r, all) + attribution_table(all) + route_table(all) + outage_table(all) +
            layer_table(all) + joint_table(all);
  } else {
    text += margins_first(r, all) + policies_first(all);
  }
  // The haircuts last: there a terminal stands when all is printed.
  return text + warnings(r, all) + haircuts_first(r, all);
}

}  // namespace proofload
