#include "run/engine.h"
#include "base/error.h"
#include "base/version.h"
#include "base/words.h"
#include "plan/compile.h"
#include "run/ages.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>

namespace proofload {

std::uint64_t run_in_batches(const Compiled& compiled, Backend& backend, std::uint64_t seed, PathRange range,
                             std::uint64_t batch, Tally& tally, const std::function<bool(std::uint64_t done)>& go_on,
                             AgeLosses* ages) {
  constexpr double wanted_seconds = 0.5;
  constexpr double flat_growth = 0.3;  // of a batch's time, over that of its paths: then it is not the paths that cost
  constexpr std::uint64_t granule = 65536, most_growth = 16;
  const auto start = std::chrono::steady_clock::now();
  AgedPaths paths(compiled);
  std::uint64_t previous = 0, least = 1;
  double before = 0.0;  // seconds of the previous batch
  std::uint64_t done = 0, next = batch == 0 ? backend.batch() : batch;
  while (done < range.count) {
    const std::uint64_t count = std::min(next, range.count - done);
    const auto begin = std::chrono::steady_clock::now();
    paths.run(backend, seed, {range.first + done, count}, tally, ages);
    done += count;
    if (!go_on(done)) break;
    if (batch != 0) continue;
    // A batch may cost more than its paths (counters of a large book, once for each age): then it has to grow, or a run
    // would be made of nothing but that.
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const double growth = previous > 0 ? double(count) / double(previous) - 1.0 : 0.0;
    if (growth > 0.1 && took / before - 1.0 < flat_growth * growth) least = 2 * count;
    previous = count;
    before = took;
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    const double rate = static_cast<double>(done) / std::max(elapsed.count(), 1e-6);
    next = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(std::min(rate * wanted_seconds, 1e9)), 1,
                                     most_growth * next);
    next = std::max(next, least);
    if (next > granule) next = next / granule * granule;
  }
  return done;
}

Results run_scenario(const Scenario& scenario, Backend& backend, const RunOptions& options,
                     const std::optional<Results>& before) {
  Results r;
  r.scenario = scenario;
  r.compiled = compile(scenario);
  r.seed = scenario.run.seed;
  r.engine = engine_version();
  r.backend = backend.name();
  r.device = backend.device();
  r.date = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  r.tally = Tally(layout_of(r.compiled.plan));
  if (before) {
    if (before->compiled.plan_hash != r.compiled.plan_hash || before->seed != r.seed || before->range.first != 0) {
      throw Error(
          "the result to resume is of another run (its plan, seed or first path differ) run the scenario from the "
          "start");
    }
    if (before->range.count > scenario.run.paths) {
      throw Error(fmt::format("the result to resume has {} already (the run is to have {}) ask for more with --paths",
                              counted(before->range.count, "path"), grouped(scenario.run.paths)));
    }
    r.tally = before->tally;
    r.ages = before->ages;
    r.range.count = before->range.count;
    r.wall_seconds = before->wall_seconds;
  }
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  const double earlier = r.wall_seconds;
  const std::uint64_t started = r.range.count;
  run_in_batches(
      r.compiled, backend, r.seed, {started, scenario.run.paths - started}, options.batch, r.tally,
      [&](std::uint64_t done) {
        r.range.count = started + done;
        if (r.tally.lowest_non_finite != ~std::uint64_t{0}) {
          throw Error(fmt::format(
              "path {} has an outcome that is not a finite number ({} for a horizon this long) look at it "
              "with `proofload explain SCENARIO --path {} --seed {}` and lower them",
              r.tally.lowest_non_finite,
              scenario.uncertainty.given ? "volatility or drift, or what [uncertainty] makes of them, is too large"
                                         : "volatility or drift is too large",
              r.tally.lowest_non_finite, r.seed));
        }
        r.wall_seconds = earlier + elapsed();
        if (options.progress) options.progress({started, r.range.count, scenario.run.paths, elapsed()});
        if (options.stop && options.stop()) return false;
        if (options.checkpoint && r.range.count < scenario.run.paths) options.checkpoint(r);
        return true;
      },
      &r.ages);
  return r;
}

}  // namespace proofload
