// Comparisons: what chance makes is not significant, what differs is, and the sums of errors are those of the method.
#include "answers/compare.h"
#include "base/counts.h"
#include "base/error.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "answers/answer.h"
#include "tests/answers/made_results.h"

namespace proofload {
namespace {

using testing::count_losses, testing::made_results, testing::seal;

/// Exponential losses with this mean; under-collateralised where the loss is above the 10 % in force.
Results sampled(double mean, std::uint64_t paths, std::uint64_t seed) {
  static const Results empty = made_results();
  Results r = empty;
  r.seed = seed;
  std::uint64_t state = seed;
  for (std::uint64_t i = 0; i < paths; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const double u = (static_cast<double>(state >> 11) + 0.5) * 0x1p-53;
    const double loss = -mean * std::log(u);
    count_losses(r.tally, 0, loss);
    if (loss > 0.10) ++r.tally.counts[r.tally.layout.under(0, 0)];
  }
  seal(r, paths);
  return r;
}

const Difference& find(const Comparison& c, const std::string& collateral, std::optional<double> confidence) {
  for (const auto& d : c.differences) {
    if (d.collateral == collateral && d.confidence == confidence) return d;
  }
  throw std::runtime_error("no such difference");
}

TEST(Compare, FindsNothingBetweenEqualResults) {
  const Results r = sampled(0.02, 20'000, 1);
  const Comparison c = compare({r, r}, {"a.h5", "b.h5"});
  ASSERT_EQ(c.differences.size(), 7u) << "three haircuts of two collaterals and one policy";
  for (const auto& d : c.differences) {
    EXPECT_EQ(d.difference, 0.0);
    EXPECT_EQ(d.p_value, 1.0);
  }
  EXPECT_FALSE(differs(c));
}

TEST(Compare, IsRarelyFooledByChance) {
  int fooled = 0;
  constexpr int rounds = 40;
  for (int i = 0; i < rounds; ++i) {
    const auto seed = static_cast<std::uint64_t>(2 * i + 1);
    fooled += differs(compare({sampled(0.02, 4000, seed), sampled(0.02, 4000, seed + 1)}, {"a", "b"}));
  }
  EXPECT_LE(fooled, 7) << "P(Bin(40, 0.05) > 7) is below 0.1 %";
}

TEST(Compare, FindsWhatDiffers) {
  const Comparison c =
      compare({sampled(0.02, 20'000, 1), sampled(0.025, 20'000, 2), sampled(0.02, 20'000, 3)}, {"a", "b", "c"});
  EXPECT_TRUE(differs(c));
  const double quantile = std::log(100.0);  // of a unit exponential at 99 %
  const Difference& d = find(c, "ETH@ethereum", 0.99);
  EXPECT_EQ(d.with, 1u);
  EXPECT_TRUE(d.significant);
  EXPECT_LT(*d.low, 0.005 * quantile);
  EXPECT_GT(*d.high, 0.005 * quantile);
  EXPECT_TRUE(find(c, "ETH@ethereum", std::nullopt).significant) << "exp(-5) against exp(-4)";
  EXPECT_FALSE(find(c, "ETH@base", 0.99).significant) << "both lose nothing";
  for (const auto& other : c.differences) EXPECT_TRUE(other.with == 1 || !other.significant) << other.collateral;
}

TEST(Compare, AddsTheFacingSidesOfTheIntervals) {
  const Results a = sampled(0.02, 5000, 5), b = sampled(0.024, 9000, 6);
  const Comparison c = compare({a, b}, {"a", "b"});
  const CollateralAnswer x = answer(a).collateral[0], y = answer(b).collateral[0];
  const Difference& p = find(c, "ETH@ethereum", std::nullopt);
  const double up = std::hypot(y.p_under.high - y.p_under.estimate, x.p_under.estimate - x.p_under.low);
  const double down = std::hypot(y.p_under.estimate - y.p_under.low, x.p_under.high - x.p_under.estimate);
  EXPECT_NEAR(*p.high, p.difference + up, 1e-15);
  EXPECT_NEAR(*p.low, p.difference - down, 1e-15);
  ASSERT_GT(p.difference, 0.0);
  const auto count = [](const Estimate& e, double n) {
    return static_cast<std::uint64_t>(std::lround(e.estimate * n));
  };
  EXPECT_EQ(*p.p_value, fisher_p(count(x.p_under, 5000), 5000, count(y.p_under, 9000), 9000, 0.5));
  // The error agrees with the binomial one where counts are large enough for a normal approximation.
  const auto variance = [](const Estimate& e, double n) { return e.estimate * (1 - e.estimate) / n; };
  EXPECT_NEAR(*p.error / std::sqrt(variance(x.p_under, 5000) + variance(y.p_under, 9000)), 1.0, 0.15);
}

/// Of 200 losses beyond the common quantile at 99.9 % one result has 70 and the other 130; a normal law of the ranks
/// says something else.
TEST(Compare, JudgesHaircutsByTheLossesBeyond) {
  const auto counted = [](std::uint64_t large, bool sold) {
    Results r = made_results();
    count_losses(r.tally, 0, 0.3, large);
    count_losses(r.tally, 0, 0.1, 1000 - large);
    if (sold) r.compiled.plan.collateral[0].keep = 0.9f;
    seal(r, 100'000);
    return r;
  };
  long double tail = 0.0L;  // P(X <= 70), X hypergeometric: 200 of 200,000, of which 100,000 are the first's
  const auto choose = [](long double n, long double k) {
    return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1);
  };
  for (int k = 0; k <= 70; ++k) tail += std::exp(choose(1e5L, k) + choose(1e5L, 200 - k) - choose(2e5L, 200));
  for (const bool sold : {false, true}) {
    const Comparison c = compare({counted(70, sold), counted(130, sold)}, {"a", "b"});
    const Difference& d = find(c, "ETH@ethereum", 0.999);
    EXPECT_NEAR(d.difference, sold ? 0.18 : 0.2, 1e-7);
    EXPECT_NEAR(*d.p_value / static_cast<double>(2 * tail), 1.0, 1e-6);
    EXPECT_NEAR(*find(compare({counted(130, sold), counted(70, sold)}, {"a", "b"}), "ETH@ethereum", 0.999).p_value,
                *d.p_value, 1e-12);
  }
}

/// A cliff: 0.5 % of one result lose everything and 0.05 % of the other, so that a quantile at 99.9 % of both lies in
/// the atom and no cut is near. Planted error: the nearer cut alone, beyond which there is nothing.
TEST(Compare, SeesACliffInOneOfTwo) {
  const auto counted = [](std::uint64_t everything) {
    Results r = made_results();
    count_losses(r.tally, 0, 1.0, everything);
    count_losses(r.tally, 0, 0.1, 1000 - everything);
    seal(r, 100'000);
    return r;
  };
  const Comparison c = compare({counted(500), counted(50)}, {"a", "b"});
  const Difference& d = find(c, "ETH@ethereum", 0.999);
  EXPECT_LT(*d.p_value, 1e-9);
  EXPECT_TRUE(d.significant);
  EXPECT_GT(*find(compare({counted(500), counted(499)}, {"a", "b"}), "ETH@ethereum", 0.999).p_value, 0.5);
}

/// Two atoms, and a quantile that may be either in both results: root sums of squares end at 0.162, halfway to 0.392.
TEST(Compare, HasRoomForAtomsThatBothMayJump) {
  const auto counted = [](std::uint64_t large) {
    Results r = made_results();
    count_losses(r.tally, 0, 0.510005, large);
    count_losses(r.tally, 0, 0.118005, 50 - large);
    seal(r, 10'000);
    return r;
  };
  const Comparison c = compare({counted(11), counted(9)}, {"a", "b"});
  const Difference& d = find(c, "ETH@ethereum", 0.999);
  EXPECT_NEAR(d.difference, -0.392, 1e-9);
  EXPECT_NEAR(*d.high, 0.392, 3e-5);
  EXPECT_LE(*d.low, -0.392);
  EXPECT_FALSE(d.significant);
}

TEST(Compare, CorrectsForTheNumberOfQuestions) {
  // One difference of about 2.2 errors among 13 questions: significant alone (p < 0.05), not after Holm (0.05 / 13).
  Results a = made_results(), b = made_results();
  seal(a, 100'000);
  seal(b, 100'000);
  a.tally.counts[a.tally.layout.under(0, 0)] = 1000;
  b.tally.counts[b.tally.layout.under(0, 0)] = 1100;
  Comparison c = compare({a, b}, {"a", "b"});
  EXPECT_LT(*find(c, "ETH@ethereum", std::nullopt).p_value, 0.05);
  EXPECT_FALSE(differs(c));
  b.tally.counts[b.tally.layout.under(0, 0)] = 1250;
  c = compare({a, b}, {"a", "b"});
  EXPECT_LT(*find(c, "ETH@ethereum", std::nullopt).p_value, 0.05 / 13);
  EXPECT_TRUE(differs(c));
}

TEST(Compare, HasBreachesWhereBothCountedThem) {
  const auto counted = [](std::uint64_t breaches, const std::string& stress = "") {
    Results r = made_results(testing::market_with(testing::two_collaterals, testing::a_grid) + stress);
    seal(r, 100'000);
    r.tally.counts[r.tally.layout.breach(0)] = breaches;
    r.tally.counts[r.tally.layout.under(0, 0)] = 500;
    return r;
  };
  const Results a = counted(1000), b = counted(1300, "[stress]\nvolatility = 1.5\n");
  const Comparison c = compare({a, b}, {"a", "b"});
  ASSERT_EQ(c.differences.size(), 8u) << "three haircuts of two collaterals, one policy, its breaches";
  std::size_t found = 0;
  for (const auto& d : c.differences) {
    EXPECT_EQ(d.figure == "haircut", d.confidence.has_value());
    EXPECT_EQ(d.significant, d.figure == "p_breach");
    if (d.figure != "p_breach") continue;
    ++found;
    EXPECT_EQ(d.collateral, "ETH@ethereum");
    EXPECT_EQ(d.first, 0.010);
    EXPECT_EQ(d.other, 0.013);
    // The score of two binomial counts; their exact intervals are somewhat wider.
    const double score = 0.003 / std::sqrt((0.010 * 0.990 + 0.013 * 0.987) / 100'000);
    EXPECT_NEAR(d.difference / *d.error / score, 1.0, 0.05);
  }
  EXPECT_EQ(found, 1u);
  const auto json = compare_json(c);
  EXPECT_EQ(json["differences"][4]["figure"], "p_breach");
  EXPECT_EQ(json["differences"][3]["figure"], "p_under");
  EXPECT_TRUE(json["results"][0]["stress"].is_null());
  EXPECT_EQ(json["results"][1]["stress"], "volatility times 1.5");
  const std::string table = compare_table(c);
  EXPECT_NE(table.find("P(breach): the price alone"), std::string::npos) << table;
  EXPECT_NE(table.find("\n    stressed: volatility times 1.5\n"), std::string::npos) << table;

  Results undated = made_results();
  seal(undated, 100'000);
  const Comparison none = compare({a, undated}, {"a", "b"});
  EXPECT_EQ(none.differences.size(), 7u);
  EXPECT_EQ(compare_table(none).find("P(breach)"), std::string::npos);
}

TEST(Compare, LeavesOpenWhatCannotBeBounded) {
  const Comparison c = compare({sampled(0.02, 1000, 1), sampled(0.2, 1000, 2)}, {"a", "b"});
  const Difference& d = find(c, "ETH@ethereum", 0.999);
  EXPECT_FALSE(d.p_value);
  EXPECT_FALSE(d.significant);
  EXPECT_TRUE(compare_json(c)["differences"][2]["p_value"].is_null());
  EXPECT_NE(compare_table(c).find("cannot be judged"), std::string::npos);
}

TEST(Compare, MatchesByName) {
  std::string text = testing::two_collaterals;
  text.replace(text.find("ETH@base"), 8, "ETH@else");
  Results other = made_results(text);
  seal(other, 1000);
  Results first = made_results();
  seal(first, 1000);
  const Comparison c = compare({first, other}, {"a", "b"});
  EXPECT_EQ(c.results[1].unmatched, (std::vector<std::string>{"ETH@base", "ETH@else"}));
  for (const auto& d : c.differences) EXPECT_EQ(d.collateral, "ETH@ethereum");
  text.replace(text.find("ETH@ethereum"), 12, "ETH@nowhere");
  Results nothing = made_results(text);
  seal(nothing, 1000);
  EXPECT_THROW(compare({first, nothing}, {"a", "b"}), Error);
  EXPECT_THROW(compare({first}, {"a"}), Error);
}

}  // namespace
}  // namespace proofload
