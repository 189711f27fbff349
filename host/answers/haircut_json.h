/// haircut_json.h -- a probability and a haircut in JSON, of a collateral, a book or a worst date alike.
#pragma once
#include "answers/answer.h"
#include "base/json_number.h"

namespace proofload {

nlohmann::ordered_json estimate_json(const Estimate&);  ///< estimate, low, high

/// Of a collateral or a book: what losses do to its haircut in force; null without one.
nlohmann::ordered_json p_under_json(const CollateralAnswer&);

/// Of a haircut or another quantile of losses: confidence, value, expected shortfall, with their intervals.
nlohmann::ordered_json quantile_json(const HaircutAnswer&);

/// What a haircut has behind what else is said of it: required margin, parameter interval, ages.
void add_margin_json(nlohmann::ordered_json& out, const HaircutAnswer&);
void add_ages_json(nlohmann::ordered_json& out, const HaircutAnswer&);

}  // namespace proofload
