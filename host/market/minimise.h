/// minimise.h -- minima of smooth functions whose gradient is known: BFGS of the GNU Scientific Library.
#pragma once
#include <functional>
#include <span>
#include <vector>

namespace proofload {

/// The value at x; writes the gradient.
using Objective = std::function<double(std::span<const double> x, std::span<double> gradient)>;

struct Minimum {
  std::vector<double> x;
  double value = 0.0;
  bool converged = false;  ///< the gradient is below the tolerance, or going along it brings nothing
  int evaluations = 0;
};

/// From `start`, until the norm of the gradient is below `tolerance`. The function must be finite everywhere: bounds
/// are the caller's, by a change of variables.
Minimum minimise(const Objective&, std::vector<double> start, double tolerance, int most_evaluations = 1000);

}  // namespace proofload
