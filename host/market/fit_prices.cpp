#include "market/fit_prices.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/parallel.h"
#include "base/suggestion.h"
#include "base/words.h"
#include "input/csv.h"
#include "input/toml_tree.h"
#include "kernels/plan.h"
#include "market/fit_likelihood.h"
#include "plan/compile_market.h"

namespace proofload {
namespace {

using std::string, std::vector;

constexpr const char* model_names[] = {"gaussian", "student_t", "gjr_garch", "bootstrap", "merton", "heston"};
constexpr std::size_t fewest_residuals = 100;           // rows: what a scenario takes
constexpr double most_persistence_with_kappa = 0.9995;  // with the residuals' own kappa
constexpr int ljung_box_lags = 24;
constexpr double tails_differ = 0.001;  // p by batches, which stands for a level of 1 % (fit_test.cpp)
constexpr double noted_loss = 0.1;      // of what is known of the volatility now

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

/// Over a gap the variance reverts to its long run, so that what a history says of now is lost in one before its end,
/// or before its last few bars (a row of another year): says how much of it is.
void note_gap_before_now(const PriceHistory& h, const vector<double>& returns, double persistence,
                         vector<string>& notes) {
  struct Gap {
    std::size_t at = 0, length = 0;
    double lost = 0.0;  ///< share of the variance now that it filled with the long run's
  };
  double lost = 0.0;  // by all of them
  Gap now, most;      // the one that counts most is named
  for (std::size_t t = 0; t < returns.size(); ++t) {
    for (double* share : {&lost, &now.lost, &most.lost}) *share *= persistence;
    if (!std::isnan(returns[t])) continue;
    if (t == 0 || !std::isnan(returns[t - 1])) now = {t, 0, 0.0};
    ++now.length;
    lost += 1.0 - persistence;
    now.lost += 1.0 - persistence;
    if (now.at == most.at || now.lost > most.lost) most = now;
  }
  const auto [gap, length, share] = most;
  if (lost < noted_loss || gap == 0) return;
  notes.push_back(
      fmt::format("volatility now: {:.0f} % of it is the long run's, as there are no returns for {} from {} on, and it "
                  "reverts over a gap; --to {} ends the history before it",
                  100.0 * lost, duration_text(double(h.bar) * double(length)), time_text(h.time(gap + 1)),
                  time_text(h.time(gap + 1))));
}

void check_finding(bool bad, vector<string>& notes, string text) {
  if (bad) notes.push_back(std::move(text));
}

/// Everything that one asset's returns say by themselves.
/// Says of each matrix whose pairs contradicted each other which had to move most.
void note_contradictions(const Correlations& c, const char* of, const vector<string>& names, vector<string>& notes) {
  for (const CorrelationFit* one : {&c.whole, c.recent ? &*c.recent : nullptr}) {
    if (one == nullptr || !one->forced) continue;
    std::size_t most_i = 0, most_j = 0;
    double most = 0.0;
    for (std::size_t i = 0; i < names.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const double moved = std::fabs(one->matrix[i][j] - one->sample[i][j]);
        if (moved > most) most = moved, most_i = i, most_j = j;
      }
    }
    notes.push_back(fmt::format(
        "correlations of {}{}: pairs contradict each other, or move as one; the nearest matrix that can be takes {} "
        "with {} from {:.4f} to {:.4f}, the farthest of all: leave one out with --assets if that is too far",
        of, one == &c.whole ? "" : " of late", names[most_i], names[most_j], one->sample[most_i][most_j],
        one->matrix[most_i][most_j]));
  }
}

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
  note_gap_before_now(h, returns, a.garch.persistence(), notes);
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

/// Bars in which every asset has a value; `without` one of them.
vector<std::size_t> whole_rows(const Columns& values, std::size_t without = SIZE_MAX) {
  vector<std::size_t> rows;
  for (std::size_t t = 0; t < values[0].size(); ++t) {
    bool whole = true;
    for (std::size_t i = 0; i < values.size() && whole; ++i) whole = i == without || !std::isnan(values[i][t]);
    if (whole) rows.push_back(t);
  }
  return rows;
}

/// What gives the bootstrap enough rows.
string way_to_rows(const Columns& values, const vector<string>& names) {
  std::size_t best = 0, most = 0;
  for (std::size_t i = 0; i < values.size() && values.size() > 1; ++i) {
    const std::size_t rows = whole_rows(values, i).size();
    if (rows > most) most = rows, best = i;
  }
  if (most < fewest_residuals) return "give a longer history";
  vector<string> others = names;
  others.erase(others.begin() + static_cast<std::ptrdiff_t>(best));
  return fmt::format("leave out {} (--assets {}: {} rows)", names[best], fmt::join(others, ","), most);
}

/// `rows` of the values, each column standardised.
string residual_rows(const PriceHistory& h, const Columns& values, const vector<std::size_t>& rows, FittedMarket& m) {
  const std::size_t n = values.size();
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

/// Whether a scenario may start the filter in its stationary law, with these rows.
bool is_stationary_near(const FittedMarket& m, const Columns& values, const vector<std::size_t>& rows) {
  VarianceSpec variance;
  for (const auto& a : m.assets) {
    variance.alpha.push_back(as_written(a.filter.alpha.value));
    variance.gamma.push_back(as_written(a.filter.gamma.value));
    variance.beta.push_back(as_written(a.filter.beta.value));
  }
  InnovationSpec innovation;
  innovation.kind = InnovationKind::bootstrap;
  vector<double> mean(values.size(), 0.0), deviation(values.size(), 0.0);
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (const std::size_t t : rows) mean[i] += values[i][t] / double(rows.size());
    for (const std::size_t t : rows) deviation[i] += (values[i][t] - mean[i]) * (values[i][t] - mean[i]);
    deviation[i] = std::sqrt(deviation[i] / double(rows.size()));
  }
  for (const std::size_t t : rows) {
    innovation.rows.emplace_back();
    for (std::size_t i = 0; i < values.size(); ++i)
      innovation.rows.back().push_back((values[i][t] - mean[i]) / deviation[i]);
  }
  WarmUp w = warm_up_of(variance, innovation);
  w.left *= 1.02;  // the file has rows of five digits
  return w.is_near();
}

/// With resampled residuals the share of losses in z^2 is theirs, and the persistence must stay below 1 with it.
void keep_stationary(AssetFit& a, vector<string>& notes) {
  const double rest = a.filter.alpha.value + a.filter.gamma.value * a.kappa;
  if (rest + a.filter.beta.value < most_persistence_with_kappa) return;
  notes.push_back(
      fmt::format("{}: gjr_garch: with the residuals' own share of losses ({:.3f}) the persistence is {:.5f}; beta was "
                  "lowered to make it {}",
                  a.name, a.kappa, rest + a.filter.beta.value, most_persistence_with_kappa));
  a.filter.beta.value = most_persistence_with_kappa - rest;
}

std::optional<FactorFit> factors_of(const Columns& columns, const Correlations& c, std::size_t factors) {
  if (factors == 0) return std::nullopt;
  return fit_factors(columns, c, factors);
}

/// Long bars have no recent past, and neither have assets that are new, or gone.
void check_recent(const Correlations& c, std::int64_t bar, const string& kind, vector<string>& notes) {
  if (c.written.size() < 2 || c.recent || kind == "whole") return;
  const string why = fmt::format(
      "weights that halve in {:.0f} days leave the pair that shares the fewest bars of {} fewer than {} returns' worth",
      recent_half_life, duration_text(double(bar)), least_returns);
  if (kind == "recent")
    throw Error(fmt::format(
        "--correlation recent ({}) write --correlation whole, give finer prices, or leave new assets out with --assets",
        why));
  notes.push_back(fmt::format("correlation: of the whole history alone, as {}", why));
}

struct Lagged {
  double correlation = 0.0, returns = 0.0;  ///< over so many pairs; 0 where they are fewer than 60
};
/// Correlation of the returns of two assets, those of the second `lag` bars later.
Lagged lagged(const vector<double>& x, const vector<double>& y, int lag) {
  double n = 0.0, xx = 0.0, yy = 0.0, xy = 0.0;
  for (std::size_t r = 0; r < x.size(); ++r) {
    const auto at = static_cast<std::ptrdiff_t>(r) + lag;
    if (at < 0 || at >= static_cast<std::ptrdiff_t>(y.size())) continue;
    const double a = x[r], b = y[static_cast<std::size_t>(at)];
    if (!std::isfinite(a) || !std::isfinite(b)) continue;
    n += 1.0;
    xx += a * a;
    yy += b * b;
    xy += a * b;
  }
  return {n >= 60.0 && xx > 0.0 && yy > 0.0 ? xy / std::sqrt(xx * yy) : 0.0, n};
}

/// Annualised, of diffusion and jumps together.
double merton_volatility(const FittedMarket& m, std::size_t i) {
  const auto jumps = [](const MertonFit& f) {
    return f.intensity.value * (f.mean.value * f.mean.value + f.stdev.value * f.stdev.value);
  };
  const double loading = m.assets.size() > 1 ? m.jumps.loadings[i].value : 0.0,
               diffusion = m.jumps.own[i].volatility.value;
  return std::sqrt(diffusion * diffusion + jumps(m.jumps.own[i]) + loading * loading * jumps(m.jumps.basket));
}

/// One number of degrees of freedom for assets whose tails differ is wrong for each of them.
void note_tails(const Columns& columns, const TailFit& common, std::size_t overlap, const vector<string>& names,
                const char* model, vector<string>& notes) {
  const vector<TailDifference> differences = tail_differences(columns, common, overlap);
  vector<string> thin, fat;  // what the common tail is for them
  string thinnest;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < differences.size(); ++i) {
    if (!(differences[i].p < tails_differ)) continue;
    const double own = fit_common_dof({columns[i]}, 1, false).dof.value;
    (differences[i].statistic > 0.0 ? thin : fat).push_back(fmt::format("{} ({:.3g} by itself)", names[i], own));
    if (own < least) least = own, thinnest = names[i];
  }
  if (thin.empty() && fat.empty()) return;
  string text = fmt::format("{}: the common dof, {:.3g}, makes", model, common.dof.value);
  if (!thin.empty()) text += fmt::format(" the tail of {} too thin", fmt::join(thin, ", "));
  if (!fat.empty()) text += fmt::format("{} that of {} too fat", thin.empty() ? "" : ", and", fmt::join(fat, ", "));
  notes.push_back(
      text +
      fmt::format(", beyond chance (score test, p < 0.001): fit apart what it matters for: --assets {}", thinnest));
}

