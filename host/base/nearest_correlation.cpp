#include "base/nearest_correlation.h"

#include <algorithm>
#include <cmath>

namespace proofload {
namespace {

constexpr double smallest_error = 1e-6;   // of a pair: two columns that are one have none
constexpr double largest_contrast = 1e4;  // of weights, beyond which alternating directions take too many turns
constexpr int most_turns = 3000;
constexpr double still = 1e-7;

}  // namespace

Matrix nearest_correlation(const Matrix& r, const Matrix& error, double least) {
  const std::size_t n = r.size();
  double largest = smallest_error;
  for (const auto& row : error)
    for (const double e : row) largest = std::max(largest, e);
  Matrix weight = error;  // from 1 for the pair that is known least
  for (auto& row : weight)
    for (double& x : row) x = std::min(std::pow(largest / std::max(x, smallest_error), 2.0), largest_contrast);
  // x is near to r, z has no small eigenvalue, and what they differ by is handed on until they agree.
  double pull = 0.0;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j) pull += std::log(weight[i][j]);
  pull = std::exp(pull / std::max(1.0, 0.5 * double(n) * (double(n) - 1.0)));
  Matrix x = r, z = r, handed = square_matrix(n);
  for (int turn = 0; turn < most_turns; ++turn) {
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        x[i][j] = i == j ? 1.0 : (weight[i][j] * r[i][j] + pull * (z[i][j] - handed[i][j])) / (weight[i][j] + pull);
    Matrix sum = x;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) sum[i][j] += handed[i][j];
    const Eigen s = eigen(sum);
    double moved = 0.0;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j <= i; ++j) {
        double value = 0.0;
        for (std::size_t k = 0; k < n; ++k) value += std::max(s.values[k], least) * s.vectors[i][k] * s.vectors[j][k];
        moved = std::max({moved, std::fabs(value - z[i][j]), std::fabs(value - x[i][j])});
        z[i][j] = z[j][i] = value;
        handed[i][j] = handed[j][i] = sum[i][j] - value;
      }
    if (moved < still) break;
  }
  for (std::size_t i = 0; i < n; ++i)  // z is positive definite, and its diagonal 1 but for the last digits
    for (std::size_t j = 0; j < n; ++j) x[i][j] = i == j ? 1.0 : z[i][j] / std::sqrt(z[i][i] * z[j][j]);
  return x;
}

Matrix rounded(Matrix m) {
  for (auto& row : m)
    for (double& x : row) x = std::round(x * 1e4) / 1e4 + 0.0;
  return m;
}

Matrix nearest_written_correlation(const Matrix& r, const Matrix& error, double least) {
  // What rounding takes of an eigenvalue is below n times half a digit; many assets may need another turn. With room
  // for 1 it is the identity.
  for (double room = 1e-4;; room *= 1.5) {
    Matrix out = rounded(nearest_correlation(r, error, least + room));
    if (smallest_eigenvalue(out) >= least) return out;
  }
}

}  // namespace proofload
