#include "scenario/stress_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "base/error.h"
#include "base/words.h"
#include "input/price_columns.h"
#include "input/prices.h"
#include "kernels/plan.h"
#include "scenario/reader.h"
#include "scenario/recorded.h"

namespace proofload::input {
namespace {

using std::string, std::string_view, std::vector;
using Seconds = std::int64_t;

constexpr std::size_t most_returns = std::size_t{1} << 24;  // of all assets together

/// ln(to / from) of positive doubles, from + - * / alone, so that a plan has the same numbers on every machine; within
/// 2 units of the last place. ln x = 2 artanh((x - 1)/(x + 1)) near 1, by its series.
double log_ratio(double to, double from) {
  constexpr double ln2 = 0.693147180559945309417, root2 = 1.41421356237309504880;
  int up = 0, down = 0;
  double a = std::frexp(to, &up), b = std::frexp(from, &down);  // exact, and so is what follows up to the division
  int twos = up - down;
  if (a > root2 * b) {
    b *= 2.0;
    ++twos;
  } else if (b > root2 * a) {
    a *= 2.0;
    --twos;
  }
  const double s = (a - b) / (a + b), s2 = s * s;
  double series = 0.0;
  for (int k = 23; k >= 3; k -= 2) series = s2 * (1.0 / k + series);  // |s| < 0.172: the rest is below 1e-19
  return twos * ln2 + (2.0 * s + 2.0 * s * series);
}

void read_shocks(const Table& stress, const Node& list, const MarketSpec& market, double horizon,
                 vector<ShockSpec>& out) {
  Report& report = stress.report;
  vector<string> names;
  for (const auto& asset : market.assets) names.push_back(asset.name);
  vector<int> line(names.size(), 0);
  const char* what = "write shocks = [ { asset = \"ETH\", at = \"10m\", size = -0.2 } ]";
  for (const Table& t : tables_of(report, list, stress.path_of("shocks"), limit::assets,
                                  "it is an array of tables, one for each asset that is shocked", what)) {
    t.allow({"asset", "at", "size"});
    ShockSpec shock;
    if (t.need("at", shock.at, {0.0, 40.0 * day, Open::neither, "the time of the shock after the call", "10m", true}) &&
        shock.at > horizon)
      report.add(t.place_of("at"), fmt::format("{} is after run.horizon", t.path_of("at")), "no sale would feel it",
                 "give an earlier time, or a longer horizon");
    t.need("size", shock.size,
           {-1.0, 100.0, Open::low, "a return, a fraction of the price: -0.2 is a loss of 20 %", "-0.2"});
    if (!t.need_name("asset", shock.asset, "the asset that is shocked", "ETH")) continue;
    const auto i = static_cast<std::size_t>(std::find(names.begin(), names.end(), shock.asset) - names.begin());
    if (i == names.size()) {
      if (!names.empty())
        report.add_missing(t.place_of("asset"),
                           fmt::format("{} = {} is unknown", t.path_of("asset"), in_quotes(shock.asset)),
                           "no asset of that name is declared", suggestion(shock.asset, names, "asset"));
    } else if (line[i] > 0) {
      report.add(t.place_of("asset"), fmt::format("{} has two shocks", in_quotes(shock.asset)),
                 "an asset has room for one", fmt::format("merge them; the first is on line {}", line[i]));
    } else {
      line[i] = std::max(1, t.place().line);
      out.push_back(std::move(shock));
    }
  }
}

// -------------------------------------------------------------------------------------------------------------- replay

class Replay {
 public:
  Replay(const Table& t, const vector<AssetSpec>& assets, double horizon, const Recorded* recorded)
      : t_(t), report_(t.report), assets_(assets), horizon_(horizon), recorded_(recorded) {}

