// `proofload fit`.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json_number.h"
#include "base/tell.h"
#include "base/words.h"
#include "base/write_file.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "input/values.h"
#include "market/fit_prices.h"
#include "run/backend.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;
using std::string, std::vector;

struct FitArguments {
  vector<string> prices, assets, weights, latency_columns;
  string model = "gjr_garch", correlation = "mixed", stamps = "closing", horizon, bar, from, to, output, in_force,
         latencies, volatility_window, trailing_window;
  std::size_t factors = 0;
  int threads = 0;
  bool json = false, force = false, any_time = false;
};

/// "20m" -> 1200.
std::int64_t whole_seconds(const char* option, const string& text) {
  if (text.empty()) return 0;
  const double seconds = parse_duration(text).value_or(0.0);
  if (!(seconds >= 1.0 && seconds < 1e9) || seconds != std::floor(seconds)) {
    throw Error(
        fmt::format("{} {} (a duration is a number with a unit: s, m, h or d, or several of them, in whole "
                    "seconds) write {} 1h, say",
                    option, text, option));
  }
  return static_cast<std::int64_t>(seconds);
}

/// "BTC=0.6" for every asset.
vector<double> weights_of(const vector<string>& texts, const vector<string>& names) {
  if (texts.empty()) return {};
  vector<double> weights(names.size(), std::numeric_limits<double>::quiet_NaN());
  for (const auto& text : texts) {
    const auto equals = text.rfind('=');
    const auto at = std::find(names.begin(), names.end(), text.substr(0, equals));
    const char* number = equals == string::npos ? "" : text.c_str() + equals + 1;
    char* rest = nullptr;
    const double value = std::strtod(number, &rest);
    if (at == names.end() || rest == number || *rest != 0 || !(value >= 0.0) || !std::isfinite(value)) {
      throw Error(
          fmt::format("--weights {} (a weight is NAME=NUMBER, with the name of a fitted asset) write --weights {}=0.6",
                      text, names[0]));
    }
    weights[static_cast<std::size_t>(at - names.begin())] = value;
  }
  double sum = 0.0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (std::isnan(weights[i]))
      throw Error(
          fmt::format("--weights leaves out {} (the index needs every asset's) add {}=0.1, say", names[i], names[i]));
    sum += weights[i];
  }
  if (!(sum > 0.0)) throw Error("--weights are all zero (an index of nothing) give capitalisations");
  return weights;
}

void read_latency_options(const FitArguments& a, FitOptions& options) {
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
  options.latency_columns.any_time = a.any_time;
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

/// Both files that are to be written, looked at before the fit. What is wrong is said of the name that was given.
void check_output(const FitArguments& a) {
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
  const string name = output.filename().string();
  if (input::shown_name(name) != name)
    throw Error(
        fmt::format("-o {} is not plain UTF-8 (the section names the file of residuals beside it, and TOML is) "
                    "choose another name",
                    input::shown_name(a.output)));
  for (const fs::path& file : {output, beside}) {
    const auto status = fs::status(file, ignored);
    if (fs::exists(status) && !fs::is_regular_file(status))
      throw Error(fmt::format("-o {} cannot be used ({} is {}) choose another name", a.output, file.string(),
                              fs::is_directory(status) ? "a folder" : "not a regular file"));
    require_writable(file, file == output ? "the market section" : "the residuals");
  }
  require_ours(a.output, a.force, {section_mark});
  if (!a.force && !fs::exists(output, ignored) && fs::exists(beside, ignored))
    throw Error(
        fmt::format("-o {} puts residuals in {} (which exists, and belongs to no section of that name) choose "
                    "another name, or replace it with --force",
                    a.output, beside.string()));
}

/// A section that a scenario would refuse is not written.
void check_names(const FittedMarket& market) {
  for (const auto& asset : market.assets) {
    input::Report report;
    if (!input::is_utf8(asset.name) ||
        !input::check_name(report, {std::make_shared<const input::Source>(input::Source{"-o", {}}), 0}, "the asset",
                           asset.name))
      throw Error(
          fmt::format("asset {} (a scenario has no room for such a name: 1 to 64 characters of UTF-8, none of them a "
                      "control character) rename the column, or say NAME=file:column",
                      in_quotes(asset.name)));
  }
}

int fit_command(const FitArguments& a) {
  FitOptions options;
  for (const string& price : a.prices) options.prices.push_back(price_source(price));
  options.any_time = a.any_time;
  options.opening = stamps_open(a.stamps);
  options.assets = a.assets;
  options.model = a.model;
  options.correlation = a.correlation;
  options.bar = whole_seconds("--bar", a.bar);
  options.horizon = whole_seconds("--horizon", a.horizon);
  options.in_force = whole_seconds("--in-force", a.in_force);
  if (!a.from.empty()) options.from = parse_time(a.from);
  if (!a.to.empty()) options.to = parse_time(a.to);
  if (options.from && options.to) check_range(*options.from, *options.to);
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
  if (!a.output.empty()) check_names(fit.market);
  print(a.json ? json_text(fit_json(fit.market)) : fit_text(fit.market));
  if (a.output.empty()) {
    if (!a.json) tell("not saved: add -o market.toml for a section that a scenario includes\n");
    return 0;
  }
  if (!fit.residuals.empty()) {  // first, so that the section never names a file that is not there
    write_file(residual_path, fit.residuals, "the residuals");
    tell(fmt::format("wrote {}\n", residual_path.string()));
  }
  write_file(output, market_toml(fit.market), "the market section");
  tell(fmt::format("wrote {}\n", output.string()));
  return 0;
}

}  // namespace

void add_fit(CLI::App& app, int& status) {
  auto a = std::make_shared<FitArguments>();
  app.add_option("PRICES", a->prices, "CSV files (-: standard input), or NAME=file:column")->required();
  app.add_flag("--any-time", a->any_time, "times before 1990 and after tomorrow are no mistakes");
  app.add_option("--assets", a->assets, "columns to fit (default: all)")->delimiter(',');
  app.add_option("--horizon", a->horizon, "delay that matters: returns over it (default: bar)");
  app.add_option("--model", a->model, "gaussian, student_t, gjr_garch (default), bootstrap, merton or heston");
  app.add_option("--from", a->from, "only prices from this time on, 2021-01-01 say");
  app.add_option("--to", a->to, "only prices before this time");
  add_stamps(app, a->stamps);
  app.add_option("--bar", a->bar, "coarser bars than the files': 1h");
  app.add_option("--in-force", a->in_force, "for how long its haircuts will stay set: 7d")
      ->check(named("no time is given"));
  app.add_option("--correlation", a->correlation, "mixed (the mean, default), recent (60 days) or whole");
  app.add_option("--factors", a->factors, "so many factors in place of the full correlation")->check(digits());
  app.add_option("--weights", a->weights, "of the volatility index: BTC=0.6,ETH=0.4 (equal)")->delimiter(',');
  add_threads(app, a->threads);
  app.add_option("--latencies", a->latencies, "transfers (CSV): loadings of the stress factor");
  app.add_option("--latency-columns", a->latency_columns, "time=NAME,delay=NAME[,status=NAME][,group=NAME]")
      ->delimiter(',');
  app.add_option("--volatility-window", a->volatility_window, "volatility is read so long from the sending (1h)");
  app.add_option("--trailing-window", a->trailing_window, "against so long before (1d or none, by model)");
  app.add_option("-o,--output", a->output, "the section (TOML); beside it its .residuals.csv")->check(named());
  add_force(app, a->force);
  app.add_flag("--json", a->json, "the report for programs");
  app.callback([a, &status] { status = fit_command(*a); });
}

}  // namespace proofload
