/// regime_reader_test.cpp -- [systemic], [uncertainty], [state] and [margin]: what is read, what is refused and why;
/// and that the effective scenario says all that a scenario can say.
#include "scenario/regime_reader.h"
#include "scenario/effective.h"
#include "scenario/reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "laws/laws.h"
#include "tests/scenario/reading.h"

namespace proofload {
namespace {

using std::string, std::vector;
using testing::expect_one, testing::Folder, testing::replaced;

/// Two assets, two chains with outages, two layers. $TABLES stands where the tables under test go, the other words
/// where the keys go that they depend on.
const char* const base = R"(schema = 1
name = "base"
[run]
paths = 1_000
horizon = "12h"
$RUN
[market]
assets = [
  { name = "ETH", price = 3000.0, volatility = 0.8 },
  { name = "BTC", price = 90000, volatility = 0.6 },
]
correlation = [[1.0, 0.8], [0.8, 1.0]]
$MARKET
[chains.arbitrum]
block_time = "250ms"
outages = [ { name = "sequencer", rate = 0.8, duration = { kind = "lognormal", median = "65m", sigma = 1.0 } } ]
[chains.base]
outages = [
  { name = "sequencer", rate = 1.2, duration = { kind = "exponential", mean = "1h" } },
  { name = "upgrade", rate = 2.0, duration = { kind = "uniform", min = "10m", max = "30m" } },
]
[layers.axelar]
hazard = 0.05
exposure = "72h"
outages = [ { name = "pause", rate = 0.2, duration = { kind = "constant", value = "48h" } } ]
[layers.wormhole]
hazard = 0.03
[routes.far]
collateral_chain = "ethereum"
liability_chain = "arbitrum"
layer = "axelar"
stages = [ { name = "relay", kind = "constant", value = "1h" } ]
[routes.near]
collateral_chain = "base"
liability_chain = "arbitrum"
layer = "wormhole"
stages = [ { name = "relay", kind = "constant", value = "1m" } ]
[[collateral]]
name = "ETH@ethereum"
asset = "ETH"
route = "far"
[[collateral]]
name = "BTC@base"
asset = "BTC"
route = "near"
$TABLES
)";

string scenario(const string& tables, const string& market = "", const string& run = "") {
  return replaced(replaced(replaced(base, "$TABLES", tables), "$MARKET", market), "$RUN", run);
}

Scenario read(const string& tables, const string& market = "", const string& run = "") {
  return parse_scenario(scenario(tables, market, run), "test.toml");
}

/// Values of a table's key that are taken, and those that are refused with an error that names it.
void expect_range(const string& table, const string& key, const vector<string>& taken, const vector<string>& refused) {
  const auto with = [&](const string& value) {
    return scenario(fmt::format("[{}]\n{} = {} # here", table, key, value));
  };
  for (const auto& value : taken)
    EXPECT_NO_THROW(parse_scenario(with(value), "test.toml")) << table << '.' << key << " = " << value;
  for (const auto& value : refused) expect_one(with(value), "# here", {fmt::format("{}.{}", table, key)});
}

// ------------------------------------------------------------------------------------------------------------ systemic

TEST(Systemic, DefaultsAreIndependenceAndCertainty) {
  for (const char* tables : {"", "[systemic]\n[state]\n[margin]"}) {
    const Scenario s = read(tables);
    EXPECT_EQ(s.systemic.delays, 0.0);
    EXPECT_EQ(s.systemic.volatility, 0.0);
    EXPECT_EQ(s.systemic.hazards, 0.0);
    EXPECT_EQ(s.systemic.outages, 0.0);
    EXPECT_TRUE(s.systemic.prices.empty());
    EXPECT_EQ(s.systemic.copula_dof, 0.0);
    EXPECT_FALSE(s.uncertainty.given);
    EXPECT_TRUE(s.state.halted.empty() && s.state.paused.empty() && s.state.running.empty());
    EXPECT_EQ(s.margin.liability, 0.0);
    EXPECT_EQ(s.margin.liquidation_threshold, 1.0);
    EXPECT_EQ(s.margin.calls_per_year, 0.0);
    EXPECT_EQ(s.margin.risk_free, 0.0);
    EXPECT_EQ(s.margin.loss_budget, 0.0);
    EXPECT_FALSE(s.run.joint_under);
  }
  EXPECT_TRUE(read("[uncertainty]").uncertainty.given);
  EXPECT_EQ(read("[uncertainty]").uncertainty.blocks, 64);
}

TEST(Systemic, ReadsEveryLoading) {
  const SystemicSpec s = read(R"([systemic]
delays = -0.25
volatility = 0.3
hazards = 1.5
outages = 2
prices = [0.3, -0.1]
copula = { kind = "student_t", dof = 4 })")
                             .systemic;
  EXPECT_EQ(s.delays, -0.25);
  EXPECT_EQ(s.volatility, 0.3);
  EXPECT_EQ(s.hazards, 1.5);
  EXPECT_EQ(s.outages, 2.0);
  EXPECT_EQ(s.prices, (vector<double>{0.3, -0.1}));
  EXPECT_EQ(s.copula_dof, 4.0);
  EXPECT_EQ(read("[systemic]\nprices = 0.3").systemic.prices, (vector<double>{0.3, 0.3}));
  EXPECT_EQ(read("[systemic]\ncopula = \"normal\"").systemic.copula_dof, 0.0);
  EXPECT_EQ(read("[systemic]\ncopula = { kind = \"normal\" }").systemic.copula_dof, 0.0);
}

TEST(Systemic, NamesTheRange) {
  expect_range("systemic", "delays", {"-0.999", "0", "0.999"}, {"1.0", "-1.0", "nan", "\"0.3\""});
  for (const char* key : {"volatility", "hazards", "outages"})
    expect_range("systemic", key, {"0", "5.0"}, {"-0.1", "5.1", "inf", "true", "[0.1]"});
  expect_range("systemic", "prices", {"0", "-0.9486", "[0.0, 0.5999]"}, {"1.0", "[0.3, -1.0]", "[0.3]", "\"0.3\""});
  expect_range("systemic", "copula", {"\"normal\"", "{ kind = \"student_t\", dof = 1 }"},
               {"\"student_t\"", "4.0", "{ dof = 4.0 }", "{ kind = \"student_t\" }", "\"clayton\"",
                "{ kind = \"student_t\", dof = 0.9 }", "{ kind = \"student_t\", dof = 1001 }", "{ kind = 3 }"});
  expect_one(scenario("[systemic]\ncopula = { kind = \"normal\", dof = 4.0 }"), "copula = ", {"unknown key \"dof\""});
  expect_one(scenario("[systemic]\ncopula = { kind = \"studnet_t\" }"), "copula = ", {"did you mean \"student_t\"?"});
}

TEST(Systemic, PricesGoWithRandomPathsOfConstantVariance) {
  const string prices = "[systemic]\nprices = 0.3";
  EXPECT_NO_THROW(read(prices, "innovation = { kind = \"student_t\", dof = 4.0 }"));
  expect_one(scenario(prices, "variance = { kind = \"heston\", mean_reversion = 4, vol_of_vol = 1, correlation = 0 }"),
             "prices = ", {"market.variance is heston", "variance = \"constant\""});
  expect_one(scenario(prices, "variance = { kind = \"gjr_garch\", bar = \"1h\", alpha = 0.1, gamma = 0, beta = 0.8 }"),
             "prices = ", {"market.variance is gjr_garch"});
  // R - b b' is a covariance up to b' R^-1 b = 1. With correlation 0.8: 2 b^2 / 1.8 for equal loadings, 2 b^2 / 0.2 for
  // opposite ones
  EXPECT_NO_THROW(read("[systemic]\nprices = 0.9486"));
  expect_one(scenario("[systemic]\nprices = 0.9487"),
             "prices = ", {"no covariance", "multiply the loadings by 0.9999"});
  expect_one(scenario("[systemic]\nprices = [0.9, -0.9]"), "prices = ", {"multiply the loadings by 0.3513"});
  // no loading: nothing that a model could be at odds with
  const Scenario none = read("[systemic]\nprices = [0.0, 0.0]",
                             "variance = { kind = \"heston\", mean_reversion = 4, vol_of_vol = 1, correlation = 0 }");
  EXPECT_TRUE(none.systemic.prices.empty());
}

/// A record in the place of the files that a replay and a bootstrap read.
TEST(Systemic, RecordedPricesHaveNoRandomPart) {
  const auto refused = [](const string& text, const string& needle, const vector<string>& words) {
    Recorded recorded;
    recorded.innovation.rows.assign(100, {1.0, -1.0});
    for (std::size_t i = 0; i < 50; ++i) recorded.innovation.rows[i] = {-1.0, 1.0};
    ReplaySpec& replay = recorded.replay.emplace();
    replay.bar = 3600.0;
    replay.returns.assign(12, {0.01, 0.02});  // run.horizon
    return expect_one(text, needle, words, ".", &recorded);
  };
  const string bootstrap = "innovation = { kind = \"bootstrap\", file = \"x.csv\", bar = \"1h\", block = \"1d\" }";
  refused(scenario("[systemic]\nprices = 0.3 # here", bootstrap), "# here", {"market.innovation is bootstrap"});
  const string replay = "[stress]\nreplay = { file = \"p.csv\", start = \"random\" }\n";
  for (const char* keys : {"[systemic]\nprices = 0.3 # here", "[systemic]\nvolatility = 0.3 # here",
                           "[uncertainty]\nvolatility = 0.3 # here", "[uncertainty]\ncorrelation = 0.3 # here"})
    refused(scenario(replay + keys), "# here", {"is given, and stress.replay", "take one of them out"});
}

TEST(Systemic, PricesHaveAFullMatrix) {
  string assets, loadings;
  for (int i = 0; i < 17; ++i) {
    assets += fmt::format("  {{ name = \"A{}\", price = 1.0, volatility = 0.5 }},\n", i);
    loadings += "[0.5], ";
  }
  string text = scenario("[systemic]\nprices = 0.3");
  text = replaced(text, "correlation = [[1.0, 0.8], [0.8, 1.0]]",
                  fmt::format("factors = {{ loadings = [{}] }}", loadings));
  text = replaced(text, "  { name = \"ETH\"", assets + "  { name = \"ETH\"");
  text = replaced(text, "loadings = [", "loadings = [[0.5], [0.5], ");
  expect_one(text, "prices = 0.3", {"there are 19 assets", "at most 16"});
}

// --------------------------------------------------------------------------------------------------------- uncertainty

TEST(Uncertainty, ReadsEveryKey) {
  const Scenario s = read(R"([uncertainty]
volatility = 0.05
dof = 0.5
correlation = 0.03
delays = 0.1
blocks = 128
hazards.axelar = { events = 2, years = 30.6, group = "gmp" }
hazards.wormhole = { events = 0, years = 4 })",
                          "innovation = { kind = \"student_t\", dof = 4.0 }");
  EXPECT_TRUE(s.uncertainty.given);
  EXPECT_EQ(s.uncertainty.volatility, 0.05);
  EXPECT_EQ(s.uncertainty.dof, 0.5);
  EXPECT_EQ(s.uncertainty.correlation, 0.03);
  EXPECT_EQ(s.uncertainty.delays, 0.1);
  EXPECT_EQ(s.uncertainty.blocks, 128);
  ASSERT_EQ(s.uncertainty.hazards.size(), 2u);
  EXPECT_EQ(s.uncertainty.hazards[0].layer, "axelar");
  EXPECT_EQ(s.uncertainty.hazards[0].group, "gmp");
  EXPECT_EQ(s.uncertainty.hazards[0].events, 2.0);
  EXPECT_EQ(s.uncertainty.hazards[0].years, 30.6);
  EXPECT_EQ(s.uncertainty.hazards[1].group, "");
  // the posterior means of Gamma(events + 1/2, years), in place of 0.05 and 0.03
  EXPECT_EQ(s.layers[0].hazard, 2.5 / 30.6);
  EXPECT_EQ(s.layers[1].hazard, 0.125);
}

