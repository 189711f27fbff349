// Fits return what the data were made with: parameters over many repetitions against their own standard errors, on
// simulators written here, with the standard library's generators and none of the engine's code.
#include "market/fit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>

#include "base/parallel.h"
#include "market/fit_market.h"
#include "market/fit_prices.h"
#include "plan/compile.h"
#include "plan/compile_market.h"
#include "scenario/reader.h"
#include "scenario/scenario.h"
#include "tests/market/samples.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;
using std::vector;

/// Estimates of one parameter over repetitions.
struct Repetitions {
  vector<Parameter> estimates;

  /// Empty when the errors (estimate - truth) / standard error have a mean within `bias` + 3.5 / sqrt(n) of 0 and a
  /// deviation in a band around 1; else what is wrong. Few repetitions decide: 3.5 standard errors are passed by chance
  /// once in 2,000 times.
  std::string complaint(double truth, double bias = 0.0) const {
    const double n = static_cast<double>(estimates.size());
    double mean = 0.0, square = 0.0, level = 0.0;
    for (const auto& e : estimates) {
      const double z = (e.value - truth) / e.error;
      if (!std::isfinite(z)) return fmt::format("an estimate is {} with error {}", e.value, e.error);
      mean += z / n;
      square += z * z / n;
      level += e.value / n;
    }
    const double deviation = std::sqrt((square - mean * mean) * n / (n - 1.0));
    const std::string figures = fmt::format("{} estimates, mean {:.5g}, true {:.5g}, z: mean {:.2f}, deviation {:.2f}",
                                            estimates.size(), level, truth, mean, deviation);
    if (std::fabs(mean) > bias + 3.5 / std::sqrt(n)) return "biased: " + figures;
    if (deviation < 0.65 || deviation > 1.45) return "standard errors are wrong: " + figures;
    return "";
  }
};

/// `make` fits the data of one seed and answers its parameters.
template <typename Make>
vector<Repetitions> repeat(std::size_t count, const Make& make) {
  vector<vector<Parameter>> all(count);
  for_each_parallel(count, 2, [&](std::size_t i) { all[i] = make(Generator(1000 + i)); });
  vector<Repetitions> out(all[0].size());
  for (const auto& row : all)
    for (std::size_t k = 0; k < row.size(); ++k) out[k].estimates.push_back(row[k]);
  return out;
}

// ---- one history ----------------------------------------------------------------------------------------------------

TEST(StudentFits, RecoverDeviationAndDof) {
  const double dof = 5.0, stdev = 0.01;
  const auto r = repeat(100, [&](Generator g) {
    vector<double> x;
    for (int t = 0; t < 6000; ++t) x.push_back(2e-4 + stdev * student(g, dof));
    const StudentFit fit = fit_student(x);
    EXPECT_TRUE(fit.converged);
    return vector<Parameter>{fit.stdev, fit.dof, fit.location};
  });
  EXPECT_EQ(r[0].complaint(stdev, 0.15), "");
  EXPECT_EQ(r[1].complaint(dof, 0.15), "");
  EXPECT_EQ(r[2].complaint(2e-4), "");
  // the check itself: errors of two standard errors of one fit (dof 5 +- 0.35) do not pass it
  EXPECT_NE(r[0].complaint(stdev * 1.04, 0.15), "");
  EXPECT_NE(r[1].complaint(5.7, 0.15), "");
}

TEST(StudentFits, NormalReturnsAreAtTheUpperBound) {
  Generator g(5);
  vector<double> x;
  for (int t = 0; t < 20000; ++t) x.push_back(normal(g));
  const StudentFit fit = fit_student(x);
  EXPECT_GT(fit.dof.value, 40.0);
  EXPECT_NEAR(fit.stdev.value, 1.0, 0.03);
}

struct Garch {
  double variance, alpha, gamma, beta, dof;
};

vector<double> simulate(const Garch& p, std::size_t count, Generator& g, vector<double>* z = nullptr,
                        double* last = nullptr) {
  const double omega = p.variance * (1.0 - p.alpha - p.gamma / 2.0 - p.beta);
  double h = p.variance;
  vector<double> out;
  for (std::size_t t = 0; t < count + 500; ++t) {
    const double shock = std::isfinite(p.dof) ? student(g, p.dof) : normal(g), e = std::sqrt(h) * shock;
    if (t >= 500) {
      out.push_back(e);
      if (z) z->push_back(shock);
    }
    h = omega + (p.alpha + (e < 0.0 ? p.gamma : 0.0)) * e * e + p.beta * h;
  }
  if (last) *last = h;
  return out;
}

TEST(GarchFits, RecoverEveryParameter) {
  const Garch p{1e-4, 0.06, 0.08, 0.86, 6.0};
  for (const bool target : {true, false}) {
    SCOPED_TRACE(target ? "variance targeted" : "variance free");
    const auto r = repeat(60, [&](Generator g) {
      const auto x = simulate(p, 6000, g);
      GarchOptions options;
      options.target_variance = target;
      const GarchFit fit = fit_garch(x, options);
      EXPECT_TRUE(fit.converged);
      return vector<Parameter>{fit.alpha, fit.gamma, fit.beta, fit.dof, fit.omega};
    });
    EXPECT_EQ(r[0].complaint(p.alpha, 0.2), "");
    EXPECT_EQ(r[1].complaint(p.gamma, 0.2), "");
    EXPECT_EQ(r[2].complaint(p.beta, 0.3), "");
    EXPECT_EQ(r[3].complaint(p.dof, 0.2), "");
    EXPECT_EQ(r[4].complaint(p.variance * 0.04, 0.3), "");
    // detected: the leverage left out, and the persistence wrong by 2 %
    EXPECT_NE(r[1].complaint(0.0, 0.2), "");
    EXPECT_NE(r[2].complaint(0.88, 0.3), "");
  }
}

TEST(GarchFits, NormalResiduals) {
  const Garch p{4e-4, 0.08, 0.0, 0.88, std::numeric_limits<double>::infinity()};
  const auto r = repeat(50, [&](Generator g) {
    const auto x = simulate(p, 4000, g);
    GarchOptions options;
    options.student = false;
    const GarchFit fit = fit_garch(x, options);
    EXPECT_TRUE(std::isinf(fit.dof.value));
    return vector<Parameter>{fit.alpha, fit.gamma, fit.beta};
  });
  EXPECT_EQ(r[0].complaint(p.alpha, 0.2), "");
  EXPECT_EQ(r[1].complaint(p.gamma, 0.2), "");
  EXPECT_EQ(r[2].complaint(p.beta, 0.3), "");
}

