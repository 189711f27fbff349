/// presets.h -- the files that come with the program: presets (chains, their outages, mechanisms) and policies. A
/// scenario anywhere on the disk includes a preset by name, as "proofload:mechanisms".
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace proofload::input {

/// Files named *.toml of a folder, by name; none where there is no such folder.
std::vector<std::filesystem::path> toml_files(const std::filesystem::path& folder);

/// The shipped files of a folder of scenarios/: of the checkout that the program was built in, or installed beside it,
/// or else below the working directory. Empty when there are none.
std::vector<std::filesystem::path> shipped_files(const std::filesystem::path& folder);
inline std::vector<std::filesystem::path> shipped_presets() { return shipped_files("presets"); }

/// What follows "proofload:"; nothing for a path.
std::optional<std::string> preset_name(std::string_view include);

}  // namespace proofload::input
