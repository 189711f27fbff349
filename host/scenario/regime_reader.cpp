#include "scenario/regime_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <map>

#include "base/words.h"
#include "kernels/plan.h"
#include "laws/laws.h"
#include "scenario/correlation.h"

namespace proofload::input {
namespace {

using std::string, std::string_view, std::vector;

/// Names that are unknown, without a search for the nearest when nobody would read it.
void report_unknown(Report& report, const Place& at, const string& problem, const string& name,
                    const vector<string>& known, const char* kind) {
  report.add_missing(at, problem, fmt::format("the scenario has no {} of that name", kind),
                     report.full() ? "" : suggestion(name, known, kind));
}

template <class Items>
vector<string> names_of(const Items& items) {
  vector<string> names;
  for (const auto& item : items) names.push_back(item.name);
  return names;
}

/// Whether the name is that of a mechanism: when no route takes it, it has no layer in the scenario.
bool is_mechanism(const Node* catalogue, const string& name) { return catalogue && find(*catalogue, name); }

/// A replay's path is what was recorded: of its volatility and correlation nothing is random, and nothing unknown.
void refuse_with_replay(const Table& t, const char* key, double value, const StressSpec& stress, const char* why) {
  if (value != 0.0 && stress.replay)
    t.report.add(t.place_of(key), fmt::format("{} is given, and stress.replay", t.path_of(key)), why,
                 "take one of them out");
}

// ------------------------------------------------------------------------------------------------------------ systemic

/// A normal copula has no parameter of its own, so that its name alone is enough.
void read_copula(const Table& t, const Node& n, SystemicSpec& systemic) {
  const Table copula{t.report, n, t.path_of("copula")};
  const char* what = "write copula = { kind = \"student_t\", dof = 4.0 }";
  const Node* kind = n.is_table() ? copula.need("kind", "it names the copula", "\"student_t\"") : &n;
  const auto name = kind ? read_string(t.report, *kind, copula.path, "it names a copula") : std::nullopt;
  if (!name) return;
  if (*name != "normal" && *name != "student_t") {
    t.report.add(kind->place, fmt::format("{} is not a copula, in {}", in_quotes(*name), copula.path),
                 "it says how the scores of delays go together", suggestion(*name, {"normal", "student_t"}, "copula"));
  } else if (*name == "normal") {
    if (n.is_table()) copula.allow({"kind"});
  } else if (!n.is_table()) {
    t.report.add(n.place, copula.path + " = \"student_t\" has no dof", "its tails are as heavy as its dof says", what);
  } else {
    copula.allow({"kind", "dof"});
    copula.need(
        "dof", systemic.copula_dof,
        {1.0, 1000.0, Open::neither, "the degrees of freedom: the fewer, the more delays are extreme together", "4.0"});
  }
}

void read_price_loadings(const Table& t, const MarketSpec& market, const StressSpec& stress, vector<double>& prices) {
  const std::size_t assets = market.assets.size();
  if (assets == 0 || assets > limit::assets) return;  // reported where they are
  const Quantity loading{
      -1.0, 1.0, Open::both,
      "the correlation of a price with the stress factor, the sign turned: prices fall when it rises", "0.3"};
  if (!t.read("prices", prices, assets, loading)) return;
  if (std::all_of(prices.begin(), prices.end(), [](double b) { return b == 0.0; })) return prices.clear();
  const auto refuse = [&](const char* what_is, const char* why, const char* what) {
    t.report.add(t.place_of("prices"), fmt::format("{} is given, and {}", t.path_of("prices"), what_is), why, what);
  };
  const char* part = "the factor takes its part out of a Brownian motion with a constant variance";
  if (market.variance.kind != VarianceKind::constant)
    refuse(market.variance.kind == VarianceKind::heston ? "market.variance is heston" : "market.variance is gjr_garch",
           part, "write variance = \"constant\", or load volatility in place of prices");
  if (market.innovation.kind == InnovationKind::bootstrap)
    refuse("market.innovation is bootstrap", "rows of residuals move together as they were recorded",
           "use innovation gaussian or student_t, or take prices out");
  if (stress.replay)
    refuse("stress.replay is given", "the path is recorded: it has no random part that a factor could take",
           "take one of them out");
  if (assets > limit::walked_assets)
    t.report.add(
        t.place_of("prices"), fmt::format("{} is given, and there are {} assets", t.path_of("prices"), assets),
        fmt::format("what the factor leaves is a full correlation matrix, of at most {} assets", limit::walked_assets),
        "take assets out, or load the factor on volatility in place of prices");
  else if (const double room = market.correlation.size() == assets || !market.factors.empty() || assets == 1
                                   ? room_for(prices, correlation_of(market, stress.correlation))
                                   : 1.0;
           room < 1.0)
    t.report.add(t.place_of("prices"),
                 fmt::format("{} takes more of the prices' correlation than there is", t.path_of("prices")),
                 "what it leaves, R - b b', is no covariance",
                 fmt::format("multiply the loadings by {:.4f} or less", std::floor(room * 1e4) / 1e4));
}

// --------------------------------------------------------------------------------------------------------- uncertainty

/// The table of the posterior law holds shapes, events + 1/2, up to 1e5 (laws.h).
constexpr double most_events = 99999.0;

/// What a group of layers knows its hazard from.
struct Evidence {
  string layer;
  double events, years;
};

void read_hazards(const Table& t, const Node& n, const Node* catalogue, vector<LayerSpec>& layers,
                  vector<UncertaintySpec::Hazard>& out) {
  Report& report = t.report;
  const char* what = "write hazards.axelar = { events = 2, years = 30.6 }";
  if (!check_table(report, n, t.path_of("hazards"), "it says from what each layer's hazard is known", what)) return;
  const vector<string> names = names_of(layers);
  std::map<string, Evidence> groups;
  for (const auto& m : n.members) {
    const string path = fmt::format("{}.{}", t.path_of("hazards"), printable(m.key));
    const auto layer = std::find(names.begin(), names.end(), m.key) - names.begin();
    if (layer == std::ssize(names) && !is_mechanism(catalogue, m.key))
      report_unknown(report, m.place, path + " is unknown", m.key, names, "layer");
    if (!check_table(report, m.value, path, "a hazard is known from events in years", what)) continue;
    const Table h{report, m.value, path};
    h.allow({"events", "years", "group"});
    UncertaintySpec::Hazard hazard{m.key, "", 0.0, 0.0};
    bool good = h.need("events", hazard.events,
                       {0.0, most_events, Open::neither, "failures that were seen; part of one counts as part", "2"});
    good &= h.need("years", hazard.years, {0.0, 1e6, Open::low, "bridge-years in which they were seen", "30.6"});
    if (h.get("group")) good &= h.need_name("group", hazard.group, "layers of one group have one hazard", "gmp");
    if (!good || layer == std::ssize(names)) continue;
    const double mean = (hazard.events + 0.5) / hazard.years;
    if (mean > 1e4) {
      report.add(h.place_of("years"), fmt::format("{} says {} failures per year", path, brief(mean)),
                 "(events + 1/2) / years is the layer's hazard, which is at most 10000", "correct the two");
      continue;
    }
    const auto& [first, events, years] =
        groups.try_emplace(hazard.group.empty() ? m.key : hazard.group, Evidence{m.key, hazard.events, hazard.years})
            .first->second;
    if (events != hazard.events || years != hazard.years) {
      report.add(m.place,
                 fmt::format("{} has {} events in {} years, and {} has {} in {}", path, brief(hazard.events),
                             brief(hazard.years), in_quotes(first), brief(events), brief(years)),
                 fmt::format("both are of the group {}, whose hazard is one and known from all its events",
                             in_quotes(hazard.group.empty() ? m.key : hazard.group)),
                 "give both the events and years of the whole group, or other groups");
      continue;
    }
    layers[static_cast<std::size_t>(layer)].hazard = mean;
    out.push_back(std::move(hazard));
  }
}

void check_dof(const Table& t, const MarketSpec& market, double error) {
  const auto& innovation = market.innovation;
  if (innovation.kind != InnovationKind::student_t)
    t.report.add(t.place_of("dof"),
                 fmt::format("{} is given, and market.innovation is {}", t.path_of("dof"),
                             innovation.kind == InnovationKind::bootstrap ? "bootstrap" : "gaussian"),
                 "only Student-t shocks have degrees of freedom",
                 "take it out, or write innovation = { kind = \"student_t\", dof = 4.0 }");
  else if (innovation.dof > 2.0 && innovation.dof - 2.0 * error <= 2.0)
    // Below 2 `volatility` would be the standard deviation of a law that has none. One draw in forty is more than two
    // errors low, which a fit with so little to say about the tail does not support.
    t.report.add(t.place_of("dof"),
                 fmt::format("{} = {} reaches from dof = {} down to 2 within two standard errors", t.path_of("dof"),
                             brief(error), brief(innovation.dof)),
                 "with 2 degrees of freedom or fewer the variance is infinite",
                 fmt::format("give less than {}, or fit dof to more data", brief((innovation.dof - 2.0) / 2.0)));
}

// --------------------------------------------------------------------------------------------------------------- state

/// Whether fewer than one in a million outages last that long: then the law says nothing of how this one goes on, which
/// would be read off the far end of a fit. A law with a mistake is reported where it is given.
bool is_unheard_of(const LawSpec& duration, double since) {
  try {
    return law_quantile(duration, 1.0 - 1e-6) <= since;
  } catch (const std::exception&) { return false; }
}

/// What has outages: a chain or a layer.
struct Owner {
  const string& name;
  const vector<OutageSpec>& outages;
};

template <class Items>
vector<Owner> owners_of(const Items& items) {
  vector<Owner> owners;
  for (const auto& item : items) owners.push_back({item.name, item.outages});
  return owners;
}

class Downs {
 public:
  /// `kind`: "chain" or "layer".
  Downs(const Table& state, const char* key, const char* kind, const vector<Owner>& owners, const Node* catalogue)
      : report_(state.report), path_(state.path_of(key)), kind_(kind), owners_(owners), catalogue_(catalogue) {
    for (const auto& owner : owners_) names_.push_back(owner.name);
  }

