/// scenario.cpp -- a scenario file's keys, in the order of the format: from the tree of values to Scenario.
///
/// toml_tree.h parses the text and merges what it includes; values.h reads single values, law_reader.h, correlation.h,
/// market_reader.h and stress_reader.h parts of the format. Every problem is collected, and thrown only at the end.
#include "scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <span>

#include "../kernels/plan.h"
#include "correlation.h"
#include "law_reader.h"
#include "market_reader.h"
#include "scenario_words.h"
#include "stress_reader.h"

namespace proofload {
namespace {

using namespace input;
using std::string, std::vector;

constexpr Quantity drift_range{-100.0, 100.0, Open::none, "an annual drift as a fraction", "0.0"};
constexpr Quantity hazard_range{0.0, 1e4, Open::none, "failures per year", "0.05"};
constexpr Quantity haircut_range{0.0, 1.0, Open::high, "a haircut is a fraction of the value: 0.1 is 10 %", "0.1"};

class Reader {
 public:
  Reader(Report& report, const Node& root, const Recorded* recorded)
      : report_(report), top_{report, root, ""}, recorded_(recorded) {}

  Scenario read() {
    top_.allow({"schema", "name", "description", "include", "run", "market", "chains", "layers", "routes", "collateral",
                "portfolio", "stress", "systemic"});
    top_.need("schema", "it says which format the file has", "1");
    top_.need_name("name", s_.name, "the name of the scenario", "my-scenario");
    if (top_.read("description", s_.description, "a sentence or two") && s_.description.size() > 4096)
      report_.add(top_.place_of("description"), "description is longer than 4096 bytes",
                  "it is stored with every result", "shorten it");
    if (const auto t = section("run", "it says how many paths to simulate")) read_run(*t);
    if (const auto t = section("market", "it lists the assets")) read_market(*t);
    read_chains();
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
    if (const auto t = section("systemic")) {
      vector<string> later;
      for (const auto& m : t->node.members) later.push_back(m.key);
      t->allow({}, later);
    }
    check_market(top_, s_);
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

  /// The named tables of [chains], [layers] or [routes]: calls use(name, table) for each.
  template <class Use>
  void each_named(const char* key, std::size_t most, Use use) {
    const auto t = section(key);
    if (!t) return;
    const auto& members = t->node.members;
    if (members.size() > most)
      report_.add(t->place(), fmt::format("there are {} {}", members.size(), key),
                  fmt::format("a plan has room for {}", most), "split the scenario");
    for (const auto& m : std::span(members).first(std::min(members.size(), enough * most))) {
      const string path = fmt::format("{}.{}", key, printable(m.key));
      check_name(report_, m.place, string("the name in ") + key, m.key);
      if (check_table(report_, m.value, path, "it holds several keys", fmt::format("write a table [{}]", path)))
        use(m.key, Table{report_, m.value, path});
    }
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
    t.allow({"paths", "seed", "confidence", "interval", "horizon"});
    const char* meaning = "the number of simulated paths";
    if (const Node* paths = t.need("paths", meaning, "1_000_000"))
      if (const auto x = read_integer(report_, *paths, "run.paths", 1, std::int64_t{1} << 40, meaning, "1_000_000"))
        s_.run.paths = static_cast<std::uint64_t>(*x);
    if (const Node* seed = t.get("seed"))
      if (const auto x = read_integer(report_, *seed, "run.seed", 0, std::numeric_limits<std::int64_t>::max(),
                                      "the seed of all random numbers", "1"))
        s_.run.seed = static_cast<std::uint64_t>(*x);
    t.read("interval", s_.run.interval,
           {0.5, 0.999999, Open::none, "the two-sided level of every interval, a fraction", "0.95"});
    t.read("horizon", s_.run.horizon,
           {1.0, 40.0 * day, Open::none, "a path that takes longer is unresolved; time on a path has 32 bits", "30d",
            true});
    if (const Node* list = t.get("confidence")) read_confidence(*list);
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
    t.allow(
        {"drift", "assets", "correlation", "correlation_file", "factors", "innovation", "variance", "jumps", "grid"});
    double drift = 0.0;
    t.read("drift", drift, drift_range);
    const Node* assets = t.need("assets", "there is nothing to simulate without an asset",
                                "[ { name = \"ETH\", price = 3000.0, volatility = 0.8 } ]");
    if (assets) read_assets(*assets, drift);
    const std::size_t count = s_.market.assets.size();
    if (const Node* grid = t.get("grid")) read_grid(*grid);
    if (count == 0 || count > limit::assets) return;  // what the models say of each asset means nothing
    read_correlation(t, assets->place, count, s_.market.correlation, s_.market.factors);
    read_models(t, s_.market, recorded_);
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
                       {0.0, 100.0, Open::none, "an annual volatility as a fraction: 0.8 is 80 %", "0.8"});
                t.read("drift", spec.drift, drift_range);
                if (!spec.name.empty()) asset_names_.push_back(spec.name);
                s_.market.assets.push_back(std::move(spec));
              });
  }

