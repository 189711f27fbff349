// Statistics of backtests against published values, worked examples, exact enumeration, and their own size and power.
#include "market/backtest_statistics.h"

#include <gtest/gtest.h>

#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <map>
#include <set>

namespace proofload {
namespace {

std::vector<char> hits_of(const std::string& text) {
  std::vector<char> hits;
  for (const char c : text) hits.push_back(c == '1');
  return hits;
}

double normal(Draws& draws) { return boost::math::quantile(boost::math::normal(), draws.uniform()); }

TEST(Kupiec, PublishedRatiosAndPValues) {
  EXPECT_NEAR(kupiec(7, 250, 0.01), 5.496990, 5e-7);
  EXPECT_NEAR(chi_square_p(kupiec(7, 250, 0.01), 1), 0.019049, 5e-7);
  EXPECT_NEAR(kupiec(8, 250, 0.01), 7.733551, 5e-7);
  EXPECT_NEAR(chi_square_p(kupiec(8, 250, 0.01), 1), 0.005420, 5e-7);
}

TEST(Kupiec, CountsThatAreNotRejected) {
  const auto accepted = [](std::uint64_t windows, double p) {
    std::set<std::uint64_t> all;
    for (std::uint64_t x = 0; x <= windows; ++x) {
      if (chi_square_p(kupiec(x, windows, p), 1) > 0.05) all.insert(x);
    }
    return all;
  };
  EXPECT_EQ(accepted(250, 0.01), (std::set<std::uint64_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(accepted(1000, 0.001), (std::set<std::uint64_t>{0, 1, 2, 3}));
}

TEST(Kupiec, PowerIsTheProbabilityOutsideTheAcceptedCounts) {
  // 250 windows at 1 %: rejected are 0 and 7 or more. Binomial probabilities summed one by one, by their recursion.
  for (const double ratio : {0.5, 0.75, 1.0, 1.5, 2.0}) {
    const double p = 0.01 * ratio;
    double term = std::pow(1.0 - p, 250), inside = 0.0;
    for (int x = 0; x <= 6; ++x) {
      if (x > 0) term *= (251.0 - x) / x * p / (1.0 - p);
      if (x >= 1) inside += term;
    }
    EXPECT_NEAR(kupiec_power(250, 0.01, ratio), 1.0 - inside, 1e-12) << ratio;
  }
  EXPECT_GT(kupiec_power(20000, 0.01, 1.5), 0.999);
  EXPECT_LT(kupiec_power(1000, 0.001, 0.5), 0.01);  // no count is low enough: nothing can be rejected from below
}

TEST(Christoffersen, WorkedExample) {
  // 20 windows, 4 hits in two runs: 0->0 13, 0->1 2, 1->0 2, 1->1 2.
  const HitCounts c = count_hits(hits_of("00000110000000110000"));
  EXPECT_EQ(c.windows, 20u);
  EXPECT_EQ(c.hits, 4u);
  EXPECT_EQ(c.follows[0][0], 13u);
  EXPECT_EQ(c.follows[0][1], 2u);
  EXPECT_EQ(c.follows[1][0], 2u);
  EXPECT_EQ(c.follows[1][1], 2u);
  // By hand: pi = 4/19, pi01 = 2/15, pi11 = 1/2; ln L0 = 15 ln(15/19) + 4 ln(4/19) = -3.54583 - 6.23258; ln L1 = 13
  // ln(13/15) + 2 ln(2/15) + 4 ln(1/2) = -1.86031 - 4.02981 - 2.77259
  EXPECT_NEAR(christoffersen_independence(c), 2.0 * (-8.66271 + 9.77841), 2e-5);
  EXPECT_DOUBLE_EQ(christoffersen(c, 0.1), kupiec(4, 20, 0.1) + christoffersen_independence(c));
}

TEST(Christoffersen, SequencesWithoutTwoKindsOfWindowsAreIndependent) {
  EXPECT_EQ(christoffersen_independence(count_hits(hits_of("00000"))), 0.0);
  EXPECT_EQ(christoffersen_independence(count_hits(hits_of("11111"))), 0.0);
  EXPECT_EQ(christoffersen_independence(count_hits({})), 0.0);
}

/// Every sequence of n windows with its probability: the law that the Monte Carlo p-values estimate.
TEST(MonteCarlo, NullRatiosHaveTheirExactLaw) {
  constexpr int n = 12;
  constexpr double p = 0.3;
  constexpr std::size_t draws = 40000;
  const NullRatios null = simulate_null_ratios(n, p, draws, 5);
  struct Case {
    double value, probability;
  };
  std::map<long, double> coverage, independence, both;  // by the ratio in units of 1e-9
  for (int word = 0; word < 1 << n; ++word) {
    std::vector<char> hits(n);
    for (int i = 0; i < n; ++i) hits[i] = (word >> i) & 1;
    const HitCounts c = count_hits(hits);
    const double probability = std::pow(p, double(c.hits)) * std::pow(1.0 - p, double(n - c.hits));
    coverage[std::lround(1e9 * kupiec(c.hits, n, p))] += probability;
    independence[std::lround(1e9 * christoffersen_independence(c))] += probability;
    both[std::lround(1e9 * christoffersen(c, p))] += probability;
  }
  const auto same = [&](const std::map<long, double>& exact, const std::vector<double>& simulated) {
    double above = 0.0;
    int compared = 0;
    for (auto at = exact.rbegin(); at != exact.rend(); ++at) {
      above += at->second;
      if (above < 0.002 || above > 0.6) continue;
      const double error = std::sqrt(above * (1.0 - above) / draws);
      EXPECT_NEAR(monte_carlo_p(simulated, 1e-9 * double(at->first)), above, 4.5 * error + 1.0 / draws) << at->first;
      ++compared;
    }
    EXPECT_GT(compared, 5);
  };
  same(coverage, null.coverage);
  same(independence, null.independence);
  same(both, null.both);
}

/// Window by window instead of from hit to hit: hits of probability p, and ratio * p after one. An error of a tenth of
/// the clustering (ratio 4.5 for 5) is seen: it moves the power by .08.
TEST(Power, OfIndependenceIsThatOfAMarkovChain) {
  constexpr std::uint64_t windows = 4000;
  constexpr double p = 0.02, critical = 3.841;
  constexpr int draws = 3000;
  for (const double ratio : {1.0, 3.0, 5.0}) {
    Draws random{77};
    int rejected = 0;
    for (int i = 0; i < draws; ++i) {
      std::vector<char> hits(windows);
      const double again = ratio * p, anew = p * (1.0 - again) / (1.0 - p);
      for (std::size_t w = 0; w < windows; ++w)
        hits[w] = random.uniform() < (w == 0 ? p : hits[w - 1] != 0 ? again : anew);
      rejected += christoffersen_independence(count_hits(hits)) > critical;
    }
    const double power = independence_power(windows, p, ratio, critical, draws, 5);
    EXPECT_NEAR(power, rejected / double(draws), 0.04) << ratio;
    if (ratio == 1.0) {
      EXPECT_LT(power, 0.1);
    } else if (ratio == 5.0) {
      EXPECT_GT(power, 0.6);
    }
  }
}

/// Losses 1.2 times as large as forecast, drawn one by one.
TEST(Power, OfTheShortfallTestIsThatOfLargerLosses) {
  constexpr std::uint64_t windows = 1000;
  constexpr double p = 0.025, dof = 5.0, larger = 1.2;
  const double q = student_quantile(dof, p), shortfall = student_shortfall(dof, p);
  EXPECT_NEAR(student_beyond(dof, q), p, 1e-12);
  EXPECT_NEAR(student_beyond(INFINITY, 1.959963984540054), 0.025, 1e-12);
  Draws random{3};
  std::vector<double> z2;
  for (int i = 0; i < 2000; ++i) {
    double sum = 0.0;
    for (std::uint64_t w = 0; w < windows; ++w) {
      const double loss = larger * student_quantile(dof, random.uniform());
      if (loss > q) sum += loss / shortfall;
    }
    z2.push_back(1.0 - sum / (p * double(windows)));
  }
  std::sort(z2.begin(), z2.end());
  const auto drawn = simulate_acerbi_szekely(windows, p, dof, 20000, 9, larger);
  for (const double at : {0.1, 0.5, 0.9})
    EXPECT_NEAR(drawn[std::size_t(20000 * at)], z2[std::size_t(2000 * at)], 0.05) << at;
  EXPECT_LT(drawn[10000], -0.4);  // right forecasts have 0
}

TEST(MonteCarlo, EqualSeedsGiveEqualDraws) {
  EXPECT_EQ(simulate_null_ratios(1000, 0.01, 50, 1).both, simulate_null_ratios(1000, 0.01, 50, 1).both);
  EXPECT_NE(simulate_null_ratios(1000, 0.01, 50, 1).both, simulate_null_ratios(1000, 0.01, 50, 2).both);
}

TEST(Holm, WorkedExample) {
  // Holm's own steps: .01 * 4, then .02 * 3 = .06, then .03 * 2 = .06, then max(.06, .04 * 1).
  const std::vector<double> adjusted = holm({0.03, 0.01, 0.04, 0.02});
  const std::vector<double> by_hand = {0.06, 0.04, 0.06, 0.06};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(adjusted[i], by_hand[i], 1e-15);
  EXPECT_EQ(holm({0.6, 0.7}), (std::vector<double>{1.0, 1.0}));
  EXPECT_TRUE(holm({}).empty());
}

TEST(TrafficLight, BaselZonesOf250Windows) {
  EXPECT_NEAR(traffic_light(4, 250, 0.01).cumulative, 0.892188, 5e-7);
  EXPECT_NEAR(traffic_light(9, 250, 0.01).cumulative, 0.999750, 5e-7);
  for (std::uint64_t x = 0; x <= 15; ++x) {
    const Light basel = x <= 4 ? Light::green : x <= 9 ? Light::yellow : Light::red;
    EXPECT_EQ(traffic_light(x, 250, 0.01).light, basel) << x;
  }
  EXPECT_EQ(traffic_light(0, 0, 0.01).light, Light::green);
}

/// The simulated 5 % quantile must lie within the order-statistic interval of the published one, which is rounded to
/// .001 and comes from 1e5 simulations itself: an error of sqrt(.05 * .95 / 1e5) in probability, about .002 in Z at a
/// density of .35.
TEST(AcerbiSzekely, PublishedCriticalValues) {
  struct Published {
    double dof, critical;
  };
  for (const auto& [dof, critical] :
       {Published{INFINITY, -0.698}, {10.0, -0.711}, {5.0, -0.742}, {4.0, -0.751}, {3.0, -0.813}}) {
    const auto z = simulate_acerbi_szekely(250, 0.025, dof, 100000, 11);
    EXPECT_NEAR(z[5000], critical, dof < 4.5 ? 0.02 : 0.011) << dof;
    double mean = 0.0;
    for (const double v : z) mean += v;
    EXPECT_NEAR(mean / 1e5, 0.0, 0.006) << dof;  // Z2 has mean 0 when the forecasts are right
  }
}

TEST(AcerbiSzekely, WorkedExample) {
  // two hits of four windows at p = 1/4: 1 - (3/2.5 + 5/4) / 1
  const std::vector<double> loss = {3.0, 1.0, 5.0, -2.0}, quantile = {2.0, 2.0, 3.0, 2.0},
                            shortfall = {2.5, 2.5, 4.0, 2.5};
  EXPECT_DOUBLE_EQ(acerbi_szekely(loss, quantile, shortfall, 0.25), 1.0 - (1.2 + 1.25));
}

TEST(Student, ShortfallIsTheMeanBeyondTheQuantile) {
  for (const double dof : {2.5, 4.0, 12.0, double(INFINITY)}) {
    const double p = 0.01;
    double sum =
        0.0;  // mean over u of the quantile at u, u in (0, p): midpoints in the cube root of u, where it is smooth
    constexpr int steps = 20000;
    for (int i = 0; i < steps; ++i) {
      const double v = (i + 0.5) / steps;
      sum += student_quantile(dof, p * v * v * v) * 3.0 * v * v;
    }
    EXPECT_NEAR(student_shortfall(dof, p) / (sum / steps), 1.0, 1e-4) << dof;
    if (std::isfinite(dof)) {
      EXPECT_NEAR(dof_of_tail(student_shortfall(dof, p) / student_quantile(dof, p), p), dof, 1e-6 * dof);
    }
  }
  EXPECT_EQ(dof_of_tail(1.0, 0.01), INFINITY);
}

TEST(Pinball, IsLowestAtTheTrueQuantile) {
  Draws draws{3};
  std::vector<double> loss(20000);
  for (double& l : loss) l = normal(draws);
  const auto mean = [&](double q) {
    double sum = 0.0;
    for (const double l : loss) sum += pinball(l, q, 0.9);
    return sum / double(loss.size());
  };
  const double at = student_quantile(INFINITY, 0.1);
  EXPECT_LT(mean(at), mean(at + 0.15));
  EXPECT_LT(mean(at), mean(at - 0.15));
  EXPECT_DOUBLE_EQ(pinball(3.0, 1.0, 0.9), 1.8);
  EXPECT_NEAR(pinball(0.0, 1.0, 0.9), 0.1, 1e-15);
}

/// Autocorrelated differences of mean zero: rejected at 5 % about 5 % of the time; with a shift of four errors, nearly
/// always.
TEST(DieboldMariano, SizeAndPower) {
  Draws draws{17};
  constexpr int trials = 2000, n = 1000;
  int rejected = 0, found = 0, naive = 0;
  for (int t = 0; t < trials; ++t) {
    std::vector<double> d(n);
    double u = 0.0;
    for (double& x : d) {
      const double e = normal(draws);
      x = e + 0.5 * u;  // MA(1): long-run variance 2.25
      u = e;
    }
    rejected += diebold_mariano(d).p < 0.05;
    naive += diebold_mariano(d, 0).p < 0.05;
    for (double& x : d) x += 4.0 * 1.5 / std::sqrt(double(n));
    const DieboldMariano shifted = diebold_mariano(d);
    found += shifted.p < 0.05 && shifted.mean > 0.0;
  }
  EXPECT_NEAR(rejected / double(trials), 0.05, 0.025);  // HAC errors are a little too small in finite samples: 6 to 7 %
  EXPECT_GT(naive / double(trials), 0.10);              // without the autocovariances it would be 14 %
  EXPECT_GT(found / double(trials), 0.95);              // theory: Phi(4 - 1.96) = 0.979
}

TEST(DieboldMariano, EqualForecastsDoNotDiffer) {
  const std::vector<double> zero(100, 0.0);
  EXPECT_EQ(diebold_mariano(zero).p, 1.0);
  EXPECT_EQ(diebold_mariano({}).p, 1.0);
}

/// Five models of 400 days that anybody can make again: uniform losses from a linear congruential generator, shifted,
/// with a wave that all share. arch 8.0.0, MCS(losses, 0.1, reps=20000, block_size=10, method="max",
/// bootstrap="stationary"), has p = 1, .4518, .4813, .0037, 0 with one seed and 1, .4552, .4801, .0043, 0 with another.
TEST(ModelConfidenceSet, IsThatOfArch) {
  std::vector<std::vector<double>> losses(5, std::vector<double>(400));
  const double shift[] = {0.0, 0.01, 0.03, 0.06, 0.2};
  std::uint64_t x = 12345;
  for (std::size_t day = 0; day < 400; ++day) {
    for (std::size_t m = 0; m < 5; ++m) {
      x = (1103515245 * x + 12345) % 2147483648;
      losses[m][day] = (double(x) + 0.5) / 2147483648.0 + shift[m] + 0.5 * std::sin(double(day) / 7.0);
    }
  }
  const auto p = model_confidence_set(losses, 10.0, 20000, 1);
  const double theirs[] = {1.0, 0.4535, 0.4807, 0.0040, 0.0};
  for (std::size_t m = 0; m < 5; ++m) EXPECT_NEAR(p[m], theirs[m], 0.015 * (theirs[m] > 0.01) + 0.002) << m;
  auto twice = losses;  // a model that is there twice changes nothing, and is as good
  twice.push_back(losses[1]);
  const auto again = model_confidence_set(twice, 10.0, 20000, 1);
  for (std::size_t m = 0; m < 5; ++m) EXPECT_EQ(again[m], p[m]) << m;
  EXPECT_EQ(again[5], p[1]);
  EXPECT_EQ(model_confidence_set({losses[0]}, 10.0, 100, 1), std::vector<double>{1.0});
  EXPECT_TRUE(model_confidence_set({}, 10.0, 100, 1).empty());
  const auto sure =
      model_confidence_set({{1.0}, {2.0}, {3.0}}, 10.0, 100, 1);  // one day has no error: the least is best
  EXPECT_EQ(sure, (std::vector<double>{1.0, 0.0, 0.0}));
}

/// Days on which all five assets are hit together: an interval of independent windows would hold the truth far less
/// often.
TEST(CoverageByDays, IntervalHoldsTheTruthWhenAssetsAreHitTogether) {
  Draws draws{23};
  constexpr int trials = 300, days = 1500, assets = 5;
  constexpr double p = 0.01;
  int held = 0, independent = 0;
  for (int t = 0; t < trials; ++t) {
    std::vector<double> hits(days), windows(days, assets);
    double total = 0.0;
    for (double& h : hits) {
      h = draws.uniform() < p ? assets : 0.0;
      total += h;
    }
    const Coverage c = coverage_by_days(hits, windows, p, 7.0, 0.95, 400, std::uint64_t(t));
    held += c.low <= 1.0 && 1.0 <= c.high;
    independent += chi_square_p(kupiec(std::uint64_t(total), days * assets, p), 1) > 0.05;
  }
  EXPECT_GT(held / double(trials), 0.88);
  EXPECT_LT(independent / double(trials), 0.75);  // |z| < 1.96 / sqrt(5): 62 % in theory
}

TEST(CoverageByDays, RatioAndFewHits) {
  std::vector<double> hits(1000, 0.0), windows(1000, 1.0);
  const Coverage none = coverage_by_days(hits, windows, 0.001, 7.0, 0.95, 200, 1);
  EXPECT_EQ(none.ratio, 0.0);
  EXPECT_EQ(none.low, 0.0);
  EXPECT_NEAR(none.high, 3.689, 0.01);  // 1 - .025^(1/1000) over .001: the Clopper-Pearson bound of no hit
  hits[5] = hits[500] = 1.0;
  EXPECT_DOUBLE_EQ(coverage_by_days(hits, windows, 0.001, 7.0, 0.95, 200, 1).ratio, 2.0);
}

}  // namespace
}  // namespace proofload
