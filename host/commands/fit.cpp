#include "commands/fit.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "base/parallel.h"
#include "base/words.h"
#include "base/write_file.h"
#include "commands/options.h"
#include "input/values.h"
#include "kernels/plan.h"
#include "run/backend.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;
using std::string, std::vector;

constexpr double missing = std::numeric_limits<double>::quiet_NaN();
constexpr const char* model_names[] = {"gaussian", "student_t", "gjr_garch", "bootstrap", "merton", "heston"};
constexpr std::size_t fewest_residuals = 100;  // rows: what a scenario takes
constexpr double most_persistence = 0.9995;    // with the residuals' own kappa
constexpr int ljung_box_lags = 24;

string day_text(std::int64_t seconds) { return time_text(seconds).substr(0, 10); }

/// Notes that differ in the asset's name alone become one.
vector<string> merged(const vector<vector<string>>& lists, const vector<string>& names) {
  vector<string> texts;
  vector<vector<string>> whose;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    for (const auto& text : lists[i]) {
      const auto at = std::find(texts.begin(), texts.end(), text);
      const auto k = static_cast<std::size_t>(at - texts.begin());
      if (k == texts.size()) {
        texts.push_back(text);
        whose.emplace_back();
      }
      whose[k].push_back(names[i]);
    }
  }
  vector<string> out;
  for (std::size_t k = 0; k < texts.size(); ++k)
    out.push_back(fmt::format("{}: {}", fmt::join(whose[k], ", "), texts[k]));
  return out;
}

void check_finding(bool bad, vector<string>& notes, string text) {
  if (bad) notes.push_back(std::move(text));
}

/// Everything that one asset's returns say by themselves.
AssetFit fit_asset(const PriceHistory& h, std::size_t i, const vector<double>& returns, vector<double>& residuals,
                   vector<double>& t_residuals, vector<string>& notes) {
  const double year = std::sqrt(31536000.0 / double(h.bar));
  AssetFit a;
  a.name = h.assets[i];
  a.returns = count_present(returns);
  for (std::size_t r = 0; r < h.rows(); ++r) {
    if (std::isnan(h.price[i][r])) continue;
    if (a.price == 0.0) a.first = h.time(r);
    a.price = h.price[i][r];
    a.last = h.time(r);
  }
  const Parameter deviation = fit_deviation(returns);
  a.volatility = {deviation.value * year, deviation.error * year};
  a.student = fit_student(returns);
  a.garch = fit_garch(returns);
  filter_garch(returns, a.garch, &t_residuals);
  GarchOptions quasi;
  quasi.student = false;
  a.filter = fit_garch(returns, quasi);
  filter_garch(returns, a.filter, &residuals);
  a.raw = ljung_box_squares(returns, ljung_box_lags);
  a.filtered = ljung_box_squares(residuals, ljung_box_lags);
  const double scale = fit_deviation(t_residuals).value;
  for (const double p : tail_probabilities) {
    a.return_quantiles.push_back(quantile_of(returns, p) / deviation.value);
    a.residual_quantiles.push_back(quantile_of(t_residuals, p) / scale);
  }
  const std::int64_t day_bars = h.bar > 0 ? 86400 / h.bar : 0;
  try {
    a.heston = fit_heston(returns, static_cast<std::size_t>(day_bars));
    check_finding(
        !a.heston->identified, notes,
        "heston: the autocovariance of daily variance does not decay as its law does; its parameters mean little");
    check_finding(
        a.heston->identified && a.heston->feller() < 1.0, notes,
        fmt::format(
            "heston: 2 * mean_reversion * volatility^2 is {:.2f} of vol_of_vol^2 (below 1 the variance touches zero; "
            "the simulation bears it)",
            a.heston->feller()));
  } catch (const Error& e) { notes.emplace_back(e.what()); }
  check_finding(a.garch.persistence() > 0.9995, notes,
                fmt::format("gjr_garch: persistence {:.4f} (shocks hardly fade: the long-run level is poorly known)",
                            a.garch.persistence()));
  check_finding(!a.garch.converged, notes, "gjr_garch: the search stopped early; the likelihood is flat");
  check_finding(a.garch.dof.value > 0.99 * most_dof, notes, "gjr_garch: residuals are normal (dof at its upper bound)");
  check_finding(a.student.dof.value > 0.99 * most_dof, notes, "student_t: returns are normal (dof at its upper bound)");
  check_finding(
      a.student.dof.value < 1.01 * least_dof, notes,
      fmt::format(
          "student_t by itself: dof is at its lower bound of {} (tails so fat that their variance is hardly finite)",
          least_dof));
  check_finding(a.returns < 1000, notes, fmt::format("{} returns are few: errors are large", a.returns));
  return a;
}