  void read(const Node& n, vector<StateSpec::Down>& out) {
    if (!check_table(report_, n, path_, "it says what stands still and since when",
                     fmt::format("write {}.NAME = \"40m\"", path_)))
      return;
    for (const auto& m : n.members) {
      const string path = fmt::format("{}.{}", path_, printable(m.key));
      StateSpec::Down down{m.key, "", 0.0};
      const bool good = read_since(m, path, down);
      const auto owner = static_cast<std::size_t>(std::find(names_.begin(), names_.end(), m.key) - names_.begin());
      if (owner < names_.size()) {
        if (good && find_outage(m, path, owners_[owner], down)) out.push_back(std::move(down));
      } else if (!is_mechanism(catalogue_, m.key)) {
        report_unknown(report_, m.place, path + " is unknown", m.key, names_, kind_);
      }
    }
  }

 private:
  bool read_since(const Member& m, const string& path, StateSpec::Down& down) {
    const Quantity range{0.0, century, Open::neither, "for how long it has stood still", "40m", true};
    if (!m.value.is_table()) {
      const auto x = read_quantity(report_, m.value, path, range);
      if (x) down.since = *x;
      return x.has_value();
    }
    const Table t{report_, m.value, path};
    t.allow({"since", "outage"});
    const bool good = t.need("since", down.since, range);
    return (!t.get("outage") || t.read("outage", down.outage, "the name of one of its outages")) && good;
  }

