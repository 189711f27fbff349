/// survival.h -- delays of which some are only known to be longer than the time for which they were watched.
///
/// Kaplan and Meier (1958) for the law as far as the data go, and beyond it a generalised Pareto law, fitted to what
/// exceeds a threshold (Coles 2001, chapter 4). Numbers that become part of a plan are made of IEEE arithmetic alone,
/// without libm.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "laws/law.h"

namespace proofload {

/// A delay, or for a message that was not delivered the time for which it was watched (right-censored).
struct Observation {
  double value = 0.0;
  bool delivered = true;
};

/// What a word of a status column says of its message, in any case: 1, true, delivered, success, executed, ...; 0,
/// failed, pending, ...; nothing that is known.
enum class Delivery { arrived, not_arrived, unknown };
Delivery delivery_of(std::string_view cell);
/// What to say of words that are not known, with how many rows say them.
std::string unknown_words_problem(const std::string& column, const std::map<std::string, std::size_t>& words);

struct SurvivalStep {
  double time = 0.0;
  std::size_t at_risk = 0, delivered = 0;  ///< just before `time`; at it
  double survival = 1.0;                   ///< P(X > time)
  double error = 0.0;                      ///< its standard error, by Greenwood's formula
};

/// The product-limit estimate at each distinct delivery; a message censored at the time of a delivery is at risk there.
std::vector<SurvivalStep> kaplan_meier(std::vector<Observation>);

/// P(Y > y) = (1 + shape y / scale)^(-1 / shape), by maximum likelihood; standard errors from the observed information.
struct ExcessFit {
  double shape = 0.0, scale = 0.0;
  double shape_error = 0.0, scale_error = 0.0;
  double log_likelihood = 0.0;
};

/// Of excesses over a threshold, all positive; those not delivered count with the probability of a longer one. Throws
/// Error when fewer than 20 were delivered, or when the likelihood has no maximum at a shape in (-0.5, greatest_shape):
/// below, the estimates have no standard errors (Smith 1985). From 1 on the law has no mean, which a delay does not
/// need (run.horizon ends all of them) and an outage does.
ExcessFit fit_excess(const std::vector<Observation>&);

struct TailRequest {
  double share =
      /// of the probability, beyond the threshold; 0: at least 0.05, 30 deliveries and 4 times what is not known to end
      0.0;
};

/// LawSpec::quantiles of observations, at most 64, as reduce_samples makes them: a delivery stands in the middle of its
/// step. What is advised where a tail cannot be fitted has been tried: another share, or what needs no tail. With a
/// tail they end at [1 - share, threshold] and LawSpec::tail has what follows. Without one every message that was
/// watched for longer than the slowest delivery is an Error: what happens to that share of the paths is not known, and
/// neither is it in a tail whose threshold would be there. Sets kind, samples, censored, reduction_error.
void reduce_observations(std::vector<Observation>, const std::optional<TailRequest>&, LawSpec&);

}  // namespace proofload
