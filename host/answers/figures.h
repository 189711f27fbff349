/// figures.h -- all that is said of a collateral, for programs and for people: a row each.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "answers/answer.h"

namespace proofload {

/// The tables of `show` in which a figure has a column.
enum class FigureTable { nowhere, policies, failures };

struct CollateralFigure {
  const char* key;  ///< in JSON; null: a column that another row's key holds already
  nlohmann::ordered_json (*json)(const CollateralAnswer&);
  FigureTable table = FigureTable::nowhere;
  const char* heading = nullptr;  ///< of its column
  std::string (*text)(const CollateralAnswer&) = nullptr;
  /// A column that is shown with --all, where a collateral has the figure ("-": it has none), with what it means.
  const char* meaning = nullptr;
};

/// In the order of JSON (DESIGN 4.2: additions come last), and of the columns of each table.
std::span<const CollateralFigure> collateral_figures();

}  // namespace proofload