/// The loadings of the stress factor. A model whose variance is conditional already needs of G only what the past does
/// not foretell; one whose tails are those of returns over all times has what G stands for in them.
std::optional<SystemicFit> fit_stress_factor(const PriceHistory& h, const FitOptions& o) {
  if (o.latencies.empty()) return std::nullopt;
  const bool conditional = o.model == "gjr_garch" || o.model == "heston";
  SystemicOptions options;
  options.window = o.volatility_window;
  options.trailing = o.trailing_window.value_or(conditional ? usual_trailing_window(h.bar) : 0);
  options.threads = o.threads;
  SystemicFit fit = fit_systemic(h, read_transfers(o.latencies, o.latency_columns), options);
  const bool trailing = options.trailing > 0;
  check_finding(conditional && !trailing, fit.notes,
                fmt::format("volatility: all of its variation, of which {} has a part already: leave out "
                            "--trailing-window none to keep it from counting twice",
                            o.model));
  check_finding(!conditional && trailing, fit.notes,
                fmt::format("volatility: only what the past does not foretell, but {} knows no past: without "
                            "--trailing-window it is all of its variation",
                            o.model));
  check_finding(o.model == "student_t" || o.model == "bootstrap" || o.model == "merton", fit.notes,
                fmt::format("volatility: the tails of {} were fitted to returns over all times, and hold its variation "
                            "already: with both it counts twice (haircuts come out too high; gaussian has none)",
                            o.model));
  return fit;
}

/// Rows in which every asset has a value, each column standardised; says how many.
string residual_rows(const PriceHistory& h, Columns values, FittedMarket& m) {
  const std::size_t n = values.size();
  vector<std::size_t> rows;
  for (std::size_t t = 0; t < values[0].size(); ++t) {
    if (std::none_of(values.begin(), values.end(), [&](const auto& c) { return std::isnan(c[t]); })) rows.push_back(t);
  }
  if (rows.size() < fewest_residuals) {
    string spans;
    for (const auto& a : m.assets) {
      spans += fmt::format("{}{} {} to {}", spans.empty() ? "" : ", ", a.name, day_text(a.first), day_text(a.last));
    }
    throw Error(fmt::format(
        "there are {} bars in which every asset has a return (the bootstrap draws whole rows and needs {}) leave out "
        "with --assets what does not overlap, or use --model student_t; there is {}",
        rows.size(), fewest_residuals, spans));
  }
  m.residual_rows = rows.size();
  vector<double> mean(n, 0.0), deviation(n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    for (const std::size_t t : rows) mean[i] += values[i][t] / double(rows.size());
    double below = 0.0;
    for (const std::size_t t : rows) {
      const double x = values[i][t] - mean[i];
      deviation[i] += x * x / double(rows.size());
      below += x < 0.0 ? x * x : 0.0;
    }
    m.assets[i].kappa = below / double(rows.size()) / deviation[i];
    deviation[i] = std::sqrt(deviation[i]);
  }
  string csv = "timestamp_utc";
  for (const auto& a : m.assets) csv += "," + a.name;
  csv += "\n";
  for (const std::size_t t : rows) {
    csv += time_text(h.time(t + 1));
    for (std::size_t i = 0; i < n; ++i)
      fmt::format_to(std::back_inserter(csv), ",{:.5g}", (values[i][t] - mean[i]) / deviation[i]);
    csv += "\n";
  }
  return csv;
}

