#include "input/prices.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <string_view>

#include "base/words.h"
#include "base/write_file.h"
#include "input/values.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;
using std::string, std::string_view, std::vector;

constexpr double missing = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t largest_file = std::uint64_t{1} << 32;  // bytes, unpacked
constexpr std::int64_t largest_grid = 20'000'000;               // rows: 38 years of minutes
constexpr std::size_t shown_problems = 10;
constexpr double off_grid_share = 0.05;  // of a file's rows that may lie between two bars

string lower(string_view text) {
  string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

string counted(std::size_t n, const char* what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); }

// ---- bytes ----------------------------------------------------------------------------------------------------------

/// What `xz -dc file` writes; no shell sees the name.
string unpacked(const fs::path& file) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw Error(fmt::format("cannot read {} ({})", file.string(), std::strerror(errno)));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  string program = "xz", options = "-dc", rest = "--", name = file.string();
  std::array<char*, 5> arguments{program.data(), options.data(), rest.data(), name.data(), nullptr};
  pid_t child = 0;
  const int failed = posix_spawnp(&child, "xz", &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (failed != 0) {
    close(ends[0]);
    throw Error(
        {{file.string(), 0,
          fmt::format("cannot unpack (the program xz cannot be started: {}) install xz-utils, or unpack the file first",
                      std::strerror(failed))}});
  }
  string bytes;
  vector<char> block(1 << 16);
  ssize_t got = 0;
  while (bytes.size() <= largest_file) {
    got = read(ends[0], block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    bytes.append(block.data(), static_cast<std::size_t>(got));
  }
  close(ends[0]);  // a child that still writes ends by SIGPIPE
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (bytes.size() > largest_file) {
    throw Error({{file.string(), 0, "unpacks to more than 4 GiB (it would not fit in memory) cut it into years"}});
  }
  if (got < 0 || status != 0) {
    throw Error({{file.string(), 0, "cannot be unpacked (xz failed: its message is above) check the file with xz -t"}});
  }
  return bytes;
}

string bytes_of(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error)) {
    throw Error({{file.string(), 0, "cannot be read (there is no such file) check the name"}});
  }
  return file.extension() == ".xz" ? unpacked(file) : read_file(file, largest_file, "the price file");
}

// ---- one file -------------------------------------------------------------------------------------------------------

/// A file as read: sorted by time, no time twice.
struct Columns {
  string file;
  vector<string> assets;
  vector<std::int64_t> time;
  vector<int> line;
  vector<vector<double>> price;  ///< [asset][row]
};

class Lines {
 public:
  explicit Lines(string_view text) : rest_(text) {
    if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
  }
  /// The next line that is not blank.
  bool next(string_view& line) {
    while (!rest_.empty()) {
      const auto end = rest_.find('\n');
      line = rest_.substr(0, end);
      rest_.remove_prefix(end == string_view::npos ? rest_.size() : end + 1);
      ++number;
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.find_first_not_of(" \t") != string_view::npos) return true;
    }
    return false;
  }
  int number = 0;

 private:
  string_view rest_;
};

void split(string_view line, char separator, vector<string_view>& cells) {
  cells.clear();
  for (std::size_t at = 0;;) {
    const auto end = line.find(separator, at);
    cells.push_back(trimmed(line.substr(at, end == string_view::npos ? end : end - at)));
    if (end == string_view::npos) return;
    at = end + 1;
  }
}

/// The column of times: by its name, else the first.
std::size_t time_column(const vector<string_view>& header) {
  for (const char* name : {"timestamp_utc", "timestamp", "time_utc", "time", "datetime", "date_utc", "date",
                           "open_time", "opentime", "unix", "unix_time", "ts", "t"}) {
    const auto at = std::find_if(header.begin(), header.end(), [&](string_view h) { return lower(h) == name; });
    if (at != header.end()) return static_cast<std::size_t>(at - header.begin());
  }
  return 0;
}

bool says_missing(string_view cell) {
  const string word = lower(cell);
  return word == "nan" || word == "null" || word == "none" || word == "na" || word == "n/a" || word == "-";
}

string shown(string_view cell) { return fmt::format("'{}'", cell.substr(0, 40)); }

