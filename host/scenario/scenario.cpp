#include "scenario/scenario.h"

#include <algorithm>
#include <stdexcept>

namespace proofload {
namespace {

constexpr std::size_t most_joint = 32;  // collaterals whose pairs are counted unless the scenario says otherwise

std::size_t index_of(const auto& all, const std::string& name) {
  const auto at = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == name; });
  if (at == all.end()) throw std::invalid_argument("the scenario has no \"" + name + "\"");
  return static_cast<std::size_t>(at - all.begin());
}

}  // namespace

Scenario::Scenario() = default;
Scenario::Scenario(const Scenario&) = default;
Scenario::Scenario(Scenario&&) noexcept = default;
Scenario& Scenario::operator=(const Scenario&) = default;
Scenario& Scenario::operator=(Scenario&&) noexcept = default;
Scenario::~Scenario() = default;

bool counts_pairs(const Scenario& s) { return s.run.joint_under.value_or(s.collateral.size() <= most_joint); }

std::size_t asset_index(const Scenario& s, const std::string& name) { return index_of(s.market.assets, name); }
std::size_t route_index(const Scenario& s, const std::string& name) { return index_of(s.routes, name); }

std::optional<std::size_t> layer_of(const Scenario& s, const RouteSpec& route) {
  if (route.layer.empty()) return std::nullopt;
  return index_of(s.layers, route.layer);
}

std::optional<std::size_t> layer_of(const Scenario& s, const CollateralSpec& collateral) {
  return layer_of(s, s.routes[route_index(s, collateral.route)]);
}

}  // namespace proofload
