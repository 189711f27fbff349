// A GPU gives the CPU's bits: equal tallies and equal fingerprints of every raw delay and proceeds. Skipped where there
// is no GPU; tests/ptx runs the same with the PTX of the kernels, on CPUs.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "commands/bench.h"
#include "plan/compile.h"
#include "run/cuda_backend.h"
#include "run/engine.h"
#include "scenario/reader.h"
#include "tests/kernels/markets.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t seed = 20261122;

/// Paths of a comparison: no multiple of a pack, a block or a chunk. Where there is no GPU, fewer of them must do.
const std::uint64_t many =
    std::getenv("PROOFLOAD_GPU_PATHS") != nullptr ? std::stoull(std::getenv("PROOFLOAD_GPU_PATHS")) : (1u << 20) + 37;
/// What of them is surely seen of an outcome that a thousandth of the paths has.
const std::uint64_t some = many / 10'000;

std::vector<fs::path> scenarios_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// What a tally counts at place i, for a message.
std::string place(const TallyLayout& l, std::size_t i) {
  for (const Section& s : sections) {
    const std::size_t begin = l.begin(s), bins = std::size_t(bins_of(s.kind));
    if (s.kind != Kind::sum && i < begin + l.size(s))
      return fmt::format("{} {}, bin {}", s.name, (i - begin) / bins, (i - begin) % bins);
  }
  return "no counter";
}

std::string difference(const Tally& cpu, const Tally& gpu) {
  if (cpu.paths != gpu.paths) return fmt::format("{} paths on the CPU, {} on the GPU", cpu.paths, gpu.paths);
  for (std::size_t i = 0; i < cpu.counts.size(); ++i) {
    if (cpu.counts[i] != gpu.counts[i]) {
      return fmt::format("first difference: {}: {} on the CPU, {} on the GPU", place(cpu.layout, i), cpu.counts[i],
                         gpu.counts[i]);
    }
  }
  for (std::size_t i = 0; i < cpu.sums.size(); ++i) {
    if (cpu.sums[i] != gpu.sums[i]) return fmt::format("sum {}: {} and {}", i, cpu.sums[i], gpu.sums[i]);
  }
  return fmt::format("lowest non-finite path: {} and {}", cpu.lowest_non_finite, gpu.lowest_non_finite);
}

class Gpu : public testing::Test {
 protected:
  void SetUp() override {
    const CudaDevices devices = cuda_devices();
    if (!devices.usable()) GTEST_SKIP() << "no GPU: " << devices.note;
    gpu = make_backend({"cuda", "auto", 0});
    cpu = make_backend({"cpu", "auto", 0});
  }

  static Tally tally(Backend& backend, const Compiled& compiled, const std::vector<PathRange>& ranges) {
    Tally total(layout_of(compiled.plan));
    for (const PathRange& r : ranges) backend.run(compiled, seed, r, total);
    return total;
  }

  /// Halves the range until one path is left on which the two fingerprints differ.
  template <class Left, class Right>
  static std::uint64_t differing_path(PathRange range, const Left& left, const Right& right) {
    while (range.count > 1) {
      const PathRange low{range.first, range.count / 2}, high{range.first + low.count, range.count - low.count};
      range = left(low) != right(low) ? low : high;
    }
    return range.first;
  }

  void expect_same(const Compiled& compiled, PathRange range) {
    const Tally expected = tally(*cpu, compiled, {range}), got = tally(*gpu, compiled, {range});
    EXPECT_TRUE(got == expected) << difference(expected, got);
    EXPECT_EQ(got.hash(), expected.hash());
    const auto on_cpu = [&](PathRange r) { return cpu->fingerprint(compiled, seed, r); };
    const auto on_gpu = [&](PathRange r) { return gpu->fingerprint(compiled, seed, r); };
    if (on_cpu(range) != on_gpu(range)) {
      ADD_FAILURE() << "raw outcomes differ, among others on path " << differing_path(range, on_cpu, on_gpu)
                    << " of seed " << seed << ": see `proofload explain`";
    }
  }

  /// Of all books, or those whose name has $PROOFLOAD_GPU_ONLY in it.
  void expect_all_same(const std::map<std::string, Scenario>& books, PathRange range) {
    const char* only = std::getenv("PROOFLOAD_GPU_ONLY");
    for (const auto& [name, scenario] : books) {
      if (only != nullptr && name.find(only) == std::string::npos) continue;
      SCOPED_TRACE(name);
      expect_same(compile(scenario), range);
    }
  }

  std::unique_ptr<Backend> gpu, cpu;
};

