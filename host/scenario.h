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

struct MarketSpec {
  std::vector<AssetSpec> assets;
  std::vector<std::vector<double>> correlation;  ///< full, symmetric, positive definite; in the order of `assets`
  std::string innovation = "gaussian", variance = "constant", jumps = "none";
  GridSpec grid;
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
  std::string source;  ///< the text of the file as given (includes not expanded)
};

/// What the command line sets on top of a file.
struct Overrides {
  std::optional<std::uint64_t> paths, seed;
};

/// Reads, merges includes, validates. Throws Error with *all* problems of the scenario at once.
Scenario read_scenario(const std::filesystem::path& file, const Overrides& overrides = {});

/// The same for text that is not in a file; `name` stands for the file in messages, includes are relative to `folder`.
Scenario parse_scenario(const std::string& text, const std::string& name, const std::filesystem::path& folder = ".",
                        const Overrides& overrides = {});

/// The effective scenario as TOML: every default filled in, includes merged, itself a valid scenario with the same plan.
std::string effective_toml(const Scenario&);

}  // namespace proofload
