// Exports: basis points that never understate, provenance that is complete, and a refusal where there is no upper
// bound.
#include "feed/export.h"
#include "base/error.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "answers/answer.h"
#include "answers/notes.h"
#include "tests/answers/made_results.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;
using testing::count_losses, testing::made_results, testing::seal;

TEST(BasisPoints, AreRoundedUpAndClamped) {
  EXPECT_EQ(venue_units(venues[0], -0.3), 0);
  EXPECT_EQ(venue_units(venues[0], 0.0), 0);
  EXPECT_EQ(venue_units(venues[0], 1e-5), 1);
  EXPECT_EQ(venue_units(venues[0], 0.99991), 10'000);
  EXPECT_EQ(venue_units(venues[0], 1.0), 10'000);
  // Every edge of a loss bin, against whole numbers: bin i of 1e-5 ends at (i + 1) / 10 basis points.
  for (int i = 0; i < loss_fine_bins; ++i) {
    ASSERT_EQ(venue_units(venues[0], loss_edge(1 + loss_gain_bins + i + 1)), (i + 1 + 9) / 10) << i;
  }
}

Results filled(std::uint64_t paths, const std::string& stress = "") {
  std::string text = testing::two_collaterals + stress;
  text.replace(text.find("ETH@base"), 8, "ETH \\\"best\\\", base");
  Results r = made_results(text);
  count_losses(r.tally, 0, 0.051234, paths / 50);
  count_losses(r.tally, 0, 0.02, paths / 50, 0.9);
  count_losses(r.tally, 1, -0.2, paths);
  seal(r, paths);
  return r;
}

struct File {
  fs::path path;
  explicit File(const std::string& extension)
      : path(fs::temp_directory_path() / ("proofload-export-" + std::to_string(::getpid()) + extension)) {}
  ~File() { fs::remove(path); }
  std::string text() const {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

TEST(Export, TakesTheUpperBound) {
  const Results r = filled(20'000);
  const auto haircuts = exported_haircuts(r, venues[0]);
  const Answers all = answer(r);
  ASSERT_EQ(haircuts.size(), 6u);
  for (std::size_t i = 0; i < haircuts.size(); ++i) {
    const HaircutAnswer& h = all.collateral[i / 3].haircuts[i % 3];
    EXPECT_EQ(haircuts[i].confidence, h.confidence);
    EXPECT_EQ(haircuts[i].upper, *h.high);
    EXPECT_EQ(haircuts[i].estimate, *h.value);
    EXPECT_EQ(haircuts[i].beyond_cliff, h.beyond_cliff);
    EXPECT_GE(haircuts[i].units, 1e4 * *h.value - 1e-9);
  }
  EXPECT_TRUE(haircuts[1].beyond_cliff) << "2 % of paths fail";
  EXPECT_EQ(haircuts[1].units, 9001);
  EXPECT_EQ(haircuts[4].units, 0) << "collateral that brings more than its value needs no haircut";
  EXPECT_LT(haircuts[4].upper, 0.0);
  // Where estimate and upper bound lie far apart it is the upper bound: 9 of 10,000 lose 30 %, 10 more lose 20 %, about
  // 10 +- 6 count.
  Results wide = made_results();
  count_losses(wide.tally, 0, 0.30, 9);
  count_losses(wide.tally, 0, 0.20, 10);
  seal(wide, 10'000);
  const ExportedHaircut spread = exported_haircuts(wide, venues[0])[2];
  EXPECT_NEAR(spread.estimate, 0.20001, 1e-12);
  EXPECT_EQ(spread.units, 3001);
}

TEST(Export, WritesJsonAsTheSchemaSays) {
  const Results r = filled(20'000);
  const File file(".json");
  export_haircuts(r, "generic", file.path);
  const auto json = nlohmann::json::parse(file.text());
  const auto schema = nlohmann::json::parse(std::ifstream("results/haircuts.schema.json"));
  // The Python test checks the whole schema where the package for that is installed; this needs none.
  const auto same_keys = [](const nlohmann::json& object, const nlohmann::json& rule) {
    for (const auto& key : rule["required"]) EXPECT_TRUE(object.contains(key.get<std::string>())) << key;
    for (const auto& item : object.items()) EXPECT_TRUE(rule["properties"].contains(item.key())) << item.key();
  };
  same_keys(json, schema);
  same_keys(json["provenance"], schema["properties"]["provenance"]);
  for (const auto& h : json["haircuts"]) same_keys(h, schema["properties"]["haircuts"]["items"]);
  EXPECT_FALSE(json["provenance"].contains("stress"));
  EXPECT_EQ(json["provenance"]["plan_hash"], r.compiled.plan_hash);
  EXPECT_EQ(json["provenance"]["tally_hash"], r.tally.hash());
  EXPECT_EQ(json["provenance"]["seed"], r.seed);
  EXPECT_EQ(json["provenance"]["paths"], 20'000);
  EXPECT_EQ(json["haircuts"].size(), 6u);
  EXPECT_EQ(json["haircuts"][1]["haircut_bps"], 9001);

  const Results stressed = filled(20'000, "[stress]\nvolatility = 1.5\ndepth = 4\n");
  export_haircuts(stressed, "generic", file.path);
  const auto stress = nlohmann::json::parse(file.text());
  EXPECT_EQ(stress["provenance"]["stress"], stress_text(stressed.scenario));
  EXPECT_EQ(stress["provenance"]["stress"], "volatility times 1.5, depth divided by 4");
  same_keys(stress["provenance"], schema["properties"]["provenance"]);
}

TEST(Export, WritesCsvWithProvenanceInEveryRow) {
  const Results r = filled(20'000);
  const File file(".csv");
  export_haircuts(r, "generic", file.path);
  const std::string text = file.text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 7);
  EXPECT_NE(text.find("\n\"ETH \"\"best\"\", base\",ETH,slow,0.9,0,"), std::string::npos) << text;
  std::size_t rows = 0, at = 0;
  while ((at = text.find(r.compiled.plan_hash + "," + r.tally.hash() + ",7,0,20000,0.95,", at)) != std::string::npos)
    ++rows, ++at;
  EXPECT_EQ(rows, 6u);
  EXPECT_EQ(text.find(",date,stress,partial,in_force_seconds,last_price,valid_until\n"), text.find('\n') - 60);
  const auto ends = [](const std::string& csv, const std::string& end) {
    std::size_t count = 0;
    for (std::size_t i = 0; (i = csv.find(end + "\n", i)) != std::string::npos; ++i) ++count;
    return count;
  };
  EXPECT_EQ(ends(text, ",2026-11-22T00:00:00Z,,,,,"), 6u) << "no stress, a whole run";
  export_haircuts(filled(20'000, "[stress]\nvolatility = 1.5\ndepth = 4\n"), "generic", file.path);
  EXPECT_EQ(ends(file.text(), ",2026-11-22T00:00:00Z,\"volatility times 1.5, depth divided by 4\",,,,"), 6u);
}

TEST(Venue, RoundsToItsSideAtAnyScale) {
  Venue fine{"fine", "x", "units", 1e18, Rounding::up, 0, 1'000'000'000'000'000'000};
  for (const double haircut : {0.95267, 0.1, 1.0 / 3.0, 0.0512})
    EXPECT_GE(static_cast<double>(venue_units(fine, haircut)), haircut * 1e18);
  fine.rounding = Rounding::down;
  for (const double haircut : {0.95267, 0.1, 1.0 / 3.0, 0.0512})
    EXPECT_LE(static_cast<double>(venue_units(fine, haircut)), haircut * 1e18);
  const Venue coarse{"coarse", "x", "units", 1e4, Rounding::up, 0, 10'000};
  EXPECT_EQ(venue_units(coarse, 0.0512), 512) << "0.0512 * 1e4 is 512.00000000000006";
  EXPECT_EQ(venue_units(coarse, 0.05120001), 513);
}

TEST(Export, SaysThatItIsFromPartOfARun) {
  Results r = filled(20'000);
  r.scenario.run.paths = 45'000;
  const File json(".json"), csv(".csv");
  export_haircuts(r, "generic", json.path);
  const auto provenance = nlohmann::json::parse(json.text())["provenance"];
  EXPECT_EQ(provenance["partial"], "20,000 of 45,000 paths");
  const auto schema = nlohmann::json::parse(std::ifstream("results/haircuts.schema.json"));
  EXPECT_TRUE(schema["properties"]["provenance"]["properties"].contains("partial"));
  export_haircuts(r, "generic", csv.path);
  EXPECT_NE(csv.text().find(",,\"20,000 of 45,000 paths\",,,\n"), std::string::npos) << csv.text();
  EXPECT_EQ(partial_text(filled(20'000)), "");
}

TEST(Export, RefusesWhatItMustNotWrite) {
  const auto error_of = [](const Results& r, const std::string& venue, const fs::path& path) -> std::string {
    try {
      export_haircuts(r, venue, path);
    } catch (const Error& e) { return e.what(); }
    return "no error";
  };
  const File json(".json"), odd(".xml");
  const std::string few = error_of(filled(1000), "generic", json.path);
  EXPECT_NE(few.find("\"ETH@ethereum\" at 99.9 %"), std::string::npos) << few;
  EXPECT_NE(few.find("best"), std::string::npos) << "all problems at once: " << few;
  EXPECT_FALSE(fs::exists(json.path));
  EXPECT_NE(error_of(filled(20'000), "acme", json.path).find("acme"), std::string::npos);
  EXPECT_NE(error_of(filled(20'000), "generic", odd.path).find(".xml"), std::string::npos);
  EXPECT_FALSE(fs::exists(odd.path));
}

}  // namespace
}  // namespace proofload
