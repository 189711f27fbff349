#include "market/fit_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/json_number.h"
#include "base/table.h"
#include "base/version.h"
#include "base/words.h"
#include "input/values.h"

namespace proofload {
namespace {

using std::string, std::vector;
using Json = nlohmann::ordered_json;

string text_of(double x) { return fmt::format("{:.4g}", x); }
string error_text(const Parameter& p) { return std::isnan(p.error) ? "-" : fmt::format("{:.2g}", p.error); }
/// "0.0589 (0.0086)"
string with_error(const Parameter& p) { return fmt::format("{:.4g} ({})", p.value, error_text(p)); }

/// A name in double quotes as TOML reads it.
string quoted(const string& name) {
  string out = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

template <typename Value>
string list(const FittedMarket& m, const Value& value) {
  vector<string> texts;
  for (const auto& a : m.assets) texts.push_back(text_of(value(a)));
  return fmt::format("[{}]", fmt::join(texts, ", "));
}

string rows_of(const Matrix& matrix, const char* format, const string& indent) {
  string out = "[\n";
  for (const auto& row : matrix) {
    vector<string> cells;
    for (const double x : row) cells.push_back(fmt::format(fmt::runtime(format), x));
    out += fmt::format("{}  [{}],\n", indent, fmt::join(cells, ", "));
  }
  return out + indent + "]";
}

double largest(const Matrix& m) {
  double top = 0.0;
  for (const auto& row : m)
    for (const double x : row) top = std::max(top, x);
  return top;
}

/// By how much pairs were drawn to each other: each as it is known, none by more than its error.
string shrinkage_text(const CorrelationFit& c) {
  const string nearest = c.forced ? "; pairs contradicted each other: the nearest matrix" : "";
  if (largest(c.weight) == 0.0) return "not shrunk" + nearest;
  return fmt::format("shrunk by {:.3f}, pairs by up to {:.3f}, toward {:.2f}{}", c.shrinkage, largest(c.weight),
                     c.target, nearest);
}

/// Of what past the matrix is.
string past_text(const Correlations& c) {
  const string recent = c.recent
                            ? fmt::format(
                                  "of the recent past, whose weights halve in {:.0f} days ({:.0f} returns' worth; {})",
                                  recent_half_life, c.recent->effective, shrinkage_text(*c.recent))
                            : "",
               whole = fmt::format("of the whole history ({})", shrinkage_text(c.whole));
  return c.share == 1.0 ? recent : c.share > 0.0 ? fmt::format("mean of that {} and that {}", whole, recent) : whole;
}

/// How assets move together: a matrix, or loadings.
string together(const FittedMarket& m, bool residuals) {
  const auto& c = residuals ? m.residual_correlation : m.correlation;
  const auto& f = residuals ? m.residual_factors : m.factors;
  const char* what = residuals ? "GARCH residuals" : "log returns";
  if (m.assets.size() == 1) return "";
  if (f) {
    return fmt::format(
        "# Factor loadings of {} by maximum likelihood; standard errors up to {:.2g}; correlations are met within "
        "{:.2g}.{}\n# Correlation: {}.\n"
        "factors = {{ loadings = {} }}\n",
        what, largest(f->error), f->residual,
        f->bounded ? " An own variance was held at its least value: errors are too small." : "", past_text(c),
        rows_of(f->loadings, "{:.4f}", ""));
  }
  return fmt::format(
      "# Of {}: {};\n# standard errors up to {:.2g}; every pair shares {} bars or more.\n"
      "correlation = {}\n",
      what, past_text(c), largest(c.error), c.whole.least_overlap, rows_of(c.written, "{:.4f}", ""));
}

string assets_list(const FittedMarket& m, const std::function<Parameter(std::size_t)>& volatility) {
  string out = "assets = [\n";
  for (std::size_t i = 0; i < m.assets.size(); ++i) {
    const auto& a = m.assets[i];
    out += fmt::format("  {{ name = {}, price = {:.10g}, volatility = {} }},  # ({}) {} returns, {} to {}\n",
                       quoted(a.name), a.price, text_of(volatility(i).value), error_text(volatility(i)), a.returns,
                       time_text(a.first), time_text(a.last));
  }
  return out + "]\n";
}

enum class Start { stationary, now, long_run };

/// `fit` picks one of an asset's two fits.
string garch_lines(const FittedMarket& m, GarchFit AssetFit::*fit, Start start) {
  const auto value = [&](const char* key, Parameter GarchFit::*parameter) {
    return fmt::format("{} = {}", key, list(m, [&](const AssetFit& a) { return (a.*fit.*parameter).value; }));
  };
  const string line =
      fmt::format("variance = {{ kind = \"gjr_garch\", bar = \"{}\", {}, {}, {}, ", duration_text(double(m.bar)),
                  value("alpha", &GarchFit::alpha), value("gamma", &GarchFit::gamma), value("beta", &GarchFit::beta));
  if (start == Start::stationary) return line + "start = \"stationary\" }\n";
  const string volatilities = list(m, [&](const AssetFit& a) {
    return std::sqrt((start == Start::now ? (a.*fit).next : (a.*fit).long_run) * m.bars_per_year());
  });
  return line + fmt::format("start = \"forecast\", forecast = {} }}\n", volatilities);
}

string garch_errors(const FittedMarket& m, GarchFit AssetFit::*fit) {
  const auto errors = [&](Parameter GarchFit::*parameter) {
    vector<string> texts;
    for (const auto& a : m.assets) texts.push_back(error_text(a.*fit.*parameter));
    return fmt::format("{}", fmt::join(texts, ", "));
  };
  return fmt::format("# Standard errors of alpha: {}\n# of gamma: {}\n# of beta: {}\n", errors(&GarchFit::alpha),
                     errors(&GarchFit::gamma), errors(&GarchFit::beta));
}

string bootstrap_line(const FittedMarket& m) {
  return fmt::format("innovation = {{ kind = \"bootstrap\", file = {}, bar = \"{}\", block = \"{}\" }}\n",
                     quoted(m.residual_file), duration_text(double(m.bar)),
                     duration_text(double(std::max<std::int64_t>(m.bar, 86400))));
}

string student_line(const TailFit& tail, std::int64_t horizon) {
  return fmt::format("innovation = {{ kind = \"student_t\", dof = {}, horizon = \"{}\" }}\n", text_of(tail.dof.value),
                     duration_text(double(horizon)));
}

string heston_lines(const FittedMarket& m) {
  vector<string> unidentified;
  for (const auto& a : m.assets)
    if (!a.heston || !a.heston->identified) unidentified.push_back(a.name);
  if (!unidentified.empty()) {
    return fmt::format("# heston could not be fitted to {} (see the notes of `proofload fit`).\n",
                       fmt::join(unidentified, ", "));
  }
  vector<string> errors;
  for (const auto& a : m.assets) {
    errors.push_back(fmt::format("{} {}/{}/{}", a.name, error_text(a.heston->mean_reversion),
                                 error_text(a.heston->vol_of_vol), error_text(a.heston->correlation)));
  }
  return fmt::format(
      "# By moments of daily realised variance, jumps counted as variance. Standard errors of "
      "mean_reversion/vol_of_vol/correlation: {}.\n"
      "# It starts from the long run; initial = {} inside the braces starts it from the last week's volatility.\n"
      "variance = {{ kind = \"heston\", mean_reversion = {}, vol_of_vol = {}, correlation = {} }}\n",
      fmt::join(errors, ", "), list(m, [](const AssetFit& a) { return a.heston->initial; }),
      list(m, [](const AssetFit& a) { return a.heston->mean_reversion.value; }),
      list(m, [](const AssetFit& a) { return a.heston->vol_of_vol.value; }),
      list(m, [](const AssetFit& a) { return a.heston->correlation.value; }));
}

string merton_lines(const FittedMarket& m) {
  const auto& j = m.jumps;
  vector<string> loadings, own;
  double intensity = j.basket.intensity.value;
  for (std::size_t i = 0; i < m.assets.size(); ++i) {
    loadings.push_back(text_of(j.loadings[i].value));
    const auto& o = j.own[i];
    intensity += o.intensity.value;
    own.push_back(fmt::format("    {{ asset = {}, intensity = {}, mean = {}, stdev = {} }},  # ({}) ({}) ({})\n",
                              quoted(m.assets[i].name), text_of(o.intensity.value), text_of(o.mean.value),
                              text_of(o.stdev.value), error_text(o.intensity), error_text(o.mean),
                              error_text(o.stdev)));
  }
  string common;
  if (m.assets.size() > 1) {
    common = fmt::format("intensity = {}, mean = {}, stdev = {}, loadings = [{}], ", text_of(j.basket.intensity.value),
                         text_of(j.basket.mean.value), text_of(j.basket.stdev.value), fmt::join(loadings, ", "));
  }
  string out = "# Volatilities here are of the diffusion alone. Common jumps: those of the equal-weighted basket";
  if (m.assets.size() > 1) {
    out += fmt::format(", standard errors of intensity {}, mean {}, stdev {}", error_text(j.basket.intensity),
                       error_text(j.basket.mean), error_text(j.basket.stdev));
  }
  out += ".\n";
  out += assets_list(m, [&](std::size_t i) { return j.own[i].volatility; });
  out += fmt::format("jumps = {{ kind = \"merton\", {}own = [\n{}  ] }}\n", common, fmt::join(own, ""));
  if (intensity > 100.0) {
    out += fmt::format("grid = {{ step = \"{}\" }}  # so many jumps need a grid\n",
                       duration_text(double(std::min<std::int64_t>(m.bar, 86400))));
  }
  return out;
}

string stamps_text(const FittedMarket& m) {
  return m.opening ? "Bars bear the time of their opening in the files; times here are those at which they close."
                   : "Times of bars are taken for those of their closes; where they are those of their openings, as of "
                     "most candles, say --stamps opening.";
}

/// Every line a comment.
string commented(const string& text) {
  string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    const string line = text.substr(at, end - at);
    out += line.starts_with("#") ? line + "\n" : "# " + line + "\n";
    at = end + 1;
  }
  return out;
}

/// One model's lines in the file: `market` goes without comments when the model is on.
struct ModelText {
  const char* name;
  const char* title;
  string lines;
};

/// The tail beyond `p` as data and laws have it.
void tail_rows(Table& table, const string& name, const vector<double>& data, const string& law, double dof) {
  const auto row = [&](const string& first, const auto& value) {
    vector<string> cells{first};
    for (std::size_t i = 0; i < std::size(tail_probabilities); ++i) cells.push_back(fmt::format("{:.2f}", value(i)));
    table.row(cells);
  };
  row(name + ", data", [&](std::size_t i) { return data[i]; });
  row("  " + law, [&](std::size_t i) { return unit_quantile(dof, tail_probabilities[i]); });
}

/// Pairs over the whole history and of late; of many those that differ most.
string pasts_table(const FittedMarket& m, const Correlations& c) {
  constexpr std::size_t shown = 28;
  struct Pair {
    std::size_t i, j;
    double change;
  };
  vector<Pair> pairs;
  for (std::size_t j = 0; j < m.assets.size(); ++j)
    for (std::size_t i = j + 1; i < m.assets.size(); ++i)
      pairs.push_back({i, j, std::fabs(c.recent->matrix[i][j] - c.whole.matrix[i][j])});
  string title = "Whole history beside the recent past (standard errors)";
  if (pairs.size() > shown) {
    std::stable_sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) { return a.change > b.change; });
    title += fmt::format(": the {} of {} pairs that differ most", shown, pairs.size());
    pairs.resize(shown);
  }
  Table table({"pair", "whole", "recent", "written"});
  for (const auto& [i, j, change] : pairs) {
    const auto cell = [&, i = i, j = j](const CorrelationFit& f) {
      return fmt::format("{:.3f} ({:.2g})", f.matrix[i][j], f.error[i][j]);
    };
    table.row({m.assets[j].name + ", " + m.assets[i].name, cell(c.whole), cell(*c.recent),
               fmt::format("{:.3f}", c.written[i][j])});
  }
  return "\n" + wrapped(title, 2) + table.text();
}

}  // namespace

