/// effective.cpp -- a scenario back to TOML, every default filled in.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <stdexcept>

#include "base/words.h"
#include "input/times.h"
#include "input/toml_tree.h"
#include "scenario/effective.h"
#include "scenario/words.h"

namespace proofload {
namespace {

using namespace input;
using std::string, std::string_view;

string toml_string(string_view text) {
  string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += string("\\") + c;
    else if (is_control(c))
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    else
      out += c;
  }
  return out + '"';
}

string toml_key(string_view name) {
  const bool bare = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
  return bare ? string(name) : toml_string(name);
}

string toml_duration(double seconds) { return '"' + duration_text(seconds) + '"'; }

/// The items with commas between them, as `text` writes each.
template <class Items, class Text>
string list(const Items& items, Text text) {
  string out;
  for (const auto& item : items) out += (out.empty() ? "" : ", ") + text(item);
  return out;
}

string toml_law(const LawSpec& law, bool duration, const string& before = "") {
  const auto value = [&](double x) { return duration ? toml_duration(x) : number_text(x); };
  string out = fmt::format("{{ {}kind = \"{}\"", before, law_name(law.kind));
  for (const auto& p : law_parameters) {
    const double x = law.*p.value;
    if (p.law == law.kind && !std::isnan(x))
      out += fmt::format(", {} = {}", p.key, p.kind == ParameterKind::plain ? number_text(x) : value(x));
  }
  if (law.kind == LawKind::mixture)
    out +=
        fmt::format(", of = [ {} ]", list(law.of, [&](const LawSpec& component) {
                      return toml_law(component, duration, fmt::format("weight = {}, ", number_text(component.weight)));
                    }));
  if (law.kind == LawKind::retry) out += ", of = " + toml_law(law.of[0], duration);
  if (law.kind == LawKind::window)
    out += fmt::format(", within = {}, late = {}", toml_law(law.of[0], duration), toml_law(law.of[1], duration));
  if (law.kind == LawKind::empirical)
    out += fmt::format(", quantiles = [ {} ]", list(law.quantiles, [&](const auto& pair) {
                         return fmt::format("[{}, {}]", number_text(pair.first), value(pair.second));
                       }));
  if (const auto& tail = law.tail)
    out += fmt::format(
        ", tail = {{ share = {}, threshold = {}, shape = {}, scale = {}, shape_error = {}, scale_error = {} }}",
        number_text(tail->share), value(tail->threshold), number_text(tail->shape), value(tail->scale),
        number_text(tail->shape_error), value(tail->scale_error));
  return out + " }";
}

/// Absolute paths open from anywhere: the effective scenario may be read in another folder.
string toml_path(const string& file, FileNames names) {
  const std::filesystem::path path(file);
  return toml_string(
      (names == FileNames::bare ? path.filename() : std::filesystem::absolute(path).lexically_normal()).string());
}

string toml_innovation(const InnovationSpec& i, FileNames names) {
  if (i.kind == InnovationKind::student_t)
    return fmt::format("{{ kind = \"student_t\", dof = {}{} }}", number_text(i.dof),
                       i.horizon ? ", horizon = " + toml_duration(*i.horizon) : "");
  if (i.kind == InnovationKind::bootstrap)
    return fmt::format("{{ kind = \"bootstrap\", file = {}, bar = {}, block = {} }}", toml_path(i.file, names),
                       toml_duration(i.bar), toml_duration(i.block));
  return "\"gaussian\"";
}

string toml_variance(const VarianceSpec& v) {
  const auto numbers = [](const std::vector<double>& x) { return '[' + list(x, number_text) + ']'; };
  switch (v.kind) {
    case VarianceKind::constant: return "\"constant\"";
    case VarianceKind::heston:
      return fmt::format(
          "{{ kind = \"heston\", mean_reversion = {}, vol_of_vol = {}, correlation = {}, initial = {} }}",
          numbers(v.mean_reversion), numbers(v.vol_of_vol), numbers(v.correlation), numbers(v.initial));
    case VarianceKind::gjr_garch:
      return fmt::format("{{ kind = \"gjr_garch\", bar = {}, alpha = {}, gamma = {}, beta = {}, start = {} }}",
                         toml_duration(v.bar), numbers(v.alpha), numbers(v.gamma), numbers(v.beta),
                         v.forecast.empty() ? "\"stationary\"" : "\"forecast\", forecast = " + numbers(v.forecast));
  }
  throw std::logic_error("a variance without a word");
}

string toml_jump(const JumpSpec& jump) {
  return fmt::format("intensity = {}, mean = {}, stdev = {}", number_text(jump.intensity), number_text(jump.mean),
                     number_text(jump.stdev));
}

string toml_jumps(const MarketSpec& market) {
  if (!market.jumps) return "\"none\"";
  string own;
  for (std::size_t i = 0; i < market.jumps->own.size(); ++i) {
    const JumpSpec& jump = market.jumps->own[i];
    if (jump.intensity == 0.0 && jump.mean == 0.0 && jump.stdev == 0.0) continue;
    own += fmt::format("{}{{ asset = {}, {} }}", own.empty() ? "" : ", ", toml_string(market.assets[i].name),
                       toml_jump(jump));
  }
  return fmt::format("{{ kind = \"merton\", {}, loadings = [{}]{} }}", toml_jump(market.jumps->common),
                     list(market.jumps->loadings, number_text), own.empty() ? "" : ", own = [ " + own + " ]");
}

string toml_shock(const ShockSpec& shock) {
  return fmt::format("{{ asset = {}, at = {}, size = {} }}", toml_string(shock.asset), toml_duration(shock.at),
                     number_text(shock.size));
}

string toml_replay(const ReplaySpec& r, FileNames names) {
  const auto bound = [](const char* key, const string& time) {
    return time.empty() ? "" : fmt::format(", {} = {}", key, toml_string(time));
  };
  return fmt::format(
      "{{ file = {}, start = {}{}{}, columns = {{ {} }}, bar = {} }}", toml_path(r.file, names), toml_string(r.start),
      bound("from", r.from), bound("to", r.to),
      list(r.columns,
           [](const auto& pair) { return fmt::format("{} = {}", toml_key(pair.first), toml_string(pair.second)); }),
      toml_duration(r.bar));
}

string toml_outages(const std::vector<OutageSpec>& outages) {
  string out = "outages = [\n";
  for (const auto& o : outages)
    out += fmt::format("  {{ name = {}, rate = {}, duration = {} }},\n", toml_string(o.name), number_text(o.rate),
                       toml_law(o.duration, true));
  return out + ']';
}

/// A stage that was its chain's is written with the law that this was: the chain need not be asked again.
string toml_stage(const StageSpec& stage) {
  const string name = fmt::format("name = \"{}\", scope = \"{}\", ", stage_name(stage.name), scope_name(stage.scope));
  if (!stage.trigger) return toml_law(stage.law, true, name);
  return fmt::format("{{ {}kind = \"deviation\", heartbeat = {}, deviation = {}, latency = {} }}", name,
                     toml_duration(stage.trigger->heartbeat), number_text(stage.trigger->deviation),
                     toml_law(stage.law, true));
}

string toml_down(const StateSpec::Down& down) {
  return fmt::format("{} = {{ since = {}, outage = {} }}", toml_key(down.name), toml_duration(down.since),
                     toml_string(down.outage));
}

}  // namespace

