// Correlations of pairs that are not known equally well: drawn together by what theory says of each, and made a matrix
// of correlations by what others publish.
#include "market/shrink_correlation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "market/fit_market.h"

namespace proofload {
namespace {

using std::vector;
using Generator = std::mt19937_64;

double normal(Generator& g) { return std::normal_distribution<double>()(g); }
const vector<std::string> names{"A", "B", "C", "D", "E", "F", "G", "H"};

/// Every pair with this error.
Matrix errors(std::size_t n, double error) {
  Matrix m = square_matrix(n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) m[i][j] = i == j ? 0.0 : error;
  return m;
}

Matrix matrix_of(double ab, double ac, double bc) { return {{1.0, ab, ac}, {ab, 1.0, bc}, {ac, bc, 1.0}}; }

// Higham (2002, p. 334): of the matrix with ones beside the diagonal and 0 in its corners.
TEST(NearestCorrelation, IsHighamsOfHisExample) {
  const Matrix x = nearest_correlation(matrix_of(1.0, 0.0, 1.0), errors(3, 0.1), 0.0);
  EXPECT_NEAR(x[0][1], 0.7607, 5e-5);
  EXPECT_NEAR(x[1][2], 0.7607, 5e-5);
  EXPECT_NEAR(x[0][2], 0.1573, 5e-5);
}

// No matrix of correlations is nearer in the weighted norm: all of a grid about it, and at random, with the matrix of
// three assets positive semidefinite where its determinant is.
TEST(NearestCorrelation, NoOtherIsNearer) {
  Generator g(3);
  std::uniform_real_distribution<double> in(-1.0, 1.0), error(0.01, 0.2);
  int moved = 0;
  for (int round = 0; round < 40; ++round) {
    const Matrix r = matrix_of(in(g), in(g), in(g));
    Matrix e = matrix_of(error(g), error(g), error(g));
    const Matrix x = nearest_correlation(r, e, 0.0);
    const auto distance = [&](double ab, double ac, double bc) {
      return std::pow((ab - r[0][1]) / e[0][1], 2.0) + std::pow((ac - r[0][2]) / e[0][2], 2.0) +
             std::pow((bc - r[1][2]) / e[1][2], 2.0);
    };
    const auto fits = [](double ab, double ac, double bc) {
      return std::fabs(ab) <= 1.0 && std::fabs(ac) <= 1.0 && std::fabs(bc) <= 1.0 &&
             1.0 + 2.0 * ab * ac * bc - ab * ab - ac * ac - bc * bc >= 0.0;
    };
    EXPECT_GT(smallest_eigenvalue(x), -1e-9);
    const double own = distance(x[0][1], x[0][2], x[1][2]);
    moved += own > 1e-6 ? 1 : 0;
    double least = own;
    for (const double scale : {0.3, 0.03, 0.003})
      for (int k = 0; k < 20000; ++k) {
        const double ab = x[0][1] + scale * normal(g), ac = x[0][2] + scale * normal(g),
                     bc = x[1][2] + scale * normal(g);
        if (fits(ab, ac, bc)) least = std::min(least, distance(ab, ac, bc));
      }
    EXPECT_GT(least, own - 1e-3 * own - 1e-9) << round;
  }
  EXPECT_GT(moved, 10);  // that were none
}

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