/// Problems of one file, of which the first few are shown.
struct Findings {
  const string& file;
  vector<Problem> problems;
  std::size_t more = 0;
  void add(int line, string text) {
    if (problems.size() < shown_problems) {
      problems.push_back({file, line, std::move(text)});
    } else {
      ++more;
    }
  }
  void raise() {
    if (problems.empty()) return;
    if (more > 0) problems.push_back({file, 0, fmt::format("and {} like these", counted(more, "problem"))});
    throw Error(std::move(problems));
  }
};

/// Which columns are prices that are wanted, checked.
vector<std::size_t> price_columns(const vector<string_view>& header, std::size_t times, const vector<string>& wanted,
                                  Findings& findings) {
  vector<std::size_t> columns;
  bool open = false, close_price = false;
  for (std::size_t c = 0; c < header.size(); ++c) {
    if (c == times) continue;
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), header[c]) == wanted.end()) continue;
    open |= lower(header[c]) == "open";
    close_price |= lower(header[c]) == "close";
    if (header[c].empty()) {
      findings.add(1, fmt::format("column {} has no name (a column is an asset) name it", c + 1));
    } else if (std::find(header.begin(), header.begin() + static_cast<std::ptrdiff_t>(c), header[c]) !=
               header.begin() + static_cast<std::ptrdiff_t>(c)) {
      findings.add(1,
                   fmt::format("two columns are named {} (which is the price cannot be told) rename one", header[c]));
    }
    columns.push_back(c);
  }
  if (open && close_price) {
    findings.add(
        1,
        "the columns open and close are candles of one asset (each column would be taken for an asset) name the "
        "close after its asset and pick it with --assets");
  }
  return columns;
}

/// A price, NaN where the cell is empty or says so; nothing when it is no price, which is reported.
std::optional<double> price_of(string_view cell, string_view asset, int line, Findings& findings, std::size_t& words) {
  if (cell.empty()) return missing;
  double value = 0.0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (says_missing(cell) || (error == std::errc() && std::isnan(value))) {
    ++words;
    return missing;
  }
  if (error != std::errc() || end != cell.data() + cell.size()) {
    findings.add(line,
                 fmt::format("{} is {} (a price is a number) correct the cell or leave it empty", asset, shown(cell)));
  } else if (value == 0.0) {
    findings.add(line,
                 fmt::format("{} is 0 (a price is positive: a return from zero is infinite) leave the cell empty if "
                             "there was no price",
                             asset));
  } else if (value < 0.0) {
    findings.add(line, fmt::format("{} is {} (a price is positive) correct the cell or leave it empty", asset, cell));
  } else if (!std::isfinite(value) || value < 1e-100 || value > 1e100) {
    findings.add(line, fmt::format("{} is {} (it is not a finite price) correct the cell or leave it empty", asset,
                                   shown(cell)));
  } else {
    return value;
  }
  return std::nullopt;
}

/// Sorts the rows and keeps the last of those with one time; says so.
void order(Columns& c, vector<string>& repairs) {
  std::size_t disordered = 0;
  int first_disordered = 0;
  for (std::size_t r = 1; r < c.time.size(); ++r) {
    if (c.time[r] >= c.time[r - 1]) continue;
    if (disordered++ == 0) first_disordered = c.line[r];
  }
  vector<std::size_t> index(c.time.size());
  std::iota(index.begin(), index.end(), std::size_t{0});
  if (disordered > 0) {
    std::stable_sort(index.begin(), index.end(), [&](std::size_t a, std::size_t b) { return c.time[a] < c.time[b]; });
    repairs.push_back(fmt::format("{}: {} before the row above, the first at line {} (all rows were sorted by time)",
                                  c.file, disordered == 1 ? "1 row lies" : fmt::format("{} rows lie", disordered),
                                  first_disordered));
  }
  vector<std::size_t> kept;
  std::size_t repeated = 0, contradicting = 0;
  int first_repeated = 0;
  for (std::size_t i = 0; i < index.size(); ++i) {
    if (i + 1 < index.size() && c.time[index[i]] == c.time[index[i + 1]]) {
      if (repeated++ == 0) first_repeated = c.line[index[i + 1]];
      const bool differs = std::any_of(c.price.begin(), c.price.end(), [&](const vector<double>& p) {
        const double one = p[index[i]], other = p[index[i + 1]];
        return one != other && !(std::isnan(one) && std::isnan(other));
      });
      contradicting += differs ? 1 : 0;
      continue;
    }
    kept.push_back(index[i]);
  }
  if (repeated > 0) {
    repairs.push_back(
        fmt::format("{}: {} the time of another, the first at line {} (the last was kept; {} other prices)", c.file,
                    repeated == 1 ? "1 row repeats" : fmt::format("{} rows repeat", repeated), first_repeated,
                    contradicting == 1 ? "1 has" : fmt::format("{} have", contradicting)));
  }
  const auto pick = [&](auto& column) {
    auto old = std::move(column);
    column.clear();
    column.reserve(kept.size());
    for (const std::size_t r : kept) column.push_back(old[r]);
  };
  pick(c.time);
  pick(c.line);
  for (auto& p : c.price) pick(p);
}

