/// explain.h -- one path, step by step: what the code that millions ran says of it (replay.h).
#pragma once
#include <cstdint>
#include <string>

#include "scenario/scenario.h"

namespace proofload {

/// What happened on `path`: every stage, delay, failure, price and proceeds, in the order of the model.
std::string explain(const Scenario&, std::uint64_t seed, std::uint64_t path);

}  // namespace proofload
