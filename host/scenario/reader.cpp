/// reader.cpp -- a scenario file's keys, in the order of the format: from the tree of values to Scenario.
///
/// toml_tree.h parses the text and merges what it includes; values.h reads single values, law_reader.h, correlation.h,
/// market_reader.h, mechanism_reader.h, stress_reader.h and regime_reader.h parts of the format. Every problem is
/// collected, and thrown only at the end.
#include "scenario/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <span>

#include "base/words.h"
#include "input/times.h"
#include "kernels/plan.h"
#include "scenario/correlation.h"
#include "scenario/former_words.h"
#include "scenario/law_reader.h"
#include "scenario/market_reader.h"
#include "scenario/mechanism_reader.h"
#include "scenario/regime_reader.h"
#include "scenario/stress_reader.h"
#include "scenario/words.h"

namespace proofload {
namespace {

using namespace input;
using std::string, std::vector;

constexpr Quantity drift_range{-100.0, 100.0, Open::neither, "an annual drift as a fraction", "0.0"};
constexpr Quantity haircut_range{0.0, 1.0, Open::high, "a haircut is a fraction of the value: 0.1 is 10 %", "0.1"};

class Reader {
 public:
  Reader(Report& report, const Node& root, const Recorded* recorded)
      : report_(report), top_{report, root, ""}, recorded_(recorded) {}

  Scenario read() {
    top_.allow({"schema", "name", "description", "include", "run", "market", "chains", "layers", "mechanisms", "routes",
                "collateral", "portfolio", "stress", "systemic", "uncertainty", "state", "margin"});
    top_.need("schema", "it says which format the file has", "1");
    top_.need_name("name", s_.name, "the name of the scenario", "my-scenario");
    if (top_.read("description", s_.description, "a sentence or two") && s_.description.size() > 4096)
      report_.add(top_.place_of("description"), "description is longer than 4096 bytes",
                  "it is stored with every result", "shorten it");
    if (const auto t = section("run", "it says how many paths to simulate")) read_run(*t);
    if (const auto t = section("market", "it lists the assets")) read_market(*t);
    read_chains();
    read_mechanisms();
    read_layers();
    read_routes();
    read_collateral();
    if (const auto t = section("portfolio")) {
      t->allow({"haircut", "minimum"});
      PortfolioSpec& book = s_.portfolio.emplace();
      t->need("haircut", book.haircut, haircut_range);
      t->read("minimum", book.minimum, "whether the least price of the book over the grid dates is tallied");
    }
    if (const auto t = section("stress")) read_stress(*t, s_.market, s_.run.horizon, s_.stress, recorded_);
    if (const auto t = section("systemic")) read_systemic(*t, s_.market, s_.stress, s_.systemic);
    const Node* catalogue = top_.get("mechanisms");
    if (const auto t = section("uncertainty"))
      read_uncertainty(*t, s_.market, s_.stress, catalogue, s_.layers, s_.uncertainty);
    if (const auto t = section("state")) read_state(*t, s_.chains, s_.layers, catalogue, s_.state);
    if (const auto t = section("margin")) read_margin(*t, s_.margin);
    check_market(top_, s_, recorded_);
    check_triggers();
    return std::move(s_);
  }

 private:
  // ---------------------------------------------------------------------------------------------------- what has names

  /// A table of the top level; `why` it must be there, null when it need not.
  std::optional<Table> section(const char* key, const char* why = nullptr) {
    const Node* n = top_.get(key);
    const string what = fmt::format("a table [{}]", key);
    if (!n && why) report_.add_missing(top_.place(), fmt::format("[{}] is missing", key), why, "add " + what);
    if (!n || !check_table(report_, *n, key, "it holds several keys", "write " + what)) return std::nullopt;
    return Table{report_, *n, key};
  }

  /// The tables of an array, which must not be empty.
  template <class Use>
  void each_item(const Node& n, const string& path, std::size_t most, const char* why, const char* what, Use use) {
    if (n.is_array() && n.items.empty()) report_.add(n.place, path + " is empty", why, what);
    for (const Table& t : tables_of(report_, n, path, most, why, what)) use(t);
  }