TEST(GarchFits, WarmStartsEndWhereColdOnesDo) {
  Generator g(3);
  const auto x = simulate({1e-4, 0.05, 0.04, 0.91, 5.0}, 3000, g);
  const std::span<const double> all(x);
  GarchOptions options;
  options.standard_errors = false;
  const GarchFit before = fit_garch(all.subspan(0, 2160), options), cold = fit_garch(all.subspan(24, 2160), options);
  options.start = before;
  const GarchFit warm = fit_garch(all.subspan(24, 2160), options);
  EXPECT_NEAR(warm.log_likelihood, cold.log_likelihood, 1e-3);
  EXPECT_NEAR(warm.alpha.value, cold.alpha.value, 2e-3);
  EXPECT_NEAR(warm.next / cold.next, 1.0, 0.01);
}

TEST(GarchFits, LikelihoodIsThatOfItsDefinition) {
  Generator g(4);
  const auto x = simulate({1e-4, 0.06, 0.05, 0.9, 7.0}, 800, g);
  const GarchFit fit = fit_garch(x);
  const double v = fit.dof.value;
  double h = fit.long_run, sum = 0.0;
  for (const double e : x) {
    const double t = e * std::sqrt(v / (v - 2.0) / h);
    sum += std::lgamma((v + 1.0) / 2.0) - std::lgamma(v / 2.0) - 0.5 * std::log(v * M_PI) -
           (v + 1.0) / 2.0 * std::log1p(t * t / v) + 0.5 * std::log(v / (v - 2.0) / h);
    h = fit.omega.value + (fit.alpha.value + (e < 0.0 ? fit.gamma.value : 0.0)) * e * e + fit.beta.value * h;
  }
  EXPECT_NEAR(fit.log_likelihood, sum, 1e-6 * std::fabs(sum));
  EXPECT_NEAR(fit.next, h, 1e-12 * h);
  EXPECT_NEAR(fit.omega.value, fit.long_run * (1.0 - fit.persistence()), 1e-12 * fit.long_run);
}

TEST(GarchFits, FiltersGiveBackTheShocksAndCarryGaps) {
  Generator g(9);
  vector<double> z;
  double last = 0.0;
  const Garch p{1e-4, 0.06, 0.08, 0.86, 6.0};
  auto x = simulate(p, 4000, g, &z, &last);
  GarchFit exact;
  exact.long_run = p.variance;
  exact.alpha.value = p.alpha;
  exact.gamma.value = p.gamma;
  exact.beta.value = p.beta;
  vector<double> residuals;
  auto h = filter_garch(x, exact, &residuals);
  ASSERT_EQ(h.size(), x.size() + 1);
  EXPECT_NEAR(h.back(), last, 1e-10 * last);  // the start is forgotten
  for (std::size_t t = 1000; t < z.size(); ++t) ASSERT_NEAR(residuals[t], z[t], 1e-6);
  for (std::size_t t = 2000; t < 2010; ++t) x[t] = nothing;
  h = filter_garch(x, exact, &residuals);
  EXPECT_TRUE(std::isnan(residuals[2005]));
  // over ten bars of which nothing is known the excess fades by persistence^10 (0.96)
  EXPECT_NEAR((h[2010] - p.variance) / (h[2000] - p.variance), std::pow(0.96, 10), 1e-9);
}

TEST(GarchFits, AreQuick) {
  Generator g(6);
  const auto x = simulate({1e-4, 0.06, 0.02, 0.9, 4.0}, 2160, g);
  GarchOptions options;
  options.start = fit_garch(x);
  options.standard_errors = false;
  const auto before = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i)
    fit_garch(std::span<const double>(x).subspan(static_cast<std::size_t>(i), 2100), options);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - before;
  EXPECT_LT(taken.count() / 10.0, 0.2);  // 2 ms on a quiet machine; sanitizers and neighbours take their time
}

// What is resampled is scaled to variance 1 when a scenario reads it. Under a t likelihood residuals of fat tails may
// have another variance, and the model would forget its level; the quasi-likelihood keeps it.
TEST(GarchFits, QuasiLikelihoodGivesResidualsOfUnitVarianceWhateverTheirLaw) {
  double t_variance = 0.0, quasi_variance = 0.0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Generator g(seed);  // calm shocks, and one in a hundred five times as large: no Student-t
    vector<double> x;
    double h = 1.0;
    for (int t = 0; t < 8000; ++t) {
      const double z = normal(g) * (g() % 100 == 0 ? 5.0 : 1.0) / std::sqrt(0.99 + 0.25), e = std::sqrt(h) * z;
      x.push_back(e);
      h = 0.05 + 0.05 * e * e + 0.90 * h;
    }
    for (const bool student : {true, false}) {
      GarchOptions options;
      options.student = student;
      options.standard_errors = false;
      vector<double> residuals;
      filter_garch(x, fit_garch(x, options), &residuals);
      double variance = 0.0;
      for (const double z : residuals) variance += z * z / 8000.0 / 10.0;
      (student ? t_variance : quasi_variance) += variance;
    }
  }
  EXPECT_NEAR(quasi_variance, 1.0, 0.02);
  EXPECT_GT(std::fabs(t_variance - 1.0), std::fabs(quasi_variance - 1.0));
}

TEST(MertonFits, RecoverEveryParameter) {
  const double volatility = 0.6, intensity = 300.0, mean = -0.02, stdev = 0.03;
  const auto r = repeat(60, [&](Generator g) {
    vector<double> x;
    for (int t = 0; t < 3000; ++t) {
      double e = volatility / std::sqrt(hours) * normal(g);
      for (int k = std::poisson_distribution<int>(intensity / hours)(g); k > 0; --k) e += mean + stdev * normal(g);
      x.push_back(e);
    }
    const MertonFit fit = fit_merton(x, hours);
    return vector<Parameter>{fit.volatility, fit.intensity, fit.mean, fit.stdev};
  });
  EXPECT_EQ(r[0].complaint(volatility, 0.15), "");
  EXPECT_EQ(r[1].complaint(intensity, 0.15), "");
  EXPECT_EQ(r[2].complaint(mean, 0.15), "");
  EXPECT_EQ(r[3].complaint(stdev, 0.25), "");
  EXPECT_NE(r[1].complaint(intensity * 1.15, 0.15), "");
  EXPECT_NE(r[2].complaint(0.0, 0.15), "");
}

struct Heston {
  double theta, speed, vol, correlation;
};

/// Hourly returns by full-truncation Euler, an hour a step.
vector<double> simulate(const Heston& p, int years, Generator& g) {
  vector<double> x;
  const double dt = 1.0 / hours;
  double v = p.theta;
  for (int t = 0; t < years * 8760; ++t) {
    const double positive = std::max(v, 0.0), z = normal(g);
    x.push_back(-0.5 * positive * dt + std::sqrt(positive * dt) * z);
    v += p.speed * (p.theta - positive) * dt +
         p.vol * std::sqrt(positive * dt) *
             (p.correlation * z + std::sqrt(1.0 - p.correlation * p.correlation) * normal(g));
  }
  return x;
}

