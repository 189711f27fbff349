/// checks.h -- scenarios against closed forms, and the proof that each comparison would see an error.
///
/// A Row is a scenario as a user writes it, run along the command line's own path. A Check passes when the exact value
/// lies in the interval that the program itself reports (or that the exact standard error gives) at `level`. A check
/// that counts states the relative error of the probability that it detects with 90 %, from the binomial law and
/// nothing else; a planted run moves one parameter of the scenario until the *closed form* is off by the error that is
/// detected with 99.9 %, and must fail.
#pragma once
#include <gtest/gtest.h>

#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/quadrature/gauss.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <iostream>
#include <limits>
#include <numbers>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tests/support.h"

namespace proofload::testing {

inline constexpr double level = 0.999995, false_alarm = 1.0 - level, family_wise = 1e-3;
inline constexpr double minute = 60.0, hour = 3600.0, day = 86400.0, year = 365.0 * day;

// ---- mathematics ----------------------------------------------------------------------------------------------------

inline double normal(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
inline double normal_score(double p) { return boost::math::quantile(boost::math::normal(), p); }
inline double student(double dof, double x) { return boost::math::cdf(boost::math::students_t(dof), x); }

/// Integral over [a, b] by `panels` panels of 20 Gauss-Legendre nodes.
template <class Function>
double integral(const Function& f, double a, double b, int panels = 1) {
  const double step = (b - a) / panels;
  double sum = 0.0;
  for (int i = 0; i < panels; ++i)
    sum += boost::math::quadrature::gauss<double, 20>::integrate(f, a + step * i, a + step * (i + 1));
  return sum;
}

/// P(X < a, Y < b), standard normals of correlation rho: Phi(a) Phi(b) and an integral over the angle (Drezner and
/// Wesolowsky 1990).
inline double bivariate(double a, double b, double rho) {
  const auto f = [&](double angle) {
    const double s = std::sin(angle), c2 = 1.0 - s * s;
    return std::exp(-0.5 * (a * a + b * b - 2.0 * a * b * s) / c2);
  };
  return normal(a) * normal(b) + integral(f, 0.0, std::asin(rho), 3) / (2.0 * std::numbers::pi);
}

/// Mean of f(z), z a standard normal. `kink`: where f is not smooth.
template <class Function>
double over_normal(const Function& f, double kink = 0.0) {
  const auto g = [&](double z) { return f(z) * std::exp(-0.5 * z * z) / std::sqrt(2.0 * std::numbers::pi); };
  return integral(g, -9.0, kink, 9) + integral(g, kink, 9.0, 9);
}

/// Mean of f(w), w the mixing variance of a unit-variance Student-t: (dof - 2) / chi-square(dof). The trapezoidal rule
/// in the logarithm of chi-square converges faster than any power of its step.
template <class Function>
double over_mixer(double dof, const Function& f) {
  constexpr double step = 0.125;
  double sum = 0.0;
  for (double t = -30.0 / dof * 4.0; t < 8.0; t += step) {
    const double weight = std::exp(0.5 * dof * (t - std::log(2.0)) - 0.5 * std::exp(t) - std::lgamma(0.5 * dof));
    if (weight > 1e-25) sum += weight * f((dof - 2.0) * std::exp(-t));
  }
  return sum * step;
}

/// Sum of f(n) over a Poisson law.
template <class Function>
double over_poisson(double mean, const Function& f) {
  double sum = 0.0, weight = std::exp(-mean);
  for (int n = 0; n < 60 && (n < 2 * mean + 3 || weight > 1e-18); ++n) {
    sum += weight * f(n);
    weight *= mean / (n + 1);
  }
  return sum;
}

/// The argument at which an increasing function has the value y.
template <class Function>
double solve(const Function& f, double y, double low, double high) {
  for (int i = 0; i < 60 && high - low > 1e-13 * std::abs(high); ++i) {
    const double middle = 0.5 * (low + high);
    (f(middle) < y ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

// ---- what a check is ------------------------------------------------------------------------------------------------

/// What a planted error multiplies; a row says which of them its scenario and its closed forms know. Tests with other
/// parameters have a World of their own, with the level and the seed of its rows.
struct World {
  static constexpr double level = testing::level;
  static constexpr int seed = 20261123;
  double volatility = 1.0, correlation = 1.0, delay = 1.0, size = 1.0, shape = 1.0;

  static const char* name(double World::*knob) {
    if (knob == &World::volatility) return "volatility";
    if (knob == &World::delay) return "delay";
    if (knob == &World::correlation) return "correlation";
    return knob == &World::size ? "size" : "shape";
  }
};
using Knob = double World::*;

template <class W>
using ExactIn = std::function<double(const W&)>;
using Measure = std::function<Estimate(const Results&, const Answers&)>;

template <class W>
struct CheckIn {
  std::string name;
  ExactIn<W> exact;  ///< compared, in the unmoved world, with what is measured
  double W::*knob;
  Measure measure;
  ExactIn<W> moved;                        ///< what the error is an error of: the counted probability, or a mean
  std::function<double(double)> detected;  ///< relative error of `moved` that is detected with this power
  bool counts = true;                      ///< `moved` is a probability, of which a thousand paths must speak
  double published = std::numeric_limits<double>::quiet_NaN(),
         digits = 0.0;  ///< reference value, its relative accuracy

  CheckIn as_published(double value, double relative) && {
    published = value;
    digits = relative;
    return std::move(*this);
  }
};

template <class W>
struct RowIn {
  std::string name;
  std::uint64_t paths;
  std::function<std::string(const W&)> scenario;  ///< without [run]
  std::vector<CheckIn<W>> checks;
  std::string horizon = "30d";
  bool slow_errors = false;  ///< many planted runs, or long ones

  std::string text(const W& w) const {
    return fmt::format(
        "schema = 1\nname = \"{}\"\n[run]\npaths = {}\nseed = {}\nconfidence = [0.99, 0.999]\ninterval = "
        "{:.17g}\nhorizon = \"{}\"\n{}",
        name, paths, W::seed, W::level, horizon, scenario(w));
  }
};

using Exact = ExactIn<World>;
using Check = CheckIn<World>;
using Row = RowIn<World>;

/// The rows that these functions add.
template <class W>
std::vector<RowIn<W>> rows_of(std::initializer_list<void (*)(std::vector<RowIn<W>>&)> parts) {
  std::vector<RowIn<W>> rows;
  for (const auto add : parts) add(rows);
  return rows;
}

/// Relative error of a probability p that n trials detect with this power, upwards: p's own Clopper-Pearson acceptance
/// region against the binomial law of p (1 + error). Exact, no normal approximation.
inline double detected_error(double trials, double p, double power, double at_level = level) {
  const auto at_least = [&](double x, double q) { return x <= 0.0 ? 1.0 : boost::math::ibeta(x, trials - x + 1.0, q); };
  double accepted = std::floor(trials * p), rejected = trials;  // the least count that the check rejects
  while (rejected - accepted > 1.0) {
    const double x = std::floor(0.5 * (accepted + rejected));
    (at_least(x, p) > 0.5 * (1.0 - at_level) ? accepted : rejected) = x;
  }
  return solve([&](double error) { return at_least(rejected, p * (1.0 + error)); }, power, 0.0, 1.0 / p - 1.0);
}

template <class W>
CheckIn<W> probability(std::string name, std::uint64_t n, std::type_identity_t<ExactIn<W>> exact, double W::*knob,
                       Measure measure) {
  return {
      std::move(name),    exact, knob,
      std::move(measure), exact, [=](double power) { return detected_error(double(n), exact(W{}), power, W::level); }};
}

/// A quantile `value`, exceeded with probability `tail` that is 1 - confidence in the unmoved world: the count of
/// losses beyond decides.
template <class W>
CheckIn<W> quantile(std::string name, std::uint64_t n, double value, std::type_identity_t<ExactIn<W>> tail,
                    double W::*knob, Measure measure) {
  CheckIn<W> c = probability(std::move(name), n, tail, knob, std::move(measure));
  c.exact = [=](const W&) { return value; };
  return c;
}

/// A mean whose estimate has this standard error.
template <class W>
CheckIn<W> mean(std::string name, std::type_identity_t<ExactIn<W>> exact, double error, double W::*knob,
                Measure measure) {
  return {std::move(name),
          exact,
          knob,
          std::move(measure),
          exact,
          [=](double power) { return std::abs(error / exact(W{})) * (interval_score(W::level) + normal_score(power)); },
          false};
}

// ---- scenarios ------------------------------------------------------------------------------------------------------

struct Asset {
  std::string name;
  double volatility, drift = 0.0;
};
/// [market] with these assets, each at a price of 1.
inline std::string assets(const std::vector<Asset>& list) {
  std::string text = "[market]\nassets = [\n";
  for (const Asset& a : list)
    text += fmt::format("  {{ name = \"{}\", price = 1.0, volatility = {:.17g}, drift = {:.17g} }},\n", a.name,
                        a.volatility, a.drift);
  return text + "]\n";
}
/// Of two assets.
inline std::string correlation(double rho) {
  return fmt::format("correlation = [ [1.0, {0:.17g}], [{0:.17g}, 1.0] ]\n", rho);
}
inline std::string student_t(double dof) {
  return fmt::format("innovation = {{ kind = \"student_t\", dof = {:.17g} }}\n", dof);
}
inline double loss(double log_price) { return -std::expm1(log_price); }

// ---- what is read off a result --------------------------------------------------------------------------------------

inline Estimate counted(std::uint64_t x, std::uint64_t n) { return proportion(x, n, level); }
/// At the level that the scenario asks for.
inline Estimate counted(std::uint64_t x, const Results& r) {
  return proportion(x, r.tally.paths, r.scenario.run.interval);
}
inline Measure under(int k) {
  return [=](const Results&, const Answers& a) { return a.collateral[std::size_t(k)].p_under; };
}
inline Measure joint_under(int i, int j) {
  return [=](const Results& r, const Answers&) { return counted(r.tally.counts[r.tally.layout.under(i, j)], r); };
}
inline Measure breach(int k) {
  return [=](const Results& r, const Answers&) {
    return counted(r.tally.counts[r.tally.layout.breach(k)], r.tally.paths);
  };
}
inline Measure book_under() {
  return [=](const Results& r, const Answers&) {
    return counted(r.tally.counts[r.tally.layout.book_under()], r.tally.paths);
  };
}
/// Bin of the loss h, a multiple of 1e-5.
inline int bin_at(double h) { return 1 + loss_gain_bins + int(std::lround(h * loss_fine_bins)); }
/// Paths with a loss of h or more in the histogram that starts at `at`.
inline std::uint64_t beyond(const Results& r, std::size_t at, double h) {
  std::uint64_t sum = 0;
  for (int b = bin_at(h); b < loss_bins; ++b) sum += r.tally.counts[at + std::size_t(b)];
  return sum;
}
/// The book's worst grid date had a loss of h or more.
inline Measure least_beyond(double h) {
  return [=](const Results& r, const Answers&) { return counted(beyond(r, r.tally.layout.least(), h), r.tally.paths); };
}
inline Measure haircut(int k, int confidence) {
  return [=](const Results&, const Answers& a) {
    const HaircutAnswer& h = a.collateral[std::size_t(k)].haircuts[std::size_t(confidence)];
    return Estimate{*h.value, *h.low, *h.high};
  };
}
/// A mean without an interval of its own gets that of its exact standard error.
inline Measure with_error(std::function<double(const Results&, const Answers&)> value, double error) {
  return [=](const Results& r, const Answers& a) {
    const double half = interval_score(r.scenario.run.interval) * error, v = value(r, a);
    return Estimate{v, v - half, v + half};
  };
}

// ---- the tests ------------------------------------------------------------------------------------------------------

inline constexpr double stated_power = 0.90, planted_power = 0.999;

inline bool agrees(const Estimate& e, double exact) { return e.low <= exact && exact <= e.high; }

/// The world in which one knob is turned up until `moved` is off by `error`.
template <class W>
W planted(const CheckIn<W>& c, double error) {
  const double base = c.moved(W{});
  const auto off = [&](double factor) {
    W w;
    w.*c.knob *= factor;
    return std::abs(c.moved(w) / base - 1.0);
  };
  constexpr double most = 4.0;
  double upper = 1.0 + 1.0 / 64.0;
  while (upper < most && off(upper) < error) upper = 1.0 + 1.5 * (upper - 1.0);
  EXPECT_GE(off(upper), error) << c.name << ": this knob cannot plant the error";
  W w;
  w.*c.knob *= 1.0 + 1.01 * (solve(off, error, 1.0, upper) - 1.0);  // a step function moves at a point: beyond it
  return w;
}

template <class W>
void lies_in_the_interval(const RowIn<W>& row) {
  const Results r = run_text(row.text(W{}));
  const Answers a = answer(r);
  for (const CheckIn<W>& c : row.checks) {
    const double exact = c.exact(W{});
    if (c.digits > 0.0) {
      EXPECT_NEAR(exact / c.published, 1.0, c.digits) << c.name << ": our closed form is not the published value";
    }
    const Estimate e = c.measure(r, a);
    EXPECT_TRUE(agrees(e, exact)) << fmt::format("{}: exact {:.6e}, estimated {:.6e} in [{:.6e}, {:.6e}]", c.name,
                                                 exact, e.estimate, e.low, e.high);
    std::cout << fmt::format("{:<36} exact {:.6e}  estimated {:.6e} [{:.6e}, {:.6e}]  detects {:.2f} % with 90 %\n",
                             c.name, exact, e.estimate, e.low, e.high, 100 * c.detected(stated_power));
  }
}

template <class W>
void rejects_a_planted_error(const RowIn<W>& row) {
  for (const CheckIn<W>& c : row.checks) {
    const double error = c.detected(planted_power), exact = c.exact(W{});
    const W moved = planted(c, error);
    const Results r = run_text(row.text(moved));
    const Estimate e = c.measure(r, answer(r));
    EXPECT_FALSE(agrees(e, exact)) << fmt::format(
        "{}: {} moved by {:.4g}, an error of {:.2f} %, and nobody noticed: exact {:.6e} in [{:.6e}, {:.6e}]", c.name,
        W::name(c.knob), moved.*c.knob / (W{}.*c.knob), 100 * error, exact, e.low, e.high);
    std::cout << fmt::format("{:<36} {} times {:.6g}: off by {:.2f} %, {:.6e} not in [{:.6e}, {:.6e}]\n", c.name,
                             W::name(c.knob), moved.*c.knob / (W{}.*c.knob), 100 * error, exact, e.low, e.high);
  }
}

/// Where a sanitizer watches, paths are dear: CTest labels Slow/* `slow`.
inline constexpr std::uint64_t quick = 4'000'000;
template <class W>
std::vector<const RowIn<W>*> rows_that_run(const std::vector<RowIn<W>>& rows, bool slowly) {
  std::vector<const RowIn<W>*> some;
  for (const RowIn<W>& r : rows)
    if ((r.paths > quick) == slowly) some.push_back(&r);
  return some;
}
/// The same for their planted errors, of which each is a run.
template <class W>
std::vector<const RowIn<W>*> errors_that_run(const std::vector<RowIn<W>>& rows, bool slowly) {
  std::vector<const RowIn<W>*> some;
  for (const RowIn<W>& r : rows)
    if ((r.paths > quick || r.slow_errors) == slowly) some.push_back(&r);
  return some;
}
inline constexpr auto row_name = [](const auto& info) -> std::string { return info.param->name; };

/// Few false alarms for these rows' share of the suite, and a thousand paths behind each count.
template <class W>
void are_sound(const std::vector<RowIn<W>>& rows, double share) {
  double alarms = 0.0;
  for (const RowIn<W>& r : rows) {
    alarms += double(r.checks.size()) * (1.0 - W::level);
    for (const CheckIn<W>& c : r.checks) {
      if (c.counts) { EXPECT_GE(double(r.paths) * c.moved(W{}), 1000.0) << r.name << ": " << c.name; }
    }
  }
  EXPECT_LE(alarms, share * family_wise);
}

template <class W>
void PrintTo(const RowIn<W>* r, std::ostream* to) {
  *to << r->name;
}

}  // namespace proofload::testing
