#include "market/shrink_correlation.h"

#include <algorithm>
#include <cmath>

namespace proofload {
namespace {

constexpr double least_error = 1e-6;  // of a pair: two columns that are one have none

/// Sums over pairs, weighed by their precision when the true correlations spread by `spread` (a variance).
struct Precision {
  double sum = 0.0, mean = 0.0, misfit = 0.0;  ///< misfit: squared distances from the mean, in variances
};
Precision precision_of(const Matrix& r, const Matrix& variance, double spread) {
  Precision p;
  for (std::size_t i = 0; i < r.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      p.sum += 1.0 / (variance[i][j] + spread);
      p.mean += r[i][j] / (variance[i][j] + spread);
    }
  p.mean /= p.sum;
  for (std::size_t i = 0; i < r.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) p.misfit += (r[i][j] - p.mean) * (r[i][j] - p.mean) / (variance[i][j] + spread);
  return p;
}

}  // namespace

ShrunkPairs shrink_pairs(const Matrix& sample, const Matrix& error) {
  const std::size_t n = sample.size();
  ShrunkPairs out{sample, square_matrix(n), 0.0};
  if (n < 3) return out;  // the target is the sample itself
  Matrix variance = error;
  for (auto& row : variance)
    for (double& x : row) x = std::max(x, least_error) * std::max(x, least_error);
  // The spread makes the misfit what is expected of so many pairs about their own mean; it falls with the spread.
  const double expected = 0.5 * double(n) * (double(n) - 1.0) - 1.0;
  double low = 0.0, high = 4.0;
  if (precision_of(sample, variance, 0.0).misfit <= expected) high = 0.0;
  for (int turn = 0; turn < 60 && high > 0.0; ++turn) {
    const double middle = 0.5 * (low + high);
    (precision_of(sample, variance, middle).misfit > expected ? low : high) = middle;
  }
  const double spread = high;
  out.target = precision_of(sample, variance, spread).mean;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      if (i == j) continue;
      const double way = out.target - sample[i][j], most = std::sqrt(variance[i][j]);
      const double move = std::clamp(variance[i][j] / (variance[i][j] + spread) * way, -most, most);
      out.matrix[i][j] = sample[i][j] + move;
      out.weight[i][j] = way != 0.0 ? move / way : 0.0;
    }
  return out;
}

}  // namespace proofload
