/// scenario_test.cpp -- the scenario reader: what it accepts, what it says of others, includes, the effective scenario.
#include "scenario/scenario.h"
#include "base/error.h"
#include "scenario/effective.h"
#include "scenario/reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <clocale>
#include <cmath>
#include <locale>
#include <random>

#include "laws/laws.h"
#include "tests/scenario/reading.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;
using std::string, std::vector;
using testing::expect_one, testing::Folder, testing::line_of, testing::problems_of, testing::replaced;

const char* const valid = R"(schema = 1
name = "base"
[run]
paths = 1_000
[market]
assets = [
  { name = "ETH", price = 3000.0, volatility = 0.8 },
  { name = "BTC", price = 90000, volatility = 0.6, drift = 0.05 },
]
correlation = [
  [1.0, 0.8],
  [0.8, 1.0],
]
drift = 0.02
[chains.ethereum]
block_time = "12.5s"
[layers.bridge]
hazard = 0.05
exposure = "72h"
recovery = { kind = "uniform", min = 0.2, max = 0.9 }
[routes.eth-to-arb]
collateral_chain = "ethereum"
liability_chain = "arbitrum"
layer = "bridge"
stages = [
  { name = "oracle", kind = "uniform", min = "0s", max = "60s" },
  { name = "finality", kind = "constant", value = "12.8m" },
  { name = "relay", kind = "lognormal", median = "45s", p99 = "10m" },
]
[[collateral]]
name = "ETH@ethereum"
asset = "ETH"
route = "eth-to-arb"
haircut = 0.1
sale = { size = 5e6, depth = 5e7 }
)";

string changed(const string& from, const string& to) { return replaced(valid, from, to); }

vector<Problem> problems_of_file(const fs::path& file) {
  try {
    read_scenario(file);
  } catch (const Error& e) { return e.problems; }
  return {};
}

// -------------------------------------------------------------------------------------------------------- what is read

TEST(Scenario, ReadsValuesUnitsAndDefaults) {
  const Scenario s = parse_scenario(valid, "test.toml");
  EXPECT_EQ(s.name, "base");
  EXPECT_EQ(s.run.paths, 1000u);
  EXPECT_EQ(s.run.seed, 1u);
  EXPECT_EQ(s.run.confidence, (vector<double>{0.99, 0.999, 0.9999}));
  EXPECT_EQ(s.run.interval, 0.95);
  EXPECT_EQ(s.run.horizon, 2592000.0);
  ASSERT_EQ(s.market.assets.size(), 2u);
  EXPECT_EQ(s.market.assets[0].drift, 0.02);
  EXPECT_EQ(s.market.assets[1].drift, 0.05);
  EXPECT_EQ(s.market.assets[1].price, 90000.0);
  EXPECT_EQ(s.market.correlation, (vector<vector<double>>{{1.0, 0.8}, {0.8, 1.0}}));
  EXPECT_EQ(s.market.innovation.kind, InnovationKind::gaussian);
  EXPECT_EQ(s.market.variance.kind, VarianceKind::constant);
  EXPECT_FALSE(s.market.jumps.has_value());
  ASSERT_EQ(s.chains.size(), 2u);
  EXPECT_EQ(s.chains[0].block_time, 12.5);
  EXPECT_EQ(s.chains[1].name, "arbitrum");
  EXPECT_EQ(s.chains[1].block_time, 12.0);
  ASSERT_EQ(s.layers.size(), 1u);
  EXPECT_EQ(s.layers[0].exposure, 259200.0);
  EXPECT_EQ(s.layers[0].recovery.kind, LawKind::uniform);
  EXPECT_FALSE(s.layers[0].stall.has_value());
  ASSERT_EQ(s.routes.size(), 1u);
  ASSERT_EQ(s.routes[0].stages.size(), 3u);
  EXPECT_EQ(s.routes[0].stages[1].law.value, 768.0);
  EXPECT_EQ(s.routes[0].stages[2].law.p99, 600.0);
  EXPECT_TRUE(std::isnan(s.routes[0].stages[2].law.sigma));
  ASSERT_EQ(s.collateral.size(), 1u);
  EXPECT_EQ(s.collateral[0].haircut, 0.1);
  EXPECT_EQ(s.collateral[0].sale.exponent, 0.5);
  EXPECT_EQ(s.collateral[0].basis.value, 1.0);
  EXPECT_FALSE(s.collateral[0].weight.has_value());
  EXPECT_EQ(s.source, valid);
}

TEST(Scenario, ScopesFollowFromStageNames) {
  const std::pair<const char*, Scope> expected[] = {{"oracle", Scope::oracle},
                                                    {"source_inclusion", Scope::liability_chain},
                                                    {"finality", Scope::liability_chain},
                                                    {"proof", Scope::route},
                                                    {"challenge", Scope::route},
                                                    {"relay", Scope::route},
                                                    {"destination_inclusion", Scope::route},
                                                    {"other", Scope::route}};
  for (const auto& [name, scope] : expected) {
    const string stage = string("{ name = \"") + name + "\", ";
    const string text = changed("{ name = \"finality\", ", stage);
    if (string(name) == "oracle" || string(name) == "relay") continue;  // already in the text
    EXPECT_EQ(parse_scenario(text, "t").routes[0].stages[1].scope, scope) << name;
    EXPECT_EQ(
        parse_scenario(replaced(text, stage, stage + "scope = \"collateral_chain\", "), "t").routes[0].stages[1].scope,
        Scope::collateral_chain);
  }
  const Scenario s = parse_scenario(valid, "t");
  EXPECT_EQ(s.routes[0].stages[0].scope, Scope::oracle);
  EXPECT_EQ(s.routes[0].stages[2].scope, Scope::route);
}

TEST(Scenario, KeepsTheOrderOfTheFile) {  // toml++ sorts by name
  const string text =
      changed("[routes.eth-to-arb]",
              "[routes.zulu]\ncollateral_chain = \"z\"\nliability_chain = \"y\"\nstages = [ { name = \"relay\", kind = "
              "\"constant\", value = \"1s\" } ]\n[routes.eth-to-arb]") +
      "[layers.alpha]\nhazard = 1\n";
  const Scenario s = parse_scenario(text, "t");
  EXPECT_EQ(s.routes[0].name, "zulu");
  EXPECT_EQ(s.routes[1].name, "eth-to-arb");
  EXPECT_EQ(s.layers[0].name, "bridge");
  EXPECT_EQ(s.layers[1].name, "alpha");
}

TEST(Scenario, OverridesComeBeforeValidation) {
  EXPECT_EQ(parse_scenario(valid, "t", ".", {7, 9}).run.paths, 7u);
  EXPECT_EQ(parse_scenario(valid, "t", ".", {7, 9}).run.seed, 9u);
  EXPECT_EQ(parse_scenario(changed("paths = 1_000", "paths = -5"), "t", ".", {7, {}}).run.paths,
            7u);  // the bad value is not used
  EXPECT_EQ(parse_scenario(changed("[run]\npaths = 1_000\n", ""), "t", ".", {7, {}}).run.paths, 7u);
  try {
    parse_scenario(valid, "t", ".", {0, ~std::uint64_t{0}});
    FAIL();
  } catch (const Error& e) {
    ASSERT_EQ(e.problems.size(), 2u) << e.what();
    EXPECT_NE(string(e.what()).find("--paths: run.paths = 0 is zero"), string::npos) << e.what();
    EXPECT_NE(string(e.what()).find("--seed: "), string::npos) << e.what();
  }
}