  void read(ReplaySpec& spec) {
    t_.allow({"file", "start", "from", "to", "columns", "bar"});
    const Node* file = t_.need("file", "a CSV file of prices with a column for each asset", "\"prices.csv\"");
    const Node* start = t_.need("start", "when the call is made: the time of a row, or \"random\"", "\"random\"");
    std::optional<Seconds> at, from, to;
    bool good = read_columns(spec);
    if (start && t_.read("start", spec.start, "the time of a row, or \"random\"")) {
      spec.random = spec.start == "random";
      good &= spec.random || read_time("start", spec.start, at);
    } else {
      good = false;
    }
    good &= read_bound("from", spec.from, from);
    good &= read_bound("to", spec.to, to);
    double bar = 0.0;
    if (t_.get("bar"))
      good &= t_.read("bar", bar, {1.0, 40.0 * day, Open::neither, "the time between two rows", "1h", true});
    const auto path = file ? read_path(report_, *file, t_.path_of("file"), "the path of a CSV file") : std::nullopt;
    if (!path) return;
    spec.file = path->string();
    if (recorded_ && is_recorded(*path, spec, bar)) {
      if (good) take(*file, spec, bar);
      return;
    }
    if (!is_there(*file, *path)) return;
    if (!good) return;
    try {
      PriceSource source(*path);
      source.text = std::make_shared<const string>(csv_text(*path, "the price file"));
      if (!check_columns(*path, *source.text, spec)) return;
      vector<string> wanted;  // assets may share a column
      for (const auto& [asset, column] : spec.columns)
        if (std::find(wanted.begin(), wanted.end(), column) == wanted.end()) wanted.push_back(column);
      // Who names a time that cannot be asks for such times: the autumn of 1987.
      const auto named = [](std::optional<Seconds> t) { return t && !problem_of_time(*t).empty(); };
      PriceHistory prices = read_prices(
          {source}, wanted,
          {named(at) || named(from) || named(to), "name such a time as start or from, which asks for them"});
      if (bar > 0.0 && bar != static_cast<double>(prices.bar)) {
        if (std::fmod(bar, static_cast<double>(prices.bar)) != 0.0) {
          report_.add(t_.place_of("bar"),
                      fmt::format("{} is {}, and {} has a row every {}", t_.path_of("bar"), duration_text(bar),
                                  in_quotes(spec.file), duration_text(static_cast<double>(prices.bar))),
                      "prices between rows are not recorded", "give the time between rows, or a multiple of it");
          return;
        }
        prices = resample(prices, static_cast<Seconds>(bar));
      }
      spec.repairs = prices.repairs;
      cut(prices, at, from, to, spec);
    } catch (const Error& e) {
      for (const auto& problem : e.problems) report_.add(problem);
    }
  }

 private:
  /// How many returns follow a call.
  std::size_t needed(double bar) const { return static_cast<std::size_t>(std::ceil(horizon_ / bar)); }

  /// Whether this could have been cut from a file for the horizon. `bar`: as the scenario has it, 0 when it does not
  /// say.
  bool fits(const ReplaySpec& cut, bool random, double bar) const {
    return cut.bar >= 1.0 && cut.bar <= 40.0 * day && (bar == 0.0 || bar == cut.bar) && cut.calls >= 1 &&
           (random || cut.calls == 1) && cut.returns.size() >= needed(cut.bar) &&
           cut.calls == cut.returns.size() - needed(cut.bar) + 1;
  }

  /// Whether the returns are taken from what is recorded: in place of a file that is not there if they are what the
  /// scenario would cut from it.
  bool is_recorded(const std::filesystem::path& path, const ReplaySpec& spec, double bar) const {
    if (recorded_->use == Recorded::Use::instead) return true;
    const auto& cut = recorded_->replay;
    return cut && stands_in(*recorded_, cut->file, path, assets_) && cut->start == spec.start &&
           cut->from == spec.from && cut->to == spec.to && cut->columns == spec.columns && fits(*cut, spec.random, bar);
  }

  void take(const Node& file, ReplaySpec& spec, double bar) {
    const ReplaySpec none, &cut = recorded_->replay ? *recorded_->replay : none;
    const bool good = fits(cut, spec.random, bar);
    if (!check_recorded(report_, file.place, t_.path, good ? cut.returns : none.returns, 1, assets_.size())) return;
    spec.bar = cut.bar;
    spec.calls = cut.calls;
    spec.returns = cut.returns;
  }

  /// Whether there is such a file. One that a scenario names may well be missing: prices are not given away with
  /// scenarios.
  bool is_there(const Node& file, const std::filesystem::path& path) {
    std::error_code ignored;
    if (file.place.line == 0 || std::filesystem::exists(path, ignored))
      return check_file(report_, file.place, path, "a price file");
    report_.add(file.place, in_quotes(file.text) + " does not exist",
                "a replay needs a price file, and prices are not shipped with scenarios",
                "put yours there, or name it with --prices FILE: scenarios/README.md says what it must hold");
    return false;
  }

  bool read_time(string_view key, const string& text, std::optional<Seconds>& out) {
    try {
      out = parse_time(text);
      return true;
    } catch (const Error&) {
      report_.add(t_.place_of(key), fmt::format("{} = {} is not a time", t_.path_of(key), in_quotes(text)),
                  "times are UTC", "write it like \"2020-03-12T06:00:00Z\"");
      return false;
    }
  }

  bool read_bound(string_view key, string& text, std::optional<Seconds>& out) {
    if (!t_.get(key)) return true;
    return t_.read(key, text, "a time") && read_time(key, text, out);
  }

