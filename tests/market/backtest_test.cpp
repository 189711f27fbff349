// The walk through a history, its forecasts against theory and against the past that they may see, and what is judged
// of them.
#include "market/backtest.h"
#include "scenario/reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "market/backtest_show.h"
#include "market/bar_forecast.h"
#include "market/fit.h"
#include "plan/compile.h"
#include "tests/support.h"

namespace proofload {
namespace {

constexpr std::int64_t hour = 3600, days = 86400;

double normal(Draws& draws) { return boost::math::quantile(boost::math::normal(), draws.uniform()); }

/// Prices of hourly log returns, one column per asset, from 2020-01-01.
PriceHistory history(const std::vector<std::vector<double>>& returns) {
  PriceHistory h;
  h.start = 1577836800;
  h.bar = hour;
  for (std::size_t a = 0; a < returns.size(); ++a) {
    h.assets.push_back("A" + std::to_string(a));
    h.price.push_back({100.0});
    for (const double r : returns[a]) h.price.back().push_back(h.price.back().back() * std::exp(r));
  }
  return h;
}

std::vector<double> independent(std::size_t n, double stdev, std::uint64_t seed) {
  Draws draws{seed};
  std::vector<double> r(n);
  for (double& x : r) x = stdev * normal(draws);
  return r;
}

/// GJR-GARCH with normal innovations, started at its long-run variance.
std::vector<double> garch(std::size_t n, double long_run, double alpha, double gamma, double beta, std::uint64_t seed) {
  Draws draws{seed};
  std::vector<double> r(n);
  double h = long_run;
  for (double& x : r) {
    x = std::sqrt(h) * normal(draws);
    h = long_run * (1.0 - alpha - 0.5 * gamma - beta) + (alpha + (x < 0.0 ? gamma : 0.0)) * x * x + beta * h;
  }
  return r;
}

std::vector<BacktestSubject> all_assets(const PriceHistory& h) {
  std::vector<BacktestSubject> subjects;
  for (const auto& a : h.assets) subjects.push_back({a, a, 0});
  return subjects;
}

BacktestOptions options_of(std::vector<std::string> models, double window_days) {
  BacktestOptions o;
  o.models = std::move(models);
  o.window = window_days * days;
  o.paths = 4000;
  return o;
}

VerdictOptions quick() {
  VerdictOptions v;
  v.draws = 999;
  return v;
}

const PooledVerdict& pooled(const Verdict& v, const std::string& model, double confidence) {
  return *std::find_if(v.pooled.begin(), v.pooled.end(),
                       [&](const auto& p) { return p.model == model && p.confidence == confidence; });
}

// ---- forecasts ------------------------------------------------------------------------------------------------------

TEST(Forecast, GaussianIsTheWindowsDeviation) {
  const auto returns = independent(500, 0.01, 1);
  ForecastSettings s;
  s.horizon = {{4}, {1.0}};
  s.window = 200;
  s.refit = 24;
  s.bar = hour;
  auto forecast = forecast_model("gaussian").make(s);
  for (std::size_t n : {300u, 301u, 310u, 500u}) {  // followed bar by bar or caught up with
    double squares = 0.0;
    for (std::size_t i = n - 200; i < n; ++i) squares += returns[i] * returns[i];
    const TailForecast tail = forecast(std::span(returns).first(n));
    const double stdev = std::sqrt(squares / 200.0 * 4.0);
    EXPECT_NEAR(tail.stdev, stdev, 1e-12);
    EXPECT_NEAR(tail.quantile[0], 2.3263478740408408 * stdev, 1e-10);  // Phi^-1(.99)
    EXPECT_NEAR(tail.quantile[1], 3.0902323061678132 * stdev, 1e-10);  // Phi^-1(.999)
    EXPECT_NEAR(tail.shortfall[0], 2.665214220345806 * stdev, 1e-10);  // phi(2.3263) / .01
  }
}

TEST(Forecast, RandomDelayMixesTheLaws) {
  const auto returns = independent(400, 0.01, 2);
  ForecastSettings s;
  s.horizon = {{1, 9, 100}, {0.5, 0.4, 0.1}};
  s.window = 400;
  s.refit = 1;
  s.bar = hour;
  const TailForecast tail = forecast_model("gaussian").make(s)(returns);
  const double stdev = tail.stdev / std::sqrt(0.5 + 3.6 + 10.0);
  for (std::size_t c = 0; c < 2; ++c) {
    double above = 0.0;  // P(loss > quantile), each law by itself
    for (std::size_t k = 0; k < 3; ++k) {
      above += s.horizon.weight[k] * 0.5 * std::erfc(tail.quantile[c] / (stdev * std::sqrt(2.0 * s.horizon.bars[k])));
    }
    EXPECT_NEAR(above / (1.0 - s.confidence[c]), 1.0, 1e-9);
    EXPECT_GT(tail.shortfall[c], tail.quantile[c]);
  }
}

TEST(Forecast, HistoricalIsAnOrderStatistic) {
  std::vector<double> returns(999);
  for (std::size_t i = 0; i < 999; ++i)
    returns[i] = -0.0001 * double((i * 371) % 999 + 1);  // losses .0001 .. .0999, shuffled
  ForecastSettings s;
  s.horizon = {{1}, {1.0}};
  s.window = 999;
  s.refit = 1;
  s.bar = hour;
  const TailForecast tail = forecast_model("historical").make(s)(returns);
  EXPECT_NEAR(tail.quantile[0], 0.0990, 1e-12);  // the 990th of 999: .99 * 1000
  EXPECT_NEAR(tail.quantile[1], 0.0999, 1e-12);  // the 999th
  EXPECT_NEAR(tail.shortfall[0], 0.0001 * (991.0 + 999.0) / 2.0, 1e-12);
}

/// Residuals that are normal quantiles: simulated forecasts have the moments and the quantile of theory.
TEST(BarForecast, VarianceIsTheSumOfExpectedVariances) {
  std::vector<double> z(4001);
  for (std::size_t i = 0; i < z.size(); ++i) z[i] = student_quantile(INFINITY, (double(i) + 0.5) / double(z.size()));
  const BarModel m{2e-6, 0.05, 0.06, 0.90, z, 1.0};
  const double next = 4e-4, persistence = 0.05 + 0.03 + 0.90, long_run = 2e-6 / (1.0 - persistence);
  double expected = 0.0;
  for (int k = 0; k < 24; ++k) expected += long_run + std::pow(persistence, k) * (next - long_run);
  BarForecast day(m, {{24}, {1.0}}, 0, {0.99, 0.999}), bar(m, {{1}, {1.0}}, 0, {0.99});
  const double stdev = day(next, 200000, 3).stdev;
  EXPECT_NEAR(stdev * stdev / expected, 1.0, 0.02);  // kurtosis about 5: error of the mean square .0045
  EXPECT_NEAR(bar(next, 200000, 3).quantile[0], 2.3263 * 0.02, 3.0 * 0.02 * std::sqrt(0.01 * 0.99 / 200000) / 0.02665);
  // the variance of the first bar is what changes from call to call: one bar scales with its root
  const double q = bar(4e-4, 200000, 5).quantile[0], twice = bar(16e-4, 200000, 5).quantile[0];
  EXPECT_NEAR(twice / q, 2.0, 1e-3);
  EXPECT_EQ(bar(4e-4, 200000, 5).quantile[0], q);  // and nothing is left of the call in between
}

/// In force a sale begins after 0, 1/8, ... 1 of the time, with the variance that is expected then: l + (h - l) p^k.
/// One more bar at each age would change the sum by 3 %, of which the standard error is 0.7 %.
TEST(BarForecast, InForceBeginsAtAnyTimeOfIt) {
  std::vector<double> z(4001);
  for (std::size_t i = 0; i < z.size(); ++i) z[i] = student_quantile(INFINITY, (double(i) + 0.5) / double(z.size()));
  const double alpha = 0.05, gamma = 0.04, beta = 0.88, p = alpha + gamma / 2.0 + beta, long_run = 1e-4, now = 9e-4;
  const BarModel m{long_run * (1.0 - p), alpha, gamma, beta, z, 1.0};
  double expected = 0.0;
  for (int age = 0; age <= 8; ++age) expected += (long_run + (now - long_run) * std::pow(p, 4 * age)) / 9.0;
  const TailForecast tail = BarForecast(m, {{1}, {1.0}}, 32, {0.99})(now, 400000, 3);
  EXPECT_NEAR(tail.stdev * tail.stdev / expected, 1.0, 0.02);
}

/// Lengths drawn at random: the mixture's variance and its tail.
TEST(BarForecast, RandomLengthsMix) {
  std::vector<double> z(4001);
  for (std::size_t i = 0; i < z.size(); ++i) z[i] = student_quantile(INFINITY, (double(i) + 0.5) / double(z.size()));
  const BarModel constant{1e-4, 0.0, 0.0, 0.0, z, 1.0};
  const Horizon horizon{{1, 9, 40}, {0.5, 0.4, 0.1}};
  const TailForecast tail = BarForecast(constant, horizon, 0, {0.99})(1e-4, 400000, 8);
  EXPECT_NEAR(tail.stdev * tail.stdev / (1e-4 * (0.5 + 3.6 + 4.0)), 1.0, 0.02);
  double above = 0.0;
  for (std::size_t k = 0; k < 3; ++k)
    above += horizon.weight[k] * 0.5 * std::erfc(tail.quantile[0] / (0.01 * std::sqrt(2.0 * horizon.bars[k])));
  EXPECT_NEAR(above, 0.01, 4.0 * std::sqrt(0.01 * 0.99 / 400000));
}

/// Four bars of +-1: all sixteen paths by the recursion's definition.
TEST(BarForecast, LeverageIsThatOfTheRecursion) {
  const std::vector<double> z = {1.0, -1.0};
  const BarModel m{1e-5, 0.10, 0.30, 0.60, z, 1.0};
  double squares = 0.0, worst = 0.0;
  for (unsigned signs = 0; signs < 16; ++signs) {
    double h = 2e-4, x = 0.0;
    for (int k = 0; k < 4; ++k) {
      const double e = (signs >> k & 1u) != 0 ? -std::sqrt(h) : std::sqrt(h);
      x += e;
      h = 1e-5 + (0.10 + (e < 0.0 ? 0.30 : 0.0)) * e * e + 0.60 * h;
    }
    squares += x * x / 16.0;
    worst = std::max(worst, -x);
  }
  const TailForecast tail = BarForecast(m, {{4}, {1.0}}, 0, {0.99})(2e-4, 100000, 2);
  EXPECT_NEAR(tail.quantile[0], worst, 1.1e-5);  // four falls: one path in sixteen
  EXPECT_NEAR(tail.stdev * tail.stdev / squares, 1.0, 0.03);
}

TEST(BarForecast, BlocksKeepTheOrderOfTheResiduals) {
  // +1 and -1 by turns: in long blocks two bars cancel, drawn one by one they add up to 2 a quarter of the time
  std::vector<double> z(1000);
  for (std::size_t i = 0; i < z.size(); ++i) z[i] = i % 2 == 0 ? 1.0 : -1.0;
  const BarModel blocks{0.0, 0.0, 0.0, 1.0, z, 1e6}, single{0.0, 0.0, 0.0, 1.0, z, 1.0};
  EXPECT_LT(BarForecast(blocks, {{2}, {1.0}}, 0, {0.99})(1e-4, 20000, 1).quantile[0], 1.1e-5);  // a bin is 1e-5 wide
  EXPECT_NEAR(BarForecast(single, {{2}, {1.0}}, 0, {0.76})(1e-4, 20000, 1).quantile[0], 0.02, 1.1e-5);
}

/// Variances that grow without end, and infinitely: figures stay finite.
TEST(BarForecast, AnExplodingVarianceIsFinite) {
  std::vector<double> z(1001);
  for (std::size_t i = 0; i < z.size(); ++i) z[i] = student_quantile(4.0, (double(i) + 0.5) / double(z.size()));
  for (const auto& [alpha, beta] : {std::pair{0.1, 0.95}, std::pair{2.0, 3.0}}) {
    const TailForecast tail =
        BarForecast({1e-4, alpha, 0.1, beta, z, 1.0}, {{200}, {1.0}}, 0, {0.99, 0.999})(1e-4, 4000, 1);
    for (const double x : {tail.stdev, tail.quantile[0], tail.quantile[1], tail.shortfall[0], tail.shortfall[1]}) {
      EXPECT_TRUE(std::isfinite(x)) << alpha;
      EXPECT_GT(x, 0.05) << alpha;
    }
  }
}

/// A forecast leaves out what it does not read. A scenario that says the same, compiled and counted in full by scalar
/// lanes, has the same losses.
TEST(BarForecast, IsARunInFull) {
  std::vector<double> z(1001);
  for (std::size_t i = 0; i < z.size(); ++i)
    z[i * 379 % z.size()] = 0.7 * student_quantile(5.0, (double(i) + 0.5) / double(z.size()));
  const BarModel m{2e-6, 0.05, 0.06, 0.90, z, 5.0};
  const double variance = 3e-4;
  Scenario s = parse_scenario(R"(
schema = 1
name = "in full"
run = { horizon = "5s", paths = 20000 }
[market]
assets = [ { name = "A", price = 1, volatility = 1, drift = 0.5 } ]
[routes.r]
collateral_chain = "c"
liability_chain = "c"
stages = [ { name = "relay", kind = "constant", value = "4s" } ]
[[collateral]]
name = "a"
asset = "A"
route = "r"
)",
                              "in full");
  s.chains.resize(1);
  s.chains[0].block_time = 1.0;
  s.market.innovation.kind = InnovationKind::bootstrap;
  s.market.innovation.bar = 1.0;
  s.market.innovation.block = m.block;
  for (const double x : z) s.market.innovation.rows.push_back({x});
  s.market.variance.kind = VarianceKind::gjr_garch;
  s.market.variance.bar = 1.0;
  s.market.variance.alpha = {m.alpha};
  s.market.variance.gamma = {m.gamma};
  s.market.variance.beta = {m.beta};
  s.market.variance.forecast = {1.0};
  Compiled compiled = compile(s);
  EXPECT_GT(compiled.plan.readings, 0u);
  EXPECT_GT(compiled.plan.routes, 0u);
  float* const planes = compiled.tables.floats.data() + compiled.plan.dynamics;
  planes[omega * limit::walked_assets] = float(m.omega / ticks_per_second);
  planes[first_variance * limit::walked_assets] = float(variance / ticks_per_second);
  Tally tally(layout_of(compiled.plan));
  make_backend({"cpu", "scalar", 1})->run(compiled, 9, {0, 20000}, tally);
  ASSERT_EQ(tally.counts[tally.layout.latency(0)] + tally.counts[tally.layout.latency(1) - 1], 0u);
  double squares = 0.0;  // as BarForecast adds them up
  for (int b = loss_bins - 1; b-- > 1;) {
    const double many = double(tally.counts[tally.layout.latency(0) + std::size_t(b)]);
    const double high = loss_edge(b + 1), loss = -std::log1p(-(loss_edge(b) + 0.5 * (high - loss_edge(b))));
    if (many > 0.0) squares += many * loss * loss;
  }
  BarForecast forecast(m, {{4}, {1.0}}, 0, {0.99, 0.999});
  const TailForecast tail = forecast(variance, 20000, 9);
  EXPECT_EQ(tail.stdev, std::sqrt(squares / 20000.0));
  // A call before, of other losses, changes nothing.
  forecast(9.0 * variance, 20000, 10);
  const TailForecast again = forecast(variance, 20000, 9);
  EXPECT_EQ(again.stdev, tail.stdev);
  EXPECT_EQ(again.quantile, tail.quantile);
  EXPECT_EQ(again.shortfall, tail.shortfall);
}

TEST(BarForecast, ManyLengthsAreMergedAndKeepTheirMean) {
  Horizon law;
  double sum = 0.0, mean = 0.0;
  for (int k = 1; k <= 5000; ++k) law.bars.push_back(k), law.weight.push_back(std::exp(-k / 700.0));
  for (const double w : law.weight) sum += w;
  for (std::size_t i = 0; i < 5000; ++i) mean += (law.weight[i] /= sum) * law.bars[i];
  const Horizon few = merged(law, 200);
  ASSERT_LE(few.bars.size(), 200u);
  double total = 0.0, kept = 0.0;
  for (std::size_t i = 0; i < few.bars.size(); ++i) {
    total += few.weight[i];
    kept += few.weight[i] * few.bars[i];
    if (i > 0) { EXPECT_LT(few.bars[i - 1], few.bars[i]); }
  }
  EXPECT_NEAR(total, 1.0, 1e-12);
  EXPECT_NEAR(kept / mean, 1.0, 1e-3);
  EXPECT_EQ(merged(few, 200).bars, few.bars);
  std::vector<double> z = {1.0, -1.0};
  const TailForecast tail = BarForecast({1e-6, 0.0, 0.0, 0.0, z, 1.0}, law, 0, {0.99})(1e-6, 20000, 4);
  EXPECT_NEAR(tail.stdev * tail.stdev / (1e-6 * mean), 1.0, 0.08);  // kurtosis about 6: error .016
}

TEST(Forecast, ClosedFormsAgreeWithSimulation) {
  const auto returns = garch(4000, 1e-4, 0.05, 0.04, 0.90, 7);
  for (const char* name : {"gjr_garch", "fhs"}) {
    ForecastSettings s;
    s.window = 2000;
    s.refit = 24;
    s.bar = hour;
    s.paths = 400000;
    s.horizon = {{1}, {1.0}};
    const TailForecast closed = forecast_model(name).make(s)(returns);
    s.horizon = {{1, 1}, {0.5, 0.5}};  // the same, but not recognised as one bar
    const TailForecast simulated = forecast_model(name).make(s)(returns);
    EXPECT_NEAR(simulated.quantile[0] / closed.quantile[0], 1.0, 0.02) << name;
    EXPECT_NEAR(simulated.quantile[1] / closed.quantile[1], 1.0, 0.06) << name;
    EXPECT_NEAR(simulated.shortfall[0] / closed.shortfall[0], 1.0, 0.04) << name;
  }
}

/// Forecasts in force are made at some variances and interpolated: their variance is that of the fitted model's ages
/// (standard error 0.5 %, of the interpolation 0.1 %; the next node is 10 % away).
TEST(Forecast, InForceIsInterpolatedBetweenVariances) {
  const auto returns = garch(4000, 1e-4, 0.05, 0.04, 0.90, 7);
  ForecastSettings s;
  s.window = 3000, s.refit = 1'000'000, s.bar = hour, s.paths = 400'000, s.in_force = 24;
  s.horizon = {{1}, {1.0}};
  Forecaster forecast = forecast_model("gjr_garch").make(s);
  const std::size_t first = 3960;
  GarchOptions options;
  options.standard_errors = false;
  const GarchFit f = fit_garch(std::span(returns).subspan(first - s.window, s.window), options);
  const double p = f.persistence(), long_run = f.omega.value / (1.0 - p);
  for (std::size_t now = first; now < returns.size(); now += 13) {
    const TailForecast tail = forecast(std::span(returns).first(now));
    const double variance =
        filter_garch(std::span(returns).subspan(first - s.window, now - first + s.window), f).back();
    double expected = 0.0;
    for (int age = 0; age <= 8; ++age) expected += (long_run + (variance - long_run) * std::pow(p, 3 * age)) / 9.0;
    EXPECT_NEAR(tail.stdev * tail.stdev / expected, 1.0, 0.03) << now;
    EXPECT_GT(tail.quantile[1], tail.quantile[0]);
  }
}

TEST(Forecast, UnknownModelIsAnError) { EXPECT_THROW(forecast_model("crystal_ball"), Error); }

// ---- windows --------------------------------------------------------------------------------------------------------

TEST(Windows, DoNotOverlapAndFollowTheirLaw) {
  const Horizon law{{1, 5, 30}, {0.6, 0.3, 0.1}};
  const auto windows = cut_windows(100000, law, 9);
  ASSERT_GT(windows.size(), 10000u);
  std::size_t ones = 0, long_ones = 0;
  std::size_t free = 0;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    EXPECT_EQ(windows[i].row, free);
    free += std::size_t(windows[i].bars);
    ones += windows[i].bars == 1;
    long_ones += windows[i].bars == 30;
  }
  EXPECT_LT(windows.back().row + std::size_t(windows.back().bars), 100000u);
  const double n = double(windows.size());
  EXPECT_NEAR(double(ones) / n, 0.6, 4.0 * std::sqrt(0.24 / n));
  EXPECT_NEAR(double(long_ones) / n, 0.1, 4.0 * std::sqrt(0.09 / n));
}

