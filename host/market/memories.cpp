#include "market/memories.h"

#include <algorithm>
#include <cmath>

namespace proofload {

std::vector<Memory> long_memories(double shortest, double day) {
  const double longest = std::max(512.0 * day, shortest), zero = 1560.0 * day;
  std::vector<Memory> memories;
  double sum = 0.0;
  for (double time = shortest; time <= longest; time *= std::sqrt(2.0)) {
    memories.push_back({time, std::max(1e-3, std::log(zero / time) / std::log(zero / shortest))});
    sum += memories.back().weight;
  }
  for (auto& m : memories) m.weight /= sum;
  return memories;
}

Averages::Averages(const std::vector<Memory>& memories, double tilt)
    : memories_(memories), tilt_(tilt), sums_(memories.size()), norms_(memories.size()) {
  for (const auto& m : memories) keep_.push_back(std::exp(-1.0 / m.time));
}

void Averages::add(double r) {
  if (!std::isfinite(r)) return;
  const double square = r * r * (r < 0.0 ? 1.0 + tilt_ : 1.0 - tilt_);
  for (std::size_t k = 0; k < memories_.size(); ++k) {
    sums_[k] = keep_[k] * sums_[k] + square;
    norms_[k] = keep_[k] * norms_[k] + 1.0;  // so that a short history counts as what it is, not as zeros before it
  }
}

double Averages::deviation() const {
  double variance = 0.0;
  for (std::size_t k = 0; k < memories_.size(); ++k) {
    if (norms_[k] > 0.0) variance += memories_[k].weight * sums_[k] / norms_[k];
  }
  return std::sqrt(variance);
}

}  // namespace proofload
