// The same bits on every lane type, thread count and split, for every shipped scenario; and the bits have not moved.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "plan/compile.h"
#include "run/engine.h"
#include "scenario/reader.h"
#include "tests/kernels/markets.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> shipped() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator("scenarios")) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::unique_ptr<Backend> cpu(const std::string& lanes, int threads) { return make_backend({"cpu", lanes, threads}); }

Tally run(Backend& backend, const Compiled& compiled, std::vector<PathRange> ranges) {
  Tally tally(layout_of(compiled.plan));
  for (const PathRange& r : ranges) backend.run(compiled, 7, r, tally);
  return tally;
}

TEST(Bits, EveryLaneThreadAndSplitGivesTheSameTallyForEveryShippedScenario) {
  const auto files = shipped();
  ASSERT_GE(files.size(), 6u);
  constexpr std::uint64_t first = 5, count = 20'011;  // neither a multiple of a pack nor of a chunk
  for (const auto& file : files) {
    SCOPED_TRACE(file.string());
    const Compiled compiled = compile(read_scenario(file));
    const Tally expected = run(*cpu("scalar", 2), compiled, {{first, count}});
    EXPECT_EQ(expected.paths, count);
    const std::uint64_t raw = cpu("scalar", 2)->fingerprint(compiled, 7, {first, count});
    for (const auto& lanes : usable_lanes()) {
      SCOPED_TRACE(lanes);
      for (const int threads : {1, 2}) {
        EXPECT_TRUE(run(*cpu(lanes, threads), compiled, {{first, count}}) == expected);
        EXPECT_EQ(cpu(lanes, threads)->fingerprint(compiled, 7, {first, count}), raw);
      }
      EXPECT_TRUE(run(*cpu(lanes, 2), compiled,
                      {{first, 1}, {first + 1, 4090}, {first + 4091, 15}, {first + 4106, count - 4106}}) == expected);
      EXPECT_TRUE(run(*cpu(lanes, 2), compiled, {{first + 9000, count - 9000}, {first, 9000}}) == expected) << "order";
    }
  }
}

TEST(Bits, EveryMarketGivesTheSameTallyOnEveryLaneThreadAndSplit) {
  constexpr std::uint64_t first = 5, count = 4'011;
  std::set<std::uint64_t> different;
  for (const auto& [name, scenario] : markets()) {
    SCOPED_TRACE(name);
    const Compiled compiled = compile(scenario);
    const Tally expected = run(*cpu("scalar", 2), compiled, {{first, count}});
    const std::uint64_t raw = cpu("scalar", 2)->fingerprint(compiled, 7, {first, count});
    EXPECT_TRUE(different.insert(raw).second) << "another market has the same paths";
    EXPECT_EQ(expected.counts[expected.layout.non_finite()], 0u);
    EXPECT_GT(expected.counts[expected.layout.failed(0, 1)], 20u);
    for (const auto& lanes : usable_lanes()) {
      SCOPED_TRACE(lanes);
      if (lanes != "scalar") {
        for (const int threads : {1, 2}) EXPECT_EQ(cpu(lanes, threads)->fingerprint(compiled, 7, {first, count}), raw);
        EXPECT_TRUE(run(*cpu(lanes, 1), compiled, {{first, count}}) == expected);
      }
      EXPECT_TRUE(run(*cpu(lanes, 2), compiled, {{first + 2000, count - 2000}, {first, 1}, {first + 1, 1999}}) ==
                  expected);
    }
  }
}

TEST(Bits, EveryLargerBookGivesTheSameTallyOnEveryLane) {
  constexpr PathRange range{5, 253};
  for (const auto& [name, scenario] : larger_books()) {
    SCOPED_TRACE(name);
    const Compiled compiled = compile(scenario);
    const Tally expected = run(*cpu("scalar", 1), compiled, {range});
    EXPECT_EQ(expected.counts[expected.layout.non_finite()], 0u);
    EXPECT_TRUE(run(*cpu("auto", 1), compiled, {range}) == expected);
    const std::uint64_t raw = cpu("scalar", 1)->fingerprint(compiled, 7, range);
    for (const auto& lanes : usable_lanes()) {
      if (lanes != "scalar") { EXPECT_EQ(cpu(lanes, 1)->fingerprint(compiled, 7, range), raw) << lanes; }
    }
  }
}