/// With resampled residuals the share of losses in z^2 is theirs, and the persistence must stay below 1 with it.
void keep_stationary(AssetFit& a, vector<string>& notes) {
  const double rest = a.filter.alpha.value + a.filter.gamma.value * a.kappa;
  if (rest + a.filter.beta.value < most_persistence) return;
  notes.push_back(
      fmt::format("{}: gjr_garch: with the residuals' own share of losses ({:.3f}) the persistence is {:.5f}; beta was "
                  "lowered to make it {}",
                  a.name, a.kappa, rest + a.filter.beta.value, most_persistence));
  a.filter.beta.value = most_persistence - rest;
}

std::optional<FactorFit> factors_of(const Columns& columns, const CorrelationFit& c, std::size_t factors) {
  if (factors == 0) return std::nullopt;
  return fit_factors(columns, c, factors);
}

// ---- the command line -------------------------------------------------------------------------------------------------------

struct Arguments {
  vector<string> prices, assets, weights, latency_columns;
  string model = "gjr_garch", horizon, bar, from, to, output, latencies, volatility_window, trailing_window;
  std::size_t factors = 0;
  int threads = 0;
  bool json = false;
};

/// "20m" -> 1200.
std::int64_t whole_seconds(const char* option, const string& text) {
  if (text.empty()) return 0;
  char* rest = nullptr;
  const double value = std::strtod(text.c_str(), &rest);
  const string unit = rest;
  const double scale = unit == "s" ? 1.0 : unit == "m" ? 60.0 : unit == "h" ? 3600.0 : unit == "d" ? 86400.0 : 0.0;
  const double seconds = value * scale;
  if (rest == text.c_str() || !(seconds >= 1.0 && seconds < 1e9) || seconds != std::floor(seconds)) {
    throw Error(
        fmt::format("{} {} (a duration is a number with a unit: s, m, h or d, in whole seconds) write {} 1h, say",
                    option, text, option));
  }
  return static_cast<std::int64_t>(seconds);
}

/// "BTC=0.6" for every asset.
vector<double> weights_of(const vector<string>& texts, const vector<string>& assets) {
  if (texts.empty()) return {};
  vector<double> weights(assets.size(), missing);
  for (const auto& text : texts) {
    const auto equals = text.rfind('=');
    const auto at = std::find(assets.begin(), assets.end(), text.substr(0, equals));
    const char* number = equals == string::npos ? "" : text.c_str() + equals + 1;
    char* rest = nullptr;
    const double value = std::strtod(number, &rest);
    if (at == assets.end() || rest == number || *rest != 0 || !(value >= 0.0) || !std::isfinite(value)) {
      throw Error(
          fmt::format("--weights {} (a weight is NAME=NUMBER, with the name of a fitted asset) write --weights {}=0.6",
                      text, assets[0]));
    }
    weights[static_cast<std::size_t>(at - assets.begin())] = value;
  }
  double sum = 0.0;
  for (std::size_t i = 0; i < assets.size(); ++i) {
    if (std::isnan(weights[i]))
      throw Error(
          fmt::format("--weights leaves out {} (the index needs every asset's) add {}=0.1, say", assets[i], assets[i]));
    sum += weights[i];
  }
  if (!(sum > 0.0)) throw Error("--weights are all zero (an index of nothing) give capitalisations");
  return weights;
}

void read_latency_options(const Arguments& a, FitOptions& options) {
  options.latencies = a.latencies;
  if (a.latencies.empty()) {
    for (const auto& [name, given] : {std::pair{"--latency-columns", !a.latency_columns.empty()},
                                      {"--volatility-window", !a.volatility_window.empty()},
                                      {"--trailing-window", !a.trailing_window.empty()}}) {
      if (given)
        throw Error(fmt::format("{} without --latencies (it says how transfers are read) add --latencies FILE", name));
    }
    return;
  }
  options.latency_columns = transfer_columns("--latency-columns", a.latency_columns);
  options.volatility_window = whole_seconds("--volatility-window", a.volatility_window);
  if (a.trailing_window == "none") {
    options.trailing_window = 0;
  } else if (!a.trailing_window.empty()) {
    options.trailing_window = whole_seconds("--trailing-window", a.trailing_window);
  }
}