TEST(HestonFits, RecoverTheMomentsOfSevenYears) {
  const Heston p{0.64, 15.0, 2.0, -0.6};
  const auto r = repeat(60, [&](Generator g) {
    const HestonFit fit = fit_heston(simulate(p, 7, g), 24);
    EXPECT_TRUE(fit.identified);
    EXPECT_EQ(fit.days, 2555u);
    return vector<Parameter>{fit.volatility, fit.mean_reversion, fit.vol_of_vol, fit.correlation};
  });
  EXPECT_EQ(r[0].complaint(std::sqrt(p.theta), 0.3), "");
  EXPECT_EQ(r[1].complaint(p.speed, 0.5), "");  // the header owns up to a bias of half a standard error
  EXPECT_EQ(r[2].complaint(p.vol, 0.5), "");
  EXPECT_EQ(r[3].complaint(p.correlation, 0.3), "");
  EXPECT_NE(r[2].complaint(1.0, 0.5), "");
  EXPECT_NE(r[3].complaint(0.0, 0.3), "");
}

// In long histories the bias goes away, and what is left of the error is small enough to see a wrong constant.
TEST(HestonFits, RecoverTheMomentsOfManyYears) {
  const Heston p{0.64, 15.0, 2.0, -0.6};
  const auto r = repeat(12, [&](Generator g) {
    const HestonFit fit = fit_heston(simulate(p, 70, g), 24);
    return vector<Parameter>{fit.volatility, fit.mean_reversion, fit.vol_of_vol, fit.correlation};
  });
  const double truth[] = {0.8, 15.0, 2.0, -0.6};
  for (std::size_t k = 0; k < 4; ++k) {
    double mean = 0.0;
    for (const auto& e : r[k].estimates) mean += e.value / 12.0;
    EXPECT_NEAR(mean / truth[k], 1.0, 0.06) << k;
  }
}

// ---- several assets -------------------------------------------------------------------------------------------------

const vector<std::string> letters{"A", "B", "C", "D", "E", "F", "G", "H"};

TEST(Correlations, RecoverPairsWithGapsAndCommonTails) {
  const double rho = 0.6;
  const auto r = repeat(80, [&](Generator g) {
    Columns x(3);
    for (int t = 0; t < 4000; ++t) {
      const double mixer = std::sqrt(4.0 / std::chi_squared_distribution<double>(6.0)(g)), common = normal(g);
      for (auto& c : x) c.push_back(mixer * (std::sqrt(rho) * common + std::sqrt(1.0 - rho) * normal(g)));
      if (t < 2000) x[1].back() = nothing;
      if (t % 7 == 0) x[2].back() = nothing;
    }
    const CorrelationFit fit = fit_correlation(x, letters);
    EXPECT_LE(fit.least_overlap, 2000u);
    vector<Parameter> out;
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < i; ++j) out.push_back({fit.sample[i][j], fit.error[i][j]});
    const TailFit tail = fit_common_dof(x);
    out.push_back(tail.dof);
    const Parameter deviation = fit_deviation(x[2]);
    out.push_back(deviation);
    return out;
  });
  for (std::size_t k = 0; k < 3; ++k) EXPECT_EQ(r[k].complaint(rho, 0.1), "");
  EXPECT_EQ(r[3].complaint(6.0, 0.3), "");
  EXPECT_EQ(r[4].complaint(1.0, 0.3), "");
  EXPECT_NE(r[0].complaint(0.65, 0.1), "");
  EXPECT_NE(r[3].complaint(9.0, 0.3), "");
}

/// Assets with a mixer that they share (or each its own), of these degrees of freedom.
Columns tailed(const vector<double>& dofs, std::size_t rows, bool common, double rho, Generator& g) {
  Columns x(dofs.size());
  for (std::size_t t = 0; t < rows; ++t) {
    const double shared = normal(g);
    Generator same(g());
    for (std::size_t i = 0; i < dofs.size(); ++i) {
      Generator mine = common ? same : Generator(g());
      const double mixer = std::sqrt((dofs[i] - 2.0) / std::chi_squared_distribution<double>(dofs[i])(mine));
      x[i].push_back(mixer * (std::sqrt(rho) * shared + std::sqrt(1.0 - rho) * normal(g)));
    }
  }
  return x;
}

/// How often the test says that some tail differs.
double alarms(std::size_t repetitions, const std::function<Columns(Generator&)>& make, std::size_t overlap = 1) {
  vector<int> said(repetitions);
  for_each_parallel(repetitions, 2, [&](std::size_t i) {
    Generator g(5000 + i);
    const Columns x = make(g);
    for (const TailDifference& d : tail_differences(x, fit_common_dof(x, overlap, false), overlap))
      said[i] |= d.p < 0.001 ? 1 : 0;
  });
  return double(std::accumulate(said.begin(), said.end(), 0)) / double(repetitions);
}

// Where the variance of a squared return is infinite the error of the tail is that of repetitions: 240 histories know
// their deviation to 5 % or so, and errors a sixth too small are seen. By linear terms in the deviations (a sandwich)
// they were 0.73 of it here.
TEST(CommonDof, ErrorsAreThoseOfRepetitions) {
  constexpr std::size_t repetitions = 240;
  for (const auto& [dof, rows] : {std::pair{3.0, std::size_t{1000}}, {5.0, std::size_t{2000}}}) {
    vector<double> estimate(repetitions), error(repetitions);
    for_each_parallel(repetitions, 2, [&, dof = dof, rows = rows](std::size_t i) {
      Generator g(90000 + i);
      Columns x(3);
      for (auto& c : x)
        for (std::size_t t = 0; t < rows; ++t) c.push_back(student(g, dof));
      const Parameter fit = fit_common_dof(x).dof;
      estimate[i] = fit.value;
      error[i] = fit.error;
    });
    const Repeated all = repeated(estimate, error);
    EXPECT_NEAR(all.mean_error / all.deviation, 1.0, 0.17) << dof;
  }
}

// Sums over a few dozen batches are not normal, so that a p of 0.001 stands for a level of 1 %: the test speaks without
// reason in at most 2 % of 500 histories (a level of 4 % is detected), with tails from dof 3 on, common mixers or own,
// few assets or many, gaps, volatility that clusters, returns that overlap. With p < 0.01 it does in 5 % of some.
TEST(CommonDof, DifferencesAreRarelySeenWhereThereAreNone) {
  const auto rate = [&](const vector<double>& dofs, std::size_t rows, bool common, double rho) {
    return alarms(500, [&](Generator& g) { return tailed(dofs, rows, common, rho, g); });
  };
  for (const double dof : {3.0, 12.0})
    for (const bool common : {true, false}) {
      EXPECT_LE(rate({dof, dof}, 1000, common, 0.6), 0.02) << dof << common;
      EXPECT_LE(rate({dof, dof, dof, dof, dof}, 600, common, 0.6), 0.02) << dof << common;
    }
  EXPECT_LE(alarms(400,
                   [](Generator& g) {
                     Columns x{simulate(Garch{1e-4, 0.06, 0.04, 0.9, 6.0}, 2000, g),
                               simulate(Garch{1e-4, 0.06, 0.04, 0.9, 6.0}, 2000, g)};
                     for (std::size_t t = 0; t < 1000; ++t) x[1][t] = nothing;
                     return x;
                   }),
            0.02);
  EXPECT_LE(alarms(
                400,
                [](Generator& g) {  // over 12 bars
                  Columns x(2), one = tailed({4.0, 4.0}, 3000, true, 0.6, g);
                  for (std::size_t i = 0; i < 2; ++i)
                    for (std::size_t t = 12; t < 3000; ++t)
                      x[i].push_back(std::accumulate(one[i].begin() + std::ptrdiff_t(t) - 12,
                                                     one[i].begin() + std::ptrdiff_t(t), 0.0));
                  return x;
                },
                12),
            0.02);
}

