// Correlations of pairs that are not known equally well: drawn together by what theory says of each.
#include "market/shrink_correlation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "market/fit_market.h"
#include "tests/market/samples.h"

namespace proofload {
namespace {

using std::vector;

const vector<std::string> names{"A", "B", "C", "D", "E", "F", "G", "H"};

/// Every pair with this error.
Matrix errors(std::size_t n, double error) {
  Matrix m = square_matrix(n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) m[i][j] = i == j ? 0.0 : error;
  return m;
}

Matrix matrix_of(double ab, double ac, double bc) { return {{1.0, ab, ac}, {ab, 1.0, bc}, {ac, bc, 1.0}}; }

// Errors that are all the same: the weight is what is expected of the squared distance from the mean (James and Stein).
TEST(ShrunkPairs, WithEqualErrorsAreJamesAndSteins) {
  const Matrix r = {{1.0, 0.5, 0.3, 0.7}, {0.5, 1.0, 0.4, 0.6}, {0.3, 0.4, 1.0, 0.2}, {0.7, 0.6, 0.2, 1.0}};
  const double e = 0.1, mean = mean_correlation(r);
  double squares = 0.0;
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < i; ++j) squares += (r[i][j] - mean) * (r[i][j] - mean);
  const ShrunkPairs s = shrink_pairs(r, errors(4, e));
  EXPECT_NEAR(s.target, mean, 1e-9);
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < i; ++j) {
      EXPECT_NEAR(s.weight[i][j], e * e * 5.0 / squares, 1e-9);
      EXPECT_NEAR(s.matrix[i][j], r[i][j] + e * e * 5.0 / squares * (mean - r[i][j]), 1e-9);
    }
  // no spread beyond chance: all are one, but none is moved by more than its error
  const ShrunkPairs alike = shrink_pairs(matrix_of(0.5, 0.52, 0.48), errors(3, 0.1));
  for (const auto& [i, j] : {std::pair{0u, 1u}, {0u, 2u}, {1u, 2u}}) EXPECT_NEAR(alike.matrix[i][j], 0.5, 1e-12);
  const Matrix two = {{1.0, 0.4}, {0.4, 1.0}};
  EXPECT_EQ(shrink_pairs(two, errors(2, 0.1)).matrix, two);
}

// Two tokens of one coin over a long history, and assets of 60 bars beside them. By one weight for all pairs the one
// that is known best moved by up to fourteen of its standard errors.
TEST(ShrunkPairs, TheBestKnownPairStaysWithinItsError) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Generator g(seed);
    Columns x(6);
    for (int t = 0; t < 20000; ++t) {
      const double coin = normal(g);
      for (std::size_t i = 0; i < 6; ++i) {
        const double value = i < 2 ? coin + 0.1 * normal(g) : 0.3 * coin + normal(g);
        x[i].push_back(i < 2 || t >= 19940 ? value : missing);
      }
    }
    const CorrelationFit fit = fit_correlation(x, names);
    EXPECT_EQ(fit.least_overlap, 60u);
    EXPECT_LT(fit.error[0][1], 2e-4);
    for (std::size_t i = 0; i < 6; ++i)
      for (std::size_t j = 0; j < i; ++j) {
        if (fit.forced && i + j > 1) continue;
        EXPECT_LE(std::fabs(fit.matrix[i][j] - fit.sample[i][j]), fit.error[i][j] + 5e-5) << seed << i << j;
      }
    EXPECT_GT(fit.weight[4][3], 100.0 * fit.weight[1][0]);  // those of 60 bars are drawn together
    EXPECT_GE(smallest_eigenvalue(fit.matrix), 1e-3);
  }
}

// Shrinking is worth it: over many draws pairs are nearer to the truth, the young ones by far, the old one no worse.
TEST(ShrunkPairs, AreNearerToTheTruth) {
  double young = 0.0, young_sample = 0.0, old = 0.0, old_sample = 0.0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Generator g(100 + seed);
    Columns x(6);
    for (int t = 0; t < 3000; ++t) {
      const double common = normal(g);
      for (std::size_t i = 0; i < 6; ++i) {
        const double load = i < 2 ? 0.9 : 0.7;
        x[i].push_back(load * common + std::sqrt(1.0 - load * load) * normal(g));
        if (i > 1 && t < 2940) x[i].back() = missing;
      }
    }
    const CorrelationFit fit = fit_correlation(x, names);
    for (std::size_t i = 2; i < 6; ++i)
      for (std::size_t j = 0; j < i; ++j) {
        const double truth = j < 2 ? 0.63 : 0.49;
        young += std::pow(fit.matrix[i][j] - truth, 2.0);
        young_sample += std::pow(fit.sample[i][j] - truth, 2.0);
      }
    old += std::pow(fit.matrix[0][1] - 0.81, 2.0);
    old_sample += std::pow(fit.sample[0][1] - 0.81, 2.0);
  }
  EXPECT_LT(young, 0.95 * young_sample);
  EXPECT_LT(old, 1.3 * old_sample);
}

}  // namespace
}  // namespace proofload
