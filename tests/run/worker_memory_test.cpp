// What a worker counted is added, to the last counter, and is gone.
#include "run/worker_memory.h"

#include <gtest/gtest.h>

#include <vector>

namespace proofload {
namespace {

TEST(WorkerMemory, IsDrainedOfEveryCounter) {
  for (const std::size_t n : {0u, 1u, 63u, 64u, 65u, 128u, 163u}) {
    for (std::size_t hit = 0; hit < n; ++hit) {  // one alone, in any place of a line
      std::vector<std::uint32_t> from(n + 1, 0);
      std::vector<std::uint64_t> to(n, 5), expected(n, 5);
      from[hit] = 0xffffffffu;
      from[n] = 7;  // not ours
      expected[hit] += 0xffffffffu;
      drain(from.data(), to.data(), n, hit % 2 == 0 ? from[hit] : ~std::uint64_t{0});
      EXPECT_EQ(to, expected) << n << " " << hit;
      EXPECT_EQ(from[n], 7u);
      from.pop_back();
      EXPECT_EQ(from, std::vector<std::uint32_t>(n, 0)) << n << " " << hit;
    }
  }
}

}  // namespace
}  // namespace proofload