  bool find_outage(const Member& m, const string& path, const Owner& owner, StateSpec::Down& down) {
    const auto outages = names_of(owner.outages);
    const OutageSpec* outage = nullptr;
    if (outages.empty()) {
      report_.add_missing(
          m.place, fmt::format("{}: the {} {} has no outages", path, kind_, in_quotes(owner.name)),
          "how long it goes on is told by the law of an outage",
          fmt::format("add outages = [ {{ name = \"halt\", rate = 0.5, duration = {{ kind = ... }} }} ] "
                      "to [{}s.{}]",
                      kind_, printable(owner.name)));
      return false;
    }
    for (const auto& o : owner.outages)
      if (o.name == down.outage || (down.outage.empty() && outages.size() == 1)) outage = &o;
    if (!outage && down.outage.empty()) {
      string all;
      for (const auto& name : outages) all += (all.empty() ? "" : ", ") + in_quotes(name);
      report_.add(m.place, fmt::format("{} does not say which outage it is", path),
                  fmt::format("the {} has {} of them: {}", kind_, outages.size(), all),
                  fmt::format("write {} = {{ since = \"{}\", outage = {} }}", path, duration_text(down.since),
                              in_quotes(outages[0])));
      return false;
    }
    if (!outage) {
      const Node* given = find(m.value, "outage");
      report_.add_missing(
          given ? given->place : m.place, fmt::format("{}.outage = {} is unknown", path, in_quotes(down.outage)),
          fmt::format("the {} has no outage of that name", kind_), suggestion(down.outage, outages, "outage"));
      return false;
    }
    down.outage = outage->name;
    if (!is_unheard_of(outage->duration, down.since)) return true;
    report_.add(
        m.place, fmt::format("{} is {}", path, duration_text(down.since)),
        fmt::format("by its law fewer than one in a million outages {} last so long, which leaves nothing to "
                    "tell how this one goes on",
                    in_quotes(outage->name)),
        fmt::format("give the outages of [{}s.{}] a duration with a longer tail", kind_, printable(owner.name)));
    return false;
  }

