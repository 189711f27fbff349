/// table.h -- text in columns, as wide as the screen has room for.
#pragma once
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "base/screen.h"

namespace proofload {

/// Columns as wide as what is in them, the first set left, the others right. No line is wider than the screen. Where
/// one would be, the first column gives way: what does not fit there stands on a line of its own. Where that is not
/// enough, the table is printed in parts, one below the other, each with the columns that name a row.
class Table {
 public:
  /// `names`: how many columns, from the first on, name a row.
  explicit Table(std::vector<std::string> header, std::size_t names = 1) : names_(names) { row(std::move(header)); }
  /// As many cells as the header has, or fewer: the rest are empty.
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string text(std::size_t width = screen_width()) const;

 private:
  using Columns = std::vector<std::size_t>;  ///< numbers of columns, or their widths
  void add_part(std::string& out, const Columns& shown, const Columns& widths, std::size_t width) const;

  std::size_t names_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace proofload