/// Of files that label a bar by its beginning and by its end, or in two time zones, one asset seems to follow the other
/// by a bar, or by some.
void note_shifted_times(const PriceHistory& h, vector<string>& notes) {
  constexpr std::size_t looked_at = 5000;  // returns, for more than one bar
  constexpr int most_bars = 24;
  constexpr double sure = 5.0;  // standard errors, where the largest of many is looked for
  vector<vector<double>> returns, latest;
  for (std::size_t a = 0; a < h.assets.size(); ++a) {
    returns.push_back(h.log_returns(a));
    const auto& all = returns.back();
    latest.emplace_back(all.end() - static_cast<std::ptrdiff_t>(std::min(all.size(), looked_at)), all.end());
  }
  for (std::size_t i = 0; i < h.assets.size(); ++i) {
    for (std::size_t j = 0; j < h.assets.size(); ++j) {
      if (i == j) continue;
      const double same = lagged(returns[i], returns[j], 0).correlation, together = std::fabs(same);
      double after = lagged(returns[i], returns[j], 1).correlation;
      int bars = 1;
      for (int lag = 2; lag <= most_bars && together < 0.5; ++lag) {
        const auto [other, pairs] = lagged(latest[i], latest[j], lag);
        if (pairs == 0.0 || std::fabs(other) < together + sure / std::sqrt(pairs) ||
            std::fabs(other) <= std::fabs(after))
          continue;
        after = other;
        bars = lag;
      }
      if (std::fabs(after) > together + 0.2)
        notes.push_back(fmt::format(
            "{} follows {} by {} with correlation {:.2f}, against {:.2f} in the same bar: their times may label "
            "different ends of bars{}, and then what they lose together comes out too small",
            h.assets[j], h.assets[i], bars == 1 ? "one bar" : fmt::format("{} bars", bars), after, same,
            bars == 1 ? "" : ", or be those of two time zones"));
    }
  }
}

