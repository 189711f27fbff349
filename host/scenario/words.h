/// scenario_words.h -- the words of the scenario format that both its reader and effective_toml need.
#pragma once
#include "input/values.h"
#include "scenario/scenario.h"

namespace proofload::input {

/// In the order of enum Scope.
inline constexpr const char* scope_names[] = {"oracle", "source_chain", "destination_chain", "layer", "route"};

/// In the order of enum StageName; the scope is what shares the stage unless it says otherwise.
struct StageRow {
  const char* name;
  Scope scope;
};
inline constexpr StageRow stage_rows[] = {{"oracle", Scope::oracle},
                                          {"source_inclusion", Scope::source_chain},
                                          {"finality", Scope::source_chain},
                                          {"proof", Scope::route},
                                          {"challenge", Scope::route},
                                          {"relay", Scope::route},
                                          {"destination_inclusion", Scope::route},
                                          {"other", Scope::route},
                                          {"publication", Scope::oracle},
                                          {"reorg", Scope::source_chain},
                                          {"collateral_proof", Scope::route},
                                          {"queue", Scope::layer}};

/// In the order of enum LawKind.
inline constexpr const char* law_names[] = {"constant",  "uniform", "exponential", "lognormal", "gamma",
                                            "weibull",   "pareto",  "beta",        "mixture",   "empirical",
                                            "geometric", "retry",   "window"};

/// A model of [market]; one with parameters is a table with its kind, one without may be its name alone.
struct ModelRow {
  const char* name;
  const char* parameters;  ///< as one would write them; "": none
};
/// In the order of enum InnovationKind.
inline constexpr ModelRow innovation_rows[] = {
    {"gaussian", ""},
    {"student_t", "dof = 4.0"},
    {"bootstrap", "file = \"residuals.csv\", bar = \"1h\", block = \"24h\""}};
/// In the order of enum VarianceKind.
inline constexpr ModelRow variance_rows[] = {{"constant", ""},
                                             {"heston", "mean_reversion = 4.0, vol_of_vol = 1.0, correlation = -0.5"},
                                             {"gjr_garch", "bar = \"1h\", alpha = 0.05, gamma = 0.05, beta = 0.9"}};
inline constexpr ModelRow jump_rows[] = {{"none", ""}, {"merton", "intensity = 12.0, mean = -0.1, stdev = 0.12"}};

/// In the unit of what the law is of: from 0, or from far below a tick where a logarithm or a ratio needs it; or a
/// number with a range of its own.
enum class ParameterKind { measured, positive, plain };

struct LawParameter {
  LawKind law;
  const char* key;
  double LawSpec::*value;
  ParameterKind kind = ParameterKind::measured;
  Quantity range{};  ///< of a plain number
  bool optional = false;
};

inline constexpr Quantity sigma_range{0.0, 8.0, Open::low, "the standard deviation of the logarithm", "0.5"};
inline constexpr Quantity gamma_shape{0.05, 1e4, Open::none, "the shape of a gamma law; 1 is exponential", "2.0"};
inline constexpr Quantity weibull_shape{0.1, 100.0, Open::none, "the shape of a Weibull law; 1 is exponential", "1.5"};
inline constexpr Quantity tail_index{0.01, 100.0, Open::none, "the tail index of a Pareto law", "1.5"};

inline constexpr Quantity inclusion_range{1e-4, 1.0, Open::none, "the probability of inclusion in a block", "0.9"};
inline constexpr Quantity drop_range{0.0, 1.0, Open::high, "the probability that an attempt is lost", "0.05"};
inline constexpr Quantity backoff_range{1.0, 1e3, Open::none, "how many times as long each further wait is", "2.0"};
inline constexpr Quantity attempts_range{1.0, 64.0, Open::none, "a number of attempts, the last of which is delivered",
                                         "8"};

inline constexpr LawParameter law_parameters[] = {
    {LawKind::constant, "value", &LawSpec::value},
    {LawKind::uniform, "min", &LawSpec::min},
    {LawKind::uniform, "max", &LawSpec::max},
    {LawKind::exponential, "mean", &LawSpec::mean, ParameterKind::positive},
    {LawKind::lognormal, "median", &LawSpec::median, ParameterKind::positive},
    {LawKind::lognormal, "p99", &LawSpec::p99, ParameterKind::positive, {}, true},
    {LawKind::lognormal, "sigma", &LawSpec::sigma, ParameterKind::plain, sigma_range, true},
    {LawKind::gamma, "shape", &LawSpec::shape, ParameterKind::plain, gamma_shape},
    {LawKind::gamma, "mean", &LawSpec::mean, ParameterKind::positive},
    {LawKind::weibull, "shape", &LawSpec::shape, ParameterKind::plain, weibull_shape},
    {LawKind::weibull, "scale", &LawSpec::scale, ParameterKind::positive},
    {LawKind::pareto, "min", &LawSpec::min, ParameterKind::positive},
    {LawKind::pareto, "alpha", &LawSpec::alpha, ParameterKind::plain, tail_index},
    {LawKind::pareto, "cap", &LawSpec::cap},
    {LawKind::beta, "mean", &LawSpec::mean, ParameterKind::positive},
    {LawKind::beta, "stdev", &LawSpec::stdev, ParameterKind::positive},
    {LawKind::geometric, "probability", &LawSpec::probability, ParameterKind::plain, inclusion_range},
    {LawKind::geometric, "block_time", &LawSpec::block_time, ParameterKind::positive},
    {LawKind::retry, "drop", &LawSpec::drop, ParameterKind::plain, drop_range},
    {LawKind::retry, "wait", &LawSpec::wait},
    {LawKind::retry, "backoff", &LawSpec::backoff, ParameterKind::plain, backoff_range, true},
    {LawKind::retry, "longest", &LawSpec::longest, ParameterKind::measured, {}, true},
    {LawKind::retry, "attempts", &LawSpec::attempts, ParameterKind::plain, attempts_range, true},
    {LawKind::window, "end", &LawSpec::end},
};

}  // namespace proofload::input
