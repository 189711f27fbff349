/// suggestion.h -- what people have written, shown to them in a message, and what they may have meant.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace proofload {

bool is_control(char c);
/// Made fit for a message: one line, printable, and short, cut after more than `most` bytes.
std::string printable(std::string_view text, std::size_t most = 60);
std::string in_quotes(std::string_view text);  ///< the same in quotes

/// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours, letter case aside.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// "did you mean "X"?", or nothing. A name is meant whose spelling is near, that begins with what was given, or of
/// which it is a part or near one: "acros" means "intent-across". Of names that are equally near at most three are
/// given.
std::string meant(std::string_view given, const std::vector<std::string>& valid);
/// The same, or the list of what there is; `kind`: one of the names in words.
std::string suggestion(std::string_view given, const std::vector<std::string>& valid, const std::string& kind);

}  // namespace proofload