  void check_unique(std::map<string, int>& seen, const Table& t, const string& name, const char* kind,
                    const char* why) {
    const auto [first, fresh] = seen.emplace(name, t.place_of("name").line);
    if (!fresh)
      report_.add(t.place_of("name"), fmt::format("there are two {}s named {}", kind, in_quotes(name)), why,
                  fmt::format("rename or take out one of them; the first is on line {}", first->second));
  }

  /// A reference to something declared elsewhere.
  void check_declared(const Table& t, const char* key, const string& name, const vector<string>& declared,
                      const char* kind) {
    if (std::find(declared.begin(), declared.end(), name) == declared.end())
      report_.add_missing(t.place_of(key), fmt::format("{} = {} is unknown", t.path_of(key), in_quotes(name)),
                          fmt::format("no {} of that name is declared", kind), suggestion(name, declared, kind));
  }

  // ---------------------------------------------------------------------------------------------------- run and market

  void read_run(const Table& t) {
    t.allow({"paths", "seed", "confidence", "interval", "horizon", "in_force", "joint_under"});
    const char* meaning = "the number of simulated paths";
    if (const Node* paths = t.need("paths", meaning, "1_000_000"))
      if (const auto x = read_integer(report_, *paths, "run.paths", 1, std::int64_t{1} << 40, meaning, "1_000_000"))
        s_.run.paths = static_cast<std::uint64_t>(*x);
    if (const Node* seed = t.get("seed"))
      if (const auto x = read_integer(report_, *seed, "run.seed", 0, std::numeric_limits<std::int64_t>::max(),
                                      "the seed of all random numbers", "1"))
        s_.run.seed = static_cast<std::uint64_t>(*x);
    t.read("interval", s_.run.interval,
           {0.5, 0.999999, Open::neither, "the two-sided level of every interval, a fraction", "0.95"});
    t.read("horizon", s_.run.horizon,
           {1.0, 40.0 * day, Open::neither, "a path that takes longer is unresolved; time on a path has 32 bits", "30d",
            true});
    t.read("in_force", s_.run.in_force,
           {1.0, longest_in_force, Open::neither, "for how long haircuts stay set, while calls come at any time", "7d",
            true});
    if (const Node* list = t.get("confidence")) read_confidence(*list);
    bool joint = false;
    if (t.read("joint_under", joint, "whether pairs of under-collateralised tokens are counted"))
      s_.run.joint_under = joint;
  }

  void read_confidence(const Node& list) {
    if (!list.is_array() || list.items.empty() || list.items.size() > 32) {
      const string problem = !list.is_array() ? described(list) : list.items.empty() ? "empty" : "too long";
      report_.add(list.place, "run.confidence is " + problem, "haircuts are calibrated at 1 to 32 confidences",
                  "write an array, such as [0.99, 0.999]");
      return;
    }
    const Quantity level{0.0, 1.0, Open::both, "a confidence is a fraction: 0.99 is 99 %", "0.99"};
    auto& levels = s_.run.confidence;
    levels.clear();
    for (const auto& item : list.items)
      if (const auto x = read_quantity(report_, item, "run.confidence", level)) levels.push_back(*x);
    std::sort(levels.begin(), levels.end());
    if (std::adjacent_find(levels.begin(), levels.end()) != levels.end())
      report_.add(list.place, "run.confidence holds a number twice", "each is one row of the result",
                  "take one of them out");
  }

  void read_market(const Table& t) {
    t.allow({"drift", "assets", "correlation", "correlation_file", "factors", "innovation", "variance", "jumps", "grid",
             "last_price"});
    double drift = 0.0;
    t.read("drift", drift, drift_range);
    const Node* assets = t.need("assets", "there is nothing to simulate without an asset",
                                "[ { name = \"ETH\", price = 3000.0, volatility = 0.8 } ]");
    if (assets) read_assets(*assets, drift);
    const std::size_t count = s_.market.assets.size();
    if (const Node* grid = t.get("grid")) read_grid(*grid);
    read_last_price(t);
    if (count == 0 || count > limit::assets) return;  // what the models say of each asset means nothing
    read_correlation(t, assets->place, count, s_.market.correlation, s_.market.factors);
    read_models(t, s_.market, recorded_);
  }

