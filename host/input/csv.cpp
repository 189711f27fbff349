#include "input/csv.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>

#include "base/words.h"
#include "input/times.h"
#include "input/toml_tree.h"

namespace proofload::input {
namespace {

namespace fs = std::filesystem;
using std::string, std::string_view, std::vector;

constexpr std::size_t most_shown = 10;  // problems of one file
constexpr std::size_t first_rows = 50;  // that say what the file is like
constexpr int most_remarks = 40, most_header_lines = 4;
constexpr int patience = 5000;                            // milliseconds until the first byte of a pipe
constexpr std::array separators = {';', '\t', '|', ','};  // the comma last: it may be that of decimals

string size_text(std::uint64_t bytes) {
  return bytes >= 1u << 30 ? fmt::format("{} GiB", bytes >> 30) : fmt::format("{} MiB", bytes >> 20);
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ > STDERR_FILENO) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

Error problem(const fs::path& file, const string& text) { return Error({{file.string(), 0, text}}); }

/// All that comes from a descriptor; false when nobody writes.
bool drain(int from, const fs::path& file, std::uint64_t largest, string& bytes, int first_wait = -1) {
  vector<char> block(1 << 16);
  while (true) {
    pollfd wait{from, POLLIN, 0};
    const int ready = ::poll(&wait, 1, bytes.empty() ? first_wait : -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return false;
    const ssize_t got = ::read(from, block.data(), block.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) throw problem(file, fmt::format("cannot be read ({}) check the disk", std::strerror(errno)));
    if (got == 0) return true;
    bytes.append(block.data(), static_cast<std::size_t>(got));
    if (bytes.size() > largest) {
      throw problem(file, fmt::format("unpacks to more than {} (more than such a file is meant to hold) cut it into "
                                      "parts, or leave out columns",
                                      size_text(largest)));
    }
  }
}

/// What `program -dc` makes of the file; no shell sees the name.
string unpacked(const fs::path& file, string program, std::uint64_t largest) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    throw problem(file, fmt::format("cannot be read ({}) try again", std::strerror(errno)));
  const Descriptor out(ends[0]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  // gzip refuses what is not called .gz, unless it comes from its standard input.
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, file.c_str(), O_RDONLY, 0);
  string options = "-dc";
  std::array<char*, 3> arguments{program.data(), options.data(), nullptr};
  pid_t child = 0;
  const int failed = posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failed != 0) {
    throw problem(file,
                  fmt::format("cannot be unpacked (the program {} cannot be started: {}) install it, or unpack the "
                              "file first",
                              program, std::strerror(failed)));
  }
  string bytes;
  const auto wait = [&] {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return status;
  };
  bool whole = false;
  try {
    whole = drain(out.number(), file, largest, bytes);
  } catch (...) {
    ::kill(child, SIGKILL);
    wait();
    throw;
  }
  if (!whole) ::kill(child, SIGKILL);
  if (wait() != 0 || !whole)
    throw problem(
        file, fmt::format("cannot be unpacked ({0} failed: its message is above) check the file with {0} -t", program));
  return bytes;
}

/// Which program unpacks a file that begins so; "": none.
string packer_of(string_view bytes) {
  if (bytes.starts_with("\x1f\x8b")) return "gzip";
  return bytes.starts_with(string_view("\xfd\x37zXZ\0", 6)) ? "xz" : "";
}

// ---- numbers as people write them -----------------------------------------------------------------------------------

/// What the separators in a number may mean.
enum class Says { nothing, plain, point, comma, either };

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The marks of thousands besides the comma and the point: a blank, an apostrophe, a no-break space.
string without_thousands(string_view cell) {
  string out;
  for (std::size_t i = 0; i < cell.size(); ++i) {
    std::size_t mark = 0;
    if (i > 0 && is_digit(cell[i - 1])) {
      if (cell[i] == ' ' || cell[i] == '\'') mark = 1;
      if (cell.substr(i).starts_with("\xc2\xa0")) mark = 2;
      if (cell.substr(i).starts_with("\xe2\x80\xaf")) mark = 3;
    }
    const string_view after = cell.substr(std::min(i + mark, cell.size()));
    const bool group = mark > 0 && after.size() >= 3 && is_digit(after[0]) && is_digit(after[1]) &&
                       is_digit(after[2]) && (after.size() == 3 || !is_digit(after[3]));
    if (group) {
      i += mark - 1;
    } else {
      out += cell[i];
    }
  }
  return out;
}

/// Digits in groups of three with `mark` between them.
bool is_grouped(string_view digits, char mark) {
  std::size_t group = 0;
  bool first = true;
  for (std::size_t i = 0; i <= digits.size(); ++i) {
    if (i < digits.size() && is_digit(digits[i])) {
      ++group;
      continue;
    }
    if (i < digits.size() && digits[i] != mark) return false;
    if (first ? group < 1 || group > 3 : group != 3) return false;
    first = false;
    group = 0;
  }
  return true;
}

bool is_digits(string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_digit); }