fs::path residuals_beside(fs::path output) {
  return output.empty() ? output : output.replace_extension(".residuals.csv");
}

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return fs::exists(a, ignored) && fs::exists(b, ignored) && fs::equivalent(a, b, ignored);
}

/// Whether a file can be made where `file` is, or is to be: tried, since permissions alone do not tell (a file system
/// that is read-only, a superuser). The same folder as write_file's: links are followed.
void try_to_write(const fs::path& file, const string& asked) {
  std::error_code ignored;
  const fs::path target =
      fs::is_symlink(fs::symlink_status(file, ignored)) ? fs::weakly_canonical(file, ignored) : file;
  const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
  const fs::path trial = folder / fmt::format(".{}.{}.trial", target.filename().string(), ::getpid());
  const int made = ::open(trial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (made < 0)
    throw Error(
        fmt::format("-o {} cannot be written ({}: {}) {}", asked, folder.string(), std::strerror(errno),
                    errno == ENAMETOOLONG ? "choose a shorter name" : "name a file in a folder that may be written"));
  ::close(made);
  ::unlink(trial.c_str());
}

/// Both files that are to be written, looked at before the fit. What is wrong is said of the name that was given.
void check_output(const Arguments& a) {
  const fs::path output = a.output, beside = residuals_beside(output);
  std::error_code ignored;
  vector<string> inputs = a.prices;
  if (!a.latencies.empty()) inputs.push_back(a.latencies);
  for (const auto& in : inputs) {
    if (same_file(output, in))
      throw Error(fmt::format("-o {} is an input (the fit would write over it) choose another name", a.output));
    if (same_file(beside, in))
      throw Error(
          fmt::format("-o {} puts residuals in {}, which is an input (the fit would write over it) choose "
                      "another name",
                      a.output, beside.string()));
  }
  if (fs::is_directory(output, ignored))
    throw Error(fmt::format("-o {} is a folder (the section is written to a file) name one in it: -o {}", a.output,
                            (output / "market.toml").string()));
  check_output_name("-o", a.output, ".toml");
  for (const fs::path& file : {output, beside}) {
    const auto status = fs::status(file, ignored);
    if (fs::exists(status) && !fs::is_regular_file(status))
      throw Error(fmt::format("-o {} cannot be used ({} is {}) choose another name", a.output, file.string(),
                              fs::is_directory(status) ? "a folder" : "not a regular file"));
    try_to_write(file, a.output);
  }
}

int fit_command(const Arguments& a) {
  FitOptions options;
  options.prices.assign(a.prices.begin(), a.prices.end());
  options.assets = a.assets;
  options.model = a.model;
  options.bar = whole_seconds("--bar", a.bar);
  options.horizon = whole_seconds("--horizon", a.horizon);
  if (!a.from.empty()) options.from = parse_time(a.from);
  if (!a.to.empty()) options.to = parse_time(a.to);
  options.factors = a.factors;
  options.threads = a.threads > 0 ? a.threads : usable_threads();
  if (!a.weights.empty()) {
    if (a.assets.empty()) throw Error("--weights without --assets (they go by name) name the assets");
    options.weights = weights_of(a.weights, a.assets);
  }
  read_latency_options(a, options);
  const fs::path output = a.output, residual_path = residuals_beside(output);
  if (!a.output.empty()) {
    check_output(a);
    options.residual_file = residual_path.filename().string();
  }
  const FitOutput fit = fit_prices(options);
  print(a.json ? fit_json(fit.market).dump(2) : fit_text(fit.market));
  if (a.output.empty()) {
    if (!a.json) fmt::print(stderr, "not saved: add -o market.toml for a section that a scenario includes\n");
    return 0;
  }
  if (!fit.residuals.empty()) {  // first, so that the section never names a file that is not there
    write_file(residual_path, fit.residuals, "the residuals");
    fmt::print(stderr, "wrote {}\n", residual_path.string());
  }
  write_file(output, market_toml(fit.market), "the market section");
  fmt::print(stderr, "wrote {}\n", output.string());
  return 0;
}

}  // namespace