/// A book made to order; failures strike about a path in six, so that what is rare in a real book is not rare here.
struct Book {
  int assets = 4, routes = 4, layers = 2, collaterals = 8;
  bool stalls = false, portfolio = false, basis = false, grid = false;
  bool constant = false;      ///< every message takes a day, and nothing is random but prices
  int tables = 1;             ///< distinct shapes of gamma law: each takes a table
  bool reading_each = false;  ///< an oracle of its own per route: a price-layer time for every leg
};

Compiled made(const Book& b) {
  std::string text = "schema = 1\nname = \"made\"\nrun = { paths = 1, horizon = \"20d\" }\n[market]\n";
  if (b.grid) text += "grid = { step = \"1h\" }\n";
  text += "assets = [\n";
  for (int i = 0; i < b.assets; ++i) {
    text += fmt::format("{{ name = \"A{}\", price = 100.0, volatility = {:.2f}, drift = 0.1 }},\n", i, 0.4 + 0.1 * i);
  }
  text += "]\n";
  if (b.assets > 1) {
    text += "correlation = [\n";
    for (int i = 0; i < b.assets; ++i) {
      text += "[";
      for (int j = 0; j < b.assets; ++j) text += i == j ? "1.0, " : "0.6, ";
      text += "],\n";
    }
    text += "]\n";
  }
  for (int i = 0; i < b.layers; ++i) {
    text += fmt::format("[layers.l{}]\nhazard = 20.0\nexposure = \"{}h\"\nnetwork = \"n\"\ncommon_hazard = 5.0\n", i,
                        48 + i);
    text +=
        R"(recovery = { kind = "mixture", of = [ { weight = 0.4, kind = "constant", value = 1.0 }, { weight = 0.6, kind = "uniform", min = 0.1, max = 0.8 } ] })";
    text += "\n";
    if (b.stalls) text += "stall = { kind = \"lognormal\", median = \"24h\", p99 = \"30d\" }\n";
  }
  for (int r = 0; r < b.routes; ++r) {
    text += fmt::format("[routes.r{0}]\ncollateral_chain = \"c{0}\"\nliability_chain = \"home\"\n", r);
    if (b.layers > 0) text += fmt::format("layer = \"l{}\"\n", r % b.layers);
    text += "stages = [\n";
    if (b.constant) {
      text += "{ name = \"relay\", kind = \"constant\", value = \"1d\" }";
    } else {
      text += fmt::format("{{ name = \"oracle\", kind = \"exponential\", mean = \"{}s\" }},\n",
                          b.reading_each ? 30 + r : 30);
      text += fmt::format("{{ name = \"finality\", kind = \"gamma\", shape = {:.2f}, mean = \"{}m\" }},\n",
                          1.5 + 0.25 * (r % b.tables), 10 + r);
      text +=
          R"({ name = "relay", kind = "mixture", of = [ { weight = 0.9, kind = "lognormal", median = "45s", p99 = "10m" }, { weight = 0.1, kind = "uniform", min = "1h", max = "9h" } ] },)";
    }
    text += "\n]\n";
  }
  if (b.portfolio) text += "[portfolio]\nhaircut = 0.02\n";
  for (int k = 0; k < b.collaterals; ++k) {
    text += fmt::format("[[collateral]]\nname = \"k{}\"\nasset = \"A{}\"\nroute = \"r{}\"\nhaircut = 0.{:02}\n", k,
                        k % b.assets, (k / b.assets + k) % b.routes, 1 + k % 7);
    text += "sale = { size = 1e6, depth = 2e7, cost = 50.0, bonus = 0.05 }\n";
    if (b.basis) text += fmt::format("basis = {{ kind = \"uniform\", min = 0.9{}, max = 1.0 }}\n", k % 10);
  }
  return compile(parse_scenario(text, "made.toml"));
}

// The sanitizers run this one and the next alone: each kernel, few paths.
TEST_F(Gpu, FewPathsOfEveryKernel) {
  for (const int assets : {3, 8, 11, 16}) {
    SCOPED_TRACE(assets);
    Book book{assets};
    book.stalls = book.portfolio = book.basis = true;
    expect_same(made(book), {11, 3001});
  }
}

TEST_F(Gpu, FewPathsOfEveryMarket) { expect_all_same(markets(), {11, 1001}); }

TEST_F(Gpu, EveryShippedScenario) {
  const auto files = scenarios_in("scenarios");
  ASSERT_GE(files.size(), 6u);
  for (const auto& file : files) {
    SCOPED_TRACE(file.string());
    expect_same(compile(read_scenario(file)), {0, many});
  }
}

