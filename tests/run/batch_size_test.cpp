// Batches against machines that are a formula: so long for a batch, so long for a path.
#include "run/batch_size.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace proofload {
namespace {

struct Ran {
  double seconds = 0.0, longest = 0.0;
  int batches = 0;
};

/// `first`: how often the time of the first batch is that of others.
Ran ran(double of_batch, double of_path, std::uint64_t paths, double first) {
  Ran all;
  BatchSize size(64);
  for (std::uint64_t done = 0; done < paths;) {
    const std::uint64_t count = std::min(size.next(), paths - done);
    const double seconds = (of_batch + of_path * double(count)) * (done == 0 ? first : 1.0);
    size.took(count, seconds);
    done += count;
    all.seconds += seconds;
    all.longest = std::max(all.longest, seconds);
    if (++all.batches > 10'000) break;
  }
  return all;
}

TEST(BatchSize, OfCheapBatchesIsHalfASecond) {
  for (const double first : {1.0, 3.0}) {
    for (const double of_path : {1e-7, 1e-5, 1e-3, 0.1, 1.0}) {
      const double paths = std::min(60.0 / of_path, 1e8);
      const Ran all = ran(1e-4, of_path, std::uint64_t(std::max(paths, 200.0)), first);
      EXPECT_LT(all.seconds, 1.1 * of_path * std::max(paths, 200.0) + 64 * first * of_path) << of_path;
      EXPECT_LT(all.longest, std::max(2.0, 65 * first * of_path)) << of_path;
    }
  }
}

/// A book of 60 collaterals at nine ages is among these. Batches that shrink because they take long would do so for
/// ever, and those that are made to last half a second would stay small for ever.
TEST(BatchSize, GrowsWhereABatchCostsMoreThanItsPaths) {
  for (const double first : {1.0, 1.5, 2.0, 3.0, 5.0}) {
    for (const double of_batch : {0.2, 0.3, 0.45, 0.5, 0.6, 0.78, 1.0, 5.0}) {
      const Ran all = ran(of_batch, 1e-6, 20'000'000, first);
      EXPECT_LT(all.batches, 60) << of_batch << " " << first;
      EXPECT_LT(all.longest, 20.0 + first * of_batch) << of_batch << " " << first;
    }
  }
}

}  // namespace
}  // namespace proofload
