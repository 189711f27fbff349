/// frontier.h -- the same collateral over many mechanisms: what each takes, what each relies on, and which are
/// dominated.
///
/// A frontier is the same scenario run once for each mechanism of its catalogue (Overrides::mechanism) on common random
/// numbers: prices, oracles and chains draw the same, and so does whatever layer carries the message, so that two
/// mechanisms of one hazard fail on the same paths and one of a larger hazard fails on those and more.
#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "answers/answer.h"
#include "run/backend.h"
#include "scenario/reader.h"
#include "scenario/scenario.h"

namespace proofload {

/// A scenario whose routes all cross by one mechanism.
struct Crossing {
  MechanismSpec mechanism;
  Scenario scenario;
};

/// Makes a scenario that was read with Overrides::mechanism fit to be compared: its layer gets the name that it has in
/// all crossings, and collateral other than `only` ("": none) goes. Throws Error when there is no such collateral, or
/// the scenario's routes have another mechanism.
Crossing crossing(Scenario, const std::string& mechanism, const std::string& only = "");

/// Reads the scenario once for each mechanism, in the order given. Throws Error for a mechanism that is named twice.
std::vector<Crossing> read_crossings(const std::filesystem::path& scenario, const std::vector<std::string>& mechanisms,
                                     const std::string& only, const Overrides& overrides);

/// Another choice that is at least as good by every measure and better by one; `clear` when a measure by which it is
/// better differs by more than its interval (see `intervals`).
struct Dominator {
  std::string mechanism;
  bool clear = false;
};

/// One mechanism for one collateral. Money: USD per liquidation.
struct Choice {
  MechanismSpec mechanism;
  std::optional<double> p50, p99;  ///< seconds from the call to the sale; absent beyond the horizon
  /// Interval of p99, from edge to edge of the bins of its ranks; an end beyond the horizon is absent.
  std::optional<double> p99_low, p99_high;
  double mean_delay = 0.0;   ///< seconds, from bins of 1/32 octave: to 2 %; a message beyond the horizon counts with it
  Estimate p_failure;        ///< all 0: nothing that can fail carries the message
  std::uint64_t failed = 0;  ///< paths on which it failed
  std::optional<double> loss_given_failure, exposure_cap_per_loss_budget;
  std::vector<HaircutAnswer> haircuts;
  /// per confidence: efficiency against the choice "wrapped"; absent without one
  std::vector<std::optional<double>> against_wrapped;
  double lock_up_cost = 0.0;   ///< capital x risk_free x (lock_up + mean_delay)
  double lock_up_error = 0.0;  ///< half of its interval: the sampling error of mean_delay, without that of bins
  double relaying_cost = 0.0;
  std::vector<Dominator> dominated_by;

  double cost() const { return lock_up_cost + relaying_cost; }
};

struct Frontier {
  std::string collateral, asset, route;
  double capital = 0.0;               ///< USD that one liquidation moves, and that is locked meanwhile
  std::optional<double> compared_at;  ///< the highest confidence at which every choice's haircut has an upper bound
  std::vector<Choice> choices;
};

/// What all frontiers of a run share.
struct FrontierRun {
  std::string scenario, engine, backend, device;
  std::uint64_t seed = 0, paths = 0;
  double interval = 0.95, risk_free = 0.0, horizon = 0.0;
  bool parameters_uncertain = false;                   ///< the scenario has an [uncertainty]
  std::vector<std::string> plan_hashes, tally_hashes;  ///< one for each mechanism
  std::vector<Frontier> frontiers;                     ///< one for each collateral
};

/// Runs every crossing. `capital`: USD, instead of each collateral's sale.size or margin.liability. Throws Error when a
/// collateral has neither.
FrontierRun run_frontier(const std::vector<Crossing>&, Backend&, std::optional<double> capital = {});

/// A choice's figures in which less is better, with what chance and bins explain: simulation intervals; of a p99 and of
/// costs 2 % to each side besides, for bins of delays. Infinite: beyond the horizon.
struct Intervals {
  Estimate p_failure, p99, cost;
  std::optional<Estimate> haircut;  ///< at a confidence; absent where it has no upper bound
};
Intervals intervals(const Choice&, std::optional<std::size_t> confidence);

/// Whether `a` is less than `b` for sure: its interval ends where the other's has not begun. What is exactly 0 (a layer
/// that cannot fail) is below all that is not.
bool below(const Estimate& a, const Estimate& b);

/// Who has the least of something: those that nobody is below (`choices`, by index; any two of their intervals
/// overlap). `told`: it is one, and then it is below all others, or they are equal for sure.
struct Least {
  std::vector<std::size_t> choices;
  bool told = false;
};
Least least(const std::vector<Estimate>&);

/// Safe, fast and cheap, as far as the intervals tell.
struct Trilemma {
  Least p_failure, p99, cost;
};
Trilemma trilemma(const Frontier&);

/// Fills dominated_by and compared_at: a choice is dominated when another is at least as good by haircut at
/// `compared_at`, failure probability, cost, p99 latency and wrap depth, and better by one of them.
void find_dominated(Frontier&);

std::string frontier_table(const FrontierRun&);
nlohmann::ordered_json frontier_json(const FrontierRun&);
/// A line for each collateral, mechanism and confidence (RFC 4180), for pictures.
std::string frontier_csv(const FrontierRun&);

}  // namespace proofload
