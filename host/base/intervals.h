/// intervals.h -- what counts say of a probability and of a quantile, and how sure: exact for every number of paths.
#pragma once
#include <cstdint>
#include <utility>

namespace proofload {

struct Estimate {
  double estimate = 0.0, low = 0.0, high = 0.0;
};

/// Clopper-Pearson (1934) interval of a binomial probability at two-sided `level`.
Estimate proportion(std::uint64_t successes, std::uint64_t trials, double level);

/// Two-sided interval at `level` of the mean of a law on [0, 1], from the mean and the variance (of n, not n - 1) of n
/// draws, n at least 1. Each end is a quantile of the draws' mean under random weights, one more draw at that end of
/// [0, 1] among them (Gaffke 2005, Learned-Miller and Thomas 2020), here of the beta law with its first two moments: of
/// draws that are 0 or 1 that is Clopper and Pearson's, of many draws the normal interval.
Estimate bounded_mean(double mean, double variance, std::uint64_t n, double level);

/// Ranks (1-based) between which the quantile of order `p` lies with at least `level`; n + 1 or 0 when there is no such
/// rank.
std::pair<std::uint64_t, std::uint64_t> quantile_ranks(std::uint64_t n, double p, double level);

/// The smallest whole number, from 1 to n, that is at least p n. A product that is whole but for rounding counts as
/// whole: 0.9999 of 10,000 is 9,999.
std::uint64_t rank_of(std::uint64_t n, double p);

/// The normal score that leaves (1 - level) / 2 in each tail: 1.96 for 0.95.
double interval_score(double level);

}  // namespace proofload