TEST(Scenario, Durations) {
  const std::pair<const char*, double> good[] = {{"250ms", 0.25},  {"1s", 1.0},   {"12.8m", 768.0}, {"1.5h", 5400.0},
                                                 {"2d", 172800.0}, {"0.5s", 0.5}, {"1e3s", 1000.0}};
  for (const auto& [text, seconds] : good)
    EXPECT_EQ(parse_scenario(changed("\"72h\"", string("\"") + text + '"'), "t").layers[0].exposure, seconds) << text;
  const std::pair<const char*, const char*> bad[] = {{"72", "\"72s\" for seconds"},
                                                     {"\"72\"", "\"72s\" for seconds"},
                                                     {"72.5", "\"72.5h\" for hours"},
                                                     {"\"5min\"", "write \"5m\""},
                                                     {"\"3 hours\"", "write \"3h\""},
                                                     {"\"30 sec\"", "write \"30s\""},
                                                     {"\"2days\"", "write \"2d\""},
                                                     {"\"1w\"", "is not a unit"},
                                                     {"\"h\"", "is not a duration"},
                                                     {"\"\"", "is not a duration"},
                                                     {"\"-3h\"", "negative"},
                                                     {"\"nans\"", "not a finite number"},
                                                     {"\"infh\"", "not a finite number"},
                                                     {"\"1e999s\"", "not a finite number"},
                                                     {"\"1e308d\"", "not a finite number"},
                                                     {"\"101000d\"", "too large"},
                                                     {"true", "a boolean"},
                                                     {"2026-11-22", "a date"},
                                                     {"[1]", "an array"}};
  for (const auto& [text, words] : bad)
    expect_one(changed("\"72h\"", text), "exposure", {"layers.bridge.exposure", words});
}

// ----------------------------------------------------------------------------------------------------- what is refused

struct Bad {
  const char *from, *to;  ///< the change that makes it bad
  const char* where;      ///< text on the line that must be named; "": the file
  vector<string> words;
};

