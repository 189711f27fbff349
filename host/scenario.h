/// scenario.h -- a scenario as the user means it: natural units, every default filled in, immutable once read.
///
/// The file format is the contract of DESIGN 4.1 (scenarios/README.md describes it for users). Units here: durations in seconds,
/// volatilities and drifts per year (365 days), hazards per year, money in USD, haircuts / probabilities / recoveries as fractions.
#pragma once
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "error.h"

namespace proofload {

enum class LawKind { constant, uniform, exponential, lognormal, gamma, weibull, pareto, beta, mixture, empirical };

/// A probability law of a duration (seconds) or of a fraction. Only the parameters of its kind are set; the others are NaN.
struct LawSpec {
  static constexpr double unset = std::numeric_limits<double>::quiet_NaN();
  LawKind kind = LawKind::constant;
  double value = unset, min = unset, max = unset, mean = unset, median = unset, p99 = unset, sigma = unset;
  double shape = unset, scale = unset, alpha = unset, cap = unset, stdev = unset;
  double weight = 1.0;      ///< inside a mixture
  std::vector<LawSpec> of;  ///< components of a mixture (never mixtures or empirical laws themselves)
  std::vector<std::pair<double, double>>
      quantiles;                 ///< empirical: (p, value), both ascending; samples are reduced to these when read
  std::string file, column;      ///< empirical: where samples came from ("" when quantiles were written out)
  std::size_t samples = 0;       ///< empirical: how many there were
  double reduction_error = 0.0;  ///< empirical: largest |reduced - sample quantile| / max(Q(p), Q(0.01))
};

enum class StageName { oracle, source_inclusion, finality, proof, challenge, relay, destination_inclusion, other };
enum class Scope {
  oracle,
  source_chain,
  destination_chain,
  layer,
  route
};  ///< whose normal score a stage reads (DESIGN 1.3)

struct StageSpec {
  StageName name = StageName::other;
  Scope scope = Scope::route;  ///< follows from the name unless overridden by the key `scope`
  LawSpec law;
};

struct RunSpec {
  std::uint64_t paths = 0, seed = 1;
  std::vector<double> confidence = {0.99, 0.999, 0.9999};  ///< ascending, each in (0, 1)
  double interval = 0.95;                                  ///< two-sided level of every interval
  double horizon = 30.0 * 86400.0;                         ///< a leg that takes longer is unresolved
};

struct AssetSpec {
  std::string name;
  double price = 0.0, volatility = 0.0, drift = 0.0;
};

/// A uniform grid that merges with the events: at most one of the two is set.
struct GridSpec {
  std::optional<double> step;          ///< seconds
  std::optional<std::uint32_t> steps;  ///< equal steps over run.horizon
};

enum class InnovationKind { gaussian, student_t, bootstrap };

/// The law of a standardised shock (DESIGN 1.2).
struct InnovationSpec {
  InnovationKind kind = InnovationKind::gaussian;
  double dof = 0.0;                       ///< student_t: > 2
  std::optional<double> horizon;          ///< student_t: seconds, the horizon at which dof was fitted
  std::string file;                       ///< bootstrap: the CSV of residual rows, as a path that opens from here
  double bar = 0.0, block = 0.0;          ///< bootstrap: seconds between rows; mean length of a block
  std::vector<std::vector<double>> rows;  ///< bootstrap: [row][asset], each column with mean 0 and variance 1
};

enum class VarianceKind { constant, heston, gjr_garch };

/// How variance moves; every vector has one element per asset. The long-run level is the asset's `volatility`.
struct VarianceSpec {
  VarianceKind kind = VarianceKind::constant;
  std::vector<double> mean_reversion, vol_of_vol, correlation;  ///< heston: per year, per year, of price and variance
  std::vector<double> initial;                                  ///< heston: annualised volatility at the call
  double bar = 0.0;                                             ///< gjr_garch: seconds
  std::vector<double> alpha, gamma, beta;                       ///< gjr_garch: per bar
  std::vector<double>
      forecast;  ///< gjr_garch: annualised volatility of the first bar; empty: start in the stationary law
};

/// Jumps of one asset of its own: Poisson with this intensity per year, log sizes normal.
struct JumpSpec {
  double intensity = 0.0, mean = 0.0, stdev = 0.0;
};

/// Merton's jumps (1976): a common one that moves asset i by loadings[i] J, and own ones. Intensity 0: none.
struct JumpsSpec {
  JumpSpec common;
  std::vector<double> loadings;  ///< per asset
  std::vector<JumpSpec> own;     ///< per asset
};

struct MarketSpec {
  std::vector<AssetSpec> assets;
  std::vector<std::vector<double>>
      correlation;  ///< full, symmetric, positive definite; in the order of `assets`; or empty:
  std::vector<std::vector<double>>
      factors;  ///< [asset][factor] loadings of unit factors; own variance is 1 - sum of squares
  InnovationSpec innovation;
  VarianceSpec variance;
  std::optional<JumpsSpec> jumps;
  GridSpec grid;
};

/// A sudden return (> -1) of an asset at a time after the call, in seconds.
struct ShockSpec {
  std::string asset;
  double at = 0.0, size = 0.0;
};

/// A recorded window of prices that takes the place of the random path.
struct ReplaySpec {
  std::string file;                                          ///< as a path that opens from here
  double bar = 0.0;                                          ///< seconds between rows
  bool random = false;                                       ///< the call comes at a random row; otherwise at row 0
  std::string start, from, to;                               ///< as given, for the effective scenario ("" : not given)
  std::vector<std::pair<std::string, std::string>> columns;  ///< asset, column
  std::vector<std::vector<double>> returns;  ///< [bar][asset] log returns from the first possible call on
  std::vector<std::string> repairs;          ///< what was mended in the file when it was read, for people
  /// Rows 0 .. calls - 1 are where a call may come; each is followed by returns that last for run.horizon.
  std::size_t calls = 1;
};

/// Overlays (DESIGN 1.2): what the scenario is made worse by.
struct StressSpec {
  double volatility = 1.0;   ///< multiplies diffusive volatility
  double correlation = 0.0;  ///< w of (1 - w) R + w 11'
  double drift = 0.0;        ///< added, per year
  double depth = 1.0;        ///< divides
  double delays = 1.0;       ///< multiplies every stage
  double hazards = 1.0;      ///< multiplies
  std::vector<ShockSpec> shocks;
  std::optional<ReplaySpec> replay;
};

struct ChainSpec {
  std::string name;
  double block_time = 12.0;
};

struct LayerSpec {
  std::string name;
  double hazard = 0.0, exposure = 0.0;
  LawSpec recovery;            ///< default: constant 0 (nothing is recovered)
  std::string network;         ///< "" : none
  double common_hazard = 0.0;  ///< layers of one network agree on it
  std::optional<LawSpec> stall;
};

struct RouteSpec {
  std::string name, from, to, layer;  ///< layer "": never fails
  std::vector<StageSpec> stages;
};

struct SaleSpec {
  double size = 0.0, depth = 0.0, exponent = 0.5, cap = 1.0, cost = 0.0, bonus = 0.0;  ///< size 0: no sale table, free
};

struct CollateralSpec {
  std::string name, asset, route;
  std::optional<double> haircut;
  SaleSpec sale;
  LawSpec basis;                 ///< default: constant 1
  std::optional<double> weight;  ///< share of the book ([portfolio]); default: by sale.size, else equal
};

/// The book as one: present when the file has a [portfolio] table.
struct PortfolioSpec {
  double haircut = 0.0;  ///< P(weighted loss > haircut) is estimated
  bool minimum = true;   ///< with a grid: the least price of the book over the grid dates is tallied
};

struct Scenario {
  std::string name, description;
  RunSpec run;
  MarketSpec market;
  std::vector<ChainSpec> chains;  ///< every chain that a route names, declared or not
  std::vector<LayerSpec> layers;
  std::vector<RouteSpec> routes;
  std::vector<CollateralSpec> collateral;
  std::optional<PortfolioSpec> portfolio;
  StressSpec stress;
  std::string source;  ///< the text of the file as given (includes not expanded)
};

/// What the command line sets on top of a file.
struct Overrides {
  std::optional<std::uint64_t> paths, seed;
  std::filesystem::path prices{};  ///< in place of stress.replay.file, which must be there; empty: the scenario's own
};

/// What a scenario read from files of prices and residuals, kept apart from them: a result has it beside its scenario.
struct Recorded {
  enum class Use {
    instead,    ///< no such file is opened: what is not in here is a problem of the scenario
    if_missing  ///< for a file that is not there, when it has this name and the same is asked of it
  } use = Use::instead;
  std::vector<std::string> assets;   ///< whose columns these are; empty: those of the scenario, as they come
  InnovationSpec innovation;         ///< `rows`, and the name of their `file`
  std::optional<ReplaySpec> replay;  ///< `returns`, `calls` and `bar`; how they were cut from which `file`
};

/// All of it that the scenario has, for a scenario whose files may be gone.
Recorded recorded_in(const Scenario&);

/// Reads, merges includes, validates. Throws Error with *all* problems of the scenario at once.
Scenario read_scenario(const std::filesystem::path& file, const Overrides& overrides = {},
                       const Recorded* recorded = nullptr);

/// The same for text that is not in a file; `name` stands for the file in messages, includes are relative to `folder`.
Scenario parse_scenario(const std::string& text, const std::string& name, const std::filesystem::path& folder = ".",
                        const Overrides& overrides = {}, const Recorded* recorded = nullptr);

/// How the effective scenario names the files of prices and residuals.
enum class FileNames {
  absolute,  ///< as paths that open from any folder
  bare       ///< without their folders: for whoever has what was Recorded from them
};

/// The effective scenario as TOML: every default filled in, includes merged, itself a valid scenario with the same plan.
std::string effective_toml(const Scenario&, FileNames = FileNames::absolute);

}  // namespace proofload
