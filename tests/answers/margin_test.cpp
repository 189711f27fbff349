// Margins, exposure caps, risk rates and capital efficiency against closed forms: on counts that a test chooses, and on
// small runs.
#include "answers/margin.h"
#include "scenario/reader.h"

#include <boost/math/distributions/chi_squared.hpp>

#include <gtest/gtest.h>

#include "answers/compare.h"
#include "plan/compile.h"
#include "tests/answers/made_results.h"
#include "tests/model/checks.h"

namespace proofload {
namespace {

using namespace testing;

// ---- formulas -------------------------------------------------------------------------------------------------------

TEST(RequiredMargin, IsWhatTheHaircutLeavesForTheLiability) {
  MarginSpec margin;
  EXPECT_FALSE(required_margin(margin, 0.2)) << "no liability";
  margin.liability = 850'000.0;
  margin.liquidation_threshold = 0.85;
  EXPECT_DOUBLE_EQ(*required_margin(margin, 0.2), 1'250'000.0);
  EXPECT_DOUBLE_EQ(*required_margin(margin, -0.25), 800'000.0) << "a token that gains needs less";
  EXPECT_FALSE(required_margin(margin, 1.0)) << "no margin is enough";
  EXPECT_FALSE(required_margin(margin, std::nullopt));
}

/// Its definition is P(Lambda C Y < V) = 1 - confidence for log-normal Y.
TEST(RequiredMargin, InClosedFormFallsShortAsOftenAsItMay) {
  Scenario s = parse_scenario(two_collaterals, "made.toml");
  s.market.assets[0].drift = -0.3;
  s.margin.liability = 1e6;
  s.margin.liquidation_threshold = 0.85;
  s.stress.volatility = 1.5;
  s.stress.drift = 0.1;
  const double t = 5.0 / 8760.0, sigma = 0.8 * 1.5, mu = -0.3 + 0.1;
  for (const double confidence : {0.5, 0.99, 0.9999}) {
    const double c = *closed_form_margin(s, "ETH", 5.0 * hour, confidence);
    const double score = (std::log(1e6 / (0.85 * c)) - (mu - 0.5 * sigma * sigma) * t) / (sigma * std::sqrt(t));
    EXPECT_NEAR(normal(score) / (1.0 - confidence), 1.0, 1e-9);
  }
  s.stress.replay.emplace();
  EXPECT_FALSE(closed_form_margin(s, "ETH", hour, 0.99)) << "recorded prices have no volatility";
}

TEST(Hazards, AreSumsOfWhatALayerFailsFrom) {
  Scenario s = parse_scenario(two_collaterals, "made.toml");
  LayerSpec layer = s.layers[0];
  EXPECT_DOUBLE_EQ(layer_hazard(s, layer), 0.05);
  layer.common_hazard = 0.01;
  layer.verifier_hazard = 0.02;
  EXPECT_DOUBLE_EQ(layer_hazard(s, layer), 0.05) << "of no network, and no verifier set";
  layer.network = "n";
  layer.verifiers = "v";
  EXPECT_DOUBLE_EQ(layer_hazard(s, layer), 0.08);
  layer.secured = 8e8;
  EXPECT_EQ(corruption_factor(layer), 1.0) << "its cost is not known";
  layer.corruption_cost = 2e8;
  layer.corruption_exponent = 1.5;
  EXPECT_DOUBLE_EQ(corruption_factor(layer), 8.0);
  s.stress.hazards = 3.0;
  EXPECT_DOUBLE_EQ(layer_hazard(s, layer), 3.0 * (0.05 * 8.0 + 0.03))
      << "the own hazard alone grows with what is secured";
  layer.secured = 1e8;
  EXPECT_EQ(corruption_factor(layer), 1.0) << "not worth it: never less";
}

TEST(Wrapped, IsTheSameAssetWithoutAMessage) {
  const auto scenario = [](const std::string& fast, const std::string& slow, const char* mechanism = "") {
    Scenario s = parse_scenario("schema = 1\nname = \"w\"\n[run]\npaths = 1\n" + one_asset(0.5) +
                                    "[layers.one]\nhazard = 0.1\nexposure = \"1h\"\n" + route("fast", fast, "one") +
                                    route("slow", slow, "one") + collateral("native", "X", "slow", 0.1) +
                                    collateral("token", "X", "fast", 0.1),
                                "w.toml");
    s.routes[0].mechanism = mechanism;
    return s;
  };
  using Found = std::optional<std::size_t>;
  const Scenario by_delay = scenario(constant("relay", 0.0), exponential("relay", 60.0));
  EXPECT_EQ(wrapped_alternative(by_delay, 0), Found(1));
  EXPECT_EQ(wrapped_alternative(by_delay, 1), Found()) << "it is the wrapped one";
  const Scenario by_name = scenario(exponential("relay", 5.0), exponential("relay", 60.0), "wrapped");
  EXPECT_EQ(wrapped_alternative(by_name, 0), Found(1));
  EXPECT_EQ(wrapped_alternative(by_name, 1), Found());
  EXPECT_EQ(wrapped_alternative(scenario(exponential("relay", 5.0), exponential("relay", 60.0)), 0), Found());
  Scenario another = by_delay;
  another.market.assets.push_back({"Y", 1.0, 0.5, 0.0});
  another.collateral[1].asset = "Y";
  EXPECT_EQ(wrapped_alternative(another, 0), Found()) << "of another asset";
  Scenario bare = by_delay;
  bare.routes[0].layer.clear();
  EXPECT_EQ(wrapped_alternative(bare, 0), Found()) << "nothing to rely on: it is not wrapped";
}

TEST(FixedDelay, IsTheSumOfConstantStages) {
  Scenario s = parse_scenario(two_collaterals, "made.toml");
  EXPECT_FALSE(fixed_delay(s, s.routes[0]));
  RouteSpec route = s.routes[0];
  route.stages.assign(2, route.stages[0]);
  for (auto& stage : route.stages) {
    stage.law.kind = LawKind::constant;
    stage.law.value = 90.0;
  }
  s.stress.delays = 2.0;
  EXPECT_EQ(fixed_delay(s, route), 360.0);
  route.stages[0].trigger = TriggerSpec{3600.0, 0.005};
  EXPECT_FALSE(fixed_delay(s, route)) << "the price decides when its oracle notices";
}

// ---- counts ---------------------------------------------------------------------------------------------------------

/// Paths of the first collateral of `two_collaterals` (haircut 10 %, hazard 0.05 a year), counted and kept.
struct Paths {
  Results r;
  std::vector<double> spared, struck;  ///< shortfalls against the policy; of failed paths
  explicit Paths(double calls_per_year = 4.0) : r(made_results()) {
    r.scenario.margin.calls_per_year = calls_per_year;
    r.scenario.margin.risk_free = 0.03;
  }
  static double shortfall(double loss) {
    const int b = static_cast<int>(bin_of(loss));
    const double middle = b == loss_bins - 1 ? 1.0 : 0.5 * (loss_edge(b) + loss_edge(b + 1));
    return std::max(0.0, middle - 0.10);
  }
  void add(double loss, std::optional<double> after = {}) {
    count_losses(r.tally, 0, loss, 1, after);
    const TallyLayout& at = r.tally.layout;
    const auto sum = [&](std::size_t to, double x) {
      r.tally.sums[to] += static_cast<std::uint64_t>(std::llround(x / shortfall_unit));
    };
    spared.push_back(shortfall(loss));
    sum(at.shortfall_spared(0), spared.back());
    if (!after) return;
    struck.push_back(shortfall(*after));
    sum(at.shortfall_struck(0), struck.back());
  }
  RiskRate rate(std::uint64_t paths) {
    seal(r, paths);
    return *answer(r).collateral[0].risk_rate;
  }
};

double mean_of(const std::vector<double>& x, double n) {
  double sum = 0.0;
  for (const double v : x) sum += v;
  return sum / n;
}
double variance_of(const std::vector<double>& x, double n) {
  double sum = 0.0;
  const double mean = mean_of(x, n);
  for (const double v : x) sum += v * v;
  return sum / n - mean * mean;
}

TEST(RiskRate, IsThatOfTheSamples) {
  Paths paths;
  std::uint64_t state = 5;
  const auto uniform = [&] {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(state >> 11) * 0x1p-53;
  };
  const std::uint64_t n = 20'000;
  std::vector<double> before;  // shortfalls of failed paths without the failure
  for (std::uint64_t i = 0; i < n; ++i) {
    const double loss = 0.15 * uniform();
    const bool fails = uniform() < 0.02;
    paths.add(loss, fails ? std::optional(uniform()) : std::nullopt);
    if (fails) before.push_back(Paths::shortfall(loss));
  }
  const double hits = static_cast<double>(paths.struck.size()), N = static_cast<double>(n);
  const RiskRate rate = paths.rate(n);
  EXPECT_EQ(rate.hazard, 0.05);
  EXPECT_EQ(rate.risk_free, 0.03);
  const double calls = 4.0 * mean_of(paths.spared, N) / 0.9, failures = 0.05 * mean_of(paths.struck, hits) / 0.9;
  const double calls_error = 4.0 / 0.9 * std::sqrt(variance_of(paths.spared, N) / N);
  const double failures_error = 0.05 / 0.9 * std::sqrt(variance_of(paths.struck, hits) / hits);
  EXPECT_NEAR(rate.calls, calls, 1e-6 * calls) << "sums are exact to 2^-25 a path";
  EXPECT_NEAR(*rate.failures, failures, 1e-6 * failures);
  EXPECT_NEAR(*rate.calls_error, calls_error, 1e-9 * calls_error);
  EXPECT_NEAR(*rate.failures_error, failures_error, 1e-9 * failures_error);
  EXPECT_NEAR(*rate.value, 0.03 + calls + failures, 1e-7);
  const double common =
      2.0 * 4.0 * 0.05 / 0.81 * std::sqrt(variance_of(before, hits) * variance_of(paths.struck, hits)) / N;
  EXPECT_NEAR(*rate.error, std::sqrt(calls_error * calls_error + failures_error * failures_error + common), 1e-12);
  // The interval: gamma limits of what calls cost (Fay and Feuer, by chi-square), Student's of what failures do.
  const auto chi = [](double dof, double p) { return boost::math::quantile(boost::math::chi_squared(dof), p); };
  double y = 0.0, v = 0.0, top = 0.0;
  for (const double x : paths.spared) y += x, v += x * x, top = std::max(top, x);
  const double w = 1.5 * top, unit = 4.0 / 0.9 / N;
  const double below = unit * (y - v / (2.0 * y) * chi(2.0 * y * y / v, 0.025));
  const double above = unit * ((v + w * w) / (2.0 * (y + w)) * chi(2.0 * (y + w) * (y + w) / (v + w * w), 0.975) - y);
  const double student = boost::math::quantile(boost::math::students_t(hits - 1.0), 0.975) * failures_error;
  const double both = 1.959963984540054 * 1.959963984540054 * common;
  EXPECT_NEAR(rate.low, *rate.value - std::sqrt(below * below + student * student + both), 1e-9);
  EXPECT_NEAR(rate.high, *rate.value + std::sqrt(above * above + student * student + both), 1e-9);
}

TEST(RiskRate, SaysWhatCannotBeHad) {
  {
    Paths none;  // no path failed, none fell short
    const RiskRate rate = none.rate(10'000);
    EXPECT_EQ(rate.calls, 0.0);
    EXPECT_FALSE(rate.calls_error || rate.failures || rate.failures_error || rate.value || rate.error);
    EXPECT_EQ(rate.low, 0.03);
    EXPECT_NEAR(rate.high, 0.03 + 4.0 * 3.6889 / 10'000 + 0.05, 1e-7) << "all that is possible, 3.69 times";
  }
  {
    Paths some;  // nine of each: a mean, but no error of it
    for (int i = 0; i < 9; ++i) some.add(0.2, 0.55);
    const RiskRate rate = some.rate(10'000);
    EXPECT_FALSE(rate.calls_error || rate.failures_error || rate.error);
    EXPECT_NEAR(rate.calls, 4.0 * 9e-4 * 0.1 / 0.9, 1e-6);
    EXPECT_NEAR(*rate.failures, 0.05 * 0.5, 1e-5);
    EXPECT_NEAR(*rate.value, 0.03 + rate.calls + *rate.failures, 1e-15);
    EXPECT_NEAR(rate.low, 0.03 + 4.0 / 0.9 * 0.1 * 4.115 / 10'000, 1e-7) << "Garwood's lower limit of 9, no failures";
    // No more than everything is lost in calls, no more often than the upper limit of nine says; and not less than that
    // often what those nine lost.
    const double often = 4.0 * proportion(9, 10'000, 0.95).high;
    EXPECT_LT(rate.high, 0.03 + often + 0.05);
    EXPECT_GT(rate.high, 0.03 + often * 0.1 / 0.9 + 0.05);
  }
  Paths uncalled(0.0);
  seal(uncalled.r, 1000);
  EXPECT_FALSE(answer(uncalled.r).collateral[0].risk_rate) << "nobody said how often there are calls";
  Paths asked;
  seal(asked.r, 1000);
  EXPECT_FALSE(answer(asked.r).collateral[1].risk_rate) << "it has no policy haircut";
}

TEST(RiskRate, IsComparedWhereBothHaveOne) {
  const auto with = [](int short_of, double calls_per_year) {
    Paths paths(calls_per_year);
    for (int i = 0; i < 1000; ++i) paths.add(0.01, 0.55);
    for (int i = 0; i < short_of; ++i) paths.add(0.3);
    seal(paths.r, 100'000);
    return paths.r;
  };
  const auto differences = [&](int other, double calls_per_year) {
    std::vector<Difference> found;
    for (const auto& d : compare({with(100, 4.0), with(other, calls_per_year)}, {"a", "b"}).differences) {
      if (d.figure == "risk_rate") found.push_back(d);
    }
    return found;
  };
  ASSERT_EQ(differences(400, 4.0).size(), 1u) << "the second collateral has no policy haircut";
  const Difference d = differences(400, 4.0)[0];
  EXPECT_NEAR(d.difference, 4.0 * 300 * 0.2 / 0.9 / 100'000, 1e-6);
  EXPECT_TRUE(d.significant);
  EXPECT_FALSE(differences(110, 4.0)[0].significant) << "ten more of a hundred are within one error";
  EXPECT_TRUE(differences(400, 0.0).empty());
}

TEST(RiskRate, NeedsNoFailureOfALayerThatCannotFail) {
  Paths paths;
  paths.r.scenario.stress.hazards = 0.0;
  for (int i = 0; i < 50; ++i) paths.add(0.2);
  const RiskRate rate = paths.rate(10'000);
  EXPECT_EQ(rate.failures, 0.0);
  EXPECT_EQ(rate.failures_error, 0.0);
  EXPECT_EQ(*rate.error, *rate.calls_error);
}

TEST(ExposureCap, IsTheBudgetOverTheExpectedLoss) {
  Results r = made_results();
  count_losses(r.tally, 0, 0.0, 40, 0.50);
  seal(r, 10'000);
  const auto first = [&] { return answer(r).collateral[0]; };
  EXPECT_FALSE(first().exposure_cap || first().exposure_cap_low || first().exposure_cap_high) << "no budget";
  EXPECT_NEAR(*first().exposure_cap_per_loss_budget, 1.0 / (0.004 * 0.500005), 1e-9);
  r.scenario.margin.loss_budget = 1000.0;
  const CollateralAnswer a = first();
  const Estimate p = proportion(40, 10'000, 0.95);
  EXPECT_NEAR(*a.exposure_cap, 1000.0 / (0.004 * 0.500005), 1e-6);
  // 40 failures of a half each, and one more may cost everything (Fay and Feuer, by chi-square).
  const auto chi = [](double dof, double q) { return boost::math::quantile(boost::math::chi_squared(dof), q); };
  const double each = 0.500005, first_sum = 40.0 * each + 1.0, second_sum = 40.0 * each * each + 1.0;
  EXPECT_NEAR(*a.exposure_cap_high, 1e7 / (0.5 * each * chi(80.0, 0.025)), 1.0);
  EXPECT_NEAR(*a.exposure_cap_low,
              1e7 / (0.5 * second_sum / first_sum * chi(2.0 * first_sum * first_sum / second_sum, 0.975)), 1.0);
  EXPECT_LT(*a.exposure_cap_low, 1000.0 / (p.high * 0.5)) << "the probability alone is not known better";
  EXPECT_GT(*a.exposure_cap_high, 1000.0 / (p.estimate * 0.5));
  EXPECT_EQ(*a.highest_priced_confidence, 1.0 - p.high);
  EXPECT_FALSE(answer(r).collateral[1].highest_priced_confidence) << "its layer cannot fail";

  // Failures that gain as often as they lose: the estimate, of what is lost on balance, is within its interval, or has
  // no upper end. (Planted error: ends of the losses alone.)
  Results paid_back = made_results();
  count_losses(paid_back.tally, 0, 0.0, 500, 0.05);
  count_losses(paid_back.tally, 0, 0.0, 500, -0.04);
  seal(paid_back, 100'000);
  const CollateralAnswer back = answer(paid_back).collateral[0];
  EXPECT_NEAR(*back.loss_given_failure, 0.005, 5e-4);  // bins of gains are wide
  EXPECT_LT(*back.loss_given_failure_low, *back.loss_given_failure - 0.002);
  EXPECT_GT(*back.loss_given_failure_high, *back.loss_given_failure + 0.002);
  EXPECT_LT(*back.exposure_cap_per_loss_budget_low, *back.exposure_cap_per_loss_budget);
  EXPECT_FALSE(back.exposure_cap_per_loss_budget_high);

  Results rare = made_results();
  rare.scenario.margin.loss_budget = 1000.0;
  count_losses(rare.tally, 0, 0.0, 3, 0.50);
  seal(rare, 10'000);
  const CollateralAnswer b = answer(rare).collateral[0];
  EXPECT_NEAR(*b.exposure_cap, 1000.0 / (0.0003 * 0.500005), 1e-6);
  // Garwood's lower limit of 3 events is 0.6187.
  EXPECT_NEAR(*b.exposure_cap_high, 1e7 / (0.6187 * each), 3e3);
  EXPECT_GE(*b.exposure_cap_low, 1000.0 / proportion(3, 10'000, 0.95).high) << "at most everything is lost";
  EXPECT_LE(*b.exposure_cap_low, 1000.0 / proportion(3, 10'000, 0.95).high / 0.5) << "at least what was";

  Results never = made_results();
  never.scenario.margin.loss_budget = 1000.0;
  seal(never, 10'000);
  const CollateralAnswer c = answer(never).collateral[0];
  EXPECT_FALSE(c.exposure_cap || c.exposure_cap_high);
  EXPECT_DOUBLE_EQ(*c.exposure_cap_low, 1000.0 / proportion(0, 10'000, 0.95).high);
}

TEST(Efficiency, ComparesWhatIsLeft) {
  Results r = made_results();
  r.scenario.routes[1].mechanism = "wrapped";
  r.scenario.margin.liability = 1e6;
  const TallyLayout at = r.tally.layout;
  count_losses(r.tally, 0, 0.25, 500);
  count_losses(r.tally, 1, 0.50, 500);
  r.tally.counts[at.price(r.compiled.reading_of[0]) + bin_of(0.0625)] += 500;
  seal(r, 1000);
  const Answers all = answer(r);
  const HaircutAnswer h = all.collateral[0].haircuts[1], w = all.collateral[1].haircuts[1];
  EXPECT_NEAR(*h.efficiency, 0.75 / 0.9375, 2e-5);
  EXPECT_NEAR(*h.efficiency_wrapped, 0.75 / 0.50, 5e-5);
  EXPECT_EQ(all.collateral[0].wrapped, "ETH@base");
  EXPECT_FALSE(all.collateral[1].wrapped || w.efficiency_wrapped);
  EXPECT_DOUBLE_EQ(*h.margin, 1e6 / (1.0 - *h.value));
  EXPECT_DOUBLE_EQ(*h.margin_low, 1e6 / (1.0 - *h.low));
  EXPECT_DOUBLE_EQ(*h.margin_high, 1e6 / (1.0 - *h.high));
  EXPECT_EQ(h.margin_closed_form, closed_form_margin(r.scenario, "ETH", *all.routes[0].p50, 0.99));
}

TEST(Stages, HaveTheQuantilesOfTheirLaws) {
  std::string text = two_collaterals;
  text += "[stress]\ndelays = 3.0\n";
  Results r = made_results(text);
  seal(r, 1000);
  const Answers all = answer(r);
  ASSERT_EQ(all.routes[0].stages.size(), 1u);
  const StageAnswer& relay = all.routes[0].stages[0];
  EXPECT_EQ(relay.name, "relay");
  EXPECT_EQ(relay.scope, "route");
  EXPECT_NEAR(relay.p50, 3.0 * 600.0 * std::log(2.0), 1e-9);
  EXPECT_NEAR(relay.p90, 3.0 * 600.0 * std::log(10.0), 1e-9);
  EXPECT_NEAR(relay.p99, 3.0 * 600.0 * std::log(100.0), 1e-9);
  EXPECT_NEAR(relay.p999, 3.0 * 600.0 * std::log(1000.0), 1e-8);
  EXPECT_FALSE(relay.trigger);
  const StageAnswer& finality = all.routes[1].stages[0];
  EXPECT_EQ(finality.scope, "liability_chain");
  EXPECT_NEAR(finality.p50, 3.0 * 900.0, 1e-9);
  EXPECT_NEAR(finality.p99, 3.0 * (600.0 + 0.99 * 600.0), 1e-9);
}

TEST(Outages, AreUnderWayAsOftenAsTheyLast) {
  Results r = made_results();
  seal(r, 1000);
  EXPECT_TRUE(answer(r).outages.empty());
  LawSpec hours;
  hours.kind = LawKind::exponential;
  hours.mean = 876.0 * hour;  // a tenth of a year
  ChainSpec chain;
  chain.name = "arbitrum";
  chain.outages = {{"sequencer", 2.5, hours}};
  ChainSpec unused = chain;
  unused.name = "elsewhere";
  r.scenario.chains = {chain, unused};
  r.scenario.layers[0].outages = {{"pause", 10.0, hours}};
  const auto outages = [&] { return answer(r).outages; };
  ASSERT_EQ(outages().size(), 2u) << "a chain that no route goes over holds nothing up";
  EXPECT_EQ(outages()[0].owner, "arbitrum");
  EXPECT_NEAR(outages()[0].under_way, 0.25 / 1.25, 1e-12);
  EXPECT_NEAR(outages()[0].p50, hours.mean * std::log(2.0), 1e-6);
  EXPECT_NEAR(outages()[0].p99, hours.mean * std::log(100.0), 1e-5);
  EXPECT_FALSE(outages()[1].chain);
  EXPECT_NEAR(outages()[1].under_way, 0.5, 1e-12);
  // Under a stress factor less often: the mean of a share that is bent, here by Gauss's rule.
  r.scenario.systemic.outages = 1.0;
  const auto loaded = [](double share) {
    return boost::math::quadrature::gauss<double, 60>::integrate(
        [=](double g) {
          const double odds = share * std::exp(g - 0.5);
          return std::exp(-0.5 * g * g) / std::sqrt(2.0 * std::numbers::pi) * odds / (1.0 + odds);
        },
        -9.0, 9.0);
  };
  EXPECT_NEAR(outages()[0].under_way, loaded(0.25), 1e-9);
  EXPECT_NEAR(outages()[1].under_way, loaded(1.0), 1e-9);
  EXPECT_LT(outages()[1].under_way, 0.45);
  r.scenario.systemic.outages = 0.0;
  r.scenario.state.running = {"one"};
  r.scenario.state.halted = {{"arbitrum", "sequencer", 60.0}};
  EXPECT_EQ(outages()[0].under_way, 1.0);
  EXPECT_EQ(outages()[1].under_way, 0.0);
}

// ---- runs -----------------------------------------------------------------------------------------------------------

constexpr double volatility = 0.8, drift = -0.3, delay = 4.0 * hour, oracle_time = 60.0, block_time = 12.0,
                 covered = 0.97, recovery = 0.7, window = 72.0 * hour, own_hazard = 4.0, network_hazard = 1.0;

/// A fixed delay on three routes: `plain` cannot fail, `risky` can, `token` is wrapped and does not wait for a message.
const Results& small_run() {
  static const Results results = [] {
    const std::string law = fmt::format("recovery = {{ kind = \"constant\", value = {} }}\n", recovery);
    Scenario s = parse_scenario(
        fmt::format("schema = 1\nname = \"margins\"\n[run]\npaths = 2_000_000\nseed = 20261124\nconfidence = [0.99, "
                    "0.999]\ninterval = {:.17g}\n",
                    level) +
            one_asset(volatility, fmt::format("drift = {}\n", drift)) +
            fmt::format("[layers.one]\nhazard = {}\nexposure = \"72h\"\nnetwork = \"n\"\ncommon_hazard = {}\n{}",
                        own_hazard, network_hazard, law) +
            route("plain", constant("oracle", oracle_time) + ", " + constant("relay", delay - oracle_time)) +
            route("risky", constant("oracle", oracle_time) + ", " + constant("relay", delay - oracle_time), "one") +
            route("token", constant("oracle", oracle_time), "one") + collateral("plain", "X", "plain", 1.0 - covered) +
            collateral("risky", "X", "risky", 1.0 - covered) + collateral("token", "X", "token", 1.0 - covered),
        "margins.toml");
    s.routes[2].mechanism = "wrapped";
    s.margin = {1e6, 0.85, 200.0, 0.04, 1e5};
    return run_scenario(s, *cpu(), {});
  }();
  return results;
}

/// 1 - exp(...) at this confidence.
double exact_haircut(double seconds, double confidence, double sigma = volatility) {
  const double t = seconds / year;
  return -std::expm1((drift - 0.5 * sigma * sigma) * t + sigma * std::sqrt(t) * normal_score(1.0 - confidence));
}

/// E[(K - S)+] of a log-normal price that was 1: a Black-Scholes put with the drift in place of the rate, not
/// discounted.
double put(double strike, double sigma = volatility) {
  const double t = delay / year, s = sigma * std::sqrt(t), d1 = (-std::log(strike) + drift * t) / s + 0.5 * s;
  return strike * normal(s - d1) - std::exp(drift * t) * normal(-d1);
}

bool holds(double low, double exact, double high) { return low <= exact && exact <= high; }

// A volatility that is off by 1 % moves the margin by four of its standard errors beyond the interval at 99 %; at 99.9
// %, 3 % do.
TEST(MarginRuns, AgreeWithTheClosedFormOfAFixedDelay) {
  const Answers all = answer(small_run());
  const CollateralAnswer& plain = all.collateral[0];
  EXPECT_EQ(all.routes[0].p50, delay);
  ASSERT_EQ(plain.haircuts.size(), 2u);
  for (const HaircutAnswer& h : plain.haircuts) {
    const auto exact = [&](double sigma) { return 1e6 / (0.85 * (1.0 - exact_haircut(delay, h.confidence, sigma))); };
    EXPECT_NEAR(*h.margin_closed_form / exact(volatility), 1.0, 1e-12);
    EXPECT_TRUE(holds(*h.margin_low, exact(volatility), *h.margin_high)) << h.confidence;
    EXPECT_TRUE(holds(*h.margin_low, *h.margin, *h.margin_high));
    const double off = h.confidence < 0.995 ? 0.01 : 0.03;
    for (const double wrong : {1.0 - off, 1.0 + off})
      EXPECT_FALSE(holds(*h.margin_low, exact(wrong * volatility), *h.margin_high)) << h.confidence;
  }
}

// The error is detected where volatility is off by 2 % (calls: 8 % of the put), and what is recovered by 0.1 %
// (failures).
TEST(RateRuns, AgreeWithPuts) {
  const Answers all = answer(small_run());
  const RiskRate plain = *all.collateral[0].risk_rate, risky = *all.collateral[1].risk_rate;
  const double score = normal_score(1.0 - 0.5 * false_alarm), paths = 2e6;
  const auto calls = [](double sigma) { return 200.0 * put(covered, sigma) / covered; };
  const auto failures = [](double rho) { return (own_hazard + network_hazard) * rho * put(covered / rho) / covered; };
  for (const RiskRate& rate : {plain, risky}) {
    ASSERT_TRUE(rate.calls_error);
    const double reach = score * *rate.calls_error;
    EXPECT_NEAR(rate.calls, calls(volatility), reach);
    EXPECT_GT(std::abs(rate.calls - calls(1.02 * volatility)), reach);
    EXPECT_GT(std::abs(rate.calls - calls(0.98 * volatility)), reach);
  }
  EXPECT_EQ(plain.hazard, 0.0);
  EXPECT_EQ(plain.failures, 0.0);
  EXPECT_TRUE(holds(plain.low, 0.04 + calls(volatility), plain.high));
  EXPECT_EQ(risky.hazard, own_hazard + network_hazard);
  const double reach = score * *risky.failures_error;
  EXPECT_NEAR(*risky.failures, failures(recovery), reach);
  EXPECT_GT(std::abs(*risky.failures - failures(1.001 * recovery)), reach);
  EXPECT_GT(std::abs(*risky.failures - failures(0.999 * recovery)), reach);
  const double exact = 0.04 + calls(volatility) + failures(recovery);
  EXPECT_TRUE(holds(risky.low, exact, risky.high));
  EXPECT_FALSE(holds(risky.low, exact + calls(1.02 * volatility) - calls(volatility), risky.high));
  EXPECT_NEAR(*risky.value, 0.04 + risky.calls + *risky.failures, 1e-15);

  // The standard error itself: the second moment of the put, by quadrature. It is of 80,000 paths: known to about 1 %.
  const double t = delay / year, sigma = volatility * std::sqrt(t), shift = (drift - 0.5 * volatility * volatility) * t;
  const double kink = (std::log(covered) - shift) / sigma;
  const auto second = [&](double z) { return z < kink ? std::pow(covered - std::exp(shift + sigma * z), 2) : 0.0; };
  const double variance = over_normal(second, kink) - std::pow(put(covered), 2);
  EXPECT_NEAR(*plain.calls_error / (200.0 / covered * std::sqrt(variance / paths)), 1.0, 0.04);
}

// Failures are independent of prices here, and hazards that are 5 % off are detected.
TEST(ExposureRuns, AgreeWithTheExactProbability) {
  const CollateralAnswer risky = answer(small_run()).collateral[1];
  const auto p = [](double hazard) { return -std::expm1(-hazard * window / year); };
  const double hazard = own_hazard + network_hazard, loss = 1.0 - recovery * std::exp(drift * delay / year);
  const auto cap = [&](double factor) { return 1e5 / (p(factor * hazard) * loss); };
  EXPECT_TRUE(holds(*risky.exposure_cap_low, cap(1.0), *risky.exposure_cap_high));
  EXPECT_TRUE(holds(*risky.exposure_cap_low, *risky.exposure_cap, *risky.exposure_cap_high));
  EXPECT_FALSE(holds(*risky.exposure_cap_low, cap(1.05), *risky.exposure_cap_high));
  EXPECT_FALSE(holds(*risky.exposure_cap_low, cap(0.95), *risky.exposure_cap_high));
  EXPECT_LT(*risky.highest_priced_confidence, 1.0 - p(hazard));
  EXPECT_GT(*risky.highest_priced_confidence, 1.0 - p(1.05 * hazard));
  EXPECT_FALSE(answer(small_run()).collateral[0].highest_priced_confidence);
  for (const HaircutAnswer& h : risky.haircuts) EXPECT_TRUE(h.beyond_cliff);
}

// Quantiles of 2 million paths have standard errors of 4.5e-5 at 99 %: a volatility that is 3 % off (1.2e-3) is
// detected.
TEST(EfficiencyRuns, CompareWithOneChainAndWithTheWrappedToken) {
  const Answers all = answer(small_run());
  const HaircutAnswer& h = all.collateral[0].haircuts[0];
  const auto exact = [](double sigma) {
    return (1.0 - exact_haircut(delay, 0.99, sigma)) / (1.0 - exact_haircut(oracle_time + block_time, 0.99, sigma));
  };
  EXPECT_NEAR(*h.efficiency, exact(volatility), 3e-4);
  EXPECT_GT(std::abs(*h.efficiency - exact(1.03 * volatility)), 3e-4);
  EXPECT_EQ(all.collateral[0].wrapped, "token");
  EXPECT_EQ(all.collateral[1].wrapped, "token");
  EXPECT_FALSE(all.collateral[2].wrapped);
  // The token's holders lose 30 % with probability 4 %: its haircut is what a quarter of failures exceed.
  const double p = -std::expm1(-(own_hazard + network_hazard) * window / year), t = oracle_time / year;
  const double token = recovery * std::exp((drift - 0.5 * volatility * volatility) * t +
                                           volatility * std::sqrt(t) * normal_score(0.01 / p));
  EXPECT_NEAR(*h.efficiency_wrapped, (1.0 - exact_haircut(delay, 0.99)) / token, 5e-4);
}

}  // namespace
}  // namespace proofload
