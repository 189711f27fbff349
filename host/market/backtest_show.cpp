#include "market/backtest_show.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "base/json_number.h"
#include "base/table.h"
#include "base/words.h"

namespace proofload {
namespace {

using Json = nlohmann::ordered_json;

std::string ratio(double x) { return fmt::format("{:.2f}", x); }
/// To three decimals: what the draws of a Monte Carlo test tell.
std::string p_text(std::optional<double> p) { return p_value(p, 3); }
std::string interval_text(const Coverage& c) { return fmt::format("[{:.2f}, {:.2f}]", c.low, c.high); }
std::string relative_text(std::optional<double> r) { return r ? fmt::format("{:.3f}", *r) : "-"; }
std::string dof_text(double dof) { return std::isfinite(dof) && dof < 100.0 ? fmt::format("{:.1f}", dof) : "normal"; }

std::string pooled_table(const Verdict& v, double confidence) {
  Table table({"model", "hits", "expected", "ratio", "interval", "rejected", "g/y/r", "Z2 low", "mean", "peak",
               "mean=", "peak=", "pinball", "DM p"});
  for (const auto& p : v.pooled) {
    if (p.confidence != confidence) continue;
    table.row({p.model, fmt::format("{:.0f}", p.coverage.hits), fmt::format("{:.1f}", p.coverage.expected),
               ratio(p.coverage.ratio), interval_text(p.coverage),
               p.tested == 0 ? "-" : fmt::format("{}/{}", p.rejected, p.tested),
               fmt::format("{}/{}/{}", p.lights[0], p.lights[1], p.lights[2]),
               fmt::format("{}/{}", p.too_little, p.cells), percent(p.mean, 2), percent(p.peak, 1),
               percent(p.mean * p.scale, 2), percent(p.peak * p.scale, 1), relative_text(p.relative),
               p.relative ? p_text(p.against.p) : "-"});
  }
  const char* over = !v.phases.empty()          ? "; hits over all times of day, all else as windows begin at midnight"
                     : v.options.in_force > 0.0 ? "; hits over all times of resets, all else by those of the clock"
                                                : "";
  return "\n" + wrapped(fmt::format("All collaterals at {}{}", confidence_text(confidence), over), 2) + table.text();
}

/// Who loses less than whom: p-values of row against column, marked where the row is the worse one.
std::string model_table(const Verdict& v, double confidence) {
  std::vector<std::string> head = {"model", "may be best"};
  std::size_t many = 0;
  for (const auto& p : v.pooled) {
    if (p.confidence != confidence) continue;
    head.push_back(p.model);
    ++many;
  }
  if (many < 2) return "";
  Table table(std::move(head));
  for (const auto& p : v.pooled) {
    if (p.confidence != confidence) continue;
    std::vector<std::string> row = {p.model, p_text(p.best_p)};
    for (const auto& each : p.against_each)
      row.push_back(each.error > 0.0 ? (each.mean > 0.0 ? "worse " : "") + p_text(each.p) : "-");
    table.row(std::move(row));
  }
  return "\n" +
         wrapped(
             fmt::format("Models against each other at {} by pinball loss: Diebold-Mariano p of row against column; "
                         "may be best: p of the model confidence set",
                         confidence_text(confidence)),
             2) +
         table.text();
}

std::string cell_table(const Verdict& v, double confidence) {
  Table table({"collateral", "model", "hits", "ratio", "POF p", "ind. p", "cc p", "Holm", "light", "Z2", "tail", "mean",
               "peak", "pinball", "DM p"},
              2);
  for (const auto& c : v.cells) {
    if (c.confidence != confidence) continue;
    const auto adjusted =
        c.coverage_holm ? std::optional(std::min(*c.coverage_holm, *c.independence_holm)) : std::nullopt;
    table.row({c.subject, c.model, std::to_string(c.hits), ratio(c.ratio), p_text(c.coverage_p),
               p_text(c.independence_p), p_text(c.both_p), p_text(adjusted), light_text(c.light.light),
               ratio(c.z2) + (c.z2 < c.z2_critical ? "*" : " "), dof_text(c.tail_dof), percent(c.mean, 2),
               percent(c.peak, 1), relative_text(c.relative), c.relative ? p_text(c.against.p) : "-"});
  }
  return fmt::format("\nBy collateral at {}\n", confidence_text(confidence)) + table.text();
}

std::string legend(const Verdict& v) {
  return "\n" +
         wrapped(fmt::format(
                     "ratio: hits / expected, its {} interval by blocks of dates. rejected: cells by Kupiec (POF) or "
                     "Christoffersen (ind.) after Holm; p-values by Monte Carlo, - where fewer than {:.0f} hits are "
                     "expected. g/y/r: traffic lights. Z2: Acerbi-Szekely, low (*) below its 5 % critical value, "
                     "simulated for a Student-t with the tail's dof. mean, peak: haircut in %; =: if all were scaled "
                     "to ratio 1. pinball: loss over {}'s; DM: Diebold-Mariano by days with HAC errors, two-sided.",
                     share_text(v.options.level, 4), fewest_expected_hits, v.options.baseline),
                 0);
}

std::string rule_table(const Verdict& v) {
  if (v.rules.empty()) return "";
  Table table({"model", "at", "rule", "ratio", "mean", "peak", "rise in 5 d"}, 3);
  for (const auto& r : v.rules) {
    table.row({r.model, confidence_text(r.confidence), r.rule, ratio(r.ratio), percent(r.mean, 2), percent(r.peak, 1),
               percent(r.rise, 1)});
  }
  return "\n" +
         wrapped(
             fmt::format("Anti-procyclicality (EMIR RTS 153/2013, Art. 28), haircuts in %. buffer: {} more in quiet "
                         "times, used up before more is called; stressed weight: {} from the most volatile window so "
                         "far; floor: volatility of the look-back at least",
                         share_text(v.options.buffer), share_text(v.options.stressed_weight)),
             2) +
         table.text();
}

std::string miss_table(const Verdict& v, std::int64_t bar) {
  if (v.misses.empty()) return "\nNo loss was beyond its haircut.\n";
  Table table({"model", "at", "collateral", "call", "minutes", "loss", "haircut"}, 3);
  for (const auto& m : v.misses) {
    table.row({m.model, confidence_text(m.confidence), m.subject, time_text(m.start), std::to_string(m.bars * bar / 60),
               percent(m.loss, 2), percent(m.haircut, 2)});
  }
  return "\nWorst misses, in %\n" + table.text();
}

std::string phase_table(const Verdict& v) {
  if (v.phases.empty()) return "";
  Table table({"model", "at", "ratio", "interval", "least", "most", "pinball"}, 2);
  for (const auto& p : v.phases) {
    const auto base = std::find_if(v.phases.begin(), v.phases.end(), [&](const PhaseCoverage& b) {
      return b.model == v.options.baseline && b.confidence == p.confidence;
    });
    const bool compared = base != v.phases.end() && base->model != p.model && base->pinball > 0.0;
    table.row({p.model, confidence_text(p.confidence), ratio(p.coverage.ratio), interval_text(p.coverage),
               ratio(p.least), ratio(p.most),
               relative_text(compared ? std::optional(p.pinball / base->pinball) : std::nullopt)});
  }
  return "\n" +
         wrapped(fmt::format("Hits / expected over all {} times at which windows can begin (other tables are of the "
                             "first, but for hits of all collaterals); least, most: of a single one",
                             v.phases.front().phases),
                 2) +
         table.text();
}

/// A row an age, a column a model; the last row is all ages together, with its interval below.
std::string age_table(const Verdict& v, double confidence) {
  std::vector<std::string> head = {"age"}, all = {"all"}, interval = {""};
  std::map<double, std::vector<std::string>> rows;
  for (const auto& a : v.ages) {
    if (a.confidence == confidence && !a.all) rows[a.to] = {"to " + compact_duration(a.to)};
  }
  for (const auto& a : v.ages) {
    if (a.confidence != confidence) continue;
    if (!a.all) {
      rows[a.to].push_back(ratio(a.coverage.ratio));
      continue;
    }
    head.push_back(a.model);
    all.push_back(ratio(a.coverage.ratio));
    interval.push_back(interval_text(a.coverage));
    for (auto& [to, row] : rows) row.resize(head.size(), "-");  // no loss had that age
  }
  if (head.size() == 1) return "";
  Table table(std::move(head));
  for (auto& [to, row] : rows) table.row(std::move(row));
  table.row(std::move(all));
  table.row(std::move(interval));
  const char* what = v.options.in_force > 0.0 ? "was set, over all times at which it may have been; all: a call at "
                                                "a random time, with its"
                                              : "last changed; all: with its";
  return "\n" +
         wrapped(fmt::format("Hits / expected at {} by the time since the haircut in force {} {} interval",
                             confidence_text(confidence), what, share_text(v.options.level, 4)),
                 2) +
         table.text();
}

std::string rise_table(const Verdict& v) {
  if (v.rises.empty()) return "";
  Table table({"model", "collateral", "from", "to", "held", "asked", "windows", "hits", "expected", "worst"}, 2);
  for (const auto& r : v.rises) {
    table.row({r.model, r.subject, time_text(r.from), time_text(r.to), percent(r.held, 2), percent(r.peak, 2),
               std::to_string(r.windows), std::to_string(r.hits), fmt::format("{:.1f}", r.expected),
               percent(std::max(r.worst, 0.0), 2)});
  }
  return "\n" +
         wrapped(
             fmt::format("While the haircut could not rise as asked, at {}, in %: held at first, asked for at most, "
                         "worst loss beyond what was held",
                         confidence_text(v.rises.front().confidence)),
             2) +
         table.text();
}

std::string power_table(const Verdict& v) {
  std::vector<std::string> head = {"what", "at", "windows"};
  for (const double x : power_ratios) head.push_back(fmt::format("x{:g}", x));
  for (const double x : cluster_ratios) head.push_back(fmt::format("ind. x{:g}", x));
  for (const double x : loss_ratios) head.push_back(fmt::format("Z2 x{:g}", x));
  Table table(std::move(head), 2);
  for (const auto& p : v.powers) {
    std::vector<std::string> row = {p.what, confidence_text(p.confidence), fmt::format("{:.0f}", p.windows)};
    for (const double power : p.power) row.push_back(fmt::format("{:.2f}", power));
    for (const auto& two : {p.independence, p.shortfall})
      for (std::size_t i = 0; i < 2; ++i) row.push_back(two ? fmt::format("{:.2f}", (*two)[i]) : "-");
    table.row(std::move(row));
  }
  return "\n" +
         wrapped(
             "Power at 5 %: of Kupiec when the true ratio of hits is x; of Christoffersen (ind.) when a hit is x times "
             "as likely right after one; of Z2 when losses are x times as large as forecast, with the tail of the last "
             "model. all: with as many independent windows as the blocks of dates are worth",
             2) +
         table.text();
}

void add_coverage(Json& to, const Coverage& c) {
  to["hits"] = c.hits;
  to["expected"] = c.expected;
  to["ratio"] = {{"estimate", c.ratio}, {"low", c.low}, {"high", c.high}};
}

Json against_json(const DieboldMariano& dm, bool compared) {
  if (!compared) return nullptr;
  return {{"mean_difference", json_number(dm.mean)},
          {"error", json_number(dm.error)},
          {"statistic", json_number(dm.statistic)},
          {"p", json_number(dm.p)}};
}

}  // namespace

std::string verdict_table(const Verdict& v, const std::string& head, std::int64_t bar) {
  std::vector<double> confidences;
  for (const auto& p : v.pooled) {
    if (confidences.empty() || confidences.back() != p.confidence) confidences.push_back(p.confidence);
  }
  std::string text = head + legend(v);
  for (const double c : confidences) text += pooled_table(v, c);
  text += phase_table(v);
  for (const double c : confidences) text += model_table(v, c);
  for (const double c : confidences) text += cell_table(v, c);
  for (const double c : confidences) text += age_table(v, c);
  return text + rise_table(v) + miss_table(v, bar) + rule_table(v) + power_table(v);
}

std::string windows_csv(const std::vector<std::vector<SubjectHistory>>& phases, const std::vector<double>& confidence,
                        std::int64_t bar) {
  const bool held = !phases.empty() && !phases.front().empty() && !phases.front().front().models.front().target.empty();
  std::string text(windows_mark);
  text += "delay_minutes,model,loss";
  for (const double c : confidence) text += fmt::format(",haircut_{0},hit_{0},log_shortfall_{0}", c);
  for (const double c : confidence)
    if (held) text += fmt::format(",asked_{0},age_seconds_{0}", c);
  text += '\n';
  auto to = std::back_inserter(text);
  for (const auto& phase : phases) {
    for (const auto& s : phase) {
      const std::string names = csv_cell(s.subject.name) + ',' + csv_cell(s.subject.asset);
      for (std::size_t i = 0; i < s.loss.size(); ++i) {
        for (const auto& m : s.models) {
          fmt::format_to(to, "{},{},{},{},{}", time_text(s.start[i]), names,
                         static_cast<double>(s.bars[i] * bar) / 60.0, m.model, s.loss[i]);
          for (std::size_t c = 0; c < confidence.size(); ++c)
            fmt::format_to(to, ",{},{},{}", m.haircut[c][i], s.loss[i] > m.haircut[c][i] ? 1 : 0, m.shortfall[c][i]);
          for (std::size_t c = 0; held && c < confidence.size(); ++c)
            fmt::format_to(to, ",{},{}", m.target[c][i], m.age[c][i]);
          text += '\n';
        }
      }
    }
  }
  return text;
}

nlohmann::ordered_json verdict_json(const Verdict& v) {
  Json j;
  j["interval"] = v.options.level;
  j["block_days"] = v.options.block_days;
  j["baseline"] = v.options.baseline;
  j["pooled"] = Json::array();
  for (const auto& p : v.pooled) {
    j["pooled"].push_back(
        {{"model", p.model},
         {"confidence", p.confidence},
         {"windows", p.windows},
         {"hits", p.coverage.hits},
         {"expected", p.coverage.expected},
         {"ratio", {{"estimate", p.coverage.ratio}, {"low", p.coverage.low}, {"high", p.coverage.high}}},
         {"design_effect", json_number(p.coverage.design_effect)},
         {"cells", p.cells},
         {"tested", p.tested},
         {"rejected", p.rejected},
         {"lights", {{"green", p.lights[0]}, {"yellow", p.lights[1]}, {"red", p.lights[2]}}},
         {"z2_low", p.too_little},
         {"haircut", {{"mean", json_number(p.mean)}, {"peak", json_number(p.peak)}}},
         {"equal_coverage_scale", json_number(p.scale)},
         {"pinball", json_number(p.pinball)},
         {"pinball_relative", json_number(p.relative)},
         {"diebold_mariano", against_json(p.against, p.relative.has_value())},
         {"model_confidence_set_p", json_number(p.best_p)}});
    for (const auto& each : p.against_each)
      j["pooled"].back()["diebold_mariano_each"].push_back(against_json(each, each.error > 0.0));
  }
  j["cells"] = Json::array();
  for (const auto& c : v.cells) {
    j["cells"].push_back(
        {{"collateral", c.subject},
         {"model", c.model},
         {"confidence", c.confidence},
         {"windows", c.windows},
         {"hits", c.hits},
         {"ratio", c.ratio},
         {"kupiec",
          {{"lr", c.coverage_lr}, {"p", json_number(c.coverage_p)}, {"p_holm", json_number(c.coverage_holm)}}},
         {"christoffersen_independence",
          {{"lr", c.independence_lr},
           {"p", json_number(c.independence_p)},
           {"p_holm", json_number(c.independence_holm)}}},
         {"christoffersen", {{"lr", c.both_lr}, {"p", json_number(c.both_p)}}},
         {"traffic_light", {{"zone", light_text(c.light.light)}, {"cumulative", c.light.cumulative}}},
         {"z2",
          {{"value", json_number(c.z2)},
           {"p", c.z2_p},
           {"critical", json_number(c.z2_critical)},
           {"tail_dof", json_number(c.tail_dof)}}},
         {"haircut", {{"mean", json_number(c.mean)}, {"peak", json_number(c.peak)}}},
         {"equal_coverage_scale", json_number(c.scale)},
         {"pinball", json_number(c.pinball)},
         {"pinball_relative", json_number(c.relative)},
         {"diebold_mariano", against_json(c.against, c.relative.has_value())}});
  }
  j["misses"] = Json::array();
  for (const auto& m : v.misses) {
    j["misses"].push_back({{"model", m.model},
                           {"confidence", m.confidence},
                           {"collateral", m.subject},
                           {"time", time_text(m.start)},
                           {"bars", m.bars},
                           {"loss", m.loss},
                           {"haircut", m.haircut}});
  }
  j["phases"] = Json::array();
  for (const auto& p : v.phases) {
    j["phases"].push_back({{"model", p.model},
                           {"confidence", p.confidence},
                           {"phases", p.phases},
                           {"ratio_least", p.least},
                           {"ratio_most", p.most},
                           {"pinball", json_number(p.pinball)}});
    add_coverage(j["phases"].back(), p.coverage);
  }
  j["by_age"] = Json::array();
  for (const auto& a : v.ages) {
    j["by_age"].push_back({{"model", a.model},
                           {"confidence", a.confidence},
                           {"from_seconds", a.from},
                           {"to_seconds", a.to},
                           {"all", a.all}});
    add_coverage(j["by_age"].back(), a.coverage);
  }
  j["rises"] = Json::array();
  for (const auto& r : v.rises) {
    j["rises"].push_back({{"model", r.model},
                          {"collateral", r.subject},
                          {"confidence", r.confidence},
                          {"from", time_text(r.from)},
                          {"to", time_text(r.to)},
                          {"held", r.held},
                          {"asked", r.peak},
                          {"windows", r.windows},
                          {"hits", r.hits},
                          {"expected", r.expected},
                          {"worst", std::max(r.worst, 0.0)}});
  }
  j["anti_procyclicality"] = Json::array();
  for (const auto& r : v.rules) {
    j["anti_procyclicality"].push_back({{"rule", r.rule},
                                        {"model", r.model},
                                        {"confidence", r.confidence},
                                        {"ratio", r.ratio},
                                        {"mean", r.mean},
                                        {"peak", r.peak},
                                        {"rise_5d", r.rise}});
  }
  j["power"] = Json::array();
  for (const auto& p : v.powers) {
    Json row{{"what", p.what}, {"confidence", p.confidence}, {"windows", p.windows}};
    for (std::size_t i = 0; i < power_ratios.size(); ++i) row[fmt::format("ratio_{:g}", power_ratios[i])] = p.power[i];
    for (std::size_t i = 0; i < 2; ++i) {
      row[fmt::format("after_hit_{:g}", cluster_ratios[i])] =
          p.independence ? json_number((*p.independence)[i]) : nullptr;
      row[fmt::format("loss_{:g}", loss_ratios[i])] = p.shortfall ? json_number((*p.shortfall)[i]) : nullptr;
    }
    j["power"].push_back(row);
  }
  return j;
}

}  // namespace proofload
