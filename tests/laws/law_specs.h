/// law_specs.h -- laws written as calls, and what a kernel makes of compiled ones.
#pragma once
#include <bit>
#include <boost/math/quadrature/gauss.hpp>
#include <cmath>
#include <functional>

#include <gtest/gtest.h>

#include "laws/laws.h"

namespace proofload {
namespace {  // kernels/plan.h has names of its own for some of these words

inline constexpr double infinity = std::numeric_limits<double>::infinity();

inline LawSpec law(LawKind kind, std::initializer_list<std::pair<double LawSpec::*, double>> values) {
  LawSpec spec;
  spec.kind = kind;
  for (const auto& [member, value] : values) spec.*member = value;
  return spec;
}
inline LawSpec constant(double value) { return law(LawKind::constant, {{&LawSpec::value, value}}); }
inline LawSpec uniform(double min, double max) {
  return law(LawKind::uniform, {{&LawSpec::min, min}, {&LawSpec::max, max}});
}
inline LawSpec exponential(double mean) { return law(LawKind::exponential, {{&LawSpec::mean, mean}}); }
inline LawSpec lognormal(double median, double sigma) {
  return law(LawKind::lognormal, {{&LawSpec::median, median}, {&LawSpec::sigma, sigma}});
}
inline LawSpec gamma(double shape, double mean) {
  return law(LawKind::gamma, {{&LawSpec::shape, shape}, {&LawSpec::mean, mean}});
}
inline LawSpec weibull(double shape, double scale) {
  return law(LawKind::weibull, {{&LawSpec::shape, shape}, {&LawSpec::scale, scale}});
}
inline LawSpec pareto(double min, double alpha, double cap) {
  return law(LawKind::pareto, {{&LawSpec::min, min}, {&LawSpec::alpha, alpha}, {&LawSpec::cap, cap}});
}
inline LawSpec beta(double mean, double stdev) {
  return law(LawKind::beta, {{&LawSpec::mean, mean}, {&LawSpec::stdev, stdev}});
}
inline LawSpec mixture(const std::vector<std::pair<double, LawSpec>>& parts) {
  LawSpec spec;
  spec.kind = LawKind::mixture;
  for (const auto& [weight, part] : parts) {
    spec.of.push_back(part);
    spec.of.back().weight = weight;
  }
  return spec;
}
inline LawSpec empirical(std::vector<std::pair<double, double>> quantiles) {
  LawSpec spec;
  spec.kind = LawKind::empirical;
  spec.quantiles = std::move(quantiles);
  return spec;
}

inline LawSpec geometric(double probability, double block_time) {
  return law(LawKind::geometric, {{&LawSpec::probability, probability}, {&LawSpec::block_time, block_time}});
}
inline LawSpec retry(const LawSpec& of, double drop, double wait, double backoff, double longest, double attempts) {
  LawSpec spec = law(LawKind::retry, {{&LawSpec::drop, drop},
                                      {&LawSpec::wait, wait},
                                      {&LawSpec::backoff, backoff},
                                      {&LawSpec::longest, longest},
                                      {&LawSpec::attempts, attempts}});
  spec.of = {of};
  return spec;
}
inline LawSpec window(const LawSpec& within, double end, const LawSpec& late) {
  LawSpec spec = law(LawKind::window, {{&LawSpec::end, end}});
  spec.of = {within, late};
  return spec;
}
/// Uniform on (0, 5) up to p = 0.9, then a generalised Pareto tail of this share.
inline LawSpec with_tail(double shape, double scale, double share) {
  LawSpec spec = empirical({{0.0, 0.0}, {0.9, 5.0}});
  spec.tail = {.threshold = 5.0, .share = share, .shape = shape, .scale = scale};
  return spec;
}

inline constexpr double orders[] = {1e-9, 1e-6, 1e-4, 0.01,   0.1,      0.25,    0.5,
                                    0.77, 0.9,  0.99, 0.9999, 0.999999, 1 - 1e-9};

/// What a kernel makes of a component at score z (kernels/law.h), but for the rounding of its own exp.
inline float component_value(const Component& c, const TableSet& tables, float z) {
  float x = 0.0f;
  const auto value = [&] { return table_value(tables.floats.data() + std::size_t{c.table} * table_floats, z); };
  if (c.shape == Shape::table) x = value();
  if (c.shape == Shape::exp_table) x = static_cast<float>(std::exp(double{value()}));
  if (c.shape == Shape::lognormal) x = static_cast<float>(std::exp(double{std::bit_cast<float>(c.table) * z}));
  return std::fma(c.scale, x, c.offset);
}

/// What a kernel makes of a law at score z.
inline float compiled_value(const CompiledLaw& compiled, const TableSet& tables, float z) {
  for (const Component& c : compiled.components)
    if (z < c.until) return component_value(c, tables, z);
  ADD_FAILURE() << "no component for score " << z;
  return 0.0f;
}

/// Probabilities of the components.
inline std::vector<double> weights(const CompiledLaw& compiled) {
  std::vector<double> list;
  double before = 0.0;
  for (const Component& c : compiled.components) {
    const double until = normal_cdf(double{c.until});
    list.push_back(until - before);
    before = until;
  }
  return list;
}

/// The error of a compiled law at `points` scores off the nodes, as CompiledLaw::error defines it.
inline double error_of(const std::function<double(double)>& quantile, double mean, const CompiledLaw& compiled,
                       const TableSet& tables, double unit, int points) {
  const double floor = unit * std::max(quantile(0.01), std::isfinite(mean) ? 1e-9 * mean : 0.0);
  double worst = 0.0;
  for (int i = 0; i < points; ++i) {
    const auto z = static_cast<float>(4.7534 * (2.0 * (i + 0.377) / points - 1.0));
    const auto at = [&](double score) { return unit * quantile(normal_cdf(score)); };
    const double value = compiled_value(compiled, tables, z), exact = at(double{z});
    if (at(z - 2e-6) <= value && value <= at(z + 2e-6)) continue;
    worst = std::max(worst, std::abs(value - exact) / std::max(exact, floor));
  }
  return worst;
}

inline double error_of(const LawSpec& spec, const CompiledLaw& compiled, const TableSet& tables, double unit,
                       int points) {
  return error_of([&](double p) { return law_quantile(spec, p); }, law_mean(spec), compiled, tables, unit, points);
}

/// The mean of f(value) over a compiled law: Gauss's rule in quarters of a score, cut where components end.
inline double integrated(const CompiledLaw& compiled, const TableSet& tables, const std::function<double(double)>& f) {
  double sum = 0.0, from = -8.0;
  for (const Component& c : compiled.components) {
    const double to = std::min(8.0, double{c.until});
    const int steps = static_cast<int>(std::ceil((to - from) / 0.25));
    for (int i = 0; i < steps; ++i) {
      const double low = from + (to - from) * i / steps, high = from + (to - from) * (i + 1) / steps;
      sum += boost::math::quadrature::gauss<double, 15>::integrate(
          [&](double z) { return f(component_value(c, tables, static_cast<float>(z))) * std::exp(-0.5 * z * z); }, low,
          high);
    }
    from = to;
  }
  return sum / std::sqrt(2.0 * std::acos(-1.0));
}

/// The mean by the trapezoid rule over scores, which is exact to rounding for laws smooth in z.
inline double integrated(const std::function<double(double)>& at_score) {
  double sum = 0.0;
  constexpr double h = 1.0 / 64.0;
  for (int i = -8 * 64; i <= 8 * 64; ++i) sum += at_score(i * h) * std::exp(-0.5 * i * h * i * h) * h;
  return sum / std::sqrt(2.0 * std::acos(-1.0));
}

}  // namespace
}  // namespace proofload
