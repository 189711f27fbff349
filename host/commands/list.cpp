#include "commands/list.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/json_number.h"
#include "base/suggestion.h"
#include "base/table.h"
#include "base/words.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "input/presets.h"
#include "laws/laws.h"
#include "scenario/mechanism_reader.h"
#include "scenario/words.h"

namespace proofload {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using input::Catalogue;
using std::string, std::vector;

// ---- words ----------------------------------------------------------------------------------------------------------

/// "once", "0.05 times".
string times(double x) { return x == 1.0 ? "once" : fmt::format("{:g} times", x); }

string or_dash(double x, const string& text) { return x > 0.0 ? text : "-"; }

/// The mean, or nothing for a law that has none or is not known to laws.h.
std::optional<double> mean_of(const LawSpec& law) {
  try {
    const double mean = law_mean(law);
    return std::isfinite(mean) ? std::optional(mean) : std::nullopt;
  } catch (const Error&) { return std::nullopt; }
}

/// A law in a few words; of a duration, or of a fraction.
string law_text(const LawSpec& law, bool duration = true) {
  const auto value = [&](double x) { return duration ? compact_duration(x) : fmt::format("{:g}", x); };
  const auto parts = [&](const std::function<string(const LawSpec&)>& text) {
    string out;
    for (const LawSpec& part : law.of) out += (out.empty() ? "" : ", ") + text(part);
    return out;
  };
  switch (law.kind) {
    case LawKind::mixture:
      return "[" + parts([&](const LawSpec& part) {
               return fmt::format("{}: {}", share_text(part.weight, 6), law_text(part, duration));
             }) +
             "]";
    case LawKind::empirical: return fmt::format("empirical, median {}", value(law_quantile(law, 0.5)));
    case LawKind::geometric:
      return fmt::format("geometric, {:g} a block of {}", law.probability, compact_duration(law.block_time));
    case LawKind::retry:
      return fmt::format("({}; {} lost, again after {} and {:g} times as long each time, up to {})",
                         parts([&](const LawSpec& part) { return law_text(part, duration); }), share_text(law.drop, 6),
                         compact_duration(law.wait), law.backoff, compact_duration(law.longest));
    case LawKind::window:
      return fmt::format("({}; from {} on: {} more)", law.of.empty() ? "" : law_text(law.of[0], duration),
                         compact_duration(law.end), law.of.size() < 2 ? "" : law_text(law.of[1], duration));
    default: break;
  }
  if (law.kind == LawKind::constant) return value(law.value);
  string out = law_name(law.kind);
  for (const LawParameter& p : law_parameters) {
    const double x = law.*p.value;
    if (p.law == law.kind && !std::isnan(x))
      out += fmt::format(", {} {}", p.key, p.kind == ParameterKind::plain ? fmt::format("{:g}", x) : value(x));
  }
  return out;
}

/// The text behind a label, wrapped; lines after the first stand behind `indent` blanks, as the text does.
string paragraph(const string& label, const string& text, std::size_t indent) {
  return wrapped(fmt::format("{:<{}}{}", label, indent, text), indent);
}

string stage_name(const StageSpec& s) { return input::stage_name(s.name); }

string stage_text(const StageSpec& stage) {
  if (stage.of_chain) return fmt::format("{}: {}", stage_name(stage), input::chain_law_text(stage));
  if (stage.trigger)
    return fmt::format("{}: heartbeat {}, deviation {:g} %, latency {}", stage_name(stage),
                       compact_duration(stage.trigger->heartbeat), stage.trigger->deviation * 100.0,
                       law_text(stage.law));
  return fmt::format("{}: {}", stage_name(stage), law_text(stage.law));
}

string outage_text(const OutageSpec& o) {
  return fmt::format("{} {} a year, {}", o.name, times(o.rate), law_text(o.duration));
}

string layer_text(const LayerSpec& l) {
  string text = fmt::format("fails {} a year within {} or the delay; recovered: {}", times(l.hazard),
                            compact_duration(l.exposure), law_text(l.recovery, false));
  if (!l.network.empty()) text += fmt::format("; with network {} {} a year", l.network, times(l.common_hazard));
  if (!l.verifiers.empty()) text += fmt::format("; with verifiers {} {} a year", l.verifiers, times(l.verifier_hazard));
  if (l.stall) text += "; stalls: " + law_text(*l.stall);
  if (l.bond > 0.0) text += fmt::format("; bond {} of {} USD secured", rough_dollars(l.bond), rough_dollars(l.secured));
  if (l.corruption_cost > 0.0)
    text +=
        fmt::format("; hazard times max(1, {:g} / {:g} USD)^{:g}", l.secured, l.corruption_cost, l.corruption_exponent);
  if (l.queue_delay > 0.0)
    text += fmt::format("; {} USD or more wait {}", rough_dollars(l.queue_above), compact_duration(l.queue_delay));
  for (const OutageSpec& o : l.outages) text += "; " + outage_text(o);
  return text;
}

// ---- mechanisms and chains ------------------------------------------------------------------------------------------

/// What a message takes besides what its chains do; nothing when a stage's mean is not known.
std::optional<double> own_mean(const vector<StageSpec>& stages) {
  double sum = 0.0;
  for (const StageSpec& stage : stages) {
    const auto mean = stage.of_chain ? std::optional(0.0) : mean_of(stage.law);
    if (!mean) return std::nullopt;
    sum += *mean;
  }
  return sum;
}

string of_chains(const vector<StageSpec>& stages) {
  string text;
  for (const StageSpec& stage : stages) {
    if (!stage.of_chain) continue;
    const char* word = stage.name == StageName::source_inclusion        ? "in"
                       : stage.name == StageName::destination_inclusion ? "out"
                                                                        : input::stage_name(stage.name);
    text += (text.empty() ? "" : ", ") + string(word);
  }
  return text.empty() ? "-" : text;
}

string mechanisms_text(const Catalogue& catalogue) {
  if (catalogue.mechanisms.empty()) return "no mechanisms\n";
  Table table(
      {"mechanism", "mean delay", "and of its chains", "hazard", "exposure", "recovered", "lock-up", "wraps", "USD"});
  string details;
  for (const auto& m : catalogue.mechanisms) {
    const auto mean = own_mean(m.stages);
    const double hazard = m.layer ? m.layer->hazard + m.layer->common_hazard + m.layer->verifier_hazard : 0.0;
    const auto recovered = m.layer ? mean_of(m.layer->recovery) : std::nullopt;
    table.row({m.spec.name, mean ? compact_duration(*mean) : "-", of_chains(m.stages),
               or_dash(hazard, fmt::format("{:g}", hazard)), m.layer ? compact_duration(m.layer->exposure) : "-",
               recovered ? fmt::format("{:.2g}", *recovered) : "-",
               or_dash(m.spec.lock_up, compact_duration(m.spec.lock_up)), fmt::format("{:g}", m.spec.wrap_depth),
               fmt::format("{:g}", m.spec.cost)});
    details += "\n" + paragraph(m.spec.name + ":", m.spec.description, m.spec.name.size() + 2);
    const auto row = [&](const char* label, const string& text) {
      if (!text.empty()) details += paragraph(fmt::format("  {}", label), text, 10);
    };
    string stages;
    for (const StageSpec& stage : m.stages) stages += (stages.empty() ? "" : "; ") + stage_text(stage);
    row("trust", m.spec.trust);
    row("assets", m.spec.collateral);
    row("stages", stages);
    row("layer", m.layer ? layer_text(*m.layer) : "cannot fail");
    row("source", m.spec.source);
  }
  return table.text() + "\n" +
         wrapped(
             "mean delay: of the mechanism's own stages, without the oracle; in, finality, reorg, out: laws of the "
             "chains. "
             "hazard: failures per year, what is shared included. recovered: mean fraction after a failure. lock-up: "
             "of "
             "capital, besides the message. wraps: issuers between the token and the native asset. USD: cost per "
             "message.",
             0) +
         details;
}

string chains_text(const Catalogue& catalogue) {
  if (catalogue.chains.empty()) return "no chains\n";
  Table table({"chain", "block", "inclusion", "final p50", "final p99", "reorg", "forced", "outages", "mean outage"});
  string details;
  for (const auto& chain : catalogue.chains) {
    const ChainSpec& c = chain.spec;
    const auto inclusion = c.inclusion ? mean_of(*c.inclusion) : std::optional(c.block_time / 2.0);
    double rate = 0.0, down = 0.0;
    string outages;
    for (const OutageSpec& o : c.outages) {
      rate += o.rate;
      down += o.rate * mean_of(o.duration).value_or(0.0);
      outages += (outages.empty() ? "" : "; ") + outage_text(o);
    }
    const auto final_at = [&](double p) { return c.finality ? compact_duration(law_quantile(*c.finality, p)) : "0"; };
    table.row({c.name, compact_duration(c.block_time), inclusion ? compact_duration(*inclusion) : "-", final_at(0.5),
               final_at(0.99), or_dash(c.reorg_probability, fmt::format("{:g}", c.reorg_probability)),
               c.forced_inclusion ? compact_duration(*c.forced_inclusion) : "-",
               or_dash(rate, fmt::format("{:g}", rate)), rate > 0.0 ? compact_duration(down / rate) : "-"});
    details += "\n" + c.name + ":\n";
    const auto row = [&](const char* label, const string& text) {
      if (!text.empty()) details += paragraph(fmt::format("  {}", label), text, 13);
    };
    row("inclusion", c.inclusion ? law_text(*c.inclusion) : "uniform over a block");
    row("finality", c.finality ? law_text(*c.finality) : "at once");
    if (c.reorg_probability > 0.0)
      row("reorg", fmt::format("of {:g} of the messages: {}", c.reorg_probability, law_text(c.reorg_delay)));
    row("outages", outages);
    row("source", chain.source);
  }
  return table.text() + "\n" +
         wrapped(
             "block: time between blocks. inclusion: mean time until a transaction is in one. final: from then on, "
             "median "
             "and 99 %. reorg: probability that a message that does not wait is sent again. forced: no outage keeps a "
             "transaction out for longer. outages: beginnings per year of running.",
             0) +
         details;
}

// ---- laws and stages ------------------------------------------------------------------------------------------------

string laws_text() {
  string out = wrapped(
      "Laws of durations (strings with a unit: ms, s, m, h, d) and of fractions (numbers). Any but mixture and "
      "empirical "
      "may be components of a mixture.",
      0);
  for (const LawRow& row : law_rows) {
    out += "\n" + paragraph(fmt::format("  {}", row.name), row.keys, 16);
    if (*row.meaning) out += paragraph("", row.meaning, 16);
  }
  return out;
}

string stages_text() {
  string out;
  for (const input::StageRow& row : input::stage_rows) {
    const string scope = fmt::format("scope {}", input::scope_name(row.scope));
    out += paragraph(fmt::format("  {}", row.name), row.meaning, 25) +
           paragraph("", *row.keys ? scope + "; " + row.keys : scope, 25);
  }
  return out + "\n" +
         wrapped(
             "A message leaves the route's liability_chain and arrives on its collateral_chain. scope: whose random "
             "score "
             "the stage reads: oracle, collateral_chain, liability_chain, layer, route. kind = \"chain\": the law is "
             "inclusion, finality or reorg of the chain of the scope (destination_inclusion: of the collateral chain). "
             "kind = \"deviation\": heartbeat, deviation (a fraction), latency (a law); needs market.grid.",
             0);
}

// ---- for programs ---------------------------------------------------------------------------------------------------

Json law_json(const LawSpec& law) {
  Json out = {{"kind", law_name(law.kind)}};
  for (const auto& p : law_parameters)
    if (p.law == law.kind && !std::isnan(law.*p.value)) out[p.key] = law.*p.value;
  if (law.kind == LawKind::empirical) out["quantiles"] = law.quantiles;
  const auto part = [&](std::size_t i) { return i < law.of.size() ? law_json(law.of[i]) : Json(); };
  if (law.kind == LawKind::retry) out["of"] = part(0);
  if (law.kind == LawKind::window) out["within"] = part(0), out["late"] = part(1);
  if (law.kind == LawKind::mixture) {
    out["of"] = Json::array();
    for (const LawSpec& component : law.of) {
      Json item = law_json(component);
      item["weight"] = component.weight;
      out["of"].push_back(std::move(item));
    }
  }
  return out;
}

Json outages_json(const vector<OutageSpec>& outages) {
  Json out = Json::array();
  for (const OutageSpec& o : outages)
    out.push_back({{"name", o.name}, {"rate_per_year", o.rate}, {"duration_seconds", law_json(o.duration)}});
  return out;
}

Json positive_or_null(double x) { return x > 0.0 ? Json(x) : Json(); }

Json layer_json(const LayerSpec& l) {
  return {{"hazard_per_year", l.hazard},
          {"exposure_seconds", l.exposure},
          {"recovery", law_json(l.recovery)},
          {"stall_seconds", l.stall ? law_json(*l.stall) : Json()},
          {"network", l.network.empty() ? Json() : Json(l.network)},
          {"common_hazard_per_year", l.common_hazard},
          {"verifiers", l.verifiers.empty() ? Json() : Json(l.verifiers)},
          {"verifier_hazard_per_year", l.verifier_hazard},
          {"bond_usd", positive_or_null(l.bond)},
          {"secured_usd", positive_or_null(l.secured)},
          {"corruption_cost_usd", positive_or_null(l.corruption_cost)},
          {"corruption_exponent", l.corruption_exponent},
          {"queue_above_usd", l.queue_delay > 0.0 ? Json(l.queue_above) : Json()},
          {"queue_delay_seconds", positive_or_null(l.queue_delay)},
          {"outages", outages_json(l.outages)}};
}

Json mechanisms_json(const Catalogue& catalogue) {
  Json out = Json::array();
  for (const auto& m : catalogue.mechanisms) {
    Json of = Json::array();
    for (const StageSpec& stage : m.stages) {
      Json item = {{"name", stage_name(stage)},
                   {"scope", input::scope_name(stage.scope)},
                   {"law_seconds", stage.of_chain ? Json{{"kind", "chain"}} : law_json(stage.law)}};
      if (stage.trigger)
        item["trigger"] = {{"heartbeat_seconds", stage.trigger->heartbeat}, {"deviation", stage.trigger->deviation}};
      of.push_back(std::move(item));
    }
    const auto mean = own_mean(m.stages);
    out.push_back({{"name", m.spec.name},
                   {"description", m.spec.description},
                   {"trust", m.spec.trust},
                   {"assets", m.spec.collateral},
                   {"source", m.spec.source},
                   {"wrap_depth", m.spec.wrap_depth},
                   {"lock_up_seconds", m.spec.lock_up},
                   {"cost_usd", m.spec.cost},
                   {"mean_own_delay_seconds", mean ? Json(*mean) : Json()},
                   {"stages", std::move(of)},
                   {"layer", m.layer ? layer_json(*m.layer) : Json()}});
  }
  return out;
}

Json chains_json(const Catalogue& catalogue) {
  Json out = Json::array();
  for (const auto& [c, source] : catalogue.chains)
    out.push_back({{"name", c.name},
                   {"block_time_seconds", c.block_time},
                   {"inclusion_seconds", c.inclusion ? law_json(*c.inclusion) : Json()},
                   {"finality_seconds", c.finality ? law_json(*c.finality) : Json()},
                   {"forced_inclusion_seconds", c.forced_inclusion ? Json(*c.forced_inclusion) : Json()},
                   {"reorg_probability", c.reorg_probability},
                   {"reorg_delay_seconds", c.reorg_probability > 0.0 ? law_json(c.reorg_delay) : Json()},
                   {"outages", outages_json(c.outages)},
                   {"source", source}});
  return out;
}

}  // namespace

