/// laws.h -- every probability law of DESIGN 4.1 in one place: its quantile function, its mean, the tables for kernels.
///
/// Everything transcendental is computed in Boost.Math on cpp_bin_float_quad or in Portable numbers (portable.h), never
/// in libm: the numbers must not depend on the host (DESIGN 3).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/plan.h"
#include "laws/law.h"

namespace proofload {

/// What a law becomes: pieces for the plan in the order of their scores, with tables shared between laws of equal
/// standardised shape.
struct CompiledLaw {
  std::vector<Component> components;  ///< Component::table indexes TableSet::tables
  /// Measured max over p in [1e-6, 1 - 1e-6] of |Qhat - Q| / max(Q(p), Q(0.01)), Q(0.01) that of the law or of the
  /// piece, and at least 1e-9 of the mean: for a law with a spike at 0 it can be 1e-40, which no path can tell from 0.
  /// Where Q(Phi(z - 2e-6)) <= Qhat <= Q(Phi(z + 2e-6)) nothing is wrong: a path knows its score no better.
  double error = 0.0;
  double tail_share = 0.0;  ///< empirical: share of paths beyond the last quantile
};

/// A table's values at the scores where its error is measured, for Phi(z) in [1e-6, 1 - 1e-6].
struct TableFit {
  struct At {
    double exact;      ///< y
    double low, high;  ///< y at scores 2e-6 below and above
    float z, fitted;   ///< score, what the table gives for y
    std::size_t interval;
  };
  bool exponential = false;  ///< read through Shape::exp_table: T(z) is the logarithm of y
  double floor = 0.0;        ///< errors are relative to max(y, this)
  std::vector<At> at;
};

/// A smooth piece of a law as tables, each up to a score.
struct TableShape {
  struct Range {
    std::uint32_t table;
    double until;
  };
  std::string key;
  std::vector<Range> tables;
};

/// All tables of a plan, one aligned block: table t at floats [t * table_floats, ...), planes c0 c1 c2 c3, range.
struct TableSet {
  std::vector<float> floats;
  std::vector<std::string> keys;   ///< canonical text of each shape; equal shapes share a table
  std::vector<TableFit> fits;      ///< per table: its measured error (not part of the plan)
  std::vector<TableShape> shapes;  ///< what has been compiled so far
  /// of the market (Plan::dynamics and its neighbours): appended to `floats` in the end
  std::vector<float> parameters;
};

/// Quantile function of the law itself (mixtures and empirical laws too), p in (0, 1); the truth that tables are
/// compared with.
double law_quantile(const LawSpec&, double p);

/// Mean of the law, its tail beyond the last quantile included.
double law_mean(const LawSpec&);

/// Compiles a law to components; throws Error when a parameter makes no law or a value no float. What lies beyond the
/// range of scores is dropped. `unit` multiplies every value (ticks_per_second for durations, 1 for fractions).
CompiledLaw compile_law(const LawSpec&, double unit, TableSet&);

/// The mixing variance of Student-t shocks: (dof - 2) / chi-square(dof), mean 1. Its table holds logarithms, so that
/// the error is relative everywhere, also where the shocks' tails are made. dof > 2.
CompiledLaw compile_mixer(double dof, TableSet&);

/// The same when dof itself is uncertain, over {dof, weight}; weights are probabilities that sum to 1. A component for
/// each, picked by a score of its own (law_at): a path has one dof, however many mixers it draws.
CompiledLaw compile_mixer(const std::vector<std::pair<double, double>>& dofs_and_weights, TableSet&);

/// What remains of an outage of this duration D. elapsed < 0: of one that is under way at a time drawn at random, which
/// is length-biased (density (1 - F(t)) / E[D]); else the law of D - elapsed given D > elapsed (seconds, as D).
CompiledLaw compile_residual(const LawSpec& duration, double elapsed, double unit, TableSet&);
double residual_quantile(const LawSpec& duration, double elapsed, double p);  ///< the truth, p in (0, 1)
double residual_mean(const LawSpec& duration, double elapsed);                ///< length-biased: E[D^2] / (2 E[D])

/// 1 / G, G ~ Gamma(shape) of mean 1: a time to failure is multiplied by it where the hazard has that posterior law and
/// mean 1. Its table holds logarithms, and its values fall with the score. shape >= 0.25; E[1/G] is infinite for shape
/// <= 1.
CompiledLaw compile_hazard_multiplier(double shape, TableSet&);

/// Student-t scores to normal ones: one component, Shape::table over w in [-6.75, 6.75], with T(w) = Phi^-1(F_t(t))
/// where w = sign(t) sqrt(dof log(1 + t^2 / dof)) (8 dof + 1) / (8 dof + 3) (Wallace 1959: T(w) is nearly w).
/// CompiledLaw::error: the greatest |That(w) - T(w)|, absolute, for |T(w)| <= 6.
CompiledLaw compile_copula(double dof, TableSet&);

/// Reduces samples to at most 64 quantiles for LawSpec::quantiles; sets kind, samples and reduction_error. The i-th of
/// n sorted samples stands at p = (i - 1/2) / n (Hazen), the least at 0, so that no path is quicker than any
/// observation; the greatest is always kept. Knots are added where the straight line between two of them is worst,
/// relative to max(Q(p), Q(0.01)), until it is within 1e-3 everywhere or 64 are used: with long-tailed samples that is
/// the upper tail. Throws Error for bad samples.
void reduce_samples(std::vector<double> samples, LawSpec&);
/// The same for (p, value) pairs, both ascending, of which the first and the last are kept. `floor`: Q(0.01).
void reduce_quantiles(const std::vector<std::pair<double, double>>& quantiles, double floor, LawSpec&);

/// The fitted polynomial table evaluated as the kernels do, in float: for tests and for the measured error.
float table_value(const float* table, float z);

// Host mathematics without libm, rounded once to double: for the numbers that enter a plan.
double host_exp(double), host_log(double), host_pow(double base, double exponent), normal_quantile(double p),
    normal_cdf(double z);

}  // namespace proofload