TEST(Windows, DelaysComeFromTheScenario) {
  const std::string head = "schema = 1\nname = \"t\"\n[run]\npaths = 1000\n" + testing::one_asset(0.8);
  const auto scenario =
      parse_scenario(head + testing::route("fixed", testing::constant("relay", 1200.0)) +
                         testing::route("random", testing::exponential("relay", 3600.0)) +
                         testing::collateral("X1", "X", "fixed", 0.1) + testing::collateral("X2", "X", "random", 0.1),
                     "t.toml");
  constexpr std::uint64_t paths = 20000;
  const auto tracks = delay_tracks(scenario, 300, paths, 5);
  ASSERT_EQ(tracks.size(), 2u);
  EXPECT_EQ(tracks[0].name, "fixed");
  EXPECT_EQ(tracks[0].horizon.bars, std::vector<int>{4});  // 20 minutes are four bars of five, not five
  // P(k bars) = e^{-(k-1)/12} (1 - e^{-1/12})
  double sum = 0.0;
  for (std::size_t i = 0; i < tracks[1].horizon.bars.size(); ++i) {
    const double p = std::exp(-(tracks[1].horizon.bars[i] - 1) / 12.0) * -std::expm1(-1.0 / 12.0);
    EXPECT_NEAR(tracks[1].horizon.weight[i], p, 4.5 * std::sqrt(p / double(paths)) + 1e-4);
    sum += tracks[1].horizon.weight[i];
  }
  EXPECT_NEAR(sum, 1.0, 1e-12);
}

