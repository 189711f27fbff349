#include "answers/compare.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "answers/answer.h"
#include "answers/notes.h"
#include "base/counts.h"
#include "base/error.h"
#include "base/json_number.h"
#include "base/table.h"
#include "base/words.h"

namespace proofload {
namespace {

using Json = nlohmann::ordered_json;

/// A figure with its interval at its own result's level; a side without a bound is absent.
struct Figure {
  double value = 0.0;
  std::optional<double> low, high;
  double score = 0.0;  ///< the normal score of its level

  std::optional<double> error_below() const { return low ? std::optional((value - *low) / score) : std::nullopt; }
  std::optional<double> error_above() const { return high ? std::optional((*high - value) / score) : std::nullopt; }
};

/// The error of a difference of independent figures from one side of each.
std::optional<double> together(std::optional<double> a, std::optional<double> b) {
  if (!a || !b) return std::nullopt;
  return std::sqrt(*a * *a + *b * *b);
}

/// Intervals of quantiles and of rare proportions are lopsided, so each side of the difference takes the sides of the
/// two intervals that face it: the method of variance estimates recovery (Zou and Donner 2008, Statistics in Medicine
/// 27:1693). The test asks how many errors lie between the difference and zero, on zero's side.
Difference difference(const Figure& first, const Figure& other, double score) {
  Difference d;
  d.first = first.value;
  d.other = other.value;
  d.difference = other.value - first.value;
  const auto below = together(other.error_below(), first.error_above());
  const auto above = together(other.error_above(), first.error_below());
  if (below) d.low = d.difference - score * *below;
  if (above) d.high = d.difference + score * *above;
  d.error = d.difference >= 0.0 ? below : above;
  if (d.difference == 0.0) {
    d.p_value = 1.0;
  } else if (d.error) {
    d.p_value = *d.error > 0.0 ? std::erfc(std::abs(d.difference) / *d.error / std::sqrt(2.0)) : 0.0;
  }
  return d;
}

/// Where losses have atoms, the ends of a haircut's interval do not move in proportion to its score: they jump, and
/// both may by less than the whole of it. So the interval of a difference also holds what two intervals leave that
/// share the score evenly (that of `level` over the root of 2 each); where ends move in proportion it does so anyway.
void widen(Difference& d, const Results& first, int i, const Results& other, int j, double level) {
  const double shared = std::erf(0.5 * interval_score(level));
  struct Ends {
    std::optional<double> low, high;
  };
  const auto ends = [&](const Results& r, int k) {
    const auto [low, high] = quantile_ranks(r.tally.paths, *d.confidence, shared);
    Ends found;
    std::uint64_t sum = 0;
    for (int b = 0; b < loss_bins && !found.high; ++b) {
      sum += count_with_failures(r.tally, k, static_cast<std::size_t>(b));
      const Sale sale = sale_of(r.compiled.plan.collateral[k]);
      if (b > 0 && low > 0 && !found.low && sum >= low) found.low = sale.loss(loss_edge(b));
      if (high <= r.tally.paths && sum >= high) found.high = sale.loss(loss_edge(b + 1));
    }
    return found;
  };
  const Ends a = ends(first, i), b = ends(other, j);
  if (d.low && b.low && a.high) d.low = std::min(*d.low, *b.low - *a.high);
  if (d.high && b.high && a.low) d.high = std::max(*d.high, *b.high - *a.low);
}

/// How many losses of collateral `i` of one result and `j` of the other lie beyond the quantile of both together, after
/// their sales. Of the two cuts beside that quantile's bin the nearer one is taken, and both where neither is near,
/// since what differs may be the atom that is there or what is beyond it. Where the losses have one law, who the losses
/// beyond a cut belong to is chance, however few there are and wherever the cut is (Mood 1950, of medians).
std::vector<std::pair<std::uint64_t, std::uint64_t>> beyond_common_quantile(const Results& first, int i,
                                                                            const Results& other, int j,
                                                                            double confidence) {
  struct Side {
    const Tally& tally;
    Sale sale;
    int collateral, bin = loss_bins - 1;
    std::uint64_t beyond = 0;
    double worst() const { return sale.loss(loss_edge(bin + 1)); }
    void pass() { beyond += count_with_failures(tally, collateral, static_cast<std::size_t>(bin--)); }
  };
  Side a{first.tally, sale_of(first.compiled.plan.collateral[i]), i},
      b{other.tally, sale_of(other.compiled.plan.collateral[j]), j};
  const std::uint64_t all = a.tally.paths + b.tally.paths, wanted = all - rank_of(all, confidence);
  std::pair<std::uint64_t, std::uint64_t> before{0, 0};
  while (a.beyond + b.beyond < wanted) {
    before = {a.beyond, b.beyond};
    const double x = a.bin >= 0 ? a.worst() : -1e300, y = b.bin >= 0 ? b.worst() : -1e300;
    if (x >= y && a.bin >= 0) a.pass();
    if (y >= x && b.bin >= 0) b.pass();
  }
  const std::pair after{a.beyond, b.beyond};
  const std::uint64_t less = before.first + before.second, more = after.first + after.second;
  if (4 * std::min(wanted - less, more - wanted) > wanted) return {before, after};
  return {wanted - less < more - wanted ? before : after};
}

/// Holm (1979): the smallest p-value against alpha / m, the next against alpha / (m - 1), until one does not pass.
void mark_significant(std::vector<Difference>& all, double alpha) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].p_value) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return *all[a].p_value < *all[b].p_value; });
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    if (*all[order[rank]].p_value > alpha / static_cast<double>(order.size() - rank)) break;
    all[order[rank]].significant = true;
  }
}