  void read_last_price(const Table& t) {
    string text;
    if (!t.read("last_price", text, "the time of the last price that the model was fitted to")) return;
    s_.market.last_price = time_of(text);
    const bool of_result = recorded_ != nullptr && recorded_->former_words;  // whose reader's clock may be wrong
    if (!s_.market.last_price || *s_.market.last_price < earliest_time ||
        (!of_result && !problem_of_time(*s_.market.last_price).empty()))
      report_.add(t.place_of("last_price"),
                  fmt::format("market.last_price = {} is no time from 1990 to tomorrow", in_quotes(text)),
                  "it says until when haircuts are good", "write it as 2026-06-30T23:00:00Z");
  }

  void read_assets(const Node& list, double drift) {
    std::map<string, int> seen;
    each_item(list, "market.assets", limit::assets, "it is an array of tables, one for each asset",
              "write assets = [ { name = \"ETH\", price = 3000.0, volatility = 0.8 } ]", [&](const Table& t) {
                t.allow({"name", "price", "volatility", "drift"});
                AssetSpec spec;
                spec.drift = drift;
                if (t.need_name("name", spec.name, "collateral refers to it", "ETH"))
                  check_unique(seen, t, spec.name, "asset", "collateral refers to assets by name");
                t.need("price", spec.price, {0.0, 1e15, Open::low, "the price of one unit in USD", "3000.0"});
                t.need("volatility", spec.volatility,
                       {0.0, 100.0, Open::neither, "an annual volatility as a fraction: 0.8 is 80 %", "0.8"});
                t.read("drift", spec.drift, drift_range);
                if (!spec.name.empty()) asset_names_.push_back(spec.name);
                s_.market.assets.push_back(std::move(spec));
              });
  }

  void read_grid(const Node& n) {
    const char* example = "write grid = { step = \"1m\" }";
    if (!check_table(report_, n, "market.grid", "a grid has a step or a number of steps", example)) return;
    const Table t{report_, n, "market.grid"};
    t.allow({"step", "steps", "observed"});
    t.read("observed", s_.market.grid.observed, "whether prices are looked at on the grid's dates");
    const Node *step = t.get("step"), *steps = t.get("steps");
    if (!step == !steps) {
      report_.add(n.place, fmt::format("market.grid has {}", step ? "both step and steps" : "neither step nor steps"),
                  "each determines the other", step ? "take one of them out" : example);
      return;
    }
    double seconds = 0.0;
    if (t.read("step", seconds, {0.002, 40.0 * day, Open::neither, "the step of the grid; a tick is 2 ms", "1m", true}))
      s_.market.grid.step = seconds;
    if (steps)
      if (const auto x = read_integer(report_, *steps, "market.grid.steps", 1, 1'000'000,
                                      "the number of equal steps over run.horizon", "1000"))
        s_.market.grid.steps = static_cast<std::uint32_t>(*x);
  }

  // ----------------------------------------------------------------------------------------- chains, layers and routes

  void read_chains() {
    for (const NamedTable& t : named_tables(report_, top_.node, "chains", 1024))
      declared_chains_.push_back(read_chain(t));
  }

  void read_mechanisms() {
    for (const NamedTable& t : named_tables(report_, top_.node, "mechanisms", 256)) {
      mechanism_names_.push_back(t.name);
      mechanisms_.emplace(t.name, read_mechanism(t));
    }
  }