TEST_F(Gpu, EveryIncident) {
  for (const auto& file : scenarios_in("scenarios/incidents")) {
    SCOPED_TRACE(file.string());
    expect_same(compile(read_scenario(file)), {0, many / 8});
  }
}

TEST_F(Gpu, EveryMarket) { expect_all_same(markets(), {5, many / 8}); }

TEST_F(Gpu, EveryLargerBook) { expect_all_same(larger_books(), {5, many / 8}); }

TEST_F(Gpu, TheCommonWorkItem) {
  for (const char* mode : {"log", "path"}) {
    SCOPED_TRACE(mode);
    expect_same(compile(common_work_item(mode, "gaussian")), {0, many / 8});
  }
}

// What earlier builds recorded (tests/kernels/bits_test.cpp).
TEST_F(Gpu, TheRecordedHashes) {
  std::ifstream in("results/reference/tallies.json");
  const nlohmann::json recorded = nlohmann::json::parse(in);
  const auto expect = [&](const std::string& name, const Compiled& compiled) {
    const auto& row = recorded.at(name);
    Tally got(layout_of(compiled.plan));
    gpu->run(compiled, row.at("seed"), {0, row.at("paths")}, got);
    EXPECT_EQ(got.hash(), row.at("tally_hash").get<std::string>()) << name;
  };
  for (const auto& file : scenarios_in("scenarios")) expect(file.filename().string(), compile(read_scenario(file)));
  for (const auto& [name, scenario] : markets()) expect("market: " + name, compile(scenario));
}

TEST_F(Gpu, OneToSixteenAssets) {
  for (const int assets : {1, 4, 5, 8, 9, 12, 13, 16}) {
    SCOPED_TRACE(assets);
    Book book{assets};
    book.collaterals = 16;
    expect_same(made(book), {0, many / 8});
  }
}

TEST_F(Gpu, StallsPortfolioBasisAndGridAloneAndTogether) {
  for (int bits = 0; bits < 16; ++bits) {
    SCOPED_TRACE(bits);
    Book book;
    book.stalls = (bits & 1) != 0;
    book.portfolio = (bits & 2) != 0;
    book.basis = (bits & 4) != 0;
    book.grid = (bits & 8) != 0;
    const Compiled compiled = made(book);
    expect_same(compiled, {0, many / 16});
    const Tally seen = tally(*gpu, compiled, {{0, many / 16}});
    EXPECT_GT(seen.counts[seen.layout.failed(0, 1)], some) << "joint failures were to be tested";
    if (book.stalls) { EXPECT_GT(seen.counts[seen.layout.unresolved()], some); }
    if (book.portfolio) { EXPECT_GT(seen.counts[seen.layout.book_under()], some); }
  }
}

TEST_F(Gpu, NoLayersAtAll) {
  Book book;
  book.layers = 0;
  expect_same(made(book), {0, many / 8});
}

TEST_F(Gpu, SplitsAndOrderDoNotMatter) {
  Book book{12};
  book.stalls = book.portfolio = true;
  const Compiled compiled = made(book);
  const Tally whole = tally(*gpu, compiled, {{5, many}});
  const std::vector<PathRange> parts = {{5, 1}, {6, 255}, {261, many / 16}, {261 + many / 16, many - 256 - many / 16}};
  const Tally split = tally(*gpu, compiled, parts);
  EXPECT_TRUE(split == whole) << difference(whole, split);
  const Tally backwards = tally(*gpu, compiled, {parts.rbegin(), parts.rend()});
  EXPECT_TRUE(backwards == whole) << difference(whole, backwards);
  std::uint64_t sum = 0;
  for (const PathRange& r : parts) sum += gpu->fingerprint(compiled, seed, r);
  EXPECT_EQ(sum, gpu->fingerprint(compiled, seed, {5, many}));
  EXPECT_TRUE(tally(*gpu, compiled, {{5, 0}}) == Tally(layout_of(compiled.plan))) << "no paths, no counts";
}

TEST_F(Gpu, PathsBeyondTwoToThe32) {
  const Compiled compiled = made({});
  constexpr std::uint64_t boundary = std::uint64_t{1} << 32;
  for (const std::uint64_t first : {boundary - many / 10, boundary, 5 * boundary + 3, (std::uint64_t{1} << 60) + 77}) {
    SCOPED_TRACE(first);
    expect_same(compiled, {first, many / 5});
  }
  EXPECT_NE(gpu->fingerprint(compiled, seed, {boundary, 1000}), gpu->fingerprint(compiled, seed, {0, 1000}));
}