/// The p-value of a difference that has one, by what was counted: a normal law says nothing of chances of 1e-4 and less
/// where there are few paths. Beyond a common quantile both have as many as the confidence says; of a probability, as
/// chance will have it (fisher_p). Of several cuts the smallest p-value counts, as many times as there are cuts
/// (Bonferroni).
void judge(Difference& d, const std::vector<std::pair<std::uint64_t, std::uint64_t>>& cuts, std::uint64_t n,
           std::uint64_t m) {
  if (!d.p_value || d.difference == 0.0) return;
  double least = 1.0;
  for (const auto& [x, y] : cuts) least = std::min(least, fisher_p(x, n, y, m, d.confidence ? 1.0 : 0.5));
  d.p_value = std::min(1.0, static_cast<double>(cuts.size()) * least);
}

const CollateralAnswer* find(const Answers& all, const std::string& name) {
  const auto at =
      std::find_if(all.collateral.begin(), all.collateral.end(), [&](const auto& c) { return c.name == name; });
  return at == all.collateral.end() ? nullptr : &*at;
}

}  // namespace

Comparison compare(const std::vector<Results>& results, const std::vector<std::string>& files) {
  if (results.size() < 2 || files.size() != results.size()) {
    throw Error("there is nothing to compare (one result was given) name two or more result files");
  }
  Comparison c;
  c.level = results[0].scenario.run.interval;
  std::vector<Answers> answers;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Results& r = results[i];
    answers.push_back(answer(r));
    c.results.push_back({files[i],
                         r.scenario.name,
                         r.compiled.plan_hash,
                         r.tally.hash(),
                         r.seed,
                         r.tally.paths,
                         {},
                         partial_text(r),
                         stress_text(r.scenario)});
  }
  const double score = interval_score(c.level);
  for (std::size_t with = 1; with < results.size(); ++with) {
    const double score_first = interval_score(results[0].scenario.run.interval);
    const double score_other = interval_score(results[with].scenario.run.interval);
    std::size_t compared = 0;
    const auto add = [&](const std::string& name, const char* figure, std::optional<double> confidence,
                         const Figure& first, const Figure& other) {
      Difference d = difference(first, other, score);
      d.collateral = name;
      d.figure = figure;
      d.with = with;
      d.confidence = confidence;
      c.differences.push_back(std::move(d));
      ++compared;
    };
    const Results &one = results[0], &two = results[with];
    const auto add_probability = [&](const std::string& name, const char* figure, const Estimate& a, const Estimate& b,
                                     std::size_t x, std::size_t y) {
      add(name, figure, std::nullopt, {a.estimate, a.low, a.high, score_first},
          {b.estimate, b.low, b.high, score_other});
      judge(c.differences.back(), {{one.tally.counts[x], two.tally.counts[y]}}, one.tally.paths, two.tally.paths);
    };
    for (const auto& a : answers[0].collateral) {
      const CollateralAnswer* b = find(answers[with], a.name);
      if (b == nullptr) {
        c.results[with].unmatched.push_back(a.name);
        continue;
      }
      const int i = static_cast<int>(&a - answers[0].collateral.data());
      const int j = static_cast<int>(b - answers[with].collateral.data());
      for (const auto& h : a.haircuts) {
        for (const auto& g : b->haircuts) {
          if (h.confidence != g.confidence || !h.value || !g.value) continue;
          add(a.name, "haircut", h.confidence, {*h.value, h.low, h.high, score_first},
              {*g.value, g.low, g.high, score_other});
          widen(c.differences.back(), one, i, two, j, c.level);
          judge(c.differences.back(), beyond_common_quantile(one, i, two, j, h.confidence), one.tally.paths,
                two.tally.paths);
        }
      }
      const TallyLayout of_one = one.tally.layout, of_two = two.tally.layout;
      if (a.policy_haircut && b->policy_haircut)
        add_probability(a.name, "p_under", a.p_under, b->p_under, of_one.under(i, i), of_two.under(j, j));
      if (a.p_breach && b->p_breach)
        add_probability(a.name, "p_breach", *a.p_breach, *b->p_breach, of_one.breach(i), of_two.breach(j));
      if (a.risk_rate && b->risk_rate && a.risk_rate->value && b->risk_rate->value) {
        const auto figure = [](const RiskRate& r, double at) { return Figure{*r.value, r.low, r.high, at}; };
        add(a.name, "risk_rate", std::nullopt, figure(*a.risk_rate, score_first), figure(*b->risk_rate, score_other));
      }
    }
    for (const auto& b : answers[with].collateral) {
      if (find(answers[0], b.name) == nullptr) c.results[with].unmatched.push_back(b.name);
    }
    if (compared == 0) {
      throw Error({{files[with], 0,
                    fmt::format("it cannot be compared with {} (no collateral of the same name has a figure in both) "
                                "compare results of "
                                "related scenarios",
                                files[0])}});
    }
  }
  mark_significant(c.differences, 1.0 - c.level);
  return c;
}