TEST(Windows, OneGivenLengthBeginsAtMidnight) {
  PriceHistory h = history({independent(24 * 60, 0.01, 3)});
  h.start += 5 * hour;
  const auto walked = walk(h, {{"24h", fixed_horizon(86400.0, hour)}}, all_assets(h), options_of({"gaussian"}, 20));
  ASSERT_GT(walked[0].start.size(), 30u);
  for (const auto start : walked[0].start) EXPECT_EQ(start % days, 0);
}

TEST(Walk, LeavesOutWhatItDoesNotKnowAndCountsIt) {
  PriceHistory h = history({independent(24 * 50, 0.01, 4)});
  h.price[0][24 * 30 + 5] = NAN;  // ends one window and begins the next
  h.price[0][24 * 40] = NAN;
  h.price[0][24 * 40 + 1] = NAN;  // three windows
  const auto walked = walk(h, {{"1h", fixed_horizon(3600.0, hour)}}, all_assets(h), options_of({"gaussian"}, 20));
  EXPECT_EQ(walked[0].missing, 5u);
  EXPECT_EQ(walked[0].warm_up, 24u * 20u);
  EXPECT_EQ(walked[0].start.size(), 24u * 30u - 5u);
  for (std::size_t i = 0; i < walked[0].loss.size(); ++i) {
    const auto row = std::size_t((walked[0].start[i] - h.start) / hour);
    EXPECT_EQ(walked[0].loss[i], 1.0 - h.price[0][row + 1] / h.price[0][row]);
  }
}