TEST(CommonDof, DifferencesAreSeenWithTheirDirection) {
  EXPECT_GE(alarms(100, [](Generator& g) { return tailed({4.0, 30.0}, 2400, true, 0.0, g); }), 0.95);
  EXPECT_GE(alarms(100, [](Generator& g) { return tailed({4.0, 8.0}, 10000, false, 0.6, g); }), 0.9);
  Generator g(31);
  const Columns x = tailed({4.0, 9.0, 60.0}, 8000, false, 0.3, g);
  const auto differences = tail_differences(x, fit_common_dof(x));
  EXPECT_GT(differences[0].statistic, 0.0);
  EXPECT_LT(differences[2].statistic, 0.0);
  EXPECT_LT(differences[0].p, 1e-3);
  EXPECT_LT(differences[2].p, 1e-3);
}

TEST(Correlations, AreShrunkWhenDataAreFewAndHardlyWhenTheyAreMany) {
  Generator g(12);
  const auto draw = [&](int rows) {
    Columns x(6);
    for (int t = 0; t < rows; ++t) {
      const double f = normal(g);
      for (std::size_t i = 0; i < 6; ++i)
        x[i].push_back((i < 3 ? 0.9 : 0.5) * f + std::sqrt(1.0 - (i < 3 ? 0.81 : 0.25)) * normal(g));
    }
    return fit_correlation(x, letters);
  };
  const auto few = draw(60), many = draw(20000);
  EXPECT_GT(few.shrinkage, 0.1);
  EXPECT_LT(many.shrinkage, 0.02);
  EXPECT_NEAR(many.matrix[0][1], 0.81, 0.02);
  EXPECT_NEAR(many.matrix[4][5], 0.25, 0.03);
}

TEST(Correlations, PairsThatContradictEachOtherBecomePositiveDefinite) {
  Generator g(13);  // A and B move together in the first third, B and C in the second, A against C in the last
  Columns x(3);
  for (int t = 0; t < 3000; ++t) {
    const double f = normal(g);
    const int third = t / 1000;
    x[0].push_back(third == 1 ? nothing : f);
    x[1].push_back(third == 2 ? nothing : f + 0.01 * normal(g));
    x[2].push_back(third == 0 ? nothing : (third == 1 ? f : -f) + 0.01 * normal(g));
  }
  const auto fit = fit_correlation(x, letters);
  EXPECT_TRUE(fit.forced);
  const auto& m = fit.matrix;  // leading minors
  EXPECT_GT(1.0 - m[0][1] * m[0][1], 0.0);
  EXPECT_GT(1.0 + 2.0 * m[0][1] * m[1][2] * m[0][2] - m[0][1] * m[0][1] - m[1][2] * m[1][2] - m[0][2] * m[0][2], 0.0);
}

TEST(Correlations, AssetsWithoutOverlapAreNamed) {
  Generator g(14);
  Columns x(2);
  for (int t = 0; t < 1000; ++t) {
    x[0].push_back(t < 500 ? normal(g) : nothing);
    x[1].push_back(t < 500 ? nothing : normal(g));
  }
  try {
    fit_correlation(x, letters);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("A and B have 0 bars in common"), std::string::npos) << e.what();
  }
}

/// As a section has the whole history's.
Correlations as_section(const CorrelationFit& fit) {
  Correlations c;
  c.whole = fit;
  c.written = fit.matrix;
  c.error = fit.error;
  return c;
}

TEST(Factors, RecoverLoadings) {
  // columns are orthogonal, as the estimate's are
  const double first[] = {0.7, 0.7, 0.7, 0.7, 0.8, 0.8, 0.8, 0.8},
               second[] = {0.5, 0.5, 0.5, 0.5, -0.4375, -0.4375, -0.4375, -0.4375};
  const auto r = repeat(50, [&](Generator g) {
    Columns x(8);
    for (int t = 0; t < 5000; ++t) {
      const double f = normal(g), h = normal(g);
      for (std::size_t i = 0; i < 8; ++i)
        x[i].push_back(first[i] * f + second[i] * h +
                       std::sqrt(1.0 - first[i] * first[i] - second[i] * second[i]) * normal(g));
    }
    const auto correlation = fit_correlation(x, letters);
    const FactorFit fit = fit_factors(x, as_section(correlation), 2);
    EXPECT_LT(fit.residual, 0.08);
    double same = 0.0;
    for (std::size_t i = 0; i < 8; ++i) same += fit.loadings[i][1] * second[i];
    vector<Parameter> out;  // the sign of a factor is a convention
    for (std::size_t i = 0; i < 8; ++i) out.push_back({fit.loadings[i][0], fit.error[i][0]});
    for (std::size_t i = 0; i < 8; ++i)
      out.push_back({fit.loadings[i][1] * (same < 0.0 ? -1.0 : 1.0), fit.error[i][1]});
    return out;
  });
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(r[i].complaint(first[i], 0.3), "") << i;
    EXPECT_EQ(r[8 + i].complaint(second[i], 0.3), "") << i;
  }
  EXPECT_NE(r[0].complaint(0.73, 0.3), "");
  EXPECT_NE(r[15].complaint(-0.40, 0.3), "");
}

TEST(Factors, TooManyAreRefused) {
  Generator g(15);
  Columns x(4);
  for (int t = 0; t < 500; ++t)
    for (auto& c : x) c.push_back(normal(g));
  const auto correlation = fit_correlation(x, letters);
  EXPECT_THROW(fit_factors(x, as_section(correlation), 2), Error);
  EXPECT_THROW(fit_factors(x, as_section(correlation), 0), Error);
  EXPECT_NO_THROW(fit_factors(x, as_section(correlation), 1));
}

