#include "plan/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <span>
#include <tuple>

#include "base/error.h"
#include "base/hash.h"
#include "plan/compile_market.h"
#include "plan/ticks.h"
#include "scenario/words.h"

namespace proofload {
namespace {

/// 16-bit ids of names, per purpose: a draw is addressed by its object's name, so that adding an object moves no other
/// object's draws. (Price increments are addressed by the rank of the visit: another delay on the way does move those.
/// Prices and oracles go by the asset's place in the list.)
class NameIds {
 public:
  NameIds() { taken_.emplace(std::pair{Purpose::uncertainty, std::uint16_t{0}}, "volatility"); }  // condition.h
  std::uint16_t id(Purpose purpose, const std::string& name) {
    const auto hash = static_cast<std::uint16_t>(name_hash(name) & 0xffffu);
    const auto [entry, fresh] = taken_.try_emplace({purpose, hash}, name);
    if (!fresh && entry->second != name) {
      const auto shown = [](std::string text) {  // an outage is named by its owner and itself, a line each
        std::replace(text.begin(), text.end(), '\n', '/');
        return text;
      };
      throw Error(
          fmt::format("'{}' and '{}' share the name id {} (their random numbers would be the same) rename one of them",
                      shown(entry->second), shown(name), hash));
    }
    return hash;
  }

 private:
  std::map<std::pair<Purpose, std::uint16_t>, std::string> taken_;
};

std::uint32_t address(Purpose purpose, std::uint16_t name) { return static_cast<std::uint32_t>(purpose) << 16 | name; }

void require(std::size_t wanted, int limit, const char* what) {
  if (wanted <= static_cast<std::size_t>(limit)) return;
  throw Error(
      fmt::format("the scenario needs {} {} (a plan holds {}) split the scenario, or merge equal routes and laws",
                  wanted, what, limit));
}

/// Every number of a law, exactly: equal keys are equal laws.
std::string key_of(const LawSpec& law) {
  std::string key = fmt::format("{}", static_cast<int>(law.kind));
  const auto add = [&](double v) { key += fmt::format(" {:x}", std::bit_cast<std::uint64_t>(v)); };
  for (const LawParameter& p : law_parameters) {
    if (p.law == law.kind) add(law.*p.value);
  }
  add(law.weight);
  if (law.tail) {
    for (const double v : {law.tail->threshold, law.tail->share, law.tail->shape, law.tail->scale}) add(v);
  }
  for (const auto& [p, v] : law.quantiles) key += fmt::format(" {:a}:{:a}", p, v);
  for (const auto& part : law.of) key += " (" + key_of(part) + ")";
  return key;
}

/// A stage's score and law, as the terms of a plan are told apart.
struct TermKey {
  std::uint32_t address = 0;
  std::uint16_t rank = 0, word = 0;
  Law law{};
  std::uint16_t stage = 0;
  auto tie() const { return std::tie(address, rank, word, law.first, law.count); }
  bool operator<(const TermKey& other) const { return tie() < other.tie(); }
  bool operator==(const TermKey& other) const { return tie() == other.tie(); }
};

/// A part of a message, as messages are told apart.
struct PartKey {
  std::uint32_t fixed = 0, cap = ~0u;  // ticks
  std::vector<std::uint16_t> holds;    // outages
  std::vector<TermKey> terms;
  auto tie() const { return std::tie(fixed, cap, holds, terms); }
  bool operator<(const PartKey& other) const { return tie() < other.tie(); }
};

/// Who may keep a stage waiting: nobody, a chain or a layer.
struct Owner {
  enum class Kind { nobody, chain, layer } kind = Kind::nobody;
  std::string name;
  bool operator==(const Owner& other) const { return kind == other.kind && name == other.name; }
};

/// What a term's value is added to: slots of Workspace::time, whose order is known only when all are counted.
struct Target {
  enum class Kind { message, reading, part, trigger } kind;
  std::size_t index;
};

class Compiler {
 public:
  explicit Compiler(const Scenario& s) : s_(s) {}