  /// Those that the file declares, on top of their mechanism's; those that are their mechanism's alone wait until a
  /// route names them.
  void read_layers() {
    for (const NamedTable& t : named_tables(report_, top_.node, "layers", limit::layers)) {
      layer_names_.push_back(t.name);
      const auto m = mechanisms_.find(t.name);
      if (m == mechanisms_.end() || !m->second.layer) {
        add_layer(read_layer(t), t.table);
        continue;
      }
      Node& merged = merged_.emplace_back(*m->second.layer);
      merge_documents(merged, Node(t.table.node));
      const Table table{report_, merged, t.table.path};
      add_layer(read_layer({t.name, table}), table);
    }
    for (const string& name : mechanism_names_) {
      const Mechanism& m = mechanisms_.at(name);
      if (!m.layer || std::find(layer_names_.begin(), layer_names_.end(), name) != layer_names_.end()) continue;
      layer_names_.push_back(name);
      const Table table{report_, *m.layer, m.layer_path};
      made_layers_.emplace(name, std::pair(read_layer({name, table}), table));
    }
  }

  void add_layer(LayerSpec&& spec, const Table& t) {
    shared_hazards_.check(spec, t);
    s_.layers.push_back(std::move(spec));
  }

  /// A mechanism's layer is one of the scenario's when the first route names it.
  void use_layer(const Table& route, const string& name) {
    const auto made = made_layers_.find(name);
    if (made == made_layers_.end()) return;
    add_layer(std::move(made->second.first), made->second.second);
    made_layers_.erase(made);
    if (s_.layers.size() == limit::layers + 1)
      report_.add(route.place(), fmt::format("{} needs a layer more than {}", route.path, int{limit::layers}),
                  "a plan has room for so many, those of mechanisms among them", "split the scenario");
  }

  /// The mechanism of a route; null when there is none, or none of that name.
  const Mechanism* use_mechanism(const Table& t, const string& name) {
    const auto match = mechanisms_.find(name);
    if (match != mechanisms_.end()) {
      const auto same = [&](const MechanismSpec& m) { return m.name == name; };
      if (std::none_of(s_.mechanisms.begin(), s_.mechanisms.end(), same)) s_.mechanisms.push_back(match->second.spec);
      return &match->second;
    }
    if (mechanism_names_.empty())
      report_.add_missing(t.place_of("mechanism"),
                          fmt::format("{} = {} is unknown", t.path_of("mechanism"), in_quotes(name)),
                          "the scenario has no [mechanisms]", "add \"presets/mechanisms.toml\" to include");
    else
      check_declared(t, "mechanism", name, mechanism_names_, "mechanism");
    return nullptr;
  }

  void read_routes() {
    const Node* routes = top_.get("routes");
    if (!routes || (routes->is_table() && routes->members.empty()))
      report_.add_missing(routes ? routes->place : top_.place(), routes ? "[routes] is empty" : "[routes] is missing",
                          "collateral is liquidated over a route", "add a table such as [routes.eth-to-arb]");
    for (const auto& [name, t] : named_tables(report_, top_.node, "routes", limit::routes)) {
      const bool former = check_route_keys(t);
      RouteSpec spec;
      spec.name = name;
      route_names_.push_back(name);
      if (!former) {
        read_chain_of(t, "collateral_chain", spec.collateral_chain, "the chain where the collateral is", "ethereum");
        read_chain_of(t, "liability_chain", spec.liability_chain, "the chain where the liability is", "arbitrum");
      }
      t.read("mechanism", spec.mechanism, "how messages get across");
      const Mechanism* mechanism = spec.mechanism.empty() ? nullptr : use_mechanism(t, spec.mechanism);
      if (t.read("layer", spec.layer, "the layer whose failure hits the route")) {
        if (!spec.layer.empty()) check_declared(t, "layer", spec.layer, layer_names_, "layer");
      } else if (mechanism &&
                 std::find(layer_names_.begin(), layer_names_.end(), spec.mechanism) != layer_names_.end()) {
        spec.layer = spec.mechanism;
      }
      use_layer(t, spec.layer);
      read_route_stages(t, mechanism, spec);
      s_.routes.push_back(std::move(spec));
    }
    // the chains that routes name: declared ones in their order, then the others with defaults
    std::set<string> known;
    for (const auto& chain : declared_chains_) {
      known.insert(chain.name);
      if (std::find(used_.begin(), used_.end(), chain.name) != used_.end()) s_.chains.push_back(chain);
    }
    for (const auto& name : used_)
      if (known.insert(name).second) s_.chains.push_back(chain_named(name));
  }

