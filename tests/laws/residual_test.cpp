// residual_test.cpp -- what is left of an outage, and the laws of a hazard, of shocks and of a copula whose parameters
// are not certain, against renewal theory and Boost in double precision.
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/gamma.hpp>

#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/laws/law_specs.h"

namespace proofload {
namespace {

/// A law with its survival function, in libm's and Boost's double precision.
struct Known {
  const char* name;
  LawSpec spec;
  std::function<double(double)> above;
  std::vector<double> kinks;  ///< of that function
  double error = 1e-4;        ///< greatest that its compiled residuals may have
};

/// The integral of f over [a, b] by Simpson's rule in u, t = a + (b - a) u^4: fine near a, where f may be steep.
double integral(const std::function<double(double)>& f, double a, double b) {
  constexpr int n = 4000;
  double sum = 0.0;
  for (int i = 1; i <= n; ++i) {
    const double u = i / double{n}, weight = i == n ? 1.0 : i % 2 == 1 ? 4.0 : 2.0;
    sum += weight * f(a + (b - a) * u * u * u * u) * 4.0 * u * u * u;
  }
  return sum * (b - a) / (3.0 * n);
}

/// The same in pieces that end at the kinks.
double integral(const std::function<double(double)>& f, double b, const std::vector<double>& kinks) {
  double sum = 0.0, a = 0.0;
  for (const double kink : kinks) {
    const double until = std::min(kink, b);
    if (until > a) sum += integral(f, a, until);
    a = std::max(a, until);
  }
  return b > a ? sum + integral(f, a, b) : sum;
}

double step(double x, double at) { return x <= at ? 1.0 : 0.0; }

std::vector<Known> known_laws() {
  std::vector<Known> list;
  list.push_back({"constant", constant(40.0), [](double t) { return step(t, 40.0); }, {40.0}});
  const auto flat = [](double t) { return t < 20.0 ? 1.0 : t > 50.0 ? 0.0 : (50.0 - t) / 30.0; };
  list.push_back({"uniform", uniform(20.0, 50.0), flat, {20.0, 50.0}});
  list.push_back({"exponential", exponential(40.0), [](double t) { return std::exp(-t / 40.0); }, {}});
  for (const double sigma : {0.2, 1.0, 1.8})
    list.push_back({"lognormal",
                    lognormal(40.0, sigma),
                    [=](double t) { return 0.5 * std::erfc(std::log(t / 40.0) / (sigma * std::sqrt(2.0))); },
                    {10.0, 100.0, 1e3}});
  for (const double shape : {0.4, 2.0, 30.0})
    list.push_back({"gamma",
                    gamma(shape, 40.0),
                    [=](double t) { return boost::math::gamma_q(shape, shape * t / 40.0); },
                    {1.0, 40.0, 100.0}});
  for (const double shape : {0.6, 3.0})
    list.push_back({"weibull",
                    weibull(shape, 40.0),
                    [=](double t) { return std::exp(-std::pow(t / 40.0, shape)); },
                    {1.0, 40.0, 100.0}});
  const auto heavy = [](double t) {
    const double c = std::pow(500.0, -1.3);
    return t < 8.0 ? 1.0 : t > 4000.0 ? 0.0 : (std::pow(t / 8.0, -1.3) - c) / (1.0 - c);
  };
  list.push_back({"pareto", pareto(8.0, 1.3, 4000.0), heavy, {8.0, 100.0, 4000.0}});
  list.push_back(
      {"beta", beta(0.4, 0.2), [](double t) { return t >= 1.0 ? 0.0 : boost::math::ibetac(2.0, 3.0, t); }, {1.0}});
  const auto blocks = [](double t) {
    const double k = std::floor(t / 12.0);
    return std::pow(0.6, k) * (1.0 - 0.4 * (t / 12.0 - k));
  };
  std::vector<double> ends;
  for (int k = 1; k < 60; ++k) ends.push_back(12.0 * k);
  list.push_back({"geometric", geometric(0.4, 12.0), blocks, ends});
  const auto again = [](double t) {
    return 0.7 * std::exp(-t / 20.0) + 0.21 * std::min(1.0, std::exp(-(t - 30.0) / 20.0)) +
           0.09 * std::min(1.0, std::exp(-(t - 90.0) / 20.0));
  };
  list.push_back({"retry", retry(exponential(20.0), 0.3, 30.0, 2.0, 100.0, 3), again, {30.0, 90.0}});
  const auto cut = [](double t) { return t < 60.0 ? std::exp(-t / 40.0) : std::exp(-1.5) * step(t, 160.0); };
  list.push_back({"window", window(exponential(40.0), 60.0, constant(100.0)), cut, {60.0, 160.0}});
  const auto mixed = [](double t) {
    return 0.7 * step(t, 5.0) + 0.2 * std::exp(-t / 400.0) + 0.1 * (t < 80 ? 1 - t / 80 : 0);
  };
  list.push_back({"mixture",
                  mixture({{0.7, constant(5.0)}, {0.2, exponential(400.0)}, {0.1, uniform(0.0, 80.0)}}),
                  mixed,
                  {5.0, 80.0}});
  const auto steps = [](double t) {
    if (t <= 2.0) return 1.0;
    if (t < 10.0) return 0.8 - 0.4 * (t - 2.0) / 8.0;
    return t < 30.0 ? 0.4 - 0.3 * (t - 10.0) / 20.0 : 0.1 * std::exp(-(t - 30.0) * std::log(4.0) / 20.0);
  };
  list.push_back({"empirical", empirical({{0.2, 2.0}, {0.6, 10.0}, {0.9, 30.0}}), steps, {2.0, 10.0, 30.0}});
  const auto tail = [](double t) {
    return t < 5.0 ? 1.0 - 0.18 * t : 0.1 * std::pow(1.0 + 0.03 * (t - 5.0), -1.0 / 0.3);
  };
  list.push_back({"tail", with_tail(0.3, 10.0, 0.1), tail, {5.0, 50.0, 500.0}});
  return list;
}

// ---------------------------------------------------------------------------------------------- under way at random

// The residual's distribution function is the integral of P(D > t) / E D. With `residual = false` in residual_parts,
// the law of D itself, every law without a closed form fails here.
TEST(Residual, HasTheDensityOfRenewalTheory) {
  for (const auto& [name, spec, above, kinks, error] : known_laws())
    for (const double p : {1e-6, 0.01, 0.2, 0.5, 0.8, 0.99, 0.9999}) {
      const double x = residual_quantile(spec, -1.0, p);
      EXPECT_NEAR(integral(above, x, kinks) / law_mean(spec) / p, 1.0, 3e-9) << name << ' ' << p;
    }
}

/// E D^2, by parts: 2 times the integral of t P(D > t).
double square(const Known& known) {
  std::vector<double> ends = known.kinks;
  const double last = law_quantile(known.spec, 1.0 - 1e-15);
  for (double t = law_quantile(known.spec, 0.5); t < last; t *= 2.0) ends.push_back(t);
  std::sort(ends.begin(), ends.end());
  return 2.0 * integral([&](double t) { return t * known.above(t); }, last, ends);
}

TEST(Residual, HasHalfTheMeanSquareOverTheMean) {
  for (const Known& known : known_laws()) {
    const double expected = square(known) / (2.0 * law_mean(known.spec));
    // With 1e-15 of the probability, the heaviest of these tails (shape 0.3) loses 1e-6 of its second moment.
    EXPECT_NEAR(residual_mean(known.spec, -1.0) / expected, 1.0, 5e-6) << known.name;
  }
  EXPECT_NEAR(residual_mean(constant(40.0), -1.0), 20.0, 1e-13);
  EXPECT_NEAR(residual_mean(uniform(0.0, 30.0), -1.0), 10.0, 1e-13);
  EXPECT_NEAR(residual_mean(exponential(40.0), -1.0), 40.0, 1e-13);
  EXPECT_NEAR(residual_mean(lognormal(40.0, 1.0), -1.0), 20.0 * std::exp(1.5), 1e-12);
  EXPECT_NEAR(residual_mean(gamma(3.0, 30.0), -1.0), 20.0, 1e-13);  // (a + 1) / 2 of scale 10
  EXPECT_EQ(residual_mean(with_tail(0.6, 10.0, 0.1), -1.0), infinity);
  EXPECT_TRUE(std::isfinite(law_mean(with_tail(0.6, 10.0, 0.1))));
  EXPECT_THROW(residual_mean(with_tail(1.2, 10.0, 0.1), -1.0), Error);  // of a mean that is infinite itself
}

TEST(Residual, HasItsClosedForms) {
  for (const double p : orders) {
    EXPECT_NEAR(residual_quantile(constant(40.0), -1.0, p), 40.0 * p, 1e-13);
    EXPECT_NEAR(residual_quantile(exponential(40.0), -1.0, p), -40.0 * std::log1p(-p), 1e-12);
    const double expected = 30.0 * p / (1.0 + std::sqrt(1.0 - p));
    EXPECT_NEAR(residual_quantile(uniform(0.0, 30.0), -1.0, p) / expected, 1.0, 1e-13);
    // Weibull's: (D / scale)^shape is Gamma(1 / shape).
    const double weibulls = 40.0 * std::pow(boost::math::gamma_p_inv(1.0 / 3.0, p), 1.0 / 3.0);
    EXPECT_NEAR(residual_quantile(weibull(3.0, 40.0), -1.0, p) / weibulls, 1.0, 1e-11) << p;
    // Erlang's of two steps: one step or two, equally likely.
    const double x = residual_quantile(gamma(2.0, 40.0), -1.0, p) / 20.0;
    EXPECT_NEAR((1.0 + x / 2.0) * std::exp(-x) / (1.0 - p), 1.0, 1e-12 + 1e-15 / (1.0 - p)) << p;
  }
}

/// The score at which a compiled law reaches x.
double score_of(const CompiledLaw& compiled, const TableSet& tables, double x) {
  double low = -6.7, high = 6.7;
  for (int i = 0; i < 40; ++i) {
    const double z = (low + high) / 2;
    (compiled_value(compiled, tables, static_cast<float>(z)) < x ? low : high) = z;
  }
  return low;
}

TEST(Residual, IsCompiledAsStated) {
  for (const auto& [name, spec, above, kinks, error] : known_laws())
    for (const double elapsed : {-1.0, 0.7 * law_mean(spec)}) {
      TableSet tables;
      const CompiledLaw compiled = compile_residual(spec, elapsed, ticks_per_second, tables);
      EXPECT_LE(compiled.error, error) << name << ' ' << elapsed;
      for (const double p : {1e-3, 0.1, 0.5, 0.9, 0.999, 0.99999}) {
        const double x = ticks_per_second * residual_quantile(spec, elapsed, p);
        const double low = score_of(compiled, tables, x * (1.0 - 1.2e-4));
        const double high = score_of(compiled, tables, x * (1.0 + 1.2e-4));
        // On either side of the quantile by the stated error; a score is exact to 2e-6, and an atom is on one side.
        EXPECT_LE(low, normal_quantile(p) + 2.5e-6) << name << ' ' << elapsed << ' ' << p;
        EXPECT_GE(high, normal_quantile(p) - 2.5e-6) << name << ' ' << elapsed << ' ' << p;
      }
    }
}

// ---------------------------------------------------------------------------------------------- since a known time

TEST(Remaining, IsConditional) {
  for (const auto& [name, spec, above, kinks, error] : known_laws())
    for (const double share : {0.3, 0.9, 2.0}) {
      const double elapsed = share * law_mean(spec), alive = above(elapsed);
      if (alive == 0.0) {
        EXPECT_THROW(residual_quantile(spec, elapsed, 0.5), Error) << name;
        continue;
      }
      for (const double p : {1e-4, 0.1, 0.5, 0.9, 0.9999}) {
        const double x = residual_quantile(spec, elapsed, p);
        // P(D > e + x) = (1 - p) P(D > e), or the two sides of it at an atom.
        EXPECT_LE(above(elapsed + x * (1.0 + 1e-9)) / alive, (1.0 - p) * (1.0 + 1e-6))
            << name << ' ' << share << ' ' << p;
        EXPECT_GE(above(elapsed + x * (1.0 - 1e-9)) / alive, (1.0 - p) * (1.0 - 1e-6))
            << name << ' ' << share << ' ' << p;
      }
      const double mean = residual_mean(spec, elapsed);
      double by_survival = 0.0, from = 0.0;
      const double last = residual_quantile(spec, elapsed, 1.0 - 1e-13);
      std::vector<double> ends;
      for (const double kink : kinks) ends.push_back(std::max(0.0, kink - elapsed));
      for (double t = residual_quantile(spec, elapsed, 0.5); t < last; t *= 2.0) ends.push_back(t);
      std::sort(ends.begin(), ends.end());
      ends.push_back(last);
      for (const double end : ends) {
        if (std::min(end, last) > from)
          by_survival += integral([&, &survival = above](double t) { return survival(elapsed + t) / alive; }, from,
                                  std::min(end, last));
        from = std::max(from, std::min(end, last));
      }
      EXPECT_NEAR(by_survival / mean, 1.0, 1e-6) << name << ' ' << share;
    }
}

/// An outage that has lasted for much longer than most: what is left of it keeps its digits.
TEST(Remaining, IsCompiledDeepInATail) {
  for (const auto& [spec, elapsed] : {std::pair(weibull(2.0, 600.0), 3600.0), std::pair(lognormal(600.0, 0.5), 20000.0),
                                      std::pair(gamma(2.0, 600.0), 9000.0), std::pair(exponential(600.0), 9000.0)}) {
    TableSet tables;
    const CompiledLaw compiled = compile_residual(spec, elapsed, ticks_per_second, tables);
    EXPECT_LE(compiled.error, 1e-4) << elapsed;
    for (const double p : {1e-4, 0.01, 0.1, 0.3, 0.9, 0.999}) {
      const double x = ticks_per_second * residual_quantile(spec, elapsed, p);
      EXPECT_NEAR(compiled_value(compiled, tables, static_cast<float>(normal_quantile(p))) / x, 1.0, 2e-3)
          << elapsed << ' ' << p;
    }
  }
}

TEST(Remaining, OfALongOutageIsLonger) {
  // A log-normal outage of median 1 h that has lasted for 10 h is not over in a minute; an exponential one forgets.
  EXPECT_GT(residual_quantile(lognormal(3600.0, 1.2), 36000.0, 0.5), 3.0 * 3600.0);
  EXPECT_NEAR(residual_quantile(exponential(3600.0), 36000.0, 0.5), 3600.0 * std::log(2.0), 1e-9);
  EXPECT_EQ(residual_quantile(constant(3600.0), 600.0, 0.5), 3000.0);
  EXPECT_EQ(residual_quantile(gamma(2.0, 50.0), 0.0, 0.3), law_quantile(gamma(2.0, 50.0), 0.3));
}

TEST(Remaining, IsRefusedWhenItIsOver) {
  TableSet tables;
  for (const auto& [spec, elapsed] :
       {std::pair(constant(3600.0), 3600.0), std::pair(uniform(0.0, 50.0), 50.0), std::pair(pareto(1.0, 1.2, 1e4), 1e4),
        std::pair(exponential(1.0), std::nan("")), std::pair(exponential(1.0), infinity),
        std::pair(constant(0.0), -1.0), std::pair(window(exponential(1.0), 5.0, constant(2.0)), 7.0)}) {
    EXPECT_THROW(compile_residual(spec, elapsed, ticks_per_second, tables), Error);
    EXPECT_THROW(residual_quantile(spec, elapsed, 0.5), Error);
  }
}

// ---------------------------------------------------------------------------------------------- hazards

double value_at(const CompiledLaw& compiled, const TableSet& tables, double z) {
  return component_value(compiled.components.at(0), tables, static_cast<float>(z));
}

TEST(HazardMultiplier, IsOneOverAGammaOfMeanOne) {
  for (const double shape : {0.5, 1.5, 2.5, 10.5, 400.0}) {
    TableSet tables;
    const CompiledLaw compiled = compile_hazard_multiplier(shape, tables);
    ASSERT_EQ(compiled.components.size(), 1u);
    EXPECT_EQ(compiled.components[0].shape, Shape::exp_table);
    EXPECT_LE(compiled.error, 1e-4) << shape;
    for (double z = -4.7; z < 4.7; z += 0.0917) {
      const double p = normal_cdf(static_cast<double>(static_cast<float>(z)));
      EXPECT_NEAR(value_at(compiled, tables, z) * boost::math::gamma_p_inv(shape, p) / shape, 1.0, 1.2e-4)
          << shape << z;
    }
    // The hazard keeps its mean, and times to failure become Lomax's: P(m T > t) = (1 + t / shape)^-shape.
    EXPECT_NEAR(integrated([&](double z) { return 1.0 / value_at(compiled, tables, z); }), 1.0, 2e-5) << shape;
    for (const double t : {0.01, 0.3, 2.0})
      EXPECT_NEAR(integrated([&](double z) { return std::exp(-t / value_at(compiled, tables, z)); }),
                  std::pow(1.0 + t / shape, -shape), 2e-5)
          << shape << ' ' << t;
  }
  TableSet tables;
  EXPECT_THROW(compile_hazard_multiplier(0.0, tables), Error);
  EXPECT_THROW(compile_hazard_multiplier(std::nan(""), tables), Error);
}

// ---------------------------------------------------------------------------------------------- copula

TEST(Copula, TurnsStudentScoresIntoNormalOnes) {
  for (const double dof : {1.0, 2.5, 4.0, 10.0, 100.0, 1e4}) {
    TableSet tables;
    const CompiledLaw compiled = compile_copula(dof, tables);
    ASSERT_EQ(compiled.components.size(), 1u);
    EXPECT_EQ(compiled.components[0].shape, Shape::table);
    EXPECT_EQ(compiled.components[0].scale, 1.0f);
    EXPECT_EQ(compiled.components[0].offset, 0.0f);
    EXPECT_LE(compiled.error, 1e-4) << dof;
    const boost::math::students_t student(dof);
    double worst = 0.0;
    for (double t = 1e-3; t < 1e6; t *= 1.07) {
      const double w = std::sqrt(dof * std::log1p(t * t / dof)) * (8.0 * dof + 1.0) / (8.0 * dof + 3.0);
      if (w > 6.7) break;
      const double exact = -normal_quantile(boost::math::cdf(complement(student, t)));
      if (exact < 6.0) worst = std::max(worst, std::abs(value_at(compiled, tables, w) - exact));
      EXPECT_NEAR(value_at(compiled, tables, w), exact, 1.5e-4) << dof << ' ' << t;
      EXPECT_NEAR(value_at(compiled, tables, -w), -exact, 1.5e-4) << dof << ' ' << t;
    }
    EXPECT_LE(worst, 1.1 * compiled.error + 2e-6) << dof;
    EXPECT_LE(compiled.error, 3.0 * worst + 2e-6) << dof;
    EXPECT_NEAR(value_at(compiled, tables, 0.0), 0.0, 1e-6);
  }
  TableSet tables;
  EXPECT_THROW(compile_copula(0.5, tables), Error);
  EXPECT_THROW(compile_copula(std::nan(""), tables), Error);
}

// ---------------------------------------------------------------------------------------------- mixer

TEST(Mixer, OfAnUncertainDofIsAMixture) {
  TableSet tables;
  const std::vector<std::pair<double, double>> dofs = {{4.5, 0.25}, {6.0, 0.5}, {9.0, 0.0}, {12.0, 0.25}};
  const CompiledLaw compiled = compile_mixer(dofs, tables);
  ASSERT_EQ(compiled.components.size(), 3u);
  EXPECT_EQ(tables.keys.size(), 3u);
  EXPECT_LE(compiled.error, 1e-4);
  EXPECT_FLOAT_EQ(compiled.components[0].until, -0.67448975f);  // the quartiles
  EXPECT_FLOAT_EQ(compiled.components[1].until, 0.67448975f);
  EXPECT_EQ(compiled.components[2].until, std::numeric_limits<float>::infinity());
  const double dof_of[] = {4.5, 6.0, 12.0};
  for (std::size_t k = 0; k < 3; ++k)
    for (const double z : {-4.0, -1.0, 0.0, 0.7, 4.0}) {
      const double half = dof_of[k] / 2.0;
      const double exact =
          (half - 1.0) / boost::math::gamma_p_inv(half, normal_cdf(static_cast<double>(static_cast<float>(z))));
      EXPECT_NEAR(component_value(compiled.components[k], tables, static_cast<float>(z)) / exact, 1.0, 1.2e-4);
    }
  EXPECT_THROW(compile_mixer({}, tables), Error);
  EXPECT_THROW(compile_mixer({{5.0, -1.0}}, tables), Error);
  EXPECT_THROW(compile_mixer({{2.0, 1.0}}, tables), Error);
}

}  // namespace
}  // namespace proofload
