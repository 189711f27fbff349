#include "run/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/words.h"
#include "plan/compile.h"
#include "run/replay.h"
#include "scenario/words.h"

namespace proofload {
namespace {

std::string time_text(std::uint32_t ticks) {
  return ticks == absent ? "beyond the horizon" : rounded_duration(ticks / ticks_per_second, 3);
}

/// The parts of a path, in words.
struct Story {
  const Scenario& scenario;
  const Compiled& compiled;
  const PathRecord& path;
  const Plan& plan = compiled.plan;

  std::string stages() const {
    std::string text;
    for (unsigned i = 0; i < plan.terms; ++i) {
      const Term& term = plan.term[i];
      std::string who;
      for (unsigned r = term.first; r < unsigned(term.first) + term.count; ++r) {
        unsigned to = plan.references[r];
        const unsigned first_part = plan.messages + plan.readings;  // as times lie in Workspace::time
        if (to >= first_part && to < first_part + plan.parts) to = plan.part[to - first_part].message;
        if (to >= plan.messages) continue;
        for (unsigned l = 0; l < plan.legs; ++l) {
          if (plan.leg[l].message == to) who += (who.empty() ? "" : ", ") + leg_name(l);
        }
      }
      text +=
          fmt::format("  {:<22} {:>14}{}{}\n", input::stage_name(static_cast<StageName>(term.stage)),
                      rounded_duration(path.word(Told::stage, i) / ticks_per_second, 3), who.empty() ? "" : "   ", who);
    }
    return text;
  }
  /// Those that mattered: where none begins before the last message has arrived, how long they last is not drawn.
  std::string outages() const {
    std::string text;
    for (unsigned o = 0; o < plan.outages; ++o) {
      const std::uint32_t begins = path.recording.arrays.outage[2 * o], ends = path.recording.arrays.outage[2 * o + 1];
      if (begins > plan.horizon || ends == begins) continue;
      text += fmt::format("  {:<40} from {:>14} for {}\n", compiled.outages[o],
                          rounded_duration(begins / ticks_per_second, 3),
                          rounded_duration((ends - begins) / ticks_per_second, 3));
    }
    return text;
  }
  std::string delays() const {
    std::string text;
    for (unsigned r = 0; r < plan.routes; ++r) {
      const std::uint32_t ticks = path.word(Told::delay, r);
      const bool over = ticks > plan.horizon;
      text += fmt::format("  {:<40} {:>20}\n", scenario.routes[r].name, time_text(over ? absent : ticks));
    }
    return text;
  }
  std::string prices() const {
    std::string text;
    for (unsigned p = 0; p < plan.readings; ++p) {
      const Reading& reading = plan.reading[p];
      text += fmt::format("  {:<12} {:.6f} of its price at the call, at the price-layer time of {}\n",
                          scenario.market.assets[reading.asset].name, path.real(Told::price, p), leg_name(reading.leg));
    }
    for (unsigned i = 0; i < plan.based; ++i) {
      text += fmt::format("  {:<24} {:.6f} with its basis\n", scenario.collateral[plan.based_at[i].collateral].name,
                          path.real(Told::based, i));
    }
    return text;
  }
  std::string outcomes() const {
    std::string text;
    if (plan.lowest != 0)
      text += fmt::format("  the whole book's price was {:.6f} at its worst grid date\n", path.real(Told::least));
    for (unsigned k = 0; k < plan.collaterals; ++k) text += outcome(k);
    if (plan.portfolio != 0)
      text += fmt::format("  the whole book brings {:.6f} of its value\n", path.real(Told::book));
    return text;
  }
  std::string outcome(unsigned k) const {
    const Collateral& c = plan.collateral[k];
    const CollateralSpec& spec = scenario.collateral[k];
    const float spared = path.real(Told::spared, k), actual = path.real(Told::actual, k);
    const double after = std::max(0.0, double(c.keep) * double(actual) - double(c.cost));
    std::string text =
        fmt::format("  {:<24} without failures {:.6f}, {} {:.6f}, after sale costs {:.6f}: loss {:.6f}", spec.name,
                    spared, path.word(Told::hit, k) != 0 ? "layer failed," : "as it is", actual, after, 1.0 - after);
    if (spec.haircut) {
      text += fmt::format(", {} (policy haircut {})", actual < c.threshold ? "UNDER-COLLATERALISED" : "covered",
                          *spec.haircut);
    }
    text += "\n";
    if (path.word(Told::breach, k) != 0)
      text += fmt::format("  {:<24} its price loss was beyond the policy haircut at a grid date before its sale\n",
                          spec.name);
    return text;
  }

  std::string leg_name(unsigned l) const {
    const Leg& leg = plan.leg[l];
    return fmt::format("{}/{}", scenario.routes[leg.route].name, scenario.market.assets[leg.asset].name);
  }
};

}  // namespace

std::string explain(const Scenario& scenario, std::uint64_t seed, std::uint64_t path) {
  const Compiled compiled = compile(scenario);
  const Plan& plan = compiled.plan;
  const PathRecord record = replay(compiled, seed, path);
  const Arrays<float>& a = record.recording.arrays;
  const Story story{scenario, compiled, record};

  std::string text = fmt::format("{}: path {}, seed {}, plan {}\n", scenario.name, path, seed, compiled.plan_hash);
  text += "\nRandom stages (constant ones are in the delays)\n" + story.stages();
  if (const std::string outages = story.outages(); !outages.empty())
    text += "\nOutages under way at the call (from 0), or next\n" + outages;
  if (plan.conditioned != 0)
    text += fmt::format("\nStress factor {:+.4f}: diffusive returns times {:.4f}, times to failure times {:.4g}\n",
                        a.condition[stress_factor], a.condition[return_scale], a.condition[failure_scale]);
  text += "\nDelays, call to sale, without stalls\n" + story.delays();
  if (plan.layers > 0) text += "\nMessaging layers\n";
  for (unsigned i = 0; i < plan.layers; ++i) {
    const double seconds = double(a.failure[i]) / ticks_per_second;
    text += fmt::format("  {:<40} {}\n", scenario.layers[i].name,
                        seconds > 1e9 * seconds_per_year
                            ? "never fails"
                            : fmt::format("fails {} after the call", rounded_duration(seconds, 3)));
  }
  text += "\nLog prices at the sale (driftless), by route and asset\n";
  for (unsigned l = 0; l < plan.legs; ++l) {
    text += fmt::format("  {:<40} {:>20}   {:+.6f}\n", story.leg_name(l), time_text(a.time[plan.leg[l].message]),
                        a.price[l]);
  }
  std::string stalls;
  for (unsigned l = 0; l < plan.legs; ++l) {
    const unsigned m = plan.leg[l].message;
    if (a.late[m] == 0 || a.late[m] == a.time[m]) continue;  // late times are drawn on failed paths with a stall only
    stalls += fmt::format("  {:<40} {:>20}   {:+.6f}\n", story.leg_name(l), time_text(a.late[m]), a.late_price[l]);
  }
  if (!stalls.empty())
    text += "\nSales that wait for a stalled layer: when, and the driftless log price then\n" + stalls;
  text += "\nPrice layer (what a single-chain engine would see)\n" + story.prices();
  text += "\nProceeds per unit of collateral\n" + story.outcomes();
  if (!record.finite)
    text += "\nThis path has an outcome that is not a finite number: volatility or drift is too large for its delay.\n";
  return text;
}

}  // namespace proofload