  Compiled compile() {
    require(s_.market.assets.size(), limit::assets, "assets");
    require(s_.routes.size(), limit::routes, "routes");
    require(s_.layers.size(), limit::layers, "layers");
    require(s_.collateral.size(), limit::collaterals, "collaterals");
    Plan& plan = out_.plan;
    plan.revision = kernel_revision;
    plan.horizon = ticks(s_.run.horizon);
    plan.joint = counts_pairs(s_) ? 1u : 0u;
    market();
    systemic();
    layers();
    legs();
    collaterals();
    blocks();
    require(components_.size(), limit::components, "law components");
    require(out_.tables.floats.size() / table_floats, limit::tables, "quantile tables");
    std::copy(components_.begin(), components_.end(), plan.component);
    // The market's parameters lie behind the quantile tables, whose number is known by now.
    const auto tables = static_cast<std::uint32_t>(out_.tables.floats.size());
    for (std::uint32_t* offset :
         {&plan.dynamics, &plan.loadings, &plan.jump_at, &plan.shocks, &plan.weights, &plan.price_loadings})
      *offset += tables;
    auto& parameters = out_.tables.parameters;
    out_.tables.floats.insert(out_.tables.floats.end(), parameters.begin(), parameters.end());
    parameters.clear();
    hash();
    return std::move(out_);
  }

 private:
  /// Share of the book per asset; empty without a [portfolio].
  std::vector<double> asset_weights() const {
    if (!s_.portfolio) return {};
    const std::vector<double> w = book_weights();
    std::vector<double> per_asset(s_.market.assets.size(), 0.0);
    for (std::size_t k = 0; k < w.size(); ++k) per_asset[asset_index(s_, s_.collateral[k].asset)] += w[k];
    return per_asset;
  }

  void market() {
    const AddLaw add = [this](const CompiledLaw& compiled, const char* where) { return placed(compiled, where); };
    compile_market(s_, asset_weights(), add, out_);
  }

  void layers() {
    Plan& plan = out_.plan;
    plan.layers = static_cast<std::uint32_t>(s_.layers.size());
    for (std::size_t i = 0; i < s_.layers.size(); ++i) {
      const LayerSpec& spec = s_.layers[i];
      Layer& layer = plan.layer[i];
      layer.name = names_.id(Purpose::layer, spec.name);
      const auto mean = [&](double hazard) {
        const double stressed = hazard * s_.stress.hazards;
        return stressed > 0.0 ? static_cast<float>(ticks_per_year / stressed) : 0.0f;
      };
      layer.own_mean = mean(spec.hazard * corruption_factor(spec));
      if (!spec.network.empty()) {
        layer.network = names_.id(Purpose::network, spec.network);
        layer.common_mean = mean(spec.common_hazard);
      }
      if (!spec.verifiers.empty()) {
        layer.verifiers = names_.id(Purpose::verifiers, spec.verifiers);
        layer.verifier_mean = mean(spec.verifier_hazard);
      }
      if (spec.bond > 0.0) layer.bond = static_cast<float>(spec.bond / spec.secured);
      for (const auto& hazard : s_.uncertainty.hazards) {
        if (hazard.layer != spec.name) continue;
        const std::string where = "uncertainty.hazards." + spec.name;
        layer.doubt = placed(compile_hazard_multiplier(hazard.events + 0.5, out_.tables), where);
        layer.doubt_name = names_.id(Purpose::uncertainty, hazard.group.empty() ? spec.name : hazard.group);
      }
      layer.recovery = law(spec.recovery, 1.0, "layers." + spec.name + ".recovery");
      if (spec.stall) {
        layer.stall = law(*spec.stall, ticks_per_second, "layers." + spec.name + ".stall");
        plan.stalls = 1;
      }
    }
  }

