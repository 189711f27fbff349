/// fuzz_scenario.cpp -- libFuzzer target: no text may crash the scenario reader; a good one has a fixed effective form.
///
/// scripts/build fuzz; build/fuzz/fuzz_scenario -max_len=4096 NEW_FOLDER tests/corpus
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "scenario/effective.h"
#include "scenario/reader.h"
#include "scenario/scenario.h"

/// Nothing on disk is read: every path is relative to a folder that does not exist, absolute ones are for the tests.
static bool reaches_out(const std::string& text) {
  return text.find("\"/") != std::string::npos || text.find("'/") != std::string::npos ||
         text.find("\\u") != std::string::npos || text.find("\\U") != std::string::npos ||
         text.find("..") != std::string::npos;
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const bool names_files = text.find("include") != std::string::npos || text.find("file") != std::string::npos;
  if (names_files && reaches_out(text)) return 0;
  try {
    const auto scenario = proofload::parse_scenario(text, "fuzz.toml", "no such folder");
    const std::string once = proofload::effective_toml(scenario);
    const std::string twice =
        proofload::effective_toml(proofload::parse_scenario(once, "effective.toml", "no such folder"));
    if (once != twice) {
      std::fprintf(stderr, "not a fixed point:\n%s\n----\n%s\n", once.c_str(), twice.c_str());
      std::abort();
    }
  } catch (const proofload::Error& e) {
    if (e.problems.empty()) std::abort();
    for (const auto& p : e.problems)
      if (p.text.find(" (") == std::string::npos || p.text.find(") ") == std::string::npos ||
          p.text.find('\n') != std::string::npos) {
        std::fprintf(stderr, "not in our grammar: %s\n", p.text.c_str());
        std::abort();
      }
  }
  return 0;
}
