#include "run/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/table.h"
#include "base/words.h"
#include "plan/compile.h"
#include "run/ages.h"
#include "run/replay.h"
#include "scenario/words.h"

namespace proofload {
namespace {

std::string time_text(std::uint32_t ticks) {
  return ticks == absent ? "beyond the horizon" : rounded_duration(ticks / ticks_per_second, 3);
}

std::string figure(double x) { return fmt::format("{:.6f}", x); }

/// The parts of a path, as tables.
struct Story {
  const Scenario& scenario;
  const Compiled& compiled;
  const PathRecord& path;
  const Plan& plan = compiled.plan;

  std::string stages() const {
    Table table({"stage", "takes", "of"});
    for (unsigned i = 0; i < plan.terms; ++i) {
      const Term& term = plan.term[i];
      std::vector<std::string> who;
      for (unsigned r = term.first; r < unsigned(term.first) + term.count; ++r) {
        unsigned to = plan.references[r];
        const unsigned first_part = plan.messages + plan.readings;  // as times lie in Workspace::time
        if (to >= first_part && to < first_part + plan.parts) to = plan.part[to - first_part].message;
        if (to >= plan.messages) continue;
        for (unsigned l = 0; l < plan.legs; ++l) {
          if (plan.leg[l].message == to) who.push_back(leg_name(l));
        }
      }
      if (who.empty()) who.emplace_back();
      // A line for each that shares the stage, the stage on the first.
      for (std::size_t w = 0; w < who.size(); ++w) {
        const bool first = w == 0;
        table.row({first ? input::stage_name(static_cast<StageName>(term.stage)) : "",
                   first ? rounded_duration(path.word(Told::stage, i) / ticks_per_second, 3) : "", who[w]});
      }
    }
    return table.text();
  }
  /// Those that mattered: where none begins before the last message has arrived, how long they last is not drawn.
  std::string outages() const {
    Table table({"outage", "from", "for"});
    bool any = false;
    for (unsigned o = 0; o < plan.outages; ++o) {
      const std::uint32_t begins = path.recording.arrays.outage[2 * o], ends = path.recording.arrays.outage[2 * o + 1];
      if (begins > plan.horizon || ends == begins) continue;
      any = true;
      table.row({compiled.outages[o], rounded_duration(begins / ticks_per_second, 3),
                 rounded_duration((ends - begins) / ticks_per_second, 3)});
    }
    return any ? table.text() : std::string();
  }
  std::string delays() const {
    Table table({"route", "delay"});
    for (unsigned r = 0; r < plan.routes; ++r) {
      const std::uint32_t ticks = path.word(Told::delay, r);
      const bool over = ticks > plan.horizon;
      table.row({scenario.routes[r].name, time_text(over ? absent : ticks)});
    }
    return table.text();
  }
  std::string prices() const {
    Table table({"asset", "of its price at the call", "at the price-layer time of"});
    for (unsigned p = 0; p < plan.readings; ++p) {
      const Reading& reading = plan.reading[p];
      table.row({scenario.market.assets[reading.asset].name, figure(path.real(Told::price, p)), leg_name(reading.leg)});
    }
    for (unsigned i = 0; i < plan.based; ++i)
      table.row(
          {scenario.collateral[plan.based_at[i].collateral].name, figure(path.real(Told::based, i)), "with its basis"});
    return table.text();
  }
  std::string outcomes() const {
    std::string text;
    if (plan.lowest != 0)
      text +=
          wrapped(fmt::format("  the whole book's price was {:.6f} at its worst grid date", path.real(Told::least)), 4);
    Table table({"collateral", "no failure", "as it is", "after costs", "loss", "in force"});
    std::string said;
    for (unsigned k = 0; k < plan.collaterals; ++k) outcome(k, table, said);
    text += table.text() + said;
    if (plan.portfolio != 0)
      text += wrapped(fmt::format("  the whole book brings {:.6f} of its value", path.real(Told::book)), 4);
    return text;
  }
  void outcome(unsigned k, Table& table, std::string& said) const {
    const Collateral& c = plan.collateral[k];
    const CollateralSpec& spec = scenario.collateral[k];
    const float spared = path.real(Told::spared, k), actual = path.real(Told::actual, k);
    const double after = std::max(0.0, double(c.keep) * double(actual) - double(c.cost));
    table.row({spec.name, figure(spared), figure(actual), figure(after), figure(1.0 - after),
               spec.haircut ? brief(*spec.haircut) : "-"});
    const auto say = [&](const char* what) { said += wrapped(fmt::format("- {}{}", spec.name, what), 4); };
    if (path.word(Told::hit, k) != 0) say(": its layer failed");
    if (spec.haircut && actual < c.threshold) say(" is UNDER-COLLATERALISED: it loses more than the haircut in force");
    if (path.word(Told::breach, k) != 0)
      say(": its price loss was beyond the haircut in force at a grid date before its sale");
  }

