/// fit_systemic_show.cpp -- the fitted loadings of the stress factor for people, for programs (JSON) and for scenarios
/// (TOML).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/table.h"
#include "base/words.h"
#include "input/values.h"
#include "market/fit_systemic.h"

namespace proofload {
namespace {

using std::string;
using Json = nlohmann::ordered_json;

string source_text(const SystemicFit& f) {
  return fmt::format("{}: {} of {}, on {}, {} to {}{}", f.file, grouped(std::uint64_t(f.used)),
                     counted(std::uint64_t(f.rows), "transfer"), counted(std::uint64_t(f.days), "day"),
                     time_text(f.first), time_text(f.last),
                     f.groups > 1 ? fmt::format(", ranked within {} groups", f.groups) : "");
}

/// What volatility is, in words.
string measure_text(const SystemicFit& f) {
  const string over = fmt::format("realised volatility over {} from the sending on ({})",
                                  duration_text(double(f.window)), counted(std::uint64_t(f.window / f.bar), "bar"));
  if (f.trailing == 0) return over + ", whatever volatility was before";
  return over + fmt::format(", without what the {} before already foretold (its log volatility, times {:.2f})",
                            duration_text(double(f.trailing)), f.beta);
}

/// A loading of n stages alike whose sum has the loading a: b = a / sqrt(n - (n - 1) a^2).
string stages_text(const SystemicFit& f) {
  const double a = f.delays.value;
  return fmt::format(
      "The loading of delays is of the whole delay, and a scenario loads every stage with it: where the "
      "delay is a sum of n stages alike, write delays / sqrt(n - (n - 1) * delays^2) instead ({:.3f} "
      "for 3 stages), or the whole delay loads too much.",
      a / std::sqrt(3.0 - 2.0 * a * a));
}

string interval_text(const SystemicLoading& l) {
  return fmt::format("{:.3f} ({:.2g}), {:g} % interval {:.3f} to {:.3f}", l.value, l.error, 100.0 * systemic_level,
                     l.low, l.high);
}

string written(double x) { return number_text(std::round(x * 1e4) / 1e4); }

}  // namespace

string systemic_fit_toml(const SystemicFit& f) {
  string out = "\n# ---- stress factor: what makes delays and volatility go together\n";
  out += fmt::format("# {}.\n# {}.\n", source_text(f), measure_text(f));
  for (const auto& note : f.notes) out += "# " + note + "\n";
  out += fmt::format(
      "[systemic]\n"
      "# {}. Of the whole delay; a scenario loads every stage with it, and a sum of n stages alike has\n"
      "# this one when each is loaded with delays / sqrt(n - (n - 1) * delays^2).\n"
      "delays = {}\n# {}\nvolatility = {}\n",
      interval_text(f.delays), written(f.delays.value), interval_text(f.volatility), written(f.volatility.value));
  return out;
}

string systemic_fit_text(const SystemicFit& f) {
  string out = "\nStress factor: what makes delays and volatility go together\n";
  Table table({"loading", "estimate", "error", fmt::format("{:g} % from", 100.0 * systemic_level), "to"});
  for (const auto& [name, l] : {std::pair{"delays", f.delays}, {"volatility", f.volatility}}) {
    table.row({name, fmt::format("{:.3f}", l.value), fmt::format("{:.2g}", l.error), fmt::format("{:.3f}", l.low),
               fmt::format("{:.3f}", l.high)});
  }
  out += table.text();
  out += wrapped(fmt::format("  {}; {}.", source_text(f), measure_text(f)), 2);
  out += wrapped(
      fmt::format("  Scores of delays and log volatility have correlation {:.3f}; {} of the variance of log "
                  "volatility is no noise, and without noise it is {:.3f} (by ranks alone {:.3f}). Errors: days "
                  "drawn in blocks of {:.1f} on average.",
                  f.correlation, share_text(f.reliability, 2), f.delays.value, f.by_ranks, f.block_days),
      2);
  out += wrapped("  " + stages_text(f), 2);
  for (const auto& note : f.notes) out += wrapped("  " + note, 2);
  return out;
}

Json systemic_fit_json(const SystemicFit& f) {
  const auto loading = [](const SystemicLoading& l) {
    return Json{{"value", l.value}, {"error", l.error}, {"low", l.low}, {"high", l.high}, {"held", l.held}};
  };
  return {{"file", f.file},
          {"rows", f.rows},
          {"used", f.used},
          {"undelivered", f.undelivered},
          {"days", f.days},
          {"groups", f.groups},
          {"from", time_text(f.first)},
          {"to", time_text(f.last)},
          {"window_seconds", f.window},
          {"trailing_seconds", f.trailing == 0 ? Json(nullptr) : Json(f.trailing)},
          {"delays", loading(f.delays)},
          {"volatility", loading(f.volatility)},
          {"interval", systemic_level},
          {"correlation", f.correlation},
          {"reliability", f.reliability},
          {"delays_by_ranks", f.by_ranks},
          {"persistence", f.trailing == 0 ? Json(nullptr) : Json(f.beta)},
          {"block_days", f.block_days},
          {"notes", f.notes}};
}

}  // namespace proofload
