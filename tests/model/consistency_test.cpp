// What must hold whatever the numbers, in a book where everything of a messaging layer is in force: which way a haircut
// moves on common random numbers, what a single chain has in common with it, that its attribution sums, and whose draws
// nothing else moves.
#include <algorithm>

#include "tests/model/outages.h"

namespace proofload {
namespace {

using namespace testing;  // NOLINT: the vocabulary of checks

// ---- which way a haircut moves --------------------------------------------------------------------------------------

struct Dial {
  double volatility = 0.8, relay = hour, hazard = 1.0, verifier_hazard = 0.5, exposure = 2 * day, recovery = 0.6,
         bond = 0.05, secured = 100e6, stall = 6 * hour, outage_rate = 10.0, outage = 8 * hour, pause_rate = 5.0,
         forced = 10 * day, reorg = 0.001, queue = 0.0, delays = 0.3, gamma = 0.2, eta = 0.5, outages = 0.5,
         prices = 0.2, volatility_error = 0.1, delay_error = 0.1;
};

std::string book(const Dial& d) {
  const auto key = [](const char* name, double value) { return fmt::format("{} = {:.17g}\n", name, value); };
  return std::string(
             "schema = 1\nname = \"c\"\n[run]\npaths = 100000\nseed = 7\nconfidence = [0.9, 0.99, 0.999]\nhorizon = "
             "\"40d\"\n") +
         one_asset(d.volatility, student_t(5.0)) +
         chain_with("b", {Standstill{d.outage_rate, lognormal_time(d.outage, 0.8)}},
                    fmt::format("forced_inclusion = {}\nreorg = {{ probability = {}, delay = {} }}\n",
                                seconds(d.forced), d.reorg, law_in(lasting(day)))) +
         layer_with(
             "l", key("hazard", d.hazard) + fmt::format("exposure = {}\n", seconds(d.exposure)) +
                      fmt::format("recovery = {{ kind = \"constant\", value = {} }}\n", d.recovery) +
                      "network = \"n\"\ncommon_hazard = 0.2\nverifiers = \"v\"\n" +
                      key("verifier_hazard", d.verifier_hazard) + key("secured", d.secured) +
                      (d.bond > 0.0 ? key("bond", d.bond * d.secured) : "") + "corruption_cost = 100e6\n" +
                      fmt::format("stall = {}\n", law_in(lasting(d.stall))) +
                      (d.queue > 0.0 ? fmt::format("queue = {{ above = 1e5, delay = {} }}\n", seconds(d.queue)) : "") +
                      outages({Standstill{d.pause_rate, lasting(day), "pause"}})) +
         route("r",
               exponential("finality", 20 * minute) + ", { name = \"reorg\", kind = \"chain\" }, " +
                   exponential("relay", d.relay) + ", " + constant("source_inclusion", 12.0),
               "l") +
         collateral("k", "X", "r", 0.1, "sale = { size = 2e5, depth = 1e7 }") + "[systemic]\n" +
         key("delays", d.delays) + key("volatility", d.gamma) + key("hazards", d.eta) + key("outages", d.outages) +
         key("prices", d.prices) + "[uncertainty]\n" + key("volatility", d.volatility_error) +
         key("delays", d.delay_error);
}

struct Rise {
  const char* name;
  double Dial::*dial;
  std::vector<double> values;  ///< each must give a larger haircut than the one before, at one of the confidences
  int confidence = 1;          ///< of 90 %, 99 % and 99.9 %
};
void PrintTo(const Rise& r, std::ostream* to) { *to << r.name; }

class BookHaircutRises : public ::testing::TestWithParam<Rise> {};
TEST_P(BookHaircutRises, WithEachValue) {
  double before = -1.0;
  for (const double value : GetParam().values) {
    Dial d;
    d.*GetParam().dial = value;
    const double now = *answer(run_text(book(d))).collateral[0].haircuts[std::size_t(GetParam().confidence)].value;
    EXPECT_GT(now, before) << GetParam().name << " " << value;
    before = now;
  }
}
// Where failures decide (99.9 %), where delays do (99 %). Common random numbers: no statistics, but quantiles of
// 100,000 paths. The stress factor's volatility keeps the mean variance: only the far tail must rise, by 1.2 % from
// none to 0.8, and at once.
INSTANTIATE_TEST_SUITE_P(Consistency, BookHaircutRises,
                         ::testing::Values(Rise{"volatility", &Dial::volatility, {0.4, 0.6, 0.8, 1.2}},
                                           Rise{"delay", &Dial::relay, {600.0, hour, 6 * hour, day}},
                                           Rise{"hazard", &Dial::hazard, {0.0, 1.0, 3.0}},
                                           Rise{"exposure", &Dial::exposure, {hour, day, 5 * day}},
                                           Rise{"verifier_hazard", &Dial::verifier_hazard, {0.0, 1.0, 3.0}},
                                           Rise{"severity", &Dial::recovery, {0.9, 0.5, 0.2}, 2},
                                           Rise{"what_it_secures", &Dial::secured, {100e6, 300e6, 900e6}},
                                           Rise{"stall", &Dial::stall, {minute, day, 10 * day}, 2},
                                           Rise{"outage_rate", &Dial::outage_rate, {0.0, 10.0, 40.0}},
                                           Rise{"outage", &Dial::outage, {hour, 8 * hour, 2 * day}},
                                           Rise{"pause_rate", &Dial::pause_rate, {0.0, 5.0, 30.0}},
                                           Rise{"forced_inclusion", &Dial::forced, {600.0, 6 * hour, 10 * day}},
                                           Rise{"reorg", &Dial::reorg, {0.0, 0.01, 0.1}},
                                           Rise{"queue", &Dial::queue, {0.0, hour, day}},
                                           Rise{"delays_and_prices", &Dial::delays, {0.0, 0.4, 0.8}},
                                           Rise{"volatility_with_everything", &Dial::gamma, {0.0, 0.8}, 2},
                                           Rise{"prices_with_delays", &Dial::prices, {0.0, 0.4, 0.8}},
                                           Rise{"volatility_error", &Dial::volatility_error, {0.0, 0.3, 0.6}, 2},
                                           Rise{"delay_error", &Dial::delay_error, {0.0, 0.5, 1.0}}),
                         [](const auto& rise) { return std::string(rise.param.name); });

/// A bond can only lower what is lost; more of it does.
TEST(Consistency, HaircutFallsWithTheBond) {
  double before = 1.0;
  for (const double bond : {0.0, 0.1, 0.3}) {
    Dial d;
    d.bond = bond;
    const double now = *answer(run_text(book(d))).collateral[0].haircuts[2].value;
    EXPECT_LT(now, before) << bond;
    before = now;
  }
}

// ---- one chain, and what the parts sum to ---------------------------------------------------------------------------

/// When the message takes an oracle and one block, and nothing fails or stands still, the haircut is that of a single
/// chain, path by path, whatever the prices: all of it is the price's. Planted: a second more, and a hazard.
TEST(Consistency, OracleAndOneBlockAreASingleChain) {
  const auto run = [](const std::string& market, const std::string& oracle, double inclusion, double hazard) {
    return run_text("schema = 1\nname = \"s\"\n[run]\npaths = 50000\nseed = 7\nconfidence = [0.9, 0.99, 0.999]\n" +
                    one_asset(0.8, market) + "[chains.a]\nblock_time = \"60s\"\n" +
                    layer_with("l", fmt::format("hazard = {}\nexposure = \"30d\"\n", hazard)) +
                    route("r", oracle + ", " + constant("source_inclusion", inclusion), "l") +
                    collateral("k", "X", "r", 0.1));
  };
  const auto counts = [](const Results& r, std::size_t at) {
    const auto first = r.tally.counts.begin() + std::ptrdiff_t(at);
    return std::vector<std::uint64_t>(first, first + loss_bins);
  };
  const std::string deviating =
      "{ name = \"oracle\", kind = \"deviation\", heartbeat = \"1h\", deviation = 0.005, latency = { kind = "
      "\"exponential\", mean = \"30s\" } }";
  struct {
    std::string market, oracle;
  } const cases[] = {
      {"", exponential("oracle", 20 * minute)},
      {student_t(4.0), exponential("oracle", 20 * minute)},
      {"grid = { step = \"5m\" }\njumps = { kind = \"merton\", intensity = 300.0, mean = -0.05, stdev = 0.05 }\n",
       exponential("oracle", 20 * minute)},
      {"grid = { step = \"1m\" }\n", deviating}};
  for (const auto& c : cases) {
    const Results r = run(c.market, c.oracle, 60.0, 0.0);
    const auto price = r.tally.layout.price(r.compiled.reading_of[0]), latency = r.tally.layout.latency(0);
    EXPECT_EQ(counts(r, price), counts(r, latency)) << c.market;
    const Answers answers = answer(r);
    for (const HaircutAnswer& h : answers.collateral[0].haircuts) {
      EXPECT_EQ(*h.attribution.price, *h.value);
      EXPECT_EQ(*h.attribution.latency, 0.0);
      EXPECT_EQ(*h.attribution.failure, 0.0);
      EXPECT_EQ(*h.attribution.liquidity, 0.0);
    }
    const Results later = run(c.market, c.oracle, 61.0, 0.0), fails = run(c.market, c.oracle, 60.0, 1.0);
    EXPECT_NE(counts(later, price), counts(later, latency)) << c.market;
    EXPECT_GT(*answer(fails).collateral[0].haircuts[1].attribution.failure, 0.1) << c.market;
  }
}

TEST(Consistency, AttributionSums) {
  Dial far;
  far.hazard = 5.0;
  far.queue = day;
  Dial safe;
  safe.hazard = safe.verifier_hazard = safe.eta = 0.0;
  for (const Dial& d : {Dial{}, far, safe}) {
    const Answers answers = answer(run_text(book(d)));
    for (const HaircutAnswer& h : answers.collateral[0].haircuts) {
      const auto& a = h.attribution;
      EXPECT_NEAR(*a.price + *a.basis + *a.latency + *a.failure + *a.liquidity, *h.value, 1e-12);
      EXPECT_GT(*a.latency, 0.0);  // each part is there
      EXPECT_GT(*a.liquidity, 0.0);
    }
    const HaircutAnswer& most = answers.collateral[0].haircuts[2];
    EXPECT_GT(*most.attribution.failure, 0.0);
  }
}

// ---- whose draws nothing else moves ---------------------------------------------------------------------------------

/// Everything about delays and failures that is counted for what has these names; prices apart, whose increments are
/// addressed by the rank of the visit (host/plan/compile.cpp): another delay on the way moves those, and only those.
struct Counts {
  std::vector<std::uint64_t> delay, late, failed;
  bool operator==(const Counts&) const = default;
};
Counts counts_of(const Results& r, const std::vector<std::string>& routes, const std::vector<std::string>& layers) {
  const auto at = [](const auto& all, const std::string& name) {
    return int(std::find_if(all.begin(), all.end(), [&](const auto& x) { return x.name == name; }) - all.begin());
  };
  Counts c;
  for (const auto& name : routes) {
    const auto first = r.tally.counts.begin() + std::ptrdiff_t(r.tally.layout.delay(at(r.scenario.routes, name)));
    c.delay.insert(c.delay.end(), first, first + delay_bins);
  }
  for (const char* name : {"x", "y"})
    c.late.push_back(r.tally.counts[r.tally.layout.late(at(r.scenario.collateral, name))]);
  for (const auto& one : layers) {
    for (const auto& two : layers) {
      const int i = at(r.scenario.layers, one), j = at(r.scenario.layers, two);
      c.failed.push_back(r.tally.counts[r.tally.layout.failed(std::min(i, j), std::max(i, j))]);
    }
  }
  return c;
}

struct Parts {
  std::string market = one_asset(0.8), chains, layers, x_stages, routes, collaterals, more;
};
Results run_parts(const Parts& p) {
  const Standstill halt{20.0, lognormal_time(6 * hour, 0.8)};
  const std::string failing = "hazard = 3.0\nexposure = \"10d\"\nnetwork = \"n\"\ncommon_hazard = 1.0\n";
  return run_text(
      "schema = 1\nname = \"d\"\n[run]\npaths = 50000\nseed = 7\nhorizon = \"20d\"\nconfidence = [0.9, 0.99]\n" +
      p.market + chain_with("b", {halt}) + chain_with("c", {halt}) + p.chains +
      layer_with("l", failing + outages({Standstill{10.0, lasting(day), "pause"}})) + layer_with("m", failing) +
      p.layers +
      route("x", exponential("source_inclusion", hour) + ", " + exponential("relay", hour) + p.x_stages, "l") +
      route("y", exponential("finality", hour) + ", " + exponential("relay", hour), "m", "c") + p.routes +
      collateral("x", "X", "x", 0.1) + collateral("y", "X", "y", 0.1) + p.collaterals + p.more);
}

TEST(Draws, OfOthersAreNotMovedByARouteAStageAnOutageOrALayer) {
  const Results plain = run_parts({});
  const std::vector<std::string> xy = {"x", "y"}, y = {"y"}, lm = {"l", "m"};
  const Counts both = counts_of(plain, xy, lm);
  Parts p;
  p.routes = route("z", exponential("source_inclusion", 3 * hour) + ", " + exponential("proof", hour), "l", "c");
  p.collaterals = collateral("z", "X", "z", 0.1);
  EXPECT_EQ(counts_of(run_parts(p), xy, {}), counts_of(plain, xy, {})) << "a route and its collateral";

  p = {};
  p.layers = layer_with("k",
                        "hazard = 5.0\nexposure = \"10d\"\nnetwork = \"n\"\ncommon_hazard = 1.0\nverifiers = \"v\"\n"
                        "verifier_hazard = 2.0\nstall = { kind = \"exponential\", mean = \"1d\" }\n" +
                            outages({Standstill{30.0, exponential_time(day), "pause"}}));
  EXPECT_EQ(counts_of(run_parts(p), xy, lm), both) << "a layer that nobody uses";
  p.routes = route("z", exponential("relay", hour), "k");
  p.collaterals = collateral("z", "X", "z", 0.1);
  EXPECT_EQ(counts_of(run_parts(p), xy, lm), both) << "a layer and its route";

  p = {};
  p.x_stages = ", " + exponential("challenge", hour) + ", " + exponential("destination_inclusion", 60.0);
  const Results staged = run_parts(p);
  EXPECT_EQ(counts_of(staged, y, {"m"}).delay, counts_of(plain, y, {"m"}).delay) << "a stage of x, seen by y";
  EXPECT_EQ(counts_of(staged, y, {"m"}).failed, counts_of(plain, y, {"m"}).failed);
  EXPECT_NE(counts_of(staged, xy, lm).delay, both.delay);

  p = {};
  p.chains = chain_with("a", {Standstill{50.0, exponential_time(day)}});
  EXPECT_EQ(counts_of(run_parts(p), xy, lm), both) << "outages of a chain on which neither waits";
  p.layers = layer_with(
      "k", "hazard = 0.0\nexposure = \"1h\"\n" + outages({Standstill{30.0, exponential_time(day), "pause"}}));
  p.routes = route("z", exponential("destination_inclusion", hour), "k");
  p.collaterals = collateral("z", "X", "z", 0.1);
  EXPECT_EQ(counts_of(run_parts(p), xy, lm), both) << "and on which another one does";
}

/// With fixed delays (and so the same visits) the losses are the same too, bin by bin: layers, outages that hold up
/// others and failures do not touch the prices.
TEST(Draws, OfPricesAreNotMovedWhereTheVisitsStay) {
  const auto run = [](const std::string& layers, const std::string& on) {
    return run_text("schema = 1\nname = \"d\"\n[run]\npaths = 50000\nseed = 7\nconfidence = [0.9]\n" +
                    assets({{"X", 0.8}, {"Y", 0.6}}) + correlation(0.5) + layers + route("x", constant("relay", hour)) +
                    route("y", constant("relay", 2 * hour), on) + collateral("x", "X", "x", 0.1) +
                    collateral("y", "Y", "y", 0.1));
  };
  const auto losses = [](const Results& r, int k) {
    const auto first = r.tally.counts.begin() + std::ptrdiff_t(r.tally.layout.latency(k));
    return std::vector<std::uint64_t>(first, first + loss_bins);
  };
  const Results plain = run("", ""), layered = run(layer_with("l", "hazard = 40.0\nexposure = \"10d\"\n"), "l");
  const Results halted =
      run(layer_with("l", "hazard = 40.0\nexposure = \"10d\"\n" + outages({Standstill{40.0, lasting(day)}})), "l");
  EXPECT_EQ(losses(layered, 0), losses(plain, 0));
  EXPECT_EQ(losses(layered, 1), losses(plain, 1)) << "without the failure, as without the layer";
  EXPECT_EQ(losses(halted, 0), losses(plain, 0)) << "the earlier of two visits";
  EXPECT_NE(losses(halted, 1), losses(plain, 1));
}

}  // namespace
}  // namespace proofload
