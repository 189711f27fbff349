#include "compile.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <tuple>

#include "compile_market.h"
#include "scenario_words.h"

namespace proofload {
namespace {

constexpr double ticks_per_year = seconds_per_year * ticks_per_second;

/// Where the normal score of a stage lies: two Philox blocks per scope, four stage names each. Names that routes use together share
/// a block, because a block costs the same for one score as for four.
struct Place {
  std::uint16_t quad, word;
};
Place place_of(StageName name) {
  switch (name) {
    case StageName::proof: return {0, 0};
    case StageName::relay: return {0, 1};
    case StageName::destination_inclusion: return {0, 2};
    case StageName::other: return {0, 3};
    case StageName::oracle: return {1, 0};
    case StageName::source_inclusion: return {1, 1};
    case StageName::finality: return {1, 2};
    case StageName::challenge: return {1, 3};
  }
  return {0, 3};
}

/// 16-bit ids of names, per purpose: a draw is addressed by its object's name, so that adding an object moves no other object's
/// draws. (Price increments are addressed by the rank of the visit: another delay on the way does move those.)
class NameIds {
 public:
  std::uint16_t id(Purpose purpose, const std::string& name) {
    const auto hash = static_cast<std::uint16_t>(XXH3_64bits(name.data(), name.size()) & 0xffffu);
    const auto [entry, fresh] = taken_.try_emplace({purpose, hash}, name);
    if (!fresh && entry->second != name) {
      const auto shown = [](std::string text) {  // an oracle is named by its chain and its asset, a line each
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

std::uint32_t ticks(double seconds) { return static_cast<std::uint32_t>(std::llround(seconds * ticks_per_second)); }

void require(std::size_t wanted, int limit, const char* what) {
  if (wanted <= static_cast<std::size_t>(limit)) return;
  throw Error(
      fmt::format("the scenario needs {} {} (a plan holds {}) split the scenario, or merge equal routes and laws",
                  wanted, what, limit));
}

/// Every number of a law, exactly: equal keys are equal laws.
std::string key_of(const LawSpec& law) {
  std::string key = fmt::format("{}", static_cast<int>(law.kind));
  for (const double v : {law.value, law.min, law.max, law.mean, law.median, law.p99, law.sigma, law.shape, law.scale,
                         law.alpha, law.cap, law.stdev, law.weight}) {
    key += fmt::format(" {:x}", std::bit_cast<std::uint64_t>(v));
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
    market();
    layers();
    legs();
    collaterals();
    blocks();
    require(components_.size(), limit::components, "law components");
    require(out_.tables.floats.size() / table_floats, limit::tables, "quantile tables");
    std::copy(components_.begin(), components_.end(), plan.component);
    // The market's parameters lie behind the quantile tables, whose number is known by now.
    const auto tables = static_cast<std::uint32_t>(out_.tables.floats.size());
    for (std::uint32_t* offset : {&plan.dynamics, &plan.loadings, &plan.jump_at, &plan.shocks, &plan.weights})
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
    for (std::size_t k = 0; k < w.size(); ++k) per_asset[asset_index(s_.collateral[k].asset)] += w[k];
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
      const double hazard = spec.hazard * s_.stress.hazards, common = spec.common_hazard * s_.stress.hazards;
      layer.own_mean = hazard > 0.0 ? static_cast<float>(ticks_per_year / hazard) : 0.0f;
      if (!spec.network.empty()) {
        layer.network = names_.id(Purpose::network, spec.network);
        layer.common_mean = common > 0.0 ? static_cast<float>(ticks_per_year / common) : 0.0f;
      }
      layer.recovery = law(spec.recovery, 1.0, "layers." + spec.name + ".recovery");
      if (spec.stall) {
        layer.stall = law(*spec.stall, ticks_per_second, "layers." + spec.name + ".stall");
        plan.stalls = 1;
      }
    }
  }

  /// One leg per distinct (route, asset), sorted by asset. A route nobody uses gets a message, for its delay, and no leg.
  void legs() {
    Plan& plan = out_.plan;
    std::vector<std::pair<std::size_t, std::size_t>> pairs;  // asset, route
    for (const auto& c : s_.collateral) pairs.emplace_back(asset_index(c.asset), route_index(c.route));
    std::sort(pairs.begin(), pairs.end());
    pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
    require(pairs.size(), limit::legs, "pairs of route and asset");
    plan.legs = static_cast<std::uint32_t>(pairs.size());
    plan.routes = static_cast<std::uint32_t>(s_.routes.size());
    std::vector<bool> used(s_.routes.size(), false);
    for (std::size_t l = 0; l < pairs.size(); ++l) {
      const auto [asset, route] = pairs[l];
      leg_of_[pairs[l]] = l;
      leg(l, asset, route);
      if (!used[route]) plan.route_message[route] = plan.leg[l].message;
      used[route] = true;
    }
    plan.walked = static_cast<std::uint32_t>(messages_.size());
    for (std::size_t r = 0; r < used.size(); ++r) {
      if (!used[r])
        plan.route_message[r] =
            static_cast<std::uint32_t>(message(read_stages(s_.routes[r], s_.market.assets[0].name)));
    }
    plan.messages = static_cast<std::uint32_t>(messages_.size());
    for (const auto& [key, index] : messages_) {
      for (const TermKey& term : std::get<2>(key)) targets_[term].push_back(static_cast<std::uint32_t>(index));
    }
    plan.readings = static_cast<std::uint32_t>(readings_.size());
    require(readings_.size(), limit::readings, "price-layer times");
    for (std::size_t a = 0; a < std::size(plan.first_leg); ++a) {
      const auto before = [&](const auto& p) { return p.first < a; };
      plan.first_leg[a] = static_cast<std::uint16_t>(std::count_if(pairs.begin(), pairs.end(), before));
      const auto read_before = [&](const auto& r) { return std::get<0>(r.first) < a; };
      plan.first_reading[a] =
          static_cast<std::uint16_t>(std::count_if(readings_.begin(), readings_.end(), read_before));
    }
    for (const auto& [key, index] : readings_) {
      for (const TermKey& term : std::get<2>(key))
        targets_[term].push_back(plan.messages + static_cast<std::uint32_t>(index));
    }
  }

  /// What the stages of a route come to, for one asset.
  struct Stages {
    std::uint16_t layer = none;
    std::uint32_t fixed = 0, oracle_fixed = 0;  // ticks: the constant stages together
    std::vector<TermKey> terms, oracle;         // the random ones
  };

  Stages read_stages(const RouteSpec& route, const std::string& asset) {
    Stages stages;
    for (std::size_t i = 0; i < s_.layers.size(); ++i) {
      if (s_.layers[i].name == route.layer) stages.layer = static_cast<std::uint16_t>(i);
    }
    for (const StageSpec& stage : route.stages) {
      const bool is_oracle = stage.name == StageName::oracle;
      if (stage.law.kind == LawKind::constant) {
        const std::uint32_t constant = ticks(std::min(stage.law.value * s_.stress.delays, s_.run.horizon + 1.0));
        stages.fixed = std::min(stages.fixed + constant, out_.plan.horizon + 1);
        if (is_oracle) stages.oracle_fixed = constant;
        continue;
      }
      stages.terms.push_back(term(stage, route, asset));
      if (is_oracle) stages.oracle.push_back(stages.terms.back());
    }
    return stages;
  }

  std::size_t message(const Stages& stages) {
    const auto [entry, fresh] = messages_.try_emplace({stages.layer, stages.fixed, stages.terms}, messages_.size());
    require(messages_.size(), limit::messages, "distinct delays");
    if (fresh) {
      Message& m = out_.plan.message[entry->second];
      m.fixed = stages.fixed;
      m.layer = stages.layer;
      if (stages.layer != none) m.exposure = static_cast<float>(s_.layers[stages.layer].exposure * ticks_per_second);
    }
    return entry->second;
  }

  void leg(std::size_t l, std::size_t asset, std::size_t route) {
    Plan& plan = out_.plan;
    const RouteSpec& spec = s_.routes[route];
    const Stages stages = read_stages(spec, s_.market.assets[asset].name);
    plan.leg[l] = {static_cast<std::uint16_t>(asset), static_cast<std::uint16_t>(message(stages)),
                   static_cast<std::uint16_t>(route), 0};
    const std::uint32_t fixed =
        std::min(stages.oracle_fixed + ticks(std::min(block_time(spec.from), s_.run.horizon)), plan.horizon + 1);
    const auto [entry, fresh] = readings_.try_emplace({asset, fixed, stages.oracle}, readings_.size());
    reading_of_leg_.push_back(static_cast<int>(entry->second));
    if (!fresh) return;
    require(readings_.size(), limit::readings, "price-layer times");
    Reading& reading = plan.reading[entry->second];
    reading.fixed = fixed;
    reading.asset = static_cast<std::uint16_t>(asset);
    reading.leg = static_cast<std::uint16_t>(l);
    reading.ordinal = reading_count_[asset]++;
  }

  TermKey term(const StageSpec& stage, const RouteSpec& route, const std::string& asset) {
    const Place place = place_of(stage.name);
    TermKey key;
    key.rank = static_cast<std::uint16_t>(place.quad << 1);
    key.word = place.word;
    key.stage = static_cast<std::uint16_t>(stage.name);
    key.law = law(stage.law, ticks_per_second * s_.stress.delays,
                  fmt::format("routes.{}.{}", route.name, stage_text(stage.name)));
    const auto at = [&](Purpose purpose, const std::string& name) {
      return address(purpose, names_.id(purpose, name));
    };
    switch (stage.scope) {
      case Scope::oracle: key.address = at(Purpose::oracle, route.to + '\n' + asset); break;
      case Scope::source_chain: key.address = at(Purpose::chain, route.from); break;
      case Scope::destination_chain: key.address = at(Purpose::chain, route.to); break;
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
      const std::size_t l = leg_of_.at({asset_index(spec.asset), route_index(spec.route)});
      c.leg = static_cast<std::uint16_t>(l);
      out_.reading_of.push_back(reading_of_leg_[l]);
      c.basis_constant = 1.0f;
      if (spec.basis.kind == LawKind::constant) {
        c.basis_constant = static_cast<float>(spec.basis.value);
      } else {
        c.basis_name = names_.id(Purpose::basis, spec.name);
        c.basis = law(spec.basis, 1.0, "collateral." + spec.name + ".basis");
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
  }

  std::vector<double> book_weights() const {
    std::vector<double> w;
    for (const auto& c : s_.collateral) w.push_back(c.weight ? *c.weight : c.sale.size);
    double total = 0.0;
    for (const double x : w) total += x;
    for (double& x : w) x = total > 0.0 ? x / total : 1.0 / static_cast<double>(w.size());
    return w;
  }

  /// Terms that share a score lie together behind their block. Blocks in the order of their addresses: a canonical order.
  void blocks() {
    Plan& plan = out_.plan;
    require(targets_.size(), limit::terms, "distinct random stages");
    std::uint32_t references = 0;
    for (const auto& [key, targets] : targets_) {
      const bool same = plan.blocks > 0 && plan.block[plan.blocks - 1].address == key.address &&
                        plan.block[plan.blocks - 1].rank == key.rank;
      if (!same) {
        require(plan.blocks + 1, limit::blocks, "random objects");
        plan.block[plan.blocks++] = {key.address, key.rank, static_cast<std::uint16_t>(plan.terms), 0, 0};
      }
      Block& block = plan.block[plan.blocks - 1];
      ++block.count;
      if (key.law.count > 1) block.picks = 1;
      require(references + targets.size(), limit::references, "stages over all routes and assets");
      plan.term[plan.terms++] = {key.word, static_cast<std::uint16_t>(references),
                                 static_cast<std::uint16_t>(targets.size()), key.law, key.stage};
      for (const std::uint32_t t : targets) plan.references[references++] = static_cast<std::uint16_t>(t);
    }
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
    // Plan has no padding (all members are even runs of 16-bit or 32-bit words), and was zeroed: its bytes are its fields.
    XXH3_state_t* state = XXH3_createState();
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, &out_.plan, sizeof(Plan));
    XXH3_128bits_update(state, out_.tables.floats.data(), out_.tables.floats.size() * sizeof(float));
    XXH3_128bits_update(state, out_.rows.data(), out_.rows.size() * sizeof(float));
    const XXH128_hash_t h = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    out_.plan_hash = fmt::format("{:016x}{:016x}", h.high64, h.low64);
  }

  std::size_t asset_index(const std::string& name) const {
    const auto same = [&](const AssetSpec& a) { return a.name == name; };
    return static_cast<std::size_t>(std::find_if(s_.market.assets.begin(), s_.market.assets.end(), same) -
                                    s_.market.assets.begin());
  }
  std::size_t route_index(const std::string& name) const {
    const auto same = [&](const RouteSpec& r) { return r.name == name; };
    return static_cast<std::size_t>(std::find_if(s_.routes.begin(), s_.routes.end(), same) - s_.routes.begin());
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
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> leg_of_;
  std::map<std::tuple<std::uint16_t, std::uint32_t, std::vector<TermKey>>, std::size_t>
      messages_;  // by layer, fixed, terms
  std::map<TermKey, std::vector<std::uint32_t>> targets_;
  std::map<std::tuple<std::size_t, std::uint32_t, std::vector<TermKey>>, std::size_t> readings_;
  std::map<std::size_t, std::uint16_t> reading_count_;
  std::vector<int> reading_of_leg_;
};

}  // namespace

const char* stage_text(StageName name) { return input::stage_rows[static_cast<std::size_t>(name)].name; }

Compiled compile(const Scenario& scenario) { return Compiler(scenario).compile(); }

}  // namespace proofload
