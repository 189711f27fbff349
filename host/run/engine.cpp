#include "run/engine.h"
#include "base/error.h"
#include "base/version.h"
#include "base/words.h"
#include "plan/compile.h"
#include "run/ages.h"
#include "run/batch_size.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>

namespace proofload {

std::uint64_t run_in_batches(const Compiled& compiled, Backend& backend, std::uint64_t seed, PathRange range,
                             std::uint64_t batch, Tally& tally, const std::function<bool(std::uint64_t done)>& go_on,
                             AgeLosses* ages) {
  AgedPaths paths(compiled);
  BatchSize size(backend.batch());
  std::uint64_t done = 0;
  while (done < range.count) {
    const std::uint64_t count = std::min(batch == 0 ? size.next() : batch, range.count - done);
    const auto begin = std::chrono::steady_clock::now();
    paths.run(backend, seed, {range.first + done, count}, tally, ages);
    size.took(count, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    done += count;
    if (!go_on(done)) break;
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
