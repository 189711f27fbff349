/// export.h -- haircuts in the units of the engine that is to use them, from the upper bound, with where they come
/// from.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "run/results.h"

namespace proofload {

/// One haircut as a venue is to set it.
struct ExportedHaircut {
  std::string collateral, asset, route;
  double confidence = 0.0, estimate = 0.0, upper = 0.0;  ///< fractions; upper: upper end of the interval
  int basis_points = 0;                                  ///< of `upper` clamped to [0, 1], rounded up
  bool beyond_cliff = false;                             ///< it is the loss given failure: cap the exposure too
};

/// Throws Error when a haircut has no upper bound: too few paths were run for it.
std::vector<ExportedHaircut> exported_haircuts(const Results&);

/// A fraction in basis points, never below it: a product that is whole but for the rounding of a double counts as
/// whole.
int basis_points_up(double fraction);

/// Writes the haircuts for `venue` ("generic") as JSON (results/haircuts.schema.json) or CSV, by the file's extension.
/// The file is complete or absent. Throws Error.
void export_haircuts(const Results&, const std::string& venue, const std::filesystem::path& file);

}  // namespace proofload
