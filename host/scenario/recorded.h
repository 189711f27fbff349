/// recorded.h -- what files held when a result was made, in the place of those files: whether it is taken, and whether
/// it can be.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "input/values.h"
#include "scenario/reader.h"
#include "scenario/scenario.h"

namespace proofload::input {

/// Whether what is recorded of `file` is taken rather than `path` opened, which a scenario of these assets names.
inline bool stands_in(const Recorded& recorded, const std::string& file, const std::filesystem::path& path,
                      const std::vector<AssetSpec>& assets) {
  if (recorded.use == Recorded::Use::instead) return true;
  std::error_code ignored;
  return !std::filesystem::exists(path, ignored) && path.filename() == std::filesystem::path(file).filename() &&
         std::equal(assets.begin(), assets.end(), recorded.assets.begin(), recorded.assets.end(),
                    [](const AssetSpec& asset, const std::string& name) { return asset.name == name; });
}

/// Whether there are so many rows, each with a number for each asset; what is wrong is about `at`, which is called
/// `what`.
inline bool check_recorded(Report& report, const Place& at, const std::string& what,
                           const std::vector<std::vector<double>>& rows, std::size_t fewest, std::size_t assets) {
  constexpr double largest = 1e6;  // of standard deviations or of log returns: beyond any that a file may hold
  const bool good = rows.size() >= fewest && std::all_of(rows.begin(), rows.end(), [&](const auto& row) {
                      return row.size() == assets &&
                             std::all_of(row.begin(), row.end(), [](double x) { return std::fabs(x) <= largest; });
                    });
  if (good) return true;
  report.add(at, fmt::format("{} has no record that can be used", what),
             fmt::format("it takes {} rows or more, each with a number for each of {} assets", fewest, assets),
             "run the scenario again");
  return false;
}

}  // namespace proofload::input