string effective_toml(const Scenario& s, FileNames names) {
  string out;
  const auto line = [&]<class... Values>(fmt::format_string<Values...> format, Values&&... values) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Values>(values)...);
    out += '\n';
  };
  line("schema = 1\nname = {}\ndescription = {}", toml_string(s.name), toml_string(s.description));

  line("\n[run]\npaths = {}\nseed = {}", s.run.paths, s.run.seed);
  line("confidence = [{}]", list(s.run.confidence, number_text));
  line("interval = {}\nhorizon = {}", number_text(s.run.interval), toml_duration(s.run.horizon));
  if (s.run.in_force > 0.0) line("in_force = {}", toml_duration(s.run.in_force));
  line("joint_under = {}", counts_pairs(s));

  line("\n[market]\nassets = [");
  for (const auto& a : s.market.assets)
    line("  {{ name = {}, price = {}, volatility = {}, drift = {} }},", toml_string(a.name), number_text(a.price),
         number_text(a.volatility), number_text(a.drift));
  const bool factors = !s.market.factors.empty();
  line("]\n{}", factors ? "factors = { loadings = [" : "correlation = [");
  for (const auto& row : factors ? s.market.factors : s.market.correlation) line("  [{}],", list(row, number_text));
  line("{}", factors ? "] }" : "]");
  line("innovation = {}\nvariance = {}\njumps = {}", toml_innovation(s.market.innovation, names),
       toml_variance(s.market.variance), toml_jumps(s.market));
  const GridSpec& grid = s.market.grid;
  const char* observed = grid.observed ? "" : ", observed = false";
  if (s.market.last_price) line("last_price = {}", toml_string(time_text(*s.market.last_price)));
  if (grid.step) line("grid = {{ step = {}{} }}", toml_duration(*grid.step), observed);
  if (grid.steps) line("grid = {{ steps = {}{} }}", *grid.steps, observed);

  const StressSpec& x = s.stress;
  line("\n[stress]\nvolatility = {}\ncorrelation = {}\ndrift = {}", number_text(x.volatility),
       number_text(x.correlation), number_text(x.drift));
  line("depth = {}\ndelays = {}\nhazards = {}", number_text(x.depth), number_text(x.delays), number_text(x.hazards));
  if (!x.shocks.empty()) line("shocks = [ {} ]", list(x.shocks, toml_shock));
  if (x.replay) line("replay = {}", toml_replay(*x.replay, names));

  const SystemicSpec& g = s.systemic;
  line("\n[systemic]\ndelays = {}\nvolatility = {}\nhazards = {}\noutages = {}", number_text(g.delays),
       number_text(g.volatility), number_text(g.hazards), number_text(g.outages));
  if (!g.prices.empty()) line("prices = [{}]", list(g.prices, number_text));
  line("copula = {}", g.copula_dof > 0.0
                          ? fmt::format("{{ kind = \"student_t\", dof = {} }}", number_text(g.copula_dof))
                          : "\"normal\"");

  if (const UncertaintySpec& u = s.uncertainty; u.given) {
    line("\n[uncertainty]\nvolatility = {}\ndof = {}\ncorrelation = {}", number_text(u.volatility), number_text(u.dof),
         number_text(u.correlation));
    line("delays = {}\nblocks = {}", number_text(u.delays), u.blocks);
    for (const auto& h : u.hazards)
      line("hazards.{} = {{ events = {}, years = {}{} }}", toml_key(h.layer), number_text(h.events),
           number_text(h.years), h.group.empty() ? "" : ", group = " + toml_string(h.group));
  }

  if (const StateSpec& now = s.state; !now.halted.empty() || !now.paused.empty() || !now.running.empty()) {
    line("\n[state]");
    for (const auto& down : now.halted) line("halted.{}", toml_down(down));
    for (const auto& down : now.paused) line("paused.{}", toml_down(down));
    if (!now.running.empty()) line("running = [{}]", list(now.running, toml_string));
  }

  const MarginSpec& margin = s.margin;
  line("\n[margin]\nliability = {}\nliquidation_threshold = {}", number_text(margin.liability),
       number_text(margin.liquidation_threshold));
  line("calls_per_year = {}\nrisk_free = {}\nloss_budget = {}", number_text(margin.calls_per_year),
       number_text(margin.risk_free), number_text(margin.loss_budget));

  for (const auto& c : s.chains) {
    line("\n[chains.{}]\nblock_time = {}", toml_key(c.name), toml_duration(c.block_time));
    if (c.inclusion) line("inclusion = {}", toml_law(*c.inclusion, true));
    if (c.finality) line("finality = {}", toml_law(*c.finality, true));
    if (c.forced_inclusion) line("forced_inclusion = {}", toml_duration(*c.forced_inclusion));
    if (c.reorg_probability > 0.0)
      line("reorg = {{ probability = {}, delay = {} }}", number_text(c.reorg_probability),
           toml_law(c.reorg_delay, true));
    if (!c.outages.empty()) line("{}", toml_outages(c.outages));
  }

  for (const auto& l : s.layers) {
    line("\n[layers.{}]\nhazard = {}\nexposure = {}\nrecovery = {}", toml_key(l.name), number_text(l.hazard),
         toml_duration(l.exposure), toml_law(l.recovery, false));
    if (!l.network.empty())
      line("network = {}\ncommon_hazard = {}", toml_string(l.network), number_text(l.common_hazard));
    if (l.stall) line("stall = {}", toml_law(*l.stall, true));
    if (!l.verifiers.empty())
      line("verifiers = {}\nverifier_hazard = {}", toml_string(l.verifiers), number_text(l.verifier_hazard));
    if (l.bond > 0.0) line("bond = {}", number_text(l.bond));
    if (l.secured > 0.0) line("secured = {}", number_text(l.secured));
    if (l.corruption_cost > 0.0)
      line("corruption_cost = {}\ncorruption_exponent = {}", number_text(l.corruption_cost),
           number_text(l.corruption_exponent));
    if (l.queue_delay > 0.0)
      line("queue = {{ above = {}, delay = {} }}", number_text(l.queue_above), toml_duration(l.queue_delay));
    if (!l.outages.empty()) line("{}", toml_outages(l.outages));
  }

  // What people are told of a mechanism; its stages and its layer are in the routes and among the layers already.
  for (const auto& m : s.mechanisms) {
    line("\n[mechanisms.{}]\ndescription = {}\ntrust = {}", toml_key(m.name), toml_string(m.description),
         toml_string(m.trust));
    line("assets = {}\nsource = {}\nwrap_depth = {}", toml_string(m.collateral), toml_string(m.source),
         number_text(m.wrap_depth));
    line("lock_up = {}\ncost = {}", toml_duration(m.lock_up), number_text(m.cost));
  }

  for (const auto& r : s.routes) {
    line("\n[routes.{}]\ncollateral_chain = {}\nliability_chain = {}", toml_key(r.name),
         toml_string(r.collateral_chain), toml_string(r.liability_chain));
    if (!r.mechanism.empty()) line("mechanism = {}", toml_string(r.mechanism));
    if (!r.layer.empty() || !r.mechanism.empty()) line("layer = {}", toml_string(r.layer));
    line("stages = [");
    for (const auto& stage : r.stages) line("  {},", toml_stage(stage));
    line("]");
  }

  for (const auto& c : s.collateral) {
    line("\n[[collateral]]\nname = {}\nasset = {}\nroute = {}", toml_string(c.name), toml_string(c.asset),
         toml_string(c.route));
    if (c.haircut) line("haircut = {}", number_text(*c.haircut));
    line("basis = {}", toml_law(c.basis, false));
    if (c.weight) line("weight = {}", number_text(*c.weight));
    if (c.sale.size > 0.0)
      line("sale = {{ size = {}, depth = {}, exponent = {}, cap = {}, cost = {}, bonus = {} }}",
           number_text(c.sale.size), number_text(c.sale.depth), number_text(c.sale.exponent), number_text(c.sale.cap),
           number_text(c.sale.cost), number_text(c.sale.bonus));
  }

  if (s.portfolio)
    line("\n[portfolio]\nhaircut = {}\nminimum = {}", number_text(s.portfolio->haircut), s.portfolio->minimum);
  return out;
}

}  // namespace proofload