  /// The keys of a route must be those of today; answers whether it has the words that its two chains had before.
  bool check_route_keys(const Table& route) {
    vector<string> valid = {"collateral_chain", "liability_chain", "layer", "mechanism", "stages"};
    bool found = false;
    for (const FormerWord& word : former_route_keys) {
      if (!route.get(word.was)) continue;
      found = true;
      valid.emplace_back(word.was);
      report_.add(route.place_of(word.was), fmt::format("{} is called {} now", route.path_of(word.was), word.now),
                  former_words_why, fmt::format("write {}; {}", word.now, former_words_mend));
    }
    route.allow(valid);
    return found;
  }

  void read_chain_of(const Table& route, const char* key, string& name, const char* meaning, const char* example) {
    if (route.need_name(key, name, meaning, example)) use_chain(route, key, name);
  }

  /// A chain need not be declared, but a name within two slips of a declared one (and not of other letters
  /// altogether, as "a" and "b" are) is taken for a mistake: it would get the default block time without a word.
  void use_chain(const Table& route, const char* key, const string& name) {
    used_.push_back(name);
    const ChainSpec* near = nullptr;
    std::size_t least = 3;
    for (const auto& chain : declared_chains_) {
      if (chain.name == name) return;
      const std::size_t longest = std::max(chain.name.size(), name.size());
      if (longest > 64 || longest > std::min(chain.name.size(), name.size()) + 2) continue;
      const std::size_t distance = edit_distance(chain.name, name);
      if (distance < least && distance < longest) near = &chain, least = distance;
    }
    if (!near) return;
    report_.add_missing(
        route.place_of(key), fmt::format("{} = {} is not declared", route.path_of(key), in_quotes(name)),
        fmt::format("it would have a block time of {}, and is nearly {}, which is declared",
                    duration_text(ChainSpec{}.block_time), in_quotes(near->name)),
        fmt::format("did you mean {}? If not, declare {} under [chains]", in_quotes(near->name), in_quotes(name)));
  }

  /// As declared, or with every default.
  ChainSpec chain_named(const string& name) const {
    for (const auto& chain : declared_chains_)
      if (chain.name == name) return chain;
    ChainSpec chain;
    chain.name = name;
    return chain;
  }

  /// The mechanism's stages and the route's own, with the laws of its chains.
  void read_route_stages(const Table& t, const Mechanism* mechanism, RouteSpec& spec) {
    vector<StageText> own;
    const Node* list = t.get("stages");
    if (list)
      own = read_stages(t, *list);
    else if (spec.mechanism.empty() || (mechanism && mechanism->stages.empty()))
      t.need("stages", "they are the delay of the route",
             "[ { name = \"relay\", kind = \"constant\", value = \"30s\" } ]");
    const ChainSpec collateral_chain = chain_named(spec.collateral_chain),
                    liability_chain = chain_named(spec.liability_chain);
    bool left_out = false;
    // stages that are all the route's own are in the order in which it says them, as the effective scenario's are
    if (mechanism && !mechanism->stages.empty()) own = merged_stages(mechanism->stages, std::move(own));
    for (StageText& stage : own) {
      if (spec.layer.empty()) check_layer_score(t, stage);
      if (stage.spec.trigger) triggers_.emplace_back(stage.place, stage.path);
      if (auto placed = on_chains(stage.spec, collateral_chain, liability_chain))
        spec.stages.push_back(std::move(*placed));
      else
        left_out = true;
    }
    if (left_out && spec.stages.empty())
      report_.add(t.place(), fmt::format("{} has no stages left", t.path),
                  "its chains say nothing of reorganisations, so that its reorg is left out", "add a stage");
  }

