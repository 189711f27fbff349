/// reader.h -- a scenario file read: includes merged, every mistake found, with its file and line.
///
/// The format is the contract of DESIGN 4.1; scenarios/README.md describes it for users.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "scenario/scenario.h"

namespace proofload {

/// What the command line sets on top of a file.
struct Overrides {
  std::optional<std::uint64_t> paths, seed;
  std::filesystem::path prices{};  ///< in place of stress.replay.file, which must be there; empty: the scenario's own
  /// Of the file's catalogue: takes the place of every route's mechanism, layer and stages, except how its oracle
  /// notices; when it sends no message the collateral lies on the route's liability chain. Empty: the scenario's own.
  std::string mechanism{};
};

/// What a scenario read from files of prices and residuals, kept apart from them: a result has it beside its scenario.
struct Recorded {
  enum class Use {
    instead,    ///< no file is opened, of these or other kinds: what is not in here is a problem of the scenario
    if_missing  ///< for a file that is not there, when it has this name and the same is asked of it
  } use = Use::instead;
  std::vector<std::string> assets;   ///< whose columns these are; empty: those of the scenario, as they come
  InnovationSpec innovation;         ///< `rows`, and the name of their `file`
  std::optional<ReplaySpec> replay;  ///< `returns`, `calls` and `bar`; how they were cut from which `file`
  bool former_words = false;  ///< the text is a result's: it may have the words of former_words.h, no grid either
};

/// All of it that the scenario has, for a scenario whose files may be gone.
Recorded recorded_in(const Scenario&);

/// Reads, merges includes, validates. Throws Error with *all* problems of the scenario at once.
Scenario read_scenario(const std::filesystem::path& file, const Overrides& overrides = {},
                       const Recorded* recorded = nullptr);

/// The same for text that is not in a file; `name` stands for the file in messages, includes are relative to `folder`.
Scenario parse_scenario(const std::string& text, const std::string& name, const std::filesystem::path& folder = ".",
                        const Overrides& overrides = {}, const Recorded* recorded = nullptr);

}  // namespace proofload