TEST(CommonJumps, RecoverLawAndLoadings) {
  const double loadings[] = {0.7, 0.9, 1.1, 1.3}, intensity = 300.0, mean = -0.03, stdev = 0.04,
               volatility = 0.5;  // loadings of mean 1
  const auto r = repeat(50, [&](Generator g) {
    Columns x(4);
    for (int t = 0; t < 2000; ++t) {
      double jump = 0.0;
      for (int k = std::poisson_distribution<int>(intensity / hours)(g); k > 0; --k) jump += mean + stdev * normal(g);
      const double common = normal(g);
      for (std::size_t i = 0; i < 4; ++i)
        x[i].push_back(loadings[i] * jump + volatility / std::sqrt(hours) * (0.8 * common + 0.6 * normal(g)));
    }
    const JumpsFit fit = fit_jumps(x, hours);
    vector<Parameter> out{fit.basket.intensity, fit.basket.mean, fit.basket.stdev};
    out.insert(out.end(), fit.loadings.begin(), fit.loadings.end());
    return out;
  });
  EXPECT_EQ(r[0].complaint(intensity, 0.2), "");
  EXPECT_EQ(r[1].complaint(mean, 0.2), "");
  EXPECT_EQ(r[2].complaint(stdev, 0.4), "");
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(r[3 + i].complaint(loadings[i], 0.5), "") << i;
  EXPECT_NE(r[3].complaint(1.0, 0.5), "");
}

TEST(CommonJumps, BeliefSplitsABarBetweenJumpAndDiffusion) {
  MertonFit fit;
  fit.volatility.value = 0.5;
  fit.intensity.value = 50.0;
  fit.mean.value = 0.0;
  fit.stdev.value = 0.05;
  fit.bars_per_year = hours;
  EXPECT_LT(jump_belief(fit, 0.002).probability, 0.01);
  const JumpBelief large = jump_belief(fit, -0.1);
  EXPECT_GT(large.probability, 0.999);
  const double diffusive = 0.25 / hours;  // regression of one jump on the sum
  EXPECT_NEAR(large.jump, -0.1 * 0.0025 / (0.0025 + diffusive), 1e-4);
}

// Ten years of nothing in the middle change no error: the returns are the same. With batches cut by bars of the
// calendar nearly all are empty, and errors come out a seventh to two fifths too small here, more where two batches are
// left.
TEST(StandardErrors, AreThoseOfTheReturnsWhereverTheGapsAre) {
  Generator g(21);
  const std::size_t gap = 3650 * 24, half = 1800;
  Columns whole(8), broken(8);
  vector<double> h(8, 1e-4);
  for (std::size_t t = 0; t < 2 * half; ++t) {
    const double common = normal(g), jump = g() % 100 == 0 ? 0.05 * normal(g) : 0.0;
    for (std::size_t i = 0; i < 8; ++i) {
      const double load = i < 4 ? 0.8 : 0.5,
                   e = std::sqrt(h[i]) * (load * common + std::sqrt(1.0 - load * load) * student(g, 6.0));
      h[i] = 4e-6 + (0.06 + (e < 0.0 ? 0.04 : 0.0)) * e * e + 0.88 * h[i];
      whole[i].push_back(e + jump);
    }
  }
  for (std::size_t i = 0; i < 8; ++i) {
    broken[i].assign(whole[i].begin(), whole[i].begin() + half);
    broken[i].insert(broken[i].end(), gap, nothing);
    broken[i].insert(broken[i].end(), whole[i].begin() + half, whole[i].end());
  }
  const auto same = [](const char* what, const Parameter& one, const Parameter& other, double within) {
    EXPECT_NEAR(other.value, one.value, within * one.error) << what;
    EXPECT_NEAR(other.error / one.error, 1.0, within) << what;
  };
  same("deviation", fit_deviation(whole[0]), fit_deviation(broken[0]), 1e-6);
  const StudentFit t = fit_student(whole[0]), t_broken = fit_student(broken[0]);
  same("location", t.location, t_broken.location, 1e-6);
  same("t deviation", t.stdev, t_broken.stdev, 1e-6);
  same("dof", t.dof, t_broken.dof, 1e-6);
  const MertonFit m = fit_merton(whole[0], hours), m_broken = fit_merton(broken[0], hours);
  same("diffusion", m.volatility, m_broken.volatility, 1e-6);
  same("intensity", m.intensity, m_broken.intensity, 1e-6);
  same("jump", m.stdev, m_broken.stdev, 1e-6);
  const CorrelationFit r = fit_correlation(whole, letters), r_broken = fit_correlation(broken, letters);
  EXPECT_EQ(r.sample, r_broken.sample);
  EXPECT_EQ(r.error, r_broken.error);
  const FactorFit f = fit_factors(whole, as_section(r), 1), f_broken = fit_factors(broken, as_section(r_broken), 1);
  for (std::size_t i = 0; i < 8; ++i)
    same("loading", {f.loadings[i][0], f.error[i][0]}, {f_broken.loadings[i][0], f_broken.error[i][0]}, 0.02);
  same("common dof", fit_common_dof(whole).dof, fit_common_dof(broken).dof, 0.02);
  const JumpsFit j = fit_jumps({whole[0], whole[1]}, hours, 2), j_broken = fit_jumps({broken[0], broken[1]}, hours, 2);
  same("jump loading", j.loadings[0], j_broken.loadings[0], 1e-6);
  // what is filtered forgets over the gap what was before it
  for (const bool target : {true, false}) {
    GarchOptions options;
    options.target_variance = target;
    const GarchFit a = fit_garch(whole[0], options), b = fit_garch(broken[0], options);
    same("alpha", a.alpha, b.alpha, 0.25);
    same("gamma", a.gamma, b.gamma, 0.25);
    same("beta", a.beta, b.beta, 0.25);
    same("dof of residuals", a.dof, b.dof, 0.25);
    same("omega", a.omega, b.omega, 0.25);
  }
  const HestonFit v = fit_heston(whole[0], 24), v_broken = fit_heston(broken[0], 24);
  same("Heston's volatility", v.volatility, v_broken.volatility, 0.02);
}

// A young asset has a tenth of the bars, and its part of the batches all the same: errors against repetitions.
TEST(StandardErrors, HoldForAnAssetThatIsYoung) {
  const auto r = repeat(60, [&](Generator g) {
    Columns x(3);
    for (int t = 0; t < 5000; ++t) {
      const double common = normal(g);
      for (auto& c : x) c.push_back(0.8 * common + 0.6 * normal(g));
      if (t < 4500) x[2].back() = nothing;
    }
    const CorrelationFit fit = fit_correlation(x, letters);
    const FactorFit factors = fit_factors(x, as_section(fit), 1);
    return vector<Parameter>{{fit.sample[0][2], fit.error[0][2]}, {factors.loadings[2][0], factors.error[2][0]}};
  });
  EXPECT_EQ(r[0].complaint(0.64, 0.2), "");
  EXPECT_EQ(r[1].complaint(0.8, 0.3), "");
}

// ---- diagnostics ----------------------------------------------------------------------------------------------------

