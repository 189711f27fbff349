// show_json.cpp -- a result for programs; show.cpp has the tables.
#include <cmath>

#include "answers/answer.h"
#include "answers/figures.h"
#include "answers/haircut_json.h"
#include "answers/notes.h"
#include "answers/show.h"
#include "answers/validity.h"
#include "base/json_number.h"
#include "input/times.h"

namespace proofload {
namespace {

using Json = nlohmann::ordered_json;

/// The book's price at its worst grid date.
Json minimum(const Answers& all) {
  if (!all.minimum) return nullptr;
  Json breach = {{"haircut", json_number(all.portfolio->policy_haircut)}}, quantiles = Json::array();
  breach.update(estimate_json(all.minimum->p_breach));
  for (const auto& h : all.minimum->quantiles) quantiles.push_back(quantile_json(h));
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
  for (const auto& c : all.collateral) {
    Json& one = out["collateral"].emplace_back();
    for (const CollateralFigure& f : collateral_figures())
      if (f.key != nullptr) one[f.key] = f.json(c);
  }
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
    out["layers"].push_back({{"name", layer.name}, {"p_failure", estimate_json(layer.p_failure)}});
  out["joint_failure"] = matrix(all.joint_failure);
  out["portfolio"] = nullptr;
  if (all.portfolio) {
    Json haircuts = Json::array();
    for (const auto& h : all.portfolio->haircuts) {
      haircuts.push_back(quantile_json(h));
      add_margin_json(haircuts.back(), h);
      add_ages_json(haircuts.back(), h);
    }
    out["portfolio"] = {
        {"p_under", p_under_json(*all.portfolio)}, {"haircuts", std::move(haircuts)}, {"minimum", minimum(all)}};
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