  /// The stress factor's loadings (DESIGN 1.5), and how well volatilities and delays are known.
  void systemic() {
    Plan& plan = out_.plan;
    const SystemicSpec& g = s_.systemic;
    const UncertaintySpec& u = s_.uncertainty;
    plan.delay_loading = static_cast<float>(g.delays);
    plan.delay_own = static_cast<float>(std::sqrt(1.0 - g.delays * g.delays));
    if (g.copula_dof > 0.0) {
      // chi-square(dof) / dof is Gamma(dof / 2) of mean 1
      plan.copula_mixer = placed(compile_hazard_multiplier(0.5 * g.copula_dof, out_.tables), "systemic.copula");
      plan.copula = placed(compile_copula(g.copula_dof, out_.tables), "systemic.copula");
      plan.copula_inverse_dof = static_cast<float>(1.0 / g.copula_dof);
      plan.copula_inverse_root = static_cast<float>(1.0 / std::sqrt(g.copula_dof));
      plan.copula_scale =
          static_cast<float>(std::sqrt(g.copula_dof) * (8.0 * g.copula_dof + 1.0) / (8.0 * g.copula_dof + 3.0));
    }
    plan.volatility_loading = static_cast<float>(g.volatility);
    plan.volatility_shift = static_cast<float>(-g.volatility * g.volatility);
    plan.volatility_error = static_cast<float>(u.volatility);
    plan.hazard_loading = static_cast<float>(g.hazards);
    plan.hazard_shift = static_cast<float>(0.5 * g.hazards * g.hazards);
    plan.outage_loading = static_cast<float>(g.outages);
    plan.outage_shift = static_cast<float>(-0.5 * g.outages * g.outages);
    plan.delay_error = static_cast<float>(u.delays);
    const bool any = g.volatility != 0.0 || u.volatility > 0.0 || g.hazards != 0.0 || g.outages != 0.0;
    plan.conditioned = any || plan.price_loaded != 0 ? 1u : 0u;
  }

  /// One leg per distinct (route, asset, queued), sorted by asset. A route nobody uses gets a message, for its delay,
  /// and no leg.
  void legs() {
    Plan& plan = out_.plan;
    std::vector<LegKey> keys;
    for (const auto& c : s_.collateral) keys.push_back(leg_key(c));
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    require(keys.size(), limit::legs, "pairs of route and asset");
    plan.legs = static_cast<std::uint32_t>(keys.size());
    plan.routes = static_cast<std::uint32_t>(s_.routes.size());
    std::vector<bool> used(s_.routes.size(), false);
    for (std::size_t l = 0; l < keys.size(); ++l) {
      const auto [asset, route, queued] = keys[l];
      leg_of_[keys[l]] = l;
      leg(l, asset, route, queued);
      if (!used[route]) plan.route_message[route] = plan.leg[l].message;
      used[route] = true;
    }
    plan.walked = static_cast<std::uint32_t>(messages_.size());
    for (std::size_t r = 0; r < used.size(); ++r) {
      if (!used[r]) plan.route_message[r] = static_cast<std::uint32_t>(message(read_stages(s_.routes[r], 0, false)));
    }
    plan.messages = static_cast<std::uint32_t>(messages_.size());
    plan.readings = static_cast<std::uint32_t>(readings_.size());
    require(readings_.size(), limit::readings, "price-layer times");
    for (std::size_t a = 0; a < std::size(plan.first_leg); ++a) {
      const auto before = [&](const LegKey& k) { return std::get<0>(k) < a; };
      plan.first_leg[a] = static_cast<std::uint16_t>(std::count_if(keys.begin(), keys.end(), before));
      const auto read_before = [&](const auto& r) { return std::get<0>(r.first) < a; };
      plan.first_reading[a] =
          static_cast<std::uint16_t>(std::count_if(readings_.begin(), readings_.end(), read_before));
    }
    for (const auto& [key, index] : readings_) {
      for (const TermKey& term : std::get<3>(key)) targets_[term].push_back({Target::Kind::reading, index});
    }
  }

  using LegKey = std::tuple<std::size_t, std::size_t, bool>;  // asset, route, behind a governor's queue
  LegKey leg_key(const CollateralSpec& c) const {
    const std::size_t route = route_index(s_, c.route);
    const LayerSpec* layer = layer_spec(s_.routes[route]);
    return {asset_index(s_, c.asset), route, layer && layer->queue_delay > 0.0 && c.sale.size >= layer->queue_above};
  }
  const LayerSpec* layer_spec(const RouteSpec& route) const {
    const auto index = layer_of(s_, route);
    return index ? &s_.layers[*index] : nullptr;
  }

