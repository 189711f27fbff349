/// effective.h -- a scenario written out: what `validate` prints and every result embeds.
#pragma once
#include <string>

#include "scenario/scenario.h"

namespace proofload {

/// How the effective scenario names the files of prices and residuals.
enum class FileNames {
  absolute,  ///< as paths that open from any folder
  bare       ///< without their folders: for whoever has what was Recorded from them
};

/// The effective scenario as TOML: every default filled in, includes merged, itself a valid scenario with the same
/// plan.
std::string effective_toml(const Scenario&, FileNames = FileNames::absolute);

}  // namespace proofload