TEST(Uncertainty, NamesTheRange) {
  for (const char* key : {"volatility", "delays"})
    expect_range("uncertainty", key, {"0", "2.0"}, {"-0.1", "2.1", "nan", "\"5 %\""});
  expect_range("uncertainty", "correlation", {"0", "0.5"}, {"-0.1", "0.6"});
  expect_range("uncertainty", "dof", {"0"}, {"-0.1", "501", "0.5"});
  expect_range("uncertainty", "blocks", {"8", "1024"}, {"7", "1025", "64.0", "\"64\"", "0", "-8"});
  expect_range("uncertainty", "hazards", {"{}"}, {"0.5", "[]"});
}

TEST(Uncertainty, DofStaysWhereAVarianceIs) {
  const string uncertain = "[uncertainty]\ndof = ";
  const string student = "innovation = { kind = \"student_t\", dof = 3.0 }";
  EXPECT_NO_THROW(read(uncertain + "0.49", student));
  expect_one(scenario(uncertain + "0.5", student), "dof = 0.5",
             {"from dof = 3 down to 2", "infinite", "less than 0.5"});
  expect_one(scenario(uncertain + "0.5"), "dof = 0.5", {"market.innovation is gaussian", "degrees of freedom"});
}

TEST(Uncertainty, HazardsAreOfLayers) {
  const auto hazards = [](const string& lines) { return scenario("[uncertainty]\n" + lines); };
  expect_one(hazards("hazards.axlear = { events = 2, years = 30.6 }"), "hazards.axlear",
             {"uncertainty.hazards.axlear", "did you mean \"axelar\"?"});
  expect_one(hazards("hazards.axelar = 2"), "hazards.axelar", {"an integer, 2", "events"});
  expect_one(hazards("hazards.axelar = { events = 2 }"), "hazards.axelar", {"years is missing"});
  expect_one(hazards("hazards.axelar = { years = 2 }"), "hazards.axelar", {"events is missing"});
  expect_one(hazards("hazards.axelar = { events = -1, years = 30 }"), "hazards.axelar", {"events = -1", "negative"});
  expect_one(hazards("hazards.axelar = { events = 2, years = 0 }"), "hazards.axelar", {"years = 0", "zero"});
  // a posterior law for which there is no table is refused here, not without its line when the scenario is compiled
  expect_one(hazards("hazards.axelar = { events = 1e5, years = 1e6 }"), "hazards.axelar", {"events = 100000", "99999"});
  expect_one(hazards("hazards.axelar = { events = 2, years = 1e-6 }"), "hazards.axelar", {"2500000 failures per year"});
  expect_one(hazards("hazards.axelar = { events = 2, years = 30, groop = \"x\" }"), "hazards.axelar",
             {"did you mean \"group\"?"});
  expect_one(hazards("hazards.axelar = { events = 2, years = 30, group = \"\" }"), "hazards.axelar",
             {"group", "empty"});
}

