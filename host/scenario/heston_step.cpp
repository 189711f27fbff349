#include "scenario/heston_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/words.h"
#include "kernels/plan.h"
#include "laws/laws.h"

namespace proofload {
namespace {

constexpr double finest_grid = 1e6;      // dates up to the horizon (input::read_grid, compile())
constexpr double shortest_step = 0.002;  // seconds: a tick

/// Of one asset: per year, volatility as the scenario has it. stress.volatility multiplies all of a variance alike, and
/// moves no step.
struct Variance {
  double kappa, theta, xi, v0;

  /// E of the integral over t years.
  double integral(double t) const { return theta * t + (v0 - theta) * (1.0 - host_exp(-kappa * t)) / kappa; }
  double step(double t) const {
    constexpr double measured = 0.1;
    const double most = kappa * kappa * std::max(v0, theta);
    // V = v0 T: the T that is as long as its own step.
    const double one_step = v0 > 0.0
                                ? 2.0 * measured * measured * v0 /
                                      (xi * xi + std::sqrt(xi * xi * xi * xi + 4.0 * most * measured * measured * v0))
                                : 0.0;
    const double span = std::max(t, one_step), v = integral(span);
    return measured * std::sqrt(v / (xi * xi + kappa * kappa * std::max(v, theta * span)));
  }
};

/// Seconds that nine in ten liquidations over this route take, at least: outages and stalls only add to it.
double early(const RouteSpec& route, double times) {
  double sum = 0.0;
  for (const StageSpec& stage : route.stages) sum += law_quantile(stage.law, 0.1);
  return sum * times;
}

/// Down to whole seconds, minutes from ten on, hours from ten on; below ten seconds to a tenth, below one to
/// milliseconds.
double readable(double seconds) {
  const double unit = seconds >= 36000.0 ? 3600.0 : seconds >= 600.0 ? 60.0 : 1.0;
  const double parts = seconds >= 10.0 ? 1.0 : seconds >= 1.0 ? 10.0 : 1000.0;
  return std::floor(seconds / unit * parts) / parts * unit;
}

}  // namespace

double heston_step(const Scenario& s) {
  const VarianceSpec& v = s.market.variance;
  double least = s.run.horizon;
  for (const CollateralSpec& c : s.collateral) {
    const std::size_t i = asset_index(s, c.asset);
    const double volatility = s.market.assets[i].volatility;
    const Variance variance{v.mean_reversion[i], volatility * volatility, v.vol_of_vol[i], v.initial[i] * v.initial[i]};
    const double t = early(s.routes[route_index(s, c.route)], s.stress.delays);
    least = std::min(least, seconds_per_year * variance.step(t / seconds_per_year));
  }
  return std::max({readable(least), shortest_step, s.run.horizon / finest_grid});
}

double grid_step(const Scenario& s) {
  const GridSpec& grid = s.market.grid;
  return grid.step ? *grid.step : grid.steps ? s.run.horizon / *grid.steps : 0.0;
}

double steps_to_horizon(const Scenario& s, double step) { return std::ceil(s.run.horizon / step); }

namespace input {

void choose_heston_grid(const Table& top, Scenario& s) {
  GridSpec& grid = s.market.grid;
  if (s.market.variance.kind != VarianceKind::heston || s.stress.replay || grid.step || grid.steps) return;
  for (const RouteSpec& route : s.routes) {
    for (const StageSpec& stage : route.stages)
      if (stage.trigger) return;  // an oracle that follows the price asks for a grid itself
  }
  const double step = heston_step(s), steps = steps_to_horizon(s, step);
  if (steps > most_steps_unasked) {
    top.report.add(find(*find(top.node, "market"), "variance")->place,
                   fmt::format("market.variance is heston, which with these delays needs steps of {}, {:.0f} up to "
                               "run.horizon",
                               duration_text(step), steps),
                   fmt::format("a path pays for those up to its sale, and more than {:.0f} are not taken unasked",
                               most_steps_unasked),
                   fmt::format("write grid = {{ step = \"{}\" }} in [market]", duration_text(step)));
    return;
  }
  grid.step = step;
  grid.observed = false;
}

}  // namespace input
}  // namespace proofload
