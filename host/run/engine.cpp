#include "run/engine.h"
#include "base/error.h"
#include "base/version.h"
#include "plan/compile.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>

namespace proofload {

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
      throw Error(
          fmt::format("the result to resume has {} paths already (the run is to have {}) ask for more with --paths",
                      before->range.count, scenario.run.paths));
    }
    r.tally = before->tally;
    r.range.count = before->range.count;
    r.wall_seconds = before->wall_seconds;
  }
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  const double earlier = r.wall_seconds;
  const std::uint64_t started = r.range.count;
  std::uint64_t batch = options.batch == 0 ? backend.batch() : options.batch;
  while (r.range.count < scenario.run.paths) {
    const std::uint64_t count = std::min(batch, scenario.run.paths - r.range.count);
    backend.run(r.compiled, r.seed, {r.range.count, count}, r.tally);
    r.range.count += count;
    if (r.tally.lowest_non_finite != ~std::uint64_t{0}) {
      throw Error(fmt::format(
          "path {} has an outcome that is not a finite number (volatility or drift is too large for a horizon this "
          "long) look at it with `proofload explain SCENARIO --path {} --seed {}` and lower them",
          r.tally.lowest_non_finite, r.tally.lowest_non_finite, r.seed));
    }
    r.wall_seconds = earlier + elapsed();
    if (options.batch == 0) {  // the next batch: about a second at the rate so far
      const double rate = static_cast<double>(r.range.count - started) / std::max(elapsed(), 1e-3);
      batch = static_cast<std::uint64_t>(std::clamp(rate, 65536.0, 1e9)) / 65536 * 65536;
    }
    if (options.progress) options.progress({started, r.range.count, scenario.run.paths, elapsed()});
    if (options.stop && options.stop()) break;
    if (options.checkpoint && r.range.count < scenario.run.paths) options.checkpoint(r);
  }
  return r;
}

}  // namespace proofload
