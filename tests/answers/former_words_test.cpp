// Results of before the chains of a route were named after what lies on them: they open, and say what they said.
// The files are of commit 6bc4cd7, without the edges of their bins, which are most of a small file and which nobody
// reads; beside each is what `show --json` of that commit printed.
#include <gtest/gtest.h>
#include <hdf5.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "answers/result_file.h"
#include "answers/show.h"
#include "base/error.h"
#include "plan/compile.h"
#include "scenario/effective.h"
#include "scenario/reader.h"

namespace proofload {
namespace {

using Json = nlohmann::json;

const std::filesystem::path folder = "tests/corpus/results-of-6bc4cd7";

constexpr double few_paths = 4000.0;  ///< what the files in the folder have

Json json_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  return Json::parse(in);
}

/// All that was said then is said now; what is said besides is new. Quantiles of delays have the digits that are known,
/// and the error of a law's tables is that of the tables of today.
void expect_said(const Json& then, const Json& now, const std::string& path) {
  // Then the interval of an exposure cap ended where fewer than ten failures were seen, and was a normal one elsewhere.
  if (path.find(".exposure_cap_per_loss_budget_") != std::string::npos) return;
  if (then.is_object()) {
    // Then the largest loss was called a haircut where there were fewer paths than 1 / (1 - confidence).
    if (then.contains("confidence") && then["confidence"].get<double>() > 1.0 - 1.0 / few_paths &&
        now["value"].is_null())
      return;
    for (const auto& [key, value] : then.items()) {
      ASSERT_TRUE(now.contains(key)) << path << "." << key;
      // the words themselves
      if (key != "scope") expect_said(value, now[key], path + "." + key);
    }
  } else if (then.is_array()) {
    ASSERT_EQ(then.size(), now.size()) << path;
    for (std::size_t i = 0; i < then.size(); ++i) expect_said(then[i], now[i], path + "[" + std::to_string(i) + "]");
  } else if (then.is_number_float()) {
    if (path.starts_with(".laws[") && path.ends_with(".error")) return;
    // Then the interval of an expected shortfall knew nothing of failures that were not seen.
    if (path.ends_with(".expected_shortfall_low") || path.ends_with(".expected_shortfall_high")) return;
    // And the share of outages under way nothing of the stress factor on their rates.
    if (path.ends_with(".p_under_way")) return;
    ASSERT_TRUE(now.is_number()) << path;
    const double tolerance = path.find("delay_seconds") == std::string::npos ? 1e-9 : 5e-4;
    EXPECT_NEAR(now.get<double>(), then.get<double>(), tolerance * std::fabs(then.get<double>())) << path;
  } else {
    EXPECT_EQ(then, now) << path;
  }
}

class FormerWords : public ::testing::TestWithParam<const char*> {};

TEST_P(FormerWords, ResultsThatHaveThemSayWhatTheySaid) {
  const Json then = json_in(folder / (std::string(GetParam()) + ".json"));
  const Results r = read_results(folder / (std::string(GetParam()) + ".h5"));
  EXPECT_EQ(r.tally.hash(), then["tally_hash"].get<std::string>());
  expect_said(then, Json(show_json(r)), "");
}

TEST_P(FormerWords, TheScenarioIsTheSamePlanInTheWordsOfToday) {
  const Json then = json_in(folder / (std::string(GetParam()) + ".json"));
  const Results r = read_results(folder / (std::string(GetParam()) + ".h5"));
  const std::string text = effective_toml(r.scenario);
  for (const char* word : {"\nfrom = ", "\nto = ", "source_chain", "destination_chain"})
    EXPECT_EQ(text.find(word), std::string::npos) << word;
  const Compiled again = compile(parse_scenario(text, "effective.toml"));
  EXPECT_EQ(again.plan_hash, compile(r.scenario).plan_hash);
  constexpr std::uint32_t revision_of_then = 4;
  if (kernel_revision == revision_of_then) { EXPECT_EQ(again.plan_hash, then["plan_hash"].get<std::string>()); }
  EXPECT_EQ(r.compiled.plan_hash, then["plan_hash"].get<std::string>());
}

/// When the kernels are revised these files are of an older revision, whose counts are read as they are.
TEST_P(FormerWords, ResultsOfAnOlderRevisionSayWhatTheySaid) {
  const Json then = json_in(folder / (std::string(GetParam()) + ".json"));
  const auto file = std::filesystem::temp_directory_path() / (std::string("proofload-older-") + GetParam() + ".h5");
  std::filesystem::copy_file(folder / (std::string(GetParam()) + ".h5"), file,
                             std::filesystem::copy_options::overwrite_existing);
  const hid_t image = H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT),
              attribute = H5Aopen(image, "kernel_revision", H5P_DEFAULT);
  const std::uint64_t older = kernel_revision - 1;
  EXPECT_GE(H5Awrite(attribute, H5T_NATIVE_UINT64, &older), 0);
  H5Aclose(attribute);
  H5Fclose(image);
  const Results r = read_results(file);
  std::filesystem::remove(file);
  EXPECT_EQ(r.tally.hash(), then["tally_hash"].get<std::string>());
  expect_said(then, Json(show_json(r)), "");
}

INSTANTIATE_TEST_SUITE_P(Results, FormerWords, ::testing::Values("plain", "scopes"),
                         [](const auto& name) { return std::string(name.param); });

TEST(FormerWordsInAFile, AreNoWordsOfAScenarioThatIsWrittenNow) {
  // what a result embeds may be saved as a file, which is then read as any other
  const Results r = read_results(folder / "scopes.h5");
  EXPECT_THROW(parse_scenario(r.scenario.source, "scopes.toml"), Error);
}

}  // namespace
}  // namespace proofload