  /// What the stages of a route come to, for one asset.
  struct Stages {
    std::uint16_t layer = none, trigger = none;
    std::vector<PartKey> parts;      // one, without outages, where nothing can hold the message up
    std::uint32_t oracle_fixed = 0;  // ticks
    std::vector<TermKey>
        oracle;  // the oracle's random stages: they are in a part too, but not the heartbeat of a trigger
  };

  Stages read_stages(const RouteSpec& route, std::size_t asset, bool queued) {
    Stages stages;
    const LayerSpec* layer = layer_spec(route);
    if (layer) stages.layer = static_cast<std::uint16_t>(layer - s_.layers.data());
    Owner last;
    const auto part_of = [&](const Owner& owner, std::uint32_t cap) -> PartKey& {
      const std::vector<std::uint16_t> holds = outages_of(owner);
      const bool same = !stages.parts.empty() && (last == owner ? stages.parts.back().cap == cap || holds.empty()
                                                                : stages.parts.back().holds.empty() && holds.empty());
      if (!same) { stages.parts.push_back({0, holds.empty() ? ~0u : cap, holds, {}}); }
      last = owner;
      return stages.parts.back();
    };
    const auto add_fixed = [&](PartKey& part, double seconds) {
      const std::uint32_t constant = ticks(std::min(seconds, s_.run.horizon + 1.0));
      part.fixed = std::min(part.fixed + constant, out_.plan.horizon + 1);
      return constant;
    };
    bool waits = queued;
    for (const StageSpec& stage : route.stages) {
      const Owner owner = owner_of(stage, route);
      if (waits && owner.kind == Owner::Kind::layer) {
        add_fixed(part_of(owner, ~0u), layer->queue_delay * s_.stress.delays);
        waits = false;
      }
      const bool is_oracle = stage.name == StageName::oracle || stage.name == StageName::publication;
      if (stage.trigger) stages.trigger = trigger(*stage.trigger, route, asset);
      PartKey& part = part_of(owner, cap_of(stage, route));
      if (stage.law.kind == LawKind::constant) {
        const std::uint32_t constant = add_fixed(part, stage.law.value * s_.stress.delays);
        if (is_oracle) stages.oracle_fixed = std::min(stages.oracle_fixed + constant, out_.plan.horizon + 1);
        continue;
      }
      StageSpec read = stage;
      const auto published = [](const StageSpec& other) {
        return other.name == StageName::publication && other.law.kind != LawKind::constant;
      };
      if (stage.trigger && std::any_of(route.stages.begin(), route.stages.end(), published)) {
        throw Error(fmt::format(
            "route '{}' has an oracle with a random latency and a random stage publication (both read one score) give "
            "one of the two",
            route.name));
      }
      if (stage.trigger) read.name = StageName::publication;  // the score of its own: the heartbeat reads the oracle's
      part.terms.push_back(term(read, route, asset));
      if (is_oracle) stages.oracle.push_back(part.terms.back());
    }
    if (waits) add_fixed(part_of({Owner::Kind::layer, route.layer}, ~0u), layer->queue_delay * s_.stress.delays);
    const auto free = [](const PartKey& part) { return part.holds.empty(); };
    if (std::all_of(stages.parts.begin(), stages.parts.end(), free)) {
      PartKey whole;
      for (const PartKey& part : stages.parts) {
        whole.fixed = std::min(whole.fixed + part.fixed, out_.plan.horizon + 1);
        whole.terms.insert(whole.terms.end(), part.terms.begin(), part.terms.end());
      }
      stages.parts = {whole};
    }
    return stages;
  }

  /// What a stage waits for when it stands still: chains for what happens on them, the layer for the rest.
  static Owner owner_of(const StageSpec& stage, const RouteSpec& route) {
    const bool arrives = stage.name == StageName::destination_inclusion && stage.scope == Scope::route;
    if (arrives || stage.scope == Scope::collateral_chain) return {Owner::Kind::chain, route.collateral_chain};
    if (stage.scope == Scope::oracle || stage.scope == Scope::liability_chain)
      return {Owner::Kind::chain, route.liability_chain};
    return route.layer.empty() ? Owner{} : Owner{Owner::Kind::layer, route.layer};
  }
  /// Forced inclusion: no outage of the chain delays an inclusion there by more.
  std::uint32_t cap_of(const StageSpec& stage, const RouteSpec& route) const {
    if (stage.name != StageName::destination_inclusion && stage.name != StageName::source_inclusion) return ~0u;
    const Owner owner = owner_of(stage, route);
    for (const ChainSpec& chain : s_.chains) {
      if (owner.kind == Owner::Kind::chain && chain.name == owner.name && chain.forced_inclusion)
        return ticks(std::min(*chain.forced_inclusion, s_.run.horizon));
    }
    return ~0u;
  }