  std::string leg_name(unsigned l) const {
    const Leg& leg = plan.leg[l];
    return fmt::format("{}/{}", scenario.routes[leg.route].name, scenario.market.assets[leg.asset].name);
  }
};

}  // namespace

std::string explain(const Scenario& scenario, std::uint64_t seed, std::uint64_t path) {
  const Compiled whole = compile(scenario);
  const AgedPath aged = aged_path(whole, path);
  const Compiled compiled = whole.ages.empty() ? whole : at_age(whole, aged.age);
  const Plan& plan = compiled.plan;
  const PathRecord record = replay(compiled, seed, aged.number);
  const Arrays<float>& a = record.recording.arrays;
  const Story story{scenario, compiled, record};

  std::string text =
      wrapped(fmt::format("{}: path {}, seed {}, plan {}", scenario.name, path, seed, compiled.plan_hash), 2);
  if (!whole.ages.empty())
    text += wrapped(
        fmt::format("the call comes {} after the haircut was set", duration_text(seconds_of_ages(whole)[aged.age])), 2);
  text += "\nRandom stages (constant ones are in the delays)\n" + story.stages();
  if (const std::string outages = story.outages(); !outages.empty())
    text += "\nOutages under way at the call (from 0), or next\n" + outages;
  if (plan.conditioned != 0) {
    text += "\n" +
            wrapped(fmt::format("Stress factor {:+.4f}: diffusive returns times {:.4f}, times to failure times {:.4g}",
                                a.condition[stress_factor], a.condition[return_scale], a.condition[failure_scale]),
                    2);
  }
  text += "\nDelays, call to sale, without stalls\n" + story.delays();
  if (plan.layers > 0) {
    Table layers({"layer", "fails after the call"});
    for (unsigned i = 0; i < plan.layers; ++i) {
      const double seconds = double(a.failure[i]) / ticks_per_second;
      layers.row({scenario.layers[i].name,
                  seconds > 1e9 * seconds_per_year ? std::string("never") : rounded_duration(seconds, 3)});
    }
    text += "\nMessaging layers\n" + layers.text();
  }
  Table sales({"route/asset", "sold after", "log price"}), late({"route/asset", "sold after", "log price"});
  bool stalled = false;
  for (unsigned l = 0; l < plan.legs; ++l) {
    const unsigned m = plan.leg[l].message;
    sales.row({story.leg_name(l), time_text(a.time[m]), fmt::format("{:+.6f}", a.price[l])});
    if (a.late[m] == 0 || a.late[m] == a.time[m]) continue;  // late times are drawn on failed paths with a stall only
    stalled = true;
    late.row({story.leg_name(l), time_text(a.late[m]), fmt::format("{:+.6f}", a.late_price[l])});
  }
  text += "\nLog prices at the sale (driftless), by route and asset\n" + sales.text();
  if (stalled) {
    text +=
        "\n" + wrapped("Sales that wait for a stalled layer: when, and the driftless log price then", 2) + late.text();
  }
  text += "\nPrice layer (what a single-chain engine would see)\n" + story.prices();
  text += "\n" + wrapped("Proceeds per unit of collateral, and the loss after sale costs", 2) + story.outcomes();
  if (!record.finite) {
    text += "\n" + wrapped(
                       "This path has an outcome that is not a finite number: volatility or drift is too large for its "
                       "delay.",
                       2);
  }
  return text;
}

}  // namespace proofload
