// How a haircut in force may move: policies read from files, and what they make of the haircuts that are asked for.
#include "scenario/policy.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"

namespace proofload {
namespace {

constexpr std::int64_t day = 86400;

HaircutPolicy policy(const std::string& rest) { return parse_policy("schema = 1\nname = \"p\"\n" + rest, "p.toml"); }

/// What is in force when these are asked for, one a day.
std::vector<double> daily(const HaircutPolicy& p, const std::vector<double>& wanted, std::int64_t first = 0) {
  HaircutInForce in_force(p);
  std::vector<double> held;
  for (const double w : wanted) held.push_back(in_force.at(first + std::int64_t(held.size()) * day, w));
  return held;
}

void expect_near(const std::vector<double>& a, const std::vector<double>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-12) << i;
}

TEST(Policy, WithoutRulesEveryHaircutIsTaken) {
  const std::vector<double> wanted = {0.1, 0.3, 0.05, 0.05, 0.2};
  EXPECT_EQ(daily(policy(""), wanted), wanted);
  EXPECT_TRUE(policy("").takes_all());
  EXPECT_TRUE(policy("review = \"7d\"").takes_all());
  EXPECT_FALSE(policy("up = { step = 0.1 }").takes_all());
  EXPECT_FALSE(policy("down = \"never\"").takes_all());
  EXPECT_FALSE(policy("multiple = 0.01").takes_all());
}

TEST(Policy, AaveStewardByHand) {
  const HaircutPolicy steward = read_policy("proofload:aave-v3-steward");
  EXPECT_EQ(steward.name, "aave-v3-steward");
  // 50 basis points, three days apart, either way; asked for in basis points, rounded up to whole ones
  expect_near(daily(steward, {0.10001, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.104, 0.104, 0.09, 0.09}),
              {0.1001, 0.1001, 0.1001, 0.1051, 0.1051, 0.1051, 0.1101, 0.1101, 0.1101, 0.1051, 0.1051});
}

/// 0.01 + 0.005 is not the double nearest to 0.015: had that been a move, the next would have had to wait.
TEST(Policy, RoundingIsNoMove) {
  const HaircutPolicy steward = read_policy("proofload:aave-v3-steward");
  for (int points = 0; points < 2000; ++points) {
    const double h = points * 0.0001, up = (points + 50) * 0.0001, further = (points + 100) * 0.0001;
    HaircutInForce in_force(steward);
    in_force.at(0, h);
    in_force.at(3 * day, further);
    EXPECT_NEAR(in_force.at(6 * day, up), up, 1e-12) << points;  // asked for what is held
    EXPECT_EQ(in_force.changed(), 3 * day) << points;
    EXPECT_NEAR(in_force.at(7 * day, further), further, 1e-12) << points;
  }
}

TEST(Policy, UpAndDownAreApart) {
  // up at once and by any step, down by a point a day at most, as a clearing house has it
  const auto p = policy("down = { step = 0.01, delay = \"2d\" }");
  expect_near(daily(p, {0.10, 0.30, 0.10, 0.10, 0.10, 0.31, 0.1}), {0.10, 0.30, 0.30, 0.29, 0.29, 0.31, 0.31});
  const auto ratchet = policy("down = \"never\"");
  expect_near(daily(ratchet, {0.2, 0.1, 0.3, 0.1}), {0.2, 0.2, 0.3, 0.3});
}

TEST(Policy, ReviewsAreCountedFrom1970AndAPhase) {
  const auto p = policy("review = \"3d\"");
  const std::vector<double> wanted = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7};
  expect_near(daily(p, wanted), {0.1, 0.1, 0.1, 0.4, 0.4, 0.4, 0.7});
  expect_near(daily(p, wanted, day), {0.1, 0.1, 0.3, 0.3, 0.3, 0.6, 0.6});
  expect_near(daily(p, wanted, -2 * day), {0.1, 0.1, 0.3, 0.3, 0.3, 0.6, 0.6});  // before 1970 too
  HaircutInForce later(p, day);
  EXPECT_EQ(later.at(0, 0.1), 0.1);
  EXPECT_EQ(later.at(day - 1, 0.2), 0.1);
  EXPECT_EQ(later.at(day, 0.3), 0.3);
  EXPECT_EQ(later.reviewed(), day);
  EXPECT_EQ(later.at(4 * day - 1, 0.4), 0.3);
  EXPECT_EQ(later.reviewed(), day);
  EXPECT_EQ(later.at(9 * day, 0.5), 0.5);  // reviews in between had nobody to ask
}

TEST(Policy, MultiplesAreRoundedUpAndNoFurtherThanOne) {
  const auto p = policy("multiple = 0.05\nup = { step = 0.12 }");
  // 0.12 holds two multiples of 0.05
  expect_near(daily(p, {0.15, 0.151, 0.9, 0.9}), {0.15, 0.20, 0.30, 0.40});
  expect_near(daily(policy("multiple = 0.3"), {0.95}), {1.0});
  expect_near(daily(policy("multiple = 0.0001"), {0.07, 0.29}), {0.07, 0.29});  // what rounding leaves is no multiple
}

TEST(Policy, WhatCanNeverBeMeantIsAnError) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"up = \"never\"\ndown = \"never\"", "could never move again"},
      {"up = { step = 0.0 }", "up.step"},
      {"up = { step = 1e-300 }", "up.step"},
      {"up = { step = -0.1 }", "up.step"},
      {"down = { step = 2 }", "down.step"},
      {"down = { step = 0.01, delay = \"-3d\" }", "down.delay"},
      {"down = { delay = 3 }", "down.delay"},
      {"up = \"always\"", "\"never\""},
      {"up = 0.005", "up"},
      {"up = { most = 0.005 }", "\"most\" in up"},
      {"review = \"0d\"", "review"},
      {"review = \"soon\"", "review"},
      {"multiple = 0.01\nup = { step = 0.005 }", "less than multiple"},
      {"multiple = 0", "multiple"},
      {"every = \"7d\"", "every"},
  };
  for (const auto& [rest, holds] : wrong) {
    try {
      policy(rest);
      ADD_FAILURE() << rest;
    } catch (const Error& e) { EXPECT_NE(std::string(e.what()).find(holds), std::string::npos) << e.what(); }
  }
  EXPECT_THROW(parse_policy("name = \"p\"", "p.toml"), Error);
  EXPECT_THROW(parse_policy("schema = 2\nname = \"p\"", "p.toml"), Error);
  EXPECT_THROW(parse_policy("schema = 1", "p.toml"), Error);
  EXPECT_THROW(parse_policy("schema", "p.toml"), Error);
  EXPECT_THROW(read_policy("proofload:aave-v3-stewards"), Error);
  EXPECT_THROW(read_policy("nowhere.toml"), Error);
}

}  // namespace
}  // namespace proofload