TEST(Uncertainty, OneGroupHasOneHazard) {
  static constexpr const char* text =
      "[uncertainty]\nhazards.axelar = {{ events = 2, years = 30, group = \"gmp\" }}\n"
      "hazards.wormhole = {{ events = {}, years = 30, group = \"{}\" }}";
  const Scenario s = read(fmt::format(text, 2, "gmp"));
  EXPECT_EQ(s.layers[0].hazard, s.layers[1].hazard);
  EXPECT_NO_THROW(read(fmt::format(text, 3, "other")));
  expect_one(scenario(fmt::format(text, 3, "gmp")), "hazards.wormhole",
             {"3 events in 30 years", "\"axelar\" has 2 in 30"});
  // a layer without a group is a group of its own name
  expect_one(scenario("[uncertainty]\nhazards.axelar = { events = 2, years = 30 }\n"
                      "hazards.wormhole = { events = 3, years = 30, group = \"axelar\" }"),
             "hazards.wormhole", {"group \"axelar\""});
}

// --------------------------------------------------------------------------------------------------------------- state

TEST(State, ReadsWhatStandsStillAndWhatRuns) {
  const StateSpec s = read(R"([state]
halted.arbitrum = "40m"
halted.base = { since = "15m", outage = "upgrade" }
paused.axelar = "3h"
running = ["wormhole", "ethereum"])")
                          .state;
  ASSERT_EQ(s.halted.size(), 2u);
  EXPECT_EQ(s.halted[0].name, "arbitrum");
  EXPECT_EQ(s.halted[0].outage, "sequencer");  // the only one it has
  EXPECT_EQ(s.halted[0].since, 2400.0);
  EXPECT_EQ(s.halted[1].outage, "upgrade");
  EXPECT_EQ(s.halted[1].since, 900.0);
  ASSERT_EQ(s.paused.size(), 1u);
  EXPECT_EQ(s.paused[0].name, "axelar");
  EXPECT_EQ(s.paused[0].outage, "pause");
  EXPECT_EQ(s.paused[0].since, 10800.0);
  EXPECT_EQ(s.running, (vector<string>{"wormhole", "ethereum"}));
}