// ---- the command ----------------------------------------------------------------------------------------------------

vector<fs::path> preset_files(const fs::path& given) {
  std::error_code error;
  if (!given.empty() && !fs::is_directory(given, error))
    return {given};  // one that is not there is reported by who reads it
  if (!given.empty()) {
    auto files = input::toml_files(given);
    if (files.empty())
      throw Error(fmt::format("{} has no *.toml files (a catalogue is made of them) name another folder, or one file",
                              given.string()));
    return files;
  }
  if (auto files = input::shipped_presets(); !files.empty()) return files;
  throw Error(
      "there are no presets beside the program and no folder scenarios/presets here (mechanisms and chains are "
      "declared in them) name a file or a folder: proofload list mechanisms PATH");
}

string list_text(Listing what, const vector<fs::path>& files) {
  switch (what) {
    case Listing::mechanisms: return mechanisms_text(input::read_catalogue(files));
    case Listing::chains: return chains_text(input::read_catalogue(files));
    case Listing::laws: return laws_text();
    case Listing::stages: return stages_text();
  }
  return "";
}

Json list_json(Listing what, const vector<fs::path>& files) {
  if (what == Listing::mechanisms) return mechanisms_json(input::read_catalogue(files));
  if (what == Listing::chains) return chains_json(input::read_catalogue(files));
  Json out = Json::array();
  if (what == Listing::laws)
    for (const LawRow& row : law_rows)
      out.push_back({{"kind", row.name}, {"keys", row.keys}, {"meaning", row.meaning}});
  else
    for (const input::StageRow& row : input::stage_rows)
      out.push_back({{"name", row.name},
                     {"default_scope", input::scope_name(row.scope)},
                     {"kinds_besides_laws", row.keys},
                     {"meaning", row.meaning}});
  return out;
}

