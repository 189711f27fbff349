/// plan.h -- what a path needs, already in float and in ticks: one trivially copyable value that a kernel takes by
/// value.
///
/// `compile` (host/plan/compile.h) makes a Plan from a Scenario; nothing on the path converts units or looks anything
/// up by name. All members are 32-bit words (or even numbers of 16-bit ones), so a Plan has no padding and its bytes
/// can be hashed.
#pragma once
#include <cstdint>
#include <type_traits>

namespace proofload {

/// Part of every plan hash: raise it whenever the same plan and seed would give other bits.
inline constexpr std::uint32_t kernel_revision = 5;

/// Time on a path is an integer number of ticks of 2^-9 s, so that sums of stages are exact and ties are ties.
inline constexpr double ticks_per_second = 512.0;
inline constexpr double seconds_per_year = 365.0 * 86400.0;
inline constexpr std::uint32_t absent = 0xffffffffu;  ///< the time of an event that does not happen; sorts last
inline constexpr std::uint16_t none = 0xffff;         ///< "no such index"

namespace limit {
inline constexpr int assets = 64, walked_assets = 16, factors = 8, layers = 24, routes = 32, messages = 64, legs = 64,
                     readings = 64, collaterals = 64, parts = 256, outages = 32, holds = 320, triggers = 32;
inline constexpr int times = messages + readings + parts + triggers;  ///< Workspace::time
inline constexpr int blocks = 160, terms = 256, references = 640, components = 480, tables = 96;
}  // namespace limit

/// What a random number is for. Philox counter = (rank, purpose << 16 | name id, path low, path high); key = seed.
enum class Purpose : std::uint32_t {
  /// increments of the log prices or of the factors: name id 0 (1: warm-up), rank = visit (factor models: event) << 4 |
  /// asset / 4
  price = 1,
  price_layer,  ///< the bridge to the price-layer time: name id 0, rank = reading of that asset << 4 | asset / 4
  oracle,  ///< scores shared by (liability chain, asset): word asset % 4 of rank (stage name << 4 | asset / 4) << 1
  chain,   ///< scores shared by a chain
  route,   ///< scores of one route
  layer_stage,  ///< scores shared by a layer
  layer,        ///< failure time of a layer of its own
  network,      ///< failure time common to a network
  recovery,     ///< the fraction that a failed layer's holders recover
  stall,        ///< how long a failed layer stands still
  basis,        ///< resting basis of a wrapped token
  variance,     ///< Heston: the part of the variance's shock that is not the price's; ranks as for price
  mixer,        ///< chi-square mixer of Student-t shocks: rank 0 for a path, else 1 + visit (name id 1: warm-up)
  row,          ///< bootstrap: which row comes next; ranks as for the mixer
  common_jump,  ///< rank = visit << 1, and | 1 for sizes
  own_jump,     ///< rank = visit (factor models: as for own) << 5 | asset / 4 << 1, and | 1 for sizes
  own,          ///< factor models: an asset's own noise, rank = how many of its own times came before << 4 | asset / 4
  verifiers,    ///< failure time common to the layers of a verifier set
  systemic,     ///< the stress factor; rank 1: the mixer of a Student copula of delays
  uncertainty,  ///< what is not known of volatility (name id 0), and of the hazards of a group of layers
  outage        ///< of a chain or a layer: when it begins; rank 1: how long it lasts
};

/// How prices move between two visits (market.h; factors.h).
enum class Process : std::uint32_t {
  diffusion,  ///< constant variance, every asset stepped, nothing else: the fast one
  observed,   ///< the same with jumps, or with observers at grid dates
  heston,     ///< variance by Andersen's QE
  bars,       ///< variance constant within a bar: GJR-GARCH, bootstrapped or replayed rows
  factors,    ///< constant variance, only the factors stepped
};

/// What a plan's offsets point into: one block of floats each (on a GPU: shared and global memory).
struct Tables {
  const float* floats;  ///< quantile tables, then the market's parameters (Plan::dynamics and its neighbours)
  /// Bootstrap or replay: shocks of assets 0 .. walked_assets - 1, a row after the other; for a market compiled for one
  /// asset, of that one alone (cpu.cpp): sixteen times as many rows stay in a cache.
  const float* rows;
};

/// How a component turns a normal score z into a value.
enum class Shape : std::uint32_t {
  constant,   ///< offset
  table,      ///< offset + scale * T(z)
  exp_table,  ///< offset + scale * exp(T(z))
  lognormal,  ///< offset + scale * exp(sigma z)
};

/// Quantile tables: 64 cubics over a range of normal scores within [-table_range, table_range]; four planes of 64
/// coefficients, degree ascending, then the range: with t = floats[table_scale] z + floats[table_shift], i = floor(t),
/// f = t - i: T(z) = c0[i] + f (c1[i] + f (c2[i] + f c3[i])).
inline constexpr int table_intervals = 64, table_scale = 4 * table_intervals, table_shift = table_scale + 1,
                     table_floats = table_scale + 16;  ///< planes begin at multiples of 64 bytes
inline constexpr float table_range = 6.75f;

/// One piece of a law's quantile function. A law is a run of components, from low scores to high ones; a score z is
/// read by the first whose `until` is > z.
struct Component {
  float until;  ///< normal score; the last one's is infinite
  Shape shape;
  std::uint32_t table;  ///< index of the table; for Shape::lognormal the bits of the float sigma
  float offset, scale;  ///< in ticks (durations) or as fractions
};

struct Law {
  std::uint16_t first, count;  ///< components
};

/// One Philox block of scores: four normals for the four stage names of a quad, or for four assets of an oracle
/// (host/plan/compile.cpp), read by its terms. Rank `doubt_rank` of the same address: what is not known of the median
/// delays of this owner (of a chain's oracles: of all together).
inline constexpr std::uint32_t doubt_rank = 0xffff'ffffu;
struct Block {
  std::uint32_t address;       ///< purpose << 16 | name id
  std::uint16_t rank;          ///< counter word 0, even
  std::uint16_t first, count;  ///< terms
  std::uint16_t pairs;         ///< bit 0: a term reads word 0 or 1; bit 1: word 2 or 3
};

/// A distinct (score, law): its value in ticks is drawn once per path and added to the times that refer to it.
struct Term {
  std::uint16_t word;          ///< 0..3: which normal of its block
  std::uint16_t first, count;  ///< into Plan::references: the times to add to (Workspace::time)
  Law law;
  std::uint16_t stage;  ///< StageName, for `explain`
};

/// A message carries a call from the oracle to the seizure: a distinct delay (equal constant part, equal random stages)
/// over one layer. Its time starts at `fixed` and terms are added to it.
struct Message {
  std::uint32_t fixed;          ///< ticks: the constant stages together
  float exposure;               ///< ticks: the least window in which a failure of the layer hits this message
  std::uint16_t layer, unused;  ///< layer may be `none`
};

/// A part of a message: its stages in a row that wait for one owner (a chain or a layer), which outages hold up. Parts
/// of a message lie together, in the order in which it goes through them.
struct Part {
  std::uint32_t fixed;  ///< ticks: the constant stages together
  std::uint32_t cap;    ///< ticks: no outage holds it up by more (forced inclusion)
  std::uint16_t message;
  std::uint16_t first, count;  ///< into Plan::holds: indices of outages
  std::uint16_t trigger;       ///< 1 + the trigger that the message waits for before its first part; 0: none
};

/// Whether an outage is under way at the call.
enum class Known : std::uint32_t { nothing, under_way, running };

/// A chain or a layer stands still from S to E, once per path: S = 0 where it is under way at the call, else
/// exponential.
struct Outage {
  std::uint16_t name, unused;  ///< name id of owner and outage
  Known known;
  float up_mean;  ///< ticks it runs on average, 1 / rate
  float share;    ///< rate times mean duration: under way at the call with probability share / (1 + share)
  Law duration, residual;
};

/// An oracle that is pushed when the price of an asset has moved by a fraction since the call, at the heartbeat at the
/// latest.
struct Trigger {
  std::uint16_t asset, first, count;  ///< into Plan::references: the messages and readings that wait for it
  std::uint16_t unused;
  float down, up;  ///< log of the price relative to that of the call, below and above which it is pushed
};

/// A leg is a distinct (route, asset): what a message liquidates, so one price is read for it. Legs are sorted by
/// asset.
struct Leg {
  std::uint16_t asset, message, route, unused;
};

/// A price-layer time, oracle + one block of chain A: a distinct (asset, time), read off the path of `leg` by a
/// Brownian bridge.
struct Reading {
  std::uint32_t fixed;                ///< ticks
  std::uint16_t asset, leg, ordinal;  ///< ordinal: which reading of this asset (its rank)
  std::uint16_t unused;
};

/// A messaging layer fails at the least of three exponential times with these means: its own, one that the layers of a
/// network share, and one that those of a verifier set share.
struct Layer {
  float own_mean, common_mean, verifier_mean;          ///< ticks; 0: never
  float bond;                                          ///< added to what is recovered
  std::uint16_t name, network, verifiers, doubt_name;  ///< name ids
  Law recovery, stall;                                 ///< stall.count == 0: none
  Law doubt;  ///< factor of the own time, from what is not known of the hazard; count 0: none
};

struct Collateral {
  std::uint16_t leg;
  std::uint16_t counted;     ///< 1 when a policy haircut was given: under-collateralised paths are counted
  std::uint16_t basis_name;  ///< name id
  std::uint16_t unused;
  Law basis;  ///< count == 0: the constant below
  float basis_constant;
  float threshold;   ///< under-collateralised iff proceeds before sale costs are below this
  float covered;     ///< 1 - policy haircut: what the policy counts on, after sale costs
  float keep, cost;  ///< proceeds after sale costs = max(0, keep * proceeds - cost)
  float weight;      ///< share of the book, for the portfolio loss
  float breach;      ///< ln(1 - policy haircut): a grid date with a log price below this is a breach
};

/// A collateral with a random basis, and the reading that attributes its haircut.
struct Based {
  std::uint16_t collateral, reading;
};

/// Everything about one scenario that a path reads. Log prices move without drift; it is added when one is read.
struct Plan {
  std::uint32_t revision;
  std::uint32_t assets, layers, routes, messages, legs, readings, collaterals, blocks, terms;
  std::uint32_t walked;   ///< messages that liquidate something come first; the others only have their delay reported
  std::uint32_t horizon;  ///< ticks; a message that takes longer is unresolved
  std::uint32_t grid;     ///< ticks between grid dates, the bar of a bar model; 0: no grid
  std::uint32_t parts, outages, triggers;
  std::uint32_t joint;        ///< 1 when pairs of under-collateralised tokens are counted
  std::uint32_t stalls;       ///< 1 when a layer can stall
  std::uint32_t portfolio;    ///< 1 when the loss of the weighted book is tallied
  float portfolio_threshold;  ///< the book is under-collateralised iff its proceeds are below this
  std::uint32_t breaches;     ///< 1 when grid dates with a price loss beyond the policy haircut are looked for
  std::uint32_t based;        ///< collaterals with a random basis
  std::uint32_t lowest;       ///< 1 when the least price of the weighted book over the grid dates is tallied

