// Failures of messaging layers against theory: shocks that a network or a set of verifiers shares, exposures, bonds,
// the cost of corruption, stalls, the cliff (DESIGN 1.4). checks.h says what a check is and how it proves that it would
// see an error.
#include <algorithm>

#include "tests/model/outages.h"

namespace proofload {
namespace {

using namespace testing;  // NOLINT: the vocabulary of checks

constexpr std::uint64_t n = 1'000'000;

/// P(the loss of collateral k is h or more), h a multiple of 1e-5: from paths without a failure, and those with one.
Measure loses(int k, double h) {
  return [=](const Results& r, const Answers&) {
    const TallyLayout& at = r.tally.layout;
    return counted(beyond(r, at.latency(k), h) - beyond(r, at.spared(k), h) + beyond(r, at.struck(k), h),
                   r.tally.paths);
  };
}

struct Layer {
  std::string name;
  double hazard, exposure;  ///< per year; days
  double network = 0.0, verifiers = 0.0;
  std::string of_network = "n", of_verifiers = "v", more = "";

  std::string text() const {
    std::string t;
    if (network > 0.0) t += fmt::format("network = \"{}\"\ncommon_hazard = {:.17g}\n", of_network, network);
    if (verifiers > 0.0) t += fmt::format("verifiers = \"{}\"\nverifier_hazard = {:.17g}\n", of_verifiers, verifiers);
    return layer(name, hazard, exposure, t + more);
  }
  double rate() const { return hazard + network + verifiers; }
};

/// Marshall and Olkin (1967): own shocks, those of a network, those of a verifier set; P(T_i < e_i, T_j < e_j) with
/// exposures that differ. Errors: one shock for network and verifiers of a name; a shared shock drawn per layer; the
/// marginal rate without one of the three; one exposure for both.
void joint_laws(std::vector<Row>& rows) {
  const auto layers = [](const World& w) {
    return std::vector<Layer>{{"one", 0.3 * w.size, 20.0, 0.5 * w.correlation, 0.4 * w.shape},
                              {"two", 0.2, 60.0, 0.5 * w.correlation, 0.4 * w.shape},
                              {"net", 0.1, 40.0, 0.5 * w.correlation, 0.0},
                              {"set", 0.1, 30.0, 0.0, 0.4 * w.shape},
                              {"also_n", 0.2, 50.0, 0.0, 0.6, "n", "n"}};  // verifiers that are called like the network
  };
  const auto both = [=](const World& w, int i, int j, bool network, bool verifiers) {
    const auto l = layers(w);
    const Layer &a = l[std::size_t(i)], &b = l[std::size_t(j)];
    const double c = (network ? a.network : 0.0) + (verifiers ? a.verifiers : 0.0), day_share = 1.0 / 365.0;
    const double ea = a.exposure * day_share, eb = b.exposure * day_share;
    return 1.0 - std::exp(-a.rate() * ea) - std::exp(-b.rate() * eb) +
           std::exp(-(a.rate() - c) * ea - (b.rate() - c) * eb - c * std::max(ea, eb));
  };
  const auto pair = [=](const char* name, int i, int j, bool network, bool verifiers, Knob knob) {
    return probability(
        name, n, [=](const World& w) { return both(w, i, j, network, verifiers); }, knob, both_fail(i, j));
  };
  rows.push_back({"shared_shocks",
                  n,
                  [=](const World& w) {
                    std::string text = one_asset(0.8);
                    for (const Layer& l : layers(w)) text += l.text();
                    for (const Layer& l : layers(w)) text += sale_over(l.name);
                    return text;
                  },
                  {probability(
                       "P(one)", n, [=](const World& w) { return lost(layers(w)[0].rate() * 20.0 / 365.0); },
                       &World::size, both_fail(0, 0)),
                   pair("P(one and two): network and set", 0, 1, true, true, &World::shape),
                   pair("P(one and net): network", 0, 2, true, false, &World::correlation),
                   pair("P(one and set): set", 0, 3, false, true, &World::shape),
                   pair("P(net and set): nothing", 2, 3, false, false, &World::correlation),
                   pair("P(one and also_n): nothing", 0, 4, false, false, &World::shape)},
                  "30d",
                  true});
}

/// A message that takes longer than the exposure is hit in its own time (error: the least or the sum of the two).
void exposures(std::vector<Row>& rows) {
  const auto exact = [](const World& w) {
    const double m = 5 * day * w.delay, e = 4 * day, h = 2.0 * w.size / year;
    // E[exp(-h max(e, T))], T exponential with mean m
    return 1.0 - std::exp(-h * e) * (-std::expm1(-e / m)) - std::exp(-(h + 1.0 / m) * e) / (1.0 + h * m);
  };
  const auto scenario = [](const World& w) {
    return one_asset(0.0) + Layer{"l", 2.0 * w.size, 4.0}.text() +
           sale_over("l", exponential("relay", 5 * day * w.delay));
  };
  rows.push_back({"longer_than_the_exposure",
                  n,
                  scenario,
                  {probability("P(hit)", n, exact, &World::delay, loses(0, 0.5)),
                   probability("P(hit), by rate", n, exact, &World::size, loses(0, 0.5))},
                  "40d"});
}

/// Bonds make good part of a loss, and never more than it; hazards rise with what is to be had. Recoveries without
/// price risk.
void bonds(std::vector<Row>& rows) {
  const std::string secured = "secured = 500e6\n", any = "recovery = { kind = \"uniform\", min = 0.2, max = 1.0 }\n";
  const auto share = [](const World& w) { return 0.25 * w.size; };
  rows.push_back(
      {"bond",
       n,
       [=](const World& w) {
         return one_asset(0.0) +
                Layer{"l", 2.0, 20.0, 0.0,
                      0.0, "",  "",   any + secured + fmt::format("bond = {:.17g}\n", 500e6 * share(w))}
                    .text() +
                sale_over("l");
       },
       {probability(
            "P(loss > 30 %)", n,  // recovery + bond <= 0.7
            [=](const World& w) { return lost(40.0 / 365.0) * (0.7 - share(w) - 0.2) / 0.8; }, &World::size,
            loses(0, 0.3)),
        probability(
            "P(any loss)", n, [=](const World& w) { return lost(40.0 / 365.0) * (1.0 - 1e-5 - share(w) - 0.2) / 0.8; },
            &World::size, loses(0, 1e-5))}});
  // max(1, secured / cost)^exponent multiplies the own hazard only.
  const auto rate = [](const World& w) { return 0.3 * std::pow(2.5 * w.size, 1.5 * w.shape) + 0.5; };
  rows.push_back(
      {"corruption",
       n,
       [=](const World& w) {
         const auto corruptible = [&](double cost) {
           return fmt::format("secured = 500e6\ncorruption_cost = {:.17g}\ncorruption_exponent = {:.17g}\n", cost,
                              1.5 * w.shape);
         };
         return one_asset(0.8) + Layer{"l", 0.3, 30.0, 0.5, 0.0, "n", "", corruptible(200e6 / w.size)}.text() +
                Layer{"dear", 0.3 * w.delay, 30.0, 0.0, 0.0, "", "", corruptible(900e6)}.text() + sale_over("l") +
                sale_over("dear");
       },
       {probability(
            "P(failure), by what it secures", n, [=](const World& w) { return lost(rate(w) * 30.0 / 365.0); },
            &World::size, both_fail(0, 0)),
        probability(
            "P(failure), by exponent", n, [=](const World& w) { return lost(rate(w) * 30.0 / 365.0); }, &World::shape,
            both_fail(0, 0)),
        probability(
            "P(failure) of what is not worth it", n, [=](const World& w) { return lost(0.3 * w.delay * 30.0 / 365.0); },
            &World::delay, both_fail(1, 1))}});
}

/// A failed layer stands still; who was not hit does not wait. Outages come on top: the stall begins when the message
/// would have arrived.
void stall(std::vector<Row>& rows) {
  const double relay = hour, at = 9 * hour;
  const auto whole = [](const World& w) { return exponential_time(12 * hour * w.shape); };
  const auto outage = [](const World& w) { return Standstill{40.0 * w.delay, exponential_time(6 * hour), "halt"}; };
  const auto failed = [](const World& w) { return lost(2.0 * w.size * 20.0 / 365.0); };
  const auto scenario = [=](const World& w, bool halts) {
    return clocks({at}) + (halts ? chain_with("b", {outage(w)}) : "") +
           Layer{"l",  2.0 * w.size,
                 20.0, 0.0,
                 0.0,  "",
                 "",   "recovery = { kind = \"constant\", value = 1.0 }\nstall = " + law_in(whole(w)) + "\n"}
               .text() +
           route("r", constant("source_inclusion", relay), "l") + watch(0, "r");
  };
  rows.push_back(
      {"stall",
       n,
       [=](const World& w) { return scenario(w, false); },
       {probability(
            "P(failed, 8 h late)", n, [=](const World& w) { return failed(w) * whole(w).beyond(at - relay); },
            &World::size, under(0)),
        probability(
            "P(failed, 8 h late), by stall", n, [=](const World& w) { return failed(w) * whole(w).beyond(at - relay); },
            &World::shape, under(0))}});
  rows.push_back({"stall_after_an_outage",
                  n,
                  [=](const World& w) { return scenario(w, true); },
                  {probability(
                      "P(8 h late)", n,
                      [=](const World& w) {
                        const double x = at - relay, m = 6 * hour, s = 12 * hour * w.shape, f = failed(w);
                        const double late =
                            outage(w).waits(0.0, 0.0, relay);  // the wait is exponential whatever it began
                        const double sum = (s * std::exp(-x / s) - m * std::exp(-x / m)) / (s - m);
                        return (1.0 - late) * f * whole(w).beyond(x) + late * ((1.0 - f) * std::exp(-x / m) + f * sum);
                      },
                      &World::delay, under(0))}});
}

const std::vector<Row>& rows() {
  static const std::vector<Row> all = rows_of<World>({joint_laws, exposures, bonds, stall});
  return all;
}

class Failures : public ::testing::TestWithParam<const Row*> {};
TEST_P(Failures, LieInTheIntervalOfTheProgram) { lies_in_the_interval(*GetParam()); }
INSTANTIATE_TEST_SUITE_P(Quick, Failures, ::testing::ValuesIn(rows_that_run(rows(), false)), row_name);
class FailuresError : public ::testing::TestWithParam<const Row*> {};
TEST_P(FailuresError, IsSeen) { rejects_a_planted_error(*GetParam()); }
INSTANTIATE_TEST_SUITE_P(Quick, FailuresError, ::testing::ValuesIn(errors_that_run(rows(), false)), row_name);
INSTANTIATE_TEST_SUITE_P(Slow, FailuresError, ::testing::ValuesIn(errors_that_run(rows(), true)), row_name);
TEST(FailuresRows, AreSound) { are_sound(rows(), 0.15); }

// ---- what no interval is needed for ---------------------------------------------------------------------------------

std::string head(std::uint64_t paths) {
  return fmt::format(
      "schema = 1\nname = \"f\"\n[run]\npaths = {}\nseed = 5\nconfidence = [0.99, 0.999]\ninterval = {}\n", paths,
      level);
}

/// A bond that is larger than what is secured pays no more than the loss: nobody gains, and nothing is lost.
TEST(Bond, IsNeverMoreThanTheLoss) {
  const auto run = [](double bond) {
    return run_text(
        head(20'000) + one_asset(0.0) +
        Layer{"l", 5000.0, 20.0, 0.0, 0.0, "", "", fmt::format("secured = 1e6\nbond = {:.17g}\n", bond)}.text() +
        sale_over("l"));
  };
  for (const double bond : {1e6, 3e6}) {
    const Results r = run(bond);
    EXPECT_EQ(r.tally.counts[r.tally.layout.hit(0)], r.tally.paths);
    EXPECT_EQ(beyond(r, r.tally.layout.struck(0), 0.0), r.tally.paths) << "somebody gains";
    EXPECT_EQ(beyond(r, r.tally.layout.struck(0), 2e-5), 0u) << "somebody loses";
  }
  const Results r = run(0.99e6);  // planted: a hundredth less
  EXPECT_EQ(beyond(r, r.tally.layout.struck(0), 0.00999), r.tally.paths);
}

/// Beyond the cliff the haircut is the loss given failure, and is flagged; before it, it is that of the price.
TEST(Cliff, IsFlaggedWhereAFailureIsLikelierThanTheConfidenceLeaves) {
  const double score = normal_score(0.001);
  const auto run = [](double hazard) {
    return answer(
               run_text(head(1'000'000) + one_asset(0.8) +
                        Layer{"l", hazard, 73.0, 0.0, 0.0, "", "", "recovery = { kind = \"constant\", value = 0.4 }\n"}
                            .text() +
                        sale_over("l", constant("relay", hour))))
        .collateral[0];
  };
  const double t = hour / year;
  // 0.1 % of the paths fail 2 %: beyond 99.9 %, where the haircut is what a failure leaves, and not beyond 99 %.
  const CollateralAnswer a = run(0.025);
  const double p = lost(0.025 * 0.2);
  EXPECT_TRUE(agrees(a.p_failure, p)) << a.p_failure.estimate << " for " << p;
  EXPECT_FALSE(a.haircuts[0].beyond_cliff);
  EXPECT_LT(*a.haircuts[0].value, 0.05);
  EXPECT_TRUE(a.haircuts[1].beyond_cliff);
  // Of the failed, the loss 1 - 0.4 S is beyond the haircut with probability 0.001 / p.
  const double z = normal_score(0.001 / p), failed = 1.0 - 0.4 * std::exp(0.8 * std::sqrt(t) * z - 0.32 * t);
  EXPECT_TRUE(agrees({*a.haircuts[1].value, *a.haircuts[1].low, *a.haircuts[1].high}, failed))
      << *a.haircuts[1].value << " for " << failed;
  EXPECT_NEAR(*a.haircuts[1].given_no_failure, loss(score * 0.8 * std::sqrt(t) - 0.32 * t), 2e-4);
  const CollateralAnswer safe = run(0.002);
  EXPECT_FALSE(safe.haircuts[1].beyond_cliff);
  EXPECT_LT(*safe.haircuts[1].value, 0.05);
}

/// Exposure cap: loss budget / (p_failure E[L | failure]); the mean loss is known, the count has its binomial interval.
TEST(ExposureCap, IsTheBudgetOverTheExpectedLoss) {
  const auto run = [](double hazard) {
    return answer(
               run_text(head(400'000) + one_asset(0.0) +
                        Layer{"l", hazard, 73.0, 0.0, 0.0, "", "", "recovery = { kind = \"constant\", value = 0.4 }\n"}
                            .text() +
                        sale_over("l", constant("relay", hour))))
        .collateral[0];
  };
  const auto allows = [](const CollateralAnswer& a, double p) {  // the cap's interval is that of p_failure
    const double cap = *a.exposure_cap_per_loss_budget, least = 1.0 / (a.p_failure.high * 0.6),
                 most = 1.0 / (a.p_failure.low * 0.6), exact = 1.0 / (p * 0.6);
    EXPECT_NEAR(cap * a.p_failure.estimate * 0.6, 1.0, 1e-4);
    return least <= exact && exact <= most;
  };
  const double p = lost(0.5 * 0.2);
  EXPECT_TRUE(allows(run(0.5), p));
  EXPECT_FALSE(allows(run(0.5 * (1.0 + detected_error(400'000, p, planted_power) * 1.1)), p));
}

}  // namespace
}  // namespace proofload
