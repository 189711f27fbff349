#include "input/prices.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <string_view>

#include "base/suggestion.h"
#include "base/words.h"
#include "input/csv.h"
#include "input/price_bars.h"
#include "input/price_columns.h"
#include "input/price_findings.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;
using std::string, std::string_view, std::vector;

constexpr double missing = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t largest_grid = 20'000'000;  // rows: 38 years of minutes
constexpr std::size_t shown_problems = 10;
constexpr std::size_t fewest_rows_for_strays = 20;
constexpr double off_grid_share = 0.05;  // of a file's rows that may lie between two bars
constexpr std::int64_t whole_day = 86400;
constexpr double most_seam_bars = 60.0;  // that a longer gap between two files counts for
constexpr double seam_factor =
    3.0;  // a move between two files that is so many times the largest within them is no return

string counted(std::size_t n, const char* what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); }

// ---- one file -------------------------------------------------------------------------------------------------------

/// A file as read: sorted by time, no time twice.
struct Columns {
  string file;
  vector<string> assets, offered;  // whose prices are read, and all columns but the times
  vector<std::int64_t> time;
  vector<int> line;
  vector<vector<double>> price;  ///< [asset][row]
  std::int64_t closes = 0;       ///< how long after its time here a row's price is that of
};

/// A row of which something is said; `differs`: of two for one time, whether they contradict each other.
struct FoundRow {
  std::int64_t time;
  int line;
  bool differs = false;
};
/// Those that were asked for.
vector<FoundRow> asked(vector<FoundRow> rows, const Columns& c, const PriceOptions& options) {
  std::erase_if(rows,
                [&](const FoundRow& r) { return r.time + c.closes < options.from || r.time + c.closes >= options.to; });
  return rows;
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
    if (more > 0)
      problems.push_back({file, 0,
                          fmt::format("and {} like these (only the first {} are shown) correct these first",
                                      counted(more, "problem"), shown_problems)});
    throw Error(std::move(problems));
  }
};

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
void order(Columns& c, const PriceOptions& options, vector<string>& repairs) {
  vector<FoundRow> disordered, repeated;
  for (std::size_t r = 1; r < c.time.size(); ++r)
    if (c.time[r] < c.time[r - 1]) disordered.push_back({c.time[r], c.line[r]});
  vector<std::size_t> index(c.time.size());
  std::iota(index.begin(), index.end(), std::size_t{0});
  if (!disordered.empty())
    std::stable_sort(index.begin(), index.end(), [&](std::size_t a, std::size_t b) { return c.time[a] < c.time[b]; });
  vector<std::size_t> kept;
  for (std::size_t i = 0; i < index.size(); ++i) {
    if (i + 1 < index.size() && c.time[index[i]] == c.time[index[i + 1]]) {
      const bool differs = std::any_of(c.price.begin(), c.price.end(), [&](const vector<double>& p) {
        const double one = p[index[i]], other = p[index[i + 1]];
        return one != other && !std::isnan(one) && !std::isnan(other);
      });
      repeated.push_back({c.time[index[i]], c.line[index[i + 1]], differs});
      for (vector<double>& p : c.price)  // what one row leaves open the other may say
        if (std::isnan(p[index[i + 1]])) p[index[i + 1]] = p[index[i]];
      continue;
    }
    kept.push_back(index[i]);
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
  if (options.opening && c.time.size() > 1) c.closes = bar_of(c.time);
  disordered = asked(std::move(disordered), c, options);
  repeated = asked(std::move(repeated), c, options);
  if (!disordered.empty()) {
    repairs.push_back(fmt::format(
        "{}: {} before the row above, the first at line {} (all rows were sorted by time)", c.file,
        disordered.size() == 1 ? "1 row lies" : fmt::format("{} rows lie", disordered.size()), disordered[0].line));
  }
  if (!repeated.empty()) {
    const auto contradicting =
        std::count_if(repeated.begin(), repeated.end(), [](const FoundRow& r) { return r.differs; });
    repairs.push_back(
        fmt::format("{}: {} the time of another, the first at line {} (the last was kept; {} other prices)", c.file,
                    repeated.size() == 1 ? "1 row repeats" : fmt::format("{} rows repeat", repeated.size()),
                    repeated[0].line, contradicting == 1 ? "1 has" : fmt::format("{} have", contradicting)));
  }
}

Columns read_columns(const PriceSource& source, const vector<string>& wanted_assets, const PriceOptions& options,
                     vector<string>& repairs) {
  input::Csv csv(source.file == "-" ? "standard input" : source.file.string(),
                 source.text ? *source.text : input::csv_text(source.file, "the price file"));
  Columns out;
  out.file = csv.file();
  Findings findings{out.file, {}, 0};
  name_header(csv, repairs);
  for (const string& note : csv.notes()) repairs.push_back(out.file + ": " + note);
  const vector<string>& header = csv.header();
  vector<string> wanted = wanted_assets;
  if (!source.column.empty()) {
    wanted = {source.column};
    if (std::find(header.begin(), header.end(), source.column) == header.end()) {
      throw Error(
          {{out.file, csv.header_line(),
            fmt::format("there is no column {} (it is wanted as {}) {}", source.column,
                        source.name.empty() ? "a price" : source.name, suggestion(source.column, header, "column"))}});
    }
  } else if (!source.name.empty()) {
    wanted.clear();
  }
  const auto [times, columns, symbol, clock] = price_columns(csv, wanted, findings.problems, repairs);
  findings.raise();
  for (const std::size_t c : columns) out.assets.push_back(header[c]);
  for (std::size_t c = 0; c < header.size(); ++c) {
    if (c != times) out.offered.push_back(header[c]);
  }
  if (!source.name.empty()) {
    if (columns.size() != 1) {
      throw Error({{out.file, csv.header_line(),
                    fmt::format("{} columns may be the price of {} (one is) write {}={}:COLUMN", columns.size(),
                                source.name, source.name, source.file.string())}});
    }
    out.assets[0] = source.name;
    out.offered = {source.name};
  }
  out.price.resize(columns.size());
  vector<FoundRow> words;  // a cell each
  int line = 0;
  vector<string_view> cells;
  string one_symbol;
  while (csv.next(cells, line)) {
    if (symbol && one_symbol.empty()) one_symbol = cells[*symbol];
    if (symbol && cells[*symbol] != one_symbol) {
      throw Error(
          {{out.file, line,
            fmt::format("column {} says {} here and {} above (one column of prices would hold two assets) give a "
                        "file, or a column, of each",
                        header[*symbol], cells[*symbol], one_symbol)}});
    }
    const auto time = clock ? time_of(fmt::format("{} {}", cells[times], cells[*clock])) : time_of(cells[times]);
    if (!time) {
      findings.add(line,
                   fmt::format("{} in column {} is not a time (the time column is {}) write 2020-03-12T06:00:00Z or a "
                               "Unix time; name the column timestamp_utc",
                               shown(cells[clock.value_or(times)]), header[clock.value_or(times)], header[times]));
      continue;
    }
    if (const string impossible = options.any_time ? "" : problem_of_time(*time, options.unless); !impossible.empty()) {
      findings.add(line, impossible);
      continue;
    }
    std::size_t words_here = 0;
    out.time.push_back(*time);
    out.line.push_back(line);
    for (std::size_t i = 0; i < columns.size(); ++i)
      out.price[i].push_back(price_of(cells[columns[i]], out.assets[i], line, findings, words_here).value_or(missing));
    words.insert(words.end(), words_here, {*time, line});
  }
  findings.raise();
  csv.finish();
  vector<string> of_order;
  order(out, options, of_order);
  words = asked(std::move(words), out, options);
  if (!words.empty()) {
    repairs.push_back(fmt::format("{}: {} NaN or a word for nothing, the first at line {} (taken as missing)", out.file,
                                  words.size() == 1 ? "1 cell says" : fmt::format("{} cells say", words.size()),
                                  words[0].line));
  }
  repairs.insert(repairs.end(), of_order.begin(), of_order.end());
  if (out.time.size() < 2) {
    throw Error(
        {{out.file, 0, fmt::format("has {} (a return needs two) give more rows", counted(out.time.size(), "row"))}});
  }
  return out;
}

// ---- the grid -------------------------------------------------------------------------------------------------------

std::int64_t modulo(std::int64_t a, std::int64_t b) { return ((a % b) + b) % b; }

/// How late in their bars rows are: as most are, or, where hardly two are alike, not at all if they lie next to it.
std::int64_t phase_of(const vector<Columns>& all, std::int64_t bar) {
  std::map<std::int64_t, std::size_t> phases;
  std::size_t rows = 0, near = 0;
  for (const auto& c : all) {
    for (const std::int64_t t : c.time) {
      const std::int64_t late = modulo(t, bar);
      ++phases[late];
      ++rows;
      near += std::min(late, bar - late) <= tolerance_of(bar) ? 1 : 0;
    }
  }
  const std::int64_t common = most_common(phases);
  return 2 * phases[common] <= rows && 10 * near > 9 * rows ? 0 : common;
}

/// Months, quarters, halves and years have no equal lengths.
void refuse_months(const Columns& c) {
  std::size_t months = 0;
  for (std::size_t r = 1; r < c.time.size(); ++r) {
    const std::int64_t days = (c.time[r] - c.time[r - 1] + whole_day / 2) / whole_day;
    months += (days >= 28 && days <= 31) || (days >= 89 && days <= 92) || (days >= 181 && days <= 184) || days == 365 ||
                      days == 366
                  ? 1
                  : 0;
  }
  if (2 * months <= c.time.size() || bar_of(c.time) < 28 * whole_day) return;
  throw Error(
      {{c.file, c.line[0],
        "the rows are a month, a quarter or a year apart (which have no equal lengths: returns over them cannot "
        "be compared) give daily or weekly prices"}});
}

/// Puts rows that lie next to a bar onto it; of two for one bar the nearer one stays.
void snap(Columns& c, std::int64_t bar, std::int64_t phase, const PriceOptions& options, vector<string>& repairs) {
  const std::int64_t tolerance = tolerance_of(bar);
  vector<FoundRow> moved;
  for (std::size_t r = 0; r < c.time.size(); ++r) {
    const std::int64_t late = modulo(c.time[r] - phase, bar), early = bar - late;
    if (late == 0 || std::min(late, early) > tolerance) continue;
    const std::int64_t to = late <= early ? c.time[r] - late : c.time[r] + early;
    if ((r > 0 && c.time[r - 1] == to) || (r + 1 < c.time.size() && c.time[r + 1] == to)) continue;
    c.time[r] = to;
    moved.push_back({to, c.line[r]});
  }
  moved = asked(std::move(moved), c, options);
  if (!moved.empty())
    repairs.push_back(fmt::format("{}: {} up to {} beside a bar of {}, the first at line {} (put onto it)", c.file,
                                  moved.size() == 1 ? "1 row lies" : fmt::format("{} rows lie", moved.size()),
                                  duration_text(double(tolerance)), duration_text(double(bar)), moved[0].line));
}

/// Rows far from all others: a mistyped year, say. One alone has no return, and would leave nothing but years of gap
/// and a last price: it is left out. Several are kept. Either is said.
void leave_out_strays(Columns& c, std::int64_t bar, const PriceOptions& options, vector<string>& repairs) {
  if (c.time.size() < fewest_rows_for_strays) return;
  const std::int64_t far = std::max(30 * bar, 30 * whole_day);
  struct Stretch {
    std::size_t first, rows;
  };
  vector<Stretch> stretches;
  for (std::size_t r = 0; r < c.time.size(); ++r) {
    if (r == 0 || c.time[r] - c.time[r - 1] > far) stretches.push_back({r, 0});
    ++stretches.back().rows;
  }
  const std::size_t longest = std::max_element(stretches.begin(), stretches.end(), [](const auto& a, const auto& b) {
                                return a.rows < b.rows;
                              })->rows;
  vector<bool> stray(c.time.size(), false);
  vector<FoundRow> alone;
  for (const auto& [first, rows] : stretches) {
    if (rows == longest || rows > std::max<std::size_t>(1, c.time.size() / 100)) continue;
    if (rows == 1) {
      stray[first] = true;
      alone.push_back({c.time[first], c.line[first]});
      continue;
    }
    if (c.time[first + rows - 1] + c.closes < options.from || c.time[first] + c.closes >= options.to) continue;
    repairs.push_back(fmt::format(
        "{}: {} stray rows, {} to {}, the first at line {}, lie more than {} from all others (kept: look whether their "
        "year is right)",
        c.file, rows, time_text(c.time[first]), time_text(c.time[first + rows - 1]), c.line[first],
        duration_text(double(far))));
  }
  if (alone.empty()) return;
  alone = asked(std::move(alone), c, options);
  if (!alone.empty()) {
    const bool one = alone.size() == 1;
    repairs.push_back(fmt::format(
        "{}: {} more than {} from all others, {} at line {}, {} (left out, it has no return: look whether its "
        "year is right)",
        c.file, one ? "1 stray row lies" : fmt::format("{} stray rows lie", alone.size()), duration_text(double(far)),
        one ? "that" : "the first", alone[0].line, time_text(alone[0].time)));
  }
  const auto drop = [&](auto& column) {
    std::size_t r = 0;
    std::erase_if(column, [&](const auto&) { return stray[r++]; });
  };
  drop(c.time);
  drop(c.line);
  for (auto& p : c.price) drop(p);
}

/// Two files whose columns have one name are one asset only if the price goes on from one to the other.
void check_seams(const vector<Columns>& all) {
  const auto asset_in = [](const Columns& c, const string& name) -> const vector<double>* {
    const auto at = std::find(c.assets.begin(), c.assets.end(), name);
    return at == c.assets.end() ? nullptr : &c.price[static_cast<std::size_t>(at - c.assets.begin())];
  };
  const auto refuse = [](const Columns& a, const Columns& b, const string& name, const string& how) {
    throw Error({{b.file, b.line[0],
                  fmt::format("column {0} here and in {1} cannot be one asset ({2}) say which asset each is: "
                              "NAME={1}:{0} OTHER={3}:{0}",
                              name, a.file, how, b.file)}});
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < all.size(); ++j) {
      const Columns &a = all[i], &b = all[j];
      if (i == j || a.time.front() > b.time.front()) continue;
      for (const string& name : a.assets) {
        const vector<double>*one = asset_in(a, name), *other = asset_in(b, name);
        if (other == nullptr) continue;
        std::map<std::int64_t, double> earlier;
        double largest = 0.0;
        for (const auto& [c, p] : {std::pair{&a, one}, std::pair{&b, other}}) {
          double before = missing;
          for (std::size_t r = 0; r < p->size(); ++r) {
            if (std::isnan((*p)[r])) continue;
            if (!std::isnan(before)) largest = std::max(largest, std::fabs(std::log((*p)[r] / before)));
            before = (*p)[r];
            if (c == &a) earlier[c->time[r]] = before;
          }
        }
        std::size_t common = 0, apart = 0;
        for (std::size_t r = 0; r < other->size(); ++r) {
          const auto same = earlier.find(b.time[r]);
          if (std::isnan((*other)[r]) || same == earlier.end()) continue;
          ++common;
          apart += std::fabs(std::log((*other)[r] / same->second)) > 0.1 ? 1 : 0;
        }
        if (common > 0) {
          if (2 * apart > common)
            refuse(
                a, b, name,
                fmt::format("at {} of {} times that both have, the prices differ by more than a tenth", apart, common));
          continue;
        }
        std::size_t r = 0;
        while (r < other->size() && std::isnan((*other)[r])) ++r;
        if (r == other->size() || earlier.empty() || earlier.rbegin()->first > b.time[r]) continue;
        const auto [last, price] = *earlier.rbegin();
        const double bars = std::max(1.0, double(b.time[r] - last) / double(bar_of(a.time)));
        const double move = std::fabs(std::log((*other)[r] / price));
        if (move > seam_factor * largest * std::sqrt(std::min(bars, most_seam_bars)))
          refuse(a, b, name,
                 fmt::format("from {} to {:g} in {}, which is {:.0f} times their largest move", price, (*other)[r],
                             duration_text(double(b.time[r] - last)), move / largest));
      }
    }
  }
}