Says meaning_of(string_view cell) {
  if (!cell.empty() && (cell[0] == '+' || cell[0] == '-')) cell.remove_prefix(1);
  if (cell.empty()) return Says::nothing;
  for (const char c : cell) {
    if (!is_digit(c) && c != '.' && c != ',') return Says::nothing;
  }
  const auto dot = cell.rfind('.'), comma = cell.rfind(',');
  if (dot == string_view::npos && comma == string_view::npos) return Says::plain;
  if (dot != string_view::npos && comma != string_view::npos) {
    const bool point = dot > comma;
    const auto last = point ? dot : comma;
    const bool good = is_grouped(cell.substr(0, last), point ? ',' : '.') &&
                      (last + 1 == cell.size() || is_digits(cell.substr(last + 1)));
    return !good ? Says::nothing : point ? Says::point : Says::comma;
  }
  const char mark = dot != string_view::npos ? '.' : ',';
  const auto last = cell.rfind(mark), first = cell.find(mark);
  const Says decimal = mark == '.' ? Says::point : Says::comma, thousands = mark == '.' ? Says::comma : Says::point;
  if (first != last) return is_grouped(cell, mark) ? thousands : Says::nothing;
  const auto before = cell.substr(0, last), after = cell.substr(last + 1);
  if ((!before.empty() && !is_digits(before)) || (!after.empty() && !is_digits(after))) return Says::nothing;
  const bool group = after.size() == 3 && !before.empty() && before.size() <= 3 && before[0] != '0';
  return group ? Says::either : decimal;
}

}  // namespace

string csv_text(const fs::path& file, const char* what, std::uint64_t largest) {
  const bool standard = file == "-";
  const fs::path name = standard ? fs::path("standard input") : file;
  const Descriptor in(standard ? STDIN_FILENO : ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (in.number() < 0 || ::fstat(in.number(), &status) != 0) {
    throw problem(name, errno == ENOENT
                            ? fmt::format("{} cannot be read (there is no such file) check the name", what)
                            : fmt::format("{} cannot be read ({}) check its permissions", what, std::strerror(errno)));
  }
  if (S_ISDIR(status.st_mode))
    throw problem(name, fmt::format("{} cannot be read (it is a folder) name the file", what));
  if (S_ISREG(status.st_mode) && static_cast<std::uint64_t>(status.st_size) > largest) {
    throw problem(name,
                  fmt::format("{} is larger than {} (more than such a file is meant to hold) cut it into parts, or "
                              "leave out columns",
                              what, size_text(largest)));
  }
  string bytes;
  // Only a named pipe may have nobody at its other end.
  const string path = file.string();
  const bool named_pipe =
      S_ISFIFO(status.st_mode) && !standard && !path.starts_with("/dev/") && !path.starts_with("/proc/");
  if (!drain(in.number(), name, largest, bytes, named_pipe ? patience : -1))
    throw problem(name, fmt::format("{} cannot be read (it is a pipe to which nobody writes) name a file", what));
  if (const string program = packer_of(bytes); !program.empty()) {
    if (!S_ISREG(status.st_mode))
      throw problem(name, fmt::format("{0} is packed, and comes from a pipe (only files are unpacked) unpack it first, "
                                      "with {1} -dc",
                                      what, program));
    bytes = unpacked(standard ? fs::path(fmt::format("/proc/{}/fd/0", getpid())) : file, program, largest);
  }
  if (bytes.starts_with("PK\x03\x04"))
    throw problem(name, fmt::format("{} is a zip archive (which may hold several files) unzip it", what));
  if (bytes.starts_with("\xff\xfe") || bytes.starts_with("\xfe\xff"))
    throw problem(name,
                  fmt::format("{} is UTF-16 (names go into TOML and JSON, which are UTF-8) save it as UTF-8", what));
  if (bytes.find('\0') != string::npos)
    throw problem(
        name, fmt::format("{} is not text (a CSV file is, plain or packed by gzip or xz) unpack or convert it", what));
  return bytes;
}

bool is_utf8(string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const std::size_t more = c < 0x80 ? 0 : c < 0xc2 ? 9 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf5 ? 3 : 9;
    if (i + more >= text.size()) return false;
    for (std::size_t k = 1; k <= more; ++k)
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0u) != 0x80u) return false;
    i += 1 + more;
  }
  return true;
}