  Process process;
  std::uint32_t bridged;  ///< 1: price-layer times are bridged into the path; 0: they are visits
  /// Student-t: law of the mixing variance, mean 1; count 0: none. Several components: one each for what dof may be.
  Law mixer;
  std::uint32_t factors;     ///< Process::factors: how many
  std::uint32_t warm_up;     ///< steps of the variance before the call: into its stationary law, or to a later call
  std::uint32_t rows;        ///< rows of shocks; 0: the shocks are drawn
  std::uint32_t first_row;   ///< where the path begins; `absent`: anywhere in [0, row_starts)
  std::uint32_t row_starts;  ///< rows that a path or a block may begin at
  std::uint32_t new_block;   ///< probability that a bar begins a new block, times 2^32; 0: rows are replayed in order
  float root_bar;            ///< sqrt of a bar's ticks
  Law unit_exponential;      ///< Heston: -ln(1 - Phi(z))
  std::uint32_t jumps;       ///< bit 0: common, bit 1: own
  float common_jump[3];      ///< intensity per tick, mean and standard deviation of the log size
  // Offsets into Tables::floats.
  std::uint32_t dynamics;  ///< planes of walked_assets floats: heston_planes or bar_planes
  /// Process::factors: per asset limit::factors loadings per sqrt(tick), then the own noise's plane
  std::uint32_t loadings;
  /// planes of limit::assets: loading of the common jump, own intensity per tick, mean, deviation
  std::uint32_t jump_at;
  std::uint32_t shocked;  ///< 1 when there are shocks
  std::uint32_t shocks;   ///< planes of limit::assets: ticks (as bits, `absent`: none) and log size
  std::uint32_t weights;  ///< plane of walked_assets: shares of the book, for `lowest`

