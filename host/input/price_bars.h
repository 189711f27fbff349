/// price_bars.h -- how far apart the rows of a price file are, and how far from its bar a row may lie.
#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

namespace proofload {

template <typename T>
T most_common(const std::map<T, std::size_t>& counts) {
  return std::max_element(counts.begin(), counts.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

/// How far from its bar a row may lie: candles come a few seconds late, and days begin an hour earlier in summer.
std::int64_t tolerance_of(std::int64_t bar);

/// The step that most rows are apart; where prices were asked for, each a few seconds late, the usual bar that most
/// steps are next to. Of two times or more, in order.
std::int64_t bar_of(const std::vector<std::int64_t>& time);

}  // namespace proofload