string shown_name(string_view name) {
  string shown;
  while (!name.empty()) {
    std::size_t size = 1;
    while (size < std::min<std::size_t>(name.size(), 4) && !is_utf8(name.substr(0, size))) ++size;
    if (!is_utf8(name.substr(0, size))) size = 0;
    shown += size == 0 || is_control(name[0]) ? "?" : name.substr(0, size);
    name.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return shown;
}

std::optional<double> cell_number(string_view cell) {
  if (cell.starts_with('+')) cell.remove_prefix(1);
  double x = 0.0;
  const auto [rest, code] = std::from_chars(cell.data(), cell.data() + cell.size(), x);
  if (code != std::errc() || rest != cell.data() + cell.size() || !std::isfinite(x)) return std::nullopt;
  return x;
}

Csv::Csv(const string& file, string text, Header header) : file_(shown_name(file)), text_(std::move(text)) {
  if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
  if (text_.find('\n') == string::npos) std::replace(text_.begin(), text_.end(), '\r', '\n');  // lines of old Macs
  find_separator();
  find_header(header);
  rows_at_ = at_;
  rows_line_ = line_;
  find_decimal();
}

void Csv::name_columns(vector<string> names) {
  header_ = std::move(names);
  width_ = header_.size();
  rows_at_ = header_at_;
  rows_line_ = header_line_;
  rewind();
}

void Csv::rewind() {
  at_ = rows_at_;
  line_ = rows_line_;
  problems_.clear();
  more_problems_ = 0;
}

/// One row, which begins at `at`. A quote counts where a cell begins.
Csv::Row Csv::split(std::size_t at, int line, char separator, vector<string_view>& cells) {
  const string_view text = text_;
  Row row;
  cells.clear();
  own_.clear();
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (true) {
    while (at < text.size() && blank(text[at]) && text[at] != separator) ++at;
    if (at < text.size() && text[at] == '"') {
      string cell;
      bool doubled = false;
      const std::size_t first = ++at;
      while (true) {
        const auto quote = text.find('"', at);
        if (quote == string_view::npos) {
          throw Error({{file_, line,
                        "a quote is opened here and never closed (the rest of the file would be one cell) "
                        "close it, or take it out"}});
        }
        if (quote + 1 < text.size() && text[quote + 1] == '"') {
          cell.append(text.substr(at, quote + 1 - at));
          at = quote + 2;
          doubled = true;
          continue;
        }
        if (doubled) cell.append(text.substr(at, quote - at));
        const string_view inside = text.substr(first, quote - first);
        row.lines += static_cast<int>(std::count(inside.begin(), inside.end(), '\n'));
        cells.push_back(doubled ? string_view(own_.emplace_back(std::move(cell))) : inside);
        at = quote + 1;
        break;
      }
      const string_view& value = cells.back();
      quoted_ |= value.find(',') != string_view::npos;
      while (!cells.back().empty() && blank(cells.back().front())) cells.back().remove_prefix(1);
      while (!cells.back().empty() && blank(cells.back().back())) cells.back().remove_suffix(1);
      while (at < text.size() && blank(text[at]) && text[at] != separator) ++at;
      if (at < text.size() && text[at] != separator && text[at] != '\n') {
        throw Error({{file_, line + row.lines - 1,
                      "a cell goes on behind its closing quote (what is meant cannot be told) put all of it in quotes, "
                      "and double the quotes in it"}});
      }
    } else {
      const std::size_t first = at;
      while (at < text.size() && text[at] != separator && text[at] != '\n') ++at;
      string_view cell = text.substr(first, at - first);
      while (!cell.empty() && blank(cell.back())) cell.remove_suffix(1);
      cells.push_back(cell);
    }
    if (at >= text.size() || text[at] == '\n') break;
    ++at;  // the separator
  }
  row.end = std::min(at + 1, text.size());
  row.blank = std::all_of(cells.begin(), cells.end(), [](string_view c) { return c.empty(); });
  return row;
}

/// The next row that is not blank.
bool Csv::next_row(vector<string_view>& cells, int& line) {
  while (at_ < text_.size()) {
    const Row row = split(at_, line_, separator_, cells);
    line = line_;
    at_ = row.end;
    line_ += row.lines;
    if (!row.blank) return true;
  }
  return false;
}

/// The separator that cuts the first rows alike, into the most cells.
void Csv::find_separator() {
  const auto end = text_.find('\n', at_);
  string first = text_.substr(at_, end == string::npos ? end : end - at_);
  while (!first.empty() && (first.back() == '\r' || first.back() == '"')) first.pop_back();
  if (first.starts_with('"')) first.erase(0, 1);
  if (first.size() == 5 && first.starts_with("sep=")) {
    separator_ = first[4];
    at_ = end == string::npos ? text_.size() : end + 1;
    ++line_;
    notes_.push_back(fmt::format("line 1 says that cells are separated by '{}'", separator_));
    return;
  }
  double best = 0.0;
  bool all_alike = false;  // every row has as many cells, at semicolons
  vector<string_view> cells;
  for (const char candidate : separators) {
    if (candidate == ',' && all_alike) break;  // then commas are those of decimals, however many there are
    std::map<std::size_t, std::size_t> widths;
    std::size_t rows = 0;
    int line = line_;
    try {
      for (std::size_t at = at_; at < text_.size() && rows < first_rows;) {
        const Row row = split(at, line, candidate, cells);
        at = row.end;
        line += row.lines;
        if (row.blank) continue;
        ++rows;
        ++widths[cells.size()];
      }
    } catch (const Error&) { continue; }  // quotes say that it is another one
    for (const auto& [width, count] : widths) {
      // How many of the rows are alike counts most, then how many cells they have.
      const double score = width < 2 ? 0.0
                                     : static_cast<double>(count) / static_cast<double>(rows) +
                                           1e-3 * std::min<double>(static_cast<double>(width), 99.0);
      if (score <= best) continue;
      best = score;
      all_alike |= candidate == ';' && count == rows;
      separator_ = candidate;
      width_ = width;
    }
  }
  quoted_ = false;
}

/// Skips remarks, and reads the lines that name columns.
void Csv::find_header(Header kind) {
  const std::size_t begin = at_;
  const int first_line = line_;
  vector<string_view> cells;
  int line = 0;
  std::map<std::size_t, std::size_t> widths;
  const auto effective = [](const vector<string_view>& row) {  // without what a separator at the end leaves
    std::size_t n = row.size();
    while (n > 1 && row[n - 1].empty()) --n;
    return n;
  };
  for (std::size_t rows = 0; rows < first_rows && next_row(cells, line);) {
    ++widths[cells.size()];
    ++rows;
  }
  at_ = begin;
  line_ = first_line;
  std::size_t usual = 0, most = 0;
  for (const auto& [width, count] : widths)
    if (count > most) usual = width, most = count;

  const auto holds_values = [](const vector<string_view>& row) {
    return std::any_of(row.begin(), row.end(), [](string_view c) {
      return time_of(c).has_value() || cell_number(c).has_value() || meaning_of(without_thousands(c)) != Says::nothing;
    });
  };
  // Remarks: lines that begin with #, and lines of another width above one of the usual width that names columns.
  int remarks = 0;
  std::size_t header_at = begin;
  int header_line = first_line;
  while (true) {
    const std::size_t before = at_;
    const int line_before = line_;
    if (!next_row(cells, line)) break;
    header_at = before;
    header_line = line_before;
    const bool marked = cells[0].starts_with('#');
    if (marked && cells.size() != usual && remarks < most_remarks) {
      ++remarks;
      continue;
    }
    if ((cells.size() == usual && !marked) || kind == Header::none) break;
    // Is there a line of the usual width that names columns, before the first that holds values?
    const std::size_t here = at_;
    const int here_line = line_;
    bool named = false;
    vector<string_view> below;
    int at_line = 0;
    for (int i = 0; i < most_header_lines && next_row(below, at_line); ++i) {
      if (holds_values(below)) break;
      if (below.size() == usual) named = true;
    }
    at_ = here;
    line_ = here_line;
    if (!named || remarks >= most_remarks) break;
    ++remarks;
  }
  at_ = header_at_ = header_at;
  line_ = header_line;
  if (remarks > 0)
    notes_.push_back(fmt::format("{} above the header {} (left out)",
                                 remarks == 1 ? "1 line" : fmt::format("{} lines", remarks),
                                 remarks == 1 ? "is a remark" : "are remarks"));
  if (kind == Header::none) {
    width_ = 0;
    return;
  }
  vector<vector<string>> lines;
  while (static_cast<int>(lines.size()) < most_header_lines) {
    const std::size_t before = at_;
    const int line_before = line_;
    if (!next_row(cells, line)) break;
    if (!lines.empty() && (holds_values(cells) || cells.size() != lines[0].size())) {
      at_ = before;
      line_ = line_before;
      break;
    }
    if (lines.empty()) header_line_ = line;
    lines.emplace_back(cells.begin(), cells.end());
    if (lines.size() == 1 && lines[0][0].starts_with('#'))
      lines[0][0].erase(0, std::min(lines[0][0].find_first_not_of("# "), lines[0][0].size()));
    if (holds_values(cells)) break;  // there is no header; who reads will say so
  }
  const auto apart = [](const vector<string>& names) {
    for (std::size_t i = 0; i < names.size(); ++i)
      if (names[i].empty() || std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) !=
                                  names.begin() + static_cast<std::ptrdiff_t>(i))
        return false;
    return true;
  };
  // More lines than one name columns only where the first does not tell them apart, or one names the column of times
  // alone (as pandas writes the name of an index).
  const auto names_index = [](const vector<string>& names) {
    const string& n = names[0];
    return (n == "Date" || n == "Datetime" || n == "date" || n == "time" || n == "Time" || n == "timestamp") &&
           names.size() > 1 && std::all_of(names.begin() + 1, names.end(), [](const string& x) { return x.empty(); });
  };
  vector<string> first_names = lines.empty() ? vector<string>{} : lines[0];
  while (first_names.size() > 1 && first_names.back().empty()) first_names.pop_back();
  const bool several = lines.size() > 1 && at_ < text_.size() &&
                       (!apart(first_names) || std::any_of(lines.begin() + 1, lines.end(), names_index));
  if (lines.size() > 1 && !several) {
    at_ = header_at;
    line_ = header_line;
    next_row(cells, line);
    lines.resize(1);
  }
  if (lines.empty()) return;
  header_ = lines[0];
  if (lines.size() > 1) {
    const auto one = std::find_if(lines.rbegin(), lines.rend(), apart);
    if (one != lines.rend()) {
      header_ = *one;
    } else {
      for (std::size_t c = 0; c < header_.size(); ++c) {
        string name;
        for (const auto& names : lines)
          if (!names[c].empty() && name.find(names[c]) == string::npos) name += (name.empty() ? "" : " ") + names[c];
        header_[c] = name;
      }
    }
    // The first column's name is often in a line of its own ("Date" of yfinance).
    for (const auto& names : lines)
      if (!names[0].empty() && std::all_of(names.begin() + 1, names.end(), [](const string& n) { return n.empty(); }))
        header_[0] = names[0];
    notes_.push_back(fmt::format("the first {} lines are headers (columns are called {}, ...)", lines.size(),
                                 header_.size() > 1 ? header_[1] : header_[0]));
  }
  for (std::size_t c = 0; c < header_.size(); ++c) {
    if (std::any_of(header_[c].begin(), header_[c].end(), is_control))
      throw Error({{file_, header_line_,
                    fmt::format("the name of column {} holds a control character (names are printed, and go into TOML "
                                "and JSON) take it out",
                                c + 1)}});
    if (is_utf8(header_[c])) continue;
    throw Error({{file_, header_line_,
                  fmt::format("the name of column {} is not UTF-8 (names go into TOML and JSON) save the file as UTF-8",
                              c + 1)}});
  }
  // A separator at the end of each line makes a column without a name and a value.
  width_ = header_.size();
  const vector<string_view> names(header_.begin(), header_.end());
  header_.resize(effective(names));
}

