#include "answers/haircut_json.h"

namespace proofload {
namespace {

using Json = nlohmann::ordered_json;

Json of_age(const AgeHaircut& h) {
  return {{"age_seconds", json_number(h.age)},
          {"value", json_number(h.value)},
          {"low", json_number(h.low)},
          {"high", json_number(h.high)}};
}

}  // namespace

Json estimate_json(const Estimate& e) {
  return {{"estimate", json_number(e.estimate)}, {"low", json_number(e.low)}, {"high", json_number(e.high)}};
}

Json p_under_json(const CollateralAnswer& c) {
  if (!c.policy_haircut) return nullptr;
  Json out = {{"haircut", json_number(c.policy_haircut)}};
  out.update(estimate_json(c.p_under));
  out["mean_shortfall"] = json_number(c.mean_shortfall);
  return out;
}

Json quantile_json(const HaircutAnswer& h) {
  return {{"confidence", h.confidence},
          {"value", json_number(h.value)},
          {"low", json_number(h.low)},
          {"high", json_number(h.high)},
          {"expected_shortfall", json_number(h.expected_shortfall)},
          {"expected_shortfall_low", json_number(h.expected_shortfall_low)},
          {"expected_shortfall_high", json_number(h.expected_shortfall_high)}};
}

void add_margin_json(Json& out, const HaircutAnswer& h) {
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

// By how long the haircut had been set; null where no age differs.
void add_ages_json(Json& out, const HaircutAnswer& h) {
  out["by_age"] = h.by_age.empty() ? Json(nullptr) : Json::array();
  for (const AgeHaircut& one : h.by_age) out["by_age"].push_back(of_age(one));
  const AgeHaircut* worst = h.worst_age();
  out["worst_age"] = worst != nullptr ? of_age(*worst) : Json(nullptr);
}

}  // namespace proofload