  /// Indices of an owner's outages, which are compiled when the first route needs them.
  std::vector<std::uint16_t> outages_of(const Owner& owner) {
    const std::vector<OutageSpec>* specs = nullptr;
    const bool chain = owner.kind == Owner::Kind::chain;
    for (const ChainSpec& c : s_.chains) {
      if (chain && c.name == owner.name) specs = &c.outages;
    }
    for (const LayerSpec& l : s_.layers) {
      if (owner.kind == Owner::Kind::layer && l.name == owner.name) specs = &l.outages;
    }
    std::vector<std::uint16_t> indices;
    for (std::size_t i = 0; specs && i < specs->size(); ++i) {
      const std::string name = (chain ? "chain\n" : "layer\n") + owner.name + '\n' + (*specs)[i].name;
      const auto [entry, fresh] = outages_.try_emplace(name, static_cast<std::uint16_t>(outages_.size()));
      require(outages_.size(), limit::outages, "outages of chains and layers");
      if (fresh) outage((*specs)[i], owner, name, entry->second);
      indices.push_back(entry->second);
    }
    return indices;
  }
  void outage(const OutageSpec& spec, const Owner& owner, const std::string& name, std::uint16_t index) {
    const bool chain = owner.kind == Owner::Kind::chain;
    const std::string where = fmt::format("{}.{}.outages.{}", chain ? "chains" : "layers", owner.name, spec.name);
    out_.outages.push_back(where);
    Outage& o = out_.plan.outage[index];
    o.name = names_.id(Purpose::outage, name);
    o.up_mean = spec.rate > 0.0 ? static_cast<float>(ticks_per_year / spec.rate) : 3.0e38f;
    o.share = static_cast<float>(spec.rate * law_mean(spec.duration) / seconds_per_year);
    o.duration = law(spec.duration, ticks_per_second, where);
    double elapsed = -1.0;  // an outage met at random
    for (const StateSpec::Down& down : chain ? s_.state.halted : s_.state.paused) {
      if (down.name != owner.name || down.outage != spec.name) continue;
      o.known = Known::under_way;
      elapsed = down.since;
    }
    const auto& running = s_.state.running;
    if (std::find(running.begin(), running.end(), owner.name) != running.end()) o.known = Known::running;
    if (o.known == Known::nothing && !(spec.rate > 0.0)) o.known = Known::running;
    o.residual = o.duration;
    if (o.known != Known::running)
      o.residual =
          placed(compile_residual(spec.duration, elapsed, ticks_per_second, out_.tables), where + ", residual");
  }

  std::uint16_t trigger(const TriggerSpec& spec, const RouteSpec& route, std::size_t asset) {
    const auto [entry, fresh] =
        triggers_.try_emplace({route.liability_chain, asset, spec.heartbeat, spec.deviation}, triggers_.size());
    require(triggers_.size(), limit::triggers, "oracles with a deviation");
    if (fresh) {
      Trigger& t = out_.plan.trigger[entry->second];
      t.asset = static_cast<std::uint16_t>(asset);
      t.down = static_cast<float>(std::log1p(-spec.deviation));
      t.up = static_cast<float>(std::log1p(spec.deviation));
      StageSpec heartbeat;
      heartbeat.name = StageName::oracle;
      heartbeat.scope = Scope::oracle;
      heartbeat.law.kind = LawKind::uniform;
      heartbeat.law.min = 0.0;
      heartbeat.law.max = spec.heartbeat;
      targets_[term(heartbeat, route, asset)].push_back({Target::Kind::trigger, entry->second});
      waiting_.emplace_back();
    }
    return static_cast<std::uint16_t>(entry->second);
  }

