// The layout of a tally follows from the table of its sections.
#include "kernels/tally.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "run/backend.h"

namespace proofload {
namespace {

constexpr std::size_t fields = sizeof(TallyLayout) / sizeof(std::uint32_t);
using Fields = std::array<std::uint32_t, fields>;

std::vector<TallyLayout> layouts() {
  std::vector<TallyLayout> all = {{}, {64, 64, 32, 24, 1, 1, 1, 1, 64}};
  for (std::uint32_t flags = 0; flags < 16; ++flags)
    all.push_back({3, 5, 4, flags % 3, flags & 1, flags >> 1 & 1, flags >> 2 & 1, flags >> 3, flags % 4});
  return all;
}

TEST(TallyLayout, SectionsLieOneAfterTheOther) {
  for (const TallyLayout& l : layouts()) {
    std::size_t counters = 0, sums = 0;
    for (const Section& s : sections) {
      std::size_t& end = s.kind == Kind::sum ? sums : counters;
      EXPECT_EQ(l.begin(s), end) << s.name;
      end += l.size(s);
    }
    EXPECT_EQ(l.counters(), counters);
    EXPECT_EQ(l.sums(), sums);
  }
}

/// What is unrolled for a GPU says what the table says.
TEST(TallyLayout, NamedSectionsLieWhereTheTableSays) {
  for (const TallyLayout& l : layouts()) {
    int buffered = 0;
    [&]<int... n>(std::integer_sequence<int, n...>) {
      const auto check = [&]<Counted what>() {
        const Section& s = section(what);
        EXPECT_EQ(l.at<what>(), l.begin(s)) << s.name;
        EXPECT_EQ(l.at<what>(2), l.begin(s) + 2 * std::size_t(bins_of(s.kind))) << s.name;
        EXPECT_EQ(l.rows<what>(), l.rows(s)) << s.name;
        if constexpr (is_buffered(sections[int(what)].kind)) {
          EXPECT_EQ(l.order<what>(), buffered) << s.name;
          buffered += int(l.rows(s));
        }
      };
      (check.template operator()<Counted(n)>(), ...);
    }
    (std::make_integer_sequence<int, section_count>());
    EXPECT_EQ(l.histograms(), buffered);
  }
}

TEST(TallyLayout, EveryPairHasACounterOfItsOwn) {
  const TallyLayout l{3, 5, 4, 3, 1, 1, 1, 1, 2};
  std::set<std::size_t> seen;
  int pairs = 0;
  for (int i = 0; i < 5; ++i)
    for (int j = i; j < 5; ++j, ++pairs) seen.insert(l.under(i, j));
  for (int i = 0; i < 3; ++i)
    for (int j = i; j < 3; ++j, ++pairs) seen.insert(l.failed(i, j));
  EXPECT_EQ(seen.size(), std::size_t(pairs));
  EXPECT_EQ(l.under(4, 4) + 1, l.failed(0, 0));
  EXPECT_EQ(l.failed(2, 2) + 1, l.hit(0));
  const TallyLayout alone{3, 5, 4, 3, 1, 1, 1, 0, 2};
  EXPECT_EQ(alone.under(4, 4), alone.under(0, 0) + 4);
  EXPECT_EQ(alone.under(4, 4) + 1, alone.failed(0, 0));
}

TEST(TallyLayout, DatasetsHaveNamesOfTheirOwn) {
  for (const TallyLayout& l : layouts()) {
    std::set<std::string> names;
    for (const Section& s : sections) {
      if (l.size(s) == 0) continue;
      EXPECT_TRUE(names.insert(s.name).second) << s.name;
    }
  }
}

/// Whichever field it is that differs: pairs that one has counted and the other has not are the trap.
TEST(Tally, OfAnotherLayoutIsNotAdded) {
  const TallyLayout layout{3, 5, 4, 2, 1, 1, 1, 1, 2};
  Tally total(layout);
  for (std::size_t i = 0; i < fields; ++i) {
    for (const std::uint32_t change : {1u, ~0u}) {  // one more, one less
      Fields other = std::bit_cast<Fields>(layout);
      other[i] += change;
      const Tally part(std::bit_cast<TallyLayout>(other));
      EXPECT_THROW(total += part, std::logic_error) << "field " << i;
      EXPECT_FALSE(total == part) << "field " << i;
    }
  }
  EXPECT_EQ(total.paths, 0u);
  total += Tally(layout);
}

}  // namespace
}  // namespace proofload
