#include "studies/blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "answers/answer.h"
#include "base/error.h"
#include "base/intervals.h"
#include "plan/compile.h"
#include "plan/drawn.h"
#include "run/engine.h"

namespace proofload {
namespace {

std::string named(std::size_t block, const std::string& what) {
  return fmt::format("block {} of [uncertainty], whose parameters are drawn: {}", block, what);
}

}  // namespace

std::uint64_t paths_of_block(const Scenario& scenario) {
  const std::uint64_t blocks = static_cast<std::uint64_t>(std::max(1, scenario.uncertainty.blocks));
  return std::min(scenario.run.paths / blocks, block_path_stride);
}

BlockHaircuts run_blocks(const Scenario& scenario, Backend& backend, const BlockOptions& options,
                         const BlockHaircuts& before) {
  const std::size_t blocks = static_cast<std::size_t>(std::max(0, scenario.uncertainty.blocks));
  BlockHaircuts all = before;
  all.paths = paths_of_block(scenario);
  all.confidence = scenario.run.confidence;
  all.collaterals = scenario.collateral.size();
  std::vector<bool> bounded;
  for (const double confidence : all.confidence) {
    bounded.push_back(all.paths > 0 &&
                      quantile_ranks(all.paths, confidence, scenario.run.interval).second <= all.paths);
  }
  if (std::find(bounded.begin(), bounded.end(), true) == bounded.end()) return BlockHaircuts{};  // no block can tell
  for (; all.done < blocks;) {
    Results r;
    try {
      r.scenario = drawn(scenario, scenario.run.seed, static_cast<int>(all.done));
      r.compiled = compile(r.scenario);
    } catch (const Error& e) { throw Error(named(all.done, e.what())); }
    r.seed = scenario.run.seed;
    r.range = {first_block_path + all.done * block_path_stride, all.paths};
    r.tally = Tally(layout_of(r.compiled.plan));
    const auto stopped = [&] { return options.stop && options.stop(); };
    if (run_in_batches(r.compiled, backend, r.seed, r.range, 0, r.tally, [&](std::uint64_t) { return !stopped(); }) <
        r.range.count)
      break;  // within a block, which is not counted
    if (r.tally.lowest_non_finite != ~std::uint64_t{0}) {
      throw Error(named(all.done,
                        "an outcome is not a finite number (volatility is too large for a horizon this long, or too "
                        "uncertain) lower market volatilities or uncertainty.volatility"));
    }
    const Answers answers = answer(r);
    for (const auto& collateral : answers.collateral) {
      for (std::size_t c = 0; c < bounded.size(); ++c) {
        all.haircut.push_back(bounded[c] ? *collateral.haircuts[c].value : std::numeric_limits<double>::quiet_NaN());
      }
    }
    ++all.done;
    if (stopped()) break;
    if (options.checkpoint && all.done < blocks) options.checkpoint(all);
  }
  return all;
}

bool same_blocks(const Scenario& scenario, const BlockHaircuts& blocks, const Scenario& other) {
  const UncertaintySpec &a = scenario.uncertainty, &b = other.uncertainty;
  const auto same_hazard = [](const UncertaintySpec::Hazard& x, const UncertaintySpec::Hazard& y) {
    return x.layer == y.layer && x.group == y.group && x.events == y.events && x.years == y.years;
  };
  return b.given && a.volatility == b.volatility && a.dof == b.dof && a.correlation == b.correlation &&
         a.delays == b.delays &&
         std::equal(a.hazards.begin(), a.hazards.end(), b.hazards.begin(), b.hazards.end(), same_hazard) &&
         blocks.paths == paths_of_block(other) && blocks.confidence == other.run.confidence &&
         blocks.collaterals == other.collateral.size() && scenario.run.interval == other.run.interval &&
         blocks.done <= static_cast<std::size_t>(std::max(0, b.blocks));
}

}  // namespace proofload
