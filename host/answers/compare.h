/// compare.h -- two or more results side by side: what differs, by how much, and whether it could be chance.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "run/results.h"

namespace proofload {

/// One figure of one collateral in the first result and in another. The two are treated as independent samples.
struct Difference {
  std::string collateral;
  std::string figure;                ///< "haircut", "p_under", "p_breach" or "risk_rate" (per year)
  std::size_t with = 1;              ///< index of the other result; the first is 0
  std::optional<double> confidence;  ///< of the haircut; absent for a probability
  double first = 0.0, other = 0.0;   ///< fractions; probabilities per liquidation
  double difference = 0.0;           ///< other - first
  /// Standard error of the difference on the side of zero; absent: an interval has no bound there.
  std::optional<double> error;
  std::optional<double> low, high;  ///< interval of the difference at Comparison::level
  /// Two-sided, of "no difference": exact where paths are counted. Of a haircut: of the paths beyond the common one,
  /// and of "one law of losses".
  std::optional<double> p_value;
  bool significant = false;  ///< after Holm's correction over all differences of the comparison
};

/// What a reader needs to know about each result.
struct Compared {
  std::string file, scenario, plan_hash, tally_hash;
  std::uint64_t seed = 0, paths = 0;
  std::vector<std::string> unmatched;  ///< collateral that the first result has and this one lacks, or the reverse
  std::string partial;                 ///< how much of a run that was stopped; "": all of it
  std::string stress;                  ///< what the scenario was made worse by, in words; "": nothing
};

struct Comparison {
  /// Of intervals, and of Holm's correction: the chance of any false finding is at most 1 - level.
  double level = 0.95;
  std::vector<Compared> results;
  std::vector<Difference> differences;
};

/// Compares every result with the first, collateral matched by name; `files` name them. Throws Error when there are
/// fewer than two results, or one has nothing in common with the first.
Comparison compare(const std::vector<Results>&, const std::vector<std::string>& files);

/// Whether anything differs significantly: the exit status of the command is 1 then.
bool differs(const Comparison&);

std::string compare_table(const Comparison&);
nlohmann::ordered_json compare_json(const Comparison&);

}  // namespace proofload