TEST(Diagnostics, LjungBoxSeesClusters) {
  int small = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    Generator g(i);
    vector<double> x;
    for (int t = 0; t < 1000; ++t) x.push_back(t % 50 == 7 ? nothing : normal(g));
    small += ljung_box_squares(x, 10).p < 0.05;
  }
  EXPECT_GE(small, 2);  // 10 expected at 5 %
  EXPECT_LE(small, 24);
  Generator g(1);
  EXPECT_LT(ljung_box_squares(simulate({1e-4, 0.1, 0.0, 0.85, 8.0}, 3000, g), 10).p, 1e-6);
}

TEST(Diagnostics, QuantilesOfTables) {
  EXPECT_NEAR(unit_quantile(std::numeric_limits<double>::infinity(), 0.999), 3.0902, 1e-4);
  EXPECT_NEAR(unit_quantile(4.0, 0.999), 7.1732 * std::sqrt(0.5), 1e-3);  // t tables: 7.173
  EXPECT_DOUBLE_EQ(quantile_of(vector<double>{3.0, nothing, 1.0, 2.0, 5.0}, 0.5), 2.5);
}

TEST(Diagnostics, BasketOfWhatHasAReturn) {
  const Columns x{{std::log(1.1), nothing, nothing}, {std::log(1.3), std::log(0.5), nothing}};
  const auto equal = basket_returns(x), weighted = basket_returns(x, {3.0, 1.0});
  EXPECT_NEAR(equal[0], std::log(1.2), 1e-12);
  EXPECT_NEAR(weighted[0], std::log(1.15), 1e-12);
  EXPECT_NEAR(equal[1], std::log(0.5), 1e-12);
  EXPECT_TRUE(std::isnan(equal[2]));
}

TEST(BadReturns, AreRefused) {
  const vector<double> few(10, 0.01), zero(1000, 0.0), none(1000, nothing);
  for (const auto* x : {&few, &zero, &none}) {
    EXPECT_THROW(fit_student(*x), Error);
    EXPECT_THROW(fit_garch(*x), Error);
    EXPECT_THROW(fit_merton(*x, hours), Error);
  }
  EXPECT_THROW(fit_heston(vector<double>(1000, 0.01), 24), Error);
  EXPECT_THROW(fit_heston(vector<double>(1000, 0.01), 1), Error);
}

// ---- the command ----------------------------------------------------------------------------------------------------

class FitCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("proofload-fit-{}", getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Hourly prices of `assets` with GJR-GARCH volatility and correlated shocks, which go to `z` [asset][bar].
  fs::path prices(std::size_t assets, std::size_t rows, Columns* z = nullptr) const {
    Generator g(77);
    if (z) z->assign(assets, {});
    const double v = 1e-4, alpha = 0.08, gamma = 0.06, beta = 0.85, omega = v * (1.0 - alpha - gamma / 2.0 - beta);
    vector<double> h(assets, v), log_price(assets, 3.0);
    std::string text = "timestamp_utc";
    for (std::size_t i = 0; i < assets; ++i) text += "," + letters[i % 8] + std::to_string(i);
    text += "\n";
    for (std::size_t t = 0; t < rows; ++t) {
      text += std::to_string(1600000000 / 3600 * 3600 + 3600 * static_cast<std::int64_t>(t));
      for (std::size_t i = 0; i < assets; ++i) text += fmt::format(",{:.12g}", std::exp(log_price[i]));
      text += "\n";
      const double common = normal(g);
      for (std::size_t i = 0; i < assets; ++i) {
        const double shock = 0.8 * common + 0.6 * normal(g), e = std::sqrt(h[i]) * shock;
        if (z) (*z)[i].push_back(shock);
        log_price[i] += e;
        h[i] = omega + (alpha + (e < 0.0 ? gamma : 0.0)) * e * e + beta * h[i];
      }
    }
    std::ofstream(folder_ / "p.csv") << text;
    return folder_ / "p.csv";
  }

  FitOutput fit(const FitOptions& options) const {
    FitOutput out = fit_prices(options);
    std::ofstream(folder_ / "market.toml") << market_toml(out.market);
    std::ofstream(folder_ / "market.residuals.csv") << out.residuals;
    return out;
  }
  /// A scenario that takes in the section.
  Scenario scenario(const std::string& asset) const {
    std::ofstream(folder_ / "s.toml") << "schema = 1\nname = \"s\"\ninclude = [\"market.toml\"]\n[run]\npaths = 1000\n"
                                         "[routes.r]\ncollateral_chain = \"a\"\nliability_chain = \"b\"\nstages = [ { "
                                         "name = \"relay\", kind = \"constant\", value = "
                                         "\"1h\" } ]\n[[collateral]]\nname = \"X\"\nroute = \"r\"\nasset = \""
                                      << asset << "\"\n";
    return read_scenario(folder_ / "s.toml");
  }
  fs::path folder_;
};

TEST_F(FitCommand, ResidualRowsAreTheShocks) {
  Columns z;
  FitOptions options;
  options.prices = {prices(3, 6000, &z)};
  options.residual_file = "market.residuals.csv";
  const FitOutput out = fit(options);
  ASSERT_EQ(out.market.residual_rows, 5999u);
  std::ifstream csv(folder_ / "market.residuals.csv");
  std::string line;
  std::getline(csv, line);
  EXPECT_EQ(line, "timestamp_utc,A0,B1,C2");
  vector<double> sum(3, 0.0), square(3, 0.0), product(3, 0.0), shock(3, 0.0);
  for (std::size_t t = 0; std::getline(csv, line); ++t) {
    for (std::size_t i = 0; i < 3; ++i) {
      const auto comma = line.rfind(',');
      const double x = std::stod(line.substr(comma + 1)), true_shock = z[2 - i][t];
      line.resize(comma);
      sum[i] += x;
      square[i] += x * x;
      product[i] += x * true_shock;
      shock[i] += true_shock * true_shock;
    }
    EXPECT_EQ(line, time_text(1600000000 / 3600 * 3600 + 3600 * static_cast<std::int64_t>(t + 1)));
  }
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(sum[i] / 5999.0, 0.0, 1e-4);
    EXPECT_NEAR(square[i] / 5999.0, 1.0, 1e-3);
    EXPECT_GT(product[i] / std::sqrt(square[i] * shock[i]), 0.995);  // what is left is the error of the filter
  }
}

TEST_F(FitCommand, EveryModelIsASectionThatAScenarioTakesIn) {
  FitOptions options;
  options.prices = {prices(3, 2000)};
  options.residual_file = "market.residuals.csv";
  for (const char* model : {"gaussian", "student_t", "gjr_garch", "bootstrap", "merton", "heston"}) {
    options.model = model;
    SCOPED_TRACE(model);
    FitOutput out;
    try {
      out = fit(options);
    } catch (const Error& e) {
      EXPECT_STREQ(model, "heston") << e.what();  // what clusters over hours need not look like Heston over days
      continue;
    }
    try {
      const Scenario s = scenario("B1");
      ASSERT_EQ(s.market.assets.size(), 3u);
      EXPECT_EQ(s.market.assets[1].name, "B1");
      const double expected = std::string(model) == "merton" ? out.market.jumps.own[1].volatility.value
                                                             : out.market.assets[1].volatility.value;
      EXPECT_NEAR(s.market.assets[1].volatility, expected, 1e-3 * expected);
    } catch (const Error& e) { ADD_FAILURE() << e.what(); }
  }
}

