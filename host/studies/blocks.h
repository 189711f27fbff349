/// blocks.h -- what is not known for certain, drawn once for each of some blocks of paths: an interval that contains
/// parameter error.
///
/// The main run answers with parameters drawn per path (a predictive haircut: one law over all we do not know). The
/// blocks answer how far the haircut itself would be elsewhere if the parameters were others that the data allow: block
/// b simulates fresh paths with *one* draw of them. Both read the same [uncertainty].
///
/// The interval at level L over B block haircuts runs from the k-th least to the k-th greatest, k = floor((1 - L)/2 (B
/// + 1)). It is a distribution-free prediction interval: the haircut of one more block, with parameters from the same
/// law, lies in it with probability (B + 1 - 2k)/(B + 1) >= L (order statistics of an exchangeable sample), however
/// skewed that law is. Mean +- t * deviation is not used: hazards known from few events have a skewed posterior, and
/// beyond the cliff haircuts jump, so that a symmetric interval fails on both sides. A block haircut is
/// haircut(parameters) + simulation noise of its few paths; nothing is subtracted for the noise, so that for
/// haircut(parameters) alone, which is what one wants, the interval is too wide (it over-covers) rather than too
/// narrow. Where B is so small that k = 0 (64 blocks at a level above 63/65) there is no interval.
#pragma once
#include <cstdint>
#include <functional>

#include "run/backend.h"
#include "run/results.h"

namespace proofload {

/// The paths of a block are none of any run's own: they begin here, 2^40 apart.
inline constexpr std::uint64_t first_block_path = std::uint64_t{1} << 62, block_path_stride = std::uint64_t{1} << 40;

/// As many paths as the main run has, over all blocks: run.paths / blocks each.
std::uint64_t paths_of_block(const Scenario&);

struct BlockOptions {
  std::function<void(const BlockHaircuts&)> checkpoint;  ///< called after every block; may be empty
  std::function<bool()> stop;                            ///< asked after every block; may be empty
};

/// Runs the blocks of a scenario with an [uncertainty], or goes on from those of `before` (which same_blocks said are
/// the same). Fewer are done when `stop` said so. Throws Error naming the block when its parameters cannot be
/// simulated.
BlockHaircuts run_blocks(const Scenario&, Backend&, const BlockOptions& = {}, const BlockHaircuts& before = {});

/// Whether blocks of the one scenario, as far as they were run, are blocks of the other, given that their plans and
/// seeds are the same.
bool same_blocks(const Scenario&, const BlockHaircuts&, const Scenario& other);

}  // namespace proofload