double as_written(double x) { return std::strtod(text_of(x).c_str(), nullptr); }

string market_toml(const FittedMarket& m) {
  const double year = std::sqrt(m.bars_per_year());
  string out = fmt::format(
      "# Fitted by proofload fit ({}) to {}:\n"
      "# {} bars of {}, {} to {}. Numbers in brackets are standard errors.\n"
      "# A scenario takes this in by include = [\"...\"] at its top. One model is on ({}); the others stand below as "
      "comments:\n# to change, comment out all lines of the one that is on and take the '# ' from all lines of "
      "another.\n"
      "# Prices are the last of the history. volatility: annual, over the whole history. drift is not fitted: it is "
      "assumed.\n",
      engine_version(), fmt::join(m.files, ", "), m.rows, duration_text(double(m.bar)), time_text(m.start),
      time_text(m.end), m.model);
  out += fmt::format("# Global Volatility Index (one bar ahead over long run): {:.3f}, {:.4g} over {:.4g} a year.\n",
                     std::sqrt(m.basket.next / m.basket.long_run), std::sqrt(m.basket.next) * year,
                     std::sqrt(m.basket.long_run) * year);
  out += "# " + stamps_text(m) + "\n";
  for (const auto& repair : m.repairs) out += "# " + repair + "\n";
  for (const auto& note : m.notes) out += "# " + note + "\n";
  if (m.in_force > 0)
    out += fmt::format(
        "\n# Haircuts stay set for this long, and calls come at any time of it: gjr_garch and heston give one for each "
        "of\n"
        "# nine ages.\n[run]\nin_force = \"{}\"\n",
        duration_text(double(m.in_force)));
  out += "\n[market]\n";
  if (m.last_price >= earliest_time) out += fmt::format("last_price = \"{}\"\n", time_text(m.last_price));
  out += "drift = 0.0\n";

  const auto plain = [&](std::size_t i) { return m.assets[i].volatility; };
  const bool residuals = m.model == "gjr_garch";
  if (m.model != "merton") out += assets_list(m, plain);
  out += together(m, residuals);

  // Every block says all that makes its model, so that one can take another's place whole.
  const string constant = "variance = { kind = \"constant\" }\n";
  vector<ModelText> models;
  models.push_back({"gaussian", "gaussian", string("innovation = { kind = \"gaussian\" }\n") + constant});
  models.push_back({"student_t", "student_t, degrees of freedom common to all assets",
                    fmt::format("# dof {} at a horizon of {}{}\n", with_error(m.tail.dof),
                                duration_text(double(m.horizon)), m.tail.at_bound ? ", at its bound" : "") +
                        student_line(m.tail, m.horizon) + constant});
  const bool rows = !m.residual_file.empty() && m.model != "bootstrap";
  string filtered = "# proofload fit -o FILE writes the rows that these lines need.\n";
  if (rows) {
    filtered =
        "# By Gaussian quasi-likelihood, which gives residuals of any law unit variance.\n" +
        garch_errors(m, &AssetFit::filter) + fmt::format("# {} rows of residuals\n", m.residual_rows) +
        bootstrap_line(m) + "# It starts from the volatility of the history's end.\n" +
        garch_lines(m, &AssetFit::filter, Start::now) +
        (m.stationary_is_near
             ? "# From the long run's law: bars run before the call until the start is forgotten, which is slow:\n"
             : "# From the long run: its volatility as the forecast (its law is too many bars away for start = "
               "\"stationary\"):\n") +
        commented(garch_lines(m, &AssetFit::filter, m.stationary_is_near ? Start::stationary : Start::long_run));
  }
  const string with_t = fmt::format(
                            "# By t likelihood; dof {}, common. Its stationary law lies mostly far below its mean: "
                            "start it from a forecast.\n",
                            with_error(m.residual_tail.dof)) +
                        garch_errors(m, &AssetFit::garch) + student_line(m.residual_tail, m.bar) +
                        garch_lines(m, &AssetFit::garch, Start::now);
  models.push_back(
      {"gjr_garch",
       rows ? "gjr_garch with resampled residuals: filtered historical simulation" : "gjr_garch with t residuals",
       rows ? filtered : with_t});
  if (rows) models.push_back({"", "gjr_garch with t residuals", with_t});
  string historical =
      "# proofload fit --model bootstrap writes the rows: returns over their deviation, not GARCH residuals.\n";
  if (m.model == "bootstrap")
    historical =
        fmt::format("# {} rows of returns over their deviation\n", m.residual_rows) + bootstrap_line(m) + constant;
  models.push_back({"bootstrap", "bootstrap with constant variance: historical simulation", historical});
  const string gaussian = "innovation = { kind = \"gaussian\" }\n";
  models.push_back(
      {"merton", "merton, jumps common to all assets and of their own", gaussian + constant + merton_lines(m)});
  models.push_back({"heston", "heston", gaussian + heston_lines(m)});

  for (const auto& model : models)
    if (m.model == model.name) out += fmt::format("# ---- {}\n{}", model.title, model.lines);
  for (const auto& model : models) {
    if (m.model == model.name) continue;
    out += fmt::format("\n# ---- {}\n{}", model.title, commented(model.lines));
    const bool garch = string(model.title).starts_with("gjr_garch");
    if (garch != residuals && m.assets.size() > 1) out += commented(together(m, garch));
    if (m.model == "merton") out += commented(assets_list(m, plain));
  }
  if (m.systemic) out += systemic_fit_toml(*m.systemic);  // last: a table of its own
  return out;
}