TEST(BadInput, EachHasItsPlaceReasonAndSuggestion) {
  const vector<Bad> cases = {
      // the document
      {"schema = 1\n", "", "", {"schema is missing", "add schema = 1"}},
      {"schema = 1", "schema = 2", "schema", {"schema = 2 is not known", "write schema = 1"}},
      {"name = \"base\"\n", "", "", {"name is missing"}},
      {"name = \"base\"", "name = \"\"", "name", {"is empty", "1 to 64"}},
      {"name = \"base\"", "name = \"a\\u0007b\"", "name", {"control character"}},
      {"name = \"base\"", "name = \"a\\u0085b\"", "name", {"control character"}},
      {"name = \"base\"",
       "name = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
       "name",
       {"longer than 64"}},
      {"name = \"base\"", "name = 3", "name", {"name is an integer, 3"}},
      {"schema = 1", "schema = 1\nincldue = []", "incldue", {"unknown key \"incldue\"", "did you mean \"include\"?"}},
      {"schema = 1", "schema = 1\nzzzzzzzzzz = 1", "zzzz", {"unknown key", "use one of: schema, name"}},
      {"schema = 1", "schema = 1\nschema = 01", "schema = 01", {"not valid TOML"}},
      {"[run]", "[run", "[run", {"not valid TOML"}},
      {"schema = 1", "schema = 1\ninclude = \"x.toml\"", "include", {"include is a string", "write an array"}},
      {"schema = 1", "schema = 1\ninclude = [3]", "include", {"include names 3"}},
      {"schema = 1", "schema = 1\ninclude = [\"none.toml\"]", "include", {"none.toml", "does not exist"}},
      // run
      {"[run]\npaths = 1_000\n", "", "", {"[run] is missing"}},
      {"paths = 1_000", "", "[run]", {"run.paths is missing", "add paths = 1_000_000"}},
      {"paths = 1_000", "paths = 0", "paths", {"run.paths = 0 is zero"}},
      {"paths = 1_000", "paths = -3", "paths", {"negative"}},
      {"paths = 1_000", "paths = 1_099_511_627_777", "paths", {"out of range", "1099511627776"}},
      {"paths = 1_000", "paths = 4e6", "paths", {"is a float", "4000000"}},
      {"paths = 1_000", "paths = \"many\"", "paths", {"a string"}},
      {"paths = 1_000", "path = 1_000\npaths = 1", "path = ", {"did you mean \"paths\"?"}},
      {"paths = 1_000", "paths = 1_000\nseed = -1", "seed", {"run.seed = -1 is negative"}},
      {"paths = 1_000", "paths = 1_000\nconfidence = [0.99, 99]", "confidence", {"99 is too large", "0.99 is 99 %"}},
      {"paths = 1_000", "paths = 1_000\nconfidence = [0.99, 0.99]", "confidence", {"twice"}},
      {"paths = 1_000", "paths = 1_000\nconfidence = []", "confidence", {"empty"}},
      {"paths = 1_000", "paths = 1_000\nconfidence = 0.99", "confidence", {"write an array"}},
      {"paths = 1_000", "paths = 1_000\ninterval = 95", "interval", {"too large"}},
      {"paths = 1_000", "paths = 1_000\nhorizon = \"41d\"", "horizon", {"too large", "40d"}},
      // market
      {"volatility = 0.8",
       "volatility = -0.8",
       "ETH",
       {"market.assets.ETH.volatility = -0.8 is negative", "from 0 to 100"}},
      {"volatility = 0.8", "volatility = nan", "ETH", {"not a finite number"}},
      {"volatility = 0.8", "volatility = inf", "ETH", {"not a finite number"}},
      {"volatility = 0.8", "volatility = 1e308", "ETH", {"too large"}},
      {"volatility = 0.8", "volatility = \"80%\"", "ETH", {"a string, \"80%\"", "0.8 is 80 %"}},
      {"volatility = 0.8",
       "volatilty = 0.8, volatility = 1",
       "ETH",
       {"\"volatilty\" in market.assets.ETH", "did you mean \"volatility\"?"}},
      {", volatility = 0.8", "", "ETH", {"market.assets.ETH.volatility is missing"}},
      {"price = 3000.0", "price = 0", "ETH", {"is zero"}},
      {"price = 3000.0", "price = 1e16", "ETH", {"too large"}},
      {"drift = 0.02", "drift = 1e3", "drift = 1e3", {"market.drift = 1000 is too large"}},
      {"name = \"BTC\"", "name = \"ETH\"", "90000", {"two assets named \"ETH\"", "line 7"}},
      {"  [0.8, 1.0],", "  [0.7, 1.0],", "[0.7", {"symmetric", "0.7", "0.8"}},
      {"  [0.8, 1.0],", "  [0.8, 0.9],", "0.9]", {"correlation 1 with itself"}},
      {"  [0.8, 1.0],", "  [0.8],", "[0.8]", {"row 2", "has 1 number,", "square"}},
      {"  [0.8, 1.0],\n", "", "correlation", {"has 1 row, and there are 2 assets", "2 x 2"}},
      {"  [0.8, 1.0],", "  [0.8, \"1\"],", "\"1\"", {"correlation[2][2] is a string"}},
      {"  [1.0, 0.8],\n  [0.8, 1.0],",
       "  [1.0, 1.0],\n  [1.0, 1.0],",
       "correlation",
       {"not positive definite", "smallest eigenvalue is 0", "nearest correlation matrix is [[1.0000, 0.99"}},
      {"correlation = [\n  [1.0, 0.8],\n  [0.8, 1.0],\n]\n",
       "",
       "assets",
       {"market.correlation is missing", "2 rows of 2"}},
      {"drift = 0.02", "correlation_file = \"r.csv\"", "correlation_file", {"both correlation and correlation_file"}},
      {"drift = 0.02", "innovation = \"gausian\"", "innovation", {"did you mean \"gaussian\"?"}},
      {"drift = 0.02", "innovation = { kind = \"gaussian\", dof = 4 }", "innovation", {"unknown key \"dof\""}},
      {"drift = 0.02", "grid = { step = \"1m\", steps = 4 }", "grid", {"both step and steps"}},
      {"drift = 0.02", "grid = { steps = 0 }", "grid", {"market.grid.steps = 0 is zero"}},
      {"drift = 0.02", "grid = {}", "grid", {"neither"}},
      {"drift = 0.02", "grid = \"1m\"", "grid", {"step = \"1m\""}},
      // chains and layers
      {"block_time = \"12.5s\"", "block_time = \"0s\"", "block_time", {"chains.ethereum.block_time", "is zero"}},
      {"block_time = \"12.5s\"", "blocktime = \"12s\"", "blocktime", {"did you mean \"block_time\"?"}},
      {"hazard = 0.05", "hazard = -1", "hazard", {"negative"}},
      {"hazard = 0.05", "hazard = 1e5", "hazard", {"too large", "failures per year"}},
      {"hazard = 0.05", "common_hazard = 0.1", "common_hazard", {"without a network"}},
      {"hazard = 0.05", "network = \"\"", "network", {"is empty"}},
      {"[layers.bridge]", "[layers.\"\"]\n[layers.bridge]", "layers.\"\"", {"is empty"}},
      // routes
      {"collateral_chain = \"ethereum\"\n", "", "[routes", {"routes.eth-to-arb.collateral_chain is missing"}},
      {"collateral_chain = \"eth",
       "from = \"eth",
       "from = ",
       {"routes.eth-to-arb.from is called collateral_chain now", "write collateral_chain", "CHANGELOG.md"}},
      {"liability_chain = \"arb",
       "to = \"arb",
       "to = \"arb",
       {"routes.eth-to-arb.to is called liability_chain now", "write liability_chain"}},
      {"liability_chain = \"arb",
       "from = \"ethereum\"\nliability_chain = \"arb",
       "from = ",
       {"called collateral_chain now"}},
      {"{ name = \"relay\"",
       "{ name = \"relay\", scope = \"source_chain\"",
       "source_chain",
       {"relay.scope = \"source_chain\" is called \"collateral_chain\" now", "write scope = \"collateral_chain\""}},
      {"{ name = \"relay\"",
       "{ name = \"relay\", scope = \"destination_chain\"",
       "destination_chain",
       {"write scope = \"liability_chain\"", "CHANGELOG.md"}},
      {"layer = \"bridge\"",
       "layer = \"brigde\"",
       "layer = ",
       {"routes.eth-to-arb.layer = \"brigde\" is unknown", "did you mean \"bridge\"?"}},
      {"layer = \"bridge\"", "layer = \"wormhole\"", "layer = ", {"use one of: bridge"}},
      {"{ name = \"relay\"", "{ name = \"relai\"", "relai", {"\"relai\" is not a stage", "did you mean \"relay\"?"}},
      {"{ name = \"relay\"", "{ name = \"finality\"", "lognormal", {"two stages named \"finality\"", "score"}},
      {"{ name = \"relay\"",
       "{ name = \"relay\", scope = \"chain\"",
       "chain\"",
       {"is unknown", "did you mean \"collateral_chain\" or \"liability_chain\"?"}},
      {"layer = \"bridge\"\nstages = [",
       "stages = [ { name = \"other\", scope = \"layer\", kind = \"constant\", value = \"1s\" },",
       "other",
       {"the route has no layer"}},
      // collateral
      {"asset = \"ETH\"",
       "asset = \"EHT\"",
       "asset = ",
       {"collateral.ETH@ethereum.asset = \"EHT\" is unknown", "did you mean \"ETH\"?"}},
      {"route = \"eth-to-arb\"", "route = \"arb-to-eth-somewhere\"", "route = ", {"did you mean \"eth-to-arb\"?"}},
      {"route = \"eth-to-arb\"\n", "", "[[coll", {"route is missing"}},
      {"haircut = 0.1", "haircut = 1.0", "haircut", {"too large", "from 0 to less than 1"}},
      {"haircut = 0.1", "haircut = -0.1", "haircut", {"negative"}},
      {"depth = 5e7", "depth = 0", "sale", {"depth = 0 is zero"}},
      {", depth = 5e7", "", "sale", {"sale.depth is missing"}},
      {"depth = 5e7", "depth = 5e7, exponent = 0", "sale", {"zero"}},
      {"depth = 5e7", "depth = 5e7, cap = 1.5", "sale", {"too large"}},
      {"haircut = 0.1", "haircut = 0.1\nweight = 0", "[[coll", {"all weights", "zero"}},
      {"haircut = 0.1",
       "haircut = 0.1\nbasis = { kind = \"constant\", value = 11 }",
       "basis",
       {"too large", "from 0 to 10"}},
      {"haircut = 0.1", "haircut = 0.1\nbasis = 0.99", "basis", {"write { kind = \"constant\", value = 0.99 }"}},
      {"[[collateral]]", "[portfolio]\n[[collateral]]", "[portfolio]", {"portfolio.haircut is missing"}},
      {"[[collateral]]",
       "[systemic]\nhazard_loading = 2\n[[collateral]]",
       "hazard_loading",
       {"unknown key \"hazard_loading\" in systemic"}},
      {"[[collateral]]\n", "[collateral]\n", "[collateral]", {"collateral is a table", "[[collateral]]"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(string(c.from) + " -> " + c.to);
    expect_one(changed(c.from, c.to), c.where, c.words);
  }
}

TEST(BadInput, Laws) {
  const string uniform = "{ kind = \"uniform\", min = 0.2, max = 0.9 }";
  const vector<std::pair<const char*, vector<string>>> recoveries = {
      {"{ kind = \"normal\" }", {"\"normal\" is not a kind of law", "did you mean \"lognormal\"?"}},
      {"{ value = 1.0 }", {"recovery.kind is missing"}},
      {"{ kind = \"constant\" }", {"recovery.value is missing"}},
      {"{ kind = \"constant\", value = 1.1 }", {"too large", "from 0 to 1"}},
      {"{ kind = \"constant\", value = \"12s\" }", {"a string, \"12s\"", "write a number"}},
      {"{ kind = \"constant\", value = 1, p99 = 1 }", {"unknown key \"p99\""}},
      {"{ kind = \"uniform\", min = 0.5, max = 0.2 }", {"exchange min and max"}},
      {"{ kind = \"uniform\", min = 0.5, max = 0.5 }", {"use kind = \"constant\""}},
      {"{ kind = \"lognormal\", median = 0.5, sigma = 0.1 }", {"no upper end", "use beta"}},
      {"{ kind = \"exponential\", mean = 0.5 }", {"an exponential law", "at most 1"}},
      {"{ kind = \"beta\", mean = 0.5, stdev = 0.6 }", {"no beta law"}},
      {"{ kind = \"beta\", mean = 1.0, stdev = 0.1 }", {"no beta law"}},
      {"{ kind = \"beta\", mean = 0.5, stdev = 1e-4 }", {"atom"}},
      {"{ kind = \"pareto\", min = 0.5, alpha = 1.5, cap = 0.4 }", {"larger cap"}},
      {"{ kind = \"pareto\", min = 0.5, alpha = 1.5 }", {"recovery.cap is missing"}},
      {"{ kind = \"mixture\", of = [] }", {"empty"}},
      {"{ kind = \"mixture\", of = [ { weight = 0.5, kind = \"constant\", value = 1 }, { weight = 0.6, kind = "
       "\"constant\", value = 0 } ] }",
       {"sum to 1.1"}},
      {"{ kind = \"mixture\", of = [ { kind = \"constant\", value = 1 } ] }", {"of[1].weight is missing"}},
      {"{ kind = \"mixture\", of = [ { weight = 1, kind = \"mixture\", of = [] } ] }",
       {"is a mixture inside a mixture", "outer mixture"}},
      {"{ kind = \"mixture\", of = [ { weight = 1, kind = \"empirical\" } ] }", {"an empirical law inside a mixture"}},
      {"{ kind = \"mixture\", of = [ 1.0 ] }", {"is a number, 1"}},
      {"{ kind = \"empirical\" }", {"neither quantiles nor a file"}},
      {"{ kind = \"empirical\", quantiles = [[0.5, 0.1], [0.9, 0.2]], file = \"x.csv\" }",
       {"both quantiles and a file"}},
      {"{ kind = \"empirical\", quantiles = [[0.5, 0.1]] }", {"2 to 200 pairs"}},
      {"{ kind = \"empirical\", quantiles = [[0.5, 0.1], [0.9, 0.05]] }", {"quantiles[2] is not above", "monotone"}},
      {"{ kind = \"empirical\", quantiles = [[0.5, 0.1], [0.5, 0.2]] }", {"monotone"}},
      {"{ kind = \"empirical\", quantiles = [[0.5, 0.1], [0.9, 1.5]] }", {"too large"}},
      {"{ kind = \"empirical\", quantiles = [[0.5, 0.1], [0.9]] }", {"not a pair"}},
      {"{ kind = \"empirical\", file = \"none.csv\", column = \"x\" }", {"does not exist"}},
      {"{ kind = \"empirical\", file = \"none.csv\" }", {"column is missing"}},
      {"0.5", {"write { kind = \"constant\", value = 0.5 }"}},
  };
  for (const auto& [law, words] : recoveries) {
    SCOPED_TRACE(law);
    expect_one(changed(uniform, law), "recovery", words);
  }
  const string relay = "kind = \"lognormal\", median = \"45s\", p99 = \"10m\"";
  const vector<std::pair<const char*, vector<string>>> stages = {
      {"kind = \"lognormal\", median = \"45s\", p99 = \"45s\"", {"p99 is not above the median"}},
      {"kind = \"lognormal\", median = \"45s\", p99 = 600", {"no unit", "\"600s\" for seconds"}},
      {"kind = \"lognormal\", median = \"45s\"", {"neither p99 nor sigma"}},
      {"kind = \"lognormal\", median = \"45s\", p99 = \"10m\", sigma = 0.5", {"both p99 and sigma"}},
      {"kind = \"lognormal\", median = \"1ms\", p99 = \"20000d\"", {"1e8 times"}},
      {"kind = \"lognormal\", median = \"0s\", sigma = 0.5", {"too small"}},
      {"kind = \"lognormal\", median = \"45s\", sigma = -0.5", {"negative"}},
      {"kind = \"beta\", mean = 0.5, stdev = 0.1", {"law of fractions"}},
      {"kind = \"exponential\", mean = \"-45s\"", {"negative"}},
      {"kind = \"gamma\", shape = 0, mean = \"45s\"", {"too small"}},
      {"kind = \"weibull\", shape = 1e9, scale = \"45s\"", {"too large"}},
      {"kind = \"uniform\", min = \"1m\", max = \"50s\"", {"exchange"}},
      {"kind = \"uniform\", min = \"1m\", max = \"50s\", weight = 1", {"unknown key \"weight\""}},
      {"kind = \"empirical\", quantiles = [[0.5, 30], [0.9, 60]]", {"no unit"}},
  };
  for (const auto& [law, words] : stages) {
    SCOPED_TRACE(law);
    const string text = changed(relay, law);
    const auto found = problems_of(text);
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found[0].line, line_of(text, "{ name = \"relay\""));
    for (const auto& word : words) EXPECT_NE(found[0].text.find(word), string::npos) << found[0].text;
  }
}

TEST(BadInput, AllErrorsAtOnceInTheOrderOfLines) {
  string text = valid;
  for (const auto& [from, to] : vector<std::pair<string, string>>{{"paths = 1_000", "paths = 0"},
                                                                  {"volatility = 0.8", "volatility = -0.8"},
                                                                  {"[0.8, 1.0]", "[0.7, 1.0]"},
                                                                  {"\"72h\"", "72"},
                                                                  {"max = 0.9", "max = 1.9"},
                                                                  {"layer = \"bridge\"", "layer = \"brige\""},
                                                                  {"p99 = \"10m\"", "p99 = \"10s\""},
                                                                  {"asset = \"ETH\"", "aset = \"ETH\""}})
    text = replaced(text, from, to);
  const auto found = problems_of(text);
  ASSERT_EQ(found.size(), 9u) << Error::to_text(found);  // aset: an unknown key and a missing one
  const char* order[] = {"paths = 0", "-0.8", "[0.7", "= 72", "1.9", "brige", "\"10s\"", "[[coll", "aset"};
  for (std::size_t i = 0; i < 9; ++i) EXPECT_EQ(found[i].line, line_of(text, order[i])) << found[i].text;
}

TEST(BadInput, LayersOfOneNetworkAgree) {
  const string two =
      string(valid) +
      "[layers.a]\nnetwork = \"n\"\ncommon_hazard = 0.1\n[layers.b]\nnetwork = \"n\"\ncommon_hazard = 0.2\n";
  expect_one(two, "common_hazard = 0.2", {"layers.b.common_hazard is 0.2, and layer \"a\" says 0.1", "network \"n\""});
  expect_one(replaced(two, "common_hazard = 0.2\n", ""), "[layers.b]", {"is 0"});
  const string same = replaced(two, "network = \"n\"\ncommon_hazard = 0.2", "network = \"n\"\ncommon_hazard = 0.1");
  EXPECT_TRUE(problems_of(same).empty()) << Error::to_text(problems_of(same));
}

TEST(BadInput, WeightsOfSomeCollateralOnly) {
  const string two =
      string(valid) + "weight = 2\n[[collateral]]\nname = \"b\"\nasset = \"BTC\"\nroute = \"eth-to-arb\"\n";
  expect_one(two, "[[collateral]]", {"1 of 2 collaterals have a weight"});
  EXPECT_EQ(parse_scenario(two + "weight = 0", "t").collateral[1].weight, 0.0);
  expect_one(string(valid) + "[[collateral]]\nname = \"ETH@ethereum\"\nasset = \"BTC\"\nroute = \"eth-to-arb\"\n",
             "name = \"ETH@ethereum\"\nasset = \"BTC\"", {"two collaterals named \"ETH@ethereum\""});
}

TEST(BadInput, LimitsOfAPlan) {
  string assets, rows, layers, routes, collateral;
  for (int i = 0; i < 65; ++i) assets += "{ name = \"a" + std::to_string(i) + "\", price = 1, volatility = 1 },";
  for (int i = 0; i < 25; ++i) layers += "[layers.l" + std::to_string(i) + "]\n";
  for (int i = 0; i < 32; ++i)
    routes += "[routes.r" + std::to_string(i) +
              "]\ncollateral_chain = \"a\"\nliability_chain = \"b\"\nstages = [ { name = \"relay\", kind = "
              "\"constant\", value = \"1s\" } ]\n";
  for (int i = 0; i < 64; ++i)
    collateral += "[[collateral]]\nname = \"k" + std::to_string(i) + "\"\nasset = \"ETH\"\nroute = \"eth-to-arb\"\n";
  expect_one(changed("assets = [", "assets = [" + assets), "assets", {"67 tables in market.assets", "room for 64"});
  expect_one(valid + layers, "[layers.bridge]", {"26 layers", "room for 24"});
  expect_one(valid + routes, "[routes.eth", {"33 routes", "room for 32"});
  expect_one(valid + collateral, "[[coll", {"65 tables in collateral", "room for 64"});
}

TEST(BadInput, NoiseIsRefusedWithoutHarm) {
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    string noise(static_cast<std::size_t>(1 + i * 7), ' ');
    for (auto& c : noise) c = static_cast<char>(random() & 0xffu);
    EXPECT_FALSE(problems_of(noise).empty());
  }
  EXPECT_EQ(problems_of("").size(), 1u);
  EXPECT_NE(problems_of(" \n# only a comment\n")[0].text.find("empty"), string::npos);
  EXPECT_NE(problems_of("name = \"\xff\xfe\"")[0].text.find("not valid TOML"), string::npos);
  string deep = "a";
  for (int i = 0; i < 500'000; ++i) deep += ".a";
  EXPECT_EQ(problems_of("x = 1\n" + deep + " = 1")[0].line, 2);
  EXPECT_EQ(problems_of("[" + deep + "]")[0].line, 1);
  EXPECT_EQ(problems_of("a = { " + deep + " = 1 }")[0].line, 1);
  EXPECT_FALSE(problems_of(string(100'000, '[')).empty());
  EXPECT_TRUE(
      problems_of(changed("name = \"base\"", "name = \"base\" # " + string(100, '.')) + "\n# " + string(100, '.'))
          .empty());
  EXPECT_TRUE(problems_of(changed("name = \"base\"", "name = \"base\"\ndescription = '''" + string(100, '.') + "\"'''"))
                  .empty());
  // characters on which toml++ 3.3 runs into undefined behaviour
  EXPECT_EQ(problems_of("a = 1\n\xc4\x84 = 1")[0].line, 2);
  EXPECT_NE(problems_of("a = \"\"\"x \\  \n \xc3\xa9\"\"\"")[0].text.find("after a backslash"), string::npos);
  EXPECT_NE(problems_of("a = \"\"\"\\\xc3\xa9\"\"\"")[0].text.find("after a backslash"), string::npos);
  EXPECT_NE(problems_of("[#")[0].text.find("not valid TOML"), string::npos);
  EXPECT_TRUE(
      problems_of("\xef\xbb\xbf" +
                  changed("name = \"base\"",
                          "name = \"\xc3\xa9\" # \xc3\xa9\ndescription = \"\"\"\\\n  \\\"a \\\n b \xc3\xa9\"\"\""))
          .empty());
  string keys;
  for (int i = 0; i < 5000; ++i) keys += "k" + std::to_string(i) + " = 1\n";
  const auto many = problems_of(keys);
  EXPECT_EQ(many.size(), 1001u);
  EXPECT_NE(many.back().text.find("more problems"), string::npos);
}

// --------------------------------------------------------------------------------------------------------- correlation

/// Cholesky in long double, another route to definiteness than the reader's eigenvalues.
bool positive_definite(vector<vector<long double>> a) {
  for (std::size_t j = 0; j < a.size(); ++j) {
    long double d = a[j][j];
    for (std::size_t k = 0; k < j; ++k) d -= a[j][k] * a[j][k];
    if (d <= 0) return false;
    a[j][j] = std::sqrt(d);
    for (std::size_t i = j + 1; i < a.size(); ++i) {
      long double x = a[i][j];
      for (std::size_t k = 0; k < j; ++k) x -= a[i][k] * a[j][k];
      a[i][j] = x / a[j][j];
    }
  }
  return true;
}

string with_matrix(std::size_t n, const string& matrix) {
  string assets;
  for (std::size_t i = 2; i < n; ++i)
    assets += "{ name = \"a" + std::to_string(i) + "\", price = 1, volatility = 1 },\n";
  return replaced(changed("[\n  [1.0, 0.8],\n  [0.8, 1.0],\n]", matrix), "drift = 0.05 },\n",
                  "drift = 0.05 },\n" + assets);
}

string matrix_text(const vector<vector<double>>& m) {
  string text = "[";
  for (const auto& row : m) {
    text += "[";
    for (const double x : row) text += std::to_string(x) + ",";
    text += "],";
  }
  return text + "]";
}

TEST(Correlation, HighamsExampleIsRefusedAndItsNearestIsOffered) {
  // Higham (2002), "Computing the nearest correlation matrix", section 4: [1 1 0; 1 1 1; 0 1 1] has nearest correlation
  // matrix [1 0.7607 0.1573; . 1 0.7607; . . 1]. Ours keeps eigenvalues of at least 0.001, hence the tolerance.
  const auto found = problems_of(with_matrix(3, "[[1,1,0],[1,1,1],[0,1,1]]"));
  ASSERT_EQ(found.size(), 1u) << Error::to_text(found);
  EXPECT_NE(found[0].text.find("smallest eigenvalue is -0.4142"), string::npos) << found[0].text;  // 1 - sqrt 2
  const auto at = found[0].text.find("matrix is [[");
  ASSERT_NE(at, string::npos);
  const string offered = found[0].text.substr(at + 10);
  const Scenario s = parse_scenario(with_matrix(3, offered), "t");  // what is offered is accepted
  EXPECT_NEAR(s.market.correlation[0][1], 0.7607, 0.002);
  EXPECT_NEAR(s.market.correlation[1][2], 0.7607, 0.002);
  EXPECT_NEAR(s.market.correlation[0][2], 0.1573, 0.002);
}

TEST(Correlation, DefinitenessAgreesWithCholesky) {
  std::mt19937 random(7);
  int definite = 0, indefinite = 0;
  for (int trial = 0; trial < 300; ++trial) {
    const std::size_t n = 2 + static_cast<std::size_t>(trial) % 15;
    vector<vector<double>> m(n, vector<double>(n, 1.0));
    vector<vector<long double>> a(n, vector<long double>(n, 1.0L));
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < i; ++j) {
        const double range = n < 4 ? 1.0 : 1.6 / std::sqrt(static_cast<double>(n));
        m[i][j] = m[j][i] = std::round(range * (2.0 * static_cast<double>(random()) / 4294967295.0 - 1.0) * 1e4) / 1e4;
        a[i][j] = a[j][i] = static_cast<long double>(m[i][j]);
      }
    const auto found = problems_of(with_matrix(n, matrix_text(m)));
    const bool good = positive_definite(a);
    ++(good ? definite : indefinite);
    ASSERT_EQ(found.empty(), good) << Error::to_text(found);
    if (good) continue;
    ASSERT_EQ(found.size(), 1u);
    if (const auto at = found[0].text.find("matrix is [["); at != string::npos) {
      EXPECT_LE(n, 8u);
      const auto again = problems_of(with_matrix(n, found[0].text.substr(at + 10)));
      EXPECT_TRUE(again.empty()) << Error::to_text(again);
      continue;
    }
    EXPECT_GT(n, 8u);
    const auto factor_at = found[0].text.find("off the diagonal by ");
    ASSERT_NE(factor_at, string::npos) << found[0].text;
    const double factor = std::stod(found[0].text.substr(factor_at + 20));
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        if (i != j) m[i][j] *= factor;
    EXPECT_TRUE(problems_of(with_matrix(n, matrix_text(m))).empty()) << factor;
  }
  EXPECT_GT(definite, 50);
  EXPECT_GT(indefinite, 50);
}

TEST_F(Folder, CorrelationFromAFile) {
  const string text = changed("correlation = [\n  [1.0, 0.8],\n  [0.8, 1.0],\n]", "correlation_file = \"r.csv\"");
  write("r.csv", "1.0, 0.25\r\n0.25,1\r\n\r\n");
  EXPECT_EQ(parse_scenario(text, "t", root).market.correlation, (vector<vector<double>>{{1.0, 0.25}, {0.25, 1.0}}));
  write("r.csv", "1.0,0.25\n0.25,one\n");
  auto found = problems_of(text, root);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].file, (root / "r.csv").string());
  EXPECT_EQ(found[0].line, 2);
  write("r.csv", "1.0,0.25\n0.35,1\n");
  found = problems_of(text, root);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].line, 2);
  EXPECT_NE(found[0].text.find("symmetric"), string::npos);
  write("r.csv", "");
  EXPECT_EQ(problems_of(text, root).size(), 1u);
  fs::remove(root / "r.csv");
  EXPECT_NE(problems_of(text, root)[0].text.find("does not exist"), string::npos);
}

