/// market_reader.h -- the models of [market]: innovation, variance and jumps, read and validated, alone and together.
#pragma once
#include "input/values.h"
#include "scenario/reader.h"
#include "scenario/scenario.h"

namespace proofload::input {

/// Reads innovation, variance and jumps of a market whose assets have been read. `recorded`: residuals to take in place
/// of those of the file; may be null.
void read_models(const Table& market, MarketSpec&, const Recorded* recorded);

/// What the parts of a scenario ask of each other: one bar for all that go by bars, and the grid is that bar (it is
/// filled in, as is that of Heston's model, heston_step.h); no more assets than can be stepped; no more jumps between
/// two visits than are drawn. `top`: the document. `recorded`: as for read_models; the text of a result has the grid
/// that it ran with.
void check_market(const Table& top, Scenario&, const Recorded* recorded);

}  // namespace proofload::input
