/// result_file.h -- results in HDF5: complete or absent, and never silently another run's (results/README.md has the
/// format).
#pragma once
#include <filesystem>

#include "run/results.h"

namespace proofload {

/// Written to a temporary name in the same folder, synced, then renamed: the file is complete or absent. Throws Error.
void write_results(const Results&, const std::filesystem::path&);

/// Throws Error for a file that is not ours, truncated, or whose scenario no longer compiles to the stored plan hash.
Results read_results(const std::filesystem::path&);

}  // namespace proofload