  /// Stages of a route without a layer must not read a layer's score.
  void check_layer_score(const Table& route, const StageText& stage) {
    const bool queue = stage.spec.name == StageName::queue && !stage.scoped;
    if (stage.spec.scope != Scope::layer || (!stage.scoped && !queue)) return;
    const char* why = "a layer's score is shared by the routes of that layer";
    if (stage.of_mechanism)
      report_.add(route.place_of(route.get("layer") ? "layer" : "mechanism"),
                  fmt::format("{} has no layer, and {} has the scope \"layer\"", route.path, stage.path), why,
                  "give the route a layer; one that cannot fail has hazard = 0.0");
    else
      report_.add(stage.scope_at,
                  queue ? fmt::format("{} has the scope \"layer\", and the route has no layer", stage.path)
                        : fmt::format("{}.scope = \"layer\", and the route has no layer", stage.path),
                  why, "give the route a layer, or another scope");
  }

  /// An oracle that follows the price looks at it on the grid, which a model of bars may have filled in by now.
  void check_triggers() {
    const GridSpec& grid = s_.market.grid;
    if ((grid.step || grid.steps) && grid.observed) return;
    const bool many = s_.market.assets.size() > limit::walked_assets;
    for (const auto& [place, path] : triggers_)
      report_.add(place,
                  fmt::format("{} is updated by what the price does, and {}", path,
                              find(top_.node, "market") && find(*find(top_.node, "market"), "grid")
                                  ? "market.grid has observed = false"
                                  : "there is no market.grid"),
                  many ? fmt::format("the price is looked at on a grid, which takes {} assets or fewer",
                                     int{limit::walked_assets})
                       : "the price is looked at on the grid's dates",
                  many ? "take assets out, or give the oracle a law"
                       : "write grid = { step = \"1m\" } in [market], or give the oracle a law");
  }

  // -------------------------------------------------------------------------------------------------------- collateral

  void read_collateral() {
    const Node* n = top_.get("collateral");
    if (!n) {
      report_.add_missing(top_.place(), "collateral is missing", "haircuts are calibrated for collateral",
                          "add a table [[collateral]]");
      return;
    }
    std::map<string, int> seen;
    std::size_t weighted = 0;
    double total = 0.0;
    bool good = true;
    each_item(*n, "collateral", limit::collaterals, "it is an array of tables, one for each token",
              "write [[collateral]]", [&](const Table& t) {
                t.allow({"name", "asset", "route", "haircut", "sale", "basis", "weight"});
                CollateralSpec spec;
                if (t.need_name("name", spec.name, "results refer to it", "ETH@ethereum"))
                  check_unique(seen, t, spec.name, "collateral", "results refer to collateral by name");
                if (t.need_name("asset", spec.asset, "the asset whose price it has", "ETH") && !asset_names_.empty())
                  check_declared(t, "asset", spec.asset, asset_names_, "asset");
                if (t.need_name("route", spec.route, "the route over which it is liquidated", "eth-to-arb") &&
                    !route_names_.empty())
                  check_declared(t, "route", spec.route, route_names_, "route");
                double x = 0.0;
                if (t.read("haircut", x, haircut_range)) spec.haircut = x;
                if (const Node* sale = t.get("sale")) read_sale(*sale, t.path_of("sale"), spec.sale);
                spec.basis.value = 1.0;
                if (const Node* basis = t.get("basis"))
                  spec.basis = read_law(report_, *basis, t.path_of("basis"), bases);
                if (t.read("weight", x, {0.0, 1e15, Open::neither, "the share of the book, in any unit", "1.0"})) {
                  spec.weight = x;
                  total += x;
                }
                weighted += t.get("weight") != nullptr;
                good &= !t.get("weight") || spec.weight;
                s_.collateral.push_back(std::move(spec));
              });
    if (weighted > 0 && weighted < s_.collateral.size())
      report_.add(n->place, fmt::format("{} of {} collaterals have a weight", weighted, s_.collateral.size()),
                  "the others' share of the book is unknown",
                  "give all of them a weight, or none (then sale.size is the weight)");
    else if (weighted > 0 && good && total == 0.0)
      report_.add(n->place, "all weights of collateral are zero", "a book holds something",
                  "give at least one of them a weight");
  }

