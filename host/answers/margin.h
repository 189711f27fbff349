/// margin.h -- what haircuts and failures mean in dollars and per year: formulas of DESIGN 1.1, no counts.
#pragma once
#include <optional>
#include <string>

#include "scenario/scenario.h"

namespace proofload {

/// The marginal hazard in force, per year: own (times the corruption factor of compile.h), of its network and of its
/// verifiers, stressed. A systemic factor and uncertainty leave this mean as it is. 0: the layer cannot fail.
double layer_hazard(const Scenario&, const LayerSpec&);

/// (1 - haircut) / (1 - other): how much more the one lets count of the value than the other. Absent where the other
/// takes everything.
std::optional<double> ratio_kept(std::optional<double> haircut, std::optional<double> other);

/// V / (Lambda (1 - haircut)), USD of collateral at the call. Absent: no liability was given, or the haircut takes
/// everything.
std::optional<double> required_margin(const MarginSpec&, std::optional<double> haircut);

/// The same in closed form, V / (Lambda exp((mu - sigma^2 / 2) delta + sigma sqrt(delta) Phi^-1(1 - confidence))):
/// log-normal prices, a fixed delay of so many seconds, no failure, a free sale. Drift and volatility as they are
/// stressed. Absent without a liability, and for a replay, which has no volatility.
std::optional<double> closed_form_margin(const Scenario&, const std::string& asset, double seconds, double confidence);

/// Index into Scenario::collateral of the same asset as `k` in its wrapped form: on a route of a mechanism "wrapped..."
/// or, when there is none, on one whose message takes no random time but relies on a layer. Absent: there is none, or
/// `k` is wrapped itself.
std::optional<std::size_t> wrapped_alternative(const Scenario&, std::size_t k);

/// Seconds, when nothing about a route's own stages is random (outages apart).
std::optional<double> fixed_delay(const Scenario&, const RouteSpec&);

}  // namespace proofload
