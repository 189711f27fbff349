/// made_results.h -- results whose counts a test chooses, of a scenario that the program itself has read and compiled.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plan/compile.h"
#include "run/results.h"
#include "scenario/reader.h"

namespace proofload::testing {

/// Two collaterals on two routes and layers; the second has no policy haircut. No sale costs, no portfolio.
inline constexpr char two_collaterals[] = R"(
schema = 1
name = "made"
description = "counts chosen by a test"
[run]
paths = 1000
seed = 7
confidence = [0.9, 0.99, 0.999]
[market]
assets = [ { name = "ETH", price = 3000.0, volatility = 0.80 } ]
[layers.one]
hazard = 0.05
exposure = "72h"
recovery = { kind = "constant", value = 0.5 }
[layers.two]
hazard = 0.0
exposure = "1h"
[routes.fast]
collateral_chain = "ethereum"
liability_chain = "arbitrum"
layer = "one"
stages = [ { name = "relay", kind = "exponential", mean = "10m" } ]
[routes.slow]
collateral_chain = "base"
liability_chain = "arbitrum"
layer = "two"
stages = [ { name = "finality", kind = "uniform", min = "10m", max = "20m" } ]
[[collateral]]
name = "ETH@ethereum"
asset = "ETH"
route = "fast"
haircut = 0.10
[[collateral]]
name = "ETH@base"
asset = "ETH"
route = "slow"
)";

/// The scenario with these lines in [market].
inline std::string market_with(std::string text, const std::string& lines) {
  return text.insert(text.find("[layers.one]"), lines + "\n");
}

/// The scenario whose second collateral has a policy haircut too, as a book.
inline std::string as_book(const std::string& text) { return text + "haircut = 0.2\n[portfolio]\nhaircut = 0.15\n"; }

/// Dates for observers.
inline constexpr char a_grid[] = "grid = { step = \"10m\" }";

/// The bin of a loss, found among the edges.
inline std::size_t bin_of(double loss) {
  int low = 0, high = loss_bins;  // edge(low) <= loss < edge(high)
  if (loss >= 1.0) return loss_bins - 1;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (loss_edge(middle) <= loss ? low : high) = middle;
  }
  return static_cast<std::size_t>(low);
}

/// A result with an empty tally, to be filled by count_path and sealed.
inline Results made_results(const std::string& text = two_collaterals) {
  Results r;
  r.scenario = parse_scenario(text, "made.toml");
  r.compiled = compile(r.scenario);
  r.seed = r.scenario.run.seed;
  r.engine = "proofload test";
  r.backend = "cpu";
  r.device = "a test";
  r.date = "2026-11-22T00:00:00Z";
  r.wall_seconds = 1.5;
  r.tally = Tally(layout_of(r.compiled.plan));
  return r;
}

/// `n` paths on which collateral k loses `latency` without failures, and `struck` instead when its layer failed (if
/// struck is set).
inline void count_losses(Tally& tally, int k, double latency, std::uint64_t n = 1, std::optional<double> struck = {}) {
  const TallyLayout& at = tally.layout;
  tally.counts[at.latency(k) + bin_of(latency)] += n;
  if (!struck) return;
  tally.counts[at.spared(k) + bin_of(latency)] += n;
  tally.counts[at.struck(k) + bin_of(*struck)] += n;
  tally.counts[at.hit(k)] += n;
}

/// Gives what was not counted the loss 0 and the delay 1 s, so that every histogram holds `paths`.
inline void seal(Results& r, std::uint64_t paths) {
  Tally& tally = r.tally;
  const TallyLayout& at = tally.layout;
  const auto top_up = [&](std::size_t from, std::size_t bins, std::size_t bin) {
    std::uint64_t sum = 0;
    for (std::size_t b = 0; b < bins; ++b) sum += tally.counts[from + b];
    tally.counts[from + bin] += paths - sum;
  };
  for (int p = 0; p < int(at.readings); ++p) top_up(at.price(p), loss_bins, bin_of(0.0));
  for (int i = 0; i < int(at.based); ++i) top_up(at.basis(i), loss_bins, bin_of(0.0));
  for (int k = 0; k < int(at.collaterals); ++k) top_up(at.latency(k), loss_bins, bin_of(0.0));
  if (at.portfolio != 0) top_up(at.book(), loss_bins, bin_of(0.0));
  if (at.lowest != 0) top_up(at.least(), loss_bins, bin_of(0.0));
  for (int i = 0; i < int(at.routes); ++i) top_up(at.delay(i), delay_bins, 1 + 9 * delay_bins_per_octave);  // 2^9 ticks
  tally.paths = r.range.count = paths;
}

}  // namespace proofload::testing
