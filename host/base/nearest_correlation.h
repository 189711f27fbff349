/// nearest_correlation.h -- pairs that contradict each other made a matrix of correlations, moved as little as can be.
#pragma once
#include "base/matrix.h"

namespace proofload {

/// The matrix with ones on its diagonal and no eigenvalue below `least` that is nearest to `r`, pairs weighed by
/// 1 / error^2: the problem of Higham (2002) with weights by pair (Qi and Sun 2011), by alternating directions (Boyd
/// and others 2011, 5.1). To within some 1e-6.
Matrix nearest_correlation(const Matrix& r, const Matrix& error, double least);

/// The same as a file has it: rounded to 4 decimals, and no eigenvalue below `least` all the same.
Matrix nearest_written_correlation(const Matrix& r, const Matrix& error, double least);

/// Every number to 4 decimals.
Matrix rounded(Matrix);

}  // namespace proofload
