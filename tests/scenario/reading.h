/// reading.h -- what tests of the scenario reader share: texts that are changed, the problems that are found in them,
/// files to include.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/error.h"
#include "scenario/reader.h"
#include "scenario/scenario.h"

namespace proofload::testing {

/// `text` with the first `from` replaced; a test whose `from` is not there is a wrong test.
inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  if (at == std::string::npos) throw std::logic_error("not in the text: " + from);
  return text.replace(at, from.size(), to);
}

/// Line on which `needle` first stands; 0 for an empty needle (the file as a whole).
inline int line_of(const std::string& text, const std::string& needle) {
  if (needle.empty()) return 0;
  const auto at = text.find(needle);
  if (at == std::string::npos) throw std::logic_error("not in the text: " + needle);
  return 1 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

inline std::vector<Problem> problems_of(const std::string& text, const std::filesystem::path& folder = ".",
                                        const Recorded* recorded = nullptr) {
  try {
    parse_scenario(text, "test.toml", folder, {}, recorded);
  } catch (const Error& e) { return e.problems; }
  return {};
}

/// One problem, on the line of `needle`, with all of `words` in it, in the grammar "<problem> (<why>) <what to do>".
inline void expect_one(const std::string& text, const std::string& needle, const std::vector<std::string>& words,
                       const std::filesystem::path& folder = ".", const Recorded* recorded = nullptr) {
  const auto found = problems_of(text, folder, recorded);
  ASSERT_EQ(found.size(), 1u) << Error::to_text(found) << "\nin\n" << text;
  EXPECT_EQ(found[0].file, "test.toml");
  EXPECT_EQ(found[0].line, line_of(text, needle)) << found[0].text;
  for (const auto& word : words)
    EXPECT_NE(found[0].text.find(word), std::string::npos) << "no \"" << word << "\" in: " << found[0].text;
  const auto why = found[0].text.find(" ("), what = found[0].text.rfind(") ");
  EXPECT_TRUE(why != std::string::npos && what != std::string::npos && why > 0 && what > why &&
              what + 2 < found[0].text.size())
      << found[0].text;
}

/// A folder of its own for each test.
class Folder : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "proofload-reading-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root = name;
  }
  void TearDown() override { std::filesystem::remove_all(root); }
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((root / name).parent_path());
    std::ofstream(root / name, std::ios::binary) << text;
    return root / name;
  }
  Scenario parse(const std::string& text) const { return parse_scenario(text, "test.toml", root); }
  std::filesystem::path root;
};

}  // namespace proofload::testing
