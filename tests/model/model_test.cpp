// What must hold whatever the numbers: which way a haircut moves, what is shared between routes and what is not, and
// that a run is the same run however it is split. Few paths, no statistics: everything here is an order or an equality
// of counts.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "plan/compile.h"
#include "scenario/reader.h"
#include "tests/support.h"

namespace proofload {
namespace {

using testing::collateral, testing::constant, testing::cpu, testing::exponential, testing::one_asset, testing::route;
using testing::run_text, testing::seconds;

constexpr double hour = 3600.0, day = 86400.0;

std::string run_table(std::uint64_t paths, double horizon = 30 * day, std::uint64_t seed = 7) {
  return fmt::format(
      "schema = 1\nname = \"model\"\n[run]\npaths = {}\nseed = {}\nconfidence = [0.99, 0.999]\nhorizon = {}\n", paths,
      seed, seconds(horizon));
}
std::string layer(const std::string& name, double hazard, double exposure, const std::string& more = "") {
  return fmt::format("[layers.{}]\nhazard = {}\nexposure = {}\n{}\n", name, hazard, seconds(exposure), more);
}
std::string recovers(double share) { return fmt::format("recovery = {{ kind = \"constant\", value = {} }}\n", share); }
const std::string recovers_any = "recovery = { kind = \"uniform\", min = 0.0, max = 1.0 }\n";
constexpr double certain = 10'000.0;  // failures a year: over an exposure of 30 d, e^-822 is what escapes

using Counts = std::vector<std::uint64_t>;
Counts part(const Results& r, std::size_t at, int bins) {
  const auto first = r.tally.counts.begin() + static_cast<std::ptrdiff_t>(at);
  return {first, first + bins};
}
Counts latency(const Results& r, int k) { return part(r, r.tally.layout.latency(k), loss_bins); }
Counts spared(const Results& r, int k) { return part(r, r.tally.layout.spared(k), loss_bins); }
Counts struck(const Results& r, int k) { return part(r, r.tally.layout.struck(k), loss_bins); }
Counts delays(const Results& r, int i) { return part(r, r.tally.layout.delay(i), delay_bins); }
std::uint64_t total(const Counts& c) { return std::accumulate(c.begin(), c.end(), std::uint64_t{0}); }
std::uint64_t failed(const Results& r, int i, int j) { return r.tally.counts[r.tally.layout.failed(i, j)]; }
std::uint64_t under(const Results& r, int i, int j) { return r.tally.counts[r.tally.layout.under(i, j)]; }
std::uint64_t hit(const Results& r, int k) { return r.tally.counts[r.tally.layout.hit(k)]; }
std::uint64_t late(const Results& r, int k) { return r.tally.counts[r.tally.layout.late(k)]; }
std::uint64_t any_late(const Results& r) { return r.tally.counts[r.tally.layout.unresolved()]; }

/// Places of things by name, since adding one moves the others.
int route_at(const Results& r, const std::string& name) {
  const auto& v = r.scenario.routes;
  return static_cast<int>(std::find_if(v.begin(), v.end(), [&](const auto& x) { return x.name == name; }) - v.begin());
}
int layer_at(const Results& r, const std::string& name) {
  const auto& v = r.scenario.layers;
  return static_cast<int>(std::find_if(v.begin(), v.end(), [&](const auto& x) { return x.name == name; }) - v.begin());
}
int collateral_at(const Results& r, const std::string& name) {
  const auto& v = r.scenario.collateral;
  return static_cast<int>(std::find_if(v.begin(), v.end(), [&](const auto& x) { return x.name == name; }) - v.begin());
}

// ---- which way a haircut moves --------------------------------------------------------------------------------------

struct Dial {
  double volatility = 0.8, delay = hour, hazard = 4.0, exposure = day, recovery = 0.8, stall = 0.0;
};

HaircutAnswer haircut_at_99(const Dial& d) {
  const std::string stall = fmt::format("stall = {{ kind = \"constant\", value = {} }}\n", seconds(d.stall));
  const Results r = run_text(run_table(100'000) + one_asset(d.volatility) +
                             layer("l", d.hazard, d.exposure, recovers(d.recovery) + (d.stall > 0.0 ? stall : "")) +
                             route("r", exponential("relay", d.delay), "l") + collateral("k", "X", "r", 0.1));
  return answer(r).collateral[0].haircuts[0];
}

struct Rise {
  const char* name;
  double Dial::*dial;
  std::vector<double> values;  ///< each must give a larger haircut than the one before
  Dial base;
};

void PrintTo(const Rise& r, std::ostream* to) { *to << r.name; }

class HaircutRises : public ::testing::TestWithParam<Rise> {};

TEST_P(HaircutRises, WithEachValue) {
  double before = -1.0;
  for (const double value : GetParam().values) {
    Dial d = GetParam().base;
    d.*GetParam().dial = value;
    const double now = *haircut_at_99(d).value;
    EXPECT_GT(now, before) << GetParam().name << " " << value;
    before = now;
  }
}

// Hazard and exposure go through the cliff: 0.3 %, 1.1 % and 5.3 % of the paths fail, at a confidence of 99 %.
INSTANTIATE_TEST_SUITE_P(
    Model, HaircutRises,
    ::testing::Values(Rise{"delay", &Dial::delay, {600.0, hour, 6 * hour, day, 4 * day}, {.hazard = 0.0}},
                      Rise{"volatility", &Dial::volatility, {0.0, 0.2, 0.4, 0.8, 1.6}, {.hazard = 0.0}},
                      Rise{"hazard", &Dial::hazard, {0.0, 2.0, 5.0, 20.0}, {.recovery = 0.5}},
                      Rise{"exposure", &Dial::exposure, {hour, 12 * hour, 36 * hour, 5 * day}, {.recovery = 0.5}},
                      Rise{"severity", &Dial::recovery, {0.99, 0.9, 0.5, 0.1, 0.0}, {.hazard = 40.0}},
                      Rise{"stall", &Dial::stall, {1.0, hour, day, 7 * day}, {.hazard = 40.0, .recovery = 1.0}}),
    [](const auto& rise) { return std::string(rise.param.name); });

TEST(Model, TheCliffIsWhereMorePathsFailThanTheConfidenceLeaves) {
  // exposure one day: 0.55 % and 1.36 % of the paths fail
  const HaircutAnswer before = haircut_at_99({.hazard = 2.0, .recovery = 0.5}),
                      beyond = haircut_at_99({.hazard = 5.0, .recovery = 0.5});
  EXPECT_FALSE(before.beyond_cliff);
  EXPECT_LT(*before.value, 0.1);
  EXPECT_TRUE(beyond.beyond_cliff);
  EXPECT_GT(*beyond.value, 0.4);  // about half is lost
  EXPECT_LT(std::abs(*beyond.given_no_failure - *before.given_no_failure),
            1e-3);  // and without failures nothing changed
}

// ---- one chain ------------------------------------------------------------------------------------------------------

TEST(Model, WithoutALayerAndWithOneBlockAMessageIsASingleChain) {
  const std::string oracle = "{ name = \"oracle\", kind = \"gamma\", shape = 1.5, mean = \"52s\" }";
  for (const char* grid : {"", "grid = { step = \"10s\" }\n"}) {
    const Results r =
        run_text(run_table(50'000) + one_asset(0.8, grid) + "[chains.a]\nblock_time = \"12s\"\n" +
                 route("r", oracle + ", " + constant("source_inclusion", 12)) + collateral("k", "X", "r", 0.01));
    const Counts single = part(r, r.tally.layout.price(r.compiled.reading_of[0]), loss_bins);
    EXPECT_EQ(latency(r, 0), single);
    const Answers a = answer(r);
    for (const HaircutAnswer& h : a.collateral[0].haircuts) {
      EXPECT_GT(*h.value, 0.0);
      EXPECT_NEAR(*h.attribution.price, *h.value, 1e-15);  // the same bin
      EXPECT_EQ(*h.attribution.latency, 0.0);
      EXPECT_EQ(*h.attribution.failure, 0.0);
      EXPECT_NEAR(*h.attribution.liquidity, 0.0, 1e-15);
    }
  }
}

// ---- a book with everything in it -----------------------------------------------------------------------------------

const std::string mixed_stage =
    "{ name = \"other\", kind = \"mixture\", of = [ { weight = 0.9, kind = \"constant\", value = \"0s\" }, "
    "{ weight = 0.1, kind = \"uniform\", min = \"0s\", max = \"8h\" } ] }";
const std::string finality = "{ name = \"finality\", kind = \"uniform\", min = \"13m\", max = \"19m\" }";
const std::string stalls = "stall = { kind = \"lognormal\", median = \"24h\", p99 = \"14d\" }\n";

/// Two assets over two routes of two layers on one network. The arguments but `asset` go in front of what is there, so
/// that all of it moves up.
std::string book(double volatility, const std::string& layers = "", const std::string& routes = "",
                 const std::string& collaterals = "", const std::string& asset = "") {
  const std::string network = "network = \"n\"\ncommon_hazard = 2.0\n";
  std::string market = fmt::format(
      "[market]\nassets = [ {{ name = \"X\", price = 1.0, volatility = {1} }}, {{ name = \"Y\", price = 1.0, "
      "volatility = {1} }}{0} ]\n",
      asset, volatility);
  market += asset.empty() ? "correlation = [ [1.0, 0.6], [0.6, 1.0] ]\n"
                          : "correlation = [ [1.0, 0.6, 0.3], [0.6, 1.0, 0.3], [0.3, 0.3, 1.0] ]\n";
  return market + layers + layer("one", 3.0, day, network + recovers_any + stalls) +
         layer("two", 50.0, 0.0, network + recovers_any) + routes +
         route("first", exponential("oracle", 60) + ", " + finality + ", " + exponential("relay", 600), "one") +
         route("second", finality + ", " + exponential("relay", hour) + ", " + mixed_stage, "two") + collaterals +
         collateral("X@first", "X", "first", 0.05,
                    "weight = 2.0\nbasis = { kind = \"uniform\", min = 0.97, max = 1.0 }") +
         collateral("Y@second", "Y", "second", 0.05,
                    "weight = 1.0\nsale = { size = 1e5, depth = 1e6, cost = 200.0, bonus = 0.05 }") +
         collateral("X@second", "X", "second", 0.05, "weight = 1.0");
}
const std::string portfolio = "[portfolio]\nhaircut = 0.05\n";

TEST(Model, PartsOfAHaircutAddUpToIt) {
  const Answers a = answer(run_text(run_table(200'000) + book(0.8) + portfolio));
  for (const CollateralAnswer& c : a.collateral) {
    for (const HaircutAnswer& h : c.haircuts) {
      const auto& parts = h.attribution;
      EXPECT_NEAR(*parts.price + *parts.basis + *parts.latency + *parts.failure + *parts.liquidity, *h.value, 4e-16)
          << c.name;
      EXPECT_GT(*parts.latency, 0.0) << c.name;
      EXPECT_GE(*parts.failure, 0.0) << c.name;
    }
  }
  EXPECT_GT(*a.collateral[1].haircuts[0].attribution.liquidity, 0.01);             // the one that pays for its sale
  EXPECT_LT(std::abs(*a.collateral[2].haircuts[0].attribution.liquidity), 1e-15);  // one that does not
}

TEST(Model, HistogramsHoldEveryPathOnce) {
  const Results r = run_text(run_table(30'001) + book(0.8) + portfolio);
  for (int k = 0; k < 3; ++k) {
    EXPECT_EQ(total(latency(r, k)), 30'001u);
    EXPECT_EQ(total(part(r, r.tally.layout.price(r.compiled.reading_of[k]), loss_bins)), 30'001u);
    EXPECT_EQ(total(spared(r, k)), hit(r, k));
    EXPECT_EQ(total(struck(r, k)), hit(r, k));
    EXPECT_GT(hit(r, k), 0u);
  }
  for (int i = 0; i < 2; ++i) EXPECT_EQ(total(delays(r, i)), 30'001u);
  EXPECT_EQ(total(part(r, r.tally.layout.book(), loss_bins)), 30'001u);
}

// ---- random numbers belong to names ---------------------------------------------------------------------------------

/// What the book's own objects drew. Volatility 0: proceeds are basis and recovery, and nothing of the price path.
void expect_same_draws(const Results& before, const Results& after) {
  for (const char* name : {"first", "second"}) {
    EXPECT_EQ(delays(before, route_at(before, name)), delays(after, route_at(after, name))) << name;
  }
  for (const char* name : {"one", "two"}) {
    const int i = layer_at(before, name), j = layer_at(after, name);
    EXPECT_GT(failed(before, i, i), 100u);
    EXPECT_EQ(failed(before, i, i), failed(after, j, j)) << name;
  }
  EXPECT_EQ(failed(before, layer_at(before, "one"), layer_at(before, "two")),
            failed(after, layer_at(after, "one"), layer_at(after, "two")));
  for (const char* name : {"X@first", "Y@second", "X@second"}) {
    const int i = collateral_at(before, name), j = collateral_at(after, name);
    EXPECT_EQ(latency(before, i), latency(after, j)) << name;
    EXPECT_EQ(spared(before, i), spared(after, j)) << name;
    EXPECT_EQ(struck(before, i), struck(after, j)) << name;
    EXPECT_EQ(late(before, i), late(after, j)) << name;
  }
}

TEST(Model, AddingARouteALayerACollateralOrAnAssetMovesNoOtherDraw) {
  const std::string head = run_table(50'000, 10 * day);
  const Results base = run_text(head + book(0.0));
  const std::string third =
      route("third", exponential("oracle", 600) + ", " + exponential("finality", hour) + ", " + mixed_stage, "one");
  const std::string on_third = collateral("X@third", "X", "third", 0.1, "weight = 1.0");
  const std::string new_layer =
      layer("zero", 100.0, day, "network = \"n\"\ncommon_hazard = 2.0\n" + recovers_any + stalls);
  const std::string on_zero = route("third", exponential("relay", hour), "zero");
  const std::string asset = ", { name = \"W\", price = 1.0, volatility = 0.0 }";
  {
    SCOPED_TRACE("a route of the same chains and layer");
    const Results r = run_text(head + book(0.0, "", third, on_third));
    EXPECT_EQ(r.scenario.routes.size(), 3u);
    expect_same_draws(base, r);
  }
  {
    SCOPED_TRACE("a route that nobody uses");
    expect_same_draws(base, run_text(head + book(0.0, "", third)));
  }
  {
    SCOPED_TRACE("a layer of the same network, with a route of its own");
    expect_same_draws(base, run_text(head + book(0.0, new_layer, on_zero, on_third)));
  }
  {
    SCOPED_TRACE("a collateral on an old route");
    expect_same_draws(base, run_text(head + book(0.0, "", "", collateral("again", "Y", "first", 0.2, "weight = 1.0"))));
  }
  {
    SCOPED_TRACE("an asset after the others");  // prices and oracles are drawn by an asset's place in the list
    expect_same_draws(
        base, run_text(head + book(0.0, "", third, collateral("W@third", "W", "third", 0.2, "weight = 1.0"), asset)));
  }
  {
    SCOPED_TRACE("and with prices that move, delays and failures still do not");
    const Results r = run_text(head + book(0.8, new_layer, on_zero, on_third));
    for (const char* name : {"first", "second"})
      EXPECT_EQ(delays(base, route_at(base, name)), delays(r, route_at(r, name)));
    for (const char* name : {"X@first", "Y@second", "X@second"})
      EXPECT_EQ(hit(base, collateral_at(base, name)), hit(r, collateral_at(r, name)));
  }
}

TEST(Model, AnotherNameOrSeedIsAnotherDraw) {
  const auto text = [](const std::string& name, std::uint64_t seed) {
    return run_table(20'000, day, seed) + one_asset(0.5) + layer(name, 100.0, day, recovers_any) +
           route(name, exponential("relay", hour), name) + collateral("k", "X", name, 0.05);
  };
  const Results a = run_text(text("r", 1)), same = run_text(text("r", 1)), seed = run_text(text("r", 2)),
                name = run_text(text("q", 1));
  EXPECT_TRUE(a.tally == same.tally);
  EXPECT_EQ(a.tally.hash(), same.tally.hash());
  for (const Results* other : {&seed, &name}) {
    EXPECT_NE(a.tally.hash(), other->tally.hash());
    EXPECT_NE(delays(a, 0), delays(*other, 0));
    EXPECT_NE(latency(a, 0), latency(*other, 0));
    EXPECT_NE(struck(a, 0), struck(*other, 0));
  }
  EXPECT_EQ(a.compiled.plan_hash, seed.compiled.plan_hash);
}

// ---- what is shared -------------------------------------------------------------------------------------------------

TEST(Model, CollateralsOfOneRouteAndAssetSeeOnePath) {
  for (const char* grid : {"", "grid = { step = \"13m\" }\n"}) {
    const Results r = run_text(run_table(40'000) + one_asset(0.8, grid) + layer("l", 20.0, day, recovers_any + stalls) +
                               route("r", exponential("relay", hour), "l") + collateral("k", "X", "r", 0.03) +
                               collateral("j", "X", "r", 0.03));
    EXPECT_EQ(latency(r, 0), latency(r, 1));
    EXPECT_EQ(struck(r, 0), struck(r, 1));
    EXPECT_GT(under(r, 0, 0), 100u);
    EXPECT_EQ(under(r, 0, 1), under(r, 0, 0));
    EXPECT_EQ(under(r, 1, 1), under(r, 0, 0));
  }
}

TEST(Model, RoutesThatTakeEquallyLongSellAtOnePrice) {
  const Results r = run_text(run_table(40'000) + one_asset(0.8) +
                             route("r", constant("relay", hour) + ", " + exponential("finality", hour)) +
                             route("q", exponential("finality", hour) + ", " + constant("proof", hour)) +
                             collateral("k", "X", "r", 0.03) + collateral("j", "X", "q", 0.03));
  EXPECT_EQ(latency(r, 0), latency(r, 1));
  EXPECT_GT(under(r, 0, 0), 100u);
  EXPECT_EQ(under(r, 0, 1), under(r, 0, 0));
}

/// Two routes, the first of chain b and the other of `chain`; how often each is beyond a horizon of an hour, and how
/// often either is.
struct Lateness {
  std::uint64_t first, second, any;
};
Lateness lateness(const std::string& one, const std::string& other, const std::string& chain = "b",
                  const std::string& layers = "", const std::string& on = "", const std::string& on_other = "") {
  const Results r =
      run_text(run_table(40'000, hour) + one_asset(0.5) + layers + route("r", one, on) +
               route("q", other, on_other, chain) + collateral("k", "X", "r", 0.5) + collateral("j", "X", "q", 0.5));
  const Answers a = answer(r);
  EXPECT_EQ(a.unresolved, any_late(r));
  return {late(r, 0), late(r, 1), any_late(r)};
}
void expect_together(const Lateness& l) {
  EXPECT_GT(std::min(l.first, l.second), 5'000u);
  EXPECT_EQ(l.any, std::max(l.first, l.second));  // whenever the rarer one is late, so is the other
}
void expect_independent(
    const Lateness& l) {  // P(any) = 1 - (1 - p)(1 - q), to six standard errors (of at most 100 paths)
  const double n = 40'000, p = double(l.first) / n, q = double(l.second) / n;
  EXPECT_GT(std::min(l.first, l.second), 5'000u);
  EXPECT_NEAR(double(l.any), n * (p + q - p * q), 600.0);
  EXPECT_GT(l.any, std::max(l.first, l.second) + 2'000u);
}

TEST(Model, RoutesFromOneChainAreLateTogether) {
  const std::string stage = exponential("finality", hour);
  expect_together(lateness(stage, stage));
  expect_independent(lateness(stage, stage, "elsewhere"));
}

TEST(Model, AStageThatIsSharedIsReadThroughEachRoutesOwnLaw) {
  expect_together(lateness(exponential("finality", 2 * hour),
                           "{ name = \"finality\", kind = \"lognormal\", median = \"40m\", sigma = 1.0 }"));
}

TEST(Model, StagesOfARouteAreItsOwn) {
  expect_independent(lateness(exponential("relay", hour), exponential("relay", hour)));
  expect_independent(
      lateness(exponential("finality", hour), exponential("source_inclusion", hour)));  // one chain, two scores
}

TEST(Model, AScopeSaysWithWhomAScoreIsShared) {
  const auto scoped = [](const std::string& scope) {
    return fmt::format("{{ name = \"relay\", scope = \"{}\", kind = \"exponential\", mean = \"1h\" }}", scope);
  };
  expect_together(lateness(scoped("collateral_chain"), scoped("collateral_chain"), "elsewhere"));
  expect_together(lateness(scoped("oracle"), scoped("oracle")));
  expect_independent(lateness(scoped("oracle"), scoped("oracle"), "elsewhere"));
  expect_together(lateness(exponential("oracle", hour), exponential("oracle", hour)));
  expect_independent(lateness(exponential("oracle", hour), exponential("oracle", hour), "elsewhere"));
  expect_independent(lateness(scoped("route"), scoped("route")));
  expect_together(lateness(scoped("liability_chain"), scoped("liability_chain")));
  expect_independent(lateness(scoped("liability_chain"), scoped("liability_chain"), "elsewhere"));
  const std::string layers = layer("l", 0.0, 0.0) + layer("m", 0.0, 0.0);
  expect_together(lateness(scoped("layer"), scoped("layer"), "elsewhere", layers, "l", "l"));
  expect_independent(lateness(scoped("layer"), scoped("layer"), "elsewhere", layers, "l", "m"));
}

TEST(Model, LayersOfOneNetworkFailTogether) {
  const auto network = [](const std::string& name) {
    return fmt::format("network = \"{}\"\ncommon_hazard = 50.0\n", name);
  };
  const Results r = run_text(
      run_table(40'000) + one_asset(0.5) + layer("l", 0.0, day, network("n")) + layer("m", 0.0, day, network("n")) +
      layer("o", 0.0, day, network("other")) + layer("p", 20.0, day, network("n")) +
      route("r", constant("relay", 60), "l") + route("q", exponential("relay", 60), "m") +
      route("s", constant("relay", 60), "o") + route("t", constant("relay", 60), "p") + collateral("k", "X", "r", 0.1) +
      collateral("j", "X", "q", 0.1) + collateral("i", "X", "s", 0.1) + collateral("h", "X", "t", 0.1));
  const std::uint64_t common = failed(r, 0, 0);
  EXPECT_GT(common, 4'000u);
  EXPECT_EQ(failed(r, 1, 1), common);
  EXPECT_EQ(failed(r, 0, 1), common);
  EXPECT_EQ(failed(r, 0, 3), common);          // the layer with a hazard of its own fails with its network
  EXPECT_GT(failed(r, 3, 3), common + 1'000);  // and without it
  EXPECT_LT(failed(r, 0, 2), common / 4);      // another network has its own bad days
  EXPECT_EQ(hit(r, 0), common);
  const Answers a = answer(r);
  EXPECT_EQ(a.joint_failure[0][1], a.joint_failure[1][0]);
  EXPECT_EQ(a.joint_failure[0][1], a.layers[0].p_failure.estimate);
}

TEST(Model, RoutesOfALayerRecoverTheSameAndStandStillAsLong) {
  const std::string layers = layer("l", certain, 30 * day, recovers_any) + layer("m", certain, 30 * day, recovers_any);
  const Results r =
      run_text(run_table(20'000) + one_asset(0.0) + layers + route("r", constant("relay", 60), "l") +
               route("q", exponential("relay", hour), "l") + route("s", constant("relay", 60), "m") +
               collateral("k", "X", "r", 0.5) + collateral("j", "X", "q", 0.5) + collateral("i", "X", "s", 0.5));
  EXPECT_EQ(hit(r, 0), 20'000u);
  EXPECT_EQ(struck(r, 0), struck(r, 1));
  EXPECT_EQ(under(r, 0, 1), under(r, 0, 0));
  EXPECT_NE(struck(r, 0), struck(r, 2));
  EXPECT_NEAR(double(under(r, 0, 2)), 5'000.0, 400.0);  // one half times one half, six standard errors

  const std::string stall = recovers(1.0) + "stall = { kind = \"exponential\", mean = \"1h\" }\n";
  const std::string still = layer("l", certain, 30 * day, stall) + layer("m", certain, 30 * day, stall);
  expect_together(lateness(constant("relay", 60), constant("relay", 600), "a", still, "l", "l"));
  expect_independent(lateness(constant("relay", 60), constant("relay", 600), "a", still, "l", "m"));
}

TEST(Model, AMessageBeyondTheHorizonBringsNothing) {
  const Results r = run_text(run_table(20'000, hour) + one_asset(0.5) + route("r", exponential("relay", hour)) +
                             collateral("k", "X", "r", 0.9));
  EXPECT_GT(late(r, 0), 5'000u);
  EXPECT_EQ(late(r, 0), delays(r, 0)[delay_bins - 1]);
  EXPECT_EQ(late(r, 0), latency(r, 0)[loss_bins - 1]);
  EXPECT_EQ(late(r, 0), under(r, 0, 0));
}

// ---- sales and the book ---------------------------------------------------------------------------------------------

TEST(Model, SaleCostsMapTheLossesWithoutThem) {
  const std::string sale = "sale = { size = 1e4, depth = 4e4, exponent = 0.5, cost = 100.0, bonus = 0.05 }";
  const std::string head = run_table(50'000) + one_asset(0.8) + route("r", exponential("relay", hour));
  const Results free = run_text(head + collateral("k", "X", "r", 0.05)),
                paid = run_text(head + collateral("k", "X", "r", 0.05, sale));
  EXPECT_EQ(latency(free, 0), latency(paid, 0));
  const Answers a = answer(free), b = answer(paid);
  const double keep = (1.0 - 0.02 * 0.5 / 1.5) / 1.05, cost = 0.01 / 1.05;
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& before = a.collateral[0].haircuts[i];
    const auto& after = b.collateral[0].haircuts[i];
    EXPECT_NEAR(*after.value, 1.0 - (keep * (1.0 - *before.value) - cost), 1e-7);  // keep and cost are floats
    EXPECT_NEAR(*after.expected_shortfall, 1.0 - (keep * (1.0 - *before.expected_shortfall) - cost), 1e-7);
    EXPECT_NEAR(*after.attribution.liquidity, *after.value - *before.value, 1e-15);
  }
}

TEST(Model, ABookOfOneIsThatOne) {
  const Results r =
      run_text(run_table(50'000) + portfolio + one_asset(0.8) + layer("l", 20.0, day, recovers_any + stalls) +
               route("r", exponential("relay", hour), "l") + collateral("k", "X", "r", 0.05));
  const Answers a = answer(r);
  EXPECT_GT(hit(r, 0), 100u);
  EXPECT_EQ(a.portfolio->p_under.estimate, a.collateral[0].p_under.estimate);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(*a.portfolio->haircuts[i].value, *a.collateral[0].haircuts[i].value);
    EXPECT_EQ(*a.portfolio->haircuts[i].expected_shortfall, *a.collateral[0].haircuts[i].expected_shortfall);
  }
}

TEST(Model, ABookLosesWhatItsPartsLose) {  // without randomness: 2/3 recovers half, 1/3 everything less its sale
  const Results r = run_text(
      run_table(1'000) + portfolio + one_asset(0.0) + layer("l", certain, 30 * day, recovers(0.5)) +
      route("r", constant("relay", 60), "l") + route("q", constant("relay", 60)) +
      collateral("k", "X", "r", 0.1, "weight = 4.0") +
      collateral("j", "X", "q", 0.1, "weight = 2.0\nsale = { size = 1e3, depth = 1e12, exponent = 1, cost = 300.0 }"));
  EXPECT_NEAR(*answer(r).portfolio->haircuts[0].value, 2.0 / 3.0 * 0.5 + 1.0 / 3.0 * 0.3, 2e-5);
}

// ---- outcomes that are not numbers ----------------------------------------------------------------------------------

// No volatility and drift that a scenario file may hold can overflow a price within 40 days, so the scenario is spoilt
// after it was read: a drift at which the price leaves the floats exactly when the message takes longer than `limit`.
TEST(Model, TheLowestPathThatIsNotFiniteIsNamed) {
  constexpr double limit = 6 * hour;
  const Scenario sane = parse_scenario(
      run_table(5'000) + one_asset(0.01) + route("r", exponential("relay", hour)) + collateral("k", "X", "r", 0.1),
      "test.toml");
  Scenario spoilt = sane;
  spoilt.market.assets[0].drift = 88.0 / limit * seconds_per_year;

  const auto named = [&](std::uint64_t batch, int threads) {
    RunOptions options;
    options.batch = batch;
    try {
      run_scenario(spoilt, *cpu(threads), options);
    } catch (const Error& e) {
      const std::string message = e.what();
      EXPECT_NE(message.find("not a finite number"), std::string::npos) << message;
      EXPECT_EQ(message.find("path "), 0u) << message;
      return std::stoull(message.substr(5));
    }
    ADD_FAILURE() << "nobody noticed";
    return 0ull;
  };
  const std::uint64_t lowest = named(1u << 22, 1);
  ASSERT_GT(lowest, 20u);  // so that there are paths before it
  EXPECT_EQ(named(1u << 22, 2), lowest);
  EXPECT_EQ(named(100, 2), lowest);
  EXPECT_EQ(named(lowest, 1), lowest);      // the first of a batch
  EXPECT_EQ(named(lowest + 1, 1), lowest);  // the last of one

  // Each path's delay, from the scenario with an ordinary drift: the first that is beyond the limit is the one.
  const Compiled compiled = compile(sane);
  const auto backend = cpu(1);
  for (std::uint64_t path = 0; path <= lowest; ++path) {
    Tally one(layout_of(compiled.plan));
    backend->run(compiled, sane.run.seed, {path, 1}, one);
    int bin = 0;
    while (one.counts[one.layout.delay(0) + static_cast<std::size_t>(bin)] == 0) ++bin;
    if (path < lowest) {
      EXPECT_LE(delay_edge(bin), limit * ticks_per_second) << path;
    } else {
      EXPECT_GE(delay_edge(bin + 1), limit * ticks_per_second) << path;
    }
  }
}

// ---- a run is one run -----------------------------------------------------------------------------------------------

TEST(Model, BatchesDoNotMatter) {
  const std::string text = run_table(100'003) + book(0.8) + portfolio;
  const Results whole = run_text(text);
  EXPECT_EQ(whole.tally.paths, 100'003u);
  for (const std::uint64_t batch : {std::uint64_t{4096}, std::uint64_t{7'777}, std::uint64_t{50'001}}) {
    RunOptions options;
    options.batch = batch;
    std::uint64_t calls = 0, done = 0;
    options.progress = [&](const Progress& p) {
      ++calls;
      EXPECT_GT(p.done, done);
      EXPECT_EQ(p.wanted, 100'003u);
      done = p.done;
    };
    const Results split = run_text(text, options);
    EXPECT_TRUE(split.tally == whole.tally) << batch;
    EXPECT_EQ(split.tally.hash(), whole.tally.hash()) << batch;
    EXPECT_EQ(calls, (100'003 + batch - 1) / batch);
    EXPECT_EQ(done, 100'003u);
  }
}

TEST(Model, AStoppedRunGoesOnWhereItStopped) {
  const Scenario s = parse_scenario(run_table(100'003) + book(0.8) + portfolio, "test.toml");
  const auto backend = cpu();
  const Results whole = run_scenario(s, *backend);
  RunOptions options;
  options.batch = 33'331;
  options.stop = [] { return true; };
  const Results part = run_scenario(s, *backend, options);
  EXPECT_EQ(part.range.count, 33'331u);
  EXPECT_EQ(part.tally.paths, 33'331u);
  EXPECT_FALSE(part.tally == whole.tally);
  EXPECT_NO_THROW(answer(part));
  const Results further = run_scenario(s, *backend, options, part);
  EXPECT_EQ(further.range.count, 66'662u);
  const Results rest = run_scenario(s, *backend, {}, further);
  EXPECT_EQ(rest.range.count, 100'003u);
  EXPECT_TRUE(rest.tally == whole.tally);
  EXPECT_EQ(rest.tally.hash(), whole.tally.hash());
}

TEST(Model, OnlyTheSameRunGoesOn) {
  const auto text = [](std::uint64_t seed, double volatility) {
    return run_table(2'000, 30 * day, seed) + book(volatility);
  };
  const Results before = run_text(text(1, 0.8));
  const auto backend = cpu(1);
  EXPECT_THROW(run_scenario(parse_scenario(text(2, 0.8), "test.toml"), *backend, {}, before), Error);
  EXPECT_THROW(run_scenario(parse_scenario(text(1, 0.9), "test.toml"), *backend, {}, before), Error);
  EXPECT_TRUE(run_scenario(parse_scenario(text(1, 0.8), "test.toml"), *backend, {}, before).tally ==
              before.tally);  // nothing left to do
  Results later = before;
  later.range.first = 1'000;
  EXPECT_THROW(run_scenario(before.scenario, *backend, {}, later), Error);
}

/// A token's basis is neither the price's part of a haircut nor the latency's.
TEST(Model, BasisIsAPartOfItsOwn) {
  const auto run = [](const std::string& basis, const char* seizure) {
    return run_text(run_table(100'000) + one_asset(0.8) + "[chains.a]\nblock_time = \"12s\"\n" +
                    route("r",
                          "{ name = \"oracle\", kind = \"constant\", value = \"1h\" }, { name = \"relay\", kind = "
                          "\"constant\", value = \"" +
                              std::string(seizure) + "\" }") +
                    collateral("native", "X", "r", 0.05) + collateral("token", "X", "r", 0.05, "basis = " + basis));
  };
  const std::string random = "{ kind = \"uniform\", min = 0.8, max = 1.0 }";
  // Sold exactly at the price-layer time nothing is left for latency: the same path, counted twice.
  const Results same = run(random, "12s");
  const TallyLayout& at = same.tally.layout;
  ASSERT_EQ(at.based, 1u);
  for (int b = 0; b < loss_bins; ++b)
    ASSERT_EQ(same.tally.counts[at.basis(0) + std::size_t(b)], same.tally.counts[at.latency(1) + std::size_t(b)]) << b;
  const Answers at_once_answers = answer(same);
  const Answers moved = answer(run(random, "1h")),
                fixed_basis = answer(run("{ kind = \"constant\", value = 0.9 }", "1h"));
  for (std::size_t i = 0; i < moved.collateral[0].haircuts.size(); ++i) {
    const auto &native = moved.collateral[0].haircuts[i].attribution,
               &token = moved.collateral[1].haircuts[i].attribution,
               &fixed = fixed_basis.collateral[1].haircuts[i].attribution;
    const auto& at_once = at_once_answers.collateral[1].haircuts[i].attribution;
    EXPECT_EQ(*native.basis, 0.0);
    EXPECT_EQ(*token.price, *native.price);
    EXPECT_EQ(*fixed.price, *native.price);
    EXPECT_NEAR(*fixed.basis, 0.1 * (1.0 - *native.price), 1e-7);  // exactly, but for the float 0.9
    EXPECT_EQ(*at_once.latency, 0.0);
    EXPECT_GT(*token.basis, 0.1);  // at 99 % the basis alone takes almost 0.2
    EXPECT_LT(*token.basis, 0.2);
    EXPECT_LT(*token.latency, 1.1 * *native.latency);  // the basis is the larger risk: less is left to add
    EXPECT_NEAR(*token.price + *token.basis + *token.latency + *token.failure + *token.liquidity,
                *moved.collateral[1].haircuts[i].value, 4e-16);
  }
}

RouteAnswer delays_of(const std::string& stages, const std::string& more = "") {
  return answer(run_text(run_table(1'000'000) + one_asset(0.1) + route("r", stages) + collateral("k", "X", "r", 0.5) +
                         more))
      .routes[0];
}

/// A delay of so many seconds: the law's own value, not the edge of a bin.
TEST(Delays, OfAnAtomAreItsValue) {
  const RouteAnswer daily = delays_of(
      "{ name = \"relay\", kind = \"mixture\", of = [ { weight = 0.999, kind = \"constant\", value = \"24h\" }, { "
      "weight = "
      "0.001, kind = \"exponential\", mean = \"1h\" } ] }");
  EXPECT_EQ(daily.p50, 86400.0);
  EXPECT_EQ(daily.p99, 86400.0);
  // Two atoms of one bin, and one stage more that is certain.
  const RouteAnswer two = delays_of(constant("finality", 60.0) +
                                    ", { name = \"relay\", kind = \"mixture\", of = [ { weight = 0.7, kind = "
                                    "\"constant\", value = \"540s\" }, { weight = "
                                    "0.3, kind = \"constant\", value = \"545s\" } ] }");
  EXPECT_EQ(two.p50, 600.0);
  EXPECT_EQ(two.p90, 605.0);
  // Measured: half of all messages take 100 s.
  const RouteAnswer measured = delays_of(
      "{ name = \"relay\", kind = \"empirical\", quantiles = [ [0.0, \"50s\"], [0.3, \"100s\"], [0.8, \"100s\"], [1.0, "
      "\"300s\"] ] }");
  EXPECT_EQ(measured.p50, 100.0);
  EXPECT_NEAR(*measured.p90, 200.0, 1.0);
  EXPECT_EQ(delays_of(constant("relay", 7.25)).p999, 7.25);
}

TEST(Delays, OfASmoothLawAreWithinAThirdOfAPercent) {
  for (const double median : {1.0, 100.0, 86400.0}) {
    const RouteAnswer r = delays_of(
        fmt::format("{{ name = \"relay\", kind = \"lognormal\", median = {}, sigma = 0.1 }}", seconds(median)));
    const std::pair<std::optional<double>, double> quantiles[] = {
        {r.p50, 0.0}, {r.p90, 1.2815516}, {r.p99, 2.3263479}, {r.p999, 3.0902323}};
    for (const auto& [found, z] : quantiles) {
      // The 99.9 % point of a million paths is known to 0.1 %.
      EXPECT_NEAR(*found / (median * std::exp(0.1 * z)), 1.0, z > 3.0 ? 0.006 : 0.003) << median << ' ' << z;
    }
  }
}

/// What is not known of a median smears an atom of a random stage, and nobody may call it one.
TEST(Delays, ThatAreNotKnownHaveNoAtoms) {
  const std::string mixed =
      "{ name = \"relay\", kind = \"mixture\", of = [ { weight = 0.9, kind = \"constant\", value = \"1000s\" }, { "
      "weight = "
      "0.1, kind = \"exponential\", mean = \"1h\" } ] }";
  EXPECT_EQ(delays_of(mixed).p50, 1000.0);
  EXPECT_NE(delays_of(mixed, "[uncertainty]\ndelays = 0.3\n").p50, 1000.0);
}

}  // namespace
}  // namespace proofload
