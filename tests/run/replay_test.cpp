// A replayed path is the path that every backend ran: its words add up to the fingerprint, and its delays are the same.
#include "run/replay.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "kernels/fingerprint.h"
#include "tests/kernels/markets.h"

namespace proofload {
namespace {

constexpr std::uint64_t seed = 11;

/// The hash of all words that a path of this plan tells, which is its fingerprint.
std::uint64_t hash_of(const Plan& plan, const PathRecord& record, std::uint64_t path) {
  std::uint64_t sum = 0;
  const auto add = [&](Told what, unsigned i) {
    sum += outcome_hash(path, first_told(what) + i, record.word(what, i));
  };
  for (unsigned i = 0; i < plan.terms; ++i) add(Told::stage, i);
  for (unsigned r = 0; r < plan.routes; ++r) add(Told::delay, r);
  for (unsigned p = 0; p < plan.readings; ++p) add(Told::price, p);
  for (unsigned i = 0; i < plan.based; ++i) add(Told::based, i);
  for (unsigned k = 0; k < plan.collaterals; ++k) {
    for (const Told what : {Told::spared, Told::actual, Told::hit}) add(what, k);
    if (plan.breaches != 0 && plan.collateral[k].counted != 0) add(Told::breach, k);
  }
  if (plan.lowest != 0) add(Told::least, 0);
  if (plan.portfolio != 0) add(Told::book, 0);
  return sum;
}

TEST(Replay, TellsWhatEveryBackendHashes) {
  for (const auto& [name, scenario] : markets()) {
    const Compiled compiled = compile(scenario);
    const auto backend = make_backend({"cpu", "auto", 1});
    Replay replay(compiled, seed);
    for (const std::uint64_t path : {0ull, 1ull, 7ull, 4095ull, 4096ull, 1ull << 40}) {
      const PathRecord& record = replay.path(path);
      EXPECT_EQ(hash_of(compiled.plan, record, path), backend->fingerprint(compiled, seed, {path, 1}))
          << name << " path " << path;
      EXPECT_TRUE(record.finite);
    }
  }
}

/// No word and no array is left over from the path before.
TEST(Replay, PathsDoNotDependOnTheOnesBefore) {
  for (const auto& [name, scenario] : markets()) {
    const Compiled compiled = compile(scenario);
    Replay one(compiled, seed), other(compiled, seed);
    for (std::uint64_t path = 0; path < 9; ++path) one.path(path);
    const Recording a = one.path(3).recording, b = other.path(3).recording;
    EXPECT_EQ(std::memcmp(&a, &b, sizeof a), 0) << name;
  }
}

TEST(Replay, DelaysOfRoutesAreThoseOfThePaths) {
  for (const auto& [name, scenario] : markets()) {
    const Compiled compiled = compile(scenario);
    if (compiled.plan.triggers != 0) continue;  // there the price has a say
    const PathRange range{4096 + 5, 20};
    const auto ticks = route_delays(compiled, seed, range);
    Replay replay(compiled, seed);
    for (std::uint64_t i = 0; i < range.count; ++i) {
      const PathRecord& record = replay.path(range.first + i);
      for (unsigned r = 0; r < compiled.plan.routes; ++r)
        ASSERT_EQ(ticks[std::size_t(i) * compiled.plan.routes + r], record.word(Told::delay, r))
            << name << " path " << range.first + i;
    }
  }
}

}  // namespace
}  // namespace proofload
