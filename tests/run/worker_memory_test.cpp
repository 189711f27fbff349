// What a worker counted is added, to the last counter, and is gone.
#include "run/worker_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
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

/// By shares that cut histograms, as threads take them.
TEST(WorkerMemory, IsDrainedInAnyShares) {
  for (const std::uint32_t layers : {0u, 1u}) {
    const TallyLayout layout{2, 1, 1, layers, 1, 1, 1, 1, 1};
    for (const std::size_t shares : {1u, 2u, 3u, 7u}) {
      WorkerMemory memory(layout);
      const std::size_t n = layout.counters();
      std::vector<std::uint64_t> to(n, 5), expected(n, 5);
      memory.paths = 3;
      for (const Section& s : sections) {
        if (s.kind == Kind::sum || (layers == 0 && s.kind == Kind::loss_of_some)) continue;
        const auto bins = static_cast<std::size_t>(bins_of(s.kind));
        for (std::size_t row = 0; row < layout.rows(s); ++row) {
          for (const std::size_t bin : {std::size_t{0}, bins / 2, bins - 1}) {  // three paths in each histogram
            const std::size_t at = layout.begin(s) + row * bins + bin;
            ++memory.counts.data[at];
            ++expected[at];
          }
        }
      }
      const std::size_t share = n / shares + 1;
      for (std::size_t t = 0; t < shares; ++t)
        drain(memory, layout, std::min(n, t * share), std::min(n, (t + 1) * share), to);
      EXPECT_EQ(to, expected) << shares;
      EXPECT_EQ(std::count(memory.counts.data, memory.counts.data + n, 0u), std::ptrdiff_t(n)) << shares;
    }
  }
}

}  // namespace
}  // namespace proofload
