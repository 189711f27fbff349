#include "scenario/market_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "base/words.h"
#include "kernels/plan.h"
#include "scenario/heston_step.h"
#include "scenario/reader.h"
#include "scenario/recorded.h"
#include "scenario/words.h"

namespace proofload::input {
namespace {

using std::string, std::string_view, std::vector;

constexpr Quantity bar_range{1.0, 40.0 * day, Open::neither, "the time from one bar to the next", "1h", true};
constexpr Quantity volatility_range{0.0, 100.0, Open::neither, "an annual volatility as a fraction: 0.8 is 80 %",
                                    "0.8"};
constexpr Quantity intensity_range{0.0, 1e6, Open::neither, "jumps per year", "12.0"};
constexpr Quantity jump_mean{-5.0, 5.0, Open::neither, "the mean jump of the log price", "-0.1"};
constexpr Quantity jump_stdev{0.0, 5.0, Open::neither, "the standard deviation of a jump of the log price", "0.12"};

constexpr std::size_t largest_residuals = std::size_t{256} << 20;  // bytes
constexpr std::size_t fewest_rows = 100, most_cells = std::size_t{1} << 24;
constexpr double largest_residual = 1e6;  // in standard deviations, before they are standardised again

/// A model that the market names: which one of its rows, and its table of parameters.
template <class Kind>
struct Choice {
  Kind kind;
  Table table;
};

/// The model under `key`: a table with a kind or, where it has no parameters, the name alone.
template <class Kind, std::size_t count>
std::optional<Choice<Kind>> choose(const Table& market, string_view key, const ModelRow<Kind> (&rows)[count]) {
  const Node* n = market.get(key);
  if (!n) return std::nullopt;
  Report& report = market.report;
  const Table t{report, *n, market.path_of(key)};
  const Node* kind = n->is_table() ? t.need("kind", "it names the model", in_quotes(rows[0].name)) : n;
  const auto name = kind ? read_string(report, *kind, t.path, "it names a model") : std::nullopt;
  if (!name) return std::nullopt;
  const ModelRow<Kind>* row = row_named(rows, *name);
  if (!row)
    return report.add(kind->place, fmt::format("{} {} is unknown", t.path, in_quotes(*name)), "no such model is known",
                      suggestion(*name, names_of(rows), "model"));
  if (*row->parameters && !n->is_table())
    return report.add(n->place, fmt::format("{} {} has no parameters", t.path, in_quotes(*name)),
                      "the model is more than its name",
                      fmt::format("write {} = {{ kind = \"{}\", {} }}", key, *name, row->parameters));
  return Choice<Kind>{row->kind, t};
}

// --------------------------------------------------------------------------------------------------------- innovations

/// Reads the rows of residuals under a header of asset names.
class Residuals {
 public:
  Residuals(const Table& t, const Node& file, const vector<AssetSpec>& assets) : t_(t), file_(file), assets_(assets) {}

  bool read(InnovationSpec& spec) {
    const auto use = [this](const Place& at, const vector<string_view>& cells) {
      return columns_.empty() ? read_header(at, cells) : read_row(at, cells);
    };
    const auto csv = read_csv(t_.report, file_, t_.path_of("file"), largest_residuals, "a file of residuals", use);
    if (!csv) return false;
    spec.file = csv->name;
    if (bad_ > bad_shown)
      t_.report.add({csv, 0},
                    fmt::format("{} {} no residuals", counted(bad_ - bad_shown, "more cell"),
                                bad_ - bad_shown == 1 ? "is" : "are"),
                    fmt::format("only {} are listed", bad_shown), "correct them, or leave their rows out");
    if (bad_ > 0) return false;
    if (rows_.size() < fewest_rows) {
      t_.report.add(
          file_.place, fmt::format("{} has {} of residuals", in_quotes(csv->name), counted(rows_.size(), "row")),
          fmt::format("fewer than {} would repeat themselves on every path", fewest_rows), "fit a longer history");
      return false;
    }
    if (!standardise(csv->name)) return false;
    spec.rows = std::move(rows_);
    return true;
  }