  Report& report_;
  string path_;
  const char* kind_;
  const vector<Owner>& owners_;
  const Node* catalogue_;
  vector<string> names_;
};

void read_running(const Table& t, const Node& n, const vector<string>& known, const Node* catalogue, StateSpec& state) {
  const string path = t.path_of("running");
  if (!n.is_array()) {
    t.report.add(n.place, fmt::format("{} is {}", path, described(n)), "it names chains and layers",
                 "write running = [\"base\"]");
    return;
  }
  for (const auto& item : n.items) {
    const auto name = read_string(t.report, item, path, "it names chains and layers");
    if (!name) continue;
    const auto is_it = [&](const StateSpec::Down& down) { return down.name == *name; };
    const bool halted = std::any_of(state.halted.begin(), state.halted.end(), is_it),
               paused = std::any_of(state.paused.begin(), state.paused.end(), is_it);
    if (std::find(known.begin(), known.end(), *name) == known.end()) {
      if (!is_mechanism(catalogue, *name))
        report_unknown(t.report, item.place, fmt::format("{} names {}", path, in_quotes(*name)), *name, known,
                       "chain or layer");
    } else if (halted || paused) {
      t.report.add(item.place,
                   fmt::format("{} is running, and in {}", in_quotes(*name), t.path_of(halted ? "halted" : "paused")),
                   "it cannot both stand still and not", "take it out of one of them");
    } else if (std::find(state.running.begin(), state.running.end(), *name) != state.running.end()) {
      t.report.add(item.place, fmt::format("{} holds {} twice", path, in_quotes(*name)), "once is enough",
                   "take one of them out");
    } else {
      state.running.push_back(*name);
    }
  }
}

}  // namespace

void read_systemic(const Table& t, const MarketSpec& market, const StressSpec& stress, SystemicSpec& systemic) {
  t.allow({"delays", "volatility", "hazards", "outages", "prices", "copula"});
  t.read("delays", systemic.delays,
         {-1.0, 1.0, Open::both, "the correlation of the score of every stage with the stress factor", "0.3"});
  t.read("volatility", systemic.volatility,
         {0.0, 5.0, Open::neither, "gamma: volatilities are multiplied by exp(gamma G - gamma^2)", "0.3"});
  refuse_with_replay(t, "volatility", systemic.volatility, stress, "recorded prices have the volatility that they had");
  t.read("hazards", systemic.hazards,
         {0.0, 5.0, Open::neither, "eta: hazards are multiplied by exp(eta G - eta^2 / 2)", "1.0"});
  t.read("outages", systemic.outages,
         {0.0, 5.0, Open::neither, "eta: rates of outages are multiplied by exp(eta G - eta^2 / 2)", "1.0"});
  if (t.get("prices")) read_price_loadings(t, market, stress, systemic.prices);
  if (const Node* copula = t.get("copula")) read_copula(t, *copula, systemic);
}

void read_uncertainty(const Table& t, const MarketSpec& market, const StressSpec& stress, const Node* catalogue,
                      vector<LayerSpec>& layers, UncertaintySpec& uncertainty) {
  t.allow({"volatility", "dof", "correlation", "delays", "blocks", "hazards"});
  uncertainty.given = true;
  t.read("volatility", uncertainty.volatility,
         {0.0, 2.0, Open::neither, "the relative standard error of volatilities: 0.05 is 5 %", "0.05"});
  if (t.read("dof", uncertainty.dof,
             {0.0, 500.0, Open::neither, "the standard error of market.innovation.dof", "0.5"}) &&
      uncertainty.dof > 0.0)
    check_dof(t, market, uncertainty.dof);
  t.read("correlation", uncertainty.correlation,
         {0.0, 0.5, Open::neither, "the standard error of correlations", "0.03"});
  const char* recorded = "recorded prices are known for certain";
  refuse_with_replay(t, "volatility", uncertainty.volatility, stress, recorded);
  refuse_with_replay(t, "correlation", uncertainty.correlation, stress, recorded);
  t.read("delays", uncertainty.delays,
         {0.0, 2.0, Open::neither, "the relative standard error of median delays: 0.1 is 10 %", "0.1"});
  if (const Node* n = t.get("blocks"))
    if (const auto x = read_integer(t.report, *n, t.path_of("blocks"), 8, 1024,
                                    "how many runs of paths have parameters of their own, for intervals", "64"))
      uncertainty.blocks = static_cast<int>(*x);
  if (const Node* n = t.get("hazards")) read_hazards(t, *n, catalogue, layers, uncertainty.hazards);
}

void read_state(const Table& t, const vector<ChainSpec>& chains, const vector<LayerSpec>& layers, const Node* catalogue,
                StateSpec& state) {
  t.allow({"halted", "paused", "running"});
  const auto chain_owners = owners_of(chains), layer_owners = owners_of(layers);
  if (const Node* n = t.get("halted")) Downs(t, "halted", "chain", chain_owners, nullptr).read(*n, state.halted);
  if (const Node* n = t.get("paused")) Downs(t, "paused", "layer", layer_owners, catalogue).read(*n, state.paused);
  const Node* running = t.get("running");
  if (!running) return;
  vector<string> known = names_of(chains);
  for (const auto& layer : layers) known.push_back(layer.name);
  read_running(t, *running, known, catalogue, state);
}

void read_margin(const Table& t, MarginSpec& margin) {
  t.allow({"liability", "liquidation_threshold", "calls_per_year", "risk_free", "loss_budget"});
  t.read("liability", margin.liability, {0.0, 1e15, Open::neither, "the liability in USD; 0: not given", "1e6"});
  t.read("liquidation_threshold", margin.liquidation_threshold,
         {0.0, 1.0, Open::low, "the fraction of the collateral's value at which the venue liquidates", "0.85"});
  t.read("calls_per_year", margin.calls_per_year,
         {0.0, 1e6, Open::neither, "liquidations per position and year", "4.0"});
  t.read("risk_free", margin.risk_free,
         {-1.0, 10.0, Open::neither, "the annual rate without risk, a fraction", "0.04"});
  t.read("loss_budget", margin.loss_budget,
         {0.0, 1e15, Open::neither, "the USD that failures may cost; 0: not given", "1e5"});
}

}  // namespace proofload::input
