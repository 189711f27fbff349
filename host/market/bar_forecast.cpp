#include "market/bar_forecast.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "plan/compile.h"
#include "run/ages.h"

namespace proofload {
namespace {

constexpr std::size_t most_lengths = 200;  // of limit::components

LawSpec constant(double seconds) {
  LawSpec law;
  law.value = seconds;
  return law;
}

/// How long the sale takes, a second for a bar.
LawSpec law_of(const Horizon& horizon) {
  const Horizon lengths = merged(horizon, most_lengths);
  if (lengths.bars.size() == 1) return constant(lengths.bars[0]);
  LawSpec law;
  law.kind = LawKind::mixture;
  for (std::size_t i = 0; i < lengths.bars.size(); ++i) {
    law.of.push_back(constant(lengths.bars[i]));
    law.of.back().weight = lengths.weight[i];
  }
  return law;
}

/// One asset, one route, one collateral. A bar lasts a second: only their number matters.
Scenario scenario_of(const BarModel& m, const Horizon& horizon, std::size_t in_force) {
  Scenario s;
  s.name = "forecast";
  // a random delay has to end before the horizon
  s.run.horizon = *std::max_element(horizon.bars.begin(), horizon.bars.end()) + 1;
  s.run.in_force = static_cast<double>(in_force);
  ChainSpec& chain = s.chains.emplace_back();
  chain.name = "chain";
  chain.block_time = 1.0;
  StageSpec stage;
  stage.name = StageName::relay;
  stage.law = law_of(horizon);
  RouteSpec& route = s.routes.emplace_back();
  route.name = "route";
  route.collateral_chain = route.liability_chain = chain.name;
  route.stages = {stage};
  s.collateral.resize(1);
  s.collateral[0].name = "collateral";
  s.collateral[0].asset = "asset";
  s.collateral[0].route = "route";
  s.collateral[0].basis = constant(1.0);
  AssetSpec asset{"asset", 1.0, 1.0};                       // the volatility gives way to omega, see BarForecast()
  asset.drift = 0.5 * asset.volatility * asset.volatility;  // none of the log price
  s.market.assets = {asset};
  s.market.innovation.kind = InnovationKind::bootstrap;
  s.market.innovation.bar = 1.0;
  s.market.innovation.block = std::max(m.block, 1.0);
  s.market.innovation.rows.reserve(m.residuals.size());
  for (const double z : m.residuals) s.market.innovation.rows.push_back({z});
  s.market.variance.kind = VarianceKind::gjr_garch;
  s.market.variance.bar = 1.0;
  s.market.variance.alpha = {m.alpha};
  s.market.variance.gamma = {m.gamma};
  s.market.variance.beta = {m.beta};
  s.market.variance.forecast = {asset.volatility};
  return s;
}

float& parameter(Compiled& compiled, BarPlane plane) {
  return compiled.tables.floats[compiled.plan.dynamics + plane * std::uint32_t{limit::walked_assets}];
}

/// The log loss at `part` (0 .. 1) of a bin's way from its lower edge; the first bin is where it ends, the last where
/// it can begin.
double log_loss(int bin, double part) {
  const double last = 1.0 - 0.5 / loss_fine_bins, high = loss_edge(std::min(bin + 1, loss_bins - 1));
  const double low = bin == 0 ? high : loss_edge(bin);
  return -std::log1p(-std::min(low + part * (high - low), last));
}

/// The same in the middle of every bin, which every forecast asks for.
const std::vector<double>& middle_losses() {
  static const std::vector<double> middles = [] {
    std::vector<double> all;
    for (int bin = 0; bin < loss_bins; ++bin) all.push_back(log_loss(bin, 0.5));
    return all;
  }();
  return middles;
}

/// The losses of a bin are spread evenly over it. Leaves the histogram empty, for the next forecast.
TailForecast drain_tail(std::span<std::uint64_t> counts, std::uint64_t paths, const std::vector<double>& confidence) {
  const double least = *std::min_element(confidence.begin(), confidence.end()), n = static_cast<double>(paths);
  const auto wanted = static_cast<std::size_t>(std::clamp((1.0 - least) * (n + 1.0) + 2.0, 1.0, n));
  std::vector<double> highest;
  double squares = 0.0;
  const std::vector<double>& middles = middle_losses();
  std::size_t end = 0;  // of the bins in which a path lies: nearly all of a histogram is beyond
  for (std::uint64_t found = 0; found < paths && end < counts.size(); ++end) found += counts[end];
  for (std::size_t b = end; b-- > 0;) {
    if (counts[b] == 0) continue;
    const int bin = static_cast<int>(b);
    const double many = static_cast<double>(std::exchange(counts[b], 0)), middle = middles[b];
    squares += many * middle * middle;
    for (double i = many - 1.0; i >= 0.0 && highest.size() < wanted; --i)
      highest.push_back(log_loss(bin, (i + 0.5) / many));
  }
  TailForecast tail = empirical_tail(highest, confidence, paths);
  tail.stdev = std::sqrt(squares / n);
  return tail;
}

/// Nobody asks a forecast for its price layer or for how long a message took: what is not counted takes no time.
void count_losses_alone(Plan& plan) {
  plan.readings = plan.routes = 0;
  std::fill(std::begin(plan.first_reading), std::end(plan.first_reading), std::uint16_t{0});
}

}  // namespace

Horizon merged(const Horizon& horizon, std::size_t most) {
  const std::size_t n = horizon.bars.size(), kept = most / 2;
  if (n <= most) return horizon;
  Horizon out{{horizon.bars.begin(), horizon.bars.begin() + static_cast<std::ptrdiff_t>(kept)},
              {horizon.weight.begin(), horizon.weight.begin() + static_cast<std::ptrdiff_t>(kept)}};
  // Every group begins beyond `ratio` times the one before: there cannot be more of them than are left.
  const double whole = static_cast<double>(horizon.bars.back()) / horizon.bars[kept];
  const double ratio = host_pow(whole, 1.0 / static_cast<double>(most - kept - 1));
  for (std::size_t i = kept, end = kept; i < n; i = end) {
    double weight = 0.0, sum = 0.0;
    for (; end < n && horizon.bars[end] <= ratio * horizon.bars[i]; ++end) {
      weight += horizon.weight[end];
      sum += horizon.weight[end] * horizon.bars[end];
    }
    if (!(weight > 0.0)) continue;
    out.bars.push_back(static_cast<int>(std::lround(sum / weight)));
    out.weight.push_back(weight);
  }
  return out;
}

BarForecast::BarForecast(const BarModel& model, const Horizon& horizon, std::size_t in_force,
                         std::vector<double> confidence)
    : confidence_(std::move(confidence)), backend_(make_backend({"cpu", "auto", 1})) {
  if (model.residuals.empty())
    throw Error("a forecast without residuals (there is nothing to draw from) give a longer history");
  Compiled compiled = compile(scenario_of(model, horizon, in_force));
  count_losses_alone(compiled.plan);
  for (std::size_t age = 0; age < compiled.ages.size(); ++age) compiled_.push_back(at_age(compiled, age));
  if (compiled_.empty()) compiled_.push_back(compiled);
  // compile() takes omega from a long-run volatility, which does not exist with a persistence of 1 and more.
  for (Compiled& age : compiled_) parameter(age, omega) = static_cast<float>(model.omega / ticks_per_second);
  tally_ = Tally(layout_of(compiled.plan));
}

TailForecast BarForecast::operator()(double variance, std::size_t paths, std::uint64_t seed) {
  if (paths == 0) return {};
  const std::size_t ages = compiled_.size();
  for (std::size_t age = 0; age < ages; ++age) {
    parameter(compiled_[age], first_variance) = static_cast<float>(variance / ticks_per_second);
    const std::uint64_t count = (paths + ages - 1 - age) / ages;
    if (count > 0) backend_->run(compiled_[age], seed, {age * age_path_stride, count}, tally_);
  }
  return drain_tail(std::span(tally_.counts).subspan(tally_.layout.latency(0), loss_bins), paths, confidence_);
}

}  // namespace proofload