TEST_F(FitCommand, CommentedModelsAreSectionsToo) {
  FitOptions options;
  options.prices = {prices(3, 2000)};
  options.residual_file = "market.residuals.csv";
  const std::string text = market_toml(fit(options).market);
  // what stands between the title of a model and the next blank line, in place of the model that is on
  for (const char* title : {"# ---- student_t", "# ---- merton", "# ---- gjr_garch with t"}) {
    SCOPED_TRACE(title);
    const auto from = text.find(title), to = text.find("\n\n", from);
    ASSERT_NE(from, std::string::npos);
    std::string block = text.substr(from, to == std::string::npos ? to : to - from);
    std::string lines = text.substr(0, text.find("# ---- "));
    const bool merton = std::string(title).find("merton") != std::string::npos;
    if (merton) lines.erase(lines.find("assets = ["), lines.find("# Of GARCH") - lines.find("assets = ["));
    if (block.find("# correlation") != std::string::npos) lines.resize(lines.find("correlation = ["));
    for (std::size_t at = 0; at < block.size();) {
      const auto end = std::min(block.find('\n', at), block.size());
      std::string line = block.substr(at, end - at);
      for (const char* key : {"# innovation", "# variance", "# jumps", "# grid", "# assets", "# correlation", "#   ",
                              "#     ", "# ]", "#   ]"})
        if (line.starts_with(key)) {
          line = line.substr(2);
          break;
        }
      lines += line + "\n";
      at = end + 1;
    }
    std::ofstream(folder_ / "market.toml") << lines;
    try {
      scenario("A0");
    } catch (const Error& e) { ADD_FAILURE() << e.what() << "\n" << lines; }
  }
}

TEST_F(FitCommand, FactorsTakeThePlaceOfTheMatrix) {
  FitOptions options;
  options.prices = {prices(20, 1500)};
  options.model = "student_t";
  const FitOutput out = fit(options);
  ASSERT_TRUE(out.market.factors);
  const Scenario s = scenario("D3");
  EXPECT_EQ(s.market.assets.size(), 20u);
  options.model = "gjr_garch";
  EXPECT_THROW(fit_prices(options), Error);  // room for 16
}

TEST_F(FitCommand, IndexIsTodayOverTheLongRun) {
  FitOptions options;
  options.prices = {prices(2, 5000)};
  const FittedMarket m = fit_prices(options).market;
  const Columns returns{read_prices(options.prices).log_returns(0), read_prices(options.prices).log_returns(1)};
  const auto h = filter_garch(basket_returns(returns), m.basket);
  EXPECT_NEAR(m.basket.next, h.back(), 1e-9 * h.back());
  double mean = 0.0;
  for (const double r : basket_returns(returns)) mean += r * r / 4999.0;
  EXPECT_NEAR(m.basket.long_run, mean, 1e-9 * mean);
  const auto json = fit_json(m);
  EXPECT_NEAR(json["global_volatility_index"]["index"].get<double>(), std::sqrt(h.back() / mean), 1e-9);
  EXPECT_NE(fit_text(m).find(fmt::format("Global Volatility Index: {:.3f}", std::sqrt(h.back() / mean))),
            std::string::npos);
}

std::string all_of(const vector<std::string>& lines) { return fmt::format("{}", fmt::join(lines, "\n")); }

// A fit needs 50 returns, the bootstrap 100 rows: with fewer it is a note, and gjr_garch has t residuals.
TEST_F(FitCommand, FewRowsAreNotedAndFitAllTheSame) {
  FitOptions options;
  for (const std::size_t assets : {1u, 2u}) {
    options.prices = {prices(assets, 100)};
    for (const char* file : {"", "market.residuals.csv"}) {
      options.residual_file = file;
      const FitOutput out = fit(options);
      EXPECT_NE(
          all_of(out.market.notes).find("needs 100; there are 99, so gjr_garch has t residuals: give a longer history"),
          std::string::npos)
          << all_of(out.market.notes);
      EXPECT_TRUE(out.residuals.empty());
      EXPECT_EQ(fit_text(out.market).find("nan"), std::string::npos);
      EXPECT_EQ(scenario("A0").market.innovation.kind, InnovationKind::student_t);
    }
  }
  options.model = "bootstrap";
  try {
    fit_prices(options);
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(),
                 "--model bootstrap with 99 bars in which every asset has a return (it draws whole rows, and a "
                 "scenario needs 100 of them) give a longer history, or use --model student_t");
  }
  // an asset that is younger than the others is named, and the advice works
  std::ifstream in(prices(3, 400));
  std::string line, text;
  for (int r = -1; std::getline(in, line); ++r)
    text += (r >= 0 && r < 320 ? line.substr(0, line.rfind(',') + 1) : line) + "\n";
  std::ofstream(folder_ / "p.csv") << text;
  options.prices = {folder_ / "p.csv"};
  try {
    fit_prices(options);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("leave out C2 (--assets A0,B1: 399 rows)"), std::string::npos) << e.what();
  }
  options.assets = {"A0", "B1"};
  EXPECT_EQ(fit_prices(options).market.residual_rows, 399u);
}

// What the section offers as a comment runs: by run's own check.
TEST_F(FitCommand, TheLongRunThatIsOfferedRuns) {
  FitOptions options;
  options.residual_file = "market.residuals.csv";
  const auto offered = [&] {
    std::string text = market_toml(fit(options).market);
    const auto now = text.find("\nvariance = "), run = text.find("\n# variance = ", now);
    EXPECT_TRUE(now != std::string::npos && run != std::string::npos && run < text.find("# ---- gaussian"));
    text.replace(run, 3, "\n");
    text.replace(now, 1, "\n# ");
    std::ofstream(folder_ / "market.toml") << text;
    return scenario("A0");
  };
  options.prices = {prices(2, 3000)};
  Scenario s = offered();
  EXPECT_TRUE(s.market.variance.forecast.empty());  // forgets soon
  EXPECT_NO_THROW(compile(s));
  // a market that hardly forgets: alpha + gamma / 2 + beta of 0.9997
  Generator g(3);
  std::string text = "timestamp_utc,A0\n";
  double h = 1e-4, log_price = 3.0;
  for (int t = 0; t < 6000; ++t) {
    text += fmt::format("{},{:.12g}\n", 1600002000 + 3600 * t, std::exp(log_price));
    const double e = std::sqrt(h) * normal(g);
    log_price += e;
    h = 3e-8 + 0.05 * e * e + 0.9497 * h;
  }
  std::ofstream(folder_ / "p.csv") << text;
  options.prices = {folder_ / "p.csv"};
  s = offered();
  ASSERT_EQ(s.market.variance.forecast.size(), 1u) << "the sample forgot too soon";
  EXPECT_NEAR(s.market.variance.forecast[0], s.market.assets[0].volatility, 1e-3 * s.market.assets[0].volatility);
  EXPECT_NO_THROW(compile(s));
  VarianceSpec stationary = s.market.variance;
  stationary.forecast.clear();
  EXPECT_FALSE(warm_up_of(stationary, s.market.innovation).is_near());  // what was offered before is refused
}