TEST(Walk, TooShortAHistoryIsAnError) {
  const PriceHistory h = history({independent(24 * 10, 0.01, 4)});
  EXPECT_THROW(walk(h, {{"1h", fixed_horizon(3600.0, hour)}}, all_assets(h), options_of({"gaussian"}, 20)), Error);
}

/// What happens after a forecast must not change it: every model, one bar and several, with everything after a day
/// replaced.
TEST(Walk, ForecastsDoNotSeeTheFuture) {
  std::vector<std::string> models;
  for (const auto& m : forecast_models()) models.push_back(m.name);
  const std::size_t cut = 24 * 50;
  PriceHistory before = history({garch(24 * 70, 1e-4, 0.05, 0.05, 0.9, 11)}), after = before;
  for (std::size_t row = cut + 1; row < after.price[0].size(); ++row) after.price[0][row] *= row % 2 == 0 ? 3.0 : 0.4;
  for (const int bars : {1, 3}) {
    const std::vector<DelayTrack> tracks = {{"d", {{bars}, {1.0}}}};
    const auto a = walk(before, tracks, all_assets(before), options_of(models, 30))[0];
    const auto b = walk(after, tracks, all_assets(after), options_of(models, 30))[0];
    ASSERT_EQ(a.start, b.start);
    for (std::size_t m = 0; m < models.size(); ++m) {
      std::size_t same = 0, different = 0;
      for (std::size_t i = 0; i < a.start.size(); ++i) {
        const bool past = a.start[i] <= before.time(cut);
        for (std::size_t c = 0; c < 2; ++c) {
          if (past) {
            ASSERT_EQ(a.models[m].haircut[c][i], b.models[m].haircut[c][i]) << models[m] << " window " << i;
            ASSERT_EQ(a.models[m].shortfall[c][i], b.models[m].shortfall[c][i]) << models[m] << " window " << i;
            ++same;
          } else {
            different += a.models[m].haircut[c][i] != b.models[m].haircut[c][i];
          }
        }
        if (past) {
          ASSERT_EQ(a.long_run[i], b.long_run[i]);
          ASSERT_EQ(a.stressed[0][i], b.stressed[0][i]);
        }
      }
      EXPECT_GT(same, 200u) << models[m];
      EXPECT_GT(different, 200u) << models[m];  // they do see what has become the past
    }
  }
}

