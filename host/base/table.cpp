#include "base/table.h"

#include <algorithm>

namespace proofload {
namespace {

constexpr std::size_t line_indent = 2, cell_gap = 2;  // columns before a line, and between two cells
constexpr std::size_t least_name = 12;                // columns that the first one keeps when it gives way

}  // namespace

std::string Table::text(std::size_t width) const {
  Columns widths(rows_[0].size());
  for (const auto& cells : rows_) {
    for (std::size_t c = 0; c < cells.size(); ++c) widths[c] = std::max(widths[c], columns(cells[c]));
  }
  std::size_t others = line_indent;  // all but the first column
  for (std::size_t c = 1; c < widths.size(); ++c) others += cell_gap + widths[c];
  std::size_t keys = line_indent;  // what names a row, but its first column
  for (std::size_t c = 1; c < names_; ++c) keys += cell_gap + widths[c];

  Columns shown;
  for (std::size_t c = 0; c < names_; ++c) shown.push_back(c);
  std::string out;
  if (others + std::min(widths[0], least_name) <= width) {
    widths[0] = std::min(widths[0], width - others);
    for (std::size_t c = names_; c < widths.size(); ++c) shown.push_back(c);
    add_part(out, shown, widths, width);
    return out;
  }
  widths[0] = std::min(widths[0], std::max(least_name, width / 3));
  std::size_t taken = keys + widths[0];
  const std::size_t room = taken + cell_gap < width ? width - taken - cell_gap : 1;  // for one column
  for (std::size_t c = names_; c < widths.size(); ++c) {
    widths[c] = std::min(widths[c], room);
    if (shown.size() > names_ && taken + cell_gap + widths[c] > width) {
      add_part(out, shown, widths, width);
      out += "\n";
      shown.resize(names_);
      taken = keys + widths[0];
    }
    shown.push_back(c);
    taken += cell_gap + widths[c];
  }
  add_part(out, shown, widths, width);
  return out;
}

void Table::add_part(std::string& out, const Columns& shown, const Columns& widths, std::size_t width) const {
  const auto cell = [](const std::vector<std::string>& cells, std::size_t c) {
    return c < cells.size() ? cells[c] : std::string();
  };
  for (const auto& cells : rows_) {
    std::string name = clipped(cell(cells, 0), width - line_indent), line(line_indent, ' '), rest;
    for (std::size_t i = 1; i < shown.size(); ++i) {
      const std::size_t c = shown[i];
      rest += std::string(cell_gap, ' ') + padded_left(clipped(cell(cells, c), widths[c]), widths[c]);
    }
    rest.erase(rest.find_last_not_of(' ') + 1);
    if (name.empty() && rest.empty()) continue;  // nothing of the row is in this part
    if (columns(name) > widths[0]) {
      out += line + name + "\n";
      name.clear();
      if (rest.empty()) continue;
    }
    line += padded_right(name, widths[0]) + rest;
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
}

}  // namespace proofload