  std::size_t message(const Stages& stages) {
    const auto [entry, fresh] = messages_.try_emplace({stages.layer, stages.trigger, stages.parts}, messages_.size());
    const std::size_t index = entry->second;
    require(messages_.size(), limit::messages, "distinct delays");
    if (!fresh) return index;
    Plan& plan = out_.plan;
    Message& m = plan.message[index];
    m.layer = stages.layer;
    if (stages.layer != none) m.exposure = static_cast<float>(s_.layers[stages.layer].exposure * ticks_per_second);
    const bool plain = stages.parts.size() == 1 && stages.parts[0].holds.empty();
    if (stages.trigger != none && plain) waiting_[stages.trigger].push_back({Target::Kind::message, index});
    if (plain) m.fixed = stages.parts[0].fixed;
    for (const PartKey& part : stages.parts) {
      const Target to{plain ? Target::Kind::message : Target::Kind::part, plain ? index : plan.parts};
      for (const TermKey& term : part.terms) targets_[term].push_back(to);
      if (plain) continue;
      require(plan.parts + 1, limit::parts, "parts of messages that outages hold up");
      require(holds_ + part.holds.size(), limit::holds, "outages over all parts of messages");
      plan.part[plan.parts++] = {part.fixed,
                                 std::min(part.cap, plan.horizon + 1),
                                 static_cast<std::uint16_t>(index),
                                 static_cast<std::uint16_t>(holds_),
                                 static_cast<std::uint16_t>(part.holds.size()),
                                 static_cast<std::uint16_t>(stages.trigger == none ? 0 : stages.trigger + 1)};
      for (const std::uint16_t o : part.holds) plan.holds[holds_++] = o;
    }
    plan.outages = static_cast<std::uint32_t>(outages_.size());
    plan.triggers = static_cast<std::uint32_t>(triggers_.size());
    return index;
  }

  void leg(std::size_t l, std::size_t asset, std::size_t route, bool queued) {
    Plan& plan = out_.plan;
    const RouteSpec& spec = s_.routes[route];
    const Stages stages = read_stages(spec, asset, queued);
    plan.leg[l] = {static_cast<std::uint16_t>(asset), static_cast<std::uint16_t>(message(stages)),
                   static_cast<std::uint16_t>(route), 0};
    const std::uint32_t fixed = std::min(
        stages.oracle_fixed + ticks(std::min(block_time(spec.collateral_chain), s_.run.horizon)), plan.horizon + 1);
    const auto [entry, fresh] = readings_.try_emplace({asset, fixed, stages.trigger, stages.oracle}, readings_.size());
    reading_of_leg_.push_back(static_cast<int>(entry->second));
    if (!fresh) return;
    require(readings_.size(), limit::readings, "price-layer times");
    Reading& reading = plan.reading[entry->second];
    reading.fixed = fixed;
    reading.asset = static_cast<std::uint16_t>(asset);
    reading.leg = static_cast<std::uint16_t>(l);
    reading.ordinal = reading_count_[asset]++;
    if (stages.trigger != none) waiting_[stages.trigger].push_back({Target::Kind::reading, entry->second});
  }

  TermKey term(const StageSpec& stage, const RouteSpec& route, std::size_t asset) {
    const input::StageRow& place = row_of(input::stage_rows, stage.name);
    TermKey key;
    key.rank = static_cast<std::uint16_t>(place.quad << 1);
    key.word = place.word;
    key.stage = static_cast<std::uint16_t>(stage.name);
    key.law = law(stage.law, ticks_per_second * s_.stress.delays,
                  fmt::format("routes.{}.{}", route.name, input::stage_name(stage.name)));
    const auto at = [&](Purpose purpose, const std::string& name) {
      return address(purpose, names_.id(purpose, name));
    };
    switch (stage.scope) {
      case Scope::oracle:
        key.address = at(Purpose::oracle, route.liability_chain);
        key.rank = static_cast<std::uint16_t>(((place.quad * 4u + place.word) * (limit::assets / 4) + asset / 4) << 1);
        key.word = static_cast<std::uint16_t>(asset % 4);
        break;
      case Scope::collateral_chain: key.address = at(Purpose::chain, route.collateral_chain); break;
      case Scope::liability_chain: key.address = at(Purpose::chain, route.liability_chain); break;
      case Scope::layer: key.address = at(Purpose::layer_stage, route.layer); break;
      case Scope::route: key.address = at(Purpose::route, route.name); break;
    }
    return key;
  }