Columns read_columns(const fs::path& path, const vector<string>& wanted, vector<string>& repairs) {
  const string bytes = bytes_of(path);
  Columns out;
  out.file = path.string();
  Findings findings{out.file, {}, 0};
  if (bytes.find('\0') != string::npos) {
    throw Error({{out.file, 0, "is not text (a price file is CSV, or CSV packed as .xz) unpack or convert it"}});
  }
  Lines lines(bytes);
  string_view line;
  if (!lines.next(line)) throw Error({{out.file, 0, "is empty (there are no prices) check the file"}});
  const char separator = line.find(',') != string_view::npos    ? ','
                         : line.find(';') != string_view::npos  ? ';'
                         : line.find('\t') != string_view::npos ? '\t'
                                                                : ',';
  vector<string_view> header, cells;
  split(line, separator, header);
  const int header_line = lines.number;
  if (std::any_of(header.begin(), header.end(), [](string_view h) { return time_of(h).has_value(); })) {
    throw Error({{out.file, header_line,
                  "the first line holds values (it must name the columns: which asset is which cannot be told) "
                  "put a line such as timestamp_utc,BTC,ETH above it"}});
  }
  if (header.size() < 2) {
    throw Error({{out.file, header_line,
                  "there is one column (a time and at least one asset are needed) write timestamp_utc,BTC,..."}});
  }
  const std::size_t times = time_column(header);
  const vector<std::size_t> columns = price_columns(header, times, wanted, findings);
  findings.raise();
  for (const std::size_t c : columns) out.assets.emplace_back(header[c]);
  out.price.resize(columns.size());
  std::size_t words = 0;
  int first_word = 0;
  while (lines.next(line)) {
    split(line, separator, cells);
    if (cells.size() != header.size()) {
      findings.add(lines.number,
                   fmt::format("{} (the header has {}: which price is whose cannot be told) correct the line",
                               counted(cells.size(), "cell"), header.size()));
      continue;
    }
    const auto time = time_of(cells[times]);
    if (!time) {
      findings.add(
          lines.number,
          fmt::format("{} in column {} is not a time (the time column is {}) write 2020-03-12T06:00:00Z or a Unix "
                      "time; name the column timestamp_utc",
                      shown(cells[times]), header[times], header[times]));
      continue;
    }
    const std::size_t words_before = words;
    out.time.push_back(*time);
    out.line.push_back(lines.number);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      out.price[i].push_back(
          price_of(cells[columns[i]], out.assets[i], lines.number, findings, words).value_or(missing));
    }
    if (words_before == 0 && words > 0) first_word = lines.number;
  }
  findings.raise();
  if (words > 0) {
    repairs.push_back(fmt::format("{}: {} NaN or a word for nothing, the first at line {} (taken as missing)", out.file,
                                  words == 1 ? "1 cell says" : fmt::format("{} cells say", words), first_word));
  }
  order(out, repairs);
  if (out.time.size() < 2) {
    throw Error(
        {{out.file, 0, fmt::format("has {} (a return needs two) give more rows", counted(out.time.size(), "row"))}});
  }
  return out;
}

