// hashes.cpp -- the names of problems and answers, for comparing builds: one line "scenario plan tally" for each
// scenario file.
//   hashes LANES PATHS SCENARIO...
#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include "base/error.h"
#include "plan/compile.h"
#include "run/backend.h"
#include "scenario/reader.h"

namespace {

constexpr std::uint64_t seed = 7;

void print_hashes(const std::string& file, const std::string& lanes, std::uint64_t paths) {
  using namespace proofload;
  const Scenario scenario = read_scenario(file);
  const Compiled compiled = compile(scenario);
  const auto backend = make_backend({"cpu", lanes, 2});
  Tally tally(layout_of(compiled.plan));
  backend->run(compiled, seed, {0, paths}, tally);
  fmt::print("{} {} {}\n", scenario.name, compiled.plan_hash, tally.hash());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    for (int i = 3; i < argc; ++i) print_hashes(argv[i], argv[1], std::stoull(argv[2]));
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 2;
  }
}
