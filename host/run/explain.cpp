#include "run/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>

#include "base/words.h"
#include "kernels/path.h"
#include "plan/compile.h"
#include "scenario/words.h"

namespace proofload {
namespace {

std::string time_text(std::uint32_t ticks) {
  return ticks == absent ? "beyond the horizon" : rounded_duration(ticks / ticks_per_second, 3);
}

/// Collects what simulate() tells; printed by explain() when the path is over.
struct Record {
  const Scenario& scenario;
  const Plan& plan;
  const std::vector<std::string>& outage_names;
  std::string stages, outages, delays, prices, outcomes;
  bool went_wrong = false;

  bool any(bool m) const { return m; }
  void stage(unsigned i, std::uint32_t ticks) {
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
    stages += fmt::format("  {:<22} {:>14}{}{}\n", input::stage_name(static_cast<StageName>(term.stage)),
                          rounded_duration(ticks / ticks_per_second, 3), who.empty() ? "" : "   ", who);
  }
  void outage(unsigned o, std::uint32_t begins, std::uint32_t ends) {
    if (begins > plan.horizon) return;
    outages +=
        fmt::format("  {:<40} from {:>14} for {}\n", outage_names[o], rounded_duration(begins / ticks_per_second, 3),
                    rounded_duration((ends - begins) / ticks_per_second, 3));
  }
  void delay(unsigned r, std::uint32_t ticks) {
    const bool over = ticks > plan.horizon;
    delays += fmt::format("  {:<40} {:>20}\n", scenario.routes[r].name, time_text(over ? absent : ticks));
  }
  void price(unsigned p, float ratio) {
    const Reading& reading = plan.reading[p];
    prices += fmt::format("  {:<12} {:.6f} of its price at the call, at the price-layer time of {}\n",
                          scenario.market.assets[reading.asset].name, ratio, leg_name(reading.leg));
  }
  void broken(bool m) { went_wrong = went_wrong || m; }
  void done() {}
  void unresolved(const Workspace<float>&, bool, bool) {}
  void layers_failed(const Workspace<float>&) {}
  void proceeds(unsigned k, float spared, float actual, bool hit, bool) {
    const Collateral& c = plan.collateral[k];
    const CollateralSpec& spec = scenario.collateral[k];
    const double after = std::max(0.0, double(c.keep) * double(actual) - double(c.cost));
    outcomes += fmt::format("  {:<24} without failures {:.6f}, {} {:.6f}, after sale costs {:.6f}: loss {:.6f}",
                            spec.name, spared, hit ? "layer failed," : "as it is", actual, after, 1.0 - after);
    if (spec.haircut) {
      outcomes += fmt::format(", {} (policy haircut {})", actual < c.threshold ? "UNDER-COLLATERALISED" : "covered",
                              *spec.haircut);
    }
    outcomes += "\n";
  }
  void breach(unsigned k, bool m) {
    if (m)
      outcomes += fmt::format("  {:<24} its price loss was beyond the policy haircut at a grid date before its sale\n",
                              scenario.collateral[k].name);
  }
  void lowest(float price) {
    outcomes += fmt::format("  the whole book's price was {:.6f} at its worst grid date\n", price);
  }
  void book(float proceeds) { outcomes += fmt::format("  the whole book brings {:.6f} of its value\n", proceeds); }

  std::string leg_name(unsigned l) const {
    const Leg& leg = plan.leg[l];
    return fmt::format("{}/{}", scenario.routes[leg.route].name, scenario.market.assets[leg.asset].name);
  }
};

}  // namespace

std::string explain(const Scenario& scenario, std::uint64_t seed, std::uint64_t path) {
  const Compiled compiled = compile(scenario);
  const Plan& plan = compiled.plan;
  const Key key = make_key(seed);
  const auto arrays = std::make_unique<Arrays<float>>();
  Arrays<float>& a = *arrays;
  const Workspace<float> work = a.workspace();
  Record record{scenario, plan, compiled.outages, {}, {}, {}, {}, {}};
  const Tables tables{compiled.tables.floats.data(), compiled.rows.data()};
  with_market(plan, [&]<Process process, int N>() { simulate<process, N>(plan, tables, key, path, work, record); });

  std::string text = fmt::format("{}: path {}, seed {}, plan {}\n", scenario.name, path, seed, compiled.plan_hash);
  text += "\nRandom stages (constant ones are in the delays)\n" + record.stages;
  if (!record.outages.empty()) text += "\nOutages under way at the call (from 0), or next\n" + record.outages;
  if (plan.conditioned != 0)
    text += fmt::format("\nStress factor {:+.4f}: diffusive returns times {:.4f}, times to failure times {:.4g}\n",
                        a.condition[stress_factor], a.condition[return_scale], a.condition[failure_scale]);
  text += "\nDelays, call to sale, without stalls\n" + record.delays;
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
    text += fmt::format("  {:<40} {:>20}   {:+.6f}\n", record.leg_name(l), time_text(a.time[plan.leg[l].message]),
                        a.price[l]);
  }
  std::string stalls;
  for (unsigned l = 0; l < plan.legs; ++l) {
    const unsigned m = plan.leg[l].message;
    if (a.late[m] == 0 || a.late[m] == a.time[m]) continue;  // late times are drawn on failed paths with a stall only
    stalls += fmt::format("  {:<40} {:>20}   {:+.6f}\n", record.leg_name(l), time_text(a.late[m]), a.late_price[l]);
  }
  if (!stalls.empty())
    text += "\nSales that wait for a stalled layer: when, and the driftless log price then\n" + stalls;
  text += "\nPrice layer (what a single-chain engine would see)\n" + record.prices;
  text += "\nProceeds per unit of collateral\n" + record.outcomes;
  if (record.went_wrong)
    text += "\nThis path has an outcome that is not a finite number: volatility or drift is too large for its delay.\n";
  return text;
}

}  // namespace proofload