TEST(State, NamesWhatItCannotBe) {
  const auto state = [](const string& line) { return scenario("[state]\n" + line); };
  expect_one(state("halted.arbitrm = \"40m\""), "halted.", {"state.halted.arbitrm", "did you mean \"arbitrum\"?"});
  expect_one(state("halted.axelar = \"40m\""), "halted.axelar", {"no chain of that name"});
  expect_one(state("paused.arbitrum = \"40m\""), "paused.", {"no layer of that name"});
  expect_one(state("halted.ethereum = \"40m\""), "halted.", {"\"ethereum\" has no outages", "[chains.ethereum]"});
  expect_one(state("paused.wormhole = \"40m\""), "paused.", {"\"wormhole\" has no outages", "[layers.wormhole]"});
  expect_one(state("halted.base = \"15m\""), "halted.base",
             {"which outage", "\"sequencer\", \"upgrade\"", "since = \"15m\""});
  expect_one(state("halted.base = { since = \"15m\", outage = \"upgade\" }"), "halted.base",
             {"did you mean \"upgrade\"?"});
  expect_one(state("halted.arbitrum = { outage = \"sequencer\" }"), "halted.", {"since is missing"});
  expect_one(state("halted.arbitrum = { since = \"1m\", until = \"2m\" }"), "halted.", {"unknown key \"until\""});
  expect_one(state("halted.arbitrum = 40"), "halted.", {"no unit"});
  expect_one(state("halted.arbitrum = \"-40m\""), "halted.", {"negative"});
  expect_one(state("halted.arbitrum = true"), "halted.", {"true"});
  expect_one(state("halted = [\"arbitrum\"]"), "halted = ", {"state.halted is an array"});
  expect_one(state("paused = \"axelar\""), "paused = ", {"state.paused is a string"});
  expect_one(state("running = \"base\""), "running = ", {"state.running is a string"});
  expect_one(state("running = [\"bsae\"]"), "running = ", {"did you mean \"base\"?"});
  expect_one(state("running = [3]"), "running = ", {"state.running is an integer"});
  expect_one(state("running = [\"base\", \"base\"]"), "running = ", {"twice"});
  expect_one(state("haltd.arbitrum = \"40m\""), "haltd", {"did you mean \"halted\"?"});
}

TEST(State, AnOutageLastsNoLongerThanItsLaw) {
  const auto since = [](const string& what, const string& time) {
    return scenario(fmt::format("[state]\n{} = {{ since = \"{}\", outage = \"{}\" }}", what, time,
                                what == "paused.axelar" ? "pause" : "upgrade"));
  };
  EXPECT_NO_THROW(parse_scenario(since("halted.base", "29.9m"), "test.toml"));
  expect_one(since("halted.base", "30m"), "halted.base", {"is 30m", "\"upgrade\"", "[chains.base]"});
  EXPECT_NO_THROW(parse_scenario(since("paused.axelar", "47.9h"), "test.toml"));
  expect_one(since("paused.axelar", "2d"), "paused.axelar", {"is 2d", "\"pause\"", "[layers.axelar]"});
  // exponential, mean 1 h: longer than ln(1e6) = 13.8155 h one time in a million
  const auto hours = [](double h) {
    return scenario(fmt::format("[state]\nhalted.base = {{ since = \"{}h\", outage = \"sequencer\" }}", h));
  };
  EXPECT_NO_THROW(parse_scenario(hours(13.81), "test.toml"));
  expect_one(hours(13.82), "halted.base", {"one in a million"});
}

TEST(State, NothingBothRunsAndStandsStill) {
  expect_one(scenario("[state]\nhalted.arbitrum = \"40m\"\nrunning = [\"base\", \"arbitrum\"]"),
             "running = ", {"\"arbitrum\" is running, and in state.halted"});
  expect_one(scenario("[state]\npaused.axelar = \"40m\"\nrunning = [\"axelar\"]"),
             "running = ", {"\"axelar\" is running, and in state.paused"});
}

// -------------------------------------------------------------------------------------------------------------- margin

TEST(Margin, ReadsEveryKey) {
  const MarginSpec m = read(R"([margin]
liability = 1e6
liquidation_threshold = 0.85
calls_per_year = 4
risk_free = -0.005
loss_budget = 100_000)")
                           .margin;
  EXPECT_EQ(m.liability, 1e6);
  EXPECT_EQ(m.liquidation_threshold, 0.85);
  EXPECT_EQ(m.calls_per_year, 4.0);
  EXPECT_EQ(m.risk_free, -0.005);
  EXPECT_EQ(m.loss_budget, 1e5);
}

TEST(Margin, NamesTheRange) {
  for (const char* key : {"liability", "loss_budget"})
    expect_range("margin", key, {"0", "1e15"}, {"-1", "2e15", "nan", "\"1e6\""});
  expect_range("margin", "liquidation_threshold", {"0.01", "1"}, {"0", "-0.1", "1.01", "\"85 %\""});
  expect_range("margin", "calls_per_year", {"0", "1e6"}, {"-1", "1e7"});
  expect_range("margin", "risk_free", {"-1", "10"}, {"-1.1", "11"});
}

