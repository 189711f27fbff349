#include "answers/loss_histogram.h"

#include <algorithm>
#include <cmath>

#include "base/counts.h"

namespace proofload {
namespace {

/// What lies beyond a bin of a histogram: sums over its paths, and the most on one of them.
struct Excess {
  double first = 0.0, second = 0.0, largest = 0.0;
};
/// Over `from`, losses taken to be where `edge` (0 lower, 1 upper) of their bins is.
Excess excess_beyond(const LossHistogram& losses, int at, double from, int edge, const Sale& sale) {
  Excess sum;
  for (int b = at + 1; b < loss_bins; ++b) {
    if (losses.count[b] == 0) continue;
    const double excess = std::max(0.0, sale.loss(loss_edge(b + edge)) - from),
                 n = static_cast<double>(losses.count[b]);
    sum.first += n * excess;
    sum.second += n * excess * excess;
    sum.largest = excess;  // bins ascend
  }
  return sum;
}

/// Expected shortfall with its interval (DESIGN 1.1): the mean of the worst 1 - p, in which an atom at the quantile
/// takes part with what is left to it (Acerbi and Tasche 2002). It is the least of q + E[(L - q)+] / (1 - p) over all q
/// (Rockafellar and Uryasev 2002), so an upper limit holds at any q, and is taken at the quantile; a lower one has to
/// hold wherever the quantile may be, and is the less of those at it and at the lower end of its interval. The
/// expectation is a sum of excesses over a Poisson number of paths (weighted_count). Where too few paths beyond the
/// quantile were hit by a failure, which may be most of the truth, one more may lose everything. Losses are taken where
/// the edges of their bins are, outward. `low_rank`: of the quantile's interval; 0: it has no lower end.
struct Shortfall {
  double value;
  std::optional<double> low, high;
};
Shortfall expected_shortfall(const LossHistogram& losses, double p, const Sale& sale, double level,
                             std::uint64_t low_rank, const Hits& hits) {
  const double paths = static_cast<double>(losses.total()), tail = paths * (1.0 - p);
  const int at = losses.bin(rank_of(losses.total(), p));
  const double quantile = sale.loss(loss_edge(at + 1));
  double sum = 0.0;
  std::uint64_t struck = hits.losses == nullptr ? hits.paths : 0;
  for (int b = at + 1; b < loss_bins; ++b) {
    if (losses.count[b] == 0) continue;
    sum += static_cast<double>(losses.count[b]) * (sale.loss(midpoint(b)) - quantile);
    if (hits.losses != nullptr) struck += hits.losses->count[b];
  }
  Shortfall out{quantile + sum / tail, {}, {}};
  if (tail < static_cast<double>(few) - 1e-6) return out;
  const Excess above = excess_beyond(losses, at, quantile, 1, sale);
  const double most = std::max(0.0, 1.0 - quantile);
  const bool anything = (hits.possible && struck < few) || above.first == 0.0;
  const double largest = anything ? most : std::min(most, beyond_largest * above.largest);
  out.high = std::min(1.0, quantile + weighted_count(above.first, above.second, largest, level).high / tail);
  const auto lower_limit = [&](int bin) {
    const double from = sale.loss(loss_edge(bin + 1)), start = bin > 0 ? sale.loss(loss_edge(bin)) : from;
    const Excess sure = excess_beyond(losses, bin, from, 0, sale);
    return start + weighted_count(sure.first, sure.second, 0.0, level).low / tail;
  };
  out.low = lower_limit(at);
  if (low_rank > 0) out.low = std::min(*out.low, lower_limit(losses.bin(low_rank)));
  return out;
}

}  // namespace

HaircutAnswer haircut(const LossHistogram& losses, double confidence, const Sale& sale, double level, Ranks& ranks,
                      const Hits& hits) {
  HaircutAnswer a;
  a.confidence = confidence;
  const std::uint64_t n = losses.total(), rank = rank_of(n, confidence);
  a.value = sale.loss(loss_edge(losses.bin(rank) + 1));
  const auto found = ranks.try_emplace(confidence);
  if (found.second) found.first->second = quantile_ranks(n, confidence, level);
  const auto [low, high] = found.first->second;
  if (low >= 1 && losses.bin(low) > 0) a.low = sale.loss(loss_edge(losses.bin(low)));
  if (high <= n) a.high = sale.loss(loss_edge(losses.bin(high) + 1));
  if (rank < n) {
    const Shortfall shortfall = expected_shortfall(losses, confidence, sale, level, low, hits);
    a.expected_shortfall = shortfall.value;
    a.expected_shortfall_low = shortfall.low;
    a.expected_shortfall_high = shortfall.high;
  }
  return a;
}

void leave_out_largest(std::uint64_t paths, HaircutAnswer& h) {
  if (rank_of(paths, h.confidence) < paths) return;
  h.value.reset();
  h.attribution = {};
  h.efficiency.reset();
}

}  // namespace proofload