// ---- the grid -------------------------------------------------------------------------------------------------------

template <typename T>
T most_common(const std::map<T, std::size_t>& counts) {
  return std::max_element(counts.begin(), counts.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

std::int64_t bar_of(const Columns& c) {
  std::map<std::int64_t, std::size_t> steps;
  for (std::size_t r = 1; r < c.time.size(); ++r) ++steps[c.time[r] - c.time[r - 1]];
  return most_common(steps);
}

std::int64_t modulo(std::int64_t a, std::int64_t b) { return ((a % b) + b) % b; }

/// Puts a file's rows on the grid; rows between two bars are left out and counted.
void place(const Columns& c, PriceHistory& history, vector<string>& repairs) {
  std::size_t off = 0, differing = 0;
  int first_off = 0;
  for (std::size_t r = 0; r < c.time.size(); ++r) {
    const std::int64_t after = c.time[r] - history.start;
    if (modulo(after, history.bar) != 0) {
      if (off++ == 0) first_off = c.line[r];
      continue;
    }
    const auto row = static_cast<std::size_t>(after / history.bar);
    for (std::size_t i = 0; i < c.assets.size(); ++i) {
      if (std::isnan(c.price[i][r])) continue;
      const auto a = static_cast<std::size_t>(std::find(history.assets.begin(), history.assets.end(), c.assets[i]) -
                                              history.assets.begin());
      double& cell = history.price[a][row];
      if (std::isnan(cell)) {
        cell = c.price[i][r];
      } else if (cell != c.price[i][r]) {
        ++differing;
      }
    }
  }
  if (static_cast<double>(off) > off_grid_share * static_cast<double>(c.time.size())) {
    throw Error({{c.file, first_off,
                  fmt::format("{} of {} rows, from this one on, do not lie on bars of {} (returns would span unequal "
                              "times) give prices at regular times",
                              off, c.time.size(), duration_text(double(history.bar)))}});
  }
  if (off > 0) {
    repairs.push_back(fmt::format("{}: {} between two bars of {}, the first at line {} (left out)", c.file,
                                  off == 1 ? "1 row lies" : fmt::format("{} rows lie", off),
                                  duration_text(double(history.bar)), first_off));
  }
  if (differing > 0) {
    repairs.push_back(fmt::format("{}: {} from an earlier file's (the earlier file was taken)", c.file,
                                  differing == 1 ? "1 price differs" : fmt::format("{} prices differ", differing)));
  }
}

/// Gaps, repeated prices and single bars that leave and return: kept as they are, and said.
void inspect(const PriceHistory& h, std::size_t asset, vector<string>& repairs) {
  const auto& p = h.price[asset];
  std::size_t first = p.size(), last = 0, absent = 0, gaps = 0, longest = 0, longest_at = 0, same = 0, moves = 0,
              ticks = 0, tick_at = 0;
  for (std::size_t r = 0; r < p.size(); ++r) {
    if (std::isnan(p[r])) continue;
    if (first < p.size() && r > last + 1) {
      ++gaps;
      absent += r - last - 1;
      if (r - last - 1 > longest) longest = r - last - 1, longest_at = last + 1;
    }
    first = std::min(first, r);
    if (r > first && r == last + 1) {
      ++moves;
      same += p[r] == p[r - 1] ? 1 : 0;
      if (r + 1 < p.size() && !std::isnan(p[r + 1])) {
        const double there = std::log(p[r] / p[r - 1]), back = std::log(p[r + 1] / p[r]);
        if (std::fabs(there) > std::log(2.0) && std::fabs(there + back) < 0.1 * std::fabs(there) && ticks++ == 0)
          tick_at = r;
      }
    }
    last = r;
  }
  const string& name = h.assets[asset];
  const string bar = duration_text(double(h.bar));
  if (gaps > 0) {
    repairs.push_back(
        fmt::format("{}: {} of {} without a price, the longest {} from {} (returns across them are left out)", name,
                    counted(gaps, "gap"), counted(absent, "bar"), duration_text(double(h.bar) * double(longest)),
                    time_text(h.time(longest_at))));
  }
  if (ticks > 0) {
    repairs.push_back(fmt::format(
        "{}: {} to more than double or less than half for one bar and back, the first at {} (kept: "
        "look whether it was a trade)",
        name, ticks == 1 ? "1 price goes" : fmt::format("{} prices go", ticks), time_text(h.time(tick_at))));
  }
  if (moves >= 20 && static_cast<double>(same) > 0.3 * static_cast<double>(moves)) {
    repairs.push_back(
        fmt::format("{}: {:.0f} % of the bars of {} repeat the price before (kept: stale prices make tails fat and "
                    "volatility wrong)",
                    name, 100.0 * double(same) / double(moves), bar));
  }
}

/// Columns without any price that nobody asked for by name.
void leave_out_empty(PriceHistory& h) {
  vector<string> empty;
  for (std::size_t a = h.assets.size(); a-- > 0;) {
    if (h.assets.size() == 1 ||
        !std::all_of(h.price[a].begin(), h.price[a].end(), [](double p) { return std::isnan(p); }))
      continue;
    empty.insert(empty.begin(), h.assets[a]);
    h.assets.erase(h.assets.begin() + static_cast<std::ptrdiff_t>(a));
    h.price.erase(h.price.begin() + static_cast<std::ptrdiff_t>(a));
  }
  if (!empty.empty()) h.repairs.push_back(fmt::format("{}: no price at all (left out)", fmt::join(empty, ", ")));
}

/// Every asset needs prices that move.
void check_columns(const PriceHistory& h, const string& where) {
  vector<Problem> problems;
  for (std::size_t a = 0; a < h.assets.size(); ++a) {
    std::size_t count = 0;
    double low = std::numeric_limits<double>::infinity(), high = 0.0;
    for (const double p : h.price[a]) {
      if (std::isnan(p)) continue;
      ++count;
      low = std::min(low, p);
      high = std::max(high, p);
    }
    if (count < 2) {
      problems.push_back({where, 0,
                          fmt::format("{} has {} (a return needs two) leave it out, or give a longer history",
                                      h.assets[a], counted(count, "price"))});
    } else if (low == high) {
      problems.push_back({where, 0,
                          fmt::format("{} is {} in every row (a price that never moves has no volatility to fit) "
                                      "leave it out",
                                      h.assets[a], low)});
    }
  }
  if (!problems.empty()) throw Error(std::move(problems));
}

}  // namespace

double PriceHistory::log_return(std::size_t asset, std::size_t row, std::size_t bars) const {
  return row < bars ? missing : std::log(price[asset][row] / price[asset][row - bars]);
}

vector<double> PriceHistory::log_returns(std::size_t asset, std::size_t bars) const {
  vector<double> out;
  if (rows() <= bars) return out;
  out.reserve(rows() - bars);
  for (std::size_t row = bars; row < rows(); ++row) out.push_back(log_return(asset, row, bars));
  return out;
}

PriceHistory read_prices(const vector<fs::path>& files, const vector<string>& assets) {
  if (files.empty()) throw Error("there is no price file (there is nothing to read) name one");
  PriceHistory history;
  vector<Columns> all;
  for (const auto& file : files) all.push_back(read_columns(file, assets, history.repairs));
  string names;
  for (const auto& c : all) names += (names.empty() ? "" : ", ") + c.file;

  if (assets.empty()) {
    for (const auto& c : all)
      for (const auto& name : c.assets)
        if (std::find(history.assets.begin(), history.assets.end(), name) == history.assets.end())
          history.assets.push_back(name);
  } else {
    history.assets = assets;
    vector<Problem> problems;
    for (std::size_t i = 0; i < assets.size(); ++i) {
      if (std::find(assets.begin(), assets.begin() + static_cast<std::ptrdiff_t>(i), assets[i]) !=
          assets.begin() + static_cast<std::ptrdiff_t>(i)) {
        problems.push_back({"", 0, fmt::format("asset {} is named twice (it has one price) name it once", assets[i])});
      }
      const auto has = [&](const Columns& c) {
        return std::find(c.assets.begin(), c.assets.end(), assets[i]) != c.assets.end();
      };
      if (std::none_of(all.begin(), all.end(), has)) {
        problems.push_back(
            {names, 0,
             fmt::format("there is no column {} (its prices are wanted) check the header's names", assets[i])});
      }
    }
    if (!problems.empty()) throw Error(std::move(problems));
  }

  std::map<std::int64_t, std::size_t> bars, phases;
  for (const auto& c : all) ++bars[bar_of(c)];
  if (bars.size() > 1) {
    vector<Problem> problems;
    for (const auto& c : all) {
      problems.push_back({c.file, 0,
                          fmt::format("has bars of {} (files of different bars cannot be merged) convert them to "
                                      "one bar first",
                                      duration_text(double(bar_of(c))))});
    }
    throw Error(std::move(problems));
  }
  history.bar = bars.begin()->first;
  std::int64_t first = std::numeric_limits<std::int64_t>::max(), last = std::numeric_limits<std::int64_t>::min();
  for (const auto& c : all) {
    for (const std::int64_t t : c.time) ++phases[modulo(t, history.bar)];
  }
  const std::int64_t phase = most_common(phases);
  for (const auto& c : all) {
    for (const std::int64_t t : c.time) {
      if (modulo(t, history.bar) != phase) continue;
      first = std::min(first, t);
      last = std::max(last, t);
    }
  }
  if ((last - first) / history.bar >= largest_grid) {
    throw Error({{names, 0,
                  fmt::format("from {} to {} there are {} bars of {} (more than memory is meant for) cut the file, or "
                              "correct its times",
                              time_text(first), time_text(last), (last - first) / history.bar + 1,
                              duration_text(double(history.bar)))}});
  }
  history.start = first;
  history.price.assign(history.assets.size(),
                       vector<double>(static_cast<std::size_t>((last - first) / history.bar + 1), missing));
  for (const auto& c : all) place(c, history, history.repairs);
  if (assets.empty()) leave_out_empty(history);
  check_columns(history, names);
  for (std::size_t a = 0; a < history.assets.size(); ++a) inspect(history, a, history.repairs);
  return history;
}

PriceHistory between(const PriceHistory& h, std::int64_t from, std::int64_t to) {
  std::size_t first = 0, last = h.rows();
  while (first < last && h.time(first) < from) ++first;
  while (last > first && h.time(last - 1) >= to) --last;
  if (last - first < 2) {
    throw Error(fmt::format("from {} to {} there are {} (a return needs two) the prices run from {} to {}",
                            time_text(from), time_text(to), counted(last - first, "row"), time_text(h.start),
                            time_text(h.time(h.rows() - 1))));
  }
  PriceHistory out = h;
  out.start = h.time(first);
  for (auto& p : out.price) {
    p = vector<double>(p.begin() + static_cast<std::ptrdiff_t>(first), p.begin() + static_cast<std::ptrdiff_t>(last));
  }
  check_columns(out, fmt::format("{} to {}", time_text(from), time_text(to)));
  return out;
}

PriceHistory resample(const PriceHistory& h, std::int64_t bar) {
  if (bar == h.bar) return h;
  if (bar <= 0 || bar % h.bar != 0) {
    throw Error(fmt::format("bars of {} (the prices have bars of {}, of which it is no multiple) choose a multiple",
                            duration_text(double(bar)), duration_text(double(h.bar))));
  }
  PriceHistory out = h;
  out.bar = bar;
  std::size_t first = 0;
  while (first < h.rows() && modulo(h.time(first), bar) != 0) ++first;
  if (first == h.rows()) first = 0;  // times that are never a multiple: any phase is as good
  out.start = h.time(first);
  const auto step = static_cast<std::size_t>(bar / h.bar);
  for (std::size_t a = 0; a < h.price.size(); ++a) {
    out.price[a].clear();
    for (std::size_t r = first; r < h.rows(); r += step) out.price[a].push_back(h.price[a][r]);
  }
  if (out.rows() < 2) {
    throw Error(fmt::format("bars of {} leave {} (a return needs two) choose a shorter bar", duration_text(double(bar)),
                            counted(out.rows(), "row")));
  }
  check_columns(out, fmt::format("bars of {}", duration_text(double(bar))));
  return out;
}

}  // namespace proofload
