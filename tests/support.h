/// support.h -- scenario text from its parts, and its results along the command line's own path: parse_scenario,
/// run_scenario.
#pragma once
#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <string>

#include "answers/answer.h"
#include "run/engine.h"
#include "scenario/reader.h"

namespace proofload::testing {

/// A backend on the CPU with the widest lanes of this machine; 0 threads: all of them.
inline std::unique_ptr<Backend> cpu(int threads = 0) { return make_backend({"cpu", "auto", threads}); }

/// Runs scenario text to the end.
inline Results run_text(const std::string& text, const RunOptions& options = {}) {
  return run_scenario(parse_scenario(text, "test.toml"), *cpu(), options);
}

/// A duration as a scenario wants it; 17 digits are the number itself.
inline std::string seconds(double s) { return fmt::format("\"{:.17g}s\"", s); }

inline std::string constant(const std::string& stage, double s) {
  return fmt::format("{{ name = \"{}\", kind = \"constant\", value = {} }}", stage, seconds(s));
}
inline std::string exponential(const std::string& stage, double mean) {
  return fmt::format("{{ name = \"{}\", kind = \"exponential\", mean = {} }}", stage, seconds(mean));
}

/// [market] with one asset, X; `more` are further keys of [market].
inline std::string one_asset(double volatility, const std::string& more = "") {
  return fmt::format("[market]\nassets = [ {{ name = \"X\", price = 1.0, volatility = {:.17g} }} ]\n{}", volatility,
                     more);
}

/// A route whose collateral chain is a.
inline std::string route(const std::string& name, const std::string& stages, const std::string& layer = "",
                         const std::string& liability_chain = "b") {
  return fmt::format(
      "[routes.{}]\ncollateral_chain = \"a\"\nliability_chain = \"{}\"\nlayer = \"{}\"\nstages = [ {} ]\n", name,
      liability_chain, layer, stages);
}

inline std::string collateral(const std::string& name, const std::string& asset, const std::string& on, double haircut,
                              const std::string& more = "") {
  return fmt::format("[[collateral]]\nname = \"{}\"\nasset = \"{}\"\nroute = \"{}\"\nhaircut = {:.17g}\n{}\n", name,
                     asset, on, haircut, more);
}

}  // namespace proofload::testing
