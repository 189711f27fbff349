// `proofload backtest`.
#include "base/json_number.h"
#include "base/screen.h"
#include "base/version.h"
#include "commands/commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/quantity.h"
#include "base/suggestion.h"
#include "base/words.h"
#include "base/write_file.h"
#include "commands/options.h"
#include "market/backtest_show.h"
#include "market/backtest_verdict.h"
#include "market/in_force.h"
#include "scenario/reader.h"

namespace proofload {
namespace {

constexpr std::uint64_t delay_paths = 1 << 18;  // of the scenario, for the law of its delays

struct BacktestArguments {
  std::string scenario;
  std::vector<std::string> prices, models = {"gaussian", "student_t", "historical", "gjr_garch", "fhs", "recommended"},
                                   assets;
  std::string delta, window = "90d", refit = "1d", floor = "3650d", phase, bar, from, to, json, in_force, policy,
                     windows, stamps = "closing";
  bool force = false, any_time = false;
  double buffer = 0.25, stressed_weight = 0.25;
  std::uint64_t seed = 1;
  std::size_t paths = 20000;
  int threads = 0;
};

double fraction(const std::string& option, double value) {
  if (!(value >= 0.0 && value <= 1.0))
    throw Error(fmt::format("{} {} (it is a share of the haircut) give 0 to 1", option, value));
  return value;
}

/// Distinct, in the order given.
std::vector<std::string> distinct(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const auto& n : names) {
    if (std::find(out.begin(), out.end(), n) == out.end()) out.push_back(n);
  }
  return out;
}

std::vector<BacktestSubject> subjects_of(const Scenario& scenario, const BacktestArguments& a, bool given) {
  std::vector<BacktestSubject> all;
  const auto asked = distinct(a.assets);
  const auto wanted = [&](const std::string& asset) {
    return asked.empty() || std::find(asked.begin(), asked.end(), asset) != asked.end();
  };
  if (given) {
    std::vector<std::string> assets = asked;
    for (const auto& c : scenario.collateral) {
      if (asked.empty()) assets.push_back(c.asset);
    }
    for (const auto& asset : distinct(assets)) all.push_back({asset, asset, 0});
    return all;
  }
  for (const auto& c : scenario.collateral) {
    if (!wanted(c.asset)) continue;
    const auto route =
        std::find_if(scenario.routes.begin(), scenario.routes.end(), [&](const auto& r) { return r.name == c.route; });
    all.push_back({c.name, c.asset, static_cast<std::size_t>(route - scenario.routes.begin())});
  }
  for (const auto& asset : asked) {
    const auto has = [&](const BacktestSubject& s) { return s.asset == asset; };
    if (std::any_of(all.begin(), all.end(), has)) continue;
    throw Error(fmt::format(
        "--assets {} (no collateral of the scenario is {}, so it has no delay) add --delta 1h, say, or a collateral",
        asset, asset));
  }
  return all;
}

std::string horizon_text(const DelayTrack& track, std::int64_t bar) {
  double mean = 0.0, below = 0.0, median = 0.0;
  for (std::size_t i = 0; i < track.horizon.bars.size(); ++i) {
    mean += track.horizon.weight[i] * track.horizon.bars[i];
    if (below < 0.5) median = track.horizon.bars[i];
    below += track.horizon.weight[i];
  }
  const double minutes = static_cast<double>(bar) / 60.0;
  if (track.horizon.bars.size() == 1)
    return fmt::format("{} ({:.6g} min, {})", track.name, median * minutes,
                       counted(std::uint64_t(track.horizon.bars[0]), "bar"));
  return fmt::format("{} (median {:g} min, mean {:.0f} min, at most {:g} min)", track.name, median * minutes,
                     mean * minutes, track.horizon.bars.back() * minutes);
}

/// "0", "0h", ...: a duration that duration_given() would refuse.
bool is_zero(const std::string& text) { return text == "0" || parse_duration(text, true) == 0.0; }

/// How haircuts stay set; nothing where every window has its own.
std::optional<HaircutPolicy> policy_of(const BacktestArguments& a) {
  if (!a.in_force.empty() && !a.policy.empty())
    throw Error("--in-force and --policy (both say how often a haircut is set) write review in the policy");
  if (!a.policy.empty()) return read_policy(a.policy);
  if (a.in_force.empty() || is_zero(a.in_force)) return std::nullopt;
  return renewed_every(duration_given("--in-force", a.in_force));
}

/// Seconds that a haircut stays at least, once it is set: what models of haircuts in force are made for.
double least_in_force(const HaircutPolicy& p) {
  if (p.up.never || p.down.never) return std::max(p.review, p.up.never ? p.down.delay : p.up.delay);
  return std::max(p.review, std::min(p.up.delay, p.down.delay));
}

nlohmann::ordered_json policy_json(const HaircutPolicy& p) {
  const auto move = [](const HaircutMove& m) {
    return nlohmann::ordered_json{{"never", m.never}, {"step", json_number(m.step)}, {"delay_seconds", m.delay}};
  };
  return {{"name", p.name},   {"review_seconds", p.review}, {"multiple", p.multiple},
          {"up", move(p.up)}, {"down", move(p.down)},       {"says", policy_text(p)}};
}

/// A haircut that could not move once in all the windows, which span so many seconds, would be a test of the first
/// forecast alone.
void check_span(const BacktestArguments& a, const HaircutPolicy& policy, double span, std::int64_t bar) {
  const std::string option = a.policy.empty() ? "--in-force " + a.in_force : "--policy " + a.policy;
  const auto slow = [&](const HaircutMove& m) { return m.never || m.delay >= span; };
  if (policy.review >= span || (slow(policy.up) && slow(policy.down))) {
    throw Error(
        fmt::format("{} (the windows that can be tested span {}, in which no haircut would be set twice) give a "
                    "longer history or less time",
                    option, rounded_duration(std::max(span, 0.0))));
  }
  if (policy.review > 0.0 && policy.review < static_cast<double>(bar)) {
    throw Error(fmt::format("{} (prices are {} apart, so nothing is known to set it so often) give {} or more", option,
                            duration_text(double(bar)), duration_text(double(bar))));
  }
}

/// A day that begins at midnight is one of many: over a day and more the hour matters, and all are looked at.
bool every_phase(const BacktestArguments& a, const std::vector<DelayTrack>& tracks, std::int64_t bar) {
  const int length = tracks[0].horizon.bars[0];
  return !a.delta.empty() && a.phase.empty() && length > 1 && length * bar >= seconds_per_day;
}

/// What was tested, on what, and what was left out.
std::string heading(const Scenario& scenario, const BacktestArguments& a, const PriceHistory& prices,
                    const std::vector<DelayTrack>& tracks, const std::vector<SubjectHistory>& walked,
                    const std::optional<HaircutPolicy>& policy, double seconds) {
  std::string text;
  const auto say = [&](const std::string& words) { text += wrapped(words, 2); };
  say(fmt::format("{}: backtest, seed {}, {}, {:.1f} s", clipped(scenario.name, 50), a.seed, engine_version(),
                  seconds));
  say(fmt::format("{} of {} from {} to {}; fitted to {}, every {}", counted(prices.rows(), "bar"),
                  duration_text(double(prices.bar)), time_text(prices.start), time_text(prices.time(prices.rows() - 1)),
                  a.window, a.refit));
  say(a.stamps == "opening"
          ? "Bars bear the time of their opening in the file; times here are those at which they close."
          : "Times of bars are taken for those of their closes; where they are those of their openings, as Binance's "
            "are, say --stamps opening.");
  const bool days = every_phase(a, tracks, prices.bar);
  say(fmt::format("Loss of the price alone over windows that do not overlap{}: no failures, basis or sale costs.",
                  days ? ", from each time of day at which one can begin" : ""));
  if (scenario.stress.delays != 1.0 && a.delta.empty())
    say(fmt::format("Delays are {:g} times the scenario's, as its [stress] says; the rest of it plays no part.",
                    scenario.stress.delays));
  if (policy) say(fmt::format("Haircuts in force ({}): {}.", clipped(policy->name, 40), policy_text(*policy)));
  for (const auto& r : prices.repairs) say("repaired: " + r);
  std::vector<bool> used(tracks.size(), false);
  for (const auto& s : walked) used[s.subject.track] = true;
  for (std::size_t t = 0; t < tracks.size(); ++t) {
    if (used[t]) say("delay: " + horizon_text(tracks[t], prices.bar));
  }
  for (const auto& s : walked) {
    std::string line = s.start.empty()
                           ? fmt::format("{}: NO window to test", s.subject.name)
                           : fmt::format("{}: {}, {} to {}", s.subject.name, counted(s.start.size(), "window"),
                                         time_text(s.start.front()), time_text(s.start.back()));
    line += fmt::format("; left out: {} without a price, {} before a full window", s.missing, s.warm_up);
    if (s.sparse > 0)
      line += fmt::format(", {} with prices on less than {:.0f} % of their history", s.sparse, 100.0 * least_known);
    if (s.still > 0) line += fmt::format(", {} whose price hardly moved in their history", s.still);
    say(line);
  }
  return text;
}

void backtest(const BacktestArguments& a) {
  require_ours(a.json, a.force, {json_mark});
  check_output_name("--windows", a.windows, ".csv");
  require_ours(a.windows, a.force, {windows_mark});
  const auto policy = policy_of(a);
  BacktestOptions options;
  options.window = duration_given("--window", a.window);
  options.refit = duration_given("--refit", a.refit);
  options.look_back = duration_given("--floor", a.floor);
  if (!a.phase.empty() && !is_zero(a.phase)) options.phase = duration_given("--phase", a.phase);
  PriceOptions reading{a.any_time};
  reading.opening = stamps_open(a.stamps);  // a close is known when its bar ends
  options.seed = a.seed;
  options.paths = a.paths;
  options.threads = a.threads > 0 ? a.threads : usable_threads();
  if (!a.from.empty()) options.from = parse_time(a.from);
  if (!a.to.empty()) options.to = parse_time(a.to);
  check_range(options.from, options.to);
  if (a.threads < 0 || a.threads > 4096) {
    throw Error(fmt::format("--threads {} (a thread count is 1 to 4096) leave it out to use every core", a.threads));
  }
  if (a.paths < 1000) throw Error(fmt::format("--paths {} (too few for a 99.9 % quantile) give 1000 or more", a.paths));
  VerdictOptions judging;
  judging.buffer = fraction("--buffer", a.buffer);
  judging.stressed_weight = fraction("--stressed-weight", a.stressed_weight);
  judging.seed = a.seed;
  // the baseline is always among the models: pinball losses are relative to it
  options.models = {judging.baseline};
  for (const auto& name : a.models) options.models.emplace_back(forecast_model(name).name);
  options.models = distinct(options.models);

  const auto begun = std::chrono::steady_clock::now();
  const Scenario scenario = read_scenario(a.scenario);
  const auto subjects = subjects_of(scenario, a, !a.delta.empty());
  std::vector<std::string> assets;
  for (const auto& s : subjects) assets.push_back(s.asset);
  std::vector<PriceSource> sources;
  for (const std::string& price : a.prices) sources.push_back(price_source(price));
  PriceHistory prices = read_prices(sources, distinct(assets), reading);
  if (!a.bar.empty())
    prices = resample(prices, static_cast<std::int64_t>(std::llround(duration_given("--bar", a.bar))));
  if (options.window < 60.0 * double(prices.bar)) {
    throw Error(fmt::format("--window {} (it holds fewer than 60 bars of {}, which tell nothing of a tail) lengthen it",
                            a.window, duration_text(double(prices.bar))));
  }
  std::vector<DelayTrack> tracks;
  if (a.delta.empty()) {
    tracks = delay_tracks(scenario, prices.bar, delay_paths, a.seed);
  } else {
    tracks.push_back({a.delta, fixed_horizon(duration_given("--delta", a.delta), prices.bar)});
  }
  if (!a.phase.empty() &&
      std::none_of(tracks.begin(), tracks.end(), [](const DelayTrack& t) { return t.horizon.bars.size() == 1; })) {
    throw Error("--phase (windows of random lengths begin where the one before ends) give --delta, or leave it out");
  }
  if (policy) {
    // at most: what lies before the first window, and outside of --from and --to, is looked at when they are known
    check_span(a, *policy, static_cast<double>(prices.time(prices.rows() - 1) - prices.start) - options.window,
               prices.bar);
    options.in_force = least_in_force(*policy);
  }
  options.every_phase = every_phase(a, tracks, prices.bar);
  auto walked = walk(prices, tracks, subjects, options);
  std::vector<std::vector<SubjectHistory>> phases;
  if (options.every_phase) {
    phases = split_phases(walked, tracks[0].horizon.bars[0], prices.bar);
    for (std::size_t i = 0; i < walked.size(); ++i) {  // what was left out was counted for all phases together
      auto& first = phases.front()[i];
      first.missing = walked[i].missing;
      first.warm_up = walked[i].warm_up;
      first.sparse = walked[i].sparse;
      first.still = walked[i].still;
      walked[i] = first;
    }
    for (auto& phase : phases) std::erase_if(phase, [](const SubjectHistory& s) { return s.start.empty(); });
  }
  std::vector<SubjectHistory> tested = walked;
  std::erase_if(tested, [](const SubjectHistory& s) { return s.start.empty(); });
  if (tested.empty())
    throw Error(
        "--delta (between --from and --to no window of its length begins at its multiples) give --phase, or a "
        "longer history");
  if (policy) {
    std::int64_t span = 0;
    for (const auto& s : tested) span = std::max(span, s.start.back() - s.start.front());
    check_span(a, *policy, static_cast<double>(span), prices.bar);
    hold(tested, *policy, static_cast<std::int64_t>(options.phase));
    if (policy->takes_all()) judging.in_force = policy->review;
    judging.block_days = 30.0;  // what a haircut in force goes through is as long as a crisis
    for (std::size_t p = 0; p < phases.size(); ++p) hold(phases[p], *policy, static_cast<std::int64_t>(p) * prices.bar);
  }
  const Verdict verdict = judge(tested, options.confidence, judging, phases);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  if (!a.json.empty()) {
    nlohmann::ordered_json j;
    j["scenario"] = scenario.name;
    j["engine"] = engine_version();
    j["seed"] = a.seed;
    j["prices"] = {{"files", a.prices},
                   {"bar_seconds", prices.bar},
                   {"first", time_text(prices.start)},
                   {"last", time_text(prices.time(prices.rows() - 1))},
                   {"repairs", prices.repairs}};
    j["stamps"] = a.stamps;
    j["phase"] = options.every_phase ? nullptr : nlohmann::ordered_json(options.phase);
    j["from"] = a.from.empty() ? nullptr : nlohmann::ordered_json(time_text(options.from));
    j["to"] = a.to.empty() ? nullptr : nlohmann::ordered_json(time_text(options.to));
    j["in_force"] = policy ? policy_json(*policy) : nullptr;
    j["window"] = a.window;
    j["refit"] = a.refit;
    j["delays"] = nlohmann::ordered_json::array();
    for (const auto& t : tracks)
      j["delays"].push_back({{"name", t.name}, {"bars", t.horizon.bars}, {"weight", t.horizon.weight}});
    j["collateral"] = nlohmann::ordered_json::array();
    for (const auto& s : walked) {
      j["collateral"].push_back({{"name", s.subject.name},
                                 {"asset", s.subject.asset},
                                 {"delay", tracks[s.subject.track].name},
                                 {"windows", s.start.size()},
                                 {"missing", s.missing},
                                 {"warm_up", s.warm_up},
                                 {"sparse", s.sparse},
                                 {"still", s.still}});
    }
    j.update(verdict_json(verdict));
    write_file(a.json, json_text(j) + "\n", "the backtest");
  }
  if (!a.windows.empty()) {
    if (phases.empty()) phases.push_back(tested);
    write_file(a.windows, windows_csv(phases, options.confidence, prices.bar), "the windows");
  }
  print(verdict_table(verdict, heading(scenario, a, prices, tracks, walked, policy, seconds), prices.bar));
}

}  // namespace

