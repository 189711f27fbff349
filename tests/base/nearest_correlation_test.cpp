// Matrices of correlations that are nearest to what is none: by what others publish, and by a search for a nearer one.
#include "base/nearest_correlation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace proofload {
namespace {

Matrix matrix_of(double ab, double ac, double bc) { return {{1.0, ab, ac}, {ab, 1.0, bc}, {ac, bc, 1.0}}; }

// Higham (2002, p. 334): of the matrix with ones beside the diagonal and 0 in its corners.
TEST(NearestCorrelation, IsHighamsOfHisExample) {
  const Matrix x = nearest_correlation(matrix_of(1.0, 0.0, 1.0), Matrix(3, std::vector<double>(3, 0.1)), 0.0);
  EXPECT_NEAR(x[0][1], 0.7607, 5e-5);
  EXPECT_NEAR(x[1][2], 0.7607, 5e-5);
  EXPECT_NEAR(x[0][2], 0.1573, 5e-5);
}

// No matrix of correlations is nearer in the weighted norm: all of a grid about it, and at random, with the matrix of
// three assets positive semidefinite where its determinant is.
TEST(NearestCorrelation, NoOtherIsNearer) {
  std::mt19937_64 g(3);
  std::normal_distribution<double> normal;
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

/// Rounded it is one still, however many assets contradict each other.
TEST(NearestCorrelation, IsOneWhenItIsWritten) {
  std::mt19937_64 g(5);
  std::uniform_real_distribution<double> in(-1.0, 1.0);
  for (const std::size_t n : {2u, 3u, 8u, 20u}) {
    Matrix r = square_matrix(n);
    const Matrix error(n, std::vector<double>(n, 0.1));
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j <= i; ++j) r[i][j] = r[j][i] = i == j ? 1.0 : in(g);
    const Matrix x = nearest_written_correlation(r, error, 1e-3);
    EXPECT_GE(smallest_eigenvalue(x), 1e-3) << n;
    EXPECT_EQ(rounded(x), x) << n;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j <= i; ++j) EXPECT_EQ(x[i][j], i == j ? 1.0 : x[j][i]) << n;
  }
}

}  // namespace
}  // namespace proofload
