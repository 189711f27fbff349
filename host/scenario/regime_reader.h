/// regime_reader.h -- [systemic], [uncertainty], [state] and [margin]: what holds for a whole scenario, read and
/// validated.
#pragma once
#include "input/values.h"
#include "scenario/scenario.h"

namespace proofload::input {

/// `market` and `stress` as read: loadings of prices do not go with every model.
void read_systemic(const Table&, const MarketSpec& market, const StressSpec& stress, SystemicSpec&);

/// `layers`: all of them, those of mechanisms too. The `hazard` of one that is known from events becomes the mean of
/// its posterior law, (events + 1/2) / years, whatever it was. `catalogue`: [mechanisms], or null; what is said of the
/// layer of one that no route takes is checked, and then forgotten.
void read_uncertainty(const Table&, const MarketSpec& market, const StressSpec& stress, const Node* catalogue,
                      std::vector<LayerSpec>& layers, UncertaintySpec&);

/// `chains` and `layers`: those of the scenario, with their outages. `catalogue`: as above.
void read_state(const Table&, const std::vector<ChainSpec>& chains, const std::vector<LayerSpec>& layers,
                const Node* catalogue, StateSpec&);

void read_margin(const Table&, MarginSpec&);

}  // namespace proofload::input
