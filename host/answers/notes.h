/// notes.h -- what a reader must be told about a result besides its figures, in words.
#pragma once
#include <string>

#include "answers/answer.h"

namespace proofload {

/// The overlays of [stress] that are in force, a list in words; "" when there is none.
std::string stress_text(const Scenario&);

/// The price model in words: "gjr_garch from a forecast, bars of 1h; student_t shocks, dof 3.69".
std::string market_text(const Scenario&);

/// What [run] in_force means for this scenario, and what it costs: a sentence or two; "" without it.
std::string in_force_text(const Scenario&, const Compiled&);

/// What comes together under the stress factor, with its loadings; "" for nothing.
std::string systemic_text(const Scenario&);

/// What the figures are conditional on: outages that are under way or known not to be; "" for nothing.
std::string state_text(const Scenario&);

/// What is not known for certain, with its errors; "" when the scenario does not say.
std::string uncertainty_text(const Scenario&);

/// "8,000 of 4,000,000 paths" of a run that was stopped, or its blocks of [uncertainty]; "" for a whole run.
std::string partial_text(const Results&);

/// That the result was read from a file without a checksum, and what that means; "" where it has one.
std::string checksum_text(const Results&);

/// What intervals hold, and what they do not: a sentence or two.
std::string interval_text(const Results&, const Answers&);

/// Says that Student-t shocks were fitted at a horizon more than 3 times from the median delay of a route that is used,
/// which way that errs and what to do; "" when they were not. A GARCH model's shocks are those of its bar: their sum
/// thins out by itself. For a bootstrap and a replay it says where delays are shorter than a third of a bar.
std::string tail_note(const Results&, const Answers&);

}  // namespace proofload
