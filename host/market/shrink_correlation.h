/// shrink_correlation.h -- correlations whose pairs are not known equally well: those of a young asset are drawn toward
/// what pairs have in common, those of a long history hardly; and the nearest matrix that is one of correlations, in
/// standard errors. Used by fit_correlation.
#pragma once
#include "base/matrix.h"

namespace proofload {

struct ShrunkPairs {
  Matrix matrix, weight;  ///< of the pairs; the weight that the target has in each
  double target = 0.0;    ///< what pairs have in common: their mean, weighed by how well they are known
};
/// Each pair by its own error: error^2 / (error^2 + spread^2) of the way to the target, where the spread of the true
/// correlations is that of Paule and Mandel (1982); but none by more than its standard error, which is the limited
/// translation of Efron and Morris (1972). Two assets, or no spread to see: as the same rule has it.
ShrunkPairs shrink_pairs(const Matrix& sample, const Matrix& error);

/// The matrix with ones on its diagonal and no eigenvalue below `least` that is nearest to `r`, pairs weighed by
/// 1 / error^2: the problem of Higham (2002) with weights by pair (Qi and Sun 2011), by alternating directions (Boyd
/// and others 2011, 5.1). To within some 1e-6.
Matrix nearest_correlation(const Matrix& r, const Matrix& error, double least);

}  // namespace proofload