/// A time in force that no scenario could be run for, and one that this model does not feel.
void check_in_force(FittedMarket& m) {
  const string time = duration_text(double(m.in_force));
  if (m.in_force < m.bar)
    throw Error(fmt::format("--in-force {} (a bar is {}, and a variance does not move within one) write a longer time",
                            time, duration_text(double(m.bar))));
  const double seconds = double(m.in_force);
  if (seconds > longest_in_force || seconds / double(m.bar) > most_steps_in_force)
    throw Error(
        fmt::format("--in-force {} (a scenario takes up to {}, and {:.0f} bars) write a shorter time, or give a "
                    "coarser --bar",
                    time, duration_text(longest_in_force), most_steps_in_force));
  if (m.in_force > m.end - m.start)
    throw Error(
        fmt::format("--in-force {} (the history is {} long, and says nothing of a longer time) write a shorter "
                    "time, or give more prices",
                    time, duration_text(double(m.end - m.start))));
  if (m.model != "gjr_garch" && m.model != "heston")
    m.notes.push_back(
        fmt::format("in force for {}: the variance of {} is that of the long run, so that haircuts are the "
                    "same at every age",
                    time, m.model));
}

/// Of the recent past in what is written.
double share_of(const string& kind) {
  vector<string> known;
  for (const CorrelationKind& k : correlation_kinds) {
    if (kind == k.name) return k.share;
    known.emplace_back(k.name);
  }
  throw Error(
      fmt::format("--correlation {} (there is no such kind) {}", in_quotes(kind), suggestion(kind, known, "kind")));
}

}  // namespace

