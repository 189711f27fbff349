/// heston_step.h -- how long a step of Heston's model may be: the grid of a scenario that has none of its own.
#pragma once
#include "input/values.h"
#include "scenario/scenario.h"

namespace proofload {

/// The most steps up to run.horizon that are taken unasked.
inline constexpr double most_steps_unasked = 1000.0;

/// The longest step, in seconds, with which the probability that a price falls below a level is biased by 1 % of itself
/// or less, where it is 0.1 to 0.001. Of all collaterals the shortest, rounded down to a number that people read.
///
/// Andersen's QE scheme (kernels/market.h) takes the variance's integral over a step h to be (v + v') h / 2. That lacks
/// the variance xi^2 v h^3 / 12 which the integral has given both ends, and is off by kappa^2 (theta - v) h^3 / 12
/// while the variance reverts. Both are small beside the integral V over the delay T when
///
///     h = 0.1 sqrt(V / (xi^2 + kappa^2 max(V, theta T))),   V = theta T + (v0 - theta) (1 - exp(-kappa T)) / kappa.
///
/// T is the delay that nine in ten liquidations exceed (of the sum of the stages, at least the sum of their tenths).
/// The h of a delay that is shorter than its own h does not matter, one step being enough, so that T need not be below
/// the one that equals its h. 0.1 is measured: scenarios/model.md has the bias that is left.
double heston_step(const Scenario&);

/// Seconds between two dates of the scenario's grid, written or chosen; 0 without one.
double grid_step(const Scenario&);
/// How many steps of `step` seconds lead to run.horizon, the last of which may be shorter.
double steps_to_horizon(const Scenario&, double step);

namespace input {

/// Gives a scenario of Heston's model without a grid one that nobody looks at prices on; one that would have more than
/// most_steps_unasked dates is refused with the grid to write. `top`: the document, in which no mistake was found.
void choose_heston_grid(const Table& top, Scenario&);

}  // namespace input
}  // namespace proofload