// ---------------------------------------------------------------------------------------------------------------- laws

TEST(Laws, AllKindsAreRead) {
  const string before = "kind = \"lognormal\", median = \"45s\", p99 = \"10m\"";
  const auto law = [&](const string& text) {
    return parse_scenario(changed(before, text), "t").routes[0].stages[2].law;
  };
  EXPECT_EQ(law("kind = \"exponential\", mean = \"2m\"").mean, 120.0);
  EXPECT_EQ(law("kind = \"lognormal\", median = \"2m\", sigma = 1").sigma, 1.0);
  EXPECT_EQ(law("kind = \"gamma\", shape = 2, mean = \"1h\"").shape, 2.0);
  EXPECT_EQ(law("kind = \"weibull\", shape = 0.75, scale = \"2h\"").scale, 7200.0);
  EXPECT_EQ(law("kind = \"pareto\", min = \"1s\", alpha = 1.5, cap = \"7d\"").cap, 604800.0);
  EXPECT_EQ(law("kind = \"empirical\", quantiles = [[0, \"1s\"], [0.5, \"1m\"], [0.99, \"1h\"]]").quantiles,
            (vector<std::pair<double, double>>{{0.0, 1.0}, {0.5, 60.0}, {0.99, 3600.0}}));
  const auto beta =
      parse_scenario(
          changed("{ kind = \"uniform\", min = 0.2, max = 0.9 }", "{ kind = \"beta\", mean = 0.6, stdev = 0.2 }"), "t")
          .layers[0]
          .recovery;
  EXPECT_EQ(beta.kind, LawKind::beta);
  EXPECT_EQ(beta.stdev, 0.2);
}