void add_backtest(CLI::App& app, int&) {
  auto a = std::make_shared<BacktestArguments>();
  app.add_option("SCENARIO", a->scenario, "scenario file (TOML): whose collateral and delays")->required();
  app.add_flag("--any-time", a->any_time, "times before 1990 and after tomorrow are no mistakes");
  app.add_option("PRICES", a->prices, "CSV files (-: standard input), or NAME=file:column")->required();
  std::string names;
  for (const auto& m : forecast_models()) names += (names.empty() ? "" : " ") + std::string(m.name);
  names += " (recommended)";  // the last
  app.add_option("--models", a->models, names)->delimiter(',');
  app.add_option("--assets", a->assets, "only these (default: the scenario's collateral)")->delimiter(',');
  app.add_option("--delta", a->delta, "one delay for all: 20m (default: the routes' laws)");
  app.add_option("--phase", a->phase, "begin so long after multiples of --delta");
  add_stamps(app, a->stamps);
  app.add_option("--in-force", a->in_force, "haircuts stay set so long: 7d (default: a window)");
  app.add_option("--policy", a->policy, "how they may move: a file, proofload:NAME")->check(named());
  app.add_option("--window", a->window, "history that models are fitted to (90d)");
  app.add_option("--refit", a->refit, "time between fits (1d); variances follow every bar");
  app.add_option("--bar", a->bar, "use every so many of the prices (default: all)");
  app.add_option("--from", a->from, "first window that is tested, 2021-01-01 say");
  app.add_option("--to", a->to, "windows from here on are not tested");
  app.add_option("--seed", a->seed, "of delays, simulated forecasts and tests");
  app.add_option("--paths", a->paths, "of a forecast that must be simulated (20000)");
  add_threads(app, a->threads);
  app.add_option("--buffer", a->buffer, "EMIR Art. 28 (a): more in quiet times (0.25)");
  app.add_option("--stressed-weight", a->stressed_weight, "Art. 28 (b): weight of the worst window (0.25)");
  app.add_option("--floor", a->floor, "Art. 28 (c): look-back of the floor (3650d)");
  add_force(app, a->force);
  app.add_option("--windows", a->windows, "write every window to this CSV file")->check(named());
  app.add_option("--json", a->json, "write everything to this file too")->check(named());
  app.callback([a] { backtest(*a); });
}

}  // namespace proofload
