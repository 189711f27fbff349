#include "answers/margin.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <stdexcept>

#include "kernels/plan.h"
#include "plan/compile.h"

namespace proofload {
namespace {

bool called_wrapped(const RouteSpec& route) { return route.mechanism.starts_with("wrapped"); }

}  // namespace

double layer_hazard(const Scenario& scenario, const LayerSpec& layer) {
  const double network = layer.network.empty() ? 0.0 : layer.common_hazard;
  const double verifiers = layer.verifiers.empty() ? 0.0 : layer.verifier_hazard;
  return scenario.stress.hazards * (layer.hazard * corruption_factor(layer) + network + verifiers);
}

std::optional<double> ratio_kept(std::optional<double> haircut, std::optional<double> other) {
  if (!haircut || !other || *other >= 1.0) return std::nullopt;
  return (1.0 - *haircut) / (1.0 - *other);
}

std::optional<double> required_margin(const MarginSpec& margin, std::optional<double> haircut) {
  if (margin.liability <= 0.0 || !haircut || *haircut >= 1.0) return std::nullopt;
  return margin.liability / (margin.liquidation_threshold * (1.0 - *haircut));
}

std::optional<double> closed_form_margin(const Scenario& scenario, const std::string& asset, double seconds,
                                         double confidence) {
  const MarginSpec& margin = scenario.margin;
  if (margin.liability <= 0.0 || scenario.stress.replay) return std::nullopt;
  const AssetSpec& a = scenario.market.assets[asset_index(scenario, asset)];
  const double years = seconds / seconds_per_year, sigma = a.volatility * scenario.stress.volatility;
  const double drift = a.drift + scenario.stress.drift;
  const double score = boost::math::quantile(boost::math::complement(boost::math::normal(), confidence));
  return margin.liability / (margin.liquidation_threshold *
                             std::exp((drift - 0.5 * sigma * sigma) * years + sigma * std::sqrt(years) * score));
}

std::optional<double> fixed_delay(const Scenario& scenario, const RouteSpec& route) {
  double ticks = 0.0;  // stages are rounded one by one, as in a plan
  for (const StageSpec& stage : route.stages) {
    if (stage.law.kind != LawKind::constant || stage.trigger) return std::nullopt;
    ticks +=
        std::round(std::min(stage.law.value * scenario.stress.delays, scenario.run.horizon + 1.0) * ticks_per_second);
  }
  return ticks / ticks_per_second;
}

std::optional<std::size_t> wrapped_alternative(const Scenario& scenario, std::size_t k) {
  const auto immediate = [&](const RouteSpec& route) {
    return !route.layer.empty() && fixed_delay(scenario, route).has_value();
  };
  const auto route_of = [&](std::size_t i) -> const RouteSpec& {
    return scenario.routes[route_index(scenario, scenario.collateral[i].route)];
  };
  if (called_wrapped(route_of(k))) return std::nullopt;
  const auto first = [&](const auto& suits) -> std::optional<std::size_t> {
    for (std::size_t i = 0; i < scenario.collateral.size(); ++i) {
      if (scenario.collateral[i].asset == scenario.collateral[k].asset && suits(route_of(i))) return i;
    }
    return std::nullopt;
  };
  const auto by_name = first(called_wrapped);
  if (by_name || immediate(route_of(k))) return by_name;
  return first(immediate);
}

}  // namespace proofload