/// Puts a file's rows on the grid; rows between two bars are left out and counted.
void place(const Columns& c, PriceHistory& history, const PriceOptions& options, vector<string>& repairs) {
  vector<FoundRow> off, differing;
  for (std::size_t r = 0; r < c.time.size(); ++r) {
    const std::int64_t after = c.time[r] - history.start;
    if (modulo(after, history.bar) != 0) {
      off.push_back({c.time[r], c.line[r]});
      continue;
    }
    const auto row = static_cast<std::size_t>(after / history.bar);
    for (std::size_t i = 0; i < c.assets.size(); ++i) {
      if (std::isnan(c.price[i][r])) continue;
      const auto a = static_cast<std::size_t>(std::find(history.assets.begin(), history.assets.end(), c.assets[i]) -
                                              history.assets.begin());
      if (a == history.assets.size()) continue;  // named, and not wanted
      double& cell = history.price[a][row];
      if (std::isnan(cell)) {
        cell = c.price[i][r];
      } else if (cell != c.price[i][r]) {
        differing.push_back({c.time[r], c.line[r]});
      }
    }
  }
  if (static_cast<double>(off.size()) > off_grid_share * static_cast<double>(c.time.size())) {
    throw Error({{c.file, off[0].line,
                  fmt::format("{} of {} rows, from this one on, do not lie on bars of {} (returns would span unequal "
                              "times) give prices at regular times",
                              off.size(), c.time.size(), duration_text(double(history.bar)))}});
  }
  off = asked(std::move(off), c, options);
  if (!off.empty()) {
    repairs.push_back(fmt::format("{}: {} between two bars of {}, the first at line {} (left out)", c.file,
                                  off.size() == 1 ? "1 row lies" : fmt::format("{} rows lie", off.size()),
                                  duration_text(double(history.bar)), off[0].line));
  }
  differing = asked(std::move(differing), c, options);
  if (!differing.empty()) {
    repairs.push_back(
        fmt::format("{}: {} from an earlier file's (the earlier file was taken)", c.file,
                    differing.size() == 1 ? "1 price differs" : fmt::format("{} prices differ", differing.size())));
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

/// The rows with from <= time < to, be there any or none.
PriceHistory rows_within(const PriceHistory& h, std::int64_t from, std::int64_t to) {
  std::size_t first = 0, last = h.rows();
  while (first < last && h.time(first) < from) ++first;
  while (last > first && h.time(last - 1) >= to) --last;
  PriceHistory out = h;
  out.start = h.time(first);
  for (auto& p : out.price) {
    p = vector<double>(p.begin() + static_cast<std::ptrdiff_t>(first), p.begin() + static_cast<std::ptrdiff_t>(last));
  }
  return out;
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

PriceSource price_source(const string& text) {
  std::error_code ignored;
  PriceSource source;
  source.file = text;
  if (text == "-" || fs::exists(source.file, ignored)) return source;
  const auto equals = text.find('=');
  string rest = text;
  if (equals != string::npos && equals > 0 && text.find('/') > equals) {
    source.name = text.substr(0, equals);
    rest = text.substr(equals + 1);
  }
  source.file = rest;
  if (rest == "-" || fs::exists(source.file, ignored)) return source;
  for (auto colon = rest.find(':'); colon != string::npos; colon = rest.find(':', colon + 1)) {
    const string file = rest.substr(0, colon);
    if (file != "-" && !fs::is_regular_file(file, ignored)) continue;
    source.file = file;
    source.column = rest.substr(colon + 1);
    break;
  }
  return source;
}

PriceHistory read_prices(const vector<PriceSource>& files, const vector<string>& assets, const PriceOptions& options) {
  if (files.empty()) throw Error("there is no price file (there is nothing to read) name one");
  if (std::count_if(files.begin(), files.end(), [](const PriceSource& f) { return f.file == "-"; }) > 1)
    throw Error("- is given twice (the standard input can be read once) name a file instead");
  PriceHistory history;
  vector<Columns> all;
  for (const auto& file : files) all.push_back(read_columns(file, assets, options, history.repairs));
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
        vector<string> known;
        for (const Columns& c : all) {
          for (const string& name : c.offered)
            if (std::find(known.begin(), known.end(), name) == known.end()) known.push_back(name);
        }
        problems.push_back({names, 0,
                            fmt::format("there is no column {} (its prices are wanted) {}", assets[i],
                                        suggestion(assets[i], known, "column"))});
      }
    }
    if (!problems.empty()) throw Error(std::move(problems));
  }

  for (const auto& c : all) refuse_months(c);
  check_seams(all);
  std::map<std::int64_t, std::size_t> bars;
  for (const auto& c : all) ++bars[bar_of(c.time)];
  if (bars.size() > 1) {
    vector<Problem> problems;
    for (const auto& c : all) {
      problems.push_back({c.file, 0,
                          fmt::format("has bars of {} (files of different bars cannot be merged) convert them to "
                                      "one bar first",
                                      duration_text(double(bar_of(c.time))))});
    }
    throw Error(std::move(problems));
  }
  history.bar = bars.begin()->first;
  for (auto& c : all) leave_out_strays(c, history.bar, options, history.repairs);
  std::int64_t first = std::numeric_limits<std::int64_t>::max(), last = std::numeric_limits<std::int64_t>::min();
  const std::int64_t phase = phase_of(all, history.bar);
  for (auto& c : all) snap(c, history.bar, phase, options, history.repairs);
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
  for (const auto& c : all) place(c, history, options, history.repairs);
  if (assets.empty()) leave_out_empty(history);
  check_columns(history, names);
  if (options.opening) history.start += history.bar;
  const bool part = history.start < options.from || history.time(history.rows() - 1) >= options.to;
  const PriceHistory rows = part ? rows_within(history, options.from, options.to) : PriceHistory();
  for (std::size_t a = 0; a < history.assets.size(); ++a)
    say_findings(part ? rows : history, history, a, history.repairs);
  return history;
}

PriceHistory between(const PriceHistory& h, std::int64_t from, std::int64_t to) {
  PriceHistory out = rows_within(h, from, to);
  if (out.rows() < 2) {
    throw Error(fmt::format(
        "from {} to {} there are {} (a return needs two) the prices run from {} to {}: ask for a part of that",
        time_text(from), time_text(to), counted(out.rows(), "row"), time_text(h.start),
        time_text(h.time(h.rows() - 1))));
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
