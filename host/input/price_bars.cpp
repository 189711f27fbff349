#include "input/price_bars.h"

#include <cstdlib>

namespace proofload {

std::int64_t tolerance_of(std::int64_t bar) { return bar >= 86400 ? 3600 : std::min<std::int64_t>(bar / 20, 60); }

std::int64_t bar_of(const std::vector<std::int64_t>& time) {
  std::map<std::int64_t, std::size_t> steps;
  for (std::size_t r = 1; r < time.size(); ++r) ++steps[time[r] - time[r - 1]];
  const std::int64_t common = most_common(steps);
  if (2 * steps[common] > time.size()) return common;
  for (const std::int64_t bar : {60, 180, 300, 900, 1800, 3600, 7200, 14400, 21600, 28800, 43200, 86400, 604800}) {
    std::size_t near = 0;
    for (const auto& [step, count] : steps) near += std::abs(step - bar) <= tolerance_of(bar) ? count : 0;
    if (2 * near > time.size()) return bar;
  }
  return common;
}

}  // namespace proofload