TEST(Laws, WeightsWithinToleranceAreNormalised) {
  const string mixture =
      "{ kind = \"mixture\", of = [ { weight = 0.3333333333, kind = \"constant\", value = 1 }, { weight = "
      "0.6666666666, kind = \"uniform\", min = 0, max = 1 } ] }";
  const Scenario s = parse_scenario(changed("{ kind = \"uniform\", min = 0.2, max = 0.9 }", mixture), "t");
  ASSERT_EQ(s.layers[0].recovery.of.size(), 2u);
  EXPECT_NEAR(s.layers[0].recovery.of[0].weight + s.layers[0].recovery.of[1].weight, 1.0, 1e-15);
  EXPECT_NEAR(s.layers[0].recovery.of[0].weight, 1.0 / 3.0, 1e-9);
}

TEST_F(Folder, SamplesFromAColumn) {
  string csv = "when,delay,\"other\"\n";
  for (int i = 1; i <= 1000; ++i) csv += "x," + std::to_string(i) + ",0.5\n";
  write("data/samples.csv", csv);
  const string text = changed("kind = \"lognormal\", median = \"45s\", p99 = \"10m\"",
                              "kind = \"empirical\", file = \"data/samples.csv\", column = \"delay\"");
  const auto law = parse_scenario(text, "t", root).routes[0].stages[2].law;
  EXPECT_EQ(law.samples, 1000u);
  EXPECT_EQ(law.column, "delay");
  ASSERT_GE(law.quantiles.size(), 2u);
  EXPECT_LE(law.quantiles.size(), 64u);
  EXPECT_EQ(law.quantiles.front().second, 1.0);
  EXPECT_EQ(law.quantiles.back().second, 1000.0);
  EXPECT_NEAR(law_quantile(law, 0.5), 500.0, 2.0);  // samples are uniform on 1 .. 1000

  auto found = problems_of(replaced(text, "column = \"delay\"", "column = \"dealy\""), root);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].line, line_of(text, "samples.csv"));
  EXPECT_NE(found[0].text.find("has no column \"dealy\""), string::npos) << found[0].text;
  EXPECT_NE(found[0].text.find("did you mean \"delay\"?"), string::npos) << found[0].text;

  write("data/samples.csv", "delay\n1\n-2\nx\n4\n");
  found = problems_of(text, root);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].file, (root / "data/samples.csv").string());
  EXPECT_EQ(found[0].line, 3);
  EXPECT_EQ(found[1].line, 4);
  write("data/samples.csv", "delay\n5\n5\n");
  EXPECT_NE(problems_of(text, root)[0].text.find("fewer than two different samples"), string::npos);
  write("data/samples.csv", "");
  EXPECT_EQ(problems_of(text, root).size(), 1u);
}

