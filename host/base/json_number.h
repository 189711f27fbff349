/// json_number.h -- JSON as it is written: a figure is null where there is none, as JSON has no infinity and no NaN.
#pragma once
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace proofload {

inline nlohmann::ordered_json json_number(std::optional<double> x) {
  return x && std::isfinite(*x) ? nlohmann::ordered_json(*x) : nlohmann::ordered_json(nullptr);
}

/// As it is written and printed. Bytes that are no UTF-8, in names of files, become replacement characters.
inline std::string json_text(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace proofload