/// Which of the comma and the point stands before decimals.
void Csv::find_decimal() {
  if (separator_ == ',') {  // an unquoted comma separates
    bool any = quoted_ || text_.find('\'', at_) != string::npos || text_.find("\xc2\xa0", at_) != string::npos;
    const std::size_t begin = at_;
    const int first = line_;
    vector<string_view> cells;
    int line = 0;
    if (!any && text_.find('"', at_) != string::npos) {
      while (!quoted_ && next_row(cells, line)) {}
      any = quoted_;
      at_ = begin;
      line_ = first;
    }
    if (!any) return;
  }
  const std::size_t begin = at_;
  const int first = line_;
  std::map<Says, int> lines;
  vector<string_view> cells;
  int line = 0;
  while (next_row(cells, line)) {
    for (const string_view cell : cells) {
      const bool spaced = cell.find_first_of(" '\xc2\xe2") != string_view::npos;
      Says says = spaced ? meaning_of(without_thousands(cell)) : meaning_of(cell);
      if (says != Says::nothing && time_of(cell)) continue;  // a time says nothing of prices
      // Where commas separate, what is not in quotes has a point.
      if (separator_ == ',' && says == Says::either && cell.find(',') == string_view::npos) says = Says::point;
      if (says != Says::nothing && says != Says::plain) lines.try_emplace(says, line);
    }
  }
  at_ = begin;
  line_ = first;
  if (lines.contains(Says::point) && lines.contains(Says::comma)) {
    throw Error({{file_, std::max(lines[Says::point], lines[Says::comma]),
                  fmt::format("numbers have a decimal point on line {} and a decimal comma on line {} (which is meant "
                              "cannot be told) write all of them alike",
                              lines[Says::point], lines[Says::comma])}});
  }
  if (lines.contains(Says::comma)) {
    decimal_ = Decimal::comma;
  } else if (!lines.contains(Says::point) && lines.contains(Says::either)) {
    throw Error({{file_, lines[Says::either],
                  "numbers such as 1.002 or 1,002 may be thousands or decimals here, and no number says which (one "
                  "reading is a thousand times the other) write them without separators of thousands (1002), or with "
                  "another digit behind the decimal point (1.0020)"}});
  }
  restyled_ = true;
  if (decimal_ == Decimal::comma) notes_.emplace_back("numbers have a decimal comma (read as a point)");
}

