/// market_scenario_test.cpp -- [market]'s models and [stress] as a scenario writes them: what is read, what is refused
/// and why.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "input/prices.h"
#include "scenario/effective.h"
#include "scenario/reader.h"
#include "tests/scenario/reading.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;
using std::string, std::vector;
using testing::expect_one, testing::Folder, testing::line_of, testing::problems_of, testing::replaced;

/// Two assets; $MARKET and $STRESS stand where further keys go, $CORRELATION for how they move together.
const char* const base = R"(schema = 1
name = "base"
[run]
paths = 1_000
horizon = "6h"
[market]
assets = [
  { name = "ETH", price = 3000.0, volatility = 0.8 },
  { name = "BTC", price = 90000, volatility = 0.6 },
]
$CORRELATION
$MARKET
[stress]
$STRESS
[routes.eth-to-arb]
collateral_chain = "ethereum"
liability_chain = "arbitrum"
stages = [ { name = "relay", kind = "constant", value = "1h" } ]
[[collateral]]
name = "ETH@ethereum"
asset = "ETH"
route = "eth-to-arb"
)";
const char* const full = "correlation = [[1.0, 0.8], [0.8, 1.0]]";

string scenario(const string& market, const string& stress = "", const string& correlation = full) {
  return replaced(replaced(replaced(base, "$CORRELATION", correlation), "$MARKET", market), "$STRESS", stress);
}

Scenario read(const string& market, const string& stress = "", const string& correlation = full) {
  return parse_scenario(scenario(market, stress, correlation), "test.toml");
}

// ---------------------------------------------------------------------------------------------------------- the models

TEST(Market, DefaultsAreGaussianConstantAndWithoutJumps) {
  const Scenario s = read("");
  EXPECT_EQ(s.market.innovation.kind, InnovationKind::gaussian);
  EXPECT_EQ(s.market.variance.kind, VarianceKind::constant);
  EXPECT_FALSE(s.market.jumps);
  EXPECT_TRUE(s.market.factors.empty());
  EXPECT_FALSE(s.market.grid.step || s.market.grid.steps);
  EXPECT_EQ(s.stress.volatility, 1.0);
  EXPECT_EQ(s.stress.correlation, 0.0);
  EXPECT_EQ(s.stress.drift, 0.0);
  EXPECT_EQ(s.stress.depth, 1.0);
  EXPECT_EQ(s.stress.delays, 1.0);
  EXPECT_EQ(s.stress.hazards, 1.0);
  EXPECT_TRUE(s.stress.shocks.empty());
  EXPECT_FALSE(s.stress.replay);
  for (const char* same :
       {"innovation = { kind = \"gaussian\" }\nvariance = { kind = \"constant\" }\njumps = { kind = \"none\" }",
        "innovation = \"gaussian\"\nvariance = \"constant\"\njumps = \"none\""})
    EXPECT_EQ(effective_toml(read(same)), effective_toml(s));
}

TEST(Market, StudentT) {
  const auto i = read("innovation = { kind = \"student_t\", dof = 4.1, horizon = \"90m\" }").market.innovation;
  EXPECT_EQ(i.kind, InnovationKind::student_t);
  EXPECT_EQ(i.dof, 4.1);
  EXPECT_EQ(i.horizon, 5400.0);
  EXPECT_FALSE(read("innovation = { kind = \"student_t\", dof = 3 }").market.innovation.horizon);
}

TEST(Market, HestonTakesANumberForAllOrOneForEach) {
  const auto v =
      read("variance = { kind = \"heston\", mean_reversion = 4, vol_of_vol = [1.0, 0.5], correlation = -0.5 }");
  EXPECT_EQ(v.market.variance.kind, VarianceKind::heston);
  EXPECT_EQ(v.market.variance.mean_reversion, (vector<double>{4.0, 4.0}));
  EXPECT_EQ(v.market.variance.vol_of_vol, (vector<double>{1.0, 0.5}));
  EXPECT_EQ(v.market.variance.correlation, (vector<double>{-0.5, -0.5}));
  EXPECT_EQ(v.market.variance.initial, (vector<double>{0.8, 0.6}));  // by default each asset's volatility
  EXPECT_TRUE(v.market.grid.step && !v.market.grid.observed);        // chosen
  const auto given = read(
      "variance = { kind = \"heston\", mean_reversion = 4, vol_of_vol = 1, correlation = 0, initial = [0.2, 0] }\n"
      "grid = { step = \"10m\" }");
  EXPECT_EQ(given.market.variance.initial, (vector<double>{0.2, 0.0}));
  EXPECT_EQ(given.market.grid.step, 600.0);
  EXPECT_TRUE(given.market.grid.observed);
  EXPECT_FALSE(read("grid = { steps = 5, observed = false }").market.grid.observed);
}

/// A scenario with 40 d for a delay of this law.
string delayed(const string& text, const string& law) {
  return replaced(replaced(text, "horizon = \"6h\"", "horizon = \"40d\""), "kind = \"constant\", value = \"1h\"", law);
}

/// The formula of heston_step.h where one of its terms is all that counts.
TEST(Market, HestonWithoutAGridGetsOne) {
  const auto step = [](const string& variance, const string& delay, const string& stress = "") {
    const string text = scenario("variance = { kind = \"heston\", " + variance + " }", stress);
    return parse_scenario(delayed(text, delay), "test.toml").market.grid.step.value_or(0.0);
  };
  const double v = 0.64, year = 365.0 * 86400.0;
  const auto rounded_down = [](double exact, double got, double unit) {
    EXPECT_LE(got, exact);
    EXPECT_GT(got, exact - unit);
  };
  // kappa T and xi^2 T / v small: V = v T, and h = 0.1 sqrt(v T) / xi.
  const string slow = "mean_reversion = 1e-3, vol_of_vol = 4, correlation = 0";
  const double week = 7.0 * 86400.0;
  rounded_down(0.1 * std::sqrt(v * week / year) / 4.0 * year, step(slow, "kind = \"constant\", value = \"7d\""),
               3600.0);
  rounded_down(0.1 * std::sqrt(v * 2.0 * week / year) / 4.0 * year,
               step(slow, "kind = \"constant\", value = \"7d\"", "delays = 2"), 3600.0);
  // A random delay: the tenth, -ln(0.9) means.
  rounded_down(0.1 * std::sqrt(v * -std::log(0.9) * 10.0 * week / year) / 4.0 * year,
               step(slow, "kind = \"exponential\", mean = \"70d\""), 3600.0);
  // Shorter than its step: the delay that is as long as its own, 0.01 v / xi^2.
  rounded_down(0.01 * v / 16.0 * year, step(slow, "kind = \"constant\", value = \"1s\""), 60.0);
  EXPECT_EQ(
      step(slow, "kind = \"constant\", value = \"1s\"", "volatility = 2"),  // the relative law of the variance stays
      step(slow, "kind = \"constant\", value = \"1s\""));
  // kappa T large: V = theta T, and h = 0.1 / kappa where the volatility of variance is small.
  rounded_down(0.1 / 300.0 * year,
               step("mean_reversion = 300, vol_of_vol = 1e-3, correlation = 0", "kind = \"constant\", value = \"39d\""),
               60.0);
  // Far below Feller's condition (2 kappa theta is 0.32 of xi^2), from a variance of 0: V is theta kappa T^2 / 2
  // nearly.
  const double low = step("mean_reversion = 1, vol_of_vol = 2, correlation = -0.5, initial = 0",
                          "kind = \"constant\", value = \"2d\"");
  rounded_down(0.1 * std::sqrt(v / 2.0) * 2.0 / 365.0 / 2.0 * year, low, 60.0);
}

/// More than 1,000 steps up to the horizon are refused with a line that is taken, and has what would have been chosen.
TEST(Market, HestonThatNeedsManyStepsIsToldWhichGridToWrite) {
  const string wild = "variance = { kind = \"heston\", mean_reversion = 10, vol_of_vol = 10, correlation = -0.5 }";
  const string second = "kind = \"constant\", value = \"1s\"";
  const string line = "grid = { step = \"33m\" }";  // 0.01 * 0.64 / 100 of a year is 2,018 s
  expect_one(
      delayed(scenario(wild), second), "variance = ",
      {"market.variance is heston", "needs steps of 33m, 1746 up to run.horizon", "write " + line + " in [market]"});
  EXPECT_EQ(parse_scenario(delayed(scenario(wild + "\n" + line), second), "t").market.grid.step, 1980.0);
  EXPECT_EQ(read(wild).market.grid.step.has_value(), true) << "a shorter horizon helps";
}