TEST_F(FitCommand, TailsThatDifferAreNoted) {
  const auto file = [&](const vector<double>& dofs) {
    Generator g(41);
    const Columns x = tailed(dofs, 3000, false, 0.0, g);
    std::string text = "timestamp_utc,ETH,USDC\n";
    double eth = 0.0, usdc = 0.0;
    for (std::size_t t = 0; t < 3000; ++t) {
      text += fmt::format("{},{:.12g},{:.12g}\n", 1600002000 + 3600 * t, std::exp(eth), std::exp(usdc));
      eth += 0.01 * x[0][t];
      usdc += 0.0003 * x[1][t];
    }
    std::ofstream(folder_ / "p.csv") << text;
    return folder_ / "p.csv";
  };
  FitOptions options;
  options.prices = {file({4.0, 40.0})};
  const std::string notes = all_of(fit_prices(options).market.notes);
  EXPECT_NE(notes.find("makes the tail of ETH (4"), std::string::npos) << notes;
  EXPECT_NE(notes.find(" by itself) too fat"), std::string::npos) << notes;
  EXPECT_NE(notes.find("--assets ETH"), std::string::npos) << notes;
  options.prices = {file({5.0, 5.0})};
  const std::string quiet = all_of(fit_prices(options).market.notes);
  EXPECT_EQ(quiet.find("too thin"), std::string::npos) << quiet;
}

// A bar's price is that of its close: where files have the times of openings, all is a bar later, --from and --to are
// of the closes, and the fit is the same.
TEST_F(FitCommand, StampsSayWhichTimeABarBears) {
  FitOptions options;
  options.prices = {prices(2, 1500)};
  options.residual_file = "market.residuals.csv";
  const std::int64_t start = 1600000000 / 3600 * 3600;
  options.from = start + 100 * 3600;
  options.to = start + 1400 * 3600;
  const FittedMarket closing = fit(options).market;
  const Scenario before = scenario("A0");
  options.opening = true;
  options.from = *options.from + 3600;
  options.to = *options.to + 3600;
  const FitOutput opening = fit(options);
  const Scenario after = scenario("A0");
  ASSERT_TRUE(before.market.last_price && after.market.last_price);
  EXPECT_EQ(*before.market.last_price, start + 1399 * 3600);
  EXPECT_EQ(*after.market.last_price, start + 1400 * 3600);
  EXPECT_EQ(opening.market.start, closing.start + 3600);
  EXPECT_EQ(opening.market.rows, closing.rows);
  EXPECT_EQ(opening.market.assets[1].garch.log_likelihood, closing.assets[1].garch.log_likelihood);
  EXPECT_EQ(opening.market.correlation.written, closing.correlation.written);
  EXPECT_NE(opening.residuals.find("\n" + time_text(start + 102 * 3600) + ","), std::string::npos);
  EXPECT_EQ(fit_json(opening.market)["stamps"], "opening");
  EXPECT_EQ(fit_json(closing)["stamps"], "closing");
}

// Over a gap the variance goes to its long run: said where it is what "now" rests on.
TEST_F(FitCommand, AGapBeforeNowIsNoted) {
  const auto notes = [&](std::size_t after, std::size_t gap) {
    std::ifstream in(prices(1, 3000));
    std::string line, text;
    for (std::size_t r = 0; std::getline(in, line); ++r)
      text += (r > 3000 - after - gap && r <= 3000 - after ? line.substr(0, line.find(',') + 1) : line) + "\n";
    std::ofstream(folder_ / "p.csv") << text;
    FitOptions options;
    options.prices = {folder_ / "p.csv"};
    return all_of(fit_prices(options).market.notes);
  };
  const std::string said = notes(3, 200);
  EXPECT_NE(said.find("volatility now: "), std::string::npos) << said;
  EXPECT_NE(said.find("no returns for 201h"), std::string::npos) << said;
  const auto to = said.find("--to ");
  FitOptions options;
  options.prices = {folder_ / "p.csv"};
  options.to = parse_time(said.substr(to + 5, 20));
  ASSERT_TRUE(options.to) << said;
  const FittedMarket m = fit_prices(options).market;
  EXPECT_EQ(all_of(m.notes).find("volatility now"), std::string::npos);
  EXPECT_EQ(m.rows, 2797u);
  EXPECT_EQ(all_of(m.repairs), "");                                       // the gap lies after what was asked for
  EXPECT_EQ(notes(2000, 200).find("volatility now"), std::string::npos);  // long ago
  EXPECT_EQ(notes(1, 0).find("volatility now"), std::string::npos);
}

TEST_F(FitCommand, OptionsThatCannotBeMetAreRefused) {
  FitOptions options;
  options.prices = {prices(2, 300)};
  const auto refused = [&](const char* part) {
    try {
      fit_prices(options);
      ADD_FAILURE() << part;
    } catch (const Error& e) { EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what(); }
  };
  options.horizon = 5400;
  refused("--horizon 90m");
  options.horizon = 100 * 3600 * 24;
  refused("a fit needs 50");
  options.horizon = 0;
  options.model = "garch";
  refused("there is no such model");
  options.model = "gjr_garch";
  options.from = parse_time("2030-01-01");
  refused("the prices run from");
  options.from.reset();
  options.factors = 9;
  refused("--factors 9");
}

TEST(RecordedPrices, FatTailsAndClustersOfHourlyPrices) {
  const fs::path file = "../shared/data/prices_1h_binance_usdt_2017-08_2023-12.csv.xz";
  if (!fs::exists(file)) GTEST_SKIP() << "no " << file;
  FitOptions options;
  options.prices = {file};
  options.assets = {"BTC", "ETH"};
  options.from = parse_time("2022-01-01");
  const FittedMarket m = fit_prices(options).market;
  for (const auto& a : m.assets) {
    EXPECT_LT(a.raw.p, 1e-6);                                 // volatility clusters
    EXPECT_LT(a.filtered.statistic, a.raw.statistic / 20.0);  // and the filter takes the clusters out
    EXPECT_LT(m.tail.dof.value, 4.0);
    EXPECT_LT(a.return_quantiles[0], -4.5);  // a normal return is beyond -3.09 once in a thousand
    EXPECT_GT(a.garch.persistence(), 0.95);
  }
  EXPECT_GT(m.correlation.written[0][1], 0.7);
}

}  // namespace
}  // namespace proofload