TEST(Regimes, MisspeltKeysAreErrors) {
  expect_one(scenario("[systemic]\nhazzards = 1.0"), "hazzards", {"did you mean \"hazards\"?"});
  expect_one(scenario("[uncertainty]\nblock = 64"), "block = ", {"did you mean \"blocks\"?"});
  expect_one(scenario("[margin]\nlaibility = 64"), "laibility", {"did you mean \"liability\"?"});
  expect_one(scenario("[marign]\nliability = 64"), "[marign]", {"did you mean \"margin\"?"});
  for (const char* table : {"systemic", "uncertainty", "state", "margin"}) {
    const string text = replaced(scenario(""), "schema = 1", fmt::format("schema = 1\n{} = 3", table));
    expect_one(text, fmt::format("{} = 3", table), {fmt::format("{} is an integer, 3", table), "write a table"});
  }
}

TEST(Regimes, JointUnderIsTrueOrFalse) {
  EXPECT_EQ(read("", "", "joint_under = false").run.joint_under, false);
  EXPECT_EQ(read("", "", "joint_under = true").run.joint_under, true);
  expect_one(scenario("", "", "joint_under = 1"), "joint_under", {"run.joint_under = 1", "true or false"});
}

// ---------------------------------------------------------------------------------------------- the effective scenario

/// What the effective scenario of `text` says, once it has been shown to say the same when it is read again.
string effective(const string& text) {
  const string once = effective_toml(parse_scenario(text, "test.toml"));
  string twice;
  try {
    twice = effective_toml(parse_scenario(once, "effective.toml"));
  } catch (const Error& e) { ADD_FAILURE() << e.what() << "\nin\n" << once; }
  EXPECT_EQ(once, twice);
  return once;
}

void expect_lines(const string& text, const vector<string>& lines) {
  for (const auto& line : lines) EXPECT_NE(text.find(line), string::npos) << "no \"" << line << "\" in\n" << text;
}

TEST(Effective, SaysEveryDefault) {
  expect_lines(effective(scenario("")), {"joint_under = true\n", "[systemic]\ndelays = 0.0\nvolatility = 0.0\n",
                                         "copula = \"normal\"\n", "[margin]\nliability = 0.0\n"});
  string book = scenario("");
  for (int i = 0; i < 31; ++i)
    book += fmt::format("[[collateral]]\nname = \"{}\"\nasset = \"ETH\"\nroute = \"far\"\n", i);
  expect_lines(effective(book), {"joint_under = false\n"});  // 33 tokens: on request only
  expect_lines(effective(replaced(book, "horizon", "joint_under = true\nhorizon")), {"joint_under = true\n"});
}

TEST(Effective, SaysEveryKeyOfTheNewTables) {
  const string text = effective(scenario(R"([systemic]
delays = 0.25
volatility = 0.3
hazards = 1.5
outages = 2.5
prices = [0.3, -0.1]
copula = { kind = "student_t", dof = 4.5 }
[uncertainty]
volatility = 0.05
dof = 0.5
correlation = 0.03
delays = 0.1
blocks = 32
hazards.axelar = { events = 2, years = 30.6, group = "gmp" }
hazards.wormhole = { events = 0, years = 4 }
[state]
halted.arbitrum = "40m"
halted.base = { since = "15m", outage = "upgrade" }
paused.axelar = "3h"
running = ["wormhole"]
[margin]
liability = 1e6
liquidation_threshold = 0.85
calls_per_year = 4.0
risk_free = 0.04
loss_budget = 1e5)",
                                         "innovation = { kind = \"student_t\", dof = 4.0 }"));
  expect_lines(text, {"delays = 0.25\nvolatility = 0.3\nhazards = 1.5\noutages = 2.5\nprices = [0.3, -0.1]\n",
                      "copula = { kind = \"student_t\", dof = 4.5 }\n",
                      "[uncertainty]\nvolatility = 0.05\ndof = 0.5\ncorrelation = 0.03\ndelays = 0.1\nblocks = 32\n",
                      "hazards.axelar = { events = 2.0, years = 30.6, group = \"gmp\" }\n",
                      "hazards.wormhole = { events = 0.0, years = 4.0 }\n",
                      "halted.arbitrum = { since = \"40m\", outage = \"sequencer\" }\n",
                      "halted.base = { since = \"15m\", outage = \"upgrade\" }\n",
                      "paused.axelar = { since = \"3h\", outage = \"pause\" }\n", "running = [\"wormhole\"]\n",
                      "liability = 1000000.0\nliquidation_threshold = 0.85\ncalls_per_year = 4.0\n",
                      "risk_free = 0.04\nloss_budget = 100000.0\n", "[layers.wormhole]\nhazard = 0.125\n"});
}

