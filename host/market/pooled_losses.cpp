#include "market/pooled_losses.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/quantity.h"
#include "input/times.h"
#include "market/memories.h"

namespace proofload {
namespace {

constexpr double tilt = 0.3;  // falls count 1.3 times, rises 0.7 times
constexpr std::size_t ages_of_loss = 8;

/// Bars from when a haircut is set to a loss: whole horizons, evenly spread over the time in force.
std::vector<std::size_t> ages_of(std::size_t in_force, double mean) {
  const auto horizon = static_cast<std::size_t>(std::max(1.0, std::round(mean)));
  const std::size_t many = in_force / horizon, n = std::min(ages_of_loss, many);
  std::vector<std::size_t> ages;
  for (std::size_t i = 0; i < n; ++i) ages.push_back(horizon * ((2 * i + 1) * many / (2 * n)));
  if (ages.empty()) ages.push_back(0);
  return ages;
}

/// A loss over its deviation, and the row at which it is known.
struct Loss {
  double value = 0.0;
  std::size_t known = 0;
};

/// Which of the ranks 0 (the largest) to n - 1 are in a growing sample, and the k-th of them (Fenwick 1994).
class Ranks {
 public:
  explicit Ranks(std::size_t n) : there_(n, 0), count_(n + 1, 0) {
    while (top_ * 2 <= n) top_ *= 2;
  }
  void add(std::size_t rank) {
    there_[rank] = 1;
    for (std::size_t i = rank + 1; i < count_.size(); i += i & (~i + 1)) ++count_[i];
  }
  bool has(std::size_t rank) const { return there_[rank] != 0; }
  /// The rank before which k others are there.
  std::size_t at(std::size_t k) const {
    std::size_t rank = 0;
    for (std::size_t step = top_; step > 0; step /= 2) {
      const std::size_t next = rank + step;
      if (next >= count_.size() || count_[next] > k) continue;
      rank = next;
      k -= count_[next];
    }
    return rank;
  }

 private:
  std::vector<char> there_;
  std::vector<std::size_t> count_;
  std::size_t top_ = 1;
};

}  // namespace

PooledLosses::PooledLosses(const PriceHistory& prices, PoolSettings s) : start_(prices.start), bar_(prices.bar) {
  const std::size_t rows = prices.rows();
  const double mean = s.horizon.mean(), day = double(seconds_per_day) / static_cast<double>(prices.bar);
  const auto memories = long_memories(mean * std::pow(1.0 + static_cast<double>(s.in_force) / mean, 0.25), day);
  const auto ages = ages_of(s.in_force, mean);
  std::vector<Loss> sample;
  for (std::size_t a = 0; a < prices.assets.size(); ++a) {
    const auto& price = prices.price[a];
    const auto first = static_cast<std::size_t>(
        std::find_if(price.begin(), price.end(), [](double p) { return std::isfinite(p); }) - price.begin());
    std::vector<double> returns, deviation(rows, 0.0);  // of the bar that begins at a row; known at a row
    Averages scale(memories, tilt);
    for (std::size_t i = 1; i < rows; ++i) {
      returns.push_back(prices.log_return(a, i));
      scale.add(returns.back());
      deviation[i] = scale.deviation() * std::sqrt(mean);
    }
    const auto losses = losses_over(returns, s.horizon);
    for (const std::size_t age : ages)
      for (std::size_t i = first + s.burn_in + age; i < losses.size(); ++i)
        if (std::isfinite(losses[i]) && deviation[i - age] > 0.0)
          sample.push_back(
              {losses[i] / deviation[i - age], i + static_cast<std::size_t>(s.horizon.at(Horizon::spread(i)))});
    deviation_.push_back(std::move(deviation));
  }
  // Where a value stands among all is known beforehand; which of them are in the sample, row by row.
  std::stable_sort(sample.begin(), sample.end(), [](const Loss& a, const Loss& b) { return a.value > b.value; });
  std::vector<std::size_t> order(sample.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return sample[a].known < sample[b].known; });
  Ranks ranks(sample.size());
  std::size_t n = 0;
  const auto forecast = [&] {
    TailForecast tail;
    if (n == 0) return tail;
    tail.stdev = 1.0;
    for (const double c : s.confidence) {
      const double last = static_cast<double>(n) - 1.0;
      const double place = std::clamp((1.0 - c) * double(n) - c * mean * double(ages.size()), 0.0, last);
      const auto k = static_cast<std::size_t>(place);
      const std::size_t larger = ranks.at(k), smaller = ranks.at(std::min(k + 1, n - 1));
      const double part = place - static_cast<double>(k);
      const double q = sample[larger].value * (1.0 - part) + sample[smaller].value * part;
      double beyond = 0.0;  // added from the largest on, so that its bits hang on nothing that comes later
      for (std::size_t rank = 0; rank < larger; ++rank) beyond += ranks.has(rank) ? sample[rank].value : 0.0;
      tail.quantile.push_back(q);
      tail.shortfall.push_back(k > 0 ? beyond / static_cast<double>(k) : q);
    }
    return tail;
  };
  tails_.emplace_back();
  epoch_.resize(rows, 0);
  for (std::size_t row = 0; row < rows; ++row) {
    for (; n < order.size() && sample[order[n]].known <= row; ++n) ranks.add(order[n]);
    const std::int64_t time = prices.time(row);
    const bool due = floor_divided(time, s.refit) != floor_divided(time - prices.bar, s.refit);
    if (n > 0 && (due || tails_.size() == 1)) tails_.push_back(forecast());
    epoch_[row] = tails_.size() - 1;
  }
}

}  // namespace proofload