/// Windows that begin at every bar hold those of every phase; the pooled forecast goes by the clock, so it is the same
/// to the bit whichever windows are asked for.
TEST(Walk, EveryPhaseIsThatPhaseByItself) {
  PriceHistory h = history({garch(24 * 60, 1e-4, 0.05, 0.05, 0.9, 5), garch(24 * 60, 1e-4, 0.05, 0.05, 0.9, 6)});
  h.start += 5 * hour;
  h.price[1][24 * 45] = NAN;
  const std::vector<DelayTrack> tracks = {{"24h", fixed_horizon(86400.0, hour)}};
  BacktestOptions options = options_of({"pooled_memory"}, 32);
  options.every_phase = true;
  const auto phases = split_phases(walk(h, tracks, all_assets(h), options), 24, hour);
  ASSERT_EQ(phases.size(), 24u);
  options.every_phase = false;
  for (const std::size_t phase : {0u, 1u, 7u, 23u}) {
    options.phase = double(phase) * hour;
    const auto alone = walk(h, tracks, all_assets(h), options);
    for (std::size_t a = 0; a < 2; ++a) {
      ASSERT_GT(alone[a].start.size(), 20u);
      EXPECT_EQ(phases[phase][a].start, alone[a].start) << phase;
      EXPECT_EQ(phases[phase][a].loss, alone[a].loss) << phase;
      EXPECT_EQ(phases[phase][a].models[0].haircut, alone[a].models[0].haircut) << phase;
      EXPECT_EQ(phases[phase][a].models[0].shortfall, alone[a].models[0].shortfall) << phase;
    }
  }
}

