/// shrink_correlation.h -- correlations whose pairs are not known equally well: those of a young asset are drawn toward
/// what pairs have in common, those of a long history hardly. Used by fit_correlation.
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

}  // namespace proofload
