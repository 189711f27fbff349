/// garch_step.h -- one bar of GJR-GARCH(1,1), for all that follow a variance (fit.h says what the model is).
#pragma once
#include <cmath>

namespace proofload {

struct GarchStep {
  double omega, alpha, gamma, beta;  ///< per bar

  double persistence() const { return alpha + 0.5 * gamma + beta; }
  /// The variance of the bar after one of variance h and return e; across a gap (NaN) it reverts to its mean.
  double operator()(double h, double e) const {
    if (std::isnan(e)) return omega + persistence() * h;
    return omega + (alpha + (e < 0.0 ? gamma : 0.0)) * e * e + beta * h;
  }
};

}  // namespace proofload