FitOutput fit_prices(const FitOptions& options) {
  if (std::find(std::begin(model_names), std::end(model_names), options.model) == std::end(model_names)) {
    throw Error(fmt::format("--model {} (there is no such model) use {}", options.model, fmt::join(model_names, ", ")));
  }
  PriceHistory h = read_prices(options.prices, options.assets);
  if (options.bar > 0) h = resample(h, options.bar);
  if (options.from || options.to) {
    h = between(h, options.from.value_or(h.start), options.to.value_or(h.time(h.rows() - 1) + 1));
  }
  const std::size_t n = h.assets.size();
  const auto most = static_cast<std::size_t>(limit::assets), most_full = static_cast<std::size_t>(limit::walked_assets);
  if (n > most)
    throw Error(fmt::format("there are {} assets (a scenario has room for {}) choose some with --assets", n, most));
  const std::int64_t horizon = options.horizon > 0 ? options.horizon : h.bar;
  if (horizon % h.bar != 0) {
    throw Error(
        fmt::format("--horizon {} (the prices have bars of {}, and returns span whole bars) give a multiple of the bar",
                    duration_text(double(horizon)), duration_text(double(h.bar))));
  }

  FitOutput out;
  FittedMarket& m = out.market;
  m.model = options.model;
  for (const auto& p : options.prices) m.files.push_back(p.filename().string());
  m.start = h.start;
  m.end = h.time(h.rows() - 1);
  m.bar = h.bar;
  m.horizon = horizon;
  m.rows = h.rows();
  m.repairs = h.repairs;
  std::size_t factors = options.factors;
  if (n > most_full && factors == 0) {
    factors = 3;
    m.notes.push_back(fmt::format("there are {} assets, and a full correlation has room for {}: 3 factors were fitted",
                                  n, most_full));
  }
  if (n > most_full && (m.model == "gjr_garch" || m.model == "bootstrap" || m.model == "heston")) {
    throw Error(fmt::format(
        "--model {} with {} assets (it steps every asset at every event, which has room for {}) choose some with "
        "--assets, or use --model student_t",
        m.model, n, most_full));
  }
  if (factors > static_cast<std::size_t>(limit::factors)) {
    throw Error(fmt::format("--factors {} (a scenario has room for {}) use fewer", factors, limit::factors));
  }

  m.systemic = fit_stress_factor(h, options);  // before what takes long: its input is checked at once

  Columns returns(n), residuals(n), t_residuals(n), horizon_returns(n);
  m.assets.resize(n);
  vector<vector<string>> notes(n);
  for (std::size_t i = 0; i < n; ++i) {
    returns[i] = h.log_returns(i);
    horizon_returns[i] = h.log_returns(i, static_cast<std::size_t>(horizon / h.bar));
    if (count_present(returns[i]) < least_returns || count_present(horizon_returns[i]) < least_returns) {
      throw Error(
          fmt::format("{} has {} returns over bars of {} and {} over {} (a fit needs {}) leave it out with --assets, "
                      "or give a longer "
                      "history",
                      h.assets[i], count_present(returns[i]), duration_text(double(h.bar)),
                      count_present(horizon_returns[i]), duration_text(double(horizon)), least_returns));
    }
  }
  m.correlation = fit_correlation(returns, h.assets);  // first: assets that do not overlap are found at once
  for_each_parallel(n, options.threads, [&](std::size_t i) {
    m.assets[i] = fit_asset(h, i, returns[i], residuals[i], t_residuals[i], notes[i]);
  });
  for (auto& note : merged(notes, h.assets)) m.notes.push_back(std::move(note));
  m.residual_correlation = fit_correlation(residuals, h.assets);
  m.factors = factors_of(returns, m.correlation, factors);
  m.residual_factors = factors_of(residuals, m.residual_correlation, factors);
  m.tail = fit_common_dof(horizon_returns);
  m.residual_tail = fit_common_dof(t_residuals);
  check_finding(m.tail.at_bound, m.notes,
                fmt::format("student_t: the common dof {:.4g} is at its bound: returns over {} are {}",
                            m.tail.dof.value, duration_text(double(horizon)),
                            m.tail.dof.value > 10.0 ? "normal" : "too fat for a finite variance"));
  m.jumps = fit_jumps(returns, m.bars_per_year(), options.threads);
  double jumps_a_year = n > 1 ? m.jumps.basket.intensity.value : 0.0;
  for (const auto& own : m.jumps.own) jumps_a_year = std::max(jumps_a_year, own.intensity.value);
  check_finding(
      jumps_a_year > 365.0, m.notes,
      fmt::format(
          "merton: up to {:.0f} jumps a year: they stand in for volatility that clusters, which gjr_garch models",
          jumps_a_year));
  for (std::size_t i = 0; i < n; ++i)
    check_finding(!m.jumps.own[i].converged, m.notes,
                  h.assets[i] + ": merton: the search stopped early: jumps of its own are hardly determined");
  m.basket = fit_garch(basket_returns(returns, options.weights));
  m.weighted = !options.weights.empty();

  const bool historical = m.model == "bootstrap";
  if (n <= most_full && (!options.residual_file.empty() || historical || m.model == "gjr_garch")) {
    m.residual_file = options.residual_file;
    try {
      out.residuals = residual_rows(h, historical ? returns : residuals, m);
    } catch (const Error& e) {
      if (historical || m.model == "gjr_garch") throw;
      m.notes.push_back(string("bootstrap: ") + e.what());
      m.residual_file.clear();
    }
    if (!out.residuals.empty() && !historical)
      for (auto& a : m.assets) keep_stationary(a, m.notes);
  }
  if (m.model == "heston") {
    for (const auto& a : m.assets) {
      if (!a.heston || !a.heston->identified) {
        throw Error(
            fmt::format("--model heston: {} ({}) leave it out with --assets, or use another model", a.name,
                        a.heston ? "the autocovariance of its daily variance does not decay as Heston's law does"
                                 : "its variance is read from the returns within a day, of which there are too few"));
      }
    }
  }
  return out;
}

