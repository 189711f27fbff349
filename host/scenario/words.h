/// words.h -- the words of the scenario format that both its reader and effective_toml need.
#pragma once
#include <cstdint>

#include "base/rows.h"
#include "scenario/scenario.h"

namespace proofload::input {

struct ScopeRow {
  Scope scope;
  const char* name;
};
inline constexpr ScopeRow scope_rows[] = {{Scope::oracle, "oracle"},
                                          {Scope::collateral_chain, "collateral_chain"},
                                          {Scope::liability_chain, "liability_chain"},
                                          {Scope::layer, "layer"},
                                          {Scope::route, "route"}};
static_assert(rows_follow(scope_rows, &ScopeRow::scope, Scope::route));
constexpr const char* scope_name(Scope scope) { return row_of(scope_rows, scope).name; }

/// A stage of a message. Its normal score lies in a Philox block of its scope, four stages to a block (a quad): stages
/// that routes use together share one, because a block costs the same for one score as for four.
struct StageRow {
  StageName stage;
  const char* name;
  Scope scope;  ///< what shares it, unless it says otherwise
  std::uint16_t quad, word;
  const char* keys;  ///< what it may be besides a law
  const char* meaning;
};
inline constexpr StageRow stage_rows[] = {
    {StageName::oracle, "oracle", Scope::oracle, 1, 0, "kind = \"deviation\" too",
     "until the oracle on the liability chain notices: the call"},
    {StageName::source_inclusion, "source_inclusion", Scope::liability_chain, 1, 1, "kind = \"chain\" too",
     "until the message is in a block of the liability chain, which it leaves"},
    {StageName::finality, "finality", Scope::liability_chain, 1, 2, "kind = \"chain\" too",
     "until that block counts as final"},
    {StageName::proof, "proof", Scope::route, 0, 0, "", "until there is a proof of it"},
    {StageName::challenge, "challenge", Scope::route, 1, 3, "", "the window of an optimistic bridge"},
    {StageName::relay, "relay", Scope::route, 0, 1, "", "until somebody has carried it across"},
    {StageName::destination_inclusion, "destination_inclusion", Scope::route, 0, 2, "kind = \"chain\" too",
     "until it is in a block of the collateral chain, where it arrives"},
    {StageName::other, "other", Scope::route, 0, 3, "", "whatever else: what is stuck, what is abandoned"},
    {StageName::publication, "publication", Scope::oracle, 2, 0, "", "from an oracle's trigger to its update on chain"},
    {StageName::reorg, "reorg", Scope::liability_chain, 2, 1, "kind = \"chain\" too",
     "the message is sent again after a reorganisation"},
    {StageName::collateral_proof, "collateral_proof", Scope::route, 2, 2, "",
     "age of the proof of what the collateral is, at the call"},
    {StageName::queue, "queue", Scope::layer, 2, 3, "", "a governor's queue"},
};
static_assert(rows_follow(stage_rows, &StageRow::stage, StageName::queue));
constexpr const char* stage_name(StageName stage) { return row_of(stage_rows, stage).name; }

/// A model of [market]; one with parameters is a table with its kind, one without may be its name alone.
template <class Kind>
struct ModelRow {
  Kind kind;
  const char* name;
  const char* parameters;  ///< as one would write them; "": none
};
inline constexpr ModelRow<InnovationKind> innovation_rows[] = {
    {InnovationKind::gaussian, "gaussian", ""},
    {InnovationKind::student_t, "student_t", "dof = 4.0"},
    {InnovationKind::bootstrap, "bootstrap", "file = \"residuals.csv\", bar = \"1h\", block = \"24h\""}};
static_assert(rows_follow(innovation_rows, &ModelRow<InnovationKind>::kind, InnovationKind::bootstrap));
inline constexpr ModelRow<VarianceKind> variance_rows[] = {
    {VarianceKind::constant, "constant", ""},
    {VarianceKind::heston, "heston", "mean_reversion = 4.0, vol_of_vol = 1.0, correlation = -0.5"},
    {VarianceKind::gjr_garch, "gjr_garch", "bar = \"1h\", alpha = 0.05, gamma = 0.05, beta = 0.9"}};
static_assert(rows_follow(variance_rows, &ModelRow<VarianceKind>::kind, VarianceKind::gjr_garch));
/// Whether there are jumps: MarketSpec::jumps.
inline constexpr ModelRow<bool> jump_rows[] = {{false, "none", ""},
                                               {true, "merton", "intensity = 12.0, mean = -0.1, stdev = 0.12"}};

}  // namespace proofload::input
