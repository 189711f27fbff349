#include "input/presets.h"

#include <algorithm>
#include <system_error>

namespace proofload::input {

namespace fs = std::filesystem;

std::vector<fs::path> toml_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (entry.path().extension() == ".toml" && entry.is_regular_file(ignored)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<fs::path> shipped_files(const fs::path& folder) {
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  const fs::path here = "scenarios" / folder;
  // the checkout is one level above build/, two above build/clang/ and its like
  for (const fs::path& place : {program.parent_path() / here, program.parent_path().parent_path() / here,
                                (program / PROOFLOAD_DATA / folder).lexically_normal(), here})
    if (auto files = toml_files(place); !files.empty()) return files;
  return {};
}

std::optional<std::string> preset_name(std::string_view include) {
  constexpr std::string_view prefix = "proofload:";
  if (!include.starts_with(prefix)) return std::nullopt;
  return std::string(include.substr(prefix.size()));
}

}  // namespace proofload::input