FitOutput fit_prices(const FitOptions& options) {
  if (std::find(std::begin(model_names), std::end(model_names), options.model) == std::end(model_names)) {
    throw Error(fmt::format("--model {} (there is no such model) {}", in_quotes(options.model),
                            suggestion(options.model, {std::begin(model_names), std::end(model_names)}, "model")));
  }
  const double share = share_of(options.correlation);
  PriceOptions reading{options.any_time};
  reading.opening = options.opening;
  reading.from = options.from.value_or(reading.from);
  reading.to = options.to.value_or(reading.to);
  PriceHistory h = read_prices(options.prices, options.assets, reading);
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
  for (const auto& p : options.prices)
    m.files.push_back(input::shown_name(p.file == "-" ? "standard input" : p.file.filename().string()));
  m.start = h.start;
  m.end = h.time(h.rows() - 1);
  m.bar = h.bar;
  m.opening = options.opening;
  m.horizon = horizon;
  m.rows = h.rows();
  m.repairs = h.repairs;
  m.in_force = options.in_force;
  if (m.in_force != 0) check_in_force(m);
  if (options.prices.size() > 1) note_shifted_times(h, m.notes);
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
  m.correlation = fit_correlations(returns, h.assets, h.bar, share);  // first: assets that do not overlap are found
  check_recent(m.correlation, h.bar, options.correlation, m.notes);
  for_each_parallel(n, options.threads, [&](std::size_t i) {
    m.assets[i] = fit_asset(h, i, returns[i], residuals[i], t_residuals[i], notes[i]);
  });
  for (auto& note : merged(notes, h.assets)) m.notes.push_back(std::move(note));
  const auto oldest =
      std::min_element(m.assets.begin(), m.assets.end(), [](const auto& x, const auto& y) { return x.last < y.last; });
  m.last_price = oldest->last;
  check_finding(
      m.last_price < m.end - m.bar, m.notes,
      fmt::format("{}: its last price is of {}, and a result is good from there (market.last_price): leave it "
                  "out with --assets where the others are newer",
                  oldest->name, time_text(m.last_price)));
  m.residual_correlation = fit_correlations(residuals, h.assets, h.bar, share);
  note_contradictions(m.correlation, "returns", h.assets, m.notes);
  note_contradictions(m.residual_correlation, "GARCH residuals", h.assets, m.notes);
  m.factors = factors_of(returns, m.correlation, factors);
  m.residual_factors = factors_of(residuals, m.residual_correlation, factors);
  m.tail = fit_common_dof(horizon_returns, static_cast<std::size_t>(horizon / h.bar));
  m.residual_tail = fit_common_dof(t_residuals);
  check_finding(m.tail.at_bound, m.notes,
                fmt::format("student_t: the common dof {:.4g} is at its bound: returns over {} are {}",
                            m.tail.dof.value, duration_text(double(horizon)),
                            m.tail.dof.value > 10.0 ? "normal" : "too fat for a finite variance"));
  note_tails(horizon_returns, m.tail, static_cast<std::size_t>(horizon / h.bar), h.assets, "student_t", m.notes);
  note_tails(t_residuals, m.residual_tail, 1, h.assets, "gjr_garch with t residuals", m.notes);
  m.jumps = fit_jumps(returns, m.bars_per_year(), options.threads);
  for_each_parallel(n, options.threads, [&](std::size_t i) {
    m.assets[i].gaussian_likelihood = gaussian_log_likelihood(returns[i]);
    m.assets[i].merton_likelihood =
        merton_log_likelihood(returns[i], m.jumps.own[i], m.jumps.basket, m.jumps.loadings[i].value);
  });
  double jumps_a_year = n > 1 ? m.jumps.basket.intensity.value : 0.0;
  for (const auto& own : m.jumps.own) jumps_a_year = std::max(jumps_a_year, own.intensity.value);
  check_finding(
      jumps_a_year > 365.0, m.notes,
      fmt::format(
          "merton: up to {:.0f} jumps a year: they stand in for volatility that clusters, which gjr_garch models",
          jumps_a_year));
  for (std::size_t i = 0; i < n; ++i) {
    const double ratio = merton_volatility(m, i) / m.assets[i].volatility.value;
    check_finding(
        std::fabs(ratio - 1.0) > 0.1, m.notes,
        fmt::format("{}: merton: its fitted law has {:.2g} times the volatility of its returns (jumps that are "
                    "called common are hardly its own, or are missing from it): choose another model{}",
                    h.assets[i], ratio, n > 1 ? ", or fit it apart: --assets " + h.assets[i] : ""));
  }
  for (std::size_t i = 0; i < n; ++i)
    check_finding(!m.jumps.own[i].converged, m.notes,
                  h.assets[i] + ": merton: the search stopped early: jumps of its own are hardly determined");
  m.basket = fit_garch(basket_returns(returns, options.weights));
  m.weighted = !options.weights.empty();

  const bool historical = m.model == "bootstrap";
  check_finding(n > 1 && (historical || (m.model == "gjr_garch" && !options.residual_file.empty())), m.notes,
                "rows of shocks are drawn whole, as they happened: assets move together in them as over the whole "
                "history, whatever correlation is written (--model student_t has the one that is written)");
  if (n <= most_full && (!options.residual_file.empty() || historical || m.model == "gjr_garch")) {
    const Columns& values = historical ? returns : residuals;
    const vector<std::size_t> rows = whole_rows(values);
    if (rows.size() >= fewest_residuals) {
      m.residual_file = options.residual_file;
      out.residuals = residual_rows(h, values, rows, m);
      if (const std::int64_t recorded = std::int64_t(m.residual_rows) * m.bar; m.in_force > recorded)
        throw Error(
            fmt::format("--in-force {} (bars in which every asset has a return are {} together, and say nothing "
                        "of a longer time) write a shorter time, or leave out assets with a short history",
                        duration_text(double(m.in_force)), duration_text(double(recorded))));
      if (!historical) {
        for (auto& a : m.assets) keep_stationary(a, m.notes);
        m.stationary_is_near = is_stationary_near(m, values, rows);
      }
    } else if (historical) {
      throw Error(fmt::format(
          "--model bootstrap with {} bars in which every asset has a return (it draws whole rows, and a scenario needs "
          "{} of them) {}, or use --model student_t",
          rows.size(), fewest_residuals, way_to_rows(values, h.assets)));
    } else {
      m.notes.push_back(
          fmt::format("bootstrap: it draws bars in which every asset has a return, and needs {}; there are {}, so "
                      "gjr_garch has t residuals: {}",
                      fewest_residuals, rows.size(), way_to_rows(values, h.assets)));
    }
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

}  // namespace proofload