TEST_F(Gpu, SharedMemoryHeavyScenarios) {
  Book book{16, 12, 6, 24};  // 24 legs: more than 48 KiB a block, the default limit
  book.stalls = book.reading_each = true;
  book.tables = 8;
  Compiled compiled = made(book);
  EXPECT_EQ(compiled.plan.legs, 24u);
  EXPECT_EQ(compiled.plan.readings, 24u);
  expect_same(compiled, {0, many / 8});

  book = {8, 32, 2, 8};  // delay histograms of 32 routes do not fit beside the slots: they are counted in global memory
  expect_same(made(book), {0, many / 8});

  book = {16, 32, 24, 64};  // 64 legs with stalls: 256 threads would need 344 KiB, so that blocks are smaller
  book.stalls = book.reading_each = true;
  expect_same(made(book), {0, many / 8});

  compiled =
      made({});  // no scenario: what the limits of a plan come to, more than any GPU has. Refused before it starts
  Plan& plan = compiled.plan;
  plan.process = Process::factors;
  plan.factors = 8;
  plan.jumps = plan.stalls = 1;
  plan.bridged = 0;
  plan.walked = plan.messages = plan.readings = plan.legs = 64;
  plan.parts = 256;
  Tally none(layout_of(compiled.plan));
  try {
    gpu->run(compiled, seed, {0, 1000}, none);
    FAIL() << "it fits a block of this GPU: " << gpu->device();
  } catch (const Error& e) { EXPECT_NE(std::string(e.what()).find("shared memory"), std::string::npos) << e.what(); }
  EXPECT_EQ(none.paths, 0u);
  expect_same(made({}), {0, 1000});  // and the device is still of use
}

TEST_F(Gpu, TheLowestNonFinitePathIsReported) {
  Book book{1, 1, 0, 1};
  book.constant = true;
  Compiled compiled = made(book);
  // At a day, 88 is where exp ends; half of the log prices lie above.
  constexpr float day = 86'400.0f * 512.0f;
  compiled.plan.drift[0] = 88.0f / day;
  compiled.plan.volatility[0] = compiled.plan.cholesky[0] = 1e-5f;  // 0.07 at a day
  expect_same(compiled, {1000, 100'000});
  const Tally seen = tally(*gpu, compiled, {{1000, 100'000}});
  EXPECT_LT(seen.lowest_non_finite, 1100u);
  EXPECT_GE(seen.lowest_non_finite, 1000u);
}

// 32-bit counters on the device are emptied into 64-bit ones every 2^30 paths.
TEST_F(Gpu, MoreThanTwoToThe30Paths) {
  Book book{1, 1, 0, 1};
  const Compiled compiled = made(book);
  constexpr std::uint64_t count = (std::uint64_t{1} << 30) + 54'321, half = count / 2;
  const Tally whole = tally(*gpu, compiled, {{0, count}}),
              halves = tally(*gpu, compiled, {{0, half}, {half, count - half}});
  EXPECT_TRUE(whole == halves) << difference(whole, halves);
  std::uint64_t losses = 0, delays = 0;
  for (int b = 0; b < loss_bins; ++b) losses += whole.counts[whole.layout.latency(0) + std::size_t(b)];
  for (int b = 0; b < delay_bins; ++b) delays += whole.counts[whole.layout.delay(0) + std::size_t(b)];
  EXPECT_EQ(losses, count);
  EXPECT_EQ(delays, count);
}

TEST_F(Gpu, ItsClockRuns) {
  const Compiled compiled = made({});
  tally(*gpu, compiled, {{0, 1000}});
  const auto few = gpu->kernel_seconds();
  tally(*gpu, compiled, {{0, 16 * many}});
  const auto more = gpu->kernel_seconds();
  ASSERT_TRUE(few && more);
  EXPECT_GT(*few, 0.0);
  EXPECT_GT(*more, *few);
  EXPECT_FALSE(cpu->kernel_seconds());
}

// What the comparisons above are worth: one ulp in one drift is seen.
TEST_F(Gpu, APlantedDifferenceIsSeen) {
  const Compiled compiled = compile(stormy());
  constexpr PathRange range{0, 20'000};
  Compiled other = compiled;
  other.plan.drift[0] = std::nextafter(other.plan.drift[0], 1.0f);
  const auto on_cpu = [&](PathRange r) { return cpu->fingerprint(compiled, seed, r); };
  const auto on_gpu = [&](PathRange r) { return gpu->fingerprint(other, seed, r); };
  EXPECT_NE(on_cpu(range), on_gpu(range));
  const std::uint64_t path = differing_path(range, on_cpu, on_gpu);
  EXPECT_NE(on_cpu({path, 1}), on_gpu({path, 1}));
}

}  // namespace
}  // namespace proofload
