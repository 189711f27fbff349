/// tally.h -- what is counted: integers only, so that any split, order, thread count or backend merges to the same tally.
///
/// A tally is one flat array of counters, laid out by TallyLayout; merging two is adding them element by element (`lowest` excepted).
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/plan.h"

namespace proofload {

/// Loss bins: [below -1) | 1,000 bins of 1e-3 on [-1, 0) | 100,000 bins of 1e-5 on [0, 1) | [1, ..] (a loss is at most 1: nothing is left).
inline constexpr int loss_gain_bins = 1000, loss_fine_bins = 100'000;
inline constexpr int loss_bins = 1 + loss_gain_bins + loss_fine_bins + 1;

/// Lower edge of a loss bin; `loss_edge(b + 1)` is its upper edge. The last bin is the single point 1.
constexpr double loss_edge(int bin) {
  if (bin <= 0) return -1e300;
  if (bin <= 1 + loss_gain_bins) return (bin - 1 - loss_gain_bins) / 1000.0;
  const int fine = bin - 1 - loss_gain_bins;
  return fine >= loss_fine_bins ? 1.0 : fine / 100'000.0;
}

/// Delay bins: 32 an octave, of the delay in ticks; bin 0 holds delays below one tick. The last bin holds unresolved legs.
inline constexpr int delay_bins_per_octave = 32, delay_octaves = 31;
inline constexpr int delay_bins = 1 + delay_octaves * delay_bins_per_octave + 1;

/// Lower edge of a delay bin in ticks (bin in 0 .. delay_bins - 2).
constexpr double delay_edge(int bin) {
  if (bin <= 0) return 0.0;
  const int octave = (bin - 1) / delay_bins_per_octave, step = (bin - 1) % delay_bins_per_octave;
  return static_cast<double>(1ull << octave) * (1.0 + step / 32.0);
}

/// Shortfalls are summed in units of 2^-24 of the collateral's value.
inline constexpr double shortfall_unit = 1.0 / 16777216.0;

/// Where each counter lies. Counters that fit 32 bits per worker come first; `sums` are 64-bit from the start.
struct TallyLayout {
  std::uint32_t readings, collaterals, routes, layers, portfolio, breaches, lowest;
  std::uint32_t joint;  ///< 1: pairs (i, j) of under-collateralised tokens are counted; 0: only (i, i)

  // histograms, `loss_bins` each
  constexpr std::size_t price(int reading) const {
    return std::size_t(reading) * loss_bins;
  }  ///< loss at the price-layer time
  constexpr std::size_t latency(int k) const {
    return price(int(readings)) + std::size_t(k) * loss_bins;
  }  ///< no failures
  constexpr std::size_t spared(int k) const {
    return latency(int(collaterals)) + std::size_t(k) * loss_bins;
  }  ///< hit paths: without the failure
  constexpr std::size_t struck(int k) const {
    return spared(int(collaterals)) + std::size_t(k) * loss_bins;
  }                                                                        ///< hit paths: with it
  constexpr std::size_t book() const { return struck(int(collaterals)); }  ///< weighted book, after sale costs
  constexpr std::size_t least() const {
    return book() + portfolio * std::size_t(loss_bins);
  }  ///< book's worst grid date
  constexpr std::size_t delay(int route) const {
    return least() + lowest * std::size_t(loss_bins) + std::size_t(route) * delay_bins;
  }
  // single counters
  constexpr std::size_t under(int i, int j) const {
    return delay(int(routes)) + std::size_t(i) * (joint != 0 ? collaterals : 0u) + std::size_t(j);
  }  ///< both; i <= j only (i == j without `joint`)
  constexpr std::size_t failed(int i, int j) const {
    return delay(int(routes)) + std::size_t(collaterals) * (joint != 0 ? collaterals : 1u) + std::size_t(i) * layers +
           std::size_t(j);
  }  ///< layers; i <= j
  constexpr std::size_t hit(int k) const {
    return failed(int(layers), 0) + std::size_t(k);
  }  ///< paths on which k's layer failed
  constexpr std::size_t late(int k) const {
    return hit(int(collaterals)) + std::size_t(k);
  }  ///< paths on which k is unresolved
  constexpr std::size_t breach(int k) const {
    return late(int(collaterals)) + std::size_t(k);
  }  ///< paths on which a grid date up to k's sale has a price loss beyond its policy haircut
  constexpr std::size_t book_under() const { return late(int(collaterals)) + breaches * std::size_t(collaterals); }
  constexpr std::size_t unresolved() const { return book_under() + 1; }  ///< paths with any unresolved leg
  constexpr std::size_t non_finite() const { return unresolved() + 1; }
  constexpr std::size_t counters() const { return non_finite() + 1; }
  // every path counts once in each of these histograms: their order, for buffers
  constexpr int price_order(int reading) const { return reading; }
  constexpr int latency_order(int k) const { return int(readings) + k; }
  constexpr int book_order() const { return int(readings + collaterals); }
  constexpr int least_order() const { return int(readings + collaterals + portfolio); }
  constexpr int delay_order(int route) const { return int(readings + collaterals + portfolio + lowest) + route; }
  constexpr int histograms() const { return int(readings + collaterals + portfolio + lowest + routes); }
  // sums
  constexpr std::size_t shortfall(int k) const { return std::size_t(k); }  ///< all paths, failures included
  constexpr std::size_t shortfall_spared(int k) const {
    return std::size_t(collaterals) + std::size_t(k);
  }  ///< all paths, no failures
  constexpr std::size_t shortfall_struck(int k) const {
    return 2 * std::size_t(collaterals) + std::size_t(k);
  }  ///< hit paths only, with the failure
  constexpr std::size_t sums() const { return 3 * std::size_t(collaterals); }
};

constexpr TallyLayout layout_of(const Plan& plan) {
  return {plan.readings,  plan.collaterals, plan.routes, plan.layers,
          plan.portfolio, plan.breaches,    plan.lowest, plan.joint};
}

}  // namespace proofload