  // The stress factor G (DESIGN 1.5), and what is not known for certain.
  std::uint32_t conditioned;       ///< 1 when returns are scaled or shifted by them, or times to failure or outage are
  float delay_loading, delay_own;  ///< scores of stages: loading a of G, sqrt(1 - a^2)
  Law copula_mixer, copula;  ///< Student copula: dof / chi-square(dof), and the map to normal scores; count 0: normal
  float copula_inverse_dof, copula_inverse_root,
      copula_scale;  ///< 1 / dof, its root, sqrt(dof) (8 dof + 1) / (8 dof + 3)
  float volatility_loading, volatility_shift, volatility_error;  ///< ln scale = gamma G - gamma^2 + s Z
  float hazard_loading, hazard_shift;                            ///< ln of times to failure += eta^2 / 2 - eta G
  float outage_loading, outage_shift;
  float delay_error;             ///< relative standard error of medians; 0: none
  std::uint32_t price_loaded;    ///< 1 when prices load on G
  std::uint32_t price_loadings;  ///< offset into Tables::floats: plane of limit::assets, b sigma per sqrt(tick)

  float drift[limit::assets];  ///< per tick: mu - sigma^2 / 2 less the jumps' compensator (Heston: without sigma^2 / 2)
  float volatility[limit::assets];  ///< per square root of a tick, for the bridge to the price-layer time
  /// Row i at i (i + 1) / 2; of the correlation, and with constant variance times volatility * sqrt(tick).
  float cholesky[limit::walked_assets * (limit::walked_assets + 1) / 2];
  std::uint16_t first_leg[limit::assets + 2];      ///< legs of asset a: first_leg[a] .. first_leg[a + 1]
  std::uint16_t first_reading[limit::assets + 2];  ///< the same for readings
  std::uint32_t route_message[limit::routes];      ///< the message whose delay is tallied for the route
  Message message[limit::messages];
  Part part[limit::parts];
  std::uint16_t holds[limit::holds];
  Outage outage[limit::outages];
  Trigger trigger[limit::triggers];
  Leg leg[limit::legs];
  Reading reading[limit::readings];
  Layer layer[limit::layers];
  Collateral collateral[limit::collaterals];
  Based based_at[limit::collaterals];  ///< by reading
  Block block[limit::blocks];
  Term term[limit::terms];
  std::uint16_t references[limit::references];
  Component component[limit::components];
};

/// Planes at Plan::dynamics.
enum HestonPlane {
  mean_reversion,
  relative_noise,
  variance_rate,
  leverage,
  rotation_cos,
  rotation_sin,
  initial,
  heston_planes
};
enum BarPlane { omega, alpha, gamma, beta, first_variance, bar_planes };

/// Calls run.operator()<process, N>() with the numbers of assets (of factors) N that kernels are compiled for.
template <class Run>
auto with_market(const Plan& plan, const Run& run) {
  const std::uint32_t n = plan.process == Process::factors ? plan.factors : plan.assets;
  switch (plan.process) {
    case Process::heston:
      if (n <= 4) return run.template operator()<Process::heston, 4>();
      if (n <= 8) return run.template operator()<Process::heston, 8>();
      return run.template operator()<Process::heston, 16>();
    case Process::bars:
      if (n <= 4) return run.template operator()<Process::bars, 4>();
      if (n <= 8) return run.template operator()<Process::bars, 8>();
      return run.template operator()<Process::bars, 16>();
    case Process::factors:
      if (n <= 4) return run.template operator()<Process::factors, 4>();
      return run.template operator()<Process::factors, 8>();
    case Process::observed:
      if (n <= 4) return run.template operator()<Process::observed, 4>();
      if (n <= 8) return run.template operator()<Process::observed, 8>();
      return run.template operator()<Process::observed, 16>();
    case Process::diffusion: break;
  }
  if (n <= 4) return run.template operator()<Process::diffusion, 4>();
  if (n <= 8) return run.template operator()<Process::diffusion, 8>();
  if (n <= 12) return run.template operator()<Process::diffusion, 12>();
  return run.template operator()<Process::diffusion, 16>();
}

static_assert(std::is_trivially_copyable_v<Plan> && sizeof(Plan) <= 31 * 1024 && sizeof(Plan) % 4 == 0);

}  // namespace proofload