/// Models that share a fit, or a part, say what each says by itself.
TEST(Walk, ModelsSideBySideSayWhatEachSaysAlone) {
  const PriceHistory h = history({garch(24 * 40, 1e-4, 0.05, 0.05, 0.9, 5), independent(24 * 40, 0.02, 6)});
  const std::vector<DelayTrack> tracks = {{"4h", fixed_horizon(4.0 * hour, hour)}};
  const std::vector<std::string> names = {"gjr_garch", "combined", "fhs", "long_memory", "fhs"};
  const auto together = walk(h, tracks, all_assets(h), options_of(names, 20));
  for (std::size_t m = 0; m < names.size(); ++m) {
    const auto alone = walk(h, tracks, all_assets(h), options_of({names[m]}, 20));
    for (std::size_t a = 0; a < 2; ++a) {
      ASSERT_GT(alone[a].start.size(), 100u);
      EXPECT_EQ(together[a].models[m].haircut, alone[a].models[0].haircut) << names[m];
      EXPECT_EQ(together[a].models[m].shortfall, alone[a].models[0].shortfall) << names[m];
      EXPECT_EQ(together[a].models[m].stdev, alone[a].models[0].stdev) << names[m];
    }
  }
}

TEST(Walk, ThreadsDoNotMatter) {
  const PriceHistory h =
      history({independent(24 * 40, 0.01, 5), independent(24 * 40, 0.02, 6), independent(24 * 40, 0.03, 7)});
  BacktestOptions one = options_of({"gaussian", "fhs"}, 20), three = one;
  one.threads = 1;
  three.threads = 3;
  const std::vector<DelayTrack> tracks = {{"d", {{1, 2}, {0.5, 0.5}}}};
  const auto a = walk(h, tracks, all_assets(h), one), b = walk(h, tracks, all_assets(h), three);
  for (std::size_t s = 0; s < 3; ++s) EXPECT_EQ(a[s].models[1].haircut, b[s].models[1].haircut);
}

