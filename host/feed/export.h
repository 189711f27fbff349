/// export.h -- haircuts in the units of the engine that is to use them, from the upper bound, with where they come
/// from.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "feed/venue.h"
#include "run/results.h"

namespace proofload {

/// One haircut as a venue is to set it.
struct ExportedHaircut {
  std::string collateral, asset, route;
  double confidence = 0.0, estimate = 0.0, upper = 0.0;  ///< fractions; upper: upper end of the interval
  std::int64_t units = 0;                                ///< of `upper`, in the venue's integers
  bool beyond_cliff = false;                             ///< it is the loss given failure: cap the exposure too
};

/// Throws Error when the result is past its validity (answers/validity.h) at `now`, seconds since 1970 UTC, or knows
/// later prices.
void require_valid(const Results&, std::int64_t now);

/// With run.in_force they hold at every age: the largest estimate, and the largest upper end. Throws Error when a
/// haircut has no upper bound: too few paths were run for it.
std::vector<ExportedHaircut> exported_haircuts(const Results&, const Venue&);

/// Writes the haircuts for a venue of venue.h as JSON (results/haircuts.schema.json) or CSV, by the file's extension.
/// The file is complete or absent. Throws Error.
void export_haircuts(const Results&, const std::string& venue, const std::filesystem::path& file);

}  // namespace proofload
