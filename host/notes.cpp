#include "notes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>
#include <vector>

#include "prices.h"
#include "table.h"
#include "values.h"

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

std::string rounded_duration(double seconds) {
  if (seconds < 120.0) return fmt::format("{:.1f} s", seconds);
  if (seconds < 2.0 * 3600.0) return fmt::format("{:.1f} min", seconds / 60.0);
  if (seconds < 2.0 * 86400.0) return fmt::format("{:.1f} h", seconds / 3600.0);
  return fmt::format("{:.1f} d", seconds / 86400.0);
}

std::string wrapped(const std::string& text, std::size_t indent) {
  const std::size_t first = std::min(text.find_first_not_of(' '), text.size());
  std::string out, line(first, ' '), between;
  for (std::size_t at = first; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (!between.empty() && columns(line) + 1 + columns(word) > line_width) {
      out += line + "\n";
      line.assign(indent, ' ');
      between.clear();
    }
    line += between + word;
    between = " ";
    at = end + 1;
  }
  return out + line + "\n";
}

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

std::string tail_note(const Results& r, const Answers& all) {
  const InnovationSpec& innovation = r.scenario.market.innovation;
  if (innovation.kind != InnovationKind::student_t || !innovation.horizon || r.scenario.stress.replay ||
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
  const std::string advice =
      fmt::format("fit with --horizon {}", whole_duration(std::sqrt(std::max(1.0, least) * std::max(1.0, greatest))));
  return fmt::format("the degrees of freedom were fitted at {}, and the median delay {} ({}) {}{}",
                     input::duration_text(fitted), routes, error, advice,
                     greatest > largest_ratio * largest_ratio * least ? ", or better once for each kind of delay" : "");
}

}  // namespace proofload
