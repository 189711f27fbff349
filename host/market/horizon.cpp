#include "market/horizon.h"

#include <cmath>

namespace proofload {

double Horizon::mean() const {
  double sum = 0.0;
  for (std::size_t i = 0; i < bars.size(); ++i) sum += weight[i] * bars[i];
  return sum;
}

int Horizon::at(double u) const {
  double below = 0.0;
  for (std::size_t i = 0; i + 1 < bars.size(); ++i) {
    below += weight[i];
    if (u < below) return bars[i];
  }
  return bars.back();
}

double Horizon::spread(std::size_t i) { return std::fmod(0.5 + 0.6180339887498949 * static_cast<double>(i), 1.0); }

std::vector<double> losses_over(std::span<const double> returns, const Horizon& horizon) {
  std::vector<double> total(returns.size() + 1, 0.0), losses(returns.size(), NAN);
  std::vector<std::size_t> gaps(returns.size() + 1, 0);
  for (std::size_t i = 0; i < returns.size(); ++i) {
    const bool known = std::isfinite(returns[i]);
    total[i + 1] = total[i] + (known ? returns[i] : 0.0);
    gaps[i + 1] = gaps[i] + (known ? 0 : 1);
  }
  for (std::size_t i = 0; i < returns.size(); ++i) {
    const int bars = horizon.bars.size() == 1 ? horizon.bars[0] : horizon.at(Horizon::spread(i));
    const std::size_t end = i + static_cast<std::size_t>(bars);
    if (end <= returns.size() && gaps[end] == gaps[i]) losses[i] = total[i] - total[end];
  }
  return losses;
}

}  // namespace proofload
