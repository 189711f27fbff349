/// table.h -- text in columns, for terminals.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace proofload {

inline constexpr std::size_t line_width = 120;  // columns

inline bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xc0u) != 0x80u; }

/// Characters of UTF-8.
inline std::size_t columns(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

/// At most `width` characters, with an ellipsis where something is left out.
inline std::string clipped(const std::string& text, std::size_t width) {
  if (columns(text) <= width) return text;
  std::size_t characters = 0, at = 0;
  for (; at < text.size(); ++at) {
    if (starts_character(text[at]) && ++characters == width) break;
  }
  return text.substr(0, at) + "…";
}

/// Columns as wide as what is in them, the first set left, the others right. When a line would be too long the first
/// column gives way: what does not fit there stands on a line of its own.
class Table {
 public:
  explicit Table(std::vector<std::string> header) { row(std::move(header)); }
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string text() const {
    std::vector<std::size_t> width(rows_[0].size());
    for (const auto& cells : rows_) {
      for (std::size_t c = 0; c < cells.size(); ++c) width[c] = std::max(width[c], columns(cells[c]));
    }
    std::size_t others = 2;
    for (std::size_t c = 1; c < width.size(); ++c) others += 2 + width[c];
    width[0] = std::min(width[0], others + 8 < line_width ? line_width - others : 8);
    std::string out;
    for (const auto& cells : rows_) {
      std::string line = "  ", name = clipped(cells[0], line_width - 2);
      if (columns(name) > width[0]) out += line + std::exchange(name, "") + "\n";
      line += fmt::format("{:<{}}", name, width[0]);
      for (std::size_t c = 1; c < cells.size(); ++c) line += fmt::format("  {:>{}}", cells[c], width[c]);
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + "\n";
    }
    return out;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace proofload
