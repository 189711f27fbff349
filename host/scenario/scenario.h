/// scenario.h -- a scenario as the user means it: natural units, every default filled in, immutable once read.
///
/// The file format is the contract of DESIGN 4.1 (scenarios/README.md describes it for users). Units here: durations in
/// seconds, volatilities and drifts per year (365 days), hazards per year, money in USD, haircuts / probabilities /
/// recoveries as fractions.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "laws/law.h"

namespace proofload {

/// The last four are read by stages that come from elsewhere than a route's own list too (DESIGN 1.3).
enum class StageName {
  oracle,
  source_inclusion,
  finality,
  proof,
  challenge,
  relay,
  destination_inclusion,
  other,
  publication,       ///< from an oracle's trigger to its update on chain
  reorg,             ///< the message is sent again after a reorganisation
  collateral_proof,  ///< age of the proof of what the collateral is, at the call
  queue              ///< a governor's queue
};
enum class Scope {
  oracle,
  collateral_chain,
  liability_chain,
  layer,
  route
};  ///< whose normal score a stage reads (DESIGN 1.3)

/// An oracle that is pushed when the price has moved by the fraction `deviation` since the call, up or down (as feeds
/// measure it: |P / P_0 - 1|), at the heartbeat at the latest. How far the heartbeat is at the call is uniform; the
/// stage's law is the latency of the publication.
struct TriggerSpec {
  double heartbeat = 0.0, deviation = 0.0;  ///< seconds; a fraction of the price of the call
};

struct StageSpec {
  StageName name = StageName::other;
  Scope scope = Scope::route;  ///< follows from the name unless overridden by the key `scope`
  LawSpec law;
  std::optional<TriggerSpec> trigger;  ///< oracle only
  bool of_chain = false;               ///< the law was its chain's (kind = "chain")
};

struct RunSpec {
  std::uint64_t paths = 0, seed = 1;
  std::vector<double> confidence = {0.99, 0.999, 0.9999};  ///< ascending, each in (0, 1)
  double interval = 0.95;                                  ///< two-sided level of every interval
  double horizon = 30.0 * 86400.0;                         ///< a leg that takes longer is unresolved
  /// Seconds for which haircuts stay set, and calls come at any time of it; 0: they are for a call now.
  double in_force = 0.0;
  std::optional<bool> joint_under;  ///< pairs of under-collateralised tokens are counted; default: up to 32 collaterals
};

struct AssetSpec {
  std::string name;
  double price = 0.0, volatility = 0.0, drift = 0.0;
};

/// A uniform grid that merges with the events: at most one of the two is set.
struct GridSpec {
  std::optional<double> step;          ///< seconds
  std::optional<std::uint32_t> steps;  ///< equal steps over run.horizon
  bool observed = true;                ///< prices are looked at: breaches, the book's worst date, deviations of oracles
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
  /// gjr_garch: annualised volatility of the first bar; empty: start in the stationary law
  std::vector<double> forecast;
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
  /// full, symmetric, positive definite; in the order of `assets`; or empty:
  std::vector<std::vector<double>> correlation;
  /// [asset][factor] loadings of unit factors; own variance is 1 - sum of squares
  std::vector<std::vector<double>> factors;
  InnovationSpec innovation;
  VarianceSpec variance;
  std::optional<JumpsSpec> jumps;
  GridSpec grid;
  std::optional<std::int64_t> last_price;  ///< seconds since 1970 UTC: up to when prices were looked at (`fit -o`)
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

/// Times at which a chain or a layer stands still: they begin with this rate while it runs, and last as long as the law
/// says.
struct OutageSpec {
  std::string name;
  double rate = 0.0;  ///< per year
  LawSpec duration;
};

struct ChainSpec {
  std::string name;
  double block_time = 12.0;
  std::optional<LawSpec> inclusion, finality;  ///< for stages of kind "chain"
  std::optional<double> forced_inclusion;      ///< seconds: no outage delays an inclusion here by more
  double reorg_probability = 0.0;              ///< a message that leaves here is sent again
  LawSpec reorg_delay;                         ///< what that adds
  std::vector<OutageSpec> outages;
};

struct LayerSpec {
  std::string name;
  double hazard = 0.0, exposure = 0.0;
  LawSpec recovery;            ///< default: constant 0 (nothing is recovered)
  std::string network;         ///< "" : none
  double common_hazard = 0.0;  ///< layers of one network agree on it
  std::optional<LawSpec> stall;
  std::string verifiers;         ///< "" : none; a verifier set that several layers rely on
  double verifier_hazard = 0.0;  ///< layers of one verifier set agree on it
  double bond = 0.0, secured = 0.0,
         corruption_cost = 0.0;      ///< USD; a bond is shared by what the layer secures; 0: not given
  double corruption_exponent = 1.0;  ///< hazards times max(1, secured / corruption_cost)^this
  double queue_above = 0.0,
         queue_delay = 0.0;         ///< USD and seconds: sales of that size or more wait in a governor's queue
  std::vector<OutageSpec> outages;  ///< pauses, expired clients
};

struct RouteSpec {
  std::string name;
  std::string collateral_chain;   ///< where the collateral is, and is seized: the message arrives there
  std::string liability_chain;    ///< where the call is made: the message leaves it
  std::string layer;              ///< "": never fails
  std::string mechanism;          ///< "" : none; its stages are in `stages` already
  std::vector<StageSpec> stages;  ///< in the order in which a message goes through them
};

/// A way to get a message across, from a catalogue: what `proofload list` and `frontier` show of it.
struct MechanismSpec {
  std::string name, description, trust, collateral;  ///< what one relies on; which assets it can carry
  std::string source;                                ///< where the figures come from
  double wrap_depth = 0.0;                           ///< how many issuers stand between the token and the native asset
  double lock_up = 0.0;                              ///< seconds for which capital is locked besides the message
  double cost = 0.0;                                 ///< USD per message
};

/// The stress factor G of DESIGN 1.5: one standard normal per path. All loadings 0: independence.
struct SystemicSpec {
  double delays = 0.0;         ///< correlation of every stage's score with G
  double volatility = 0.0;     ///< gamma: volatility times exp(gamma G - gamma^2)
  double hazards = 0.0;        ///< eta: hazards times exp(eta G - eta^2 / 2)
  double outages = 0.0;        ///< the same for the rates of outages
  std::vector<double> prices;  ///< b per asset: x_i(t) gains -b sigma sqrt(t) G; empty: none
  double copula_dof = 0.0;     ///< Student copula of the delay scores; 0: normal
};

/// What is not known for certain, and how well it is known (drawn per path for predictive haircuts; per block for
/// intervals).
struct UncertaintySpec {
  double volatility = 0.0;   ///< relative standard error, of all volatilities at once
  double dof = 0.0;          ///< standard error of market.innovation.dof
  double correlation = 0.0;  ///< standard error of correlations (blocks only: marginal haircuts do not depend on them)
  double delays = 0.0;       ///< relative standard error of median delays, per chain, layer, oracle and route
  /// A hazard known from `events` in `years` bridge-years: Gamma(events + 1/2, years) (Jeffreys). Layers of one `group`
  /// share it.
  struct Hazard {
    std::string layer, group;  ///< group "": the layer's own name
    double events = 0.0, years = 0.0;
  };
  std::vector<Hazard> hazards;
  int blocks = 64;
  bool given = false;  ///< the file has an [uncertainty]
};

/// What is known of the present: a haircut for now, not for any time.
struct StateSpec {
  /// A chain or layer whose outage is under way, and for how long it has been.
  struct Down {
    std::string name, outage;  ///< outage: which of its outages
    double since = 0.0;        ///< seconds
  };
  std::vector<Down> halted, paused;  ///< chains, layers
  std::vector<std::string> running;  ///< chains and layers that have no outage at the call
};

/// What margins and prices of risk are computed for (DESIGN 1.1).
struct MarginSpec {
  double liability = 0.0;              ///< V, USD; 0: not given
  double liquidation_threshold = 1.0;  ///< Lambda, of collateral value
  double calls_per_year = 0.0;         ///< nu
  double risk_free = 0.0;              ///< r_f, per year
  double loss_budget = 0.0;            ///< USD, for exposure caps; 0: not given
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
  SystemicSpec systemic;
  UncertaintySpec uncertainty;
  StateSpec state;
  MarginSpec margin;
  std::vector<MechanismSpec> mechanisms;  ///< of the catalogue, those that routes name
  std::string source;                     ///< the text of the file as given (includes not expanded)

  // Out of line: each file that holds one would compile them again.
  Scenario();
  Scenario(const Scenario&);
  Scenario(Scenario&&) noexcept;
  Scenario& operator=(const Scenario&);
  Scenario& operator=(Scenario&&) noexcept;
  ~Scenario();
};

// What run.in_force may be.
inline constexpr double longest_in_force = 366.0 * 86400.0;  ///< seconds
inline constexpr double most_steps_in_force = 1e6;           ///< of the variance, before a call at its end

/// Whether pairs of under-collateralised tokens are counted: as the scenario says, else up to 32 collaterals.
bool counts_pairs(const Scenario&);

// What a name stands for; throws std::invalid_argument where nothing has it, which a reader of files has seen to.
std::size_t asset_index(const Scenario&, const std::string& name);
std::size_t route_index(const Scenario&, const std::string& name);
/// Index of the layer that carries this route; absent: it has none and never fails.
std::optional<std::size_t> layer_of(const Scenario&, const RouteSpec&);
std::optional<std::size_t> layer_of(const Scenario&, const CollateralSpec&);

}  // namespace proofload
