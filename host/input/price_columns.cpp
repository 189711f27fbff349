#include "input/price_columns.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

#include "input/times.h"

namespace proofload {
namespace {

using std::string, std::string_view, std::vector;

constexpr std::size_t sampled_rows = 200;  // that say what a column holds
constexpr std::size_t counted_rows = 50;   // that go on by equal whole steps: no price does

string lower(string_view text) {
  string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

/// A header's name without what differs between exports: letters and digits only.
string plain(string_view name) {
  string out;
  for (const char c : lower(name))
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out += c;
  return out;
}

constexpr string_view time_names[] = {"timestamputc", "timestamp",   "timeutc",       "time",     "datetime", "dateutc",
                                      "date",         "opentime",    "unix",          "unixtime", "ts",       "t",
                                      "snappedat",    "timestampms", "unixtimestamp", "closetime"};

/// Columns that exports have beside prices.
bool is_no_price(string_view name) {
  const string n = plain(name);
  constexpr string_view whole[] = {"vol",
                                   "vol24h",
                                   "amount",
                                   "quantity",
                                   "qty",
                                   "mcap",
                                   "fdv",
                                   "fullydilutedvaluation",
                                   "return",
                                   "returns",
                                   "logreturn",
                                   "logreturns",
                                   "pctchange",
                                   "fundingrate",
                                   "count",
                                   "trades",
                                   "tradecount",
                                   "change",
                                   "changepercent",
                                   "turnover",
                                   "ignore",
                                   "openinterest",
                                   "tradescount",
                                   "numberoftrades",
                                   "circulatingsupply",
                                   "totalsupply"};
  return std::find(std::begin(whole), std::end(whole), n) != std::end(whole) || n.find("volume") != string::npos ||
         n.find("marketcap") != string::npos || n.starts_with("takerbuy");
}

bool is_counter_name(string_view name) {
  const string n = plain(name);
  return n.empty() || n == "index" || n == "id" || n == "no" || n == "row" || n == "nr" || n == "unnamed0";
}

bool is_block_name(string_view name) {
  const string n = plain(name);
  return n.starts_with("block") || n == "height" || n == "slot" || n == "epoch" || n == "nonce";
}

/// The first cells of every column, and what follows from them.
struct Sample {
  vector<vector<string>> cells;  ///< [column][row]

  template <class Is>
  double share(std::size_t c, const Is& is) const {
    std::size_t full = 0, such = 0;
    for (const string& cell : cells[c]) {
      if (cell.empty() || says_missing(cell)) continue;
      ++full;
      such += is(string_view(cell)) ? 1 : 0;
    }
    return full == 0 ? 0.0 : static_cast<double>(such) / static_cast<double>(full);
  }
  bool is_empty(std::size_t c) const {
    return std::all_of(cells[c].begin(), cells[c].end(), [](const string& x) { return x.empty(); });
  }
  bool is_times(std::size_t c) const {
    return share(c, [](string_view x) { return time_of(x).has_value(); }) > 0.95;
  }
  /// Words: nothing that begins as a number does, a currency before it or not.
  bool is_text(std::size_t c) const {
    const auto begins_a_number = [](string_view x) {
      const auto at = x.find_first_not_of("+-$ ");
      return (at != string_view::npos && x[at] >= '0' && x[at] <= '9') || x.starts_with("\xe2\x82\xac") ||
             x.starts_with("\xc2\xa3");
    };
    const bool any =
        std::any_of(cells[c].begin(), cells[c].end(), [](const string& x) { return !x.empty() && !says_missing(x); });
    return any && share(c, begins_a_number) == 0.0;
  }
  bool is_whole_numbers(std::size_t c) const {
    return share(c, [](string_view x) {
             return std::all_of(x.begin(), x.end(), [](char d) { return d >= '0' && d <= '9'; });
           }) == 1.0;
  }
  /// Few times come twice.
  bool is_distinct(std::size_t c) const {
    vector<std::int64_t> times;
    for (const string& cell : cells[c])
      if (const auto t = time_of(cell)) times.push_back(*t);
    std::sort(times.begin(), times.end());
    const auto different = std::unique(times.begin(), times.end()) - times.begin();
    return static_cast<double>(different) >= 0.9 * static_cast<double>(times.size());
  }
  /// 0, 1, 2, ... or by other equal steps, upwards or downwards.
  bool counts(std::size_t c) const {
    const auto& column = cells[c];
    if (column.size() < 3 || !is_whole_numbers(c)) return false;
    double step = 0.0;
    for (std::size_t r = 1; r < column.size(); ++r) {
      const auto one = input::cell_number(column[r - 1]), other = input::cell_number(column[r]);
      if (!one || !other || (r > 1 && *other - *one != step)) return false;
      step = *other - *one;
    }
    return step != 0.0;
  }
  /// Whole numbers that never come back, as those of blocks.
  bool climbs(std::size_t c) const {
    const auto& column = cells[c];
    if (!is_whole_numbers(c)) return false;
    for (std::size_t r = 2; r < column.size(); ++r) {
      const auto a = input::cell_number(column[r - 2]), b = input::cell_number(column[r - 1]),
                 d = input::cell_number(column[r]);
      if (!a || !b || !d || (*b - *a) * (*d - *b) <= 0.0) return false;
    }
    return column.size() > 2;
  }
  /// Two columns of times that go on alike are the same times.
  bool goes_with(std::size_t c, std::size_t times) const {
    for (std::size_t r = 1; r < cells[c].size(); ++r) {
      const auto a = time_of(cells[c][r - 1]), b = time_of(cells[c][r]), x = time_of(cells[times][r - 1]),
                 y = time_of(cells[times][r]);
      if (!a || !b || !x || !y || *b - *a != *y - *x) return false;
    }
    return cells[c].size() > 1;
  }
};

Sample sample_of(input::Csv& csv) {
  Sample sample;
  sample.cells.resize(csv.header().size());
  vector<string_view> cells;
  int line = 0;
  for (std::size_t r = 0; r < sampled_rows && csv.next(cells, line); ++r)
    for (std::size_t c = 0; c < cells.size(); ++c) sample.cells[c].emplace_back(cells[c]);
  csv.rewind();
  return sample;
}

/// The column of times: by its name if its cells are times, else another whose cells are, else by its name, else the
/// first.
std::size_t time_column(const input::Csv& csv, const Sample& sample, vector<string>& repairs) {
  const vector<string>& header = csv.header();
  std::size_t named = header.size();
  for (const string_view name : time_names) {
    for (std::size_t c = 0; c < header.size(); ++c) {
      if (plain(header[c]) != name) continue;
      if (sample.is_times(c) && sample.is_distinct(c)) return c;
      if (named == header.size()) named = c;
    }
  }
  for (std::size_t c = 0; c < header.size(); ++c) {
    if (!sample.is_times(c) || (named < header.size() && !sample.is_distinct(c))) continue;
    if (named < header.size())
      repairs.push_back(
          fmt::format("{}: column {} does not hold times, {} does (taken)", csv.file(), header[named], header[c]));
    return c;
  }
  return named < header.size() ? named : 0;
}

/// Days in one column and times of day in another, which are times together: both columns.
std::optional<std::pair<std::size_t, std::size_t>> day_and_clock(const vector<string>& header, const Sample& sample) {
  const auto is_named = [&](std::size_t c, std::initializer_list<const char*> names) {
    return std::any_of(names.begin(), names.end(), [&](const char* name) { return plain(header[c]) == name; });
  };
  for (std::size_t day = 0; day < header.size(); ++day) {
    const bool days = is_named(day, {"date", "day", "dateutc", "datum"}) && sample.is_times(day) &&
                      sample.share(day, [](string_view x) { return x.size() <= 10; }) == 1.0;
    for (std::size_t c = 0; days && c < header.size(); ++c) {
      if (!is_named(c, {"time", "timeutc", "timeofday", "clock", "zeit"}) || sample.is_times(c)) continue;
      std::size_t together = 0;
      for (std::size_t r = 0; r < sample.cells[c].size(); ++r)
        together += time_of(sample.cells[day][r] + " " + sample.cells[c][r]) ? 1 : 0;
      if (20 * together > 19 * sample.cells[c].size()) return std::pair{day, c};
    }
  }
  return std::nullopt;
}

/// Candles and quotes: of open, high, low, bid, ask and close of an asset the close is its price. The closes, for one
/// asset or for several whose names stand before or behind; nothing where there are no candles.
vector<std::size_t> closes_of_candles(const vector<string>& header) {
  const auto find = [&](std::initializer_list<const char*> names) -> std::optional<std::size_t> {
    for (const char* name : names)
      for (std::size_t c = 0; c < header.size(); ++c)
        if (plain(header[c]) == name) return c;
    return std::nullopt;
  };
  const bool others = find({"open", "high", "low", "bid", "ask"}).has_value();
  if (const auto close = find({"close", "price", "last", "adjclose", "mid"}); others && close) return {*close};
  if (find({"o"}) && find({"h"}) && find({"l"}) && find({"c"})) return {*find({"c"})};
  vector<std::size_t> closes;
  const auto has = [&](const string& name) {
    return std::any_of(header.begin(), header.end(), [&](const string& h) { return plain(h) == name; });
  };
  for (std::size_t c = 0; c < header.size(); ++c) {
    const string n = plain(header[c]), close = "close";
    const bool before = n.size() > close.size() && n.starts_with(close),
               behind = n.size() > close.size() && n.ends_with(close);
    const string asset = before ? n.substr(close.size()) : behind ? n.substr(0, n.size() - close.size()) : "";
    if ((before && has("high" + asset) && has("low" + asset)) || (behind && has(asset + "high") && has(asset + "low")))
      closes.push_back(c);
  }
  return closes;
}

/// Of columns that are one asset's, none is its price by its name: "" where there are none such.
string several_of_one(const vector<string>& header, const vector<std::size_t>& columns) {
  const auto named = [&](const char* name) {
    return std::any_of(columns.begin(), columns.end(), [&](std::size_t c) { return plain(header[c]) == name; });
  };
  return named("high") && named("low") ? "high and low" : named("bid") && named("ask") ? "bid and ask" : "";
}

bool is_symbol_name(string_view name) {
  const string n = plain(name);
  for (const char* word : {"symbol", "ticker", "pair", "asset", "coin", "name", "currency", "base", "token", "market"})
    if (n == word) return true;
  return false;
}

/// Which columns are prices that are wanted, checked; what the others are is said.
vector<std::size_t> prices_among(const input::Csv& csv, const Sample& sample, const PriceColumns& known,
                                 const vector<string>& wanted, vector<Problem>& problems, vector<string>& repairs) {
  const vector<string>& header = csv.header();
  vector<std::size_t> columns;
  vector<string> left_out;
  const vector<std::size_t> closes = wanted.empty() ? closes_of_candles(header) : vector<std::size_t>{};
  const auto is_time_name = [](string_view name) {
    return std::find(std::begin(time_names), std::end(time_names), plain(name)) != std::end(time_names);
  };
  for (std::size_t c = 0; c < header.size(); ++c) {
    if (c == known.times || c == known.clock) continue;
    if (!wanted.empty()) {
      if (std::find(wanted.begin(), wanted.end(), header[c]) == wanted.end()) continue;
    } else {
      if (header[c].empty() && sample.is_empty(c)) continue;
      const bool close = std::find(closes.begin(), closes.end(), c) != closes.end();
      const bool counts = sample.counts(c);
      const bool counter = (counts && (is_counter_name(header[c]) || sample.cells[c].size() >= counted_rows)) ||
                           (is_block_name(header[c]) && sample.climbs(c)) ||
                           (header[c].empty() && c == 0 && sample.is_whole_numbers(c));
      const bool again = sample.is_times(c) && (is_time_name(header[c]) || sample.goes_with(c, known.times));
      // Times as nobody reads them: 07 am.
      const bool unread = is_time_name(header[c]) &&
                          sample.share(c, [](string_view x) { return input::cell_number(x).has_value(); }) == 0.0;
      const char* why = close                    ? nullptr
                        : is_no_price(header[c]) ? "no price"
                        : again                  ? "times again"
                        : counter                ? "a counter of rows or blocks"
                        : unread                 ? "no numbers"
                        : sample.is_text(c)      ? "no numbers"
                        : !closes.empty()        ? "beside candles or quotes, whose close is the price"
                                                 : nullptr;
      if (why != nullptr) {
        left_out.push_back(fmt::format("{} ({})", header[c].empty() ? "a column without a name" : header[c], why));
        continue;
      }
    }
    if (header[c].empty()) {
      problems.push_back(
          {csv.file(), csv.header_line(), fmt::format("column {} has no name (a column is an asset) name it", c + 1)});
    } else if (std::find(header.begin(), header.begin() + static_cast<std::ptrdiff_t>(c), header[c]) !=
               header.begin() + static_cast<std::ptrdiff_t>(c)) {
      problems.push_back(
          {csv.file(), csv.header_line(),
           fmt::format("two columns are named {} (which is the price cannot be told) rename one", header[c])});
    }
    columns.push_back(c);
  }
  if (!left_out.empty())
    repairs.push_back(
        fmt::format("{}: {} (left out; --assets takes them all the same)", csv.file(), fmt::join(left_out, ", ")));
  return columns;
}

/// The columns of candles that Binance ships without a header.
const vector<string> klines = {"open_time",
                               "open",
                               "high",
                               "low",
                               "close",
                               "volume",
                               "close_time",
                               "quote_volume",
                               "count",
                               "taker_buy_volume",
                               "taker_buy_quote_volume",
                               "ignore"};

}  // namespace

bool says_missing(string_view cell) {
  const string word = lower(cell);
  return word == "nan" || word == "null" || word == "none" || word == "na" || word == "n/a" || word == "-";
}

/// A first line of values is no header; that of a known export gets one.
void name_header(input::Csv& csv, vector<string>& repairs) {
  const vector<string>& header = csv.header();
  if (header.empty()) throw Error({{csv.file(), 0, "is empty (there are no prices) check the file"}});
  const auto is_time = [](const string& h) { return time_of(h).has_value(); };
  if (std::any_of(header.begin(), header.end(), is_time)) {
    const bool known = header.size() == klines.size() && is_time(header[0]) && is_time(header[6]) &&
                       std::all_of(header.begin() + 1, header.begin() + 6,
                                   [](const string& h) { return input::cell_number(h).has_value(); });
    if (!known) {
      throw Error({{csv.file(), csv.header_line(),
                    "the first line holds values (it must name the columns: which asset is which cannot be told) "
                    "put a line such as timestamp_utc,BTC,ETH above it"}});
    }
    csv.name_columns(klines);
    repairs.push_back(
        fmt::format("{}: no header, and 12 columns (taken as Binance's candles: open_time, open, high, low, "
                    "close, ...)",
                    csv.file()));
  }
  if (csv.header().size() < 2) {
    throw Error({{csv.file(), csv.header_line(),
                  "there is one column (a time and at least one asset are needed) write timestamp_utc,BTC,..."}});
  }
}

PriceColumns price_columns(input::Csv& csv, const vector<string>& wanted, vector<Problem>& problems,
                           vector<string>& repairs) {
  const Sample sample = sample_of(csv);
  const auto both = day_and_clock(csv.header(), sample);
  const std::size_t times = both ? both->first : time_column(csv, sample, repairs);
  if (both)
    repairs.push_back(fmt::format("{}: days are in column {} and times of day in column {} (joined)", csv.file(),
                                  csv.header()[both->first], csv.header()[both->second]));
  const std::size_t said = repairs.size();
  PriceColumns columns{times, {}, {}, {}};
  if (both) columns.clock = both->second;
  columns.prices = prices_among(csv, sample, columns, wanted, problems, repairs);
  if (columns.prices.empty() && problems.empty() && wanted.empty())
    problems.push_back({csv.file(), csv.header_line(),
                        fmt::format("there is no column of prices ({}) name one with --assets, or NAME=file:column",
                                    repairs.size() > said ? repairs.back().substr(csv.file().size() + 2)
                                                          : string("the columns are ") +
                                                                fmt::format("{}", fmt::join(csv.header(), ", ")))});
  if (const string such = several_of_one(csv.header(), columns.prices); wanted.empty() && !such.empty())
    problems.push_back({csv.file(), csv.header_line(),
                        fmt::format("there are {}, and no close (they would be two assets that always move together) "
                                    "choose one with --assets, or as NAME=file:column",
                                    such)});
  for (std::size_t c = 0; c < csv.header().size(); ++c) {
    if (c != times && is_symbol_name(csv.header()[c]) && sample.is_text(c) &&
        std::find(columns.prices.begin(), columns.prices.end(), c) == columns.prices.end())
      columns.symbol = c;
  }
  return columns;
}

}  // namespace proofload