void add_fit(CLI::App& app, int& status) {
  auto a = std::make_shared<Arguments>();
  app.add_option("PRICES", a->prices, "price files: CSV or .csv.xz, a time column and a column per asset")->required();
  app.add_option("--assets", a->assets, "columns to fit (default: all)")->delimiter(',');
  app.add_option("--horizon", a->horizon,
                 "the delay that matters: Student-t is fitted to returns over it (default: bar)");
  app.add_option("--model", a->model,
                 "which is on: gaussian, student_t, gjr_garch (default), bootstrap, merton, heston");
  app.add_option("--from", a->from, "only prices from this time on, 2021-01-01 say");
  app.add_option("--to", a->to, "only prices before this time");
  app.add_option("--bar", a->bar, "coarser bars than the files': 1h");
  app.add_option("--factors", a->factors, "loadings on so many factors in place of the full correlation");
  app.add_option("--weights", a->weights,
                 "capitalisations for the volatility index: BTC=0.6,ETH=0.3,... (default: equal)")
      ->delimiter(',');
  add_threads(app, a->threads);
  app.add_option("--latencies", a->latencies, "messages that were sent (CSV): loadings of the stress factor");
  app.add_option("--latency-columns", a->latency_columns, "time=NAME,delay=NAME[,status=NAME][,group=NAME]")
      ->delimiter(',');
  app.add_option("--volatility-window", a->volatility_window,
                 "volatility is read so long from the sending on (default: 1h)");
  app.add_option("--trailing-window", a->trailing_window,
                 "and measured against so long before (default: 1d or none, by model)");
  app.add_option("-o,--output", a->output, "the [market] section (TOML); residuals go beside it, as .residuals.csv")
      ->check(named());
  app.add_flag("--json", a->json, "the report for programs");
  app.callback([a, &status] { status = fit_command(*a); });
}

}  // namespace proofload
