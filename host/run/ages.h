/// ages.h -- haircuts that stay in force ([run] in_force): a call comes at any time of it, and the variance has moved
/// on by then from what was known when the haircut was set.
///
/// Each age of the haircut, 0, 1/8, ... 1 of the time in force, is a plan of its own, which differs in how many steps
/// the variance takes before the call (Plan::warm_up). The ages share the paths of a run: of n ages path p is path p /
/// n of age p mod n, so that any range of them is an equal mixture of the ages, a call at a random time, up to one
/// path.
#pragma once
#include <cstdint>
#include <vector>

#include "run/backend.h"
#include "run/results.h"

namespace proofload {

/// The ages' paths are paths of their own, independent of each other: they begin this far apart.
inline constexpr std::uint64_t age_path_stride = std::uint64_t{1} << 57;

/// Seconds since the haircut was set, of each age that Compiled::ages has.
std::vector<double> seconds_of_ages(const Compiled&);

/// The plan of one age alone; its paths are path + age * age_path_stride of the backend.
Compiled at_age(const Compiled&, std::size_t age);

/// Which path of which age a path of a run is: `number` is the backend's.
struct AgedPath {
  std::size_t age = 0;
  std::uint64_t number = 0;
};
AgedPath aged_path(const Compiled&, std::uint64_t path);

/// Runs paths of a scenario whatever ages it has: the one way to do so. Made once for many batches.
class AgedPaths {
 public:
  explicit AgedPaths(const Compiled&);
  /// As Backend::run. Adds to `ages` the losses by age too, unless it is null or no age differs.
  void run(Backend&, std::uint64_t seed, PathRange, Tally& total, AgeLosses* ages = nullptr);

 private:
  const Compiled& compiled_;
  // Where there are several ages:
  Compiled one_;  ///< of one after another
  Tally part_;    ///< of a range's paths of one
};

}  // namespace proofload
