#include "answers/notes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/screen.h"
#include "base/words.h"
#include "input/prices.h"
#include "input/values.h"
#include "scenario/heston_step.h"

namespace proofload {
namespace {

constexpr double largest_ratio = 3.0;    // of a median delay and the horizon of the fit
constexpr std::size_t routes_named = 3;  // the others are counted

std::string replay_text(const ReplaySpec& replay, double horizon) {
  const std::string file = clipped(std::filesystem::path(replay.file).filename().string(), 50);
  const auto moment = [](const std::string& text, const char* otherwise) {
    return text.empty() ? std::string(otherwise) : time_text(parse_time(text));
  };
  if (replay.random) {
    return fmt::format("the prices of {} from a random row on ({} of them, between {} and {})", file, replay.calls,
                       moment(replay.from, "its beginning"), moment(replay.to, "its end"));
  }
  const auto start = parse_time(replay.start);
  return fmt::format("the prices of {} from {} to {}", file, time_text(start),
                     time_text(start + static_cast<std::int64_t>(std::ceil(horizon))));
}

/// A delay as an option takes it, in whole units: "5h".
std::string whole_duration(double seconds) {
  constexpr std::pair<double, char> units[] = {{86400.0, 'd'}, {3600.0, 'h'}, {60.0, 'm'}};
  for (const auto& [size, unit] : units) {
    if (seconds >= 1.5 * size) return fmt::format("{:.0f}{}", seconds / size, unit);
  }
  return fmt::format("{:.0f}s", std::max(1.0, seconds));
}

struct MedianDelay {
  std::string route;
  double seconds;  ///< the scenario's horizon where the median lies beyond it
};

/// Of the routes over which somebody sells.
std::vector<MedianDelay> median_delays(const Scenario& scenario, const Answers& all) {
  std::vector<MedianDelay> delays;
  for (const auto& route : all.routes) {
    const auto& c = all.collateral;
    if (std::none_of(c.begin(), c.end(), [&](const auto& one) { return one.route == route.name; })) continue;
    delays.push_back({route.name, route.p50.value_or(scenario.run.horizon)});
  }
  return delays;
}

}  // namespace

std::string stress_text(const Scenario& scenario) {
  const StressSpec& s = scenario.stress;
  std::vector<std::string> parts;
  if (s.replay) parts.push_back(replay_text(*s.replay, scenario.run.horizon));
  if (s.volatility != 1.0) parts.push_back(fmt::format("volatility times {:g}", s.volatility));
  if (s.correlation != 0.0) parts.push_back(fmt::format("correlation {:g} of the way to 1", s.correlation));
  if (s.drift != 0.0) parts.push_back(fmt::format("drift {:+g} a year", s.drift));
  if (s.depth != 1.0) parts.push_back(fmt::format("depth divided by {:g}", s.depth));
  if (s.delays != 1.0) parts.push_back(fmt::format("delays times {:g}", s.delays));
  if (s.hazards != 1.0) parts.push_back(fmt::format("hazards times {:g}", s.hazards));
  for (const auto& shock : s.shocks) {
    parts.push_back(
        fmt::format("{} {:+g} % at {}", clipped(shock.asset, 24), 100.0 * shock.size, rounded_duration(shock.at)));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string market_text(const Scenario& scenario) {
  const MarketSpec& m = scenario.market;
  if (scenario.stress.replay) return "as recorded";
  std::string text;
  switch (m.variance.kind) {
    case VarianceKind::constant: text = "constant volatility"; break;
    case VarianceKind::heston:
      text = "heston";
      if (const double step = grid_step(scenario); step > 0.0) text += ", steps of " + duration_text(step);
      break;
    case VarianceKind::gjr_garch:
      text = fmt::format("gjr_garch {}, bars of {}",
                         m.variance.forecast.empty() ? "in its stationary law" : "from a forecast of the first bar",
                         duration_text(m.variance.bar));
      break;
  }
  switch (m.innovation.kind) {
    case InnovationKind::gaussian: text += "; gaussian shocks"; break;
    case InnovationKind::student_t: text += fmt::format("; student_t shocks, dof {:g}", m.innovation.dof); break;
    case InnovationKind::bootstrap:
      text += fmt::format("; shocks from {} rows of {}", m.innovation.rows.size(), duration_text(m.innovation.bar));
      break;
  }
  if (m.jumps) text += "; merton jumps";
  if (!m.factors.empty()) text += fmt::format("; {} factors", m.factors[0].size());
  return text;
}

std::string in_force_text(const Scenario& scenario, const Compiled& compiled) {
  const std::string time = duration_text(scenario.run.in_force);
  if (!(scenario.run.in_force > 0.0)) return {};
  if (compiled.ages.empty())
    return fmt::format(
        "in force for {}: the variance does not hang on when a haircut was set ({}), so that every age of it is the "
        "same",
        time,
        scenario.market.variance.kind == VarianceKind::constant ? "it is constant" : "it starts in its stationary law");
  std::uint64_t steps = 0;
  for (const std::uint32_t age : compiled.ages) steps += age;
  std::string text = fmt::format(
      "in force for {}: {} ages share the paths, {} each, which step {} times before the call on average, up to {}",
      time, compiled.ages.size(), grouped(scenario.run.paths / compiled.ages.size()),
      grouped(steps / compiled.ages.size()), grouped(compiled.ages.back()));
  if (!state_text(scenario).empty())
    text += "; what [state] says of outages is taken for the time of each call, however late";
  return text;
}

std::string systemic_text(const Scenario& scenario) {
  const SystemicSpec& s = scenario.systemic;
  std::vector<std::string> parts;
  const auto loading = [&](const char* what, double x) {
    if (x != 0.0) parts.push_back(fmt::format("{} {:g}", what, x));
  };
  loading("delays", s.delays);
  loading("volatility", s.volatility);
  loading("hazards", s.hazards);
  loading("outages", s.outages);
  if (!s.prices.empty()) {
    const auto [least, most] = std::minmax_element(s.prices.begin(), s.prices.end());
    if (*least == *most) loading("prices", *least);
    if (*least != *most) parts.push_back(fmt::format("prices {:g} to {:g}", *least, *most));
  }
  std::string text;
  if (!parts.empty()) text = fmt::format("stress factor with loadings {}", fmt::join(parts, ", "));
  if (s.copula_dof > 0.0)
    text += fmt::format("{}delays with a Student copula, dof {:g}", text.empty() ? "" : "; ", s.copula_dof);
  return text;
}

std::string state_text(const Scenario& scenario) {
  const StateSpec& s = scenario.state;
  std::vector<std::string> parts;
  const auto down = [&](const auto& all, const char* how) {
    for (const auto& one : all) {
      parts.push_back(fmt::format("{} {} for {}{}", clipped(one.name, 40), how, rounded_duration(one.since),
                                  one.outage.empty() ? "" : " (" + clipped(one.outage, 40) + ")"));
    }
  };
  down(s.halted, "halted");
  down(s.paused, "paused");
  for (const auto& name : s.running) parts.push_back(clipped(name, 40) + " running");
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string partial_text(const Results& r) {
  const std::uint64_t wanted = r.scenario.run.paths;
  if (r.range.count < wanted) return fmt::format("{} of {} paths", grouped(r.range.count), grouped(wanted));
  const int blocks = r.scenario.uncertainty.given ? r.scenario.uncertainty.blocks : 0;
  if (r.blocks && std::cmp_less(r.blocks->done, blocks))
    return fmt::format("all paths, {} of {} blocks of [uncertainty]", r.blocks->done, blocks);
  return {};
}

std::string checksum_text(const Results& r) {
  return r.has_checksum ? "" : "none (another program wrote the file anew: damage to it may not show)";
}

std::string uncertainty_text(const Scenario& scenario) {
  const UncertaintySpec& u = scenario.uncertainty;
  if (!u.given) return {};
  std::vector<std::string> parts;
  if (u.volatility > 0.0) parts.push_back(fmt::format("volatility ({:g} %)", 100.0 * u.volatility));
  if (u.dof > 0.0) parts.push_back(fmt::format("degrees of freedom ({:g})", u.dof));
  if (u.correlation > 0.0) parts.push_back(fmt::format("correlation ({:g})", u.correlation));
  if (u.delays > 0.0) parts.push_back(fmt::format("median delays ({:g} %)", 100.0 * u.delays));
  constexpr std::size_t hazards_named = 6;
  for (std::size_t i = 0; i < std::min(hazards_named, u.hazards.size()); ++i) {
    const auto& h = u.hazards[i];
    parts.push_back(fmt::format("the hazard of {} ({:g} event{} in {:g} years)", clipped(h.layer, 40), h.events,
                                h.events == 1.0 ? "" : "s", h.years));
  }
  if (u.hazards.size() > hazards_named) parts.push_back(counted(u.hazards.size() - hazards_named, "more hazard"));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string interval_text(const Results& r, const Answers& all) {
  const std::string level = fmt::format("Intervals ({}, two-sided)", share_text(r.scenario.run.interval, 4));
  const std::string unknown = uncertainty_text(r.scenario);
  if (unknown.empty()) return level + " hold the simulation error only, not that of the model or its data.";
  const bool blocks = std::any_of(all.collateral.begin(), all.collateral.end(), [](const auto& c) {
    return std::any_of(c.haircuts.begin(), c.haircuts.end(), [](const auto& h) { return h.parameter_low.has_value(); });
  });
  const std::string beyond =
      blocks
          ? fmt::format(
                " hold the simulation error only; those between par. low and par. high, from {} blocks of paths "
                "with one draw each, hold what is not known of the parameters too.",
                all.blocks)
          : " hold the simulation error only: the blocks of paths that would add what is not known of the parameters "
            "were not run, or are too few or too short.";
  return fmt::format(
      "Figures are predictive: each path draws what is not known of {}{}. {}{} None holds the error of the "
      "model.",
      unknown, r.scenario.uncertainty.correlation > 0.0 ? " (correlation: in blocks only)" : "", level, beyond);
}

namespace {

/// Inside a bar a bootstrapped path is a Brownian bridge and a replayed one a straight line: both lack the tails of so
/// short a time.
std::string bar_note(const Results& r, const Answers& all, double bar, const char* inside, const char* remedy) {
  std::string routes;
  for (const auto& [route, delay] : median_delays(r.scenario, all)) {
    if (delay * largest_ratio < bar)
      routes += fmt::format("{}{} ({})", routes.empty() ? "" : ", ", route, rounded_duration(delay));
  }
  if (routes.empty()) return {};
  return fmt::format(
      "the median delay of {} is far shorter than the bars of {} (inside a bar the price {}: these haircuts are too "
      "small) {}",
      routes, duration_text(bar), inside, remedy);
}

}  // namespace

std::string tail_note(const Results& r, const Answers& all) {
  const InnovationSpec& innovation = r.scenario.market.innovation;
  if (r.scenario.stress.replay) {
    return bar_note(r, all, r.scenario.stress.replay->bar, "goes in a straight line", "bring prices with shorter bars");
  }
  if (innovation.kind == InnovationKind::bootstrap)
    return bar_note(r, all, innovation.bar, "is a Brownian bridge, without fat tails", "fit to shorter bars");
  if (innovation.kind != InnovationKind::student_t || !innovation.horizon ||
      r.scenario.market.variance.kind == VarianceKind::gjr_garch)
    return {};
  const double fitted = *innovation.horizon;
  std::string routes;
  std::size_t longer = 0, shorter = 0;
  double least = r.scenario.run.horizon, greatest = 0.0;
  for (const auto& [route, delay] : median_delays(r.scenario, all)) {
    least = std::min(least, delay);
    greatest = std::max(greatest, delay);
    if (delay <= largest_ratio * fitted && fitted <= largest_ratio * delay) continue;
    ++(delay > fitted ? longer : shorter);
    if (longer + shorter > routes_named) continue;
    routes += fmt::format("{}{} is {}", routes.empty() ? "of route " : ", of ", route, rounded_duration(delay));
  }
  const std::size_t off = longer + shorter;
  if (off == 0) return {};
  if (off > routes_named) routes += fmt::format(", and {} more are as far off", off - routes_named);
  const char* error = longer == 0 ? "tails are fatter at shorter horizons: these haircuts are too small"
                      : shorter == 0
                          ? "tails thin out with the horizon: these haircuts are too large"
                          : "tails thin out with the horizon: haircuts are too small for shorter delays and too "
                            "large for longer ones";
  // In the middle of all delays, so that as many as can be are near it.
  const std::string advice = fmt::format("fit at a horizon near {}",
                                         whole_duration(std::sqrt(std::max(1.0, least) * std::max(1.0, greatest))));
  return fmt::format("the degrees of freedom were fitted at {}, and the median delay {} ({}) {}{}",
                     duration_text(fitted), routes, error, advice,
                     greatest > largest_ratio * largest_ratio * least ? ", or better once for each kind of delay" : "");
}

}  // namespace proofload