TEST(Laws, RecoveriesEndAtTheirLastQuantile) {
  const string law = "{ kind = \"empirical\", quantiles = [[0.1, 0.2], [0.9, 0.95]] }";
  const Scenario s = parse_scenario(changed("{ kind = \"uniform\", min = 0.2, max = 0.9 }", law), "t");
  EXPECT_EQ(s.layers[0].recovery.quantiles.back(), (std::pair{1.0, 0.95}));
  EXPECT_LE(law_quantile(s.layers[0].recovery, 1.0 - 1e-9), 1.0);
}

// ------------------------------------------------------------------------------------------------------------ includes

TEST_F(Folder, IncluderWinsTablesMergeAndArraysMergeByName) {
  write("presets/chains.toml",
        "[chains.ethereum]\nblock_time = \"12s\"\n[chains.arbitrum]\nblock_time = \"250ms\"\n[run]\npaths = 5\nseed = "
        "3\n");
  write("presets/market.toml",
        "include = [\"chains.toml\"]\n[market]\nassets = [ { name = \"ETH\", price = 1.0, volatility = 0.5 }, { name = "
        "\"BTC\", price = 2.0, volatility = 0.25 } ]\n"
        "correlation_file = \"gone.csv\"\n[layers.bridge]\nrecovery = { kind = \"beta\", mean = 0.5, stdev = 0.1 "
        "}\nstall = { kind = \"lognormal\", median = \"1h\", p99 = \"2h\" }\n");
  const auto file = write("s.toml", R"(schema = 1
name = "s"
include = ["presets/market.toml"]
run.paths = 9
[market]
assets = [ { name = "BTC", volatility = 0.75 }, { name = "SOL", price = 3.0, volatility = 1.0 } ]
correlation = [[1.0, 0.5, 0.25], [0.5, 1.0, 0.125], [0.25, 0.125, 1.0]]
[chains.ethereum]
block_time = "13s"
[layers.bridge]
recovery = { kind = "constant", value = 0.5 }
stall = { median = "90m" }
[routes.r]
collateral_chain = "ethereum"
liability_chain = "arbitrum"
layer = "bridge"
stages = [ { name = "relay", kind = "constant", value = "1s" } ]
[[collateral]]
name = "k"
asset = "SOL"
route = "r"
)");
  const Scenario s = read_scenario(file);
  EXPECT_EQ(s.run.paths, 9u);
  EXPECT_EQ(s.run.seed, 3u);
  ASSERT_EQ(s.market.assets.size(), 3u);
  EXPECT_EQ(s.market.assets[0].name, "ETH");
  EXPECT_EQ(s.market.assets[1].name, "BTC");
  EXPECT_EQ(s.market.assets[1].price, 2.0);
  EXPECT_EQ(s.market.assets[1].volatility, 0.75);
  EXPECT_EQ(s.market.assets[2].name, "SOL");
  EXPECT_EQ(s.market.correlation[0][2], 0.25);  // the includer's matrix takes the place of the included file
  EXPECT_EQ(s.chains[0].block_time, 13.0);
  EXPECT_EQ(s.chains[1].block_time, 0.25);
  EXPECT_EQ(s.layers[0].recovery.kind, LawKind::constant);  // another kind: no parameter of the included law is left
  EXPECT_TRUE(std::isnan(s.layers[0].recovery.mean));
  EXPECT_EQ(s.layers[0].stall->median, 5400.0);  // same kind: parameters merge
  EXPECT_EQ(s.layers[0].stall->p99, 7200.0);
  EXPECT_EQ(s.source.substr(0, 10), "schema = 1");
  const string effective = effective_toml(s);
  EXPECT_EQ(effective_toml(parse_scenario(effective, "e")), effective);
}