string fit_text(const FittedMarket& m) {
  const double year = std::sqrt(m.bars_per_year());
  const string bar = duration_text(double(m.bar));
  string out =
      wrapped(fmt::format("{}: {}, {} of {}, {} to {}", fmt::join(m.files, ", "), counted(m.assets.size(), "asset"),
                          counted(std::uint64_t(m.rows), "bar"), bar, time_text(m.start), time_text(m.end)),
              2);
  out += wrapped(stamps_text(m), 2);
  if (!m.repairs.empty()) {
    out += "\nFound in the prices\n";
    for (const auto& repair : m.repairs) out += wrapped("  " + repair, 4);
  }
  if (!m.notes.empty()) {
    out += "\nNotes\n";
    for (const auto& note : m.notes) out += wrapped("  " + note, 4);
  }
  out += "\n" + wrapped("Volatility a year, Student-t and GJR-GARCH(1,1) with t residuals (standard errors)", 2);
  Table volatility(
      {"asset", "returns", "volatility", "dof", "alpha", "gamma", "beta", "dof of z", "persistence", "now"});
  for (const auto& a : m.assets) {
    volatility.row(
        {a.name, fmt::format("{}", a.returns), fmt::format("{:.3f} ({})", a.volatility.value, error_text(a.volatility)),
         fmt::format("{:.2f} ({})", a.student.dof.value, error_text(a.student.dof)),
         fmt::format("{:.4f} ({})", a.garch.alpha.value, error_text(a.garch.alpha)),
         fmt::format("{:.4f} ({})", a.garch.gamma.value, error_text(a.garch.gamma)),
         fmt::format("{:.4f} ({})", a.garch.beta.value, error_text(a.garch.beta)),
         fmt::format("{:.2f} ({})", a.garch.dof.value, error_text(a.garch.dof)),
         fmt::format("{:.4f}", a.garch.persistence()), fmt::format("{:.3f}", std::sqrt(a.garch.next) * year)});
  }
  out += volatility.text();
  out += "\n" + wrapped("GJR-GARCH(1,1) by Gaussian quasi-likelihood, for resampled residuals (standard errors)", 2);
  Table filter({"asset", "alpha", "gamma", "beta", "persistence", "losses in z^2", "now"});
  for (const auto& a : m.assets) {
    filter.row({a.name, with_error(a.filter.alpha), with_error(a.filter.gamma), with_error(a.filter.beta),
                fmt::format("{:.4f}", a.filter.persistence()),
                std::isnan(a.kappa) ? "-" : fmt::format("{:.3f}", a.kappa),
                fmt::format("{:.3f}", std::sqrt(a.filter.next) * year)});
  }
  out += filter.text();
  out += "\n" +
         wrapped(fmt::format("Degrees of freedom common to all assets: {} over {}, {} for GARCH residuals",
                             with_error(m.tail.dof), duration_text(double(m.horizon)), with_error(m.residual_tail.dof)),
                 2);
  out += wrapped(
      fmt::format(
          "Global Volatility Index: {:.3f} ({}-weighted basket: {:.3f} a year one bar ahead, {:.3f} in the long "
          "run)",
          std::sqrt(m.basket.next / m.basket.long_run), m.weighted ? "capitalisation" : "equal",
          std::sqrt(m.basket.next) * year, std::sqrt(m.basket.long_run) * year),
      2);

  if (m.assets.size() > 1) {
    const bool residuals = m.model == "gjr_garch";
    const auto& c = residuals ? m.residual_correlation : m.correlation;
    const auto& f = residuals ? m.residual_factors : m.factors;
    out += "\n" + wrapped(fmt::format("Correlation of {}, {}; standard errors up to {:.2g}; least overlap {}",
                                      residuals ? "GARCH residuals" : "returns", past_text(c), largest(c.error),
                                      counted(std::uint64_t(c.whole.least_overlap), "bar")),
                          2);
    vector<string> header{""};
    const std::size_t shown = std::min<std::size_t>(m.assets.size(), 12);
    for (std::size_t i = 0; i < shown; ++i) header.push_back(m.assets[i].name);
    Table correlation(header);
    for (std::size_t i = 0; i < m.assets.size(); ++i) {
      vector<string> cells{m.assets[i].name};
      for (std::size_t j = 0; j < shown; ++j) cells.push_back(fmt::format("{:.3f}", c.written[i][j]));
      correlation.row(cells);
    }
    out += correlation.text();
    if (c.recent) out += pasts_table(m, c);
    if (f) {
      out += "\n" + wrapped(fmt::format("Factor loadings (standard errors); largest correlation left over {:.3f}",
                                        f->residual),
                            2);
      vector<string> names{"asset"};
      for (std::size_t k = 0; k < f->loadings[0].size(); ++k) names.push_back(fmt::format("factor {}", k + 1));
      Table loadings(names);
      for (std::size_t i = 0; i < m.assets.size(); ++i) {
        vector<string> cells{m.assets[i].name};
        for (std::size_t k = 0; k < f->loadings[i].size(); ++k)
          cells.push_back(fmt::format("{:.3f} ({:.2g})", f->loadings[i][k], f->error[i][k]));
        loadings.row(cells);
      }
      out += loadings.text();
    }
  }

  out += "\nMerton jumps per year; volatility is of the diffusion alone (standard errors)\n";
  Table jumps({"jumps of", "volatility", "intensity", "mean", "stdev", "loading on common"});
  const auto jump_row = [&](const string& name, const MertonFit& f, const string& loading) {
    jumps.row(
        {name, with_error(f.volatility), with_error(f.intensity), with_error(f.mean), with_error(f.stdev), loading});
  };
  if (m.assets.size() > 1) jump_row("basket (common)", m.jumps.basket, "");
  for (std::size_t i = 0; i < m.assets.size(); ++i)
    jump_row(m.assets[i].name, m.jumps.own[i], m.assets.size() > 1 ? with_error(m.jumps.loadings[i]) : "");
  out += jumps.text();

  if (std::any_of(m.assets.begin(), m.assets.end(), [](const AssetFit& a) { return a.heston.has_value(); })) {
    out += "\nHeston, from daily realised variance, per year (standard errors)\n";
    Table heston({"asset", "volatility", "mean reversion", "vol of vol", "correlation", "Feller", "last week"});
    for (const auto& a : m.assets) {
      if (!a.heston) continue;
      const auto& h = *a.heston;
      heston.row({a.name, with_error(h.volatility), with_error(h.mean_reversion), with_error(h.vol_of_vol),
                  with_error(h.correlation), h.identified ? fmt::format("{:.2f}", h.feller()) : "-",
                  fmt::format("{:.3f}", h.initial)});
    }
    out += heston.text();
  }

  out += "\n" + wrapped(
                    "Log-likelihood of an asset's returns above that of a normal law, which has 2 parameters. "
                    "student_t has 3 and gjr_garch, with t residuals, 5 of the asset's own; merton 5, and 4 of the "
                    "jumps of all",
                    2);
  Table likelihood({"asset", "returns", "student_t", "gjr_garch", "merton"});
  for (const auto& a : m.assets) {
    const auto above = [&](double x) { return fmt::format("{:.1f}", x - a.gaussian_likelihood); };
    likelihood.row({a.name, fmt::format("{}", a.returns), above(a.student.log_likelihood),
                    above(a.garch.log_likelihood), above(a.merton_likelihood)});
  }
  out += likelihood.text();

  out += "\nLjung-Box on squares: does volatility still cluster?\n";
  Table box({"asset", "returns", "p", "GARCH residuals", "p", "lags"});
  for (const auto& a : m.assets) {
    box.row({a.name, fmt::format("{:.1f}", a.raw.statistic), p_value(a.raw.p),
             fmt::format("{:.1f}", a.filtered.statistic), p_value(a.filtered.p), fmt::format("{}", a.filtered.lags)});
  }
  out += box.text();

  vector<string> header{"in standard deviations"};
  for (const double p : tail_probabilities) header.push_back(share_text(p, 6));
  out += fmt::format("\nTails of {} returns\n", bar);
  Table tails(header), filtered(header);
  const double infinity = std::numeric_limits<double>::infinity();
  for (const auto& a : m.assets) {
    tail_rows(tails, a.name, a.return_quantiles, "normal", infinity);
    vector<string> own{"  t of its own"};
    for (const double p : tail_probabilities) {
      own.push_back(fmt::format(
          "{:.2f}", (a.student.location.value + a.student.stdev.value * unit_quantile(a.student.dof.value, p)) * year /
                        a.volatility.value));
    }
    tails.row(own);
    if (m.horizon == m.bar) {
      vector<string> common{"  common t"};
      for (const double p : tail_probabilities)
        common.push_back(fmt::format("{:.2f}", unit_quantile(m.tail.dof.value, p)));
      tails.row(common);
    }
    tail_rows(filtered, a.name, a.residual_quantiles, "its t", a.garch.dof.value);
  }
  out += tails.text() + "\nTails of residuals of GJR-GARCH with t\n" + filtered.text();
  if (m.systemic) out += systemic_fit_text(*m.systemic);
  return out;
}

