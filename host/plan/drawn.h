/// uncertainty.h -- what is not known for certain, drawn once for each of some blocks of paths: an interval that contains parameter error.
///
/// The main run answers with parameters drawn per path (a predictive haircut: one law over all we do not know). The blocks answer how far
/// the haircut itself would be elsewhere if the parameters were others that the data allow: block b simulates fresh paths with *one* draw
/// of them. Both read the same [uncertainty].
///
/// The interval at level L over B block haircuts runs from the k-th least to the k-th greatest, k = floor((1 - L)/2 (B + 1)). It is a
/// distribution-free prediction interval: the haircut of one more block, with parameters from the same law, lies in it with probability
/// (B + 1 - 2k)/(B + 1) >= L (order statistics of an exchangeable sample), however skewed that law is. Mean +- t * deviation is not used:
/// hazards known from few events have a skewed posterior, and beyond the cliff haircuts jump, so that a symmetric interval fails on both
/// sides. A block haircut is haircut(parameters) + simulation noise of its few paths; nothing is subtracted for the noise, so that for
/// haircut(parameters) alone, which is what one wants, the interval is too wide (it over-covers) rather than too narrow. Where B is so
/// small that k = 0 (64 blocks at a level above 63/65) there is no interval.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "run/backend.h"
#include "scenario/scenario.h"

namespace proofload {

/// The scenario with its parameters drawn for a block; its [uncertainty] is off. What is drawn, each from standard scores of its own:
/// - all volatilities at once, times exp(s Z): through stress.volatility, which every price model applies in its own way (a replay of
///   recorded prices keeps them);
/// - delays, times exp(s Z) per owner, that is per source or destination chain, layer, oracle (those on one destination chain together) and
///   route: every stage of random length that the owner has, as a whole, so that its median moves and its shape stays. Constant
///   stages are known, and outages, stalls and reorganisations of probability zero have no error here;
/// - dof + error Z, at least 2.05, of Student-t shocks;
/// - correlations, one score for all pairs: R becomes (1 - w) R + w T, T that of assets that move as one (up) or as oppositely as so many
///   can (down: -1/(n - 1) each), w such that their *mean* moves by exactly error Z, as long as w <= 0.99. That keeps R positive
///   definite, a convex combination of such matrices. The part of stress factor loadings (systemic.prices) is left as it is.
///   Loadings of factor models are multiplied alike so that the mean correlation moves by error Z, as far as own variances stay positive;
/// - hazards from Gamma(events + 1/2, years), layers of one group by one score.
/// Draws are addressed, not consumed: Philox, key = seed, counter = (hash of the name, purpose, block), so that a parameter more
/// moves no other draw. The same bits on every host. Throws Error for parameters that make no law.
Scenario drawn(const Scenario&, std::uint64_t seed, int block);

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

/// The paths of a block are none of any run's own: they begin here, 2^40 apart.
inline constexpr std::uint64_t first_block_path = std::uint64_t{1} << 62, block_path_stride = std::uint64_t{1} << 40;

/// As many paths as the main run has, over all blocks: run.paths / blocks each.
std::uint64_t paths_of_block(const Scenario&);

struct BlockOptions {
  std::function<void(const BlockHaircuts&)> checkpoint;  ///< called after every block; may be empty
  std::function<bool()> stop;                            ///< asked after every block; may be empty
};

/// Runs the blocks of a scenario with an [uncertainty], or goes on from those of `before` (which same_blocks said are the same). Fewer are
/// done when `stop` said so. Throws Error naming the block when its parameters cannot be simulated.
BlockHaircuts run_blocks(const Scenario&, Backend&, const BlockOptions& = {}, const BlockHaircuts& before = {});

/// Whether blocks of the one scenario, as far as they were run, are blocks of the other, given that their plans and seeds are the same.
bool same_blocks(const Scenario&, const BlockHaircuts&, const Scenario& other);

struct ParameterInterval {
  double low = 0.0, high = 0.0;
};

/// [collateral][confidence]; absent where blocks are too few or have too few paths.
std::vector<std::vector<std::optional<ParameterInterval>>> parameter_intervals(const BlockHaircuts&, double level);

}  // namespace proofload
