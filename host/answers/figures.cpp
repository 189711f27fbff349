#include "answers/figures.h"

#include <fmt/format.h>

#include <string_view>

#include "answers/haircut_json.h"
#include "base/json_number.h"
#include "base/words.h"

namespace proofload {
namespace {

using Json = nlohmann::ordered_json;
using Of = const CollateralAnswer&;

Json haircuts(Of c) {
  Json haircuts = Json::array();
  for (const auto& h : c.haircuts) {
    Json one = quantile_json(h);
    one["given_no_failure"] = json_number(h.given_no_failure);
    one["beyond_cliff"] = h.beyond_cliff;
    one["attribution"] = {{"price", json_number(h.attribution.price)},
                          {"basis", json_number(h.attribution.basis)},
                          {"latency", json_number(h.attribution.latency)},
                          {"failure", json_number(h.attribution.failure)},
                          {"liquidity", json_number(h.attribution.liquidity)}};
    add_margin_json(one, h);
    one["capital_efficiency"] = {{"single_chain", json_number(h.efficiency)},
                                 {"wrapped", json_number(h.efficiency_wrapped)}};
    add_ages_json(one, h);
    haircuts.push_back(std::move(one));
  }
  return haircuts;
}

Json exposure_cap(const CollateralAnswer& c) {
  if (!c.exposure_cap_low) return nullptr;
  return {{"value", json_number(c.exposure_cap)},
          {"low", json_number(c.exposure_cap_low)},
          {"high", json_number(c.exposure_cap_high)}};
}

Json risk_rate(const CollateralAnswer& c) {
  const std::optional<RiskRate>& rate = c.risk_rate;
  if (!rate) return nullptr;
  return {{"value", json_number(rate->value)},
          {"low", json_number(rate->low)},
          {"high", json_number(rate->high)},
          {"standard_error", json_number(rate->error)},
          {"risk_free", json_number(rate->risk_free)},
          {"calls", json_number(rate->calls)},
          {"calls_standard_error", json_number(rate->calls_error)},
          {"failures", json_number(rate->failures)},
          {"failures_standard_error", json_number(rate->failures_error)},
          {"hazard", json_number(rate->hazard)}};
}

std::string exposure_text(const CollateralAnswer& c) {
  const bool budget = c.exposure_cap_low.has_value();
  const auto interval = [](auto low, auto high) {
    return fmt::format(" [{}, {}]", rough_dollars(low), rough_dollars(high));
  };
  if (budget) return rough_dollars(c.exposure_cap) + interval(c.exposure_cap_low, c.exposure_cap_high);
  if (!c.exposure_cap_per_loss_budget_low) return "-";
  return rough_dollars(c.exposure_cap_per_loss_budget) +
         interval(c.exposure_cap_per_loss_budget_low, c.exposure_cap_per_loss_budget_high);
}

std::string loss_then(const CollateralAnswer& c) {
  if (!c.loss_given_failure) return "-";
  return fmt::format("{} % [{}, {}]", percent(c.loss_given_failure, 1), percent(c.loss_given_failure_low, 1),
                     percent(c.loss_given_failure_high, 1));
}

constexpr FigureTable policies = FigureTable::policies, failures = FigureTable::failures;

constexpr CollateralFigure figures[] = {
    {"name", [](Of c) -> Json { return c.name; }},
    {"asset", [](Of c) -> Json { return c.asset; }},
    {"route", [](Of c) -> Json { return c.route; }},
    {nullptr, nullptr, policies, "in force",
     [](Of c) { return c.policy_haircut ? percent(c.policy_haircut, 2) + " %" : "-"; }},
    {"p_under", p_under_json, policies, "P(loss > in force)",
     [](Of c) { return c.policy_haircut ? probability(c.p_under) : "-"; }},
    {"p_failure", [](Of c) { return estimate_json(c.p_failure); }, failures, "P(layer fails)",
     [](Of c) { return probability(c.p_failure); }},
    {"haircuts", haircuts},
    {"loss_given_failure", [](Of c) { return json_number(c.loss_given_failure); }, failures, "loss then", loss_then},
    {"exposure_cap_per_loss_budget", [](Of c) { return json_number(c.exposure_cap_per_loss_budget); }},
    {"unresolved", [](Of c) -> Json { return c.unresolved; }},
    {"p_breach", [](Of c) { return c.p_breach ? estimate_json(*c.p_breach) : Json(nullptr); }, policies, "P(breach)",
     [](Of c) { return c.p_breach ? probability(*c.p_breach) : "-"; },
     "P(breach): the price alone was down by more than it at a grid date up to the sale (of the book: up to its last "
     "sale), whether or not it was at the sale; sales before the first date have none to look at and count as 0"},
    {"exposure_cap_per_loss_budget_low", [](Of c) { return json_number(c.exposure_cap_per_loss_budget_low); }},
    {"exposure_cap_per_loss_budget_high", [](Of c) { return json_number(c.exposure_cap_per_loss_budget_high); }},
    {"exposure_cap", exposure_cap, failures, "exposure cap", exposure_text},
    {"highest_priced_confidence", [](Of c) { return json_number(c.highest_priced_confidence); }, failures,
     "priced up to",
     [](Of c) { return c.highest_priced_confidence ? rounded_down(*c.highest_priced_confidence) : "-"; }},
    {"risk_rate", risk_rate},
    {"wrapped_alternative", [](Of c) { return c.wrapped ? Json(*c.wrapped) : Json(nullptr); }},
    {"loss_given_failure_low", [](Of c) { return json_number(c.loss_given_failure_low); }},
    {"loss_given_failure_high", [](Of c) { return json_number(c.loss_given_failure_high); }},
    {nullptr, nullptr, policies, "shortfall",
     [](Of c) { return c.policy_haircut ? fmt::format("{:.3g} bp", 1e4 * c.mean_shortfall) : "-"; }},
};

constexpr bool each_is_said_once() {
  for (const CollateralFigure& f : figures) {
    if ((f.key != nullptr) != (f.json != nullptr)) return false;
    if ((f.table != FigureTable::nowhere) != (f.text != nullptr && f.heading != nullptr)) return false;
    if (f.key == nullptr && f.text == nullptr) return false;
    for (const CollateralFigure* other = figures; other != &f; ++other)
      if (f.key != nullptr && other->key != nullptr && std::string_view(f.key) == other->key) return false;
  }
  return true;
}
static_assert(each_is_said_once());

}  // namespace

std::span<const CollateralFigure> collateral_figures() { return figures; }

}  // namespace proofload
