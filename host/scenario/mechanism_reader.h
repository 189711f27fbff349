/// mechanism_reader.h -- [chains], [layers], [mechanisms] and the stages of routes: ways for a message to get across,
/// read and validated.
///
/// A mechanism is an entry of a catalogue (scenarios/presets/mechanisms.toml): stages without chains, and the layer
/// that can fail. A route names one and says between which chains.
#pragma once
#include <deque>
#include <map>
#include <span>

#include "input/values.h"
#include "scenario/scenario.h"

namespace proofload::input {

/// A table of [chains], [layers], [routes] or [mechanisms]; the user chose the name.
struct NamedTable {
  std::string name;
  Table table;
};

/// The named tables of `root`'s table `key`. Of more than `most` no more are answered than it takes to see what they
/// are.
std::vector<NamedTable> named_tables(Report&, const Node& root, const std::string& key, std::size_t most);

/// `source`: where the figures come from, for whoever lists chains; the engine does not read it.
ChainSpec read_chain(const NamedTable&, std::string* source = nullptr);
LayerSpec read_layer(const NamedTable&);

/// Hazards that layers share, by network and by verifier set: the first layer that says one, for those that say
/// another.
struct SharedHazards {
  struct First {
    double hazard = 0.0;
    std::string layer;
  };
  std::map<std::string, First> networks, verifiers;
  void check(const LayerSpec&, const Table&);  ///< reports where the layer does not agree
};

/// A stage as it is written. Which chain's law it has (law.kind means nothing if `of_chain`) is known with the route.
struct StageText {
  StageSpec spec;
  Place place;                ///< of the whole stage
  Place scope_at;             ///< of what says the scope: the key `scope`, else the name
  std::string path;           ///< names it in messages
  bool scoped = false;        ///< it has a key `scope`
  bool of_mechanism = false;  ///< not of the route itself
};

/// Reads the array of stages that `owner` (a route or a mechanism) has under `stages`.
std::vector<StageText> read_stages(const Table& owner, const Node& list);

/// The mechanism's stages with the route's own in place of those of the same name. Of the others, the route's oracle
/// and publication come first, because the call is made there, and the rest last.
std::vector<StageText> merged_stages(const std::vector<StageText>& of_mechanism, std::vector<StageText>&& of_route);

/// Between two chains the stage has this law; nothing when it is left out (a reorganisation that never happens). Throws
/// nothing: what a chain does not say has a default.
std::optional<StageSpec> on_chains(const StageSpec&, const ChainSpec& collateral_chain,
                                   const ChainSpec& liability_chain);

/// The law that a stage of kind "chain" takes from its chain, in words, such as "finality of the liability chain".
std::string chain_law_text(const StageSpec&);

struct Mechanism {
  MechanismSpec spec;
  std::vector<StageText> stages;
  const Node* layer = nullptr;  ///< null: it cannot fail
  std::string layer_path;
};

Mechanism read_mechanism(const NamedTable&);

/// Everything that files of presets declare, used or not: what `proofload list` shows.
struct Catalogue {
  struct Chain {
    ChainSpec spec;
    std::string source;
  };
  struct Entry {
    MechanismSpec spec;
    std::vector<StageSpec> stages;
    std::optional<LayerSpec> layer;
  };
  std::vector<Chain> chains;
  std::vector<Entry> mechanisms;
};

/// Reads a scenario, a file of presets, or several that merge in this order. Throws Error with all problems at once.
Catalogue read_catalogue(const std::vector<std::filesystem::path>& files);

}  // namespace proofload::input
