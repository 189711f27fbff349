// Sensitivities as tables and as JSON (declared in sensitivity.h).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "answers/notes.h"
#include "base/json_number.h"
#include "base/table.h"
#include "base/version.h"
#include "base/words.h"
#include "studies/sensitivity.h"

namespace proofload {
namespace {

using Json = nlohmann::ordered_json;

/// How a parameter is shown. A table says what `step` more of it does to a haircut.
struct Shown {
  const char *name, *unit, *per;
  double step;
};
constexpr Shown shown[sensitives] = {{"volatility", "1/sqrt(year)", "per vol pt", 0.01},
                                     {"delay", "s", "per minute", 60.0},
                                     {"hazard", "1/year", "per 0.01/y", 0.01},
                                     {"exposure", "s", "per hour", 3600.0},
                                     {"severity", "1", "per pt", 0.01}};

/// As many digits as the error leaves sense in: two of its own.
std::string with_error(double value, double error) {
  if (error == 0.0) return fmt::format("{:.3g} ± 0", value);
  const int digits = std::isfinite(error) ? std::clamp(1 - static_cast<int>(std::floor(std::log10(error))), 0, 9) : 0;
  return fmt::format("{:.{}f} ± {:.{}f}", value, digits, error, digits);
}

/// Before a slope that is none.
const char* mark(const Derivative& d) { return d.bent ? "~" : ""; }

bool any_bent(const std::vector<SensitivityAnswer>& all) {
  for (const auto& answer : all) {
    for (const auto& p : answer.parameters) {
      if (std::any_of(p.haircuts.begin(), p.haircuts.end(), [](const auto& d) { return d && d->bent; })) return true;
    }
  }
  return false;
}

Json derivative(const std::optional<Derivative>& d) {
  if (!d) return nullptr;
  return {{"slope", json_number(d->slope)},
          {"standard_error", json_number(d->error)},
          {"low", json_number(d->low)},
          {"high", json_number(d->high)},
          {"elasticity", json_number(d->elasticity)},
          {"elasticity_standard_error", json_number(d->elasticity_error)},
          {"slope_below", json_number(d->below)},
          {"slope_above", json_number(d->above)},
          {"bent", d->bent}};
}

Json head(const Scenario& s) {
  return {{"scenario", s.name}, {"schema", 1},          {"engine", engine_version()},
          {"seed", s.run.seed}, {"paths", s.run.paths}, {"interval", s.run.interval}};
}

std::string slopes(const Scenario& s, const std::vector<SensitivityAnswer>& all) {
  std::vector<std::string> header = {"collateral", "at", "haircut"}, units = {"", "", "%"};
  for (const Shown& p : shown) header.emplace_back(p.name), units.emplace_back(p.per);
  Table table(header, 2);
  table.row(units);
  for (const auto& answer : all) {
    for (std::size_t c = 0; c < s.run.confidence.size(); ++c) {
      std::vector<std::string> row = {c == 0 ? answer.collateral : "", confidence_text(s.run.confidence[c]),
                                      percent(answer.haircut[c], 2)};
      for (std::size_t p = 0; p < sensitives; ++p) {
        const auto& d = answer.parameters[p].haircuts[c];
        const double basis_points = 1e4 * shown[p].step;
        row.push_back(d ? mark(*d) + with_error(basis_points * d->slope, basis_points * d->error) : "-");
      }
      table.row(row);
    }
  }
  return "\n" +
         wrapped(
             "What moves a haircut: basis points, with their standard errors, per unit more of volatility (annualised, "
             "in "
             "points), median delay, hazard, exposure, severity (mean loss if the layer fails, in points)",
             2) +
         table.text();
}

std::string elasticities(const Scenario& s, const std::vector<SensitivityAnswer>& all) {
  std::vector<std::string> header = {"collateral", "at"};
  for (const Shown& p : shown) header.emplace_back(p.name);
  Table table(header, 2);
  for (const auto& answer : all) {
    for (std::size_t c = 0; c < s.run.confidence.size(); ++c) {
      std::vector<std::string> row = {c == 0 ? answer.collateral : "", confidence_text(s.run.confidence[c])};
      for (std::size_t p = 0; p < sensitives; ++p) {
        const auto& d = answer.parameters[p].haircuts[c];
        row.push_back(d && d->elasticity ? mark(*d) + with_error(*d->elasticity, *d->elasticity_error) : "-");
      }
      table.row(row);
    }
  }
  return "\n" + wrapped("Elasticities: by how many % a haircut moves when the parameter moves by 1 %", 2) +
         table.text();
}

std::string loading_text(const SystemicSpec& systemic) {
  std::string text = fmt::format("delays {:.3g}, volatility {:.3g}, hazards {:.3g}, outages {:.3g}", systemic.delays,
                                 systemic.volatility, systemic.hazards, systemic.outages);
  std::string prices;
  for (const double b : systemic.prices) prices += fmt::format("{}{:.3g}", prices.empty() ? "" : " ", b);
  return text + ", prices " + (prices.empty() ? "0" : prices);
}

}  // namespace

std::string sensitivity_table(const Scenario& s, const std::vector<SensitivityAnswer>& all,
                              const SensitivityOptions& options) {
  return wrapped(
             fmt::format("{}: {}, seed {}, differences over +-{:.3g} % (hazards {:.3g} %) on the same random numbers",
                         clipped(s.name, 50), counted(s.run.paths, "path"), s.run.seed, 100.0 * options.bump,
                         100.0 * options.hazard_bump),
             2) +
         slopes(s, all) + elasticities(s, all) +
         (any_bent(all)
              ? "\n" + wrapped("~ bends or jumps within the difference (as where a failure becomes as likely as "
                               "1 - confidence): what +- the whole difference does, divided by it, and not the "
                               "slope at the scenario; a smaller --bump or --hazard-bump looks closer",
                               2)
              : "");
}

std::string systemic_table(const Scenario& s, const SystemicAnswer& all) {
  std::string text = "\n" + wrapped(fmt::format("Loadings of the stress factor, {}: {}",
                                                all.assumed ? "an example (the scenario has none), each alone"
                                                            : "those of the scenario, the others as they are",
                                                loading_text(all.full)),
                                    2);
  const auto cell = [](const LoadingAnswer& row, std::size_t k, std::size_t c) {
    return row.collateral.empty() ? std::string("-") : percent(row.collateral[k].haircuts[c].value, 2);
  };
  // Rows come in threes: none, half, all of a loading. What they have in common, none of any or all of them, is shown
  // once.
  const std::size_t common = all.assumed ? 0 : 2, first = all.assumed ? 1 : 0;
  text += wrapped(
      fmt::format("Haircuts in %, on the same random numbers: {}",
                  all.assumed ? "with none, and with half | all of each" : "as they are, and with none | half of each"),
      2);
  std::vector<std::string> header = {"collateral", "at", all.assumed ? "none" : "as is"};
  for (std::size_t r = 0; r + 2 < all.rows.size(); r += 3) header.push_back(all.rows[r].loading);
  Table table(header, 2);
  for (std::size_t k = 0; k < s.collateral.size(); ++k) {
    for (std::size_t c = 0; c < s.run.confidence.size(); ++c) {
      std::vector<std::string> row = {c == 0 ? s.collateral[k].name : "", confidence_text(s.run.confidence[c]),
                                      cell(all.rows[common], k, c)};
      for (std::size_t r = 0; r + 2 < all.rows.size(); r += 3)
        row.push_back(cell(all.rows[r + first], k, c) + " | " + cell(all.rows[r + first + 1], k, c));
      table.row(row);
    }
  }
  text += table.text();
  for (const auto& row : all.rows) {
    if (!row.why.empty()) text += wrapped(fmt::format("- {} at {:.3g}: {}", row.loading, row.share, row.why), 2);
  }
  return text;
}

Json sensitivity_json(const Scenario& s, const std::vector<SensitivityAnswer>& all, const SensitivityOptions& options) {
  Json out = head(s);
  out["bump"] = options.bump;
  out["hazard_bump"] = options.hazard_bump;
  out["ranges"] = options.ranges;
  out["collateral"] = Json::array();
  for (const auto& answer : all) {
    Json parameters = Json::object();
    for (std::size_t p = 0; p < sensitives; ++p) {
      const ParameterSensitivity& parameter = answer.parameters[p];
      Json haircuts = Json::array();
      for (std::size_t c = 0; c < s.run.confidence.size(); ++c) {
        haircuts.push_back({{"confidence", s.run.confidence[c]}, {"derivative", derivative(parameter.haircuts[c])}});
      }
      parameters[shown[p].name] = {{"value", json_number(parameter.value)},
                                   {"unit", shown[p].unit},
                                   {"haircuts", std::move(haircuts)},
                                   {"p_failure", derivative(parameter.p_failure)}};
    }
    Json haircuts = Json::array();
    for (std::size_t c = 0; c < s.run.confidence.size(); ++c)
      haircuts.push_back({{"confidence", s.run.confidence[c]}, {"value", json_number(answer.haircut[c])}});
    out["collateral"].push_back({{"name", answer.collateral},
                                 {"p_failure", json_number(answer.p_failure)},
                                 {"haircuts", std::move(haircuts)},
                                 {"parameters", std::move(parameters)}});
  }
  return out;
}

Json systemic_json(const Scenario& s, const SystemicAnswer& all) {
  Json rows = Json::array();
  for (const auto& row : all.rows) {
    Json one = {{"loading", row.loading}, {"share", row.share}, {"collateral", Json::array()}};
    for (std::size_t k = 0; k < row.collateral.size(); ++k) {
      Json haircuts = Json::array();
      for (const auto& h : row.collateral[k].haircuts) {
        haircuts.push_back({{"confidence", h.confidence},
                            {"value", json_number(h.value)},
                            {"low", json_number(h.low)},
                            {"high", json_number(h.high)}});
      }
      one["collateral"].push_back({{"name", s.collateral[k].name},
                                   {"p_failure", json_number(row.collateral[k].p_failure.estimate)},
                                   {"haircuts", std::move(haircuts)}});
    }
    one["problem"] = row.why.empty() ? Json(nullptr) : Json(row.why);
    rows.push_back(std::move(one));
  }
  return {{"assumed", all.assumed},
          {"full",
           {{"delays", all.full.delays},
            {"volatility", all.full.volatility},
            {"hazards", all.full.hazards},
            {"outages", all.full.outages},
            {"prices", all.full.prices}}},
          {"rows", std::move(rows)}};
}

}  // namespace proofload
