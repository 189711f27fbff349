#include "run/ages.h"

namespace proofload {

std::vector<double> seconds_of_ages(const Scenario& scenario, const Compiled& compiled) {
  std::vector<double> seconds;
  for (const std::uint32_t steps : compiled.ages)
    seconds.push_back(scenario.run.in_force * steps / compiled.ages.back());
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

AgedPaths::AgedPaths(const Compiled& compiled) : compiled_(compiled), part_(layout_of(compiled.plan)) {
  for (std::size_t age = 0; age < compiled.ages.size(); ++age) at_.push_back(at_age(compiled, age));
}

void AgedPaths::run(Backend& backend, std::uint64_t seed, PathRange range, Tally& total, AgeLosses* ages) {
  if (at_.empty()) {
    backend.run(compiled_, seed, range, total);
    return;
  }
  const std::uint64_t n = at_.size();
  const int collaterals = static_cast<int>(part_.layout.collaterals);
  if (ages != nullptr && ages->paths.empty()) *ages = AgeLosses(at_.size(), part_.layout.collaterals);
  for (std::uint64_t age = 0; age < n; ++age) {
    // paths p with p mod n = age
    const auto before = [&](std::uint64_t p) { return p / n + (p % n > age ? 1 : 0); };
    const std::uint64_t first = before(range.first), count = before(range.first + range.count) - first;
    if (count == 0) continue;
    part_ = Tally(part_.layout);
    backend.run(at_[age], seed, {first + age * age_path_stride, count}, part_);
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
