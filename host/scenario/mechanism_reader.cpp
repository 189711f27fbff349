#include "scenario/mechanism_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/words.h"
#include "laws/laws.h"
#include "scenario/former_words.h"
#include "scenario/law_reader.h"
#include "scenario/words.h"

namespace proofload::input {
namespace {

using std::string, std::vector;

constexpr Quantity hazard_range{0.0, 1e4, Open::neither, "failures per year", "0.05"};
constexpr std::size_t longest_text = 4096, most_outages = 8, most_stages = 64, most_mechanisms = 256;

LawSpec constant_law(double value) {
  LawSpec law;
  law.value = value;
  return law;
}

LawSpec uniform_law(double min, double max) {
  LawSpec law;
  law.kind = LawKind::uniform;
  law.min = min;
  law.max = max;
  return law;
}

/// Mean of a law that may not have been read well; nothing then.
std::optional<double> known_mean(const LawSpec& law) {
  try {
    const double mean = law_mean(law);
    return std::isfinite(mean) ? std::optional(mean) : std::nullopt;
  } catch (const Error&) { return std::nullopt; }
}

/// A sentence or two for people.
void read_words(const Table& t, const char* key, string& out, const char* meaning) {
  if (t.read(key, out, meaning) && out.size() > longest_text)
    t.report.add(t.place_of(key), fmt::format("{} is longer than {} bytes", t.path_of(key), longest_text),
                 "it is stored with every result", "shorten it");
}

void read_outages(const Table& owner, vector<OutageSpec>& outages) {
  const Node* list = owner.get("outages");
  if (!list) return;
  const char* why = "it is an array of tables, one for each kind of outage";
  const char* what = "write outages = [ { name = \"halt\", rate = 0.5, duration = { kind = ... } } ]";
  if (list->is_array() && list->items.empty()) return;  // takes away what was included
  std::map<string, int> seen;
  for (const Table& t : tables_of(owner.report, *list, owner.path_of("outages"), most_outages, why, what)) {
    t.allow({"name", "rate", "duration"});
    OutageSpec spec;
    if (t.need_name("name", spec.name, "states and results refer to it", "halt")) {
      const auto [first, fresh] = seen.emplace(spec.name, t.place_of("name").line);
      if (!fresh)
        t.report.add(t.place_of("name"),
                     fmt::format("there are two outages named {} in {}", in_quotes(spec.name), owner.path),
                     "outages of one name read the same random numbers",
                     fmt::format("rename or take out one of them; the first is on line {}", first->second));
    }
    const bool rated =
        t.need("rate", spec.rate, {0.0, 1e5, Open::neither, "how often it begins per year of running", "0.5"});
    const Node* duration =
        t.need("duration", "the law of how long it lasts", "{ kind = \"exponential\", mean = \"1h\" }");
    if (duration) {
      spec.duration = read_law(t.report, *duration, t.path_of("duration"), durations);
      const auto mean = known_mean(spec.duration);
      if (spec.duration.tail && spec.duration.tail->shape >= 1.0)
        t.report.add(duration->place,
                     fmt::format("{} has a tail of shape {:.2f}", t.path_of("duration"), spec.duration.tail->shape),
                     "from 1 on its mean is infinite, and all time would be spent in outages",
                     "write quantiles = [ [p, value], ... ] with a last one at p = 1, the longest that one can be");
      if (mean && *mean <= 0.0)
        t.report.add(duration->place, t.path_of("duration") + " is 0", "an outage that lasts no time is none",
                     "give a longer duration, or take the outage out");
      else if (mean && rated && spec.rate * *mean > 365.0 * day)
        t.report.add(t.place_of("rate"),
                     fmt::format("{}: {} times a year for {} on average is more than half of the time", t.path,
                                 brief(spec.rate), duration_text(std::round(*mean))),
                     "the rate is per year of running, and what stands still more than it runs is no chain to rely on",
                     "lower the rate, or shorten the duration");
    }
    outages.push_back(std::move(spec));
  }
}

void read_reorg(const Table& chain, ChainSpec& spec) {
  spec.reorg_delay = constant_law(0.0);
  const Node* n = chain.get("reorg");
  if (!n) return;
  const string path = chain.path_of("reorg");
  if (!check_table(chain.report, *n, path, "a reorganisation has a probability and a delay",
                   "write reorg = { probability = 1e-4, delay = { kind = \"constant\", value = \"1m\" } }"))
    return;
  const Table t{chain.report, *n, path};
  t.allow({"probability", "delay"});
  t.need("probability", spec.reorg_probability,
         {0.0, 1.0, Open::high, "the probability that a message is sent again", "1e-4"});
  const Node* delay = t.need("delay", "the law of what sending again adds", "{ kind = \"constant\", value = \"1m\" }");
  if (!delay) return;
  spec.reorg_delay = read_law(t.report, *delay, t.path_of("delay"), durations);
  if (spec.reorg_delay.kind == LawKind::empirical)
    t.report.add(delay->place, t.path_of("delay") + " is an empirical law",
                 "it is a component of a mixture with \"no reorganisation\", which must be one smooth piece or an atom",
                 "use a parametric law or a mixture of them");
}

/// A set of layers that fail together, and at which rate: a network, or a verifier set.
void read_shared(const Table& t, const char* key, const char* hazard_key, const char* meaning, const char* why,
                 string& name, double& hazard) {
  const Node *set = t.get(key), *rate = t.get(hazard_key);
  bool good = t.read(hazard_key, hazard, hazard_range) || !rate;
  if (t.read(key, name, meaning)) good &= check_name(t.report, set->place, t.path_of(key), name);
  if (!good) name.clear();  // whether the others agree with it is no question then
  if (rate && !set)
    t.report.add(
        rate->place,
        fmt::format("{} is given without {}{}", t.path_of(hazard_key), key == string("network") ? "a " : "", key), why,
        fmt::format("add {} = \"...\", or add it to hazard", key));
}

void read_queue(const Table& layer, LayerSpec& spec) {
  const Node* n = layer.get("queue");
  if (!n) return;
  const string path = layer.path_of("queue");
  if (!check_table(layer.report, *n, path, "a queue has a size and a delay",
                   "write queue = { above = 250e3, delay = \"24h\" }"))
    return;
  const Table t{layer.report, *n, path};
  t.allow({"above", "delay"});
  t.need("above", spec.queue_above, {0.0, 1e15, Open::low, "USD: sales of that size or more wait", "250e3"});
  t.need("delay", spec.queue_delay, {0.0, century, Open::low, "how long they wait", "24h", true});
}

/// What a layer's failure costs those who cause it.
void read_security(const Table& t, LayerSpec& spec) {
  const auto usd = [](const char* meaning, const char* example) {
    return Quantity{0.0, 1e15, Open::low, meaning, example};
  };
  t.read("bond", spec.bond, usd("USD that pay for a failure", "50e6"));
  t.read("secured", spec.secured, usd("USD that the layer secures", "500e6"));
  t.read("corruption_cost", spec.corruption_cost, usd("USD that it costs to corrupt the layer", "2e8"));
  t.read("corruption_exponent", spec.corruption_exponent,
         {0.0, 10.0, Open::neither, "the power of secured/corruption_cost by which the hazard is multiplied", "1.0"});
  const auto needs = [&](const char* key, const char* other, const char* why, const char* what) {
    if (t.get(key) && !t.get(other))
      t.report.add(t.place_of(key), fmt::format("{} is given without {}", t.path_of(key), other), why, what);
  };
  needs("bond", "secured", "a bond is shared by all that the layer secures", "add secured, in USD");
  needs("corruption_cost", "secured", "the hazard rises with what the layer secures against the cost of corruption",
        "add secured, in USD");
  needs("corruption_exponent", "corruption_cost", "it is the power of secured/corruption_cost",
        "add corruption_cost, in USD, or take it out");
  if (!(spec.corruption_cost > 0.0)) return;
  const double factor = std::pow(std::max(1.0, spec.secured / spec.corruption_cost), spec.corruption_exponent);
  if (factor > 1e6) {
    t.report.add(t.place_of("corruption_cost"),
                 fmt::format("{} makes the hazard {:.3g} times as large", t.path_of("corruption_cost"), factor),
                 "(secured/corruption_cost)^corruption_exponent goes up to a million: beyond, a layer fails at once",
                 "check that both are in USD, or lower corruption_exponent");
  }
}

// -------------------------------------------------------------------------------------------------------------- stages

enum class ChainLaw { none, inclusion, finality, reorg };

ChainLaw chain_law(StageName name) {
  switch (name) {
    case StageName::source_inclusion:
    case StageName::destination_inclusion: return ChainLaw::inclusion;
    case StageName::finality: return ChainLaw::finality;
    case StageName::reorg: return ChainLaw::reorg;
    default: return ChainLaw::none;
  }
}

/// Whether the chain of the stage is known: the one in its scope, or where a message arrives.
bool has_chain(const StageSpec& stage) {
  return stage.scope == Scope::collateral_chain || stage.scope == Scope::liability_chain ||
         stage.name == StageName::destination_inclusion;
}

void read_stage_name(const Table& t, const Table& owner, const string& name, StageSpec& stage,
                     std::map<string, int>& seen) {
  const StageRow* row = row_named(stage_rows, name);
  if (!row) {
    t.report.add(t.place_of("name"), fmt::format("{} is not a stage, in {}", in_quotes(name), owner.path_of("stages")),
                 "what a stage shares follows from its name", suggestion(name, names_of(stage_rows), "stage"));
    return;
  }
  stage.name = row->stage;
  stage.scope = row->scope;
  const auto [first, fresh] = seen.emplace(name, t.place_of("name").line);
  if (!fresh)
    t.report.add(t.place_of("name"), fmt::format("there are two stages named {}", in_quotes(name)),
                 "stages of one name read the same random score",
                 fmt::format("rename or take out one of them; the first is on line {}", first->second));
}

void read_scope(const Table& t, const string& scope, StageSpec& stage) {
  for (const FormerWord& word : former_scopes) {
    if (scope != word.was) continue;
    t.report.add(t.place_of("scope"),
                 fmt::format("{} = {} is called {} now", t.path_of("scope"), in_quotes(scope), in_quotes(word.now)),
                 former_words_why, fmt::format("write scope = {}; {}", in_quotes(word.now), former_words_mend));
    return;
  }
  const ScopeRow* row = row_named(scope_rows, scope);
  if (!row)
    t.report.add(t.place_of("scope"), fmt::format("{} = {} is unknown", t.path_of("scope"), in_quotes(scope)),
                 "it says what shares the stage", suggestion(scope, names_of(scope_rows), "scope"));
  else
    stage.scope = row->scope;
}

void read_of_chain(const Table& t, const Node& kind, StageSpec& stage) {
  t.allow({"name", "scope", "kind"});
  stage.of_chain = true;
  if (chain_law(stage.name) == ChainLaw::none)
    t.report.add(kind.place,
                 fmt::format("{} is of kind \"chain\", and chains have no law of {}", t.path, stage_name(stage.name)),
                 "chains have laws of source_inclusion, finality, reorg and destination_inclusion",
                 "give the stage a law of its own");
  else if (!has_chain(stage))
    t.report.add(
        t.place_of("scope"),
        fmt::format("{} is of kind \"chain\", and its scope is {}", t.path, in_quotes(scope_name(stage.scope))),
        "the scope says which chain's law it has", "write scope = \"collateral_chain\" or \"liability_chain\"");
}

void read_trigger(const Table& t, const Node& kind, StageSpec& stage) {
  t.allow({"name", "scope", "kind", "heartbeat", "deviation", "latency"});
  TriggerSpec& trigger = stage.trigger.emplace();
  stage.law = constant_law(0.0);
  t.need("heartbeat", trigger.heartbeat, {0.0, century, Open::low, "the longest time between two updates", "1h", true});
  t.need("deviation", trigger.deviation,
         {0.0, 1.0, Open::both, "the move of the price that makes an update, a fraction: 0.005 is 0.5 %", "0.005"});
  if (const Node* n = t.get("latency")) stage.law = read_law(t.report, *n, t.path_of("latency"), durations);
  if (stage.name != StageName::oracle) {
    t.report.add(kind.place, fmt::format("{} is of kind \"deviation\", and is not an oracle", t.path),
                 "only an oracle is updated by what the price does", "name it oracle, or give it a law");
    stage.trigger.reset();
  } else if (stage.scope != Scope::oracle) {
    t.report.add(
        t.place_of("scope"),
        fmt::format("{} is of kind \"deviation\", and its scope is {}", t.path, in_quotes(scope_name(stage.scope))),
        "what waits for the price is shared by all who read it, on its chain", "leave the scope out");
  }
}

/// The law of the stage, which may be its chain's or, for an oracle, that of its trigger.
void read_stage_law(const Table& t, StageSpec& stage) {
  const Node* kind = t.get("kind");
  const string given = kind && kind->is_text() ? kind->text : "";
  if (given == "chain") return read_of_chain(t, *kind, stage);
  if (given == "deviation") return read_trigger(t, *kind, stage);
  vector<string> kinds = names_of(law_rows);
  if (!given.empty() && std::find(kinds.begin(), kinds.end(), given) == kinds.end()) {
    if (chain_law(stage.name) != ChainLaw::none) kinds.emplace_back("chain");
    if (stage.name == StageName::oracle) kinds.emplace_back("deviation");
    t.report.add(kind->place, fmt::format("{} is not a kind of law, in {}.kind", in_quotes(given), t.path),
                 "no such law is known", suggestion(given, kinds, "law"));
    return;
  }
  stage.law = read_law(t.report, t.node, t.path, durations, {"name", "scope"});
}

LawSpec reorg_law(const ChainSpec& chain) {
  LawSpec law, none = constant_law(0.0);
  law.kind = LawKind::mixture;
  none.weight = 1.0 - chain.reorg_probability;
  law.of.push_back(none);
  if (chain.reorg_delay.kind != LawKind::mixture) {
    law.of.push_back(chain.reorg_delay);
    law.of.back().weight = chain.reorg_probability;
    return law;
  }
  for (LawSpec part : chain.reorg_delay.of) {
    part.weight *= chain.reorg_probability;
    law.of.push_back(std::move(part));
  }
  return law;
}

}  // namespace

// --------------------------------------------------------------------------------------------------- chains and layers

vector<NamedTable> named_tables(Report& report, const Node& root, const string& key, std::size_t most) {
  vector<NamedTable> tables;
  const Node* n = find(root, key);
  if (!n || !check_table(report, *n, key, "it holds several keys", fmt::format("write a table [{}]", key)))
    return tables;
  if (n->members.size() > most)
    report.add(n->place, fmt::format("there are {} {}", n->members.size(), key),
               fmt::format("a plan has room for {}", most), "split the scenario");
  for (const auto& m : std::span(n->members).first(std::min(n->members.size(), enough * most))) {
    const string path = fmt::format("{}.{}", key, printable(m.key));
    check_name(report, m.place, "the name in " + key, m.key);
    if (check_table(report, m.value, path, "it holds several keys", fmt::format("write a table [{}]", path)))
      tables.push_back({m.key, Table{report, m.value, path}});
  }
  return tables;
}

ChainSpec read_chain(const NamedTable& named, string* source) {
  const Table& t = named.table;
  t.allow({"block_time", "inclusion", "finality", "forced_inclusion", "reorg", "outages", "source"});
  ChainSpec spec;
  spec.name = named.name;
  t.read("block_time", spec.block_time, {0.0, day, Open::low, "the time between blocks", "12s", true});
  if (const Node* n = t.get("inclusion")) spec.inclusion = read_law(t.report, *n, t.path_of("inclusion"), durations);
  if (const Node* n = t.get("finality")) spec.finality = read_law(t.report, *n, t.path_of("finality"), durations);
  double forced = 0.0;
  if (t.read("forced_inclusion", forced,
             {0.0, century, Open::low, "after which no outage keeps a transaction out any longer", "12h", true}))
    spec.forced_inclusion = forced;
  read_reorg(t, spec);
  read_outages(t, spec.outages);
  string text;
  read_words(t, "source", text, "where the figures come from");
  if (source) *source = text;
  return spec;
}

LayerSpec read_layer(const NamedTable& named) {
  const Table& t = named.table;
  t.allow({"hazard", "exposure", "recovery", "network", "common_hazard", "stall", "verifiers", "verifier_hazard",
           "bond", "secured", "corruption_cost", "corruption_exponent", "queue", "outages"});
  LayerSpec spec;
  spec.name = named.name;
  t.read("hazard", spec.hazard, hazard_range);
  t.read("exposure", spec.exposure, {0.0, century, Open::neither, "the window in which a failure hits", "72h", true});
  spec.recovery.value = 0.0;
  if (const Node* n = t.get("recovery")) spec.recovery = read_law(t.report, *n, t.path_of("recovery"), recoveries);
  if (const Node* n = t.get("stall")) spec.stall = read_law(t.report, *n, t.path_of("stall"), durations);
  read_shared(t, "network", "common_hazard", "layers of one network fail together",
              "it is the hazard that layers of one network share", spec.network, spec.common_hazard);
  read_shared(t, "verifiers", "verifier_hazard", "layers that rely on one verifier set fail together",
              "it is the hazard that layers of one verifier set share", spec.verifiers, spec.verifier_hazard);
  read_security(t, spec);
  read_queue(t, spec);
  read_outages(t, spec.outages);
  return spec;
}

void SharedHazards::check(const LayerSpec& layer, const Table& t) {
  const auto agree = [&](std::map<string, First>& sets, const string& set, double hazard, const char* key,
                         const char* kind, const char* fails) {
    if (set.empty()) return;
    const First& first = sets.try_emplace(set, First{hazard, layer.name}).first->second;
    if (first.hazard == hazard) return;
    t.report.add(t.place_of(key),
                 fmt::format("{} is {}, and layer {} says {}", t.path_of(key), brief(hazard), in_quotes(first.layer),
                             brief(first.hazard)),
                 fmt::format("both are of {} {}, which {}", kind, in_quotes(set), fails),
                 fmt::format("give both the same {}", key));
  };
  agree(networks, layer.network, layer.common_hazard, "common_hazard", "network", "fails as one");
  agree(verifiers, layer.verifiers, layer.verifier_hazard, "verifier_hazard", "verifier set", "fails as one");
}

// ------------------------------------------------------------------------------------------------ stages and mechanism

vector<StageText> read_stages(const Table& owner, const Node& list) {
  vector<StageText> stages;
  const string path = owner.path_of("stages");
  const char* why = "it is an array of tables, each with a name and a law";
  const char* what = "write stages = [ { name = \"relay\", kind = \"constant\", value = \"30s\" } ]";
  if (list.is_array() && list.items.empty()) owner.report.add(list.place, path + " is empty", why, what);
  std::map<string, int> seen;
  for (const Table& t : tables_of(owner.report, list, path, most_stages, why, what)) {
    StageText stage;
    stage.place = t.place();
    stage.path = t.path;
    string name, scope;
    if (t.need("name", "it says what the stage is, and what shares it", "\"relay\"") &&
        t.read("name", name, "it says what the stage is"))
      read_stage_name(t, owner, name, stage.spec, seen);
    stage.scoped = t.get("scope") != nullptr;
    stage.scope_at = t.place_of(stage.scoped ? "scope" : "name");
    if (t.read("scope", scope, "it says what shares the stage")) read_scope(t, scope, stage.spec);
    read_stage_law(t, stage.spec);
    stages.push_back(std::move(stage));
  }
  return stages;
}

vector<StageText> merged_stages(const vector<StageText>& of_mechanism, vector<StageText>&& of_route) {
  vector<StageText> first, middle = of_mechanism, last;
  for (StageText& own : of_route) {
    const auto same = [&](const StageText& s) { return s.spec.name == own.spec.name; };
    const auto match = std::find_if(middle.begin(), middle.end(), same);
    if (match != middle.end())
      *match = std::move(own);
    else if (own.spec.name == StageName::oracle || own.spec.name == StageName::publication)
      first.push_back(std::move(own));
    else
      last.push_back(std::move(own));
  }
  first.insert(first.end(), middle.begin(), middle.end());
  first.insert(first.end(), last.begin(), last.end());
  return first;
}

std::optional<StageSpec> on_chains(const StageSpec& stage, const ChainSpec& collateral_chain,
                                   const ChainSpec& liability_chain) {
  if (!stage.of_chain) return stage;
  StageSpec placed = stage;
  const ChainSpec& chain = stage.scope == Scope::liability_chain ? liability_chain : collateral_chain;
  switch (chain_law(stage.name)) {
    case ChainLaw::inclusion: placed.law = chain.inclusion.value_or(uniform_law(0.0, chain.block_time)); break;
    case ChainLaw::finality: placed.law = chain.finality.value_or(constant_law(0.0)); break;
    case ChainLaw::reorg:
      if (chain.reorg_probability == 0.0) return std::nullopt;
      placed.law = reorg_law(chain);
      break;
    case ChainLaw::none: break;  // reported when it was read
  }
  return placed;
}

string chain_law_text(const StageSpec& stage) {
  const char* what = chain_law(stage.name) == ChainLaw::inclusion  ? "inclusion"
                     : chain_law(stage.name) == ChainLaw::finality ? "finality"
                                                                   : "reorg";
  return fmt::format("{} of the {} chain", what, stage.scope == Scope::liability_chain ? "liability" : "collateral");
}

Mechanism read_mechanism(const NamedTable& named) {
  const Table& t = named.table;
  t.allow({"description", "trust", "assets", "source", "wrap_depth", "lock_up", "cost", "stages", "layer"});
  Mechanism m;
  m.spec.name = named.name;
  read_words(t, "description", m.spec.description, "a sentence or two");
  read_words(t, "trust", m.spec.trust, "what one relies on");
  read_words(t, "assets", m.spec.collateral, "which assets it can carry");
  read_words(t, "source", m.spec.source, "where the figures come from");
  t.read("wrap_depth", m.spec.wrap_depth,
         {0.0, 100.0, Open::neither, "how many issuers stand between the token and the native asset", "1.0"});
  t.read("lock_up", m.spec.lock_up,
         {0.0, century, Open::neither, "for which capital is locked besides the message", "24h", true});
  t.read("cost", m.spec.cost, {0.0, 1e12, Open::neither, "USD per message", "5.0"});
  if (const Node* stages = t.get("stages")) m.stages = read_stages(t, *stages);
  for (StageText& stage : m.stages) stage.of_mechanism = true;
  m.layer = t.get("layer");
  m.layer_path = t.path_of("layer");
  if (m.layer && !check_table(t.report, *m.layer, m.layer_path, "it has the keys of a table of [layers]",
                              "write layer = { hazard = 0.05, exposure = \"77m\" }"))
    m.layer = nullptr;
  return m;
}

Catalogue read_catalogue(const vector<std::filesystem::path>& files) {
  Report report;
  Node root;
  for (const auto& file : files) {
    string text;
    const auto source = std::make_shared<const Source>(Source{file.string(), file.parent_path()});
    if (!read_text(report, {}, file, largest_scenario, "a file of presets", text)) continue;
    if (auto tree = load_tree(report, text, source, &file)) merge_documents(root, std::move(*tree));
  }
  Catalogue catalogue;
  for (const auto& t : named_tables(report, root, "chains", 1024)) {
    auto& chain = catalogue.chains.emplace_back();
    chain.spec = read_chain(t, &chain.source);
  }
  for (const auto& t : named_tables(report, root, "mechanisms", most_mechanisms)) {
    const Mechanism m = read_mechanism(t);
    auto& entry = catalogue.mechanisms.emplace_back();
    entry.spec = m.spec;
    for (const StageText& stage : m.stages) entry.stages.push_back(stage.spec);
    if (m.layer) entry.layer = read_layer({t.name, Table{report, *m.layer, m.layer_path}});
  }
  if (!report.empty()) report.fail();
  return catalogue;
}

}  // namespace proofload::input
