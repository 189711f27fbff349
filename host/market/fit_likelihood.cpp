#include "market/fit_likelihood.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace proofload {
namespace {

constexpr double two_pi = 6.283185307179586;
constexpr double least_weight = 1e-14;  // of a number of jumps that is looked at

/// Probabilities of 0, 1, 2, ... jumps in a bar.
std::vector<double> jump_counts(double rate) {
  std::vector<double> p{std::exp(-rate)};
  while (p.back() > least_weight || double(p.size()) < rate)
    p.push_back(p.back() * rate / static_cast<double>(p.size()));
  return p;
}

}  // namespace

double gaussian_log_likelihood(std::span<const double> returns) {
  const double n = static_cast<double>(count_present(returns));
  double mean = 0.0, variance = 0.0;
  for (const double x : returns) mean += std::isnan(x) ? 0.0 : x / n;
  for (const double x : returns) variance += std::isnan(x) ? 0.0 : (x - mean) * (x - mean) / n;
  return -0.5 * n * (std::log(two_pi * variance) + 1.0);
}

double merton_log_likelihood(std::span<const double> returns, const MertonFit& own, const MertonFit& common,
                             double loading) {
  struct JumpsInBar {  // so many jumps of either kind in a bar
    double log_height, centre, half_inverse;
  };
  std::vector<JumpsInBar> components;
  const double diffusion = own.volatility.value * own.volatility.value / own.bars_per_year;
  const auto square = [](double x) { return x * x; };
  const auto of_own = jump_counts(own.intensity.value / own.bars_per_year),
             of_all = jump_counts(common.intensity.value / own.bars_per_year);
  for (std::size_t i = 0; i < of_own.size(); ++i)
    for (std::size_t j = 0; j < of_all.size(); ++j) {
      const double weight = of_own[i] * of_all[j];
      if (weight < least_weight) continue;
      const double variance =
          diffusion + double(i) * square(own.stdev.value) + double(j) * square(loading * common.stdev.value);
      components.push_back({std::log(weight) - 0.5 * std::log(two_pi * variance),
                            own.location + double(i) * own.mean.value + double(j) * loading * common.mean.value,
                            0.5 / variance});
    }
  double sum = 0.0;
  std::vector<double> logs(components.size());
  for (const double x : returns) {
    if (std::isnan(x)) continue;
    for (std::size_t k = 0; k < logs.size(); ++k)
      logs[k] = components[k].log_height - square(x - components[k].centre) * components[k].half_inverse;
    const double most = *std::max_element(logs.begin(), logs.end());
    double share = 0.0;
    for (const double l : logs) share += l > most - 40.0 ? std::exp(l - most) : 0.0;
    sum += most + std::log(share);
  }
  return sum;
}

}  // namespace proofload
