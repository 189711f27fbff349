/// csv.h -- the one reader of CSV files, as programs and people write them (RFC 4180 and what lies beside it).
///
/// Separators are commas, semicolons, tabs or bars, found from the file; `sep=;` above the header is obeyed. Quoted
/// cells hold separators, line ends and doubled quotes. Blank lines, and remarks above the header, are left out. A row
/// has as many cells as the header. Where the file writes numbers with a decimal comma or separators of thousands,
/// cells that are numbers come out as 1234.5; where 1.002 may be one thousand and two, nobody guesses.
#pragma once
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace proofload::input {

inline constexpr std::uint64_t largest_csv = std::uint64_t{1} << 30;  ///< bytes, unpacked

/// The text of a file: plain, packed by gzip or xz (whatever its name is), a pipe, or "-", the standard input. A pipe
/// can be read once. `what` it is, for messages. Throws Error when it cannot be read, is no text, or is larger.
std::string csv_text(const std::filesystem::path& file, const char* what, std::uint64_t largest = largest_csv);

/// Whether bytes beyond ASCII are complete characters of UTF-8.
bool is_utf8(std::string_view);
/// A file's name for messages, reports and comments: one line of UTF-8, control characters and other bytes shown as ?.
std::string shown_name(std::string_view name);

/// A finite number, as cells come out of a Csv.
std::optional<double> cell_number(std::string_view cell);

enum class Header { given, none };

class Csv {
 public:
  /// `file`: for messages. Throws Error where a column has no name that can be written, a quote is never closed, or
  /// numbers can be read in two ways.
  Csv(const std::string& file, std::string text, Header header = Header::given);
  Csv(const Csv&) = delete;
  Csv& operator=(const Csv&) = delete;
  Csv(Csv&&) = default;
  Csv& operator=(Csv&&) = default;

  const std::string& file() const { return file_; }
  /// The columns' names; empty for an empty file, and without a header. Of several header lines the one that names
  /// columns apart, else all of them together.
  const std::vector<std::string>& header() const { return header_; }
  int header_line() const { return header_line_; }
  /// What was left out or read in another way, for people: "line 1 is a remark (left out)".
  const std::vector<std::string>& notes() const { return notes_; }

  /// The line of the header is a row, and the columns are called so.
  void name_columns(std::vector<std::string> names);
  void rewind();  ///< to the first row

  /// The next row, without blanks and quotes around cells, valid until the next call; false after the last. Rows of
  /// another width are left out, and a problem.
  bool next(std::vector<std::string_view>& cells, int& line);
  /// Throws the problems of the rows that were read, if there are any.
  void finish();
  /// Whether half of the first rows, of whatever width, hold a number or a time, or there is nothing at all. Of a file
  /// that a scenario names and that does not, nothing may be shown: it may be somebody's secret. Goes back to the first
  /// row.
  bool holds_numbers();

 private:
  struct Row {
    std::size_t end = 0;  ///< where the next one begins
    int lines = 1;
    bool blank = false;
  };
  Row split(std::size_t at, int line, char separator, std::vector<std::string_view>& cells);
  bool next_row(std::vector<std::string_view>& cells, int& line);
  void find_separator();
  void find_header(Header);
  void find_decimal();
  std::string_view plain_number(std::string_view cell);

  enum class Decimal { point, comma };
  std::string file_, text_;
  std::size_t at_ = 0, header_at_ = 0, rows_at_ = 0;
  int line_ = 1, rows_line_ = 1;
  char separator_ = ',';
  bool quoted_ = false;  ///< some cell is, and holds a separator of numbers
  bool restyled_ = false;
  Decimal decimal_ = Decimal::point;
  std::size_t width_ = 0;
  std::vector<std::string> header_, notes_;
  int header_line_ = 0;
  std::deque<std::string> own_;  ///< cells of the row that are not as they stand in the text
  std::vector<Problem> problems_;
  std::size_t more_problems_ = 0;
};

}  // namespace proofload::input