bool differs(const Comparison& c) {
  return std::any_of(c.differences.begin(), c.differences.end(), [](const auto& d) { return d.significant; });
}

std::string compare_table(const Comparison& c) {
  std::string text;
  const Compared& base = c.results[0];
  for (std::size_t i = 0; i < c.results.size(); ++i) {
    const Compared& r = c.results[i];
    text += wrapped(fmt::format("[{}] {} ({}, {}, seed {}, plan {})", i, r.file, r.scenario, counted(r.paths, "path"),
                                r.seed, r.plan_hash),
                    4);
    if (!r.partial.empty()) text += wrapped("    part of a run that was stopped: " + r.partial, 6);
    if (!r.stress.empty()) text += wrapped("    stressed: " + r.stress, 6);
  }
  for (std::size_t with = 1; with < c.results.size(); ++with) {
    text += "\n" + wrapped(fmt::format("Haircuts in %, and P(loss > haircut in force) per liquidation: [{}] - [0], {} "
                                       "intervals",
                                       with, share_text(c.level, 4)),
                           2);
    const bool breaches = std::any_of(c.differences.begin(), c.differences.end(),
                                      [&](const auto& d) { return d.with == with && d.figure == "p_breach"; });
    if (breaches) {
      text +=
          wrapped("P(breach): the price alone loses more than the haircut in force at a grid date up to the sale", 2);
    }
    const bool rates = std::any_of(c.differences.begin(), c.differences.end(),
                                   [&](const auto& d) { return d.with == with && d.figure == "risk_rate"; });
    if (rates) text += wrapped("rate: the latency-adjusted risk rate of the haircut in force, in % a year", 2);
    Table table({"collateral", "figure", "[0]", fmt::format("[{}]", with), "difference", "interval", "p", ""}, 2);
    std::string last;
    for (const auto& d : c.differences) {
      if (d.with != with) continue;
      const bool rate = d.figure == "risk_rate";
      const auto show = [&](double x) { return d.confidence || rate ? percent(x) : probability(x); };
      const auto bound = [&](std::optional<double> x) { return x ? show(*x) : std::string("?"); };
      table.row({d.collateral == last ? "" : d.collateral,
                 d.confidence             ? confidence_text(*d.confidence)
                 : rate                   ? std::string("rate")
                 : d.figure == "p_breach" ? std::string("P(breach)")
                                          : std::string("P(under)"),
                 show(d.first), show(d.other), show(d.difference), fmt::format("[{}, {}]", bound(d.low), bound(d.high)),
                 p_value(d.p_value), d.significant ? "*" : ""});
      last = d.collateral;
    }
    text += table.text();
    const Compared& r = c.results[with];
    if (!r.unmatched.empty()) {
      text += wrapped(fmt::format("  in one of the two only: {}", fmt::join(r.unmatched, ", ")), 4);
    }
    if (r.seed == base.seed) {
      text += wrapped(
          "  Both runs have the same seed and share random numbers; the intervals take them for independent and are "
          "wider than need be as a rule. For independent runs give one of them another seed.",
          2);
    }
  }
  const auto found =
      std::count_if(c.differences.begin(), c.differences.end(), [](const auto& d) { return d.significant; });
  const auto open = std::count_if(c.differences.begin(), c.differences.end(), [](const auto& d) { return !d.p_value; });
  text += "\n" + wrapped(fmt::format("{} of {} {} significant (*): Holm's correction, at most {} chance of any false "
                                     "one.",
                                     found, counted(c.differences.size(), "difference"), found == 1 ? "is" : "are",
                                     share_text(1.0 - c.level)),
                         0);
  if (open > 0) {
    text += wrapped(fmt::format("{} cannot be judged: there are too few paths to bound the figures (?).", open), 0);
  }
  return text;
}