 private:
  bool read_header(const Place& at, const vector<string_view>& cells) {
    for (const auto& asset : assets_) {
      const auto match = std::find(cells.begin(), cells.end(), asset.name);
      columns_.push_back(static_cast<std::size_t>(match - cells.begin()));
      if (match == cells.end()) {
        t_.report.add(file_.place,
                      fmt::format("{} has no column {}", in_quotes(at.source->name), in_quotes(asset.name)),
                      "each asset is drawn from the residuals under its name",
                      suggestion(asset.name, {cells.begin(), cells.end()}, "column") + " or fit this asset too");
        ++bad_;
      } else if (std::find(match + 1, cells.end(), asset.name) != cells.end()) {
        t_.report.add(at, fmt::format("two columns are named {}", in_quotes(asset.name)),
                      "which of them is meant cannot be told", "rename or take out one of them");
        ++bad_;
      }
    }
    return bad_ == 0;
  }

  bool read_row(const Place& at, const vector<string_view>& cells) {
    vector<double> row;
    for (const std::size_t c : columns_) {
      const auto x = cell_number(cells[c]);
      if (!x || std::fabs(*x) > largest_residual) complain(at, in_quotes(cells[c]) + " is no residual");
      row.push_back(x.value_or(0.0));
    }
    rows_.push_back(std::move(row));
    if (rows_.size() * assets_.size() <= most_cells) return true;
    t_.report.add(file_.place, fmt::format("{} has more than {} residuals", in_quotes(at.source->name), most_cells),
                  "they are kept in memory, on a GPU too", "take the latest years only");
    ++bad_;
    return false;
  }

  void complain(const Place& at, const string& problem) {
    if (++bad_ <= bad_shown)
      t_.report.add(at, problem, "a residual is a finite number of standard deviations, one for each asset",
                    "correct the cell, or leave the row out");
  }

  /// Mean 0 and variance 1 in each column: the model's volatility is in `volatility`, and nowhere else.
  bool standardise(const string& name) {
    const double n = static_cast<double>(rows_.size());
    bool good = true;
    for (std::size_t i = 0; i < assets_.size(); ++i) {
      double mean = 0.0, variance = 0.0;
      for (const auto& row : rows_) mean += row[i] / n;
      for (const auto& row : rows_) variance += (row[i] - mean) * (row[i] - mean) / n;
      const bool constant =
          std::all_of(rows_.begin(), rows_.end(), [&](const auto& row) { return row[i] == rows_[0][i]; });
      if (constant || !(variance > 1e-20)) {
        t_.report.add(file_.place,
                      fmt::format("column {} of {} is constant", in_quotes(assets_[i].name), in_quotes(name)),
                      "residuals vary: they are what moves the price", "look how they were made");
        good = false;
        continue;
      }
      const double deviation = std::sqrt(variance);
      for (auto& row : rows_) row[i] = (row[i] - mean) / deviation;
    }
    return good;
  }

