// Sensitivities against closed forms, through scenarios as a user writes them.
//
// With Gaussian prices of volatility s, a fixed delay of d years and no failures the haircut is h = 1 - exp(-s^2 d / 2
// + s sqrt(d) z), z the normal score of 1 - confidence, and its derivatives are elementary. A difference over a finite
// bump is compared with that difference of the closed form (what is estimated), and the difference with the derivative
// (what is meant).
#include "studies/sensitivity.h"
#include "scenario/reader.h"

#include <gtest/gtest.h>

#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/support.h"

namespace proofload {
namespace {

using testing::collateral, testing::constant, testing::cpu, testing::one_asset, testing::route;

constexpr double year = 365.0 * 86400.0, hour = 3600.0;

double score(double p) { return boost::math::quantile(boost::math::normal(), p); }

/// Loss that is exceeded with probability 1 - confidence.
double haircut(double confidence, double volatility, double delay) {
  const double d = delay / year;
  return 1.0 - std::exp(-0.5 * volatility * volatility * d + volatility * std::sqrt(d) * score(1.0 - confidence));
}

constexpr double volatility = 0.8, delay = 24.0 * hour;

Scenario scenario_of(std::uint64_t paths, std::uint64_t seed, const std::string& layer = "",
                     const std::string& confidence = "[0.99]") {
  const std::string text = fmt::format("schema = 1\nname = \"s\"\n[run]\npaths = {}\nseed = {}\nconfidence = {}\n",
                                       paths, seed, confidence) +
                           one_asset(volatility) + layer +
                           route("r", constant("relay", delay), layer.empty() ? "" : "l") +
                           collateral("X@a", "X", "r", 0.1);
  return parse_scenario(text, "test.toml");
}

const Derivative& derivative(const SensitivityAnswer& answer, Sensitive parameter, std::size_t confidence = 0) {
  return *answer.parameters[static_cast<std::size_t>(parameter)].haircuts[confidence];
}

/// 4 million paths: 1 % of dh/d(volatility) is four of its standard errors, so a wrong factor (a step counted once
/// instead of twice, days for seconds) or an error of 1 % in a bump is seen. Tried with bump 0.05 read as 0.0505.
TEST(Sensitivity, OfGaussianHaircutsIsTheClosedForm) {
  const auto all = sensitivities(scenario_of(4'000'000, 1), *cpu());
  ASSERT_EQ(all.size(), 1u);
  const double h = haircut(0.99, volatility, delay), d = delay / year, z = score(0.01);
  EXPECT_NEAR(*all[0].haircut[0], h, 1e-4);
  const Derivative& by_volatility = derivative(all[0], Sensitive::volatility);
  const double truth = -(1.0 - h) * (-volatility * d + std::sqrt(d) * z);
  EXPECT_NEAR(by_volatility.slope, truth, 4.5 * by_volatility.error + 1e-3 * truth);  // a curvature of 0.1 % at most
  EXPECT_LT(by_volatility.error, 0.005 * truth);
  EXPECT_NEAR(*by_volatility.elasticity, truth * volatility / h, 4.5 * *by_volatility.elasticity_error + 1e-3);
  const Derivative& by_delay = derivative(all[0], Sensitive::delay);
  const double per_second =
      -(1.0 - h) * (-0.5 * volatility * volatility + volatility * z / (2.0 * std::sqrt(d))) / year;
  EXPECT_NEAR(by_delay.slope, per_second, 4.5 * by_delay.error + 1e-3 * per_second);
  EXPECT_LT(by_delay.error, 0.01 * per_second);
  EXPECT_NEAR(*all[0].parameters[0].value, volatility, 1e-12);
  EXPECT_NEAR(*all[0].parameters[1].value, delay, 1e-9);
  for (const auto parameter : {Sensitive::hazard, Sensitive::exposure, Sensitive::severity})
    EXPECT_FALSE(all[0].parameters[static_cast<std::size_t>(parameter)].value) << "there is no layer";
}

/// Intervals at 95 % over 150 seeds: the difference of the closed form lies in 142.5 of them on average, in 132 or
/// fewer with a probability of 0.1 % (binomial), were they exact. A standard error of half its size covers in 72 %, 108
/// on average; one without the jackknife's factor (ranges - 1), in 25 %. Tried with both.
TEST(Sensitivity, IntervalsContainTheTruth) {
  constexpr int seeds = 150;
  const double up = haircut(0.99, 1.05 * volatility, delay), down = haircut(0.99, 0.95 * volatility, delay);
  const double truth = (up - down) / (0.1 * volatility);
  const auto backend = cpu(1);  // a tally per thread costs more than these paths
  SensitivityOptions options;
  options.ranges = 8;
  int covered = 0;
  for (int seed = 1; seed <= seeds; ++seed) {
    const auto all = sensitivities(scenario_of(50'000, static_cast<std::uint64_t>(seed)), *backend, options);
    const Derivative& d = derivative(all[0], Sensitive::volatility);
    covered += d.low <= truth && truth <= d.high ? 1 : 0;
  }
  RecordProperty("covered", covered);
  EXPECT_GT(covered, 132);
}

constexpr double hazard = 20.0, exposure = 14.0 * 24.0 * hour, recovery = 0.6;

std::string layer_text(const std::string& law = "{ kind = \"constant\", value = 0.6 }") {
  return fmt::format("[layers.l]\nhazard = {}\nexposure = {}\nrecovery = {}\n", hazard, testing::seconds(exposure),
                     law);
}

/// P(failure) = 1 - exp(-hazard * exposure), exposure longer than the delay. Both derivatives to 1 %: an exposure that
/// would be moved with the hazard, or a step of one bump instead of two, doubles or halves them.
TEST(Sensitivity, OfFailureProbabilitiesIsTheClosedForm) {
  const auto all = sensitivities(scenario_of(2'000'000, 3, layer_text()), *cpu());
  const auto p = [](double h, double e) { return 1.0 - std::exp(-h * e / year); };
  const auto& by_hazard = all[0].parameters[static_cast<std::size_t>(Sensitive::hazard)];
  const auto& by_exposure = all[0].parameters[static_cast<std::size_t>(Sensitive::exposure)];
  ASSERT_TRUE(by_hazard.p_failure && by_exposure.p_failure);
  EXPECT_DOUBLE_EQ(*by_hazard.value, hazard);
  EXPECT_DOUBLE_EQ(*by_exposure.value, exposure);
  const double hazard_truth = (p(1.2 * hazard, exposure) - p(0.8 * hazard, exposure)) / (0.4 * hazard);
  const double exposure_truth = (p(hazard, 1.05 * exposure) - p(hazard, 0.95 * exposure)) / (0.1 * exposure);
  EXPECT_NEAR(hazard_truth, exposure / year * (1.0 - p(hazard, exposure)), 0.01 * hazard_truth);
  EXPECT_NEAR(by_hazard.p_failure->slope, hazard_truth, 4.5 * by_hazard.p_failure->error);
  EXPECT_NEAR(by_exposure.p_failure->slope, exposure_truth, 4.5 * by_exposure.p_failure->error);
  EXPECT_LT(by_hazard.p_failure->error, 0.01 * hazard_truth);
  EXPECT_LT(by_exposure.p_failure->error, 0.01 * exposure_truth);
  EXPECT_GT(by_hazard.p_failure->error, 1e-4 * hazard_truth);
  const auto& by_volatility = all[0].parameters[static_cast<std::size_t>(Sensitive::volatility)];
  EXPECT_EQ(by_volatility.p_failure->slope, 0.0) << "common random numbers: no path fails for another volatility";
}

/// Beyond the cliff every loss that matters is one of a failed path: 1 - h = recovery * q, q the price at which
/// P(failed and below) is 1 - confidence. So dh / d(severity) is q, whatever the bump; a recovery that moved by the
/// bump of itself instead of that of the severity would give 1.5 times as much. Laws that spread around the same mean
/// move by the same mean.
TEST(Sensitivity, OfSeverityIsThePriceBeyondTheCliff) {
  const double p = 1.0 - std::exp(-hazard * exposure / year), d = delay / year;
  const double q = std::exp(-0.5 * volatility * volatility * d + volatility * std::sqrt(d) * score(0.01 / p));
  for (const std::string law :
       {"{ kind = \"constant\", value = 0.6 }",
        "{ kind = \"mixture\", of = [ { weight = 1.0, kind = \"constant\", value = 0.6 } ] }"}) {
    const auto all = sensitivities(scenario_of(2'000'000, 4, layer_text(law)), *cpu());
    const auto& severity = all[0].parameters[static_cast<std::size_t>(Sensitive::severity)];
    ASSERT_TRUE(severity.value);
    EXPECT_NEAR(*severity.value, 1.0 - recovery, 1e-12);
    const Derivative& derivative = *severity.haircuts[0];
    EXPECT_NEAR(*all[0].haircut[0], 1.0 - recovery * q, 2e-3);
    EXPECT_NEAR(derivative.slope, q, 4.5 * derivative.error);
    EXPECT_LT(derivative.error, 0.01);
  }
}

/// At a confidence of 1 - 0.9 p a failure (probability p) is in the tail at the hazard and above it, and in the lower
/// half of +-20 % no more: the haircut jumps there from the loss in a failure to that of the price, and the mean slope
/// of the whole difference is no derivative. Halves of a smooth figure agree (planted error: a half divided by the
/// whole difference).
TEST(Sensitivity, SaysWhereAHaircutJumps) {
  const double p = 1.0 - std::exp(-1.0 * exposure / year);
  const std::string layer =
      fmt::format("[layers.l]\nhazard = 1.0\nexposure = {}\nrecovery = {{ kind = \"constant\", value = 0.6 }}\n",
                  testing::seconds(exposure));
  const auto s = scenario_of(400'000, 8, layer, fmt::format("[0.7, {:.6f}]", 1.0 - 0.9 * p));
  const auto all = sensitivities(s, *cpu());
  const Derivative &jump = derivative(all[0], Sensitive::hazard, 1), &smooth = derivative(all[0], Sensitive::hazard, 0);
  EXPECT_TRUE(jump.bent);
  EXPECT_GT(*jump.below, 5.0 * std::abs(*jump.above));
  EXPECT_NEAR(0.5 * (*jump.below + *jump.above), jump.slope, 1e-9 * jump.slope);
  EXPECT_FALSE(smooth.bent);
  for (const Sensitive parameter : {Sensitive::volatility, Sensitive::delay}) {
    const Derivative& d = derivative(all[0], parameter, 0);
    EXPECT_FALSE(d.bent);
    EXPECT_NEAR(*d.below, d.slope, 0.2 * d.slope);
    EXPECT_NEAR(*d.above, d.slope, 0.2 * d.slope);
  }
  EXPECT_FALSE(derivative(all[0], Sensitive::severity, 1).below);
  const std::string table = sensitivity_table(s, all, {});
  EXPECT_NE(table.find("~"), std::string::npos);
  EXPECT_NE(table.find("bends or jumps within the difference"), std::string::npos);
  const auto quiet = scenario_of(40'000, 8);
  EXPECT_EQ(sensitivity_table(quiet, sensitivities(quiet, *cpu()), {}).find("bends"), std::string::npos);
}

/// What is lost in the mean is what neither the recovery nor the bond gives back.
TEST(Sensitivity, OfSeverityKnowsTheBond) {
  for (const auto& [law, lost] :
       {std::pair<std::string, double>{"{ kind = \"constant\", value = 0.5 }", 0.3},
        {"{ kind = \"mixture\", of = [ { weight = 0.5, kind = \"constant\", value = 0.9 }, { weight = 0.5, kind = "
         "\"uniform\", min = 0.0, max = 0.4 } ] }",
         0.5 * 0.6}}) {
    const auto all = sensitivities(scenario_of(400'000, 6, layer_text(law) + "bond = 2e6\nsecured = 1e7\n"), *cpu());
    const auto& severity = all[0].parameters[static_cast<std::size_t>(Sensitive::severity)];
    ASSERT_TRUE(severity.value) << law;
    EXPECT_NEAR(*severity.value, lost, 1e-5) << law;
  }
}

/// Laws that are narrow around the constant: as for that, up to their width. A law that were not moved would give 0,
/// one whose mean moved by another amount than what the derivative is divided by (its own bump, 0.6 for 0.4) 1.4.
TEST(Sensitivity, MovesEveryRecoveryLaw) {
  for (const std::string law :
       {"{ kind = \"uniform\", min = 0.55, max = 0.65 }", "{ kind = \"beta\", mean = 0.6, stdev = 0.01 }",
        "{ kind = \"empirical\", quantiles = [ [0.0, 0.55], [1.0, 0.65] ] }"}) {
    const auto all = sensitivities(scenario_of(1'000'000, 5, layer_text(law)), *cpu());
    const auto& severity = all[0].parameters[static_cast<std::size_t>(Sensitive::severity)];
    ASSERT_TRUE(severity.value) << law;
    EXPECT_NEAR(*severity.value, 0.4, 1e-9) << law;
    // q is 0.916. Of a spread law the least recoveries matter, and those at the end of these move by up to 0.45 / 0.4
    // times the mean.
    EXPECT_GT(severity.haircuts[0]->slope, 0.90) << law;
    EXPECT_LT(severity.haircuts[0]->slope, 1.05) << law;
  }
}

TEST(Sensitivity, IsAbsentWhereItCannotBeSeen) {
  const auto all = sensitivities(scenario_of(10'000, 6, "", "[0.99, 0.99999]"), *cpu());
  EXPECT_TRUE(all[0].haircut[0]);
  EXPECT_TRUE(all[0].parameters[0].haircuts[0]);
  EXPECT_FALSE(all[0].haircut[1]) << "a tenth of a path lies beyond";
  EXPECT_FALSE(all[0].parameters[0].haircuts[1]);
  const auto refused = [](std::uint64_t paths, SensitivityOptions options) {
    try {
      sensitivities(scenario_of(paths, 1), *cpu(), options);
    } catch (const Error&) { return true; }
    return false;
  };
  EXPECT_TRUE(refused(15, {}));
  EXPECT_TRUE(refused(1000, {0.0}));
  EXPECT_TRUE(refused(1000, {std::nan("")}));
  EXPECT_TRUE(refused(1000, {0.05, 1.0}));
  EXPECT_TRUE(refused(1000, {0.05, 0.2, 1}));
  EXPECT_FALSE(refused(1000, {}));
}

TEST(Sensitivity, IsShownWithEveryFigure) {
  const Scenario s = scenario_of(100'000, 7, layer_text(), "[0.9, 0.99]");
  const auto all = sensitivities(s, *cpu());
  const auto json = sensitivity_json(s, all, {});
  const auto& hazard_json = json["collateral"][0]["parameters"]["hazard"];
  EXPECT_EQ(hazard_json["value"], hazard);
  EXPECT_EQ(hazard_json["haircuts"][1]["derivative"]["slope"], derivative(all[0], Sensitive::hazard, 1).slope);
  EXPECT_EQ(hazard_json["p_failure"]["standard_error"], all[0].parameters[2].p_failure->error);
  const std::string table = sensitivity_table(s, all, {});
  EXPECT_NE(table.find("X@a"), std::string::npos);
  EXPECT_NE(table.find("99 %"), std::string::npos);
}

/// Three rows a loading, the last of which is the scenario itself; those of a scenario without loadings are an example.
TEST(Sensitivity, VariesEveryLoadingThatIsSet) {
  Scenario s = scenario_of(20'000, 8, layer_text());
  s.systemic.delays = 0.4;
  s.systemic.hazards = 0.6;
  const auto given = systemic_sensitivities(s, *cpu());
  EXPECT_FALSE(given.assumed);
  ASSERT_EQ(given.rows.size(), 9u);
  EXPECT_EQ(given.rows[0].loading, "delays");
  EXPECT_EQ(given.rows[3].loading, "hazards");
  EXPECT_EQ(given.rows[6].loading, "all");
  const auto value = [](const LoadingAnswer& row) { return *row.collateral[0].haircuts[0].value; };
  s.systemic.delays = 0.2;
  EXPECT_EQ(value(given.rows[1]), *answer(run_scenario(s, *cpu())).collateral[0].haircuts[0].value);
  s.systemic = {};
  EXPECT_EQ(value(given.rows[6]), *answer(run_scenario(s, *cpu())).collateral[0].haircuts[0].value);
  const auto example = systemic_sensitivities(s, *cpu());
  EXPECT_TRUE(example.assumed);
  EXPECT_EQ(example.rows.size(), 18u);
  EXPECT_EQ(value(example.rows[0]), value(given.rows[6])) << "none of anything";
  EXPECT_EQ(systemic_json(s, example)["rows"].size(), 18u);
  EXPECT_NE(systemic_table(s, example).find("outages"), std::string::npos);
}

}  // namespace
}  // namespace proofload