// ---- verdicts -------------------------------------------------------------------------------------------------------

TEST(Verdict, TheTrueModelHoldsAndASmallerVolatilityIsRejected) {
  const PriceHistory h =
      history({independent(24 * 400, 0.01, 21), independent(24 * 400, 0.02, 22), independent(24 * 400, 0.015, 23)});
  auto walked = walk(h, {{"1h", fixed_horizon(3600.0, hour)}}, all_assets(h), options_of({"gaussian"}, 60));
  const Verdict right = judge(walked, {0.99, 0.999}, quick());
  for (const double c : {0.99, 0.999}) {
    const auto& p = pooled(right, "gaussian", c);
    EXPECT_LE(p.coverage.low, 1.0) << c;
    EXPECT_GE(p.coverage.high, 1.0) << c;
    EXPECT_EQ(p.rejected, 0u);
    EXPECT_NEAR(p.scale, 1.0, c == 0.99 ? 0.05 : 0.1);
  }
  for (auto& s : walked) {  // 20 % less volatility: at 99 % there are P(Z > .8 * 2.326) / .01 = 3.14 times as many hits
    for (auto* values : {&s.models[0].quantile, &s.models[0].shortfall}) {
      for (auto& v : *values) {
        for (double& x : v) x *= 0.8;
      }
    }
    for (std::size_t c = 0; c < 2; ++c) {
      for (std::size_t i = 0; i < s.loss.size(); ++i)
        s.models[0].haircut[c][i] = -std::expm1(-s.models[0].quantile[c][i]);
    }
  }
  const Verdict wrong = judge(walked, {0.99, 0.999}, quick());
  const auto& p = pooled(wrong, "gaussian", 0.99);
  EXPECT_NEAR(p.coverage.ratio, 3.14, 0.4);
  EXPECT_GT(p.coverage.low, 1.0);
  EXPECT_EQ(p.rejected, 3u);
  EXPECT_EQ(p.lights[2], 3u);
  EXPECT_EQ(p.too_little, 3u);
  EXPECT_NEAR(p.scale, 1.25, 0.05);  // at equal coverage the planted error is undone
}