  static constexpr std::size_t bad_shown = 10;
  const Table& t_;
  const Node& file_;
  const vector<AssetSpec>& assets_;
  vector<std::size_t> columns_;  ///< of the assets
  std::size_t bad_ = 0;
  vector<vector<double>> rows_;
};

/// Rows as they were read and standardised before.
bool take_residuals(const Table& t, const Node& file, const InnovationSpec& recorded, std::size_t assets,
                    InnovationSpec& spec) {
  const auto path = read_path(t.report, file, t.path_of("file"), "the path of a CSV file");
  if (!path || !check_recorded(t.report, file.place, t.path, recorded.rows, fewest_rows, assets)) return false;
  spec.file = path->string();
  spec.rows = recorded.rows;
  return true;
}

/// Whether the residuals are taken from what is recorded.
bool is_recorded(const Node& file, const vector<AssetSpec>& assets, const Recorded* recorded) {
  return recorded && (recorded->use == Recorded::Use::instead || !recorded->innovation.rows.empty()) &&
         stands_in(*recorded, recorded->innovation.file, file.place.source->folder / file.text, assets);
}

void read_bootstrap(const Table& t, const vector<AssetSpec>& assets, const Recorded* recorded, InnovationSpec& spec) {
  t.allow({"kind", "file", "bar", "block"});
  const Node* file = t.need("file", "a CSV file of residuals with a column for each asset", "\"residuals.csv\"");
  bool good = t.need("bar", spec.bar, bar_range);
  good &= t.need("block", spec.block,
                 {1.0, century, Open::neither, "the mean length of a block of consecutive rows", "24h", true});
  if (good && spec.block < spec.bar)
    t.report.add(t.place_of("block"), fmt::format("{} is shorter than the bar", t.path_of("block")),
                 "a block holds at least one row", "give the bar, for rows drawn one by one, or a multiple of it");
  const bool read = file && (is_recorded(*file, assets, recorded)
                                 ? take_residuals(t, *file, recorded->innovation, assets.size(), spec)
                                 : Residuals(t, *file, assets).read(spec));
  if (!read || !good) return;
  const double span = spec.bar * static_cast<double>(spec.rows.size());
  if (spec.block > span)
    t.report.add(t.place_of("block"),
                 fmt::format("{} is longer than the file, which lasts {}", t.path_of("block"), duration_text(span)),
                 "every path would run through the whole of it", "give a shorter block");
}

void read_innovation(const Table& market, const vector<AssetSpec>& assets, const Recorded* recorded,
                     InnovationSpec& spec) {
  const auto choice = choose(market, "innovation", innovation_rows);
  if (!choice) return;
  const Table& t = choice->table;
  spec.kind = choice->kind;
  if (spec.kind == InnovationKind::gaussian) {
    t.allow({"kind"});
  } else if (spec.kind == InnovationKind::student_t) {
    t.allow({"kind", "dof", "horizon"});
    t.need("dof", spec.dof,
           {2.0, 1000.0, Open::low, "the degrees of freedom; at 2 and below the variance is infinite", "4.0"});
    double horizon = 0.0;
    if (t.read("horizon", horizon, {1.0, century, Open::neither, "the horizon at which dof was fitted", "1h", true}))
      spec.horizon = horizon;
  } else {
    read_bootstrap(t, assets, recorded, spec);
  }
}

// ----------------------------------------------------------------------------------------------------------- variances

void read_heston(const Table& t, const vector<AssetSpec>& assets, VarianceSpec& spec) {
  const std::size_t n = assets.size();
  t.allow({"kind", "mean_reversion", "vol_of_vol", "correlation", "initial"});
  t.need("mean_reversion", spec.mean_reversion, n,
         {0.0, 1000.0, Open::low, "how fast the variance reverts to its long-run level, per year", "4.0"});
  t.need("vol_of_vol", spec.vol_of_vol, n,
         {1e-3, 100.0, Open::neither, "the volatility of the variance (for none, variance = \"constant\")", "1.0"});
  t.need("correlation", spec.correlation, n,
         {-1.0, 1.0, Open::both, "the correlation of price and variance, between -1 and 1", "-0.5"});
  for (const auto& asset : assets) spec.initial.push_back(asset.volatility);
  t.read("initial", spec.initial, n, volatility_range);
  if (spec.mean_reversion.size() != n || spec.vol_of_vol.size() != n) return;
  for (std::size_t i = 0; i < n; ++i) {
    const double theta = assets[i].volatility * assets[i].volatility, xi = spec.vol_of_vol[i];
    if (xi * xi <= 1e6 * theta * spec.mean_reversion[i]) continue;
    t.report.add(t.place_of("vol_of_vol"),
                 fmt::format("{} of {} is {}, with a volatility of {}", t.path_of("vol_of_vol"),
                             in_quotes(assets[i].name), brief(xi), brief(assets[i].volatility)),
                 "the variance reverts to volatility^2, and would be nearly always 0",
                 "give a smaller vol_of_vol to this asset, or a larger volatility");
  }
}

void read_garch(const Table& t, std::size_t n, VarianceSpec& spec) {
  t.allow({"kind", "bar", "alpha", "gamma", "beta", "start", "forecast"});
  t.need("bar", spec.bar, bar_range);
  t.need("alpha", spec.alpha, n, {0.0, 1.0, Open::high, "the weight of the last squared return", "0.05"});
  t.need("gamma", spec.gamma, n,
         {-1.0, 2.0, Open::both, "what the weight of the last squared return grows by after a loss", "0.05"});
  t.need("beta", spec.beta, n, {0.0, 1.0, Open::high, "the weight of the last variance", "0.9"});
  string start = "stationary";
  t.read("start", start, "how the first bar's variance is chosen");
  const Node* forecast = t.get("forecast");
  if (start == "forecast")
    t.need("forecast", spec.forecast, n, {0.0, 100.0, Open::low, "the annual volatility of the first bar", "0.9"});
  else if (start != "stationary")
    t.report.add(t.place_of("start"), fmt::format("{} = {} is unknown", t.path_of("start"), in_quotes(start)),
                 "a path starts in the stationary law or from a forecast",
                 suggestion(start, {"stationary", "forecast"}, "start"));
  else if (forecast)
    t.report.add(forecast->place, t.path_of("forecast") + " is given, and start is \"stationary\"",
                 "a forecast that is not started from would change nothing without a word",
                 "write start = \"forecast\", or take it out");
}

/// Conditions on the coefficients of one asset. `kappa`: the mean of z^2 over losses.
void check_garch(const Table& t, const AssetSpec& asset, std::size_t i, double kappa, const VarianceSpec& spec) {
  const double alpha = spec.alpha[i], gamma = spec.gamma[i], beta = spec.beta[i];
  if (alpha + gamma < 0.0) {
    t.report.add(t.place_of("gamma"),
                 fmt::format("{}: alpha + gamma of {} is {}", t.path, in_quotes(asset.name), brief(alpha + gamma)),
                 "it is the weight of a squared loss, and a negative one can make the variance negative",
                 "give a gamma of -alpha or more");
    return;
  }
  const double persistence = alpha + gamma * kappa + beta;
  if (persistence < 1.0) return;
  t.report.add(t.place_of("beta"),
               fmt::format("{}: alpha + {} + beta of {} is {}", t.path,
                           kappa == 0.5 ? string("gamma / 2") : fmt::format("{:.3f} gamma", kappa),
                           in_quotes(asset.name), brief(persistence)),
               "at 1 and above there is no long-run variance, which `volatility` is", "give smaller coefficients");
}

void read_variance(const Table& market, const MarketSpec& m, VarianceSpec& spec) {
  const auto choice = choose(market, "variance", variance_rows);
  if (!choice) return;
  const Table& t = choice->table;
  const std::size_t n = m.assets.size();
  spec.kind = choice->kind;
  const bool bootstrap = m.innovation.kind == InnovationKind::bootstrap;
  switch (spec.kind) {
    case VarianceKind::constant: t.allow({"kind"}); return;
    case VarianceKind::heston:
      read_heston(t, m.assets, spec);
      if (bootstrap)
        t.report.add(t.place_of("kind"), "market.variance is heston, and market.innovation is bootstrap",
                     "the residuals were standardised by the variance of another model",
                     "use variance gjr_garch or constant, or innovation gaussian or student_t");
      return;
    case VarianceKind::gjr_garch:
      read_garch(t, n, spec);
      if (spec.alpha.size() != n || spec.gamma.size() != n || spec.beta.size() != n) return;
      for (std::size_t i = 0; i < n; ++i) {
        double kappa = 0.5;
        if (bootstrap && !m.innovation.rows.empty()) {
          kappa = 0.0;
          for (const auto& row : m.innovation.rows) kappa += row[i] < 0.0 ? row[i] * row[i] : 0.0;
          kappa /= static_cast<double>(m.innovation.rows.size());
        }
        check_garch(t, m.assets[i], i, kappa, spec);
      }
      return;
  }
}

// --------------------------------------------------------------------------------------------------------------- jumps

bool read_jump(const Table& t, JumpSpec& jump) {
  bool good = t.need("intensity", jump.intensity, intensity_range);
  good &= t.need("mean", jump.mean, jump_mean);
  good &= t.need("stdev", jump.stdev, jump_stdev);
  return good;
}

/// The log price drifts by -intensity E[e^J - 1] to make up for its jumps, so that mean must be one of this world.
void check_jump(const Table& t, const Place& at, const JumpSpec& jump, double loading, const string& whose) {
  const double exponent = loading * jump.mean + 0.5 * loading * loading * jump.stdev * jump.stdev;
  if (jump.intensity == 0.0 || exponent <= 5.0) return;
  t.report.add(at, fmt::format("{}: a jump multiplies the price of {} by e^{:.3g} on average", t.path, whose, exponent),
               "the drift that makes up for it would be everything", "give a smaller mean, stdev or loading");
}

void read_own_jumps(const Table& jumps, const Node& list, const vector<AssetSpec>& assets, vector<JumpSpec>& own) {
  Report& report = jumps.report;
  vector<string> names;
  for (const auto& asset : assets) names.push_back(asset.name);
  vector<int> line(assets.size(), 0);
  const char* what = "write own = [ { asset = \"ETH\", intensity = 20.0, mean = -0.05, stdev = 0.1 } ]";
  for (const Table& t :
       tables_of(report, list, jumps.path_of("own"), limit::assets, "each asset may have jumps of its own", what)) {
    t.allow({"asset", "intensity", "mean", "stdev"});
    JumpSpec jump;
    const bool good = read_jump(t, jump);
    string name;
    if (!t.need_name("asset", name, "the asset that jumps", "ETH")) continue;
    const auto i = static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    if (i == names.size()) {
      report.add_missing(t.place_of("asset"), fmt::format("{} = {} is unknown", t.path_of("asset"), in_quotes(name)),
                         "no asset of that name is declared", suggestion(name, names, "asset"));
    } else if (line[i] > 0) {
      report.add(t.place_of("asset"), fmt::format("{} has two kinds of own jumps", in_quotes(name)), "an asset has one",
                 fmt::format("merge them; the first is on line {}", line[i]));
    } else {
      line[i] = std::max(1, t.place().line);
      if (good) check_jump(t, t.place(), jump, 1.0, in_quotes(name));
      own[i] = jump;
    }
  }
}

void read_jumps(const Table& market, const vector<AssetSpec>& assets, std::optional<JumpsSpec>& out) {
  const auto choice = choose(market, "jumps", jump_rows);
  if (!choice) return;
  const Table& t = choice->table;
  if (!choice->kind) return t.allow({"kind"});
  t.allow({"kind", "intensity", "mean", "stdev", "loadings", "own"});
  JumpsSpec& jumps = out.emplace();
  jumps.loadings.assign(assets.size(), 1.0);
  jumps.own.resize(assets.size());
  const Node* own = t.get("own");
  bool common = !own || t.get("intensity") || t.get("mean") || t.get("stdev") || t.get("loadings");
  common = common && read_jump(t, jumps.common);
  common &= t.read("loadings", jumps.loadings, assets.size(),
                   {-10.0, 10.0, Open::neither, "how many of the common jump's sizes the asset moves by", "1.0"}) ||
            !t.get("loadings");
  for (std::size_t i = 0; common && i < assets.size(); ++i)
    check_jump(t, t.place(), jumps.common, jumps.loadings[i], in_quotes(assets[i].name));
  if (own) read_own_jumps(t, *own, assets, jumps.own);
}

// ------------------------------------------------------------------------------------------------------------ together

/// What goes by bars, and how long they are.
struct Bars {
  const char* key;
  double seconds;
  Place place;
};

/// The place of the key at the end of a path of keys, or of the deepest table on the way that is there.
Place place_at(const Node& top, std::initializer_list<string_view> keys) {
  const Node* n = &top;
  for (const auto key : keys) {
    const Node* next = find(*n, key);
    if (!next) break;
    n = next;
  }
  return n->place;
}

/// The models that go by bars; a replay comes first, because it takes the place of the others.
vector<Bars> bars_of(const Node& top, const Scenario& s) {
  vector<Bars> bars;
  const auto& m = s.market;
  if (s.stress.replay && s.stress.replay->bar > 0.0)
    bars.push_back({"stress.replay", s.stress.replay->bar, place_at(top, {"stress", "replay", "bar"})});
  if (m.variance.kind == VarianceKind::gjr_garch && m.variance.bar > 0.0)
    bars.push_back({"market.variance", m.variance.bar, place_at(top, {"market", "variance", "bar"})});
  if (m.innovation.kind == InnovationKind::bootstrap && m.innovation.bar > 0.0)
    bars.push_back({"market.innovation", m.innovation.bar, place_at(top, {"market", "innovation", "bar"})});
  return bars;
}

/// A replay takes the place of the random path, so that models beside it need not have its bar.
void check_bars(Report& report, const Node& top, Scenario& s) {
  const auto bars = bars_of(top, s);
  if (bars.empty()) return;
  const bool replay = s.stress.replay.has_value();
  const std::size_t first_model = replay && s.stress.replay->bar > 0.0 ? 1 : 0;
  if (bars.size() > first_model + 1 && bars[first_model].seconds != bars[first_model + 1].seconds)
    report.add(bars[first_model + 1].place,
               fmt::format("the bar of {} is {}, and that of {} is {}", bars[first_model + 1].key,
                           duration_text(bars[first_model + 1].seconds), bars[first_model].key,
                           duration_text(bars[first_model].seconds)),
               "a path goes by one bar, and residuals were standardised at it", "fit both at the same bar");
  if (replay && first_model == 0) return;  // it could not be read
  GridSpec& grid = s.market.grid;
  const double bar = bars[0].seconds;
  const double step = grid.step ? *grid.step : grid.steps ? s.run.horizon / *grid.steps : bar;
  if (step != bar)
    report.add(place_at(top, {"market", "grid"}),
               fmt::format("market.grid has the step {}, and {} has the bar {}", duration_text(step), bars[0].key,
                           duration_text(bar)),
               "a model of bars moves bar by bar, so that the grid is the bar",
               fmt::format("take the grid out, or write grid = {{ step = \"{}\" }}", duration_text(bar)));
  else if (!grid.steps)
    grid.step = bar;
}

void check_stepping(Report& report, const Node& top, const Scenario& s) {
  const auto& m = s.market;
  if (m.assets.size() <= limit::walked_assets || m.assets.size() > limit::assets) return;
  const auto complain = [&](std::initializer_list<string_view> keys, const char* what_is, const char* what) {
    report.add(place_at(top, keys), fmt::format("there are {} assets, and {}", m.assets.size(), what_is),
               fmt::format("it steps every asset at every event, which has room for {}", limit::walked_assets), what);
  };
  if (m.variance.kind != VarianceKind::constant)
    complain({"market", "variance"},
             m.variance.kind == VarianceKind::heston ? "market.variance is heston" : "market.variance is gjr_garch",
             "take assets out, or write variance = \"constant\"");
  if (m.innovation.kind == InnovationKind::bootstrap)
    complain({"market", "innovation"}, "market.innovation is bootstrap",
             "take assets out, or use innovation gaussian or student_t");
  if (find(top, "market") && find(*find(top, "market"), "grid"))
    complain({"market", "grid"}, "market.grid is given", "take the grid out, or assets");
  if (s.stress.replay) complain({"stress", "replay"}, "stress.replay is given", "take assets out, or the replay");
  if (s.stress.correlation > 0.0 && !m.factors.empty() && m.factors[0].size() >= limit::factors)
    report.add(place_at(top, {"stress", "correlation"}),
               fmt::format("stress.correlation is given, and market.factors has {} factors", m.factors[0].size()),
               fmt::format("it is one more factor, and a plan has room for {}", limit::factors),
               "leave the least one out");
}

/// Of how many jumps between two visits a path may be expected to have: some more are drawn, but not any number.
void check_jump_count(Report& report, const Node& top, const Scenario& s) {
  if (!s.market.jumps || s.stress.replay) return;  // a replay takes the place of the jumps too
  double intensity = s.market.jumps->common.intensity;
  for (const auto& own : s.market.jumps->own) intensity += own.intensity;
  const GridSpec& grid = s.market.grid;
  const double step = std::min(s.run.horizon, grid.step    ? *grid.step
                                              : grid.steps ? s.run.horizon / *grid.steps
                                                           : s.run.horizon);
  constexpr double most = 50.0;
  const double expected = intensity * step / seconds_per_year;
  if (expected <= most) return;
  const double enough_step = most / intensity * seconds_per_year;
  report.add(
      place_at(top, {"market", "jumps"}),
      fmt::format("market.jumps has {:.4g} jumps in {}, {}", expected, duration_text(step),
                  grid.step || grid.steps ? "the step of the grid" : "the horizon"),
      fmt::format("of those between two visits a bounded number is drawn, which is for {} on average", brief(most)),
      s.market.assets.size() > limit::walked_assets
          ? string("lower the intensities, or run.horizon: a grid would step every asset")
          : fmt::format("write grid = {{ step = \"{}\" }}, or a shorter step", duration_text(std::floor(enough_step))));
}

/// Haircuts that stay set for run.in_force: the calls come at any time of it.
void check_in_force(Report& report, const Node& top, const Scenario& s) {
  const double in_force = s.run.in_force;
  if (!(in_force > 0.0)) return;
  const auto complain = [&](const string& what_is, const string& why, const string& what) {
    report.add(place_at(top, {"run", "in_force"}),
               fmt::format("run.in_force is {}, and {}", duration_text(in_force), what_is), why, what);
  };
  if (s.stress.replay)
    complain("stress.replay is given", "recorded prices are those of their own time and not of a later call",
             "take one of them out (a replay with start = \"random\" has calls at any time of its record)");
  const InnovationSpec& shocks = s.market.innovation;
  if (const double history = shocks.bar * static_cast<double>(shocks.rows.size());
      shocks.kind == InnovationKind::bootstrap && in_force > history)
    complain(fmt::format("its residuals are those of {}", duration_text(history)),
             "a history says nothing of a time that is longer than it",
             "write a shorter time, or fit a longer history");
  if (s.market.variance.kind == VarianceKind::constant) return;
  const double step = grid_step(s);
  if (!(step > 0.0)) return;  // a model without one is refused for that
  if (in_force < step)
    complain(fmt::format("the model steps by {}", duration_text(step)),
             "a variance does not move within a step, so that no age differs from another",
             "take it out, or write a longer time");
  else if (in_force / step > most_steps_in_force)
    complain(fmt::format("the model steps by {}", duration_text(step)),
             fmt::format("those are {:.0f} steps before a call, and a path may take {:.0f}", in_force / step,
                         most_steps_in_force),
             "write a shorter time, or a coarser bar or grid");
}

}  // namespace

void read_models(const Table& market, MarketSpec& m, const Recorded* recorded) {
  read_innovation(market, m.assets, recorded, m.innovation);
  read_variance(market, m, m.variance);
  read_jumps(market, m.assets, m.jumps);
}

void check_market(const Table& top, Scenario& s, const Recorded* recorded) {
  if (s.market.variance.kind == VarianceKind::heston && s.stress.volatility < 1e-6)
    top.report.add(place_at(top.node, {"stress", "volatility"}),
                   fmt::format("stress.volatility = {}, and market.variance is heston", brief(s.stress.volatility)),
                   "a variance of 0 has nothing to revert to", "write variance = \"constant\", or a larger multiplier");
  check_bars(top.report, top.node, s);
  check_stepping(top.report, top.node, s);
  const bool of_result = recorded && recorded->former_words;
  if (top.report.empty() && !of_result) choose_heston_grid(top, s);
  check_jump_count(top.report, top.node, s);
  if (top.report.empty()) check_in_force(top.report, top.node, s);
}

}  // namespace proofload::input