  void collaterals() {
    Plan& plan = out_.plan;
    plan.collaterals = static_cast<std::uint32_t>(s_.collateral.size());
    plan.portfolio = s_.portfolio ? 1u : 0u;
    if (s_.portfolio) plan.portfolio_threshold = static_cast<float>(1.0 - s_.portfolio->haircut);
    const std::vector<double> weights = book_weights();
    for (std::size_t k = 0; k < s_.collateral.size(); ++k) {
      const CollateralSpec& spec = s_.collateral[k];
      Collateral& c = plan.collateral[k];
      const std::size_t l = leg_of_.at(leg_key(spec));
      c.leg = static_cast<std::uint16_t>(l);
      out_.reading_of.push_back(reading_of_leg_[l]);
      c.basis_constant = 1.0f;
      if (spec.basis.kind == LawKind::constant) {
        c.basis_constant = static_cast<float>(spec.basis.value);
      } else {
        c.basis_name = names_.id(Purpose::basis, spec.name);
        c.basis = law(spec.basis, 1.0, "collateral." + spec.name + ".basis");
        plan.based_at[plan.based++] = {static_cast<std::uint16_t>(k), static_cast<std::uint16_t>(reading_of_leg_[l])};
      }
      const SaleSpec& sale = spec.sale;
      double slippage = 0.0, cost = 0.0;
      if (sale.size > 0.0) {
        if (sale.depth > 0.0) {
          slippage = std::min(sale.cap, 0.02 * host_pow(sale.size / sale.depth * s_.stress.depth, sale.exponent) /
                                            (1.0 + sale.exponent));
        }
        cost = sale.cost / sale.size / (1.0 + sale.bonus);
      }
      const double keep = (1.0 - slippage) / (1.0 + sale.bonus);
      if (!(keep > 0.0)) {
        throw Error(fmt::format(
            "collateral '{}' sells for nothing (slippage and bonus take everything) lower sale.cap or sale.size",
            spec.name));
      }
      c.keep = static_cast<float>(keep);
      c.cost = static_cast<float>(cost);
      c.weight = static_cast<float>(weights[k]);
      if (spec.haircut) {
        c.counted = 1;
        c.breach = static_cast<float>(host_log(1.0 - *spec.haircut));
        c.covered = static_cast<float>(1.0 - *spec.haircut);
        c.threshold = static_cast<float>((1.0 - *spec.haircut + cost) / keep);
      }
    }
    std::stable_sort(plan.based_at, plan.based_at + plan.based,
                     [](const Based& x, const Based& y) { return x.reading < y.reading; });
  }

  std::vector<double> book_weights() const {
    std::vector<double> w;
    for (const auto& c : s_.collateral) w.push_back(c.weight ? *c.weight : c.sale.size);
    double total = 0.0;
    for (const double x : w) total += x;
    for (double& x : w) x = total > 0.0 ? x / total : 1.0 / static_cast<double>(w.size());
    return w;
  }

  /// Terms that share a score lie together behind their block. Blocks in the order of their addresses: a canonical
  /// order.
  void blocks() {
    Plan& plan = out_.plan;
    require(targets_.size(), limit::terms, "distinct random stages");
    std::uint32_t references = 0;
    const auto refer = [&](const std::vector<Target>& targets) {
      require(references + targets.size(), limit::references, "stages over all routes and assets");
      const auto first = static_cast<std::uint16_t>(references);
      for (const Target& t : targets) plan.references[references++] = slot(t);
      return first;
    };
    for (const auto& [key, targets] : targets_) {
      const bool same = plan.blocks > 0 && plan.block[plan.blocks - 1].address == key.address &&
                        plan.block[plan.blocks - 1].rank == key.rank;
      if (!same) {
        require(plan.blocks + 1, limit::blocks, "random objects");
        plan.block[plan.blocks++] = {key.address, key.rank, static_cast<std::uint16_t>(plan.terms), 0, 0};
      }
      Block& block = plan.block[plan.blocks - 1];
      ++block.count;
      block.pairs |= key.word < 2 ? 1u : 2u;
      plan.term[plan.terms++] = {key.word, refer(targets), static_cast<std::uint16_t>(targets.size()), key.law,
                                 key.stage};
    }
    for (std::size_t o = 0; o < waiting_.size(); ++o) {
      plan.trigger[o].first = refer(waiting_[o]);
      plan.trigger[o].count = static_cast<std::uint16_t>(waiting_[o].size());
    }
  }

