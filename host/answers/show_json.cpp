// show_json.cpp -- a result for programs; show.cpp has the tables.
#include <cmath>

#include "answers/answer.h"
#include "answers/notes.h"
#include "answers/show.h"
#include "answers/validity.h"
#include "base/json_number.h"
#include "input/times.h"

namespace proofload {
namespace {

using Json = nlohmann::ordered_json;

Json estimate(const Estimate& e) {
  return {{"estimate", json_number(e.estimate)}, {"low", json_number(e.low)}, {"high", json_number(e.high)}};
}

Json under(const CollateralAnswer& c) {
  if (!c.policy_haircut) return nullptr;
  Json out = {{"haircut", json_number(c.policy_haircut)}};
  out.update(estimate(c.p_under));
  out["mean_shortfall"] = json_number(c.mean_shortfall);
  return out;
}

Json haircut(const HaircutAnswer& h) {
  return {{"confidence", h.confidence},
          {"value", json_number(h.value)},
          {"low", json_number(h.low)},
          {"high", json_number(h.high)},
          {"expected_shortfall", json_number(h.expected_shortfall)},
          {"expected_shortfall_low", json_number(h.expected_shortfall_low)},
          {"expected_shortfall_high", json_number(h.expected_shortfall_high)}};
}

Json of_age(const AgeHaircut& h) {
  return {{"age_seconds", json_number(h.age)},
          {"value", json_number(h.value)},
          {"low", json_number(h.low)},
          {"high", json_number(h.high)}};
}

/// What is added to every haircut, behind what else it has.
void add_margin(Json& out, const HaircutAnswer& h) {
  out["required_margin"] = nullptr;
  if (h.margin) {
    out["required_margin"] = {{"value", json_number(h.margin)},
                              {"low", json_number(h.margin_low)},
                              {"high", json_number(h.margin_high)},
                              {"closed_form", json_number(h.margin_closed_form)}};
  }
  out["parameter_interval"] = nullptr;
  if (h.parameter_low)
    out["parameter_interval"] = {{"low", json_number(h.parameter_low)}, {"high", json_number(h.parameter_high)}};
}

/// By how long the haircut had been set; null where no age differs.
void add_ages(Json& out, const HaircutAnswer& h) {
  out["by_age"] = h.by_age.empty() ? Json(nullptr) : Json::array();
  for (const AgeHaircut& one : h.by_age) out["by_age"].push_back(of_age(one));
  const AgeHaircut* worst = h.worst_age();
  out["worst_age"] = worst != nullptr ? of_age(*worst) : Json(nullptr);
}

Json risk_rate(const std::optional<RiskRate>& rate) {
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

Json exposure_cap(const CollateralAnswer& c) {
  if (!c.exposure_cap_low) return nullptr;
  return {{"value", json_number(c.exposure_cap)},
          {"low", json_number(c.exposure_cap_low)},
          {"high", json_number(c.exposure_cap_high)}};
}

Json collateral(const CollateralAnswer& c) {
  Json haircuts = Json::array();
  for (const auto& h : c.haircuts) {
    Json one = haircut(h);
    one["given_no_failure"] = json_number(h.given_no_failure);
    one["beyond_cliff"] = h.beyond_cliff;
    one["attribution"] = {{"price", json_number(h.attribution.price)},
                          {"basis", json_number(h.attribution.basis)},
                          {"latency", json_number(h.attribution.latency)},
                          {"failure", json_number(h.attribution.failure)},
                          {"liquidity", json_number(h.attribution.liquidity)}};
    add_margin(one, h);
    one["capital_efficiency"] = {{"single_chain", json_number(h.efficiency)},
                                 {"wrapped", json_number(h.efficiency_wrapped)}};
    add_ages(one, h);
    haircuts.push_back(std::move(one));
  }
  return {{"name", c.name},
          {"asset", c.asset},
          {"route", c.route},
          {"p_under", under(c)},
          {"p_failure", estimate(c.p_failure)},
          {"haircuts", std::move(haircuts)},
          {"loss_given_failure", json_number(c.loss_given_failure)},
          {"exposure_cap_per_loss_budget", json_number(c.exposure_cap_per_loss_budget)},
          {"unresolved", c.unresolved},
          {"p_breach", c.p_breach ? estimate(*c.p_breach) : Json(nullptr)},
          {"exposure_cap_per_loss_budget_low", json_number(c.exposure_cap_per_loss_budget_low)},
          {"exposure_cap_per_loss_budget_high", json_number(c.exposure_cap_per_loss_budget_high)},
          {"exposure_cap", exposure_cap(c)},
          {"highest_priced_confidence", json_number(c.highest_priced_confidence)},
          {"risk_rate", risk_rate(c.risk_rate)},
          {"wrapped_alternative", c.wrapped ? Json(*c.wrapped) : Json(nullptr)},
          {"loss_given_failure_low", json_number(c.loss_given_failure_low)},
          {"loss_given_failure_high", json_number(c.loss_given_failure_high)}};
}

/// The book's price at its worst grid date.
Json minimum(const Answers& all) {
  if (!all.minimum) return nullptr;
  Json breach = {{"haircut", json_number(all.portfolio->policy_haircut)}}, quantiles = Json::array();
  breach.update(estimate(all.minimum->p_breach));
  for (const auto& h : all.minimum->quantiles) quantiles.push_back(haircut(h));
  return {{"p_breach", std::move(breach)}, {"quantiles", std::move(quantiles)}};
}

/// Of a law each: what the delay of a route is made of.
Json stages(const RouteAnswer& route) {
  Json out = Json::array();
  for (const auto& stage : route.stages) {
    Json trigger = nullptr;
    if (stage.trigger)
      trigger = {{"heartbeat_seconds", stage.trigger->heartbeat}, {"deviation", stage.trigger->deviation}};
    out.push_back({{"name", stage.name},
                   {"scope", stage.scope},
                   {"delay_seconds",
                    {{"p50", json_number(stage.p50)},
                     {"p90", json_number(stage.p90)},
                     {"p99", json_number(stage.p99)},
                     {"p999", json_number(stage.p999)}}},
                   {"trigger", std::move(trigger)}});
  }
  return out;
}

Json matrix(const auto& rows) {
  Json out = Json::array();
  for (const auto& row : rows) {
    Json line = Json::array();
    for (const auto& x : row) line.push_back(json_number(x));
    out.push_back(std::move(line));
  }
  return out;
}

}  // namespace

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
                              {{"p50", json_number(route.p50)},
                               {"p90", json_number(route.p90)},
                               {"p99", json_number(route.p99)},
                               {"p999", json_number(route.p999)}}},
                             {"unresolved", route.unresolved},
                             {"stages", stages(route)}});
  }
  out["joint_under"] = all.joint_counted ? matrix(all.joint_under) : Json(nullptr);
  // Additions to the contract.
  out["layers"] = Json::array();
  for (const auto& layer : all.layers)
    out["layers"].push_back({{"name", layer.name}, {"p_failure", estimate(layer.p_failure)}});
  out["joint_failure"] = matrix(all.joint_failure);
  out["portfolio"] = nullptr;
  if (all.portfolio) {
    Json haircuts = Json::array();
    for (const auto& h : all.portfolio->haircuts) {
      haircuts.push_back(haircut(h));
      add_margin(haircuts.back(), h);
      add_ages(haircuts.back(), h);
    }
    out["portfolio"] = {
        {"p_under", under(*all.portfolio)}, {"haircuts", std::move(haircuts)}, {"minimum", minimum(all)}};
  }
  out["laws"] = Json::array();
  for (const auto& law : r.compiled.laws) {
    out["laws"].push_back(
        {{"where", law.where}, {"error", json_number(law.error)}, {"tail_share", json_number(law.tail_share)}});
  }
  out["first_path"] = r.range.first;
  out["device"] = r.device;
  out["date"] = r.date;
  out["wall_seconds"] = json_number(r.wall_seconds);
  const std::string stress = stress_text(r.scenario), tails = tail_note(r, all);
  out["prices"] = market_text(r.scenario);
  const std::string partial = partial_text(r);
  out["partial"] = partial.empty() ? Json(nullptr) : Json(partial);
  out["has_checksum"] = r.has_checksum;
  out["stress"] = stress.empty() ? Json(nullptr) : Json(stress);
  out["notes"] = Json::array();
  if (!tails.empty()) out["notes"].push_back(tails);
  const auto words = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
  out["state"] = words(state_text(r.scenario));
  out["systemic"] = words(systemic_text(r.scenario));
  out["uncertainty"] = words(uncertainty_text(r.scenario));
  out["intervals"] = interval_text(r, all);
  out["outages"] = Json::array();
  for (const auto& o : all.outages) {
    out["outages"].push_back({{"name", o.name},
                              {"owner", o.owner},
                              {"of", o.chain ? "chain" : "layer"},
                              {"rate", json_number(o.rate)},
                              {"duration_seconds", {{"p50", json_number(o.p50)}, {"p99", json_number(o.p99)}}},
                              {"p_under_way", json_number(o.under_way)}});
  }
  out["margin"] = nullptr;
  if (const MarginSpec& m = r.scenario.margin; m.liability > 0.0 || m.calls_per_year > 0.0 || m.loss_budget > 0.0) {
    const auto given = [](double x) { return x > 0.0 ? Json(x) : Json(nullptr); };
    out["margin"] = {{"liability", given(m.liability)},
                     {"liquidation_threshold", m.liquidation_threshold},
                     {"calls_per_year", given(m.calls_per_year)},
                     {"risk_free", m.risk_free},
                     {"loss_budget", given(m.loss_budget)}};
  }
  out["in_force"] = nullptr;
  if (r.scenario.run.in_force > 0.0)
    out["in_force"] = {{"seconds", r.scenario.run.in_force}, {"ages_differ", !r.ages.paths.empty()}};
  const Validity validity = validity_of(r.scenario);
  const auto time = [](std::optional<std::int64_t> t) { return t ? Json(time_text(*t)) : Json(nullptr); };
  out["last_price"] = time(validity.last_price);
  out["valid_until"] = time(validity.until);
  return out;
}

}  // namespace proofload