TEST(Market, GarchMakesTheGrid) {
  const string garch =
      "variance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 0.05, gamma = [0.1, -0.05], beta = 0.85";
  const Scenario s = read(garch + " }");
  EXPECT_EQ(s.market.variance.kind, VarianceKind::gjr_garch);
  EXPECT_EQ(s.market.variance.bar, 3600.0);
  EXPECT_EQ(s.market.variance.alpha, (vector<double>{0.05, 0.05}));
  EXPECT_EQ(s.market.variance.gamma, (vector<double>{0.1, -0.05}));  // alpha + gamma = 0 is the limit
  EXPECT_EQ(s.market.variance.beta, (vector<double>{0.85, 0.85}));
  EXPECT_TRUE(s.market.variance.forecast.empty());
  EXPECT_EQ(s.market.grid.step, 3600.0);
  EXPECT_EQ(read(garch + ", start = \"stationary\" }\ngrid = { step = \"60m\" }").market.grid.step, 3600.0);
  const auto steps = read(garch + " }\ngrid = { steps = 6 }").market.grid;  // six hours in six bars
  EXPECT_EQ(steps.steps, 6u);
  EXPECT_FALSE(steps.step);
  EXPECT_EQ(read(garch + ", start = \"forecast\", forecast = 0.9 }").market.variance.forecast,
            (vector<double>{0.9, 0.9}));
}

TEST(Market, JumpsCommonAndOwn) {
  const auto j =
      read(
          "jumps = { kind = \"merton\", intensity = 12.0, mean = -0.10, stdev = 0.12, loadings = [1.0, 0.5], "
          "own = [ { asset = \"BTC\", intensity = 20, mean = -0.05, stdev = 0.1 } ] }")
          .market.jumps;
  ASSERT_TRUE(j);
  EXPECT_EQ(j->common.intensity, 12.0);
  EXPECT_EQ(j->common.mean, -0.10);
  EXPECT_EQ(j->common.stdev, 0.12);
  EXPECT_EQ(j->loadings, (vector<double>{1.0, 0.5}));
  ASSERT_EQ(j->own.size(), 2u);
  EXPECT_EQ(j->own[0].intensity, 0.0);
  EXPECT_EQ(j->own[1].intensity, 20.0);
  EXPECT_EQ(j->own[1].stdev, 0.1);
  const auto only_own =
      read("jumps = { kind = \"merton\", own = [ { asset = \"ETH\", intensity = 20, mean = 0, stdev = 0.1 } ] }")
          .market.jumps;
  EXPECT_EQ(only_own->common.intensity, 0.0);
  EXPECT_EQ(only_own->own[0].intensity, 20.0);
  const auto plain = read("jumps = { kind = \"merton\", intensity = 12, mean = 0, stdev = 0 }").market.jumps;
  EXPECT_EQ(plain->loadings, (vector<double>{1.0, 1.0}));
}

TEST(Market, Stress) {
  const auto x =
      read("",
           "volatility = 1.5\ncorrelation = 0.5\ndrift = -0.5\ndepth = 4\ndelays = 3\nhazards = 10\n"
           "shocks = [ { asset = \"BTC\", at = \"10m\", size = -0.2 }, { asset = \"ETH\", at = \"0s\", size = 0.1 } ]")
          .stress;
  EXPECT_EQ(x.volatility, 1.5);
  EXPECT_EQ(x.correlation, 0.5);
  EXPECT_EQ(x.drift, -0.5);
  EXPECT_EQ(x.depth, 4.0);
  EXPECT_EQ(x.delays, 3.0);
  EXPECT_EQ(x.hazards, 10.0);
  ASSERT_EQ(x.shocks.size(), 2u);
  EXPECT_EQ(x.shocks[0].asset, "BTC");
  EXPECT_EQ(x.shocks[0].at, 600.0);
  EXPECT_EQ(x.shocks[0].size, -0.2);
  EXPECT_EQ(x.shocks[1].at, 0.0);
}

// --------------------------------------------------------------------------------------------------------- many assets

/// n assets a0, a1, ..., of which a0 is the collateral.
string many(std::size_t n, const string& correlation, const string& market = "", const string& stress = "") {
  string assets;
  for (std::size_t i = 0; i < n; ++i) assets += fmt::format("  {{ name = \"a{}\", price = 1, volatility = 1 }},\n", i);
  const string text = scenario(market, stress, correlation);
  const auto first = text.find("  { name = \"ETH\""), end = text.find("]\n", first);
  return replaced(text.substr(0, first) + assets + text.substr(end), "asset = \"ETH\"", "asset = \"a0\"");
}

string factors(std::size_t assets, std::size_t count, double loading) {
  string rows;
  for (std::size_t i = 0; i < assets; ++i) {
    rows += "[";
    for (std::size_t k = 0; k < count; ++k) rows += fmt::format("{}, ", i % 2 ? loading : -loading);
    rows += "],\n";
  }
  return "factors = { loadings = [" + rows + "] }";
}

string identity(std::size_t n) {
  string rows;
  for (std::size_t i = 0; i < n; ++i) {
    rows += "[";
    for (std::size_t j = 0; j < n; ++j) rows += i == j ? "1," : "0,";
    rows += "],";
  }
  return "correlation = [" + rows + "]";
}

TEST(Factors, AreReadForUpTo64Assets) {
  const Scenario s = parse_scenario(many(64, factors(64, 8, 0.35)), "t");  // 8 * 0.35^2 = 0.98
  ASSERT_EQ(s.market.factors.size(), 64u);
  ASSERT_EQ(s.market.factors[63].size(), 8u);
  EXPECT_EQ(s.market.factors[0][7], -0.35);
  EXPECT_EQ(s.market.factors[63][0], 0.35);
  EXPECT_TRUE(s.market.correlation.empty());
  const string once = effective_toml(s);
  const Scenario back = parse_scenario(once, "e");
  EXPECT_EQ(back.market.factors, s.market.factors);
  EXPECT_EQ(effective_toml(back), once);
  EXPECT_EQ(parse_scenario(many(16, identity(16)), "t").market.correlation.size(), 16u);
  // what can be written as a full matrix composes with every model
  for (const char* model : {"innovation = { kind = \"student_t\", dof = 4 }",
                            "variance = { kind = \"heston\", mean_reversion = 4, vol_of_vol = 1, correlation = -0.5 }",
                            "variance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 0.1, gamma = 0, beta = 0.8 }"})
    EXPECT_TRUE(problems_of(many(16, factors(16, 2, 0.5), model)).empty())
        << Error::to_text(problems_of(many(16, factors(16, 2, 0.5), model)));
  for (const char* model : {"innovation = { kind = \"student_t\", dof = 4 }",
                            "jumps = { kind = \"merton\", intensity = 12, mean = -0.1, stdev = 0.1 }"})
    EXPECT_TRUE(problems_of(many(64, factors(64, 2, 0.5), model)).empty()) << model;
}

TEST(Factors, LimitsAreErrors) {
  expect_one(many(17, identity(17)), "correlation",
             {"17 assets without factors", "room for 16", "proofload fit --factors"});
  expect_one(many(65, factors(65, 1, 0.5)), "assets = [", {"65 tables in market.assets", "room for 64"});
  expect_one(many(20, factors(20, 9, 0.1)), "factors", {"has 9 factors", "room for 8"});
  expect_one(many(17, factors(17, 2, 0.5),
                  "variance = { kind = \"heston\", mean_reversion = 4, vol_of_vol = 1, correlation = 0 }"),
             "variance = ", {"17 assets, and market.variance is heston", "steps every asset", "room for 16"});
  expect_one(many(17, factors(17, 2, 0.5),
                  "variance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 0.1, gamma = 0, beta = 0.8 }"),
             "variance = ", {"market.variance is gjr_garch"});
  expect_one(many(17, factors(17, 8, 0.1), "", "correlation = 0.5"), "correlation = 0.5",
             {"8 factors", "one more factor, and a plan has room for 8"});
  expect_one(many(17, factors(17, 2, 0.5), "grid = { step = \"1h\" }"), "grid",
             {"17 assets, and market.grid is given"});
  expect_one(many(17, factors(17, 2, 0.5), "jumps = { kind = \"merton\", intensity = 74e3, mean = 0, stdev = 0.1 }"),
             "jumps", {"50.68 jumps in 6h", "lower the intensities"});
  EXPECT_TRUE(problems_of(many(16, factors(16, 2, 0.5), "grid = { step = \"1h\" }")).empty());
  EXPECT_TRUE(problems_of(many(16, factors(16, 8, 0.1), "", "correlation = 0.5")).empty());
  EXPECT_TRUE(problems_of(many(17, factors(17, 7, 0.1), "", "correlation = 0.5")).empty());
}

