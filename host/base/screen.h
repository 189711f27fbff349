/// screen.h -- how wide the screen is, and how many of its columns a text takes.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace proofload {

/// Columns that output may take: $COLUMNS where it is a number above 0; else those of the terminal that standard output
/// is; else, into a pipe or a file, 80, so that what is printed there does not depend on who looks. 40 at least.
std::size_t screen_width();

/// Columns that a terminal gives to UTF-8: two for characters of East Asia and pictures, none for what combines with
/// the character before (wcwidth() of the C library), one for a byte that is no UTF-8.
std::size_t columns(std::string_view text);

/// At most `width` columns, with an ellipsis where something is left out.
std::string clipped(std::string_view text, std::size_t width);

/// The longest beginning of the text that takes at most `width` columns, in bytes; what combines stays with its
/// character. One character at least, if there is any.
std::size_t fitting(std::string_view text, std::size_t width);

/// With blanks up to so many columns; a wider text as it is.
std::string padded_right(std::string text, std::size_t width);
std::string padded_left(const std::string& text, std::size_t width);

}  // namespace proofload
