/// samples.h -- made returns, and what many estimates from them say of the errors that came with them.
#pragma once
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace proofload {

using Generator = std::mt19937_64;

constexpr double hours = 8760.0;  // of a year
inline const double nothing = std::numeric_limits<double>::quiet_NaN();

inline double normal(Generator& g) { return std::normal_distribution<double>()(g); }
/// Student-t of unit variance.
inline double student(Generator& g, double dof) {
  return normal(g) / std::sqrt(std::chi_squared_distribution<double>(dof)(g) / (dof - 2.0));
}

/// Of estimates from so many histories: how they spread, and how they said that they would.
struct Repeated {
  double mean = 0.0, deviation = 0.0, mean_error = 0.0;
  double error_of_mean = 0.0;
};
inline Repeated repeated(const std::vector<double>& estimate, const std::vector<double>& error) {
  const double n = static_cast<double>(estimate.size());
  Repeated out;
  double square = 0.0;
  for (std::size_t i = 0; i < estimate.size(); ++i) {
    out.mean += estimate[i] / n;
    square += estimate[i] * estimate[i] / n;
    out.mean_error += error[i] / n;
  }
  out.deviation = std::sqrt(square - out.mean * out.mean);
  out.error_of_mean = out.deviation / std::sqrt(n);
  return out;
}

}  // namespace proofload
