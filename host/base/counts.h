/// counts.h -- what counts say beyond one proportion: counts of paths that do not weigh the same, and of two samples.
#pragma once
#include <cstdint>

#include "base/intervals.h"

namespace proofload {

/// Two-sided p-value of "the probabilities are equal" for two samples: Fisher's exact test, which holds however few
/// successes there are, as twice the smaller tail. `seen`: the share of the probability of what was seen that counts.
/// With 1 a chance is never larger than it says, whatever number of successes both samples have together; where that
/// number is random as well, 1/2 (mid-p, Lancaster 1961) is enough, and 1 says up to twice too much.
double fisher_p(std::uint64_t successes, std::uint64_t trials, std::uint64_t other_successes,
                std::uint64_t other_trials, double seen);

/// Interval at two-sided `level` of the mean of a sum over a Poisson number of independent weights, none negative:
/// `first` and `second` are the sums of the weights that were seen and of their squares, `largest` how much one that
/// was not seen may weigh at most. Gamma limits (Fay and Feuer 1997, Statistics in Medicine 16:791): with weights of 1
/// they are the exact ones of a Poisson mean (Garwood 1936), for all others wide enough in every case that was tried.
Estimate weighted_count(double first, double second, double largest, double level);

}  // namespace proofload