TEST_F(Folder, ListsOfAssetsInAnotherOrderAreRefused) {
  const auto assets = [](const char* a, const char* b, const char* c) {
    return fmt::format(
        "[market]\nassets = [ {{ name = \"{}\", price = 1.0, volatility = 0.5 }}, {{ name = \"{}\", price = 1.0, "
        "volatility = 0.5 }}, {{ name = \"{}\", price = 1.0, volatility = 0.5 }} ]\n",
        a, b, c);
  };
  const std::string matrix = "correlation = [[1, 0.1, 0.9], [0.1, 1, 0.5], [0.9, 0.5, 1]]\n";
  const std::string rest =
      "[run]\npaths = 10\n[routes.r]\ncollateral_chain = \"x\"\nliability_chain = \"y\"\nstages = [ { name = "
      "\"relay\", kind = \"constant\", "
      "value = \"1s\" } ]\n"
      "[[collateral]]\nname = \"k\"\nasset = \"B\"\nroute = \"r\"\n";
  write("fitted.toml", assets("B", "S", "E") + matrix);
  write("plain.toml", assets("E", "B", "S"));
  const auto problem = [&](const std::string& include, const std::string& market) {
    const auto file = write("s.toml", "schema = 1\nname = \"s\"\ninclude = [" + include + "]\n" + market + rest);
    try {
      read_scenario(file);
    } catch (const Error& e) { return std::string(e.what()); }
    return std::string();
  };
  EXPECT_EQ(problem("\"fitted.toml\"", ""), "");
  EXPECT_EQ(problem("\"fitted.toml\", \"plain.toml\"", ""), "");  // the lists keep their order
  for (const std::string& text :
       {problem("\"plain.toml\", \"fitted.toml\"", ""), problem("\"plain.toml\"", assets("B", "S", "E") + matrix),
        problem("\"plain.toml\"", assets("B", "S", "E") + "[systemic]\nprices = [0.1, 0.2, 0.3]\n")}) {
    EXPECT_NE(text.find("a list goes by the assets B, S, E, and included files make that E, B, S"), std::string::npos)
        << text;
  }
}

TEST_F(Folder, LaterIncludesWinAndStagesMerge) {
  write("a.toml",
        "[routes.r]\ncollateral_chain = \"x\"\nliability_chain = \"y\"\nstages = [ { name = \"relay\", scope = "
        "\"collateral_chain\", kind = "
        "\"uniform\", min = \"1s\", max = \"2s\" }, { name = \"oracle\", kind = \"constant\", value = \"3s\" } ]\n");
  write(
      "b.toml",
      "[routes.r]\nliability_chain = \"z\"\nstages = [ { name = \"relay\", kind = \"constant\", value = \"7s\" } ]\n");
  const auto file = write("s.toml", replaced(valid, "schema = 1", "schema = 1\ninclude = [\"a.toml\", \"b.toml\"]"));
  const Scenario s = read_scenario(file);
  ASSERT_EQ(s.routes.size(), 2u);
  EXPECT_EQ(s.routes[0].name, "r");
  EXPECT_EQ(s.routes[0].liability_chain, "z");
  ASSERT_EQ(s.routes[0].stages.size(), 2u);
  EXPECT_EQ(s.routes[0].stages[0].law.value, 7.0);
  EXPECT_EQ(s.routes[0].stages[0].scope, Scope::collateral_chain);
}

TEST_F(Folder, ErrorsNameTheFileThatTheValueCameFrom) {
  write("presets/deep.toml", "# one\n[market]\n\nassets = [ { name = \"ETH\", volatility = -1.0 } ]\n");
  write("presets/mid.toml", "include = [\"deep.toml\"]\n\n[layers.bridge]\nhazzard = 1.0\n");
  const auto file =
      write("s.toml", replaced(replaced(valid, "schema = 1", "schema = 1\ninclude = [\"presets/mid.toml\"]"),
                               ", volatility = 0.8", ""));
  const auto found = problems_of_file(file);
  ASSERT_EQ(found.size(), 2u) << Error::to_text(found);
  const auto is = [&](const Problem& p, const string& name, int line) {
    return p.file == (root / name).string() && p.line == line;
  };
  EXPECT_TRUE(is(found[0], "presets/deep.toml", 4) || is(found[1], "presets/deep.toml", 4)) << Error::to_text(found);
  EXPECT_TRUE(is(found[0], "presets/mid.toml", 4) || is(found[1], "presets/mid.toml", 4)) << Error::to_text(found);
}

TEST_F(Folder, CyclesPrintTheirChain) {
  write("a.toml", "include = [\"sub/b.toml\"]\n");
  write("sub/b.toml", "\ninclude = [\"../s.toml\"]\n");
  const auto file = write("s.toml", replaced(valid, "schema = 1", "schema = 1\ninclude = [\"a.toml\"]"));
  auto found = problems_of_file(file);
  ASSERT_EQ(found.size(), 1u) << Error::to_text(found);
  EXPECT_EQ(found[0].file, (root / "sub/b.toml").string());
  EXPECT_EQ(found[0].line, 2);
  const string chain = "include cycle: " + file.string() + " -> " + (root / "a.toml").string() + " -> " +
                       (root / "sub/b.toml").string() + " -> " + file.string();
  EXPECT_NE(found[0].text.find(chain), string::npos) << found[0].text;
  write("self.toml", "include = [\"self.toml\"]\n");
  found = problems_of(replaced(valid, "schema = 1", "schema = 1\ninclude = [\"self.toml\"]"), root);
  ASSERT_EQ(found.size(), 1u) << Error::to_text(found);
}