Json compare_json(const Comparison& c) {
  Json out = {{"schema", 1},
              {"level", c.level},
              {"differs", differs(c)},
              {"results", Json::array()},
              {"differences", Json::array()}};
  for (const auto& r : c.results) {
    out["results"].push_back({{"file", r.file},
                              {"scenario", r.scenario},
                              {"plan_hash", r.plan_hash},
                              {"tally_hash", r.tally_hash},
                              {"seed", r.seed},
                              {"paths", r.paths},
                              {"unmatched", r.unmatched},
                              {"partial", r.partial.empty() ? Json(nullptr) : Json(r.partial)},
                              {"stress", r.stress.empty() ? Json(nullptr) : Json(r.stress)}});
  }
  for (const auto& d : c.differences) {
    out["differences"].push_back({{"collateral", d.collateral},
                                  {"with", d.with},
                                  {"figure", d.figure},
                                  {"confidence", json_number(d.confidence)},
                                  {"first", json_number(d.first)},
                                  {"other", json_number(d.other)},
                                  {"difference", json_number(d.difference)},
                                  {"standard_error", json_number(d.error)},
                                  {"low", json_number(d.low)},
                                  {"high", json_number(d.high)},
                                  {"p_value", json_number(d.p_value)},
                                  {"significant", d.significant}});
  }
  return out;
}

}  // namespace proofload