/// On GARCH prices the GARCH models hold and beat the Gaussian; the Gaussian's hits cluster.
TEST(Verdict, AModelThatFollowsTheVarianceBeatsTheBaseline) {
  std::vector<std::vector<double>> returns;
  for (std::uint64_t a = 0; a < 3; ++a) returns.push_back(garch(24 * 300, 1e-4, 0.08, 0.06, 0.87, 31 + a));
  const PriceHistory h = history(returns);
  for (const int bars : {1, 6}) {
    const auto walked = walk(h, {{"d", {{bars}, {1.0}}}}, all_assets(h),
                             options_of({"gaussian", "gjr_garch", "fhs", "long_memory"}, 60));
    const Verdict v = judge(walked, {0.99}, quick());
    for (const char* model : {"gjr_garch", "fhs"}) {
      const auto& p = pooled(v, model, 0.99);
      EXPECT_LE(p.coverage.low, 1.0) << model << bars;
      EXPECT_GE(p.coverage.high, 1.0) << model << bars;
      EXPECT_LT(*p.relative, 0.97) << model << bars;
      EXPECT_LT(p.against.p, 0.01) << model << bars;
    }
    EXPECT_GT(pooled(v, "gaussian", 0.99).coverage.low, 1.0) << bars;
    if (bars == 1) {
      EXPECT_GT(pooled(v, "gaussian", 0.99).coverage.design_effect,
                pooled(v, "gjr_garch", 0.99).coverage.design_effect);
    }
  }
}

TEST(Verdict, TestsNeedTenExpectedHits) {
  const PriceHistory h = history({independent(24 * 100, 0.01, 41)});
  const auto walked =
      walk(h, {{"1h", fixed_horizon(3600.0, hour)}}, all_assets(h), options_of({"gaussian"}, 40));  // 1,440 windows
  const Verdict v = judge(walked, {0.99, 0.999}, quick());
  EXPECT_TRUE(v.cells[0].coverage_p.has_value());
  EXPECT_FALSE(v.cells[1].coverage_p.has_value());
  EXPECT_FALSE(v.cells[1].independence_p.has_value());
}

TEST(Verdict, RulesAgainstProcyclicality) {
  // a haircut of 10 % that rises day by day to 20 % and falls back; worked by hand
  SubjectHistory s;
  ModelHistory m;
  m.model = "gaussian";
  m.haircut = {{0.10, 0.10, 0.11, 0.20, 0.10}};
  m.quantile = {{0.1, 0.1, 0.1, 0.2, 0.1}};
  m.stdev = {0.04, 0.04, 0.04, 0.08, 0.04};
  for (std::int64_t i = 0; i < 5; ++i) s.start.push_back(i * days);
  s.loss.assign(5, 0.0);
  s.long_run.assign(5, 0.06);
  s.stressed = {{0.30, 0.30, 0.30, 0.30, 0.30}};
  VerdictOptions v;
  v.quiet = 1.5 * days;  // the trailing mean holds today and yesterday
  const auto near = [](const std::vector<double>& a, const std::vector<double>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-12) << i;
  };
  near(under_rule("none", s, m, 0, v), m.haircut[0]);
  // quiet: 1.25 h; rising: 1.25 times the mean of two days, until that is less than h
  near(under_rule("buffer", s, m, 0, v), {0.125, 0.125, 0.13125, 0.20, 0.125});
  near(under_rule("stressed weight", s, m, 0, v), {0.15, 0.15, 0.1575, 0.225, 0.15});
  const double floor = -std::expm1(-0.15);  // .1 * .06 / .04
  near(under_rule("floor", s, m, 0, v), {floor, floor, floor, 0.20, floor});
}

TEST(Verdict, JsonAndTableHoldTheSameCells) {
  const PriceHistory h = history({independent(24 * 60, 0.01, 51), independent(24 * 60, 0.01, 52)});
  const auto walked =
      walk(h, {{"1h", fixed_horizon(3600.0, hour)}}, all_assets(h), options_of({"gaussian", "historical"}, 30));
  const Verdict v = judge(walked, {0.99, 0.999}, quick());
  const auto j = verdict_json(v);
  EXPECT_EQ(j["cells"].size(), 8u);  // 2 assets, 2 models, 2 confidences
  EXPECT_EQ(j["pooled"].size(), 4u);
  EXPECT_EQ(j["anti_procyclicality"].size(), 16u);
  EXPECT_TRUE(j["pooled"][0]["pinball_relative"].is_null());  // the baseline itself
  EXPECT_TRUE(j["pooled"][1]["pinball_relative"].is_number());
  EXPECT_EQ(nlohmann::ordered_json::parse(j.dump()), j);
  std::size_t longest = 0, line = 0;
  for (const char c : verdict_table(v, "head\n", hour)) {
    line = c == '\n' ? 0 : line + 1;
    longest = std::max(longest, line);
  }
  EXPECT_LE(longest, 120u);
}

}  // namespace
}  // namespace proofload