  void read_grid(const Node& n) {
    const char* example = "write grid = { step = \"1m\" }";
    if (!check_table(report_, n, "market.grid", "a grid has a step or a number of steps", example)) return;
    const Table t{report_, n, "market.grid"};
    t.allow({"step", "steps"});
    const Node *step = t.get("step"), *steps = t.get("steps");
    if (!step == !steps) {
      report_.add(n.place, fmt::format("market.grid has {}", step ? "both step and steps" : "neither step nor steps"),
                  "each determines the other", step ? "take one of them out" : example);
      return;
    }
    double seconds = 0.0;
    if (t.read("step", seconds, {0.002, 40.0 * day, Open::none, "the step of the grid; a tick is 2 ms", "1m", true}))
      s_.market.grid.step = seconds;
    if (steps)
      if (const auto x = read_integer(report_, *steps, "market.grid.steps", 1, 1'000'000,
                                      "the number of equal steps over run.horizon", "1000"))
        s_.market.grid.steps = static_cast<std::uint32_t>(*x);
  }

  // ----------------------------------------------------------------------------------------- chains, layers and routes

  void read_chains() {
    each_named("chains", 1024, [&](const string& name, const Table& t) {
      t.allow({"block_time"}, {"outages"});
      ChainSpec spec;
      spec.name = name;
      t.read("block_time", spec.block_time, {0.0, day, Open::low, "the time between blocks", "12s", true});
      declared_chains_.push_back(std::move(spec));
    });
  }

  void read_layers() {
    std::map<string, std::pair<double, string>> networks;
    each_named("layers", limit::layers, [&](const string& name, const Table& t) {
      t.allow({"hazard", "exposure", "recovery", "network", "common_hazard", "stall"});
      LayerSpec spec;
      spec.name = name;
      layer_names_.push_back(name);
      t.read("hazard", spec.hazard, hazard_range);
      t.read("exposure", spec.exposure, {0.0, century, Open::none, "the window in which a failure hits", "72h", true});
      const Node *common = t.get("common_hazard"), *network = t.get("network");
      bool good = t.read("common_hazard", spec.common_hazard, hazard_range) || !common;
      spec.recovery.value = 0.0;
      if (const Node* n = t.get("recovery")) spec.recovery = read_law(report_, *n, t.path_of("recovery"), recoveries);
      if (const Node* n = t.get("stall")) spec.stall = read_law(report_, *n, t.path_of("stall"), durations);
      if (t.read("network", spec.network, "layers of one network fail together"))
        good &= check_name(report_, network->place, t.path_of("network"), spec.network);
      if (common && !network) {
        report_.add(common->place, t.path_of("common_hazard") + " is given without a network",
                    "it is the hazard that layers of one network share", "add network = \"...\", or add it to hazard");
      } else if (good && !spec.network.empty()) {
        const auto& [hazard, layer] = networks.try_emplace(spec.network, spec.common_hazard, name).first->second;
        if (hazard != spec.common_hazard)
          report_.add(t.place_of("common_hazard"),
                      fmt::format("{} is {}, and layer {} says {}", t.path_of("common_hazard"),
                                  brief(spec.common_hazard), in_quotes(layer), brief(hazard)),
                      fmt::format("both are of network {}, which fails as one", in_quotes(spec.network)),
                      "give both the same common_hazard");
      }
      s_.layers.push_back(std::move(spec));
    });
  }

