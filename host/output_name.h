/// output_name.h -- a file that a command is asked to write, looked at before the work and not after it.
#pragma once
#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "error.h"

namespace proofload {

/// Nothing for an option that was not given (""). Throws Error when the name does not end in `ending` (".json"), since a slip
/// would write over the scenario, or when its folder is not there.
inline void check_output_name(const char* option, const std::string& file, const std::string& ending) {
  if (file.empty()) return;
  const std::filesystem::path path = file;
  if (path.extension() != ending)
    throw Error(fmt::format("{} {} (the name does not end in {}, and a file there would be replaced) write {} {}{}",
                            option, file, ending, option, path.stem().string(), ending));
  const auto folder = path.parent_path();
  std::error_code ignored;
  if (!folder.empty() && !std::filesystem::is_directory(folder, ignored))
    throw Error(
        fmt::format("{} cannot be written (there is no folder {}) create the folder first", file, folder.string()));
}

}  // namespace proofload
