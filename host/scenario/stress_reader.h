/// stress_reader.h -- [stress]: multipliers, shocks, and the recorded prices of a replay, read and validated.
#pragma once
#include "input/values.h"
#include "scenario/reader.h"
#include "scenario/scenario.h"

namespace proofload::input {

/// `market`: as read, for the names of its assets; `horizon`: run.horizon in seconds, which a replay must cover;
/// `recorded`: returns to take in place of the file's prices; may be null.
void read_stress(const Table&, const MarketSpec& market, double horizon, StressSpec&, const Recorded* recorded);

}  // namespace proofload::input