/// A number as 1234.5, whatever it is written with; other cells as they are.
string_view Csv::plain_number(string_view cell) {
  if (cell.find_first_of(",.' \xc2\xe2") == string_view::npos) return cell;
  string number = without_thousands(cell);
  if (meaning_of(number) == Says::nothing) return cell;
  const char mark = decimal_ == Decimal::point ? ',' : '.';
  number.erase(std::remove(number.begin(), number.end(), mark), number.end());
  if (decimal_ == Decimal::comma) std::replace(number.begin(), number.end(), ',', '.');
  return own_.emplace_back(std::move(number));
}

bool Csv::next(vector<string_view>& cells, int& line) {
  while (next_row(cells, line)) {
    if (cells[0].starts_with('#') && cells.size() != header_.size() && !header_.empty()) continue;
    if (width_ == 0 && header_.empty()) {  // without a header rows are as they are, but for separators at their end
      while (cells.size() > 1 && cells.back().empty()) cells.pop_back();
      if (restyled_)
        for (string_view& cell : cells) cell = plain_number(cell);
      return true;
    }
    while (cells.size() > header_.size() && cells.back().empty()) cells.pop_back();
    if (cells.size() != header_.size()) {
      if (problems_.size() < most_shown) {
        problems_.push_back(
            {file_, line,
             fmt::format("there {} (the header has {}: which cell is whose cannot be told) correct the "
                         "line, or put text that holds a separator in quotes",
                         cells.size() == 1 ? "is 1 cell" : fmt::format("are {} cells", cells.size()), header_.size())});
      } else {
        ++more_problems_;
      }
      continue;
    }
    if (restyled_)
      for (string_view& cell : cells) cell = plain_number(cell);
    return true;
  }
  return false;
}

bool Csv::holds_numbers() {
  std::size_t rows = 0, with_numbers = 0;
  vector<string_view> cells;
  for (int line = 0; rows < first_rows && next_row(cells, line); ++rows) {  // of the wrong width too
    with_numbers += std::any_of(cells.begin(), cells.end(), [this](string_view cell) {
      return cell_number(restyled_ ? plain_number(cell) : cell).has_value() || time_of(cell).has_value();
    });
  }
  rewind();
  return rows > 0 ? 2 * with_numbers >= rows : header_.empty();
}

void Csv::finish() {
  if (problems_.empty()) return;
  if (more_problems_ > 0)
    problems_.push_back({file_, 0,
                         fmt::format("and {} (only the first {} are shown) correct these first",
                                     counted(more_problems_, "more such line"), most_shown)});
  throw Error(std::move(problems_));
}

}  // namespace proofload::input