  /// Each asset is read from the column of its name, unless `columns` says another.
  bool read_columns(ReplaySpec& spec) {
    vector<string> names;
    for (const auto& asset : assets_) {
      spec.columns.emplace_back(asset.name, asset.name);
      names.push_back(asset.name);
    }
    const Node* n = t_.get("columns");
    if (!n) return true;
    if (!check_table(report_, *n, t_.path_of("columns"), "it says which column an asset is read from",
                     "write columns = { ETH = \"ETH-USD\" }"))
      return false;
    bool good = true;
    for (const auto& m : n->members) {
      const auto i = static_cast<std::size_t>(std::find(names.begin(), names.end(), m.key) - names.begin());
      if (i == names.size()) {
        report_.add_missing(m.place, fmt::format("{} names {}", t_.path_of("columns"), in_quotes(m.key)),
                            "no asset of that name is declared", suggestion(m.key, names, "asset"));
        good = false;
      } else if (const auto column =
                     read_string(report_, m.value, fmt::format("{}.{}", t_.path_of("columns"), printable(m.key)),
                                 "the name of a column")) {
        spec.columns[i].second = *column;
      } else {
        good = false;
      }
    }
    return good;
  }

  bool check_columns(const std::filesystem::path& file, const string& text, const ReplaySpec& spec) {
    Csv csv(file.string(), text);
    if (t_.place_of("file").line > 0 && !csv.holds_numbers()) {
      report_.add(t_.place_of("file"), in_quotes(file.string()) + " is no table of numbers",
                  "a price file has a number in most of its rows, and what is in other files is not shown",
                  "check that it is the file you mean");
      return false;
    }
    vector<string> ignored;
    name_header(csv, ignored);
    const vector<string> header = csv.header();
    bool good = true;
    for (const auto& [asset, column] : spec.columns) {
      if (header.size() < 2 || std::find(header.begin(), header.end(), column) != header.end()) continue;
      report_.add(t_.get("columns") ? t_.place_of("columns") : t_.place_of("file"),
                  fmt::format("{} has no column {}", in_quotes(file.string()), in_quotes(column)),
                  fmt::format("the price of {} would be unknown", in_quotes(asset)),
                  fmt::format("{} or name its column: columns = {{ \"{}\" = \"...\" }}",
                              suggestion(column, {header.begin() + 1, header.end()}, "column"), printable(asset)));
      good = false;
    }
    return good;
  }

  /// The returns from the first possible call on. Rows outside [from, to) are not looked at, so that what `to` cuts off
  /// plays no part; a call may come where run.horizon of rows follows.
  void cut(const PriceHistory& prices, std::optional<Seconds> at, std::optional<Seconds> from,
           std::optional<Seconds> to, ReplaySpec& spec) {
    const Seconds bar = prices.bar;
    std::size_t first = 0, end = prices.rows();
    while (from && first < end && prices.time(first) < *from) ++first;
    while (to && end > first && prices.time(end - 1) >= *to) --end;
    const string name = in_quotes(spec.file);
    const string rows = fmt::format("{} to {}", time_text(prices.time(0)), time_text(prices.time(prices.rows() - 1)));
    if (first == end) {
      report_.add(t_.place_of(from ? "from" : "to"), fmt::format("{} has no row in [from, to)", name),
                  "its rows are of " + rows, "give other times");
      return;
    }
    if (at && !check_start(prices, first, end, *at)) return;
    const std::size_t follow = needed(static_cast<double>(bar));
    if (at) first += static_cast<std::size_t>((*at - prices.time(first)) / bar);
    if (end - first <= follow) {
      const double left = static_cast<double>(bar) * static_cast<double>(end - first - 1);
      report_.add(t_.place_of("start"),
                  fmt::format("{} has {} of prices from {} on{}", name, left > 0.0 ? duration_text(left) : "nothing",
                              time_text(prices.time(first)), to ? ", up to `to`" : ""),
                  fmt::format("a path lasts up to run.horizon, which is {}", duration_text(horizon_)),
                  left >= 1.0
                      ? fmt::format("write horizon = \"{}\" in [run], or choose another window", duration_text(left))
                      : string("choose another window"));
      return;
    }
    spec.calls = at ? 1 : end - first - follow;
    if (at) end = first + follow + 1;
    if ((end - first - 1) * assets_.size() > most_returns) {
      report_.add(t_.place_of("file"), fmt::format("{} has more than {} returns", name, most_returns),
                  "they are kept in memory, on a GPU too", "cut the file by from and to, or take a longer bar");
      return;
    }
    if (!check_prices(prices, first, end, spec)) return;
    spec.bar = static_cast<double>(bar);
    spec.returns.assign(end - first - 1, vector<double>(assets_.size()));
    for (std::size_t i = 0; i < assets_.size(); ++i) {
      const auto& price = column_of(prices, spec, i);
      for (std::size_t r = first + 1; r < end; ++r) spec.returns[r - first - 1][i] = log_ratio(price[r], price[r - 1]);
    }
  }

