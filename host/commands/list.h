/// list.h -- `proofload list`: the catalogue of mechanisms and chains in files of presets, and the format's
/// laws and stages, with units and sources.
#pragma once
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace proofload {

enum class Listing { mechanisms, chains, laws, stages };

/// The files of a catalogue: the given file, or all presets (*.toml, by name) of the given folder. With nothing given
/// the shipped ones (input/presets.h). Throws Error when there are none.
std::vector<std::filesystem::path> preset_files(const std::filesystem::path& given);

/// Tables that fit the screen. `files` are read for mechanisms and chains. Throws Error with all problems.
std::string list_text(Listing, const std::vector<std::filesystem::path>& files);

/// The same for programs: durations in seconds, hazards and rates per year, money in USD.
nlohmann::ordered_json list_json(Listing, const std::vector<std::filesystem::path>& files);

}  // namespace proofload