TEST_F(Folder, IncludesOfEverySortOfTrouble) {
  write("twice.toml", "include = [\"leaf.toml\", \"leaf.toml\"]\n");  // not a cycle
  write("leaf.toml", "[run]\nseed = 5\n");
  EXPECT_EQ(parse_scenario(changed("schema = 1", "schema = 1\ninclude = [\"twice.toml\"]"), "t", root).run.seed, 5u);
  write("bad.toml", "[run\n");
  auto found = problems_of(changed("schema = 1", "schema = 1\ninclude = [\"bad.toml\", \"none.toml\", \".\"]"), root);
  ASSERT_EQ(found.size(), 3u) << Error::to_text(found);
  for (int i = 0; i < 8; ++i) {  // each includes the next twice: 2^8 files
    const string next = "\"f" + std::to_string(i + 1) + ".toml\"";
    write("f" + std::to_string(i) + ".toml", "include = [" + next + ", " + next + "]\n");
  }
  write("f8.toml", "\n");
  found = problems_of(changed("schema = 1", "schema = 1\ninclude = [\"f0.toml\"]"), root);
  ASSERT_EQ(found.size(), 1u) << Error::to_text(found);
  EXPECT_NE(found[0].text.find("more than 64 files"), string::npos);
  // what an unreadable include may have held is not reported as missing; what is wrong all the same is
  found = problems_of(
      replaced(replaced(changed("schema = 1", "schema = 1\ninclude = [\"none.toml\"]"), "paths = 1_000\n", ""),
               "volatility = 0.8", "volatility = -0.8"),
      root);
  ASSERT_EQ(found.size(), 2u) << Error::to_text(found);
}

TEST_F(Folder, FilesThatAreNoScenarios) {
  EXPECT_NE(problems_of_file(root)[0].text.find("is a directory"), string::npos);
  EXPECT_NE(problems_of_file(root / "none.toml")[0].text.find("does not exist"), string::npos);
  EXPECT_NE(problems_of_file(write("empty.toml", ""))[0].text.find("is empty"), string::npos);
  const auto huge = write("huge.toml", "");
  fs::resize_file(huge, 100'000'000);  // sparse: no noise is needed to see that it is not read
  const auto before = std::chrono::steady_clock::now();
  EXPECT_NE(problems_of_file(huge)[0].text.find("larger than 4 MiB"), string::npos);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(2));
  const fs::path pipe = root / "pipe.toml";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_NE(problems_of_file(pipe)[0].text.find("not a regular file"), string::npos);
  if (geteuid() != 0) {
    const auto secret = write("secret.toml", valid);
    fs::permissions(secret, fs::perms::none);
    EXPECT_NE(problems_of_file(secret)[0].text.find("cannot be opened"), string::npos);
  }
}

// ---------------------------------------------------------------------------------------------- the effective scenario

TEST(Effective, ParsesBackToTheSameScenario) {
  string text = replaced(valid, "drift = 0.02", "drift = 0.02\ngrid = { step = \"90s\" }");
  text = replaced(text, "{ kind = \"uniform\", min = 0.2, max = 0.9 }",
                  "{ kind = \"mixture\", of = [ { weight = 0.1, kind = \"beta\", mean = 0.3, stdev = 0.1 }, { weight = "
                  "0.7000000001, kind = \"pareto\", min = 0.1, alpha = 1.1, cap = 1 }, "
                  "{ weight = 0.2, kind = \"uniform\", min = 0, max = 1e-7 } ] }\nnetwork = \"n \\\"q\\\" "
                  "\\u00e9\"\ncommon_hazard = 1e-3\nstall = { kind = \"weibull\", shape = 0.3, scale = \"0.1s\" }");
  text +=
      "weight = 3\n[portfolio]\nhaircut = 0.2\n[chains.\"a b\"]\n[routes.\"x.y\"]\ncollateral_chain = \"a "
      "b\"\nliability_chain = "
      "\"\xc3\xa9\"\nstages = [ { name = \"other\", kind = \"gamma\", shape = 1.5, mean = \"3.3333m\" } ]\n";
  const Scenario a = parse_scenario(text, "t");
  const string once = effective_toml(a);
  const Scenario b = parse_scenario(once, "effective");
  EXPECT_EQ(effective_toml(b), once);
  // equal field by field where printing could have hidden a difference
  EXPECT_EQ(b.market.grid.step, a.market.grid.step);
  EXPECT_EQ(b.layers[0].stall->scale, a.layers[0].stall->scale);
  EXPECT_EQ(b.layers[0].network, a.layers[0].network);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(b.layers[0].recovery.of[i].weight, a.layers[0].recovery.of[i].weight);
  ASSERT_EQ(b.routes.size(), 2u);
  EXPECT_EQ(b.routes[1].name, "x.y");
  EXPECT_EQ(b.routes[1].stages[0].law.mean, a.routes[1].stages[0].law.mean);
  EXPECT_EQ(b.chains.size(), a.chains.size());
  EXPECT_EQ(b.collateral[0].weight, 3.0);
  EXPECT_EQ(b.portfolio->haircut, 0.2);
  EXPECT_EQ(b.source, once);
}

TEST(Effective, NumbersAndDurationsSurvive) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 500; ++i) {
    const double scale = std::pow(10.0, static_cast<double>(random() % 12) - 4.0);
    const double x = scale * static_cast<double>(random() >> 11) * 0x1p-53;
    Scenario s = parse_scenario(valid, "t");
    s.market.assets[0].price = x + 1e-300;
    s.layers[0].exposure = i % 3 == 0 ? std::round(x) : x;
    s.layers[0].hazard = x / 1e5;
    const Scenario back = parse_scenario(effective_toml(s), "e");
    EXPECT_EQ(back.market.assets[0].price, s.market.assets[0].price);
    EXPECT_EQ(back.layers[0].exposure, s.layers[0].exposure);
    EXPECT_EQ(back.layers[0].hazard, s.layers[0].hazard);
  }
}

TEST_F(Folder, EmpiricalSamplesComeBackAsQuantiles) {
  string csv = "delay\n";
  for (int i = 1; i <= 300; ++i) csv += std::to_string(std::exp(i / 60.0)) + "\n";
  write("s.csv", csv);
  const Scenario a = parse_scenario(changed("kind = \"lognormal\", median = \"45s\", p99 = \"10m\"",
                                            "kind = \"empirical\", file = \"s.csv\", column = \"delay\""),
                                    "t", root);
  const string once = effective_toml(a);
  const Scenario b = parse_scenario(once, "e");  // needs the samples no more
  EXPECT_EQ(b.routes[0].stages[2].law.quantiles, a.routes[0].stages[2].law.quantiles);
  EXPECT_EQ(effective_toml(b), once);
}

/// A decimal comma for everything that asks the C++ locale.
struct Comma : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  string do_grouping() const override { return "\3"; }
};

TEST(Effective, DecimalPointWhateverTheLocale) {
  const string before = effective_toml(parse_scenario(valid, "t"));
  const std::locale old = std::locale::global(std::locale(std::locale::classic(), new Comma));
  const string c_locale = std::setlocale(LC_ALL, nullptr);
  std::setlocale(LC_ALL, "de_DE.UTF-8");  // where it is installed, the C locale has the comma too
  const string after = effective_toml(parse_scenario(valid, "t"));
  const string refused = Error::to_text(problems_of(changed("volatility = 0.8", "volatility = -0.8")));
  std::setlocale(LC_ALL, c_locale.c_str());
  std::locale::global(old);
  EXPECT_EQ(after, before);
  EXPECT_NE(refused.find("= -0.8 is negative"), string::npos) << refused;
}

}  // namespace
}  // namespace proofload