  void read_sale(const Node& n, const string& path, SaleSpec& sale) {
    if (!check_table(report_, n, path, "a sale has a size and a depth", "write sale = { size = 5e6, depth = 5e7 }"))
      return;
    const Table t{report_, n, path};
    t.allow({"size", "depth", "exponent", "cap", "cost", "bonus"});
    t.need("size", sale.size, {0.0, 1e15, Open::low, "USD that are sold", "5e6"});
    t.need("depth", sale.depth, {0.0, 1e15, Open::low, "USD that move the price by 2 %", "5e7"});
    t.read("exponent", sale.exponent, {0.0, 5.0, Open::low, "the power of size/depth in the price impact", "0.5"});
    t.read("cap", sale.cap, {0.0, 1.0, Open::neither, "the largest slippage, a fraction", "0.2"});
    t.read("cost", sale.cost, {0.0, 1e12, Open::neither, "gas and relaying in USD", "50.0"});
    t.read("bonus", sale.bonus, {0.0, 1.0, Open::neither, "the liquidator's bonus, a fraction", "0.05"});
  }

  Report& report_;
  Table top_;
  const Recorded* recorded_;
  Scenario s_;
  vector<string> asset_names_, layer_names_, route_names_, used_;
  vector<ChainSpec> declared_chains_;
  vector<string> mechanism_names_;
  std::map<string, Mechanism> mechanisms_;
  std::deque<Node> merged_;  ///< layers of mechanisms with what [layers] says on top; tables refer to them
  std::map<string, std::pair<LayerSpec, Table>> made_layers_;  ///< of mechanisms alone, unused so far
  SharedHazards shared_hazards_;
  vector<std::pair<Place, string>> triggers_;
};

/// A price file of the command line takes the place of stress.replay.file; it is relative to where the command is run.
void set_prices(const std::filesystem::path& prices, Node& root, Report& report) {
  const Place place{std::make_shared<const Source>(Source{"--prices", {}}), 0};
  const Node* stress = find(root, "stress");
  if (!stress || !find(*stress, "replay")) {
    report.add_missing(place,
                       fmt::format("{} is given, and the scenario has no stress.replay", in_quotes(prices.string())),
                       "recorded prices are for a replay",
                       "take it out, or add [stress] with replay = { file = \"prices.csv\", start = \"random\" }");
    return;
  }
  if (!find(*stress, "replay")->is_table()) return;  // reported by who reads it
  Node file, replay, over_stress, over;
  file.kind = Node::Kind::text;
  file.place = place;
  file.text = prices.string();
  replay.place = over_stress.place = over.place = {root.place.source, 0};
  replay.members.push_back({"file", place, 0, std::move(file)});
  over_stress.members.push_back({"replay", find(*stress, "replay")->place, 0, std::move(replay)});
  over.members.push_back({"stress", stress->place, 0, std::move(over_stress)});
  merge_documents(root, std::move(over));
}

/// Whether a mechanism sends no message: collateral waits for a block of its chain, and that is all.
bool stays(const string& name, const Node& root) {
  const Node* mechanisms = find(root, "mechanisms");
  const Node* one = mechanisms ? find(*mechanisms, name) : nullptr;
  const Node* stages = one ? find(*one, "stages") : nullptr;
  return stages && stages->is_array() && std::all_of(stages->items.begin(), stages->items.end(), [](const Node& stage) {
           const Node* n = find(stage, "name");
           return n && n->is_text() && n->text == "destination_inclusion";
         });
}

/// Every route crosses by this mechanism: what it says of a crossing of its own goes, what its venue's oracle does
/// stays. Without a message the collateral lies where the liability is.
void set_mechanism(const string& name, Node& root) {
  const auto routes =
      std::find_if(root.members.begin(), root.members.end(), [](const Member& m) { return m.key == "routes"; });
  if (routes == root.members.end()) return;  // reported by who reads it, as is what has another type than it should
  const Place place{std::make_shared<const Source>(Source{"--mechanisms", {}}), 0};
  const auto of_oracle = [](const Node& stage) {
    const Node* n = find(stage, "name");
    return n && n->is_text() && (n->text == "oracle" || n->text == "publication");
  };
  const bool at_home = stays(name, root);
  for (Member& route : routes->value.members) {
    if (!route.value.is_table()) continue;
    const Node* liability = find(route.value, "liability_chain");
    const std::optional<Node> home = at_home && liability ? std::optional(*liability) : std::nullopt;
    for (Member& m : route.value.members) {
      if (m.key == "stages") std::erase_if(m.value.items, [&](const Node& stage) { return !of_oracle(stage); });
      if (m.key == "collateral_chain" && home) m.value = *home;
    }
    std::erase_if(route.value.members, [](const Member& m) {
      return m.key == "mechanism" || m.key == "layer" ||
             (m.key == "stages" && m.value.is_array() && m.value.items.empty());
    });
    Node text;
    text.kind = Node::Kind::text;
    text.place = place;
    text.text = name;
    route.value.members.push_back({"mechanism", place, 0, std::move(text)});
  }
}

/// The command line's values take the place of the file's, so that they are validated like them.
void apply(const Overrides& overrides, Node& root, Report& report) {
  const auto set = [&](const char* key, const std::optional<std::uint64_t>& value) {
    if (!value) return;
    const Place place{std::make_shared<const Source>(Source{string("--") + key, {}}), 0};
    if (*value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      report.add(place, fmt::format("{} is too large", *value), "a scenario holds integers of 63 bits",
                 "give a smaller number");
      return;
    }
    Node number, run, over;
    number.kind = Node::Kind::integer;
    number.place = place;
    number.integer = static_cast<std::int64_t>(*value);
    run.place = over.place = {root.place.source, 0};
    run.members.push_back({key, place, 0, std::move(number)});
    over.members.push_back({"run", root.place, 0, std::move(run)});
    merge_documents(root, std::move(over));
  };
  set("paths", overrides.paths);
  set("seed", overrides.seed);
  if (!overrides.prices.empty()) set_prices(overrides.prices, root, report);
  if (!overrides.mechanism.empty()) set_mechanism(overrides.mechanism, root);
}

Scenario parse(const string& text, const Source& from, const std::filesystem::path* file, const Overrides& overrides,
               const Recorded* recorded) {
  Report report;
  const auto source = std::make_shared<const Source>(from);
  auto root = load_tree(report, text, source, file);
  if (!root) report.fail();
  if (root->members.empty() && report.empty()) {
    report.add({source, 0}, "the scenario is empty", "there is nothing to run",
               "start from one of the files in scenarios/");
    report.fail();
  }
  if (recorded && recorded->former_words) rename_former_words(*root);
  apply(overrides, *root, report);
  Scenario scenario = Reader(report, *root, recorded).read();
  if (!report.empty()) report.fail();
  scenario.source = text;
  return scenario;
}

}  // namespace

Recorded recorded_in(const Scenario& s) {
  Recorded recorded{Recorded::Use::if_missing, {}, s.market.innovation, s.stress.replay};
  for (const auto& asset : s.market.assets) recorded.assets.push_back(asset.name);
  return recorded;
}

Scenario read_scenario(const std::filesystem::path& file, const Overrides& overrides, const Recorded* recorded) {
  Report report;
  string text;
  if (!read_text(report, {}, file, largest_scenario, "a scenario", text)) report.fail();
  return parse(text, {file.string(), file.parent_path()}, &file, overrides, recorded);
}

Scenario parse_scenario(const string& text, const string& name, const std::filesystem::path& folder,
                        const Overrides& overrides, const Recorded* recorded) {
  const bool sealed = recorded && recorded->use == Recorded::Use::instead;
  return parse(text, {name, folder, sealed}, nullptr, overrides, recorded);
}

}  // namespace proofload