TEST(Factors, OwnNoiseMustBeLeft) {
  std::mt19937 random(11);
  int good = 0, bad = 0;
  for (int trial = 0; trial < 300; ++trial) {
    const std::size_t count = 1 + random() % 8;
    string row;
    long double common = 0.0L;
    for (std::size_t k = 0; k < count; ++k) {
      const double x = static_cast<double>(random() % 2001) / 1000.0 - 1.0;
      const string text = fmt::format("{:.3f}", x * (count > 2 ? 0.7 : 1.0));
      common += static_cast<long double>(std::stod(text)) * static_cast<long double>(std::stod(text));
      row += text + ", ";
    }
    if (std::fabs(common - 1.0L) < 1e-6L) continue;
    const string text = scenario("", "", "factors = { loadings = [[" + row + "],\n[" + row + "]] }");
    const auto found = problems_of(text);
    if (common < 1.0L) {
      ++good;
      EXPECT_TRUE(found.empty()) << Error::to_text(found);
      continue;
    }
    ++bad;
    ASSERT_EQ(found.size(), 2u) << row;
    EXPECT_NE(found[0].text.find("own noise"), string::npos);
    EXPECT_EQ(found[1].line, found[0].line + 1);
    const double factor = std::stod(found[0].text.substr(found[0].text.find("multiply the row by ") + 20));
    EXPECT_LT(static_cast<double>(common) * factor * factor, 1.0) << found[0].text;  // what is offered helps
    EXPECT_GT(static_cast<double>(common) * factor * factor, 0.99) << found[0].text;
  }
  EXPECT_GT(good, 50);
  EXPECT_GT(bad, 50);
}

// ----------------------------------------------------------------------------------------------------- what is refused

struct Bad {
  const char* market;  ///< further keys of [market]
  const char* where;   ///< text on the line that must be named
  vector<string> words;
};

