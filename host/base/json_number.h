/// json_number.h -- A figure in JSON: null where there is none, as JSON has no infinity and no NaN.
#pragma once
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

namespace proofload {

inline nlohmann::ordered_json json_number(std::optional<double> x) {
  return x && std::isfinite(*x) ? nlohmann::ordered_json(*x) : nlohmann::ordered_json(nullptr);
}

}  // namespace proofload