/// Every key of chains, layers, mechanisms and routes. The stage that is out of the ordinary order comes from a
/// mechanism: the effective scenario must keep it there.
const char* const crossing = R"(schema = 1
name = "crossing"
[run]
paths = 1_000
[market]
assets = [ { name = "ETH", price = 3000.0, volatility = 0.8 } ]
grid = { step = "1m" }
[chains.arbitrum]
block_time = "250ms"
inclusion = { kind = "gamma", shape = 2.0, mean = "2s" }
finality = { kind = "uniform", min = "12.8m", max = "19.2m" }
forced_inclusion = "24h"
reorg = { probability = 1e-4, delay = { kind = "mixture", of = [ { weight = 0.3, kind = "constant", value = "5m" }, { weight = 0.7, kind = "exponential", mean = "1h" } ] } }
outages = [
  { name = "sequencer", rate = 0.8, duration = { kind = "lognormal", median = "65m", sigma = 1.0 } },
  { name = "up\"grade", rate = 2.0, duration = { kind = "mixture", of = [ { weight = 0.5, kind = "constant", value = "10m" }, { weight = 0.5, kind = "uniform", min = "10m", max = "30m" } ] } },
]
[layers.own]
hazard = 0.02
network = "net"
common_hazard = 0.01
verifiers = "set-1"
verifier_hazard = 0.015
secured = 500e6
bond = 50e6
corruption_cost = 2e8
corruption_exponent = 1.5
queue = { above = 250e3, delay = "24h" }
outages = [ { name = "pause", rate = 0.2, duration = { kind = "constant", value = "48h" } } ]
[mechanisms."g m p"]
description = "attested"
trust = "two thirds of the validators"
assets = "any"
source = "a page"
wrap_depth = 1.0
lock_up = "24h"
cost = 5.0
stages = [
  { name = "source_inclusion", scope = "liability_chain", kind = "chain" },
  { name = "oracle", kind = "deviation", heartbeat = "1h", deviation = 0.005, latency = { kind = "uniform", min = "20s", max = "40s" } },
  { name = "finality", scope = "liability_chain", kind = "chain" },
  { name = "reorg", scope = "liability_chain", kind = "chain" },
  { name = "relay", kind = "exponential", mean = "1m" },
  { name = "destination_inclusion", kind = "chain" },
]
layer = { hazard = 0.05, exposure = "77m", recovery = { kind = "constant", value = 0.3 } }
[mechanisms.trusted]
stages = [ { name = "relay", kind = "constant", value = "1m" } ]
[mechanisms.unused]
stages = [ { name = "relay", kind = "constant", value = "1m" } ]
layer = { hazard = 1.0 }
[routes.over]
collateral_chain = "ethereum"
liability_chain = "arbitrum"
mechanism = "g m p"
stages = [
  { name = "relay", kind = "constant", value = "45s" },
  { name = "collateral_proof", kind = "exponential", mean = "2m" },
]
[routes.by-hand]
collateral_chain = "ethereum"
liability_chain = "arbitrum"
layer = "own"
stages = [
  { name = "publication", kind = "exponential", mean = "30s" },
  { name = "queue", kind = "exponential", mean = "3m" },
]
[routes.trust]
collateral_chain = "ethereum"
liability_chain = "arbitrum"
mechanism = "trusted"
[[collateral]]
name = "a"
asset = "ETH"
route = "over"
[[collateral]]
name = "b"
asset = "ETH"
route = "by-hand"
[[collateral]]
name = "c"
asset = "ETH"
route = "trust"
)";

TEST(Stages, WhatWaitsForAPriceHasNoOtherScope) {
  const auto oracle = [](const string& scope) {
    return replaced(
        scenario("", "grid = { step = \"1m\" }"),
        "stages = [ { name = \"relay\", kind = \"constant\", value = \"1m\" }",
        "stages = [ { name = \"oracle\"," + scope + " kind = \"deviation\", heartbeat = \"1h\", deviation = 0.005 }");
  };
  EXPECT_EQ(parse_scenario(oracle(""), "s.toml").routes[1].stages[0].scope, Scope::oracle);
  expect_one(oracle(" scope = \"route\","), "name = \"oracle\"", {"its scope is \"route\"", "leave the scope out"});
}

TEST(Effective, SaysEveryKeyOfChainsLayersAndMechanisms) {
  const string text = effective(crossing);
  expect_lines(
      text,
      {"[chains.arbitrum]\nblock_time = \"250ms\"\ninclusion = { kind = \"gamma\", shape = 2.0, mean = \"2s\" }\n",
       "finality = { kind = \"uniform\", min = \"768s\", max = \"1152s\" }\nforced_inclusion = \"1d\"\n",
       "reorg = { probability = 0.0001, delay = { kind = \"mixture\"",
       "  { name = \"sequencer\", rate = 0.8, duration = { kind = \"lognormal\", median = \"65m\", sigma = 1.0 } }",
       "name = \"up\\\"grade\", rate = 2.0", "network = \"net\"\ncommon_hazard = 0.01\n",
       "verifiers = \"set-1\"\nverifier_hazard = 0.015\n", "bond = 50000000.0\nsecured = 500000000.0\n",
       "corruption_cost = 200000000.0\ncorruption_exponent = 1.5\n", "queue = { above = 250000.0, delay = \"1d\" }\n",
       "outages = [\n  { name = \"pause\", rate = 0.2, duration = { kind = \"constant\", value = \"2d\" } },\n]",
       "[layers.\"g m p\"]\nhazard = 0.05\n",
       "[mechanisms.\"g m p\"]\ndescription = \"attested\"\ntrust = \"two thirds of the validators\"\nassets = "
       "\"any\"\n",
       "source = \"a page\"\nwrap_depth = 1.0\nlock_up = \"1d\"\ncost = 5.0\n",
       "mechanism = \"g m p\"\nlayer = \"g m p\"\n", "mechanism = \"trusted\"\nlayer = \"\"\n",
       "kind = \"deviation\", heartbeat = \"1h\", deviation = 0.005, latency = { kind = \"uniform\", min = \"20s\", "
       "max = ",
       "name = \"relay\", scope = \"route\", kind = \"constant\", value = \"45s\""});
  EXPECT_EQ(text.find("unused"), string::npos);
}