TEST(BadMarket, EachHasItsPlaceReasonAndSuggestion) {
  const vector<Bad> cases = {
      // kinds
      {"innovation = \"gausian\"", "innovation", {"did you mean \"gaussian\"?"}},
      {"innovation = \"normal-inverse\"", "innovation", {"use one of: gaussian, student_t, bootstrap"}},
      {"innovation = { dof = 4 }", "innovation", {"market.innovation.kind is missing"}},
      {"innovation = 4", "innovation", {"an integer, 4"}},
      {"innovation = \"student_t\"",
       "innovation",
       {"has no parameters", "innovation = { kind = \"student_t\", dof = 4.0 }"}},
      {"variance = \"heston\"", "variance", {"has no parameters", "mean_reversion = 4.0"}},
      {"variance = \"gjr_garch\"", "variance", {"has no parameters", "beta = 0.9"}},
      {"variance = { kind = \"gjr-garch\" }", "variance", {"did you mean \"gjr_garch\"?"}},
      {"jumps = \"merton\"", "jumps", {"has no parameters", "intensity = 12.0"}},
      {"jumps = { kind = \"none\", intensity = 1 }", "jumps", {"unknown key \"intensity\""}},
      {"innovation = { kind = \"gaussian\", dof = 4 }", "innovation", {"unknown key \"dof\""}},
      {"inovation = \"gaussian\"", "inovation", {"did you mean \"innovation\"?"}},
      // Student-t
      {"innovation = { kind = \"student_t\" }", "innovation", {"market.innovation.dof is missing", "add dof = 4.0"}},
      {"innovation = { kind = \"student_t\", dof = 2 }",
       "innovation",
       {"dof = 2 is too small", "variance is infinite", "more than 2"}},
      {"innovation = { kind = \"student_t\", dof = -4 }", "innovation", {"dof = -4 is negative", "infinite"}},
      {"innovation = { kind = \"student_t\", dof = nan }", "innovation", {"not a finite number"}},
      {"innovation = { kind = \"student_t\", dof = 4, horizn = \"1h\" }", "innovation", {"did you mean \"horizon\"?"}},
      {"innovation = { kind = \"student_t\", dof = 4, horizon = 3600 }",
       "innovation",
       {"no unit", "\"3600s\" for seconds"}},
      // Heston
      {"variance = { kind = \"heston\", vol_of_vol = 1, correlation = 0 }", "variance", {"mean_reversion is missing"}},
      {"variance = { kind = \"heston\", mean_reversion = 4, vol_of_vol = 1 }", "variance", {"correlation is missing"}},
      {"variance = { kind = \"heston\", mean_reversion = 0, vol_of_vol = 1, correlation = 0 }",
       "variance",
       {"mean_reversion = 0 is zero"}},
      {"variance = { kind = \"heston\", mean_reversion = 4, vol_of_vol = 0, correlation = 0 }",
       "variance",
       {"vol_of_vol = 0", "constant"}},
      {"variance = { kind = \"heston\", mean_reversion = 4, vol_of_vol = 1, correlation = 1 }",
       "variance",
       {"correlation = 1 is too large", "less than 1"}},
      {"variance = { kind = \"heston\", mean_reversion = 4, vol_of_vol = 1, correlation = [0, -1.5] }",
       "variance",
       {"market.variance.correlation[2] = -1.5 is too small"}},
      {"variance = { kind = \"heston\", mean_reversion = [4], vol_of_vol = 1, correlation = 0 }",
       "variance",
       {"mean_reversion has 1 number, and market.assets has 2", "give 2 numbers, or a single one for all"}},
      {"variance = { kind = \"heston\", mean_reversion = \"4\", vol_of_vol = 1, correlation = 0 }",
       "variance",
       {"a string, \"4\""}},
      // GARCH
      {"variance = { kind = \"gjr_garch\", bar = \"1h\", gamma = 0, beta = 0.9 }", "variance", {"alpha is missing"}},
      {"variance = { kind = \"gjr_garch\", alpha = 0.05, gamma = 0, beta = 0.9 }",
       "variance",
       {"bar is missing", "add bar = \"1h\""}},
      {"variance = { kind = \"gjr_garch\", bar = \"1h\", alpha = -0.05, gamma = 0.1, beta = 0.9 }",
       "variance",
       {"alpha = -0.05 is negative"}},
      {"variance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 0.05, gamma = 0.1, beta = -0.9 }",
       "variance",
       {"beta = -0.9 is negative"}},
      {"variance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 0.05, gamma = [0.0, -0.1], beta = 0.9 }",
       "variance",
       {"alpha + gamma of \"BTC\" is -0.05", "variance negative", "-alpha or more"}},
      {"variance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 0.05, gamma = 0.1, beta = [0.9, 0.5] }",
       "variance",
       {"alpha + gamma / 2 + beta of \"ETH\" is 1", "no long-run variance"}},
      {"variance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 0.05, gamma = 0, beta = 0.9, start = \"now\" }",
       "variance",
       {"start = \"now\" is unknown", "stationary, forecast"}},
      {"variance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 0.05, gamma = 0, beta = 0.9, start = \"forecast\" }",
       "variance",
       {"forecast is missing"}},
      {"variance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 0.05, gamma = 0, beta = 0.9, forecast = 0.9 }",
       "variance",
       {"forecast is given, and start is \"stationary\""}},
      {"variance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 0.05, gamma = 0, beta = 0.9 }\ngrid = { step = \"5m\" "
       "}",
       "grid",
       {"market.grid has the step 5m, and market.variance has the bar 1h", "grid = { step = \"1h\" }"}},
      {"variance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 0.05, gamma = 0, beta = 0.9 }\ngrid = { steps = 7 }",
       "grid",
       {"the bar 1h"}},
      // jumps
      {"jumps = { kind = \"merton\", mean = -0.1, stdev = 0.1 }", "jumps", {"market.jumps.intensity is missing"}},
      {"jumps = { kind = \"merton\", intensity = 1, mean = -0.1 }", "jumps", {"stdev is missing"}},
      {"jumps = { kind = \"merton\", intensity = -1, mean = -0.1, stdev = 0.1 }",
       "jumps",
       {"intensity = -1 is negative"}},
      {"jumps = { kind = \"merton\", intensity = 1, mean = -0.1, stdev = -0.1 }",
       "jumps",
       {"stdev = -0.1 is negative"}},
      {"jumps = { kind = \"merton\", intensity = 1, mean = -0.1, stdev = 0.1, loadings = [1, 1, 1] }",
       "jumps",
       {"loadings has 3 numbers"}},
      {"jumps = { kind = \"merton\", intensity = 1, mean = 2, stdev = 1, loadings = [1, 3] }",
       "jumps",
       {"the price of \"BTC\" by e^10.5 on average", "drift"}},
      {"jumps = { kind = \"merton\", own = [ { asset = \"EHT\", intensity = 1, mean = 0, stdev = 0.1 } ] }",
       "jumps",
       {"own[1].asset = \"EHT\" is unknown", "did you mean \"ETH\"?"}},
      {"jumps = { kind = \"merton\", own = [ { asset = \"ETH\", mean = 0, stdev = 0.1 } ] }",
       "jumps",
       {"own[1].intensity is missing"}},
      {"jumps = { kind = \"merton\", own = [ { asset = \"ETH\", intensity = 1, mean = 0, stdev = 0.1 },\n"
       "{ asset = \"ETH\", intensity = 2, mean = 0, stdev = 0.1 } ] }",
       "intensity = 2",
       {"\"ETH\" has two kinds of own jumps", "line 12"}},
      {"jumps = { kind = \"merton\", own = { asset = \"ETH\" } }",
       "jumps",
       {"market.jumps.own is a table", "write own = [ {"}},
      // 6 h are 6/8760 of a year: 73,000 a year are 50 in 6 hours
      {"jumps = { kind = \"merton\", intensity = 74e3, mean = 0, stdev = 0.1 }",
       "jumps",
       {"50.68 jumps in 6h, the horizon", "is for 50", "write grid"}},
      {"jumps = { kind = \"merton\", intensity = 37e3, mean = 0, stdev = 0.1, own = [ { asset = \"ETH\", intensity = "
       "37e3, mean = 0, "
       "stdev = 0.1 } ] }",
       "jumps",
       {"50.68 jumps in 6h"}},
      {"jumps = { kind = \"merton\", intensity = 1e6, mean = 0, stdev = 0.1 }\ngrid = { step = \"1h\" }",
       "jumps",
       {"114.2 jumps in 1h, the step of the grid", "write grid = { step = \"1576s\" }"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.market);
    expect_one(scenario(c.market), c.where, c.words);
  }
  EXPECT_TRUE(problems_of(scenario("jumps = { kind = \"merton\", intensity = 72e3, mean = 0, stdev = 0.1 }")).empty());
  EXPECT_TRUE(
      problems_of(
          scenario(
              "jumps = { kind = \"merton\", intensity = 1e6, mean = 0, stdev = 0.1 }\ngrid = { step = \"1576s\" }"))
          .empty());
  const string still =
      replaced(scenario("variance = { kind = \"heston\", mean_reversion = 4, vol_of_vol = 1, correlation = 0 }"),
               "volatility = 0.6", "volatility = 0");
  expect_one(still, "variance", {"vol_of_vol of \"BTC\" is 1, with a volatility of 0", "nearly always 0"});
}

TEST(BadMarket, Factors) {
  const vector<std::pair<string, vector<string>>> cases = {
      {"factors = { loadings = [[0.9], [0.8]] }\ncorrelation = [[1, 0.5], [0.5, 1]]", {"both factors and correlation"}},
      {"factors = { loadings = [[0.9], [0.8]] }\ncorrelation_file = \"r.csv\"", {"both factors and correlation_file"}},
      {"factors = [[0.9], [0.8]]", {"market.factors is an array", "factors = { loadings = "}},
      {"factors = {}", {"market.factors.loadings is missing"}},
      {"factors = { loading = [[1]], loadings = [[0.9], [0.8]] }", {"did you mean \"loadings\"?"}},
      {"factors = { loadings = [0.9, 0.8] }", {"not an array of rows"}},
      {"factors = { loadings = [[], []] }", {"not an array of rows"}},
      {"factors = { loadings = [[0.9]] }", {"has 1 row, and there are 2 assets", "give 2 rows"}},
      {"factors = { loadings = [[0.9], [0.8, 0.1]] }", {"loadings[2] has 2 numbers, and the first row has 1"}},
      {"factors = { loadings = [[0.9], [1.1]] }", {"loadings[2][1] = 1.1 is too large"}},
      {"factors = { loadings = [[0.9], [nan]] }", {"not a finite number"}},
      {"factors = { loadings = [[0.9], [\"x\"]] }", {"a string"}},
      {"factors = { loadings = [[0.9, 0.1], [0.8, 0.6]] }",
       {"the squares of market.factors.loadings[2] sum to 1", "own noise"}},
  };
  for (const auto& [text, words] : cases) {
    SCOPED_TRACE(text);
    expect_one(scenario("", "", text), "factors", words);
  }
}

TEST(BadMarket, Stress) {
  const vector<Bad> cases = {
      {"volatilty = 2", "volatilty", {"\"volatilty\" in stress", "did you mean \"volatility\"?"}},
      {"volatility = -1", "volatility = -1", {"stress.volatility = -1 is negative"}},
      {"correlation = 1.1", "correlation = 1.1", {"too large", "from 0 to 1"}},
      {"correlation = -0.1", "correlation = -0.1", {"negative"}},
      {"drift = 1e3", "drift", {"too large"}},
      {"depth = 0", "depth", {"stress.depth = 0 is zero"}},
      {"delays = -1", "delays", {"negative"}},
      {"delays = \"3x\"", "delays", {"a string, \"3x\""}},
      {"hazards = -1", "hazards", {"negative"}},
      {"shocks = { asset = \"ETH\" }", "shocks", {"stress.shocks is a table", "write shocks = [ {"}},
      {"shocks = [ 3 ]", "shocks", {"stress.shocks[1] is an integer, 3"}},
      {"shocks = [ { asset = \"EHT\", at = \"1m\", size = -0.2 } ]",
       "shocks",
       {"\"EHT\" is unknown", "did you mean \"ETH\"?"}},
      {"shocks = [ { at = \"1m\", size = -0.2 } ]", "shocks", {"shocks[1].asset is missing"}},
      {"shocks = [ { asset = \"ETH\", size = -0.2 } ]", "shocks", {"shocks[1].at is missing"}},
      {"shocks = [ { asset = \"ETH\", at = 60, size = -0.2 } ]", "shocks", {"no unit"}},
      {"shocks = [ { asset = \"ETH\", at = \"1m\", size = -1 } ]",
       "shocks",
       {"size = -1 is too small", "more than -1"}},
      {"shocks = [ { asset = \"ETH\", at = \"7h\", size = -0.1 } ]",
       "shocks",
       {"after run.horizon", "no sale would feel it"}},
      {"shocks = [ { asset = \"ETH\", at = \"1m\", size = -0.1 },\n{ asset = \"ETH\", at = \"2m\", size = -0.1 } ]",
       "\"2m\"",
       {"\"ETH\" has two shocks", "line 14"}},
      {"replay = \"x.csv\"", "replay", {"stress.replay is a string", "start = \"random\""}},
      {"replay = { start = \"random\" }", "replay", {"replay.file is missing"}},
      {"replay = { file = \"none.csv\", start = \"random\" }", "replay", {"none.csv\" does not exist", "price file"}},
      {"replay = { file = \".\", start = \"random\" }", "replay", {"is a directory"}},
      {"replay = { file = \"\", start = \"random\" }", "replay", {"is not a path"}},
  };
  expect_one(scenario("variance = { kind = \"heston\", mean_reversion = 4, vol_of_vol = 1, correlation = 0 }",
                      "volatility = 0"),
             "volatility = 0\n", {"market.variance is heston", "nothing to revert to"});
  EXPECT_TRUE(problems_of(scenario("", "volatility = 0")).empty());
  for (const auto& c : cases) {
    SCOPED_TRACE(c.market);
    expect_one(scenario("", c.market), c.where, c.words);
  }
}

TEST(BadMarket, AllErrorsAtOnce) {
  const string text = scenario(
      "innovation = { kind = \"student_t\", dof = 1 }\nvariance = { kind = \"heston\", mean_reversion = -1, vol_of_vol "
      "= [1], correlation = 2 }\n"
      "jumps = { kind = \"merton\", intensity = -1, mean = 9, stdev = 0.1, own = [ { asset = \"X\", intensity = 1, "
      "mean = 0, stdev = 0 } ] }",
      "volatility = -1\nshocks = [ { asset = \"X\", at = \"1m\", size = -2 } ]\nreplay = { file = \"none.csv\", start "
      "= \"noon\", from = 3 }",
      "factors = { loadings = [[1.0], [2.0]] }");
  const auto found = problems_of(text);
  EXPECT_EQ(found.size(), 15u) << Error::to_text(found);
  EXPECT_TRUE(
      std::is_sorted(found.begin(), found.end(), [](const Problem& a, const Problem& b) { return a.line < b.line; }));
}

// ----------------------------------------------------------------------------------------------------------- bootstrap

/// A file of `rows` residuals of ETH and BTC that are neither centred nor of unit variance, in the other order, behind
/// a time.
string residuals(int rows, vector<vector<double>>* out = nullptr) {
  std::mt19937 random(5);
  std::normal_distribution<double> normal;
  string csv = "timestamp_utc,BTC,SOL,\"ETH\"\r\n";
  for (int i = 0; i < rows; ++i) {
    const double btc = std::stod(fmt::format("{:.6f}", 0.3 + 2.0 * normal(random)));
    const double eth = std::stod(fmt::format("{:.6f}", -0.1 + 0.5 * normal(random) * normal(random)));
    csv += fmt::format("2021-01-01T00:00:00Z,{:.6f},7,{:.6f}\r\n", btc, eth);
    if (out) out->push_back({eth, btc});
  }
  return csv;
}

const char* const bootstrap =
    "innovation = { kind = \"bootstrap\", file = \"data/r.csv\", bar = \"1h\", block = \"1d\" }";

TEST_F(Folder, ResidualsAreStandardised) {
  vector<vector<double>> given;
  write("data/r.csv", residuals(500, &given));
  const Scenario s = parse(scenario(bootstrap));
  const auto& i = s.market.innovation;
  EXPECT_EQ(i.kind, InnovationKind::bootstrap);
  EXPECT_EQ(i.bar, 3600.0);
  EXPECT_EQ(i.block, 86400.0);
  EXPECT_EQ(i.file, (root / "data/r.csv").string());
  EXPECT_EQ(s.market.grid.step, 3600.0);
  ASSERT_EQ(i.rows.size(), 500u);
  for (std::size_t a = 0; a < 2; ++a) {
    long double sum = 0.0L, squares = 0.0L;  // one pass, where the reader makes two
    for (const auto& row : given) {
      sum += static_cast<long double>(row[a]);
      squares += static_cast<long double>(row[a]) * static_cast<long double>(row[a]);
    }
    const long double mean = sum / 500.0L, deviation = std::sqrt(squares / 500.0L - mean * mean);
    double check_mean = 0.0, check_square = 0.0;
    for (std::size_t r = 0; r < 500; ++r) {
      EXPECT_NEAR(i.rows[r][a], static_cast<double>((static_cast<long double>(given[r][a]) - mean) / deviation), 1e-12);
      check_mean += i.rows[r][a];
      check_square += i.rows[r][a] * i.rows[r][a];
    }
    EXPECT_NEAR(check_mean / 500.0, 0.0, 1e-13);
    EXPECT_NEAR(check_square / 500.0, 1.0, 1e-13);
  }
}

TEST_F(Folder, BadResiduals) {
  const string good = residuals(150);
  const auto with = [&](const string& csv) {
    write("data/r.csv", csv);
    return problems_of(scenario(bootstrap), root);
  };
  const string file = (root / "data/r.csv").string();
  EXPECT_TRUE(with(good).empty());
  EXPECT_TRUE(with("\xef\xbb\xbf" + good).empty());
  const auto one = [&](const string& csv, int line, const vector<string>& words) {
    const auto found = with(csv);
    ASSERT_EQ(found.size(), 1u) << Error::to_text(found);
    EXPECT_EQ(found[0].file, line > 0 ? file : "test.toml");
    EXPECT_EQ(found[0].line, line > 0 ? line : line_of(scenario(bootstrap), "innovation")) << found[0].text;
    for (const auto& word : words) EXPECT_NE(found[0].text.find(word), string::npos) << word << " in " << found[0].text;
  };
  one(replaced(good, "\"ETH\"", "\"EHT\""), 0, {"has no column \"ETH\"", "did you mean \"EHT\"?"});
  one(replaced(good, "SOL", "BTC"), 1, {"two columns are named \"BTC\""});
  one(residuals(99), 0, {"99 rows of residuals", "fewer than 100"});
  one("timestamp_utc,BTC,SOL,ETH\n", 0, {"no table of numbers"});
  one("", 0, {"0 rows"});
  one(good + "x,nan,7,1\n", 152, {"\"nan\" is no residual", "finite"});
  one(good + "x,1,7,one\n", 152, {"\"one\" is no residual"});
  one(good + "x,1,7,\n", 152, {"\"\" is no residual"});
  one(good + "x,1,7,1e9\n", 152, {"\"1e9\" is no residual"});
  one(good + "x,1,7\n", 152, {"there are 3 cells (the header has 4"});
  EXPECT_TRUE(with(good + "x,1,text,2\n").empty());  // a column that no asset wants may hold anything
}

TEST_F(Folder, ConstantResidualsAndManyBadOnes) {
  string constant = "ETH,BTC\n", bad = "ETH,BTC\n";
  for (int i = 0; i < 120; ++i) constant += fmt::format("0.25,{}\n", i % 7);
  for (int i = 0; i < 120; ++i) bad += "inf,1\n";
  write("data/r.csv", constant);
  expect_one(scenario(bootstrap), "innovation", {"column \"ETH\"", "is constant"}, root);
  write("data/r.csv", bad);
  const auto found = problems_of(scenario(bootstrap), root);
  ASSERT_EQ(found.size(), 11u) << Error::to_text(found);
  EXPECT_NE(Error::to_text(found).find("110 more cells are no residuals"), string::npos);
}

TEST_F(Folder, BootstrapAndItsCompany) {
  write("data/r.csv", residuals(150));
  const auto bad = [&](const string& market, const string& where, const vector<string>& words) {
    SCOPED_TRACE(market);
    expect_one(scenario(market), where, words, root);
  };
  const string b = bootstrap;
  bad(b + "\nvariance = { kind = \"heston\", mean_reversion = 4, vol_of_vol = 1, correlation = 0 }", "variance",
      {"market.variance is heston, and market.innovation is bootstrap", "another model"});
  bad(b + "\nvariance = { kind = \"gjr_garch\", bar = \"30m\", alpha = 0.05, gamma = 0, beta = 0.9 }", "innovation",
      {"the bar of market.innovation is 1h, and that of market.variance is 30m", "same bar"});
  bad(b + "\ngrid = { step = \"1m\" }", "grid", {"the step 1m, and market.innovation has the bar 1h"});
  bad(replaced(b, "\"1d\"", "\"30m\""), "innovation", {"block is shorter than the bar"});
  bad(replaced(b, "\"1d\"", "\"7d\""), "innovation", {"block is longer than the file, which lasts 150h"});
  bad(replaced(b, ", block = \"1d\"", ""), "innovation", {"block is missing"});
  bad(replaced(b, "bar = \"1h\", ", ""), "innovation", {"bar is missing"});
  bad(replaced(b, "file = \"data/r.csv\", ", ""), "innovation", {"file is missing"});
  bad(replaced(b, "data/r.csv", "none.csv"), "innovation", {"does not exist"});
  bad(replaced(b, "block", "dof = 4, block"), "innovation", {"unknown key \"dof\""});
  string header = "a0", rows;
  for (int i = 1; i < 17; ++i) header += fmt::format(",a{}", i);
  for (int i = 0; i < 120; ++i) {
    for (int a = 0; a < 17; ++a) rows += fmt::format("{}{}", a ? "," : "", (i * 31 + a * 7) % 13);
    rows += "\n";
  }
  write("data/r.csv", header + "\n" + rows);
  expect_one(many(17, factors(17, 2, 0.5), b), "innovation",
             {"17 assets, and market.innovation is bootstrap", "room for 16"}, root);
  EXPECT_TRUE(problems_of(many(16, factors(16, 2, 0.5), b), root).empty());
}

TEST_F(Folder, StationarityOfABootstrapGoesByItsOwnLosses) {
  // residuals of -2 (one in five) and 0.5: kappa = E[z^2; z < 0] = 4/5 after standardising (mean 0, variance 1 already)
  string csv = "ETH,BTC\n";
  for (int i = 0; i < 500; ++i) csv += i % 5 == 0 ? "-2,-2\n" : "0.5,0.5\n";
  write("data/r.csv", csv);
  const auto garch = [&](double gamma) {
    return scenario(
        fmt::format("{}\nvariance = {{ kind = \"gjr_garch\", bar = \"1h\", alpha = 0.1, gamma = {}, beta = 0.7 }}",
                    bootstrap, gamma));
  };
  EXPECT_TRUE(problems_of(garch(0.24), root).empty());  // 0.1 + 0.192 + 0.7 < 1, and with gamma / 2 too
  const auto found = problems_of(garch(0.26), root);    // 1.008, though 0.1 + 0.13 + 0.7 < 1
  ASSERT_EQ(found.size(), 2u) << Error::to_text(found);
  EXPECT_NE(found[0].text.find("alpha + 0.800 gamma + beta of \"ETH\" is 1.008"), string::npos) << found[0].text;
  EXPECT_TRUE(problems_of(replaced(garch(0.26), bootstrap, ""), root).empty());
}

// -------------------------------------------------------------------------------------------------------------- replay

constexpr std::int64_t march_12 = 1583971200;  // 2020-03-12T00:00:00Z

/// Hourly prices of ETH-USD and BTC from 12 March 2020 on; a price that is NaN is left out.
string prices_csv(const vector<vector<double>>& prices, std::int64_t step = 3600) {
  string csv = "timestamp_utc,BTC,other,ETH-USD\n";
  for (std::size_t r = 0; r < prices.size(); ++r) {
    csv += time_text(march_12 + static_cast<std::int64_t>(r) * step);
    for (const double x : {prices[r][1], 1.0 + static_cast<double>(r % 3), prices[r][0]})
      csv += std::isnan(x) ? "," : fmt::format(",{:.17g}", x);
    csv += "\n";
  }
  return csv;
}

vector<vector<double>> walk(std::size_t rows) {
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  vector<vector<double>> prices{{100.0, 5000.0}};
  while (prices.size() < rows)
    prices.push_back(
        {prices.back()[0] * std::exp(0.05 * normal(random)), prices.back()[1] * std::exp(0.001 * normal(random))});
  return prices;
}

string replay(const string& more) {
  return "replay = { file = \"p.csv\", columns = { ETH = \"ETH-USD\" }, " + more + " }";
}

TEST_F(Folder, ReplayReadsTheReturnsAfterItsStart) {
  const auto prices = walk(48);
  write("p.csv", prices_csv(prices));
  const Scenario s = parse(scenario("", replay("start = \"2020-03-12T06:00:00Z\", bar = \"1h\"")));
  const auto& r = *s.stress.replay;
  EXPECT_FALSE(r.random);
  EXPECT_EQ(r.calls, 1u);
  EXPECT_EQ(r.bar, 3600.0);
  EXPECT_EQ(r.file, (root / "p.csv").string());
  EXPECT_EQ(r.columns, (vector<std::pair<string, string>>{{"ETH", "ETH-USD"}, {"BTC", "BTC"}}));
  EXPECT_EQ(s.market.grid.step, 3600.0);
  ASSERT_EQ(r.returns.size(), 6u);  // the horizon is 6 h
  for (std::size_t b = 0; b < 6; ++b)
    for (std::size_t a = 0; a < 2; ++a) {
      const long double exact =
          std::log(static_cast<long double>(prices[7 + b][a])) - std::log(static_cast<long double>(prices[6 + b][a]));
      EXPECT_NEAR(r.returns[b][a], static_cast<double>(exact), 1e-16 + 5e-16 * std::fabs(static_cast<double>(exact)));
    }
  // the same window by other words: times with an offset or as Unix seconds, without a bar
  for (const char* start : {"2020-03-12 06:00", "1583992800", "2020-03-12T08:00:00+02:00"})
    EXPECT_EQ(parse(scenario("", replay(fmt::format("start = \"{}\"", start)))).stress.replay->returns, r.returns)
        << start;
  // the last start that leaves six rows
  EXPECT_EQ(parse(scenario("", replay("start = \"2020-03-13T17:00:00Z\""))).stress.replay->returns.size(), 6u);
}

TEST_F(Folder, ReplayAtRandomRowsOfAWindow) {
  const auto prices = walk(48);
  write("p.csv", prices_csv(prices));
  const auto whole = *parse(scenario("", replay("start = \"random\""))).stress.replay;
  EXPECT_TRUE(whole.random);
  EXPECT_EQ(whole.returns.size(), 47u);
  EXPECT_EQ(whole.calls, 42u);  // rows 0 .. 41: the last is followed by six returns
  const auto cut =
      *parse(scenario("", replay("start = \"random\", from = \"2020-03-12T10:00:00Z\", to = \"2020-03-13\"")))
           .stress.replay;
  ASSERT_EQ(cut.returns.size(), 13u);  // rows 10 .. 23
  EXPECT_EQ(cut.calls, 8u);
  EXPECT_EQ(cut.calls - 1 + 6, cut.returns.size());  // run.horizon of returns follows the last call, no more
  for (std::size_t b = 0; b < 13; ++b) EXPECT_EQ(cut.returns[b], whole.returns[10 + b]);
}

TEST_F(Folder, ReplayOfLongerBarsAndOfPackedFiles) {
  const auto prices = walk(60);
  write("p.csv", prices_csv(prices));
  const auto hours = *parse(scenario("", replay("start = \"random\""))).stress.replay;
  const auto three = *parse(scenario("", replay("start = \"random\", bar = \"3h\""))).stress.replay;
  EXPECT_EQ(three.bar, 10800.0);
  ASSERT_EQ(three.returns.size(), 19u);
  EXPECT_EQ(three.calls, 18u);
  for (std::size_t b = 0; b < 19; ++b)  // log returns add up
    EXPECT_NEAR(three.returns[b][0],
                hours.returns[3 * b][0] + hours.returns[3 * b + 1][0] + hours.returns[3 * b + 2][0], 1e-15);
  if (std::system("xz --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "there is no xz";
  ASSERT_EQ(std::system(("xz -k '" + (root / "p.csv").string() + "'").c_str()), 0);
  const string packed = replaced(replay("start = \"random\""), "p.csv", "p.csv.xz");
  EXPECT_EQ(parse(scenario("", packed)).stress.replay->returns, hours.returns);
  const auto found = problems_of(scenario("", replaced(packed, "ETH-USD", "EHT")), root);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].text.find("no column \"EHT\""), string::npos) << found[0].text;
}

TEST_F(Folder, LogReturnsAreExactWhateverTheirSize) {
  std::mt19937_64 random(17);
  vector<vector<double>> prices{{1.0, 1.0}};
  for (int i = 0; i < 3000; ++i) {
    const double size = std::pow(10.0, static_cast<double>(random() % 18) - 15.0);  // returns of 1e-15 to 100
    const double u = static_cast<double>(random() >> 11) * 0x1p-52 - 1.0;
    const double next = prices.back()[0] * std::exp(size * u), other = prices.back()[1] * (1.0 + size * u);
    prices.push_back({next > 1e-90 && next < 1e90 ? next : 1.0, other > 1e-90 && other < 1e90 ? other : 2.0});
  }
  write("p.csv", prices_csv(prices));
  const auto r = parse(scenario("", replay("start = \"random\""))).stress.replay->returns;
  ASSERT_EQ(r.size(), 3000u);
  for (std::size_t b = 0; b < r.size(); ++b)
    for (std::size_t a = 0; a < 2; ++a) {
      const long double p = static_cast<long double>(prices[b + 1][a]), q = static_cast<long double>(prices[b][a]);
      const bool near = p > 0.5L * q && p < 2.0L * q;  // where p / q would round next to 1
      const auto exact = static_cast<double>(near ? std::log1p((p - q) / q) : std::log(p / q));
      EXPECT_NEAR(r[b][a], exact, 6e-16 * std::fabs(exact)) << prices[b][a] << " -> " << prices[b + 1][a];
    }
}

TEST_F(Folder, BadReplays) {
  auto prices = walk(48);
  prices[30][0] = prices[31][0] = std::numeric_limits<double>::quiet_NaN();
  write("p.csv", prices_csv(prices));
  const auto bad = [&](const string& stress, const vector<string>& words) {
    SCOPED_TRACE(stress);
    expect_one(scenario("", stress), "replay", words, root);
  };
  bad("replay = { file = \"p.csv\", columns = { ETH = \"ETH-USD\" } }", {"start is missing", "\"random\""});
  bad(replay("start = 2020-03-12T06:00:00Z"), {"start is a date or time", "in quotes"});
  bad(replay("start = \"noon\""), {"start = \"noon\" is not a time", "2020-03-12T06:00:00Z"});
  bad(replay("start = \"randm\""), {"is not a time"});
  bad(replay("start = \"random\", from = \"2020-13-01\""), {"from = \"2020-13-01\" is not a time"});
  bad(replay("start = \"2020-03-12T06:00Z\", too = \"2020-03-13\""), {"unknown key \"too\"", "did you mean \"to\"?"});
  bad(replay("start = \"2019-03-12T06:00:00Z\""),
      {"is outside of the file", "2020-03-12T00:00:00Z to 2020-03-13T23:00:00Z"});
  bad(replay("start = \"2020-03-14T00:00:00Z\""), {"is outside of the file"});
  bad(replay("start = \"2020-03-12T06:00:00Z\", from = \"2020-03-12T07:00:00Z\""), {"is outside of [from, to)"});
  bad(replay("start = \"2020-03-12T06:30:00Z\""),
      {"between two rows", "one every 1h", "\"2020-03-12T06:00:00Z\" or \"2020-03-12T07:00:00Z\""});
  bad(replay("start = \"random\", from = \"2021-01-01\""),
      {"no row in [from, to)", "its rows are of 2020-03-12T00:00:00Z"});
  bad(replay("start = \"random\", to = \"2020-01-01\""), {"no row in [from, to)"});
  bad(replay("start = \"2020-03-13T20:00:00Z\""),
      {"has 3h of prices from 2020-03-13T20:00:00Z on", "up to run.horizon, which is 6h", "horizon = \"3h\""});
  bad(replay("start = \"random\", to = \"2020-03-12T06:00:00Z\""), {"has 5h of prices", "up to `to`"});
  bad(replay("start = \"2020-03-13T23:00:00Z\""), {"has nothing of prices", "another window"});
  bad(replay("start = \"random\""),
      {"no price of \"ETH\" at 2020-03-13T06:00:00Z and at 1 other time", "makes no price up"});
  bad(replay("start = \"random\", bar = \"90m\""), {"bar is 90m", "a row every 1h", "multiple"});
  bad(replay("start = \"random\", bar = 3600"), {"no unit"});
  bad("replay = { file = \"p.csv\", start = \"random\" }",
      {"has no column \"ETH\"", "the price of \"ETH\" would be unknown", "did you mean \"ETH-USD\"?",
       "columns = { \"ETH\""});
  bad(replaced(replay("start = \"random\""), "ETH-USD", "Ether"), {"has no column \"Ether\""});
  bad(replaced(replay("start = \"random\""), "{ ETH =", "{ EHT = \"x\", ETH ="),
      {"columns names \"EHT\"", "did you mean \"ETH\"?"});
  bad(replaced(replay("start = \"random\""), "\"ETH-USD\"", "3"), {"columns.ETH is an integer"});
  bad(replaced(replay("start = \"random\""), "{ ETH = \"ETH-USD\" }", "\"ETH-USD\""), {"columns is a string"});
  const string good = replay("start = \"2020-03-12T06:00:00Z\"");
  expect_one(scenario("", "correlation = 0.5\n" + good), "correlation = 0.5",
             {"the path is recorded: it has no correlation to change"}, root);
  expect_one(scenario("variance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 2, gamma = 0, beta = 0 }", good),
             "variance", {"alpha = 2 is too large"}, root);
  expect_one(scenario("grid = { step = \"1m\" }", good), "grid", {"the step 1m, and stress.replay has the bar 1h"},
             root);
  // what the replay takes the place of may be given, at any bar
  EXPECT_TRUE(
      problems_of(scenario("innovation = { kind = \"student_t\", dof = 4 }\njumps = { kind = \"merton\", intensity = "
                           "1e6, mean = 0, stdev = 0 }\n"
                           "variance = { kind = \"gjr_garch\", bar = \"5m\", alpha = 0.05, gamma = 0, beta = 0.9 }",
                           "correlation = 0.0\nvolatility = 2\n" + good),
                  root)
          .empty());
}

TEST_F(Folder, BadPricesAreToldWithTheirOwnPlace) {
  const auto prices = walk(48);
  write("p.csv", replaced(prices_csv(prices), "\n2020-03-12T01", "\n2020-03-12T00:30:00Z,-5,1,1\n2020-03-12T01"));
  const auto found = problems_of(scenario("", replay("start = \"random\"")), root);
  ASSERT_EQ(found.size(), 1u) << Error::to_text(found);
  EXPECT_EQ(found[0].file, (root / "p.csv").string());
  EXPECT_EQ(found[0].line, 3);
  EXPECT_NE(found[0].text.find("-5"), string::npos) << found[0].text;
}

TEST_F(Folder, ReplayStepsEveryAsset) {
  string csv = "timestamp_utc", columns;
  for (int i = 0; i < 17; ++i) csv += fmt::format(",a{}", i);
  csv += "\n";
  for (int r = 0; r < 24; ++r) {
    csv += time_text(march_12 + 3600 * r);
    for (int i = 0; i < 17; ++i) csv += fmt::format(",{}", 100 + (r * 7 + i) % 11);
    csv += "\n";
  }
  write("p.csv", csv);
  const string stress = "replay = { file = \"p.csv\", start = \"random\" }";
  expect_one(many(17, factors(17, 2, 0.5), "", stress), "replay",
             {"17 assets, and stress.replay is given", "room for 16"}, root);
  EXPECT_TRUE(problems_of(many(16, factors(16, 2, 0.5), "", stress), root).empty());
}

// ---------------------------------------------------------------------------------------------- the effective scenario

void expect_same(const JumpSpec& a, const JumpSpec& b) {
  EXPECT_EQ(a.intensity, b.intensity);
  EXPECT_EQ(a.mean, b.mean);
  EXPECT_EQ(a.stdev, b.stdev);
}

void expect_same(const Scenario& a, const Scenario& b) {
  EXPECT_EQ(a.market.correlation, b.market.correlation);
  EXPECT_EQ(a.market.factors, b.market.factors);
  const auto &i = a.market.innovation, &j = b.market.innovation;
  EXPECT_EQ(i.kind, j.kind);
  EXPECT_EQ(i.dof, j.dof);
  EXPECT_EQ(i.horizon, j.horizon);
  EXPECT_EQ(i.bar, j.bar);
  EXPECT_EQ(i.block, j.block);
  EXPECT_EQ(i.rows, j.rows);
  const auto &v = a.market.variance, &w = b.market.variance;
  EXPECT_EQ(v.kind, w.kind);
  EXPECT_EQ(v.mean_reversion, w.mean_reversion);
  EXPECT_EQ(v.vol_of_vol, w.vol_of_vol);
  EXPECT_EQ(v.correlation, w.correlation);
  EXPECT_EQ(v.initial, w.initial);
  EXPECT_EQ(v.bar, w.bar);
  EXPECT_EQ(v.alpha, w.alpha);
  EXPECT_EQ(v.gamma, w.gamma);
  EXPECT_EQ(v.beta, w.beta);
  EXPECT_EQ(v.forecast, w.forecast);
  ASSERT_EQ(a.market.jumps.has_value(), b.market.jumps.has_value());
  if (a.market.jumps) {
    expect_same(a.market.jumps->common, b.market.jumps->common);
    EXPECT_EQ(a.market.jumps->loadings, b.market.jumps->loadings);
    ASSERT_EQ(a.market.jumps->own.size(), b.market.jumps->own.size());
    for (std::size_t k = 0; k < a.market.jumps->own.size(); ++k)
      expect_same(a.market.jumps->own[k], b.market.jumps->own[k]);
  }
  EXPECT_EQ(a.market.grid.step, b.market.grid.step);
  EXPECT_EQ(a.market.grid.steps, b.market.grid.steps);
  EXPECT_EQ(a.market.grid.observed, b.market.grid.observed);
  const auto &x = a.stress, &y = b.stress;
  EXPECT_EQ(x.volatility, y.volatility);
  EXPECT_EQ(x.correlation, y.correlation);
  EXPECT_EQ(x.drift, y.drift);
  EXPECT_EQ(x.depth, y.depth);
  EXPECT_EQ(x.delays, y.delays);
  EXPECT_EQ(x.hazards, y.hazards);
  ASSERT_EQ(x.shocks.size(), y.shocks.size());
  for (std::size_t k = 0; k < x.shocks.size(); ++k) {
    EXPECT_EQ(x.shocks[k].asset, y.shocks[k].asset);
    EXPECT_EQ(x.shocks[k].at, y.shocks[k].at);
    EXPECT_EQ(x.shocks[k].size, y.shocks[k].size);
  }
  ASSERT_EQ(x.replay.has_value(), y.replay.has_value());
  if (!x.replay) return;
  EXPECT_EQ(x.replay->bar, y.replay->bar);
  EXPECT_EQ(x.replay->random, y.replay->random);
  EXPECT_EQ(x.replay->calls, y.replay->calls);
  EXPECT_EQ(x.replay->start, y.replay->start);
  EXPECT_EQ(x.replay->from, y.replay->from);
  EXPECT_EQ(x.replay->to, y.replay->to);
  EXPECT_EQ(x.replay->columns, y.replay->columns);
  EXPECT_EQ(x.replay->returns, y.replay->returns);
}

/// Every model by turns, with odd numbers; read back elsewhere it is the same in every field.
TEST_F(Folder, EffectiveParsesBackToTheSameScenarioAnywhere) {
  write("data/r.csv", residuals(150));
  write("p.csv", prices_csv(walk(48)));
  const string loads = "factors = { loadings = [[0.1, 0.2, -0.3], [0.7, 0.12345678901234567, 1e-9]] }";
  const string jump =
      "jumps = { kind = \"merton\", intensity = 12.1, mean = -0.1, stdev = 0.123, loadings = [0.3, -1], own = [ { "
      "asset = \"BTC\", "
      "intensity = 0, mean = -0.05, stdev = 0.1 } ] }\n";
  const string markets[] = {
      "innovation = { kind = \"student_t\", dof = 4.1 }",
      "innovation = { kind = \"student_t\", dof = 2.0000000001, horizon = \"12.8m\" }\n" + jump,
      string(bootstrap) + "\n" + jump,
      string(bootstrap) +
          "\nvariance = { kind = \"gjr_garch\", bar = \"60m\", alpha = [0.1, 1e-7], gamma = 0.1, beta = "
          "0.123456789012345678 }",
      "variance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 0.1, gamma = 0, beta = 0.8, start = \"forecast\", "
      "forecast = [0.95, 1.1] }",
      "variance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 0.1, gamma = 0, beta = 0.8 }\ngrid = { steps = 6 }",
      "variance = { kind = \"heston\", mean_reversion = [4, 3.3], vol_of_vol = 1.1, correlation = [-0.999, 0.1], "
      "initial = 0.2 }\n" +
          jump,
      "variance = { kind = \"heston\", mean_reversion = 4, vol_of_vol = 1, correlation = -0.5 }\ngrid = { step = "
      "\"1m\" }",
      jump,
      "",
  };
  const string stresses[] = {
      "",
      "volatility = 1.7\ncorrelation = 0.3\ndrift = -0.5\ndepth = 4.4\ndelays = 3\nhazards = 0\nshocks = [ { asset = "
      "\"ETH\", at = \"12.8m\", size = -0.2 } ]",
      replay("start = \"random\", from = \"2020-03-12T03:00Z\", to = \"2020-03-13\""),
      "volatility = 2\n" + replay("start = \"2020-03-12T06:00:00Z\", bar = \"1h\""),
  };
  const fs::path before = fs::current_path();
  for (const auto& market : markets)
    for (const auto& stress : stresses)
      for (const string& correlation : {string(full), loads}) {
        if (stress.find("replay") != string::npos && market.find("grid = { step = \"1m\"") != string::npos) continue;
        SCOPED_TRACE(market + "\n" + stress + "\n" + correlation);
        fs::current_path(root);
        const Scenario a = parse_scenario(scenario(market, stress, correlation), "t");  // files relative to here
        const string once = effective_toml(a);
        fs::current_path(before);
        const Scenario b = parse_scenario(once, "effective", "no such folder");
        expect_same(a, b);
        EXPECT_EQ(effective_toml(b), once);
      }
}

// ------------------------------------------------------------------------------------------------------------ includes

TEST_F(Folder, AnIncluderReplacesModelsAndTheCorrelation) {
  write("fit/market.toml",
        "[market]\n" + string(full) + "\n" + replaced(bootstrap, "data/", "") +
            "\nvariance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 0.1, gamma = 0, beta = 0.8 }\n"
            "[stress]\nvolatility = 2\nshocks = [ { asset = \"ETH\", at = \"1m\", size = -0.1 } ]\n");
  write("fit/factors.toml", "[market]\nfactors = { loadings = [[0.5], [0.5]] }\n");
  write("fit/r.csv", residuals(150));
  const auto with = [&](const string& include, const string& text) {
    return parse(replaced(text, "name = \"base\"", "name = \"base\"\ninclude = [\"" + include + "\"]"));
  };
  const Scenario as_it_is = with("fit/market.toml", scenario("", "", ""));
  EXPECT_EQ(as_it_is.market.innovation.file, (root / "fit/r.csv").string());  // relative to the file that names it
  EXPECT_EQ(as_it_is.market.variance.alpha[1], 0.1);
  EXPECT_EQ(as_it_is.stress.shocks.size(), 1u);
  const Scenario changed =
      with("fit/market.toml", scenario("innovation = \"gaussian\"\nvariance = { kind = \"heston\", mean_reversion = 4, "
                                       "vol_of_vol = 1, correlation = 0 }",
                                       "shocks = []", "factors = { loadings = [[0.5], [0.25]] }"));
  EXPECT_EQ(changed.market.innovation.kind, InnovationKind::gaussian);
  EXPECT_EQ(changed.market.variance.kind, VarianceKind::heston);  // and no bar of the other kind is left to complain of
  EXPECT_EQ(changed.market.factors[1][0], 0.25);
  EXPECT_TRUE(changed.market.correlation.empty());
  EXPECT_EQ(changed.stress.volatility, 2.0);
  EXPECT_TRUE(changed.stress.shocks.empty());
  const Scenario back = with("fit/factors.toml", scenario(""));
  EXPECT_TRUE(back.market.factors.empty());
  EXPECT_EQ(back.market.correlation[0][1], 0.8);
}

TEST_F(Folder, ColumnsMergeWhateverTheAssetsAreCalled) {
  write("crash.toml", "[stress]\nreplay = { file = \"p.csv\", start = \"random\", columns = { ETH = \"ETH-USD\" } }\n");
  write("p.csv", prices_csv(walk(48)));
  const string text =
      replaced(scenario("", "replay = { columns = { kind = \"BTC\" } }"), "name = \"BTC\"", "name = \"kind\"");
  const Scenario s = parse(replaced(text, "name = \"base\"", "name = \"base\"\ninclude = [\"crash.toml\"]"));
  EXPECT_EQ(s.stress.replay->columns, (vector<std::pair<string, string>>{{"ETH", "ETH-USD"}, {"kind", "BTC"}}));
}

}  // namespace
}  // namespace proofload
