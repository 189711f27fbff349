#include "base/matrix.h"

#include <algorithm>
#include <cmath>

namespace proofload {

Matrix square_matrix(std::size_t n) { return Matrix(n, std::vector<double>(n, 0.0)); }

Eigen eigen(Matrix a) {
  const std::size_t n = a.size();
  Matrix v = square_matrix(n);
  for (std::size_t i = 0; i < n; ++i) v[i][i] = 1.0;
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0.0;
    for (std::size_t p = 0; p < n; ++p)
      for (std::size_t q = p + 1; q < n; ++q) off += a[p][q] * a[p][q];
    if (off < 1e-30) break;
    for (std::size_t p = 0; p < n; ++p)
      for (std::size_t q = p + 1; q < n; ++q) {
        if (a[p][q] == 0.0) continue;
        const double theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
        const double t = (theta >= 0.0 ? 1.0 : -1.0) / (std::fabs(theta) + std::sqrt(theta * theta + 1.0));
        const double c = 1.0 / std::sqrt(t * t + 1.0), s = t * c;
        const auto rotate = [c, s](double& one, double& other) {
          const double x = one, y = other;
          one = c * x - s * y;
          other = s * x + c * y;
        };
        for (std::size_t k = 0; k < n; ++k) rotate(a[k][p], a[k][q]);
        for (std::size_t k = 0; k < n; ++k) rotate(a[p][k], a[q][k]);
        for (std::size_t k = 0; k < n; ++k) rotate(v[k][p], v[k][q]);
      }
  }
  std::vector<std::size_t> order(n);
  for (std::size_t i = 0; i < n; ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return a[i][i] > a[j][j]; });
  Eigen e{{}, square_matrix(n)};
  for (std::size_t k = 0; k < n; ++k) {
    e.values.push_back(a[order[k]][order[k]]);
    for (std::size_t i = 0; i < n; ++i) e.vectors[i][k] = v[i][order[k]];
  }
  return e;
}

double smallest_eigenvalue(const Matrix& a) { return eigen(a).values.back(); }

double mean_correlation(const Matrix& r) {
  double sum = 0.0, pairs = 0.0;
  for (std::size_t i = 0; i < r.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) sum += r[i][j], pairs += 1.0;
  }
  return pairs > 0.0 ? sum / pairs : 0.0;
}

}  // namespace proofload
