/// drawn.h -- what is not known for certain of a scenario, drawn once: the scenario that one block of paths simulates
/// (studies/blocks.h).
#pragma once
#include <cstdint>

#include "scenario/scenario.h"

namespace proofload {

/// Of a Student t whose dof is drawn: below, its variance is nearly all in its tails.
inline constexpr double least_drawn_dof = 2.05;

/// The scenario with its parameters drawn for a block; its [uncertainty] is off. What is drawn, each from standard
/// scores of its own:
/// - all volatilities at once, times exp(s Z): through stress.volatility, which every price model applies in its own
///   way (a replay of recorded prices keeps them);
/// - delays, times exp(s Z) per owner, that is per chain, layer, oracle (those on one liability chain together) and
///   route: every stage of random length that the owner has, as a whole, so that its median moves and its shape stays.
///   Constant stages are known, and outages, stalls and reorganisations of probability zero have no error here;
/// - dof + error Z, at least 2.05, of Student-t shocks;
/// - correlations, one score for all pairs: R becomes (1 - w) R + w T, T that of assets that move as one (up) or as
///   oppositely as so many can (down: -1/(n - 1) each), w such that their *mean* moves by exactly error Z, as long as w
///   <= 0.99. That keeps R positive definite, a convex combination of such matrices. The part of stress factor loadings
///   (systemic.prices) is left as it is. Loadings of factor models are multiplied alike so that the mean correlation
///   moves by error Z, as far as own variances stay positive;
/// - hazards from Gamma(events + 1/2, years), layers of one group by one score.
/// Draws are addressed, not consumed: Philox, key = seed, counter = (hash of the name, purpose, block), so that a
/// parameter more moves no other draw. The same bits on every host. Throws Error for parameters that make no law.
Scenario drawn(const Scenario&, std::uint64_t seed, int block);

}  // namespace proofload
