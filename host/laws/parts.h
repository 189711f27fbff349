/// parts.h -- a law as a mixture of parts offset + scale * X, X a standard law (standard_law.h) or what is left of one
/// (residual_law.h).
///
/// Parameters are checked here too, not only by the reader: Error says which is wrong, without the place.
#pragma once
#include <limits>
#include <vector>

#include "base/error.h"
#include "laws/law.h"
#include "laws/residual_law.h"

namespace proofload {

inline constexpr double least_probability = 1e-6;  ///< errors of tables are measured for p in [this, 1 - this]

/// weight: probability of this part; its value is offset + scale * X. Weights of a law sum to 1.
struct LawPart {
  Quad weight = 1, offset = 0, scale = 1;
  Standard standard;
  double error = 0.0;  ///< that it has besides its table's, as CompiledLaw::error
};

inline void require(bool holds, const char* problem) {
  if (!holds) throw Error(problem);
}

inline bool positive(double x) { return x > 0.0 && x <= std::numeric_limits<double>::max(); }
inline bool non_negative(double x) { return x == 0.0 || positive(x); }

std::vector<LawPart> parts_of(const LawSpec&);
/// What remains of an outage of this duration: of one met at random (elapsed < 0), or given that it has lasted
/// `elapsed`.
std::vector<LawPart> residual_parts_of(const LawSpec& duration, double elapsed);

/// A geometric law as blocks of their own, then an exponential law whose blocks have the right probabilities. Inside a
/// block its quantiles are wrong by less than ln(1 / (1 - p)) / 8 of a block.
std::vector<LawPart> blocks_of(const LawPart&);

Quad part_quantile(const LawPart&, const Tails& p);
Quad part_cdf(const LawPart&, const Quad& x);
double quantile_of(const std::vector<LawPart>&, double p);  ///< of the mixture, 0 < p < 1
double mean_of(const std::vector<LawPart>&);

}  // namespace proofload
