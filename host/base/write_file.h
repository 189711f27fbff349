/// write_file.h -- whole files in and out: a file that is written here is complete or absent.
#pragma once
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

namespace proofload {

/// Writes to a temporary name in the same folder, syncs, renames over `file` and syncs the folder. On any failure (full
/// disk, folder that may not be written) the temporary is removed, an older `file` stays as it was, and Error says why.
/// `what` names the thing in messages: "the result". A symbolic link is followed; anything else that is not a regular
/// file is refused.
void write_file(const std::filesystem::path& file, std::string_view bytes, const std::string& what);

/// Throws the Error of write_file where it could not write: tries with a few KiB under a temporary name, and removes
/// them. For a command to ask before its work. What processes that were killed left of such names is removed too.
void require_writable(const std::filesystem::path& file, const std::string& what);

/// Throws Error, unless forced, when `file` is there and its first 4 KiB hold none of `marks`, which all that we write
/// there does: it may be somebody's own. `file` may be empty: not asked for.
void require_ours(const std::filesystem::path& file, bool force, std::initializer_list<std::string_view> marks);

/// Whether both names lead to one file that is there.
bool same_file(const std::filesystem::path&, const std::filesystem::path&);

/// The bytes of a regular file. Throws Error when it cannot be read or is larger than `limit` bytes.
std::string read_file(const std::filesystem::path& file, std::uint64_t limit, const std::string& what);

}  // namespace proofload