TEST(Effective, IsTheSameScenario) {
  const Scenario s = parse_scenario(crossing, "test.toml");
  const Scenario again = parse_scenario(effective_toml(s), "effective.toml");
  ASSERT_EQ(again.routes.size(), s.routes.size());
  for (std::size_t r = 0; r < s.routes.size(); ++r) {
    EXPECT_EQ(again.routes[r].mechanism, s.routes[r].mechanism);
    EXPECT_EQ(again.routes[r].layer, s.routes[r].layer);
    ASSERT_EQ(again.routes[r].stages.size(), s.routes[r].stages.size());
    for (std::size_t i = 0; i < s.routes[r].stages.size(); ++i) {
      const StageSpec &stage = s.routes[r].stages[i], &other = again.routes[r].stages[i];
      EXPECT_EQ(other.name, stage.name) << s.routes[r].name << ", stage " << i;
      EXPECT_EQ(other.scope, stage.scope);
      EXPECT_EQ(other.law.kind, stage.law.kind);
      ASSERT_EQ(other.trigger.has_value(), stage.trigger.has_value());
      if (!stage.trigger) continue;
      EXPECT_EQ(other.trigger->heartbeat, stage.trigger->heartbeat);
      EXPECT_EQ(other.trigger->deviation, stage.trigger->deviation);
    }
  }
  // what the reorganisation adds, flattened: none of it, 5 minutes, an hour on average
  const LawSpec& reorg = s.routes[0].stages[3].law;
  ASSERT_EQ(reorg.of.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(again.routes[0].stages[3].law.of[i].weight, reorg.of[i].weight);
  ASSERT_EQ(again.layers.size(), s.layers.size());
  for (std::size_t l = 0; l < s.layers.size(); ++l) {
    const LayerSpec &layer = s.layers[l], &other = again.layers[l];
    EXPECT_EQ(other.name, layer.name);
    EXPECT_EQ(other.hazard, layer.hazard);
    EXPECT_EQ(other.verifiers, layer.verifiers);
    EXPECT_EQ(other.verifier_hazard, layer.verifier_hazard);
    EXPECT_EQ(other.bond, layer.bond);
    EXPECT_EQ(other.secured, layer.secured);
    EXPECT_EQ(other.corruption_cost, layer.corruption_cost);
    EXPECT_EQ(other.corruption_exponent, layer.corruption_exponent);
    EXPECT_EQ(other.queue_above, layer.queue_above);
    EXPECT_EQ(other.queue_delay, layer.queue_delay);
    ASSERT_EQ(other.outages.size(), layer.outages.size());
    for (std::size_t o = 0; o < layer.outages.size(); ++o) {
      EXPECT_EQ(other.outages[o].name, layer.outages[o].name);
      EXPECT_EQ(other.outages[o].rate, layer.outages[o].rate);
      EXPECT_EQ(other.outages[o].duration.value, layer.outages[o].duration.value);
    }
  }
  ASSERT_EQ(again.mechanisms.size(), 2u);
  for (std::size_t m = 0; m < 2; ++m) {
    EXPECT_EQ(again.mechanisms[m].name, s.mechanisms[m].name);
    EXPECT_EQ(again.mechanisms[m].trust, s.mechanisms[m].trust);
    EXPECT_EQ(again.mechanisms[m].lock_up, s.mechanisms[m].lock_up);
    EXPECT_EQ(again.mechanisms[m].cost, s.mechanisms[m].cost);
    EXPECT_EQ(again.mechanisms[m].wrap_depth, s.mechanisms[m].wrap_depth);
  }
}

/// A route of one stage with this law, read in `folder`.
Scenario with_law(const string& law, const std::filesystem::path& folder = ".") {
  return parse_scenario(replaced(scenario(""), "kind = \"constant\", value = \"1h\"", law), "test.toml", folder);
}

TEST(Effective, SaysEveryLaw) {
  const auto expect_law = [](const string& given, const string& said) {
    const string once = effective_toml(with_law(given));
    expect_lines(once, {said});
    EXPECT_EQ(effective_toml(parse_scenario(once, "effective.toml")), once);
  };
  expect_law("kind = \"geometric\", probability = 0.9, block_time = \"12s\"",
             "kind = \"geometric\", probability = 0.9, block_time = \"12s\" }");
  expect_law(
      "kind = \"retry\", of = { kind = \"exponential\", mean = \"45s\" }, drop = 0.05, wait = \"60s\"",
      "kind = \"retry\", drop = 0.05, wait = \"1m\", backoff = 2.0, longest = \"1h\", attempts = 8.0, of = { kind = "
      "\"exponential\", mean = \"45s\" } }");
  expect_law(
      "kind = \"window\", within = { kind = \"exponential\", mean = \"2h\" }, end = \"8h\", late = { kind = "
      "\"constant\", value = \"1d\" }",
      "kind = \"window\", end = \"8h\", within = { kind = \"exponential\", mean = \"2h\" }, late = { kind = "
      "\"constant\", value = \"1d\" } }");
  expect_law(
      "kind = \"mixture\", of = [ { weight = 0.75, kind = \"retry\", of = { kind = \"constant\", value = \"45s\" }, "
      "drop = 0.5, wait = \"1m\", attempts = 3 }, { weight = 0.25, kind = \"geometric\", probability = 0.5, "
      "block_time = \"2s\" } ]",
      "{ weight = 0.25, kind = \"geometric\", probability = 0.5, block_time = \"2s\" }");
}

/// The hour up to which waits grow by default took its part of a first wait that is longer, without a word.
TEST(Retry, ItsFirstWaitIsNotCut) {
  const string two_hours = "kind = \"retry\", of = { kind = \"constant\", value = \"45s\" }, drop = 0.5, wait = \"2h\"";
  const LawSpec law = with_law(two_hours).routes[0].stages[0].law;
  EXPECT_EQ(law.longest, 7200.0);
  EXPECT_EQ(law_quantile(law, 0.6), 7245.0);  // delivered at the second attempt
  expect_one(replaced(scenario(""), "kind = \"constant\", value = \"1h\"", two_hours + ", longest = \"90m\""), "wait",
             {"longest is shorter than", "wait"});
}

/// Names that the user chose are no keys of the format: "kind" throws nothing else out of what was included.
TEST_F(Folder, IncludedNamesMerge) {
  const char* const layers =
      "[layers.kind]\noutages = [ { name = \"pause\", rate = 0.2, duration = { kind = \"constant\", value = "
      "\"48h\" } } ]\n";
  write("base.toml",
        scenario(string(layers) + "[uncertainty]\nhazards.axelar = { events = 2, years = 30 }\n"
                                  "hazards.kind = { events = 1, years = 30 }\n[state]\npaused.axelar = \"3h\"\n"));
  const Scenario s = parse_scenario(
      "include = [\"base.toml\"]\nschema = 1\n[uncertainty]\nhazards.kind = { years = 10 }\n"
      "[state]\npaused.kind = \"1h\"\n",
      "test.toml", root);
  ASSERT_EQ(s.uncertainty.hazards.size(), 2u);
  EXPECT_EQ(s.uncertainty.hazards[0].layer, "axelar");
  EXPECT_EQ(s.uncertainty.hazards[1].events, 1.0);
  EXPECT_EQ(s.uncertainty.hazards[1].years, 10.0);
  ASSERT_EQ(s.state.paused.size(), 2u);
  EXPECT_EQ(s.state.paused[0].name, "axelar");
  EXPECT_EQ(s.state.paused[1].since, 3600.0);
}

/// Of the ways to give an empirical law the includer's takes the place of the included.
TEST_F(Folder, IncludedQuantileFilesAreReplaced) {
  write("rows.csv", "d_q25,d_median\n20,30\n");
  write("base.toml", replaced(scenario(""), "kind = \"constant\", value = \"1h\"",
                              "kind = \"empirical\", quantile_file = \"rows.csv\""));
  const Scenario s = parse_scenario(
      "include = [\"base.toml\"]\nschema = 1\n[routes.far]\nstages = [ { name = \"relay\", quantiles = [ [0.1, "
      "\"1s\"], [0.9, \"2s\"] ] } ]\n",
      "test.toml", root);
  EXPECT_EQ(s.routes[0].stages[0].law.quantiles[1], std::pair(0.9, 2.0));
}

/// A fitted tail is written with the quantiles that it goes on from, and is the same law when it is read again.
TEST_F(Folder, SaysWhatWasFittedToFiles) {
  {
    std::ofstream samples(root / "samples.csv");
    samples << "delay,state\n";
    for (int i = 1; i <= 1000; ++i)  // quantiles of a Pareto law of index 3; every 50th message was given up
      samples << 30.0 * std::pow(1.0 - (i - 0.5) / 1000.0, -1.0 / 3.0) << (i % 50 ? ",delivered\n" : ",lost\n");
  }
  write("rows.csv", "to,d_q25,d_median,d_q75\nbase,20,30,45\narbitrum,10,15,18\n");
  const Scenario s = with_law(
      "kind = \"empirical\", file = \"samples.csv\", column = \"delay\", status = \"state\", tail = true", root);
  const LawSpec& law = s.routes[0].stages[0].law;
  EXPECT_EQ(law.censored, 20u);
  ASSERT_TRUE(law.tail);
  const string once = effective_toml(s);
  const Scenario again = parse_scenario(once, "effective.toml");
  const LawSpec& other = again.routes[0].stages[0].law;
  EXPECT_EQ(effective_toml(again), once);
  EXPECT_EQ(other.quantiles, law.quantiles);
  ASSERT_TRUE(other.tail);
  EXPECT_EQ(other.tail->threshold, law.tail->threshold);
  EXPECT_EQ(other.tail->share, law.tail->share);
  EXPECT_EQ(other.tail->shape, law.tail->shape);
  EXPECT_EQ(other.tail->scale, law.tail->scale);
  EXPECT_EQ(other.tail->shape_error, law.tail->shape_error);
  EXPECT_EQ(other.tail->scale_error, law.tail->scale_error);
  expect_lines(effective_toml(
                   with_law("kind = \"empirical\", quantile_file = \"rows.csv\", where = { to = \"arbitrum\" }", root)),
               {"quantiles = [ [0.25, \"10s\"], [0.5, \"15s\"], [0.75, \"18s\"] ]"});
  std::filesystem::remove_all(root);
}

TEST(Regimes, OfTheLayersOfMechanisms) {
  const auto with = [](const string& tables) { return string(crossing) + tables; };
  const auto parse = [&](const string& tables) { return parse_scenario(with(tables), "test.toml"); };
  const Scenario used = parse("[uncertainty]\nhazards.\"g m p\" = { events = 3, years = 10 }");
  ASSERT_EQ(used.uncertainty.hazards.size(), 1u);
  EXPECT_EQ(std::find_if(used.layers.begin(), used.layers.end(), [](const LayerSpec& l) { return l.name == "g m p"; })
                ->hazard,
            0.35);
  // a mechanism that no route takes has no layer: what is said of it plays no part, but must be right
  const Scenario s = parse(
      "[uncertainty]\nhazards.unused = { events = 3, years = 10 }\n"
      "[state]\npaused.unused = \"1h\"\nrunning = [\"unused\", \"own\"]");
  EXPECT_TRUE(s.uncertainty.hazards.empty());
  EXPECT_TRUE(s.state.paused.empty());
  EXPECT_EQ(s.state.running, vector<string>{"own"});
  expect_one(with("[uncertainty]\nhazards.unused = { events = -3, years = 10 }"), "hazards.unused = { e", {"negative"});
  expect_one(with("[uncertainty]\nhazards.unusd = { events = 3, years = 10 }"), "hazards.unusd", {"is unknown"});
  expect_one(with("[state]\nhalted.unused = \"1h\""), "halted.", {"no chain of that name"});
}

}  // namespace
}  // namespace proofload