  bool check_start(const PriceHistory& prices, std::size_t first, std::size_t end, Seconds at) {
    const Seconds begin = prices.time(first), last = prices.time(end - 1);
    const string given = fmt::format("{} = {}", t_.path_of("start"), in_quotes(time_text(at)));
    const auto complain = [&](const string& problem, const string& why, const string& what) {
      report_.add(t_.place_of("start"), given + problem, why, what);
      return false;
    };
    if (at < begin || at > last)
      return complain(t_.get("from") || t_.get("to") ? " is outside of [from, to)" : " is outside of the file",
                      fmt::format("the rows run from {} to {}", time_text(begin), time_text(last)),
                      "give the time of one of them");
    const Seconds after = (at - begin) % prices.bar;
    if (after == 0) return true;
    return complain(
        " is between two rows",
        fmt::format("there is one every {}, and the call is made at the close of one",
                    duration_text(static_cast<double>(prices.bar))),
        fmt::format("write {} or {}", in_quotes(time_text(at - after)), in_quotes(time_text(at - after + prices.bar))));
  }

  bool check_prices(const PriceHistory& prices, std::size_t first, std::size_t end, const ReplaySpec& spec) {
    bool good = true;
    for (std::size_t i = 0; i < assets_.size(); ++i) {
      const auto& price = column_of(prices, spec, i);
      std::size_t absent = 0, at = end;
      for (std::size_t r = first; r < end; ++r)
        if (std::isnan(price[r]) && absent++ == 0) at = r;
      if (absent == 0) continue;
      report_.add(
          t_.place_of("file"),
          fmt::format("{} has no price of {} at {}{}", in_quotes(spec.file), in_quotes(assets_[i].name),
                      time_text(prices.time(at)),
                      absent > 1 ? fmt::format(" and at {} other time{}", absent - 1, absent > 2 ? "s" : "") : ""),
          "a replay makes no price up", "choose a window without it by start, from and to, or another column");
      good = false;
    }
    return good;
  }

  static const vector<double>& column_of(const PriceHistory& prices, const ReplaySpec& spec, std::size_t i) {
    const auto match = std::find(prices.assets.begin(), prices.assets.end(), spec.columns[i].second);
    return prices.price[static_cast<std::size_t>(match - prices.assets.begin())];
  }

  const Table& t_;
  Report& report_;
  const vector<AssetSpec>& assets_;
  double horizon_;
  const Recorded* recorded_;
};

}  // namespace

void read_stress(const Table& t, const MarketSpec& market, double horizon, StressSpec& stress,
                 const Recorded* recorded) {
  t.allow({"volatility", "correlation", "drift", "depth", "delays", "hazards", "shocks", "replay"});
  t.read("volatility", stress.volatility, {0.0, 100.0, Open::neither, "what volatilities are multiplied by", "1.5"});
  t.read("correlation", stress.correlation, {0.0, 1.0, Open::neither, "the weight w of (1 - w) R + w 11'", "0.5"});
  t.read("drift", stress.drift, {-100.0, 100.0, Open::neither, "what is added to every annual drift", "-0.5"});
  t.read("depth", stress.depth, {0.0, 1e6, Open::low, "what the depth of every sale is divided by", "4.0"});
  t.read("delays", stress.delays, {0.0, 1e4, Open::neither, "what the delay of every stage is multiplied by", "3.0"});
  t.read("hazards", stress.hazards, {0.0, 1e6, Open::neither, "what every hazard is multiplied by", "10.0"});
  if (const Node* shocks = t.get("shocks")) read_shocks(t, *shocks, market, horizon, stress.shocks);
  const Node* replay = t.get("replay");
  if (!replay) return;
  if (!check_table(t.report, *replay, "stress.replay", "it names a file and when the call is made",
                   "write replay = { file = \"prices.csv\", start = \"random\" }"))
    return;
  // A replay takes the place of the random path: innovation, variance and jumps may be given, and play no part in it.
  if (!market.assets.empty() && market.assets.size() <= limit::assets)
    Replay({t.report, *replay, "stress.replay"}, market.assets, horizon, recorded).read(stress.replay.emplace());
  if (stress.correlation > 0.0)
    t.report.add(t.place_of("correlation"), "stress.correlation is given, and stress.replay",
                 "the path is recorded: it has no correlation to change", "take one of them out");
}

}  // namespace proofload::input