Json fit_json(const FittedMarket& m) {
  const auto parameter = [&](const Parameter& p) {
    return Json{{"value", json_number(p.value)}, {"error", json_number(p.error)}};
  };
  const auto box = [&](const LjungBox& b) { return Json{{"statistic", b.statistic}, {"p", b.p}, {"lags", b.lags}}; };
  const auto jumps = [&](const MertonFit& f) {
    return Json{{"volatility", parameter(f.volatility)},
                {"intensity", parameter(f.intensity)},
                {"mean", parameter(f.mean)},
                {"stdev", parameter(f.stdev)},
                {"log_likelihood", f.log_likelihood}};
  };
  const double year = std::sqrt(m.bars_per_year());
  Json out{{"engine", engine_version()},
           {"files", m.files},
           {"model", m.model},
           {"from", time_text(m.start)},
           {"to", time_text(m.end)},
           {"stamps", m.opening ? "opening" : "closing"},
           {"bar_seconds", m.bar},
           {"horizon_seconds", m.horizon},
           {"rows", m.rows},
           {"repairs", m.repairs},
           {"notes", m.notes}};
  for (std::size_t i = 0; i < m.assets.size(); ++i) {
    const auto& a = m.assets[i];
    Json asset{{"name", a.name},
               {"price", a.price},
               {"returns", a.returns},
               {"from", time_text(a.first)},
               {"to", time_text(a.last)}};
    asset["volatility"] = parameter(a.volatility);
    asset["gaussian"] = {{"log_likelihood", json_number(a.gaussian_likelihood)}};
    asset["student_t"] = {{"dof", parameter(a.student.dof)},
                          {"volatility", json_number(a.student.stdev.value * year)},
                          {"log_likelihood", a.student.log_likelihood}};
    asset["gjr_garch"] = {{"alpha", parameter(a.garch.alpha)},        {"gamma", parameter(a.garch.gamma)},
                          {"beta", parameter(a.garch.beta)},          {"dof", parameter(a.garch.dof)},
                          {"persistence", a.garch.persistence()},     {"forecast", std::sqrt(a.garch.next) * year},
                          {"log_likelihood", a.garch.log_likelihood}, {"converged", a.garch.converged}};
    asset["gjr_garch_quasi"] = {{"alpha", parameter(a.filter.alpha)},
                                {"gamma", parameter(a.filter.gamma)},
                                {"beta", parameter(a.filter.beta)},
                                {"persistence", a.filter.persistence()},
                                {"forecast", std::sqrt(a.filter.next) * year},
                                {"converged", a.filter.converged}};
    asset["merton"] = jumps(m.jumps.own[i]);
    asset["merton"]["loading"] = parameter(m.jumps.loadings[i]);
    asset["merton"]["log_likelihood"] = json_number(a.merton_likelihood);  // of the returns; its fit's is of a part
    if (a.heston) {
      asset["heston"] = {{"mean_reversion", parameter(a.heston->mean_reversion)},
                         {"vol_of_vol", parameter(a.heston->vol_of_vol)},
                         {"correlation", parameter(a.heston->correlation)},
                         {"volatility", parameter(a.heston->volatility)},
                         {"initial", a.heston->initial},
                         {"identified", a.heston->identified}};
    }
    asset["ljung_box_squares"] = {{"returns", box(a.raw)}, {"residuals", box(a.filtered)}};
    asset["tail_quantiles"] = {
        {"probabilities", tail_probabilities}, {"returns", a.return_quantiles}, {"residuals", a.residual_quantiles}};
    out["assets"].push_back(asset);
  }
  out["common_dof"] = {{"returns", parameter(m.tail.dof)}, {"residuals", parameter(m.residual_tail.dof)}};
  const auto estimate = [&](const CorrelationFit& c) {
    return Json{{"matrix", c.matrix},
                {"sample", c.sample},
                {"error", c.error},
                {"shrinkage", c.shrinkage},
                {"weight", c.weight},
                {"target", c.target},
                {"forced", c.forced},
                {"effective_returns", json_number(c.effective)},
                {"least_overlap", c.least_overlap}};
  };
  const auto pairs = [&](const Correlations& c) {
    Json j = estimate(c.whole);
    j["recent"] = c.recent ? estimate(*c.recent) : Json(nullptr);
    if (c.recent) j["recent"]["half_life_days"] = recent_half_life;
    j["kind"] = c.kind();
    j["written"] = c.written;
    j["written_error"] = c.error;
    return j;
  };
  out["correlation"] = {{"returns", pairs(m.correlation)}, {"residuals", pairs(m.residual_correlation)}};
  if (m.factors)
    out["factors"] = {
        {"loadings", m.factors->loadings}, {"error", m.factors->error}, {"residual", m.factors->residual}};
  if (m.assets.size() > 1) out["common_jumps"] = jumps(m.jumps.basket);
  out["global_volatility_index"] = {{"index", std::sqrt(m.basket.next / m.basket.long_run)},
                                    {"now", std::sqrt(m.basket.next) * year},
                                    {"long_run", std::sqrt(m.basket.long_run) * year},
                                    {"weights", m.weighted ? "given" : "equal"}};
  out["systemic"] = m.systemic ? systemic_fit_json(*m.systemic) : Json(nullptr);
  out["in_force_seconds"] = m.in_force > 0 ? Json(m.in_force) : Json(nullptr);
  return out;
}

}  // namespace proofload
