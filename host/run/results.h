/// results.h -- a finished run: what was asked, who answered, and the tally.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plan/compiled.h"
#include "run/tally.h"
#include "scenario/scenario.h"

namespace proofload {

/// Haircuts of the blocks that have been run: the first `done` of them, of `paths` each.
struct BlockHaircuts {
  std::uint64_t paths = 0;                ///< of one block
  std::vector<double> confidence;         ///< as in the scenario
  std::size_t collaterals = 0, done = 0;  ///< done: blocks
  /// [block][collateral][confidence]; NaN at a confidence that `paths` do not bound from above (quantile_ranks).
  std::vector<double> haircut;

  double at(std::size_t block, std::size_t collateral, std::size_t confidence_index) const {
    return haircut[(block * collaterals + collateral) * confidence.size() + confidence_index];
  }
};

/// Losses by how long their haircut had been set (run/ages.h): counts as in the tally, failures included, before sale
/// costs.
struct AgeLosses {
  std::vector<std::uint64_t> paths;  ///< of each age
  std::size_t collaterals = 0;
  std::vector<std::uint64_t> counts;  ///< [age][collateral][loss bin]

  AgeLosses() = default;
  AgeLosses(std::size_t ages, std::size_t of) : paths(ages), collaterals(of), counts(ages * of * loss_bins) {}
  std::uint64_t& at(std::size_t age, std::size_t collateral, std::size_t bin) {
    return counts[(age * collaterals + collateral) * loss_bins + bin];
  }
  std::uint64_t at(std::size_t age, std::size_t collateral, std::size_t bin) const {
    return counts[(age * collaterals + collateral) * loss_bins + bin];
  }
  bool operator==(const AgeLosses&) const = default;
};

struct Results {
  Scenario scenario;
  Compiled compiled;
  std::uint64_t seed = 0;
  PathRange range;                    ///< the paths that were run
  std::string engine;                 ///< "proofload X.Y.Z"
  std::string backend, device, date;  ///< date: ISO 8601, UTC
  double wall_seconds = 0.0;
  Tally tally;
  AgeLosses ages;  ///< of a scenario with ages that differ (Compiled::ages); their sum is the tally's
  /// of a scenario with an [uncertainty]; fewer than it asks for when interrupted
  std::optional<BlockHaircuts> blocks;
  bool has_checksum = true;  ///< false: read from a file without one, in which damage may not show

  // Out of line: each file that holds one would compile them again.
  Results();
  Results(const Results&);
  Results(Results&&) noexcept;
  Results& operator=(const Results&);
  Results& operator=(Results&&) noexcept;
  ~Results();
};

}  // namespace proofload