  /// In Workspace::time.
  std::uint16_t slot(const Target& t) const {
    const Plan& plan = out_.plan;
    std::size_t before = 0;
    if (t.kind != Target::Kind::message) before += plan.messages;
    if (t.kind == Target::Kind::part || t.kind == Target::Kind::trigger) before += plan.readings;
    if (t.kind == Target::Kind::trigger) before += plan.parts;
    return static_cast<std::uint16_t>(before + t.index);
  }

  Law law(const LawSpec& spec, double unit, const std::string& where) {
    const auto [entry, fresh] = laws_.try_emplace(fmt::format("{} {}", unit, key_of(spec)));
    if (fresh) {
      const CompiledLaw compiled = compile_placed(spec, unit, where);
      entry->second = placed(compiled, where, spec.reduction_error);
    }
    return entry->second;
  }

  /// Adds a compiled law's components to the plan.
  Law placed(const CompiledLaw& compiled, const std::string& where, double reduction_error = 0.0) {
    if (compiled.error > 1e-3) {
      throw Error(fmt::format(
          "the law of {} cannot be tabulated to 1e-3 (its measured error is {:.1e}) use a less extreme shape", where,
          compiled.error));
    }
    const Law law{static_cast<std::uint16_t>(components_.size()),
                  static_cast<std::uint16_t>(compiled.components.size())};
    components_.insert(components_.end(), compiled.components.begin(), compiled.components.end());
    out_.laws.push_back({where, std::max(compiled.error, reduction_error), compiled.tail_share});
    return law;
  }

  /// compile_law, with the place in the scenario before what it has to say.
  CompiledLaw compile_placed(const LawSpec& spec, double unit, const std::string& where) {
    try {
      return compile_law(spec, unit, out_.tables);
    } catch (const Error& e) { throw Error(where + ": " + e.what()); }
  }

  void hash() {
    // Plan has no padding (all members are even runs of 16-bit or 32-bit words), and was zeroed: its bytes are its
    // fields.
    out_.plan_hash = Hash()
                         .feed(std::as_bytes(std::span(&out_.plan, 1)))
                         .feed(std::as_bytes(std::span(out_.tables.floats)))
                         .feed(std::as_bytes(std::span(out_.rows)))
                         .feed(std::as_bytes(std::span(out_.ages)))
                         .text();
  }

  double block_time(const std::string& chain) const {
    for (const ChainSpec& c : s_.chains) {
      if (c.name == chain) return c.block_time;
    }
    return ChainSpec{}.block_time;
  }

  const Scenario& s_;
  Compiled out_;
  NameIds names_;
  std::vector<Component> components_;
  std::map<std::string, Law> laws_;
  std::map<LegKey, std::size_t> leg_of_;
  std::map<std::tuple<std::uint16_t, std::uint16_t, std::vector<PartKey>>, std::size_t>
      messages_;  // by layer, trigger, parts
  std::map<TermKey, std::vector<Target>> targets_;
  std::map<std::tuple<std::size_t, std::uint32_t, std::uint16_t, std::vector<TermKey>>, std::size_t> readings_;
  std::map<std::size_t, std::uint16_t> reading_count_;
  std::map<std::string, std::uint16_t> outages_;
  std::map<std::tuple<std::string, std::size_t, double, double>, std::size_t> triggers_;
  std::vector<std::vector<Target>> waiting_;  // per trigger
  std::size_t holds_ = 0;
  std::vector<int> reading_of_leg_;
};

}  // namespace

double corruption_factor(const LayerSpec& layer) {
  if (!(layer.corruption_cost > 0.0)) return 1.0;
  return host_pow(std::max(1.0, layer.secured / layer.corruption_cost), layer.corruption_exponent);
}

Compiled compile(const Scenario& scenario) { return Compiler(scenario).compile(); }

}  // namespace proofload