void add_list(CLI::App& app, int&) {
  struct Arguments {
    string what, path;
    bool json = false;
  };
  auto a = std::make_shared<Arguments>();
  app.add_option("WHAT", a->what, "mechanisms, chains, laws or stages")->required()->type_name("");
  app.add_option("PATH", a->path, "presets, scenario, or folder (default: the shipped)")
      ->check(CLI::Validator([](std::string& name) { return string(name.empty() ? "no file is named" : ""); }, ""));
  app.add_flag("--json", a->json, "for programs");
  app.callback([a] {
    const vector<string> lists = {"mechanisms", "chains", "laws", "stages"};  // in the order of Listing
    const auto at = std::find(lists.begin(), lists.end(), a->what);
    if (at == lists.end()) {
      throw Error(
          fmt::format("list {} (there is no such list) {}", in_quotes(a->what), suggestion(a->what, lists, "list")));
    }
    const auto what = static_cast<Listing>(at - lists.begin());
    const bool reads = what == Listing::mechanisms || what == Listing::chains;
    if (!reads && !a->path.empty())
      throw Error(fmt::format("list {} {} (laws and stages are the format's, not a file's) leave the path out", a->what,
                              a->path));
    const auto files = reads ? preset_files(a->path) : vector<fs::path>{};
    print(a->json ? json_text(list_json(what, files)) : list_text(what, files));
  });
}

}  // namespace proofload
