/// presets.h -- the preset files that come with the program: chains, their outages, mechanisms. A scenario anywhere on
/// the disk includes them by name, as "proofload:mechanisms".
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace proofload::input {

/// Files named *.toml of a folder, by name; none where there is no such folder.
std::vector<std::filesystem::path> toml_files(const std::filesystem::path& folder);

/// The shipped presets: of the checkout that the program was built in, or installed beside it, or else in
/// scenarios/presets of the working directory. Empty when there are none.
std::vector<std::filesystem::path> shipped_presets();

/// What follows "proofload:"; nothing for an include that is a path.
std::optional<std::string> preset_name(std::string_view include);

}  // namespace proofload::input