  void read_routes() {
    const Node* routes = top_.get("routes");
    if (!routes || (routes->is_table() && routes->members.empty()))
      report_.add_missing(routes ? routes->place : top_.place(), routes ? "[routes] is empty" : "[routes] is missing",
                          "collateral is liquidated over a route", "add a table such as [routes.eth-to-arb]");
    each_named("routes", limit::routes, [&](const string& name, const Table& t) {
      t.allow({"from", "to", "layer", "stages"});
      RouteSpec spec;
      spec.name = name;
      route_names_.push_back(name);
      if (t.need_name("from", spec.from, "the chain where the collateral is", "ethereum"))
        use_chain(t, "from", spec.from);
      if (t.need_name("to", spec.to, "the chain where the liability is", "arbitrum")) use_chain(t, "to", spec.to);
      if (t.read("layer", spec.layer, "the layer whose failure hits the route") && !spec.layer.empty())
        check_declared(t, "layer", spec.layer, layer_names_, "layer");
      const Node* stages = t.need("stages", "they are the delay of the route",
                                  "[ { name = \"relay\", kind = \"constant\", value = \"30s\" } ]");
      if (stages) read_stages(*stages, t, spec);
      s_.routes.push_back(std::move(spec));
    });
    // the chains that routes name: declared ones in their order, then the others with defaults
    std::set<string> known;
    for (const auto& chain : declared_chains_) {
      known.insert(chain.name);
      if (std::find(used_.begin(), used_.end(), chain.name) != used_.end()) s_.chains.push_back(chain);
    }
    for (const auto& name : used_)
      if (known.insert(name).second) s_.chains.push_back({name, ChainSpec{}.block_time});
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

  void read_stages(const Node& list, const Table& route, RouteSpec& spec) {
    std::map<string, int> seen;
    each_item(list, route.path_of("stages"), 64, "it is an array of tables, each with a name and a law",
              "write stages = [ { name = \"relay\", kind = \"constant\", value = \"30s\" } ]", [&](const Table& t) {
                StageSpec stage;
                string name, scope;
                if (t.need("name", "it says what the stage is, and what shares it", "\"relay\"") &&
                    t.read("name", name, "it says what the stage is"))
                  read_stage_name(t, route, name, stage, seen);
                if (t.read("scope", scope, "it says what shares the stage")) read_scope(t, scope, spec, stage);
                stage.law = read_law(report_, t.node, t.path, durations, {"name", "scope"});
                spec.stages.push_back(std::move(stage));
              });
  }

  void read_stage_name(const Table& t, const Table& route, const string& name, StageSpec& stage,
                       std::map<string, int>& seen) {
    vector<string> names;
    for (const auto& row : stage_rows) names.emplace_back(row.name);
    const auto match = std::find(names.begin(), names.end(), name) - names.begin();
    if (match == std::ssize(names)) {
      report_.add(t.place_of("name"), fmt::format("{} is not a stage, in {}", in_quotes(name), route.path_of("stages")),
                  "what a stage shares follows from its name", suggestion(name, names, "stage"));
      return;
    }
    stage.name = static_cast<StageName>(match);
    stage.scope = stage_rows[match].scope;
    check_unique(seen, t, name, "stage", "stages of one name read the same random score");
  }

  void read_scope(const Table& t, const string& scope, const RouteSpec& route, StageSpec& stage) {
    const auto match = std::find(std::begin(scope_names), std::end(scope_names), scope);
    if (match == std::end(scope_names)) {
      report_.add(t.place_of("scope"), fmt::format("{} = {} is unknown", t.path_of("scope"), in_quotes(scope)),
                  "it says what shares the stage",
                  suggestion(scope, {std::begin(scope_names), std::end(scope_names)}, "scope"));
      return;
    }
    stage.scope = static_cast<Scope>(match - std::begin(scope_names));
    if (stage.scope == Scope::layer && route.layer.empty())
      report_.add(t.place_of("scope"), t.path_of("scope") + " = \"layer\", and the route has no layer",
                  "a layer's score is shared by the routes of that layer", "give the route a layer, or another scope");
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
                if (t.read("weight", x, {0.0, 1e15, Open::none, "the share of the book, in any unit", "1.0"})) {
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
    t.read("cap", sale.cap, {0.0, 1.0, Open::none, "the largest slippage, a fraction", "0.2"});
    t.read("cost", sale.cost, {0.0, 1e12, Open::none, "gas and relaying in USD", "50.0"});
    t.read("bonus", sale.bonus, {0.0, 1.0, Open::none, "the liquidator's bonus, a fraction", "0.05"});
  }

  Report& report_;
  Table top_;
  const Recorded* recorded_;
  Scenario s_;
  vector<string> asset_names_, layer_names_, route_names_, used_;
  vector<ChainSpec> declared_chains_;
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
  return parse(text, {name, folder}, nullptr, overrides, recorded);
}

}  // namespace proofload
