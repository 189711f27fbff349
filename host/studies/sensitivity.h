/// sensitivity.h -- what moves a haircut: derivatives by differences on common random numbers, and the loadings of the
/// stress factor.
#pragma once
#include <array>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "answers/answer.h"
#include "run/backend.h"
#include "scenario/scenario.h"

namespace proofload {

/// In the order of SensitivityAnswer::parameters.
enum class Sensitive { volatility, delay, hazard, exposure, severity };
inline constexpr int sensitives = 5;

/// A derivative with its error, which contains the simulation's noise and the grid of haircuts (loss bins), not the
/// curvature that a difference over a finite bump leaves (second order; severity: first).
struct Derivative {
  double slope = 0.0, error = 0.0;  ///< per unit of the parameter; standard error
  double low = 0.0, high = 0.0;     ///< interval at run.interval: Student's t with ranges - 1 degrees of freedom
  std::optional<double> elasticity,
      elasticity_error;  ///< d ln / d ln; absent where the haircut or probability is not positive
  /// Slopes over the lower and the upper half of the difference; absent where it has one side (severity).
  std::optional<double> below, above;
  /// They differ by more than `slope`, and by more than three standard errors: the figure bends or jumps within the
  /// bump, as a haircut does where a failure becomes as likely as 1 - confidence. `slope` is what the bump does then,
  /// and no derivative.
  bool bent = false;
};

/// What one parameter does to one collateral. `value` is the parameter now: annualised volatility of its asset; median
/// delay in seconds from the call to the sale; failures per year of its layer, all causes together; exposure of its
/// layer in seconds; mean fraction lost if its layer fails. Stress included.
struct ParameterSensitivity {
  /// absent: nothing to vary (no layer, no random delay), or not known (volatility of a replay)
  std::optional<double> value;
  /// per confidence; absent: value is, or paths are too few for a bound
  std::vector<std::optional<Derivative>> haircuts;
  std::optional<Derivative> p_failure;  ///< absent: value is, or no path failed
};

struct SensitivityAnswer {
  std::string collateral;
  std::vector<std::optional<double>> haircut;  ///< per confidence, with nothing moved
  double p_failure = 0.0;
  std::array<ParameterSensitivity, sensitives> parameters;
};

struct SensitivityOptions {
  double bump = 0.05, hazard_bump = 0.2;  ///< relative, to both sides; in (0, 1)
  int ranges = 16;                        ///< parts of the paths, for the error; 2 or more
};

/// Central differences: all volatilities at once (a haircut depends on that of its own asset), all hazards, all
/// exposures, all delays, each times 1 +- bump, simulated with the same seed and paths, so that most of the noise
/// cancels. The severity of failures moves to one side only, recoveries x to bump + (1 - bump) x, because a total loss
/// has no worse side; a beta law keeps its concentration. The error is the delete-one-range jackknife of the difference
/// (Shao and Wu 1989: consistent for quantiles when what is deleted grows with the sample), together with the width of
/// a loss bin. Throws Error for options that make no sense and paths that are too few.
std::vector<SensitivityAnswer> sensitivities(const Scenario&, Backend&, const SensitivityOptions& = {});

/// Answers with a loading of the stress factor at a share of its value.
struct LoadingAnswer {
  std::string loading;  ///< "delays", "volatility", "hazards", "outages", "prices", or "all" of them
  double share = 0.0;   ///< 0, 0.5 or 1
  std::vector<CollateralAnswer> collateral;  ///< empty: these loadings cannot be simulated, and
  std::string why;                           ///< this is why
};
struct SystemicAnswer {
  SystemicSpec full;     ///< what 1 stands for
  bool assumed = false;  ///< the scenario has no loadings: `full` is an example, not an estimate
  std::vector<LoadingAnswer> rows;
};

/// Each loading of the scenario at none, half and all of its value, the others as they are; then all at once. Of a
/// scenario without loadings an example of each alone. Common random numbers, so differences are less noisy than the
/// haircuts.
SystemicAnswer systemic_sensitivities(const Scenario&, Backend&);

/// For people and for programs.
std::string sensitivity_table(const Scenario&, const std::vector<SensitivityAnswer>&, const SensitivityOptions&);
std::string systemic_table(const Scenario&, const SystemicAnswer&);
nlohmann::ordered_json sensitivity_json(const Scenario&, const std::vector<SensitivityAnswer>&,
                                        const SensitivityOptions&);
nlohmann::ordered_json systemic_json(const Scenario&, const SystemicAnswer&);

}  // namespace proofload
