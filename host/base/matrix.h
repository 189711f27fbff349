/// matrix.h -- small symmetric matrices: correlations and what is done with them.
#pragma once
#include <cstddef>
#include <vector>

namespace proofload {

using Matrix = std::vector<std::vector<double>>;  ///< [row][column]

Matrix square_matrix(std::size_t n);  ///< of zeros

struct Eigen {
  std::vector<double> values;  ///< in falling order
  Matrix vectors;              ///< columns, in that order
};

/// Cyclic Jacobi for a small symmetric matrix (Golub & Van Loan, 8.5): only + - * / and sqrt, so the same everywhere.
Eigen eigen(Matrix a);
double smallest_eigenvalue(const Matrix& a);

/// Mean of the correlations of pairs; 0 without pairs.
double mean_correlation(const Matrix& r);

}  // namespace proofload
