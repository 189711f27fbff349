/// fit_likelihood.h -- log-likelihoods of the models' laws on the same returns of one asset, which makes them
/// comparable. Those of Student-t and GJR-GARCH come with their fits (fit.h).
#pragma once
#include <span>

#include "market/fit.h"

namespace proofload {

/// Of a normal law of the returns' own mean and variance: the most that one can have.
double gaussian_log_likelihood(std::span<const double> returns);

/// Of Merton's law as a section has it for an asset of several: its diffusion, its own jumps and `loading` times those
/// of all. fit_jumps fits the first two to what is left of the returns when the common jumps are taken out, so that
/// MertonFit::log_likelihood is of other numbers than the returns.
double merton_log_likelihood(std::span<const double> returns, const MertonFit& own, const MertonFit& common,
                             double loading);

}  // namespace proofload
