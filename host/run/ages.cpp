#include "run/ages.h"

#include <algorithm>

namespace proofload {

std::vector<double> seconds_of_ages(const Compiled& compiled) {
  std::vector<double> seconds;
  for (const std::uint32_t steps : compiled.ages)
    seconds.push_back(double(steps) * compiled.plan.grid / ticks_per_second);
  return seconds;
}

Compiled at_age(const Compiled& compiled, std::size_t age) {
  Compiled one = compiled;
  one.plan.warm_up = compiled.ages.at(age);
  one.ages.clear();
  return one;
}

AgedPath aged_path(const Compiled& compiled, std::uint64_t path) {
  if (compiled.ages.empty()) return {0, path};
  const std::uint64_t n = compiled.ages.size(), age = path % n;
  return {static_cast<std::size_t>(age), path / n + age * age_path_stride};
}

AgedPaths::AgedPaths(const Compiled& compiled) : compiled_(compiled) {
  if (compiled.ages.empty()) return;
  one_ = at_age(compiled, 0);
  part_ = Tally(layout_of(compiled.plan));
}

void AgedPaths::run(Backend& backend, std::uint64_t seed, PathRange range, Tally& total, AgeLosses* ages) {
  if (compiled_.ages.empty()) {
    backend.run(compiled_, seed, range, total);
    return;
  }
  const std::uint64_t n = compiled_.ages.size();
  const int collaterals = static_cast<int>(part_.layout.collaterals);
  if (ages != nullptr && ages->paths.empty()) *ages = AgeLosses(n, part_.layout.collaterals);
  for (std::uint64_t age = 0; age < n; ++age) {
    // paths p with p mod n = age
    const auto before = [&](std::uint64_t p) { return p / n + (p % n > age ? 1 : 0); };
    const std::uint64_t first = before(range.first), count = before(range.first + range.count) - first;
    if (count == 0) continue;
    std::fill(part_.counts.begin(), part_.counts.end(), 0);
    std::fill(part_.sums.begin(), part_.sums.end(), 0);
    part_.paths = 0;
    part_.lowest_non_finite = ~std::uint64_t{0};
    one_.plan.warm_up = compiled_.ages[age];
    backend.run(one_, seed, {first + age * age_path_stride, count}, part_);
    if (std::uint64_t& lowest = part_.lowest_non_finite; lowest != ~std::uint64_t{0})
      lowest = (lowest - age * age_path_stride) * n + age;  // as a path of the run
    total += part_;
    if (ages == nullptr) continue;
    ages->paths[age] += count;
    for (int k = 0; k < collaterals; ++k) {
      for (std::size_t b = 0; b < loss_bins; ++b)
        ages->at(age, static_cast<std::size_t>(k), b) += count_with_failures(part_, k, b);
    }
  }
}

}  // namespace proofload