/// Bars of one asset have kernels of their own on a CPU, and rows without gaps: the same paths as in the kernels for
/// four, which take a plan that says it has two.
TEST(Bits, OneAssetAloneIsTheFirstOfFour) {
  constexpr PathRange range{5, 4'011};
  int tried = 0;
  for (const auto& [name, scenario] : markets()) {
    if (scenario.market.assets.size() != 2) continue;
    const Compiled one = compile(narrowed(scenario));
    if (one.plan.process != Process::bars) continue;
    SCOPED_TRACE(name);
    ASSERT_EQ(one.plan.assets, 1u);
    EXPECT_EQ(one.column.size() * limit::walked_assets, one.rows.size());
    Compiled four = one;
    four.plan.assets = 2;
    four.column.clear();
    for (const auto& lanes : usable_lanes()) {
      const auto backend = cpu(lanes, 1);
      EXPECT_TRUE(run(*backend, one, {range}) == run(*backend, four, {range})) << lanes;
      EXPECT_EQ(backend->fingerprint(one, 7, range), backend->fingerprint(four, 7, range)) << lanes;
    }
    ++tried;
  }
  EXPECT_GE(tried, 8);
}

/// Counters are kept from run to run: nothing of one is left in the next, whatever came between.
TEST(Bits, ABackendForgetsWhatItRan) {
  const Compiled stormy_plan = compile(stormy()), crowd = compile(crowded());
  for (const int threads : {1, 2}) {
    const auto backend = cpu("auto", threads);
    const Tally first = run(*backend, stormy_plan, {{5, 9'011}});
    backend->fingerprint(stormy_plan, 7, {0, 500});
    EXPECT_TRUE(run(*backend, stormy_plan, {{5, 9'011}}) == first);
    run(*backend, crowd, {{0, 500}});
    EXPECT_TRUE(run(*backend, stormy_plan, {{5, 9'011}}) == first);
    EXPECT_TRUE(run(*cpu("auto", threads), stormy_plan, {{5, 9'011}}) == first);
  }
}

TEST(Bits, APlantedDifferenceIsSeen) {
  const Compiled compiled = compile(stormy());
  Compiled other = compiled;
  other.plan.drift[0] = std::nextafter(other.plan.drift[0], 1.0f);  // one ulp of one drift
  const auto backend = cpu("auto", 1);
  EXPECT_NE(backend->fingerprint(compiled, 7, {0, 20'000}), backend->fingerprint(other, 7, {0, 20'000}));
}

TEST(Bits, AFailingPathInEveryLanePositionChangesNoNeighbour) {
  const Scenario scenario = stormy();
  const Compiled stormy_plan = compile(scenario);
  Compiled calm_plan = stormy_plan;
  for (Layer& layer : calm_plan.plan.layer) layer.own_mean = layer.common_mean = 0.0f;
  const auto reference = cpu("scalar", 1);
  for (const auto& lanes : usable_lanes()) {
    const auto backend = cpu(lanes, 1);
    std::set<std::uint64_t> lanes_that_failed, lanes_with_calm_neighbours;
    for (std::uint64_t p = 0; p < 2048; ++p) {
      const std::uint64_t stormy_path = backend->fingerprint(stormy_plan, 7, {p, 1}),
                          calm_path = backend->fingerprint(calm_plan, 7, {p, 1});
      ASSERT_EQ(stormy_path, reference->fingerprint(stormy_plan, 7, {p, 1})) << lanes << " path " << p;
      ASSERT_EQ(calm_path, reference->fingerprint(calm_plan, 7, {p, 1})) << lanes << " path " << p;
      (stormy_path == calm_path ? lanes_with_calm_neighbours : lanes_that_failed).insert(p % 16);
    }
    EXPECT_EQ(lanes_that_failed.size(), 16u);
    EXPECT_EQ(lanes_with_calm_neighbours.size(), 16u);
  }
  const Tally expected = run(*reference, stormy_plan, {{0, 30'000}});
  EXPECT_GT(expected.counts[expected.layout.failed(0, 1)], 100u);
  EXPECT_GT(expected.counts[expected.layout.unresolved()], 10u);
  for (const auto& lanes : usable_lanes())
    EXPECT_TRUE(run(*cpu(lanes, 2), stormy_plan, {{0, 30'000}}) == expected) << lanes;
}

TEST(Bits, PathsBeyondTwoToThe32AreOtherPathsAndTheBoundaryIsCrossed) {
  const Compiled compiled = compile(stormy());
  constexpr std::uint64_t boundary = std::uint64_t{1} << 32;
  const auto reference = cpu("scalar", 1);
  EXPECT_NE(reference->fingerprint(compiled, 7, {boundary, 1}), reference->fingerprint(compiled, 7, {0, 1}));
  for (const auto& lanes : usable_lanes()) {
    EXPECT_EQ(cpu(lanes, 2)->fingerprint(compiled, 7, {boundary - 1000, 2000}),
              reference->fingerprint(compiled, 7, {boundary - 1000, 2000}));
  }
}

TEST(Bits, PairsAreCountedOnlyWhenAskedAndNothingElseChanges) {
  Scenario s = stormy();
  const Tally pairs = run(*cpu("auto", 2), compile(s), {{0, 30'000}});
  s.run.joint_under = false;
  const Compiled compiled = compile(s);
  const Tally alone = run(*cpu("scalar", 1), compiled, {{0, 30'000}});
  for (const auto& lanes : usable_lanes()) EXPECT_TRUE(run(*cpu(lanes, 2), compiled, {{0, 30'000}}) == alone) << lanes;
  const TallyLayout &a = pairs.layout, &b = alone.layout;
  const auto counted = [](const Tally& t, std::size_t from, std::size_t to) {
    return std::vector<std::uint64_t>(t.counts.begin() + std::ptrdiff_t(from), t.counts.begin() + std::ptrdiff_t(to));
  };
  EXPECT_EQ(counted(alone, 0, b.under(0, 0)), counted(pairs, 0, a.under(0, 0)));
  EXPECT_EQ(counted(alone, b.failed(0, 0), b.counters()), counted(pairs, a.failed(0, 0), a.counters()));
  EXPECT_EQ(b.failed(0, 0) - b.under(0, 0), b.collaterals);
  for (int k = 0; k < int(b.collaterals); ++k) EXPECT_EQ(alone.counts[b.under(k, k)], pairs.counts[a.under(k, k)]);
  EXPECT_GT(alone.counts[b.under(0, 0)], 100u);
  EXPECT_EQ(alone.sums, pairs.sums);
}

/// results/reference/tallies.json holds hashes of earlier builds: "the bits have not moved". When they have to move,
/// raise kernel_revision and run this test with PROOFLOAD_UPDATE_REFERENCE=1.
TEST(Bits, HaveNotMoved) {
  const fs::path file = "results/reference/tallies.json";
  nlohmann::ordered_json now;
  for (const auto& scenario : shipped()) {
    const Compiled compiled = compile(read_scenario(scenario));
    const Tally tally = run(*cpu("auto", 2), compiled, {{0, 100'000}});
    now[scenario.filename().string()] = {
        {"plan_hash", compiled.plan_hash}, {"seed", 7}, {"paths", 100'000}, {"tally_hash", tally.hash()}};
  }
  for (const auto& [name, scenario] : markets()) {
    const Compiled compiled = compile(scenario);
    const Tally tally = run(*cpu("auto", 2), compiled, {{0, 20'000}});
    now["market: " + name] = {
        {"plan_hash", compiled.plan_hash}, {"seed", 7}, {"paths", 20'000}, {"tally_hash", tally.hash()}};
  }
  if (std::getenv("PROOFLOAD_UPDATE_REFERENCE") != nullptr) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << now.dump(2) << "\n";
  }
  std::ifstream in(file);
  ASSERT_TRUE(in) << file << " is missing: run with PROOFLOAD_UPDATE_REFERENCE=1";
  EXPECT_EQ(nlohmann::ordered_json::parse(in), now);
}

}  // namespace
}  // namespace proofload
